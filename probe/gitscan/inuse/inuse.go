// Package inuse searches text for known secrets.
package inuse

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// Values are searched for as they are, in base64 and URL-encoded. Base64 may be wrapped into lines.

const (
	// prefixed is the number of bytes by which a position is looked up. No pattern is shorter.
	prefixed = 8
	// Masked replaces a value in a text for people.
	Masked = "<secret>"
)

// Search finds texts in one pass over the content.
type Search struct {
	begins   [1 << 16]bool // hashes of the first bytes
	patterns map[string][]string
	Digest   string // of the values, with the key of New
}

// New prepares a search for values of at least 12 bytes. The key is random and stays in the process, so that the digest
// says nothing about the values.
func New(key []byte, values []string) *Search {
	v := &Search{patterns: map[string][]string{}}
	mac := hmac.New(sha256.New, key)
	for _, value := range values {
		_, _ = fmt.Fprintf(mac, "%d %s", len(value), value)
		for _, form := range formsOf(value) {
			if known := v.patterns[form[:prefixed]]; !slices.Contains(known, form) {
				v.patterns[form[:prefixed]] = append(known, form)
				v.begins[beginOf(form)] = true
			}
		}
	}
	v.Digest = string(mac.Sum(nil))
	return v
}

func beginOf(text string) uint16 {
	n := uint32(text[0]) | uint32(text[1])<<8 | uint32(text[2])<<16 | uint32(text[3])<<24
	return uint16(n * 2654435761 >> 16) //nolint:gosec // a multiplicative hash
}

// formsOf returns the texts in which a value may be written. Base64 depends on the position of the value in what is
// encoded: characters that the neighbours decide are left out.
func formsOf(value string) []string {
	forms := []string{value}
	for _, escaped := range []string{url.QueryEscape(value), url.PathEscape(value)} {
		if escaped != value {
			forms = append(forms, escaped, lowerEscapes(escaped))
		}
	}
	for skip := range 3 {
		padded := make([]byte, skip+len(value))
		copy(padded[skip:], value)
		first, end := (skip*8+5)/6, len(padded)*8/6
		for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			forms = append(forms, encoding.EncodeToString(padded)[first:end])
		}
	}
	slices.Sort(forms)
	return slices.Compact(forms)
}

// lowerEscapes writes %2F as %2f.
func lowerEscapes(text string) string {
	b := []byte(text)
	for i := 0; i+2 < len(b); i++ {
		if b[i] == '%' {
			copy(b[i+1:i+3], strings.ToLower(text[i+1:i+3]))
		}
	}
	return string(b)
}

// each calls f with the position and length of every occurrence.
func (v *Search) each(text string, f func(at, length int)) {
	if v == nil || len(v.patterns) == 0 {
		return
	}
	for i := 0; i+prefixed <= len(text); i++ {
		if !v.begins[beginOf(text[i:i+4])] {
			continue
		}
		for _, pattern := range v.patterns[text[i:i+prefixed]] {
			if strings.HasPrefix(text[i:], pattern) {
				f(i, len(pattern))
				break
			}
		}
	}
}

// Lines calls each with the line, from 0, of every occurrence.
func (v *Search) Lines(text string, each func(line int)) {
	if v == nil || len(v.patterns) == 0 {
		return
	}
	line, counted := 0, 0
	v.each(text, func(at, _ int) {
		line += strings.Count(text[counted:at], "\n")
		counted = at
		each(line)
	})
	eachWrapped(text, func(first int, begins []int, joined string) {
		v.each(joined, func(at, length int) {
			if n, _ := slices.BinarySearch(begins, at+1); n < len(begins) && begins[n] < at+length { // else it was found above
				each(first + n - 1)
			}
		})
	})
}

// Mask replaces the values in a text.
func (v *Search) Mask(text string) string {
	var masked strings.Builder
	done := 0
	v.each(text, func(at, length int) {
		if at >= done {
			masked.WriteString(text[done:at] + Masked)
		}
		done = max(done, at+length)
	})
	return masked.String() + text[done:]
}

// minWrapped is the length from which a line may be the first of wrapped base64. Tools wrap at 64 or 76.
const minWrapped = 32

// eachWrapped calls f for every block of base64 of several lines: the number of its first line, where in the joined text
// each line begins, and the text without line breaks and indentation.
func eachWrapped(text string, f func(first int, begins []int, joined string)) {
	var joined strings.Builder
	var begins []int
	n, first := 0, 0 // the current line, and that of the block
	end := func() {
		if len(begins) > 1 {
			f(first, begins, joined.String())
		}
		joined.Reset()
		begins = begins[:0]
	}
	for line := range strings.Lines(text) {
		line = strings.Trim(line, " \t\r\n")
		length := 0 // of the base64 at the beginning
		if len(begins) > 0 {
			length = len(line) - len(strings.TrimLeft(line, alphabet))
		}
		if length > 0 {
			begins = append(begins, joined.Len())
			joined.WriteString(line[:length])
		}
		if length == 0 || length < len(line) {
			end()
			if rest := len(strings.TrimRight(line, alphabet)); len(line)-rest >= minWrapped {
				begins, first = append(begins, 0), n
				joined.WriteString(line[rest:])
			}
		}
		n++
	}
	end()
}

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_="
