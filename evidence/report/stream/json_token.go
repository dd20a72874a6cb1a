package stream

import (
	"unicode/utf16"
	"unicode/utf8"
)

// The tokens of JSON: words, numbers and strings by the grammar of RFC 8259.

func (j *JSON) word(w string) error {
	for i := range len(w) {
		c, err := j.br.ReadByte()
		if err != nil {
			return j.Cut(err)
		}
		if c != w[i] {
			return j.Invalid("unknown word")
		}
	}
	return nil
}

// digits reads a number by JSON's grammar: -?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)? A number at the end of the
// stream counts as truncated: a report ends with a container, and further digits may be missing.
func (j *JSON) digits() ([]byte, error) {
	j.text = j.text[:0]
	for {
		c, err := j.br.ReadByte()
		if err != nil {
			return nil, j.Cut(err)
		}
		if c != '-' && c != '+' && c != '.' && c != 'e' && c != 'E' && (c < '0' || c > '9') {
			_ = j.br.UnreadByte()
			break
		}
		if j.text = append(j.text, c); len(j.text) > maxNumber {
			return nil, j.Invalid("number longer than %d characters", maxNumber)
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
		return nil, j.Invalid("malformed number")
	}
	return j.text, nil
}

// quoted reads a string and returns its first maxText bytes, valid until the next call.
func (j *JSON) quoted() ([]byte, error) {
	if ok, err := j.take('"'); err != nil {
		return nil, err
	} else if !ok {
		return nil, j.Invalid("expected a string")
	}
	j.text = j.text[:0]
	for {
		// Copy everything up to the next special byte at once.
		if j.br.Buffered() == 0 {
			if _, err := j.br.Peek(1); err != nil {
				return nil, j.Cut(err)
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
		if special < 0x20 { // do not consume it: a line end lets callers find the next line
			_, _ = j.br.Discard(n)
			return nil, j.Invalid("control character in a string")
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

func (j *JSON) keep(b []byte) {
	if room := MaxText - len(j.text); len(b) > room {
		b = b[:room]
	}
	j.text = append(j.text, b...)
}

// escape reads the characters after a backslash.
func (j *JSON) escape() error {
	c, err := j.br.ReadByte()
	if err != nil {
		return j.Cut(err)
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
			// Read the other surrogate, if it follows. A single one is not a character.
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
		return j.Invalid("unknown escape in a string")
	}
	j.keep([]byte{c})
	return nil
}

func (j *JSON) hex4() (rune, error) {
	var r rune
	for range 4 {
		c, err := j.br.ReadByte()
		if err != nil {
			return 0, j.Cut(err)
		}
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, j.Invalid("unknown escape in a string")
		}
		r = r<<4 | rune(c)
	}
	return r, nil
}
