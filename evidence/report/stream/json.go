package stream

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"strconv"
)

// JSON reads values of a JSON text in constant memory. It validates and skips unneeded values and keeps only the
// first maxText bytes of a string. encoding/json keeps whole tokens in memory, which a log line of 200 MB would
// exploit.
//
// Keys are compared exactly, and every occurrence of a key is passed on, so that a second, empty list cannot hide the
// first.
type JSON struct {
	br    *bufio.Reader
	Line  int // of the next byte, from 1
	depth int
	text  []byte
}

const (
	MaxText   = 4 << 10 // of a string
	MaxDepth  = 200     // of nested values
	maxNumber = 64      // digits of a number
)

// NewJSON reads one JSON document. The caller reads its values in order.
func NewJSON(br *bufio.Reader) *JSON { return &JSON{br: br, Line: 1} }

// Invalid returns an ErrInvalid with the line.
func (j *JSON) Invalid(format string, args ...any) error {
	return fmt.Errorf("%w: line %d: %s", ErrInvalid, j.Line, fmt.Sprintf(format, args...))
}

// Cut converts the end of the stream to ErrTruncated and returns other errors unchanged.
func (j *JSON) Cut(err error) error {
	if err == io.EOF {
		return fmt.Errorf("%w: line %d", ErrTruncated, j.Line)
	}
	return err
}

// Next skips white space and returns the first byte of the next token without consuming it; io.EOF at the end.
func (j *JSON) Next() (byte, error) {
	for {
		c, err := j.br.ReadByte()
		if err != nil {
			return 0, err
		}
		switch c {
		case '\n':
			j.Line++
		case ' ', '\t', '\r':
		default:
			return c, j.br.UnreadByte()
		}
	}
}

func (j *JSON) take(want byte) (bool, error) {
	c, err := j.Next()
	if err != nil {
		return false, j.Cut(err)
	}
	if c == want {
		_, err = j.br.Discard(1)
	}
	return c == want, err
}

// Object calls each for every member. each must consume the value. null is an object without members.
func (j *JSON) Object(each func(key string) error) error {
	return j.nested('{', '}', "an object", func() error {
		key, err := j.quoted()
		if err != nil {
			return err
		}
		k := string(key)
		if ok, err := j.take(':'); err != nil {
			return err
		} else if !ok {
			return j.Invalid("key without a colon")
		}
		return each(k)
	})
}

// Array calls each for every element. each must consume it. null is an array without elements.
func (j *JSON) Array(each func() error) error {
	return j.nested('[', ']', "a list", each)
}

func (j *JSON) nested(open, end byte, what string, each func() error) error {
	c, err := j.Next()
	if err != nil {
		return j.Cut(err)
	}
	if c != open {
		if c == 'n' {
			return j.word("null")
		}
		return j.Invalid("expected %s", what)
	}
	_, _ = j.br.Discard(1)
	j.depth++
	defer func() { j.depth-- }()
	if j.depth > MaxDepth {
		return j.Invalid("nested deeper than %d levels", MaxDepth)
	}
	if ok, err := j.take(end); ok || err != nil {
		return err
	}
	for {
		if err := each(); err != nil {
			return err
		}
		c, err := j.Next()
		if err != nil {
			return j.Cut(err)
		}
		_, _ = j.br.Discard(1)
		switch c {
		case ',':
		case end:
			return nil
		default:
			return j.Invalid("missing comma between two values")
		}
	}
}

// Skip validates and skips the next value.
func (j *JSON) Skip() error {
	c, err := j.Next()
	if err != nil {
		return j.Cut(err)
	}
	switch c {
	case '{':
		return j.Object(func(string) error { return j.Skip() })
	case '[':
		return j.Array(j.Skip)
	}
	_, err = j.Scalar()
	return err
}

// String reads a string into *into; null leaves it unchanged.
func (j *JSON) String(into *string) error {
	c, err := j.Next()
	if err != nil {
		return j.Cut(err)
	}
	if c == 'n' {
		return j.word("null")
	}
	if c != '"' {
		return j.Invalid("expected a string")
	}
	b, err := j.quoted()
	if err == nil {
		*into = string(b)
	}
	return err
}

// Number reads a finite number into *into and reports whether there was one; null leaves it unchanged.
func (j *JSON) Number(into *float64) (bool, error) {
	c, err := j.Next()
	if err != nil {
		return false, j.Cut(err)
	}
	if c == 'n' {
		return false, j.word("null")
	}
	if c != '-' && (c < '0' || c > '9') {
		return false, j.Invalid("expected a number")
	}
	b, err := j.digits()
	if err != nil {
		return false, err
	}
	f, err := strconv.ParseFloat(string(b), 64)
	if err != nil || math.IsInf(f, 0) {
		return false, j.Invalid("number out of range")
	}
	*into = f
	return true, nil
}

// Integer reads a whole number into *into; null leaves it unchanged.
func (j *JSON) Integer(into *int64) error {
	var f float64
	ok, err := j.Number(&f)
	if err != nil || !ok {
		return err
	}
	if f != math.Trunc(f) || math.Abs(f) > 1<<53 {
		return j.Invalid("expected a whole number")
	}
	*into = int64(f)
	return nil
}

// Bool reads true or false into *into; null leaves it unchanged.
func (j *JSON) Bool(into *bool) error {
	s, err := j.Scalar()
	if err != nil {
		return err
	}
	switch s {
	case "true", "false":
		*into = s == "true"
	case "null":
	default:
		return j.Invalid("expected true or false")
	}
	return nil
}

// Scalar returns the text of a string, number, true, false or null. It does not distinguish "null" and null.
func (j *JSON) Scalar() (string, error) {
	c, err := j.Next()
	if err != nil {
		return "", j.Cut(err)
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
		return "", j.Invalid("expected a value")
	}
	return string(b), err
}

// End checks that only white space follows.
func (j *JSON) End() error {
	_, err := j.Next()
	if err == io.EOF {
		return nil
	}
	if err == nil {
		err = j.Invalid("data after the end")
	}
	return err
}
