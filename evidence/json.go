package evidence

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
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
	if j.depth++; j.depth > maxDepth {
		return j.invalid("nested deeper than %d", maxDepth)
	}
	defer func() { j.depth-- }()
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

func (j *jsonReader) word(w string) error {
	for i := range len(w) {
		c, err := j.br.ReadByte()
		if err != nil {
			return j.cut(err)
		}
		if c != w[i] {
			return j.invalid("an unknown word")
		}
	}
	return nil
}

// digits reads a number by JSON's grammar: -?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?
// One that ends with the stream is cut: nothing but a container may be the end of a report, and the last digit is never known to be the last.
func (j *jsonReader) digits() ([]byte, error) {
	j.text = j.text[:0]
	for {
		c, err := j.br.ReadByte()
		if err != nil {
			return nil, j.cut(err)
		}
		if c != '-' && c != '+' && c != '.' && c != 'e' && c != 'E' && (c < '0' || c > '9') {
			_ = j.br.UnreadByte()
			break
		}
		if j.text = append(j.text, c); len(j.text) > maxNumber {
			return nil, j.invalid("a number longer than %d characters", maxNumber)
		}
	}
	b := j.text
	run := func() int {
		n := 0
		for n < len(b) && b[n] >= '0' && b[n] <= '9' {
			n++
		}
		b = b[n:]
		return n
	}
	if len(b) > 0 && b[0] == '-' {
		b = b[1:]
	}
	zero := len(b) > 0 && b[0] == '0'
	n := run()
	ok := n == 1 || n > 1 && !zero
	if ok && len(b) > 0 && b[0] == '.' {
		b = b[1:]
		ok = run() > 0
	}
	if ok && len(b) > 0 && (b[0] == 'e' || b[0] == 'E') {
		if b = b[1:]; len(b) > 0 && (b[0] == '+' || b[0] == '-') {
			b = b[1:]
		}
		ok = run() > 0
	}
	if !ok || len(b) > 0 {
		return nil, j.invalid("a malformed number")
	}
	return j.text, nil
}

// quoted reads a string, of which it returns the first maxText bytes, valid until the next call.
func (j *jsonReader) quoted() ([]byte, error) {
	if ok, err := j.take('"'); err != nil {
		return nil, err
	} else if !ok {
		return nil, j.invalid("a string is missing where one belongs")
	}
	j.text = j.text[:0]
	for {
		// The plain run up to the next special byte goes over in one piece.
		if j.br.Buffered() == 0 {
			if _, err := j.br.Peek(1); err != nil {
				return nil, j.cut(err)
			}
		}
		b, _ := j.br.Peek(j.br.Buffered())
		n := 0
		for n < len(b) && b[n] != '"' && b[n] != '\\' && b[n] >= 0x20 {
			n++
		}
		j.keep(b[:n])
		if n == len(b) {
			_, _ = j.br.Discard(n)
			continue
		}
		special := b[n]
		if special < 0x20 { // perhaps a line end, by which callers find the next line: it stays
			_, _ = j.br.Discard(n)
			return nil, j.invalid("a control character in a string")
		}
		_, _ = j.br.Discard(n + 1)
		if special == '"' {
			return j.text, nil
		}
		if err := j.escape(); err != nil {
			return nil, err
		}
	}
}

func (j *jsonReader) keep(b []byte) {
	if room := maxText - len(j.text); len(b) > room {
		b = b[:room]
	}
	j.text = append(j.text, b...)
}

// escape reads what follows a backslash.
func (j *jsonReader) escape() error {
	c, err := j.br.ReadByte()
	if err != nil {
		return j.cut(err)
	}
	switch c {
	case '"', '\\', '/':
	case 'b':
		c = '\b'
	case 'f':
		c = '\f'
	case 'n':
		c = '\n'
	case 'r':
		c = '\r'
	case 't':
		c = '\t'
	case 'u':
		r, err := j.hex4()
		if err != nil {
			return err
		}
		if utf16.IsSurrogate(r) {
			// The other half, if it follows; alone it is no character.
			if b, _ := j.br.Peek(2); string(b) == `\u` {
				_, _ = j.br.Discard(2)
				low, err := j.hex4()
				if err != nil {
					return err
				}
				r = utf16.DecodeRune(r, low)
			} else {
				r = utf8.RuneError
			}
		}
		j.keep(utf8.AppendRune(nil, r))
		return nil
	default:
		return j.invalid("an unknown escape in a string")
	}
	j.keep([]byte{c})
	return nil
}

func (j *jsonReader) hex4() (rune, error) {
	var r rune
	for range 4 {
		c, err := j.br.ReadByte()
		if err != nil {
			return 0, j.cut(err)
		}
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, j.invalid("an unknown escape in a string")
		}
		r = r<<4 | rune(c)
	}
	return r, nil
}
