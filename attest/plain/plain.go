// Package plain tells text that can be written and displayed unchanged from text that cannot.
package plain

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Scalar writes a text as a plain word if every parser reads it as one, else in double quotes.
func Scalar(s string) string {
	if isWord(s) || IsDigest(s) {
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

// IsDigest reports whether s is a SHA-256 in lower-case hexadecimal.
func IsDigest(s string) bool { return len(s) == 64 && strings.Trim(s, "0123456789abcdef") == "" }

// Printable reports whether s can be displayed unchanged: no control or invisible characters that would move a
// terminal's cursor or change its writing direction. Line ends are allowed only if lines is true.
func Printable(s string, lines bool) bool {
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

// Line converts a program's text to one line of at most so many bytes that Printable accepts.
func Line(s string, most int) string {
	s = strings.Map(func(r rune) rune {
		if shown(r) {
			return r
		}
		return ' '
	}, strings.ToValidUTF8(s, "?"))
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most-len("…")], "") + "…"
	}
	return s
}
