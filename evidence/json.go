package evidence

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"strconv"
)

// jsonReader pulls values out of a JSON text in memory that grows neither with the text nor with any string in it: what nobody asks for is checked
// and passed over, and of a string only the first maxText bytes are kept. encoding/json holds every token whole, which a 200 MB log line abuses.
//
// Keys are compared exactly, and each occurrence of a key is handed on, so that a second, empty list cannot hide the first.
type jsonReader struct {
	br    *bufio.Reader
	line  int // of the next byte, from 1
	depth int
	text  []byte
}

const (
	maxText   = 4 << 10 // of a string
	maxDepth  = 200     // of nested values
	maxNumber = 64      // digits of a number
)

func newJSON(br *bufio.Reader) *jsonReader { return &jsonReader{br: br, line: 1} }

func (j *jsonReader) invalid(format string, args ...any) error {
	return fmt.Errorf("%w: line %d: %s", errInvalid, j.line, fmt.Sprintf(format, args...))
}

// cut turns the end of the stream into errCut; other errors stay.
func (j *jsonReader) cut(err error) error {
	if err == io.EOF {
		return fmt.Errorf("%w: line %d", errCut, j.line)
	}
	return err
}

// next passes over space and returns the first byte of the next token without consuming it; io.EOF at the end.
func (j *jsonReader) next() (byte, error) {
	for {
		c, err := j.br.ReadByte()
		if err != nil {
			return 0, err
		}
		switch c {
		case '\n':
			j.line++
		case ' ', '\t', '\r':
		default:
			return c, j.br.UnreadByte()
		}
	}
}

func (j *jsonReader) take(want byte) (bool, error) {
	c, err := j.next()
	if err != nil {
		return false, j.cut(err)
	}
	if c == want {
		_, err = j.br.Discard(1)
	}
	return c == want, err
}

// object calls each for every member; each must consume the value. null is an object without members.
func (j *jsonReader) object(each func(key string) error) error {
	return j.nested('{', '}', "an object", func() error {
		key, err := j.quoted()
		if err != nil {
			return err
		}
		k := string(key)
		if ok, err := j.take(':'); err != nil {
			return err
		} else if !ok {
			return j.invalid("no colon after a key")
		}
		return each(k)
	})
}

// array calls each for every element; each must consume it. null is an array without elements.
func (j *jsonReader) array(each func() error) error {
	return j.nested('[', ']', "a list", each)
}

func (j *jsonReader) nested(open, end byte, what string, each func() error) error {
	c, err := j.next()
	if err != nil {
		return j.cut(err)
	}
	if c != open {
		if c == 'n' {
			return j.word("null")
		}
		return j.invalid("%s is missing where one belongs", what)
	}
	_, _ = j.br.Discard(1)
	j.depth++
	defer func() { j.depth-- }()
	if j.depth > maxDepth {
		return j.invalid("nested deeper than %d", maxDepth)
	}
	if ok, err := j.take(end); ok || err != nil {
		return err
	}
	for {
		if err := each(); err != nil {
			return err
		}
		c, err := j.next()
		if err != nil {
			return j.cut(err)
		}
		_, _ = j.br.Discard(1)
		switch c {
		case ',':
		case end:
			return nil
		default:
			return j.invalid("no comma between two values")
		}
	}
}

// skip checks the next value and passes over it.
func (j *jsonReader) skip() error {
	c, err := j.next()
	if err != nil {
		return j.cut(err)
	}
	switch c {
	case '{':
		return j.object(func(string) error { return j.skip() })
	case '[':
		return j.array(j.skip)
	}
	_, err = j.scalar()
	return err
}

// str reads a string into *into; null leaves it.
func (j *jsonReader) str(into *string) error {
	c, err := j.next()
	if err != nil {
		return j.cut(err)
	}
	if c == 'n' {
		return j.word("null")
	}
	if c != '"' {
		return j.invalid("a string is missing where one belongs")
	}
	b, err := j.quoted()
	if err == nil {
		*into = string(b)
	}
	return err
}

// number reads a finite number into *into and reports whether there was one: null leaves it.
func (j *jsonReader) number(into *float64) (bool, error) {
	c, err := j.next()
	if err != nil {
		return false, j.cut(err)
	}
	if c == 'n' {
		return false, j.word("null")
	}
	if c != '-' && (c < '0' || c > '9') {
		return false, j.invalid("a number is missing where one belongs")
	}
	b, err := j.digits()
	if err != nil {
		return false, err
	}
	f, err := strconv.ParseFloat(string(b), 64)
	if err != nil || math.IsInf(f, 0) {
		return false, j.invalid("a number out of range")
	}
	*into = f
	return true, nil
}

// whole reads a whole number into *into; null leaves it.
func (j *jsonReader) whole(into *int64) error {
	var f float64
	ok, err := j.number(&f)
	if err != nil || !ok {
		return err
	}
	if f != math.Trunc(f) || math.Abs(f) > 1<<53 {
		return j.invalid("a whole number is missing where one belongs")
	}
	*into = int64(f)
	return nil
}

// boolean reads true or false into *into; null leaves it.
func (j *jsonReader) boolean(into *bool) error {
	s, err := j.scalar()
	if err != nil {
		return err
	}
	switch s {
	case "true", "false":
		*into = s == "true"
	case "null":
	default:
		return j.invalid("true or false is missing where one belongs")
	}
	return nil
}

// scalar returns the text of a string, number, true, false or null. For callers to whom "null" and null are the same.
func (j *jsonReader) scalar() (string, error) {
	c, err := j.next()
	if err != nil {
		return "", j.cut(err)
	}
	var b []byte
	switch {
	case c == '"':
		b, err = j.quoted()
	case c == 't':
		return "true", j.word("true")
	case c == 'f':
		return "false", j.word("false")
	case c == 'n':
		return "null", j.word("null")
	case c == '-' || c >= '0' && c <= '9':
		b, err = j.digits()
	default:
		return "", j.invalid("no value where one belongs")
	}
	return string(b), err
}

// end checks that nothing but space follows.
func (j *jsonReader) end() error {
	_, err := j.next()
	if err == io.EOF {
		return nil
	}
	if err == nil {
		err = j.invalid("something follows the end")
	}
	return err
}
