package attest

// How files are written: the same values always give the same text, one key per line in a fixed order, without empty
// values and without anything that YAML parsers read differently. Text that is not clearly a word is quoted.

import (
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// page is a YAML document being written.
type page struct {
	b      strings.Builder
	indent int
	dash   bool // the next line begins a list entry
}

func (p *page) line(key, value string) {
	if p.dash {
		p.b.WriteString(strings.Repeat("  ", p.indent-1) + "- ")
		p.dash = false
	} else {
		p.b.WriteString(strings.Repeat("  ", p.indent))
	}
	p.b.WriteString(key + ":")
	if value != "" {
		p.b.WriteString(" " + value)
	}
	p.b.WriteByte('\n')
}

func (p *page) text(key, value string) {
	if value != "" {
		p.line(key, scalar(value))
	}
}

func (p *page) time(key string, t time.Time) {
	if !t.IsZero() {
		p.line(key, stamp(t))
	}
}

// flag writes a field that is true.
func (p *page) flag(key string, set bool) {
	if set {
		p.line(key, "true")
	}
}

func (p *page) number(key string, n int64) {
	if n != 0 {
		p.line(key, strconv.FormatInt(n, 10))
	}
}

// in writes the keys that write adds below key; nothing when there are none.
func (p *page) in(key string, write func(*page)) {
	inner := page{indent: p.indent + 1}
	write(&inner)
	if inner.b.Len() > 0 {
		p.line(key, "")
		p.b.WriteString(inner.b.String())
	}
}

func (p *page) texts(key string, values []string) {
	if len(values) == 0 {
		return
	}
	p.line(key, "")
	for _, v := range values {
		p.b.WriteString(strings.Repeat("  ", p.indent+1) + "- " + scalar(v) + "\n")
	}
}

// entries writes a list of n mappings.
func (p *page) entries(key string, n int, write func(p *page, i int)) {
	if n == 0 {
		return
	}
	p.line(key, "")
	p.indent += 2
	for i := range n {
		p.dash = true
		write(p, i)
	}
	p.indent, p.dash = p.indent-2, false
}

func (p *page) bytes() []byte { return []byte(p.b.String()) }

// scalar writes a text as a plain word if every parser reads it as one, else in double quotes.
func scalar(s string) string {
	if isWord(s) || isDigest(s) {
		return s
	}
	return strconv.Quote(s) // all its escapes are valid in YAML
}

// isWord reports whether s begins with a letter, contains no characters with a meaning in YAML, and is not a word that
// YAML 1.1 interprets.
func isWord(s string) bool {
	for i := range len(s) {
		c := s[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !letter && (i == 0 || !(c >= '0' && c <= '9' || strings.IndexByte("_-./@+", c) >= 0)) {
			return false
		}
	}
	switch strings.ToLower(s) {
	case "", "y", "n", "yes", "no", "on", "off", "true", "false", "null":
		return false
	}
	return true
}

// isDigest reports whether s is a SHA-256 in lower-case hexadecimal.
func isDigest(s string) bool { return len(s) == 64 && strings.Trim(s, "0123456789abcdef") == "" }

// plainText reports whether s can be displayed unchanged: no control or invisible characters that would move a
// terminal's cursor or change its writing direction. Line ends are allowed only if lines is true.
func plainText(s string, lines bool) bool {
	if !utf8.ValidString(s) {
		return false
	}
	for _, r := range s {
		if !shown(r) && !(lines && (r == '\n' || r == '\t')) {
			return false
		}
	}
	return true
}

func shown(r rune) bool { return unicode.IsPrint(r) || unicode.Is(unicode.Zs, r) }

// cleanLine converts a program's text to one line that plainText accepts.
func cleanLine(s string) string {
	s = strings.Map(func(r rune) rune {
		if shown(r) {
			return r
		}
		return ' '
	}, strings.ToValidUTF8(s, "?"))
	if len(s) > maxText {
		s = strings.ToValidUTF8(s[:maxText-len("…")], "") + "…"
	}
	return s
}
