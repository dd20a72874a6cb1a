package evidence

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"strconv"
)

// jsonReader reads values of a JSON text in constant memory. It validates and skips unneeded values and keeps only the
// first maxText bytes of a string. encoding/json keeps whole tokens in memory, which a log line of 200 MB would
// exploit.
//
// Keys are compared exactly, and every occurrence of a key is passed on, so that a second, empty list cannot hide the
// first.
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

// cut converts the end of the stream to errCut and returns other errors unchanged.
func (j *jsonReader) cut(err error) error {
	if err == io.EOF {
		return fmt.Errorf("%w: line %d", errCut, j.line)
	}
	return err
}

// next skips white space and returns the first byte of the next token without consuming it; io.EOF at the end.
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

// object calls each for every member. each must consume the value. null is an object without members.
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
			return j.invalid("key without a colon")
		}
		return each(k)
	})
}

// array calls each for every element. each must consume it. null is an array without elements.
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
		return j.invalid("expected %s", what)
	}
	_, _ = j.br.Discard(1)
	j.depth++
	defer func() { j.depth-- }()
	if j.depth > maxDepth {
		return j.invalid("nested deeper than %d levels", maxDepth)
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
			return j.invalid("missing comma between two values")
		}
	}
}

// skip validates and skips the next value.
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

// str reads a string into *into; null leaves it unchanged.
func (j *jsonReader) str(into *string) error {
	c, err := j.next()
	if err != nil {
		return j.cut(err)
	}
	if c == 'n' {
		return j.word("null")
	}
	if c != '"' {
		return j.invalid("expected a string")
	}
	b, err := j.quoted()
	if err == nil {
		*into = string(b)
	}
	return err
}

// number reads a finite number into *into and reports whether there was one; null leaves it unchanged.
func (j *jsonReader) number(into *float64) (bool, error) {
	c, err := j.next()
	if err != nil {
		return false, j.cut(err)
	}
	if c == 'n' {
		return false, j.word("null")
	}
	if c != '-' && (c < '0' || c > '9') {
		return false, j.invalid("expected a number")
	}
	b, err := j.digits()
	if err != nil {
		return false, err
	}
	f, err := strconv.ParseFloat(string(b), 64)
	if err != nil || math.IsInf(f, 0) {
		return false, j.invalid("number out of range")
	}
	*into = f
	return true, nil
}

// whole reads a whole number into *into; null leaves it unchanged.
func (j *jsonReader) whole(into *int64) error {
	var f float64
	ok, err := j.number(&f)
	if err != nil || !ok {
		return err
	}
	if f != math.Trunc(f) || math.Abs(f) > 1<<53 {
		return j.invalid("expected a whole number")
	}
	*into = int64(f)
	return nil
}

// boolean reads true or false into *into; null leaves it unchanged.
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
		return j.invalid("expected true or false")
	}
	return nil
}

// scalar returns the text of a string, number, true, false or null. It does not distinguish "null" and null.
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
		return "", j.invalid("expected a value")
	}
	return string(b), err
}

// end checks that only white space follows.
func (j *jsonReader) end() error {
	_, err := j.next()
	if err == io.EOF {
		return nil
	}
	if err == nil {
		err = j.invalid("data after the end")
	}
	return err
}
