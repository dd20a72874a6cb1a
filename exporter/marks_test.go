package exporter

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
)

// Marks are secrets made when the test runs, planted wherever a deployment keeps secrets, and looked for in everything that leaves the program:
// as they are, in part, and as an encoding would carry them. A mark is letters and digits alone, so that it can stand anywhere unquoted.

// marks are the planted secrets by the place they were planted in.
type marks struct {
	mu sync.Mutex
	by map[string]string
}

// plant makes a mark for a place.
func (m *marks) plant(place string) string {
	return m.planted(place, rand.Text())
}

// planted takes a text that is secret by itself, such as a line of a key.
func (m *marks) planted(place, text string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.by == nil {
		m.by = map[string]string{}
	}
	m.by[place] = text
	return text
}

// keyLength is what needles are found by; none is shorter.
const keyLength = 10

// needle is one form of one mark.
type needle struct{ text, place, form string }

// needles are all forms of all marks by their first bytes.
func (m *marks) needles() map[string][]needle {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := map[string][]needle{}
	add := func(place, form, text string) {
		all[text[:keyLength]] = append(all[text[:keyLength]], needle{text, place, form})
	}
	for place, mark := range m.by {
		for _, form := range encodings(mark) {
			add(place, form.name, form.text)
		}
	}
	return all
}

type encoding struct{ name, text string }

// encodings are the forms of a mark that a search must find. Of long ones a part is enough: who cuts a secret has shown it still.
func encodings(mark string) []encoding {
	var all []encoding
	add := func(name, text string) { all = append(all, encoding{name, text}) }
	ends := func(name, text string, n int) {
		add(name+", its beginning", text[:n])
		add(name+", its end", text[len(text)-n:])
	}
	for _, text := range []string{mark, strings.ToLower(mark)} { // host names are folded
		ends("plain", text, keyLength)
		ends("hexadecimal", hex.EncodeToString([]byte(text)), 2*keyLength)
		ends("hexadecimal", strings.ToUpper(hex.EncodeToString([]byte(text))), 2*keyLength)
		var percent, Percent, escaped strings.Builder
		for _, c := range []byte(text) {
			fmt.Fprintf(&percent, "%%%02x", c)
			fmt.Fprintf(&Percent, "%%%02X", c)
			fmt.Fprintf(&escaped, `\u%04x`, c)
		}
		ends("URL-encoded", percent.String(), 3*keyLength)
		ends("URL-encoded", Percent.String(), 3*keyLength)
		ends("JSON-escaped", escaped.String(), 6*keyLength)
		// Base64 tells the same text in three ways, by where in the whole it stands; the characters at its ends hold bits of its neighbours. The
		// forms with and without padding differ only there.
		for offset := range 3 {
			whole := strings.Repeat("x", offset) + text
			for name, enc := range map[string]*base64.Encoding{"base64": base64.RawStdEncoding, "base64url": base64.RawURLEncoding} {
				inner := enc.EncodeToString([]byte(whole))
				inner = inner[(offset*8+5)/6 : len(inner)-1]
				ends(fmt.Sprintf("%s at %d", name, offset), inner, 14)
			}
		}
	}
	return all
}

// surfaces are all outputs of the program.
type surfaces struct {
	mu  sync.Mutex
	all map[string]string
}

func (s *surfaces) add(name, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all == nil {
		s.all = map[string]string{}
	}
	s.all[name] += text
}

// leaks tells what was found where, without telling the mark.
func (s *surfaces) leaks(m *marks) []string {
	needles := m.needles()
	found := map[string]bool{}
	for name, text := range s.all {
		for i := 0; i+keyLength <= len(text); i++ {
			for _, n := range needles[text[i:i+keyLength]] {
				if strings.HasPrefix(text[i:], n.text) {
					found[fmt.Sprintf("%s shows the secret of %s (%s) after %q", name, n.place, n.form, text[max(0, i-80):i])] = true
				}
			}
		}
	}
	var all []string
	for leak := range found {
		all = append(all, leak)
	}
	slices.Sort(all)
	return all
}

// TestSearchFindsMarks: a search that finds nothing must be able to find something.
func TestSearchFindsMarks(t *testing.T) {
	var m marks
	mark := m.plant("here")
	cut := mark[:12]
	for name, text := range map[string]string{
		"plain":             "password " + mark + " refused",
		"cut":               cut + "…",
		"folded":            "http://" + strings.ToLower(mark) + "/",
		"hexadecimal":       hex.EncodeToString([]byte("a" + mark)),
		"URL-encoded":       "?p=" + strings.ToUpper(fmt.Sprintf("%%%x", mark[0])) + percentAll(mark[1:]),
		"JSON-escaped":      escapeAll(mark),
		"base64, no offset": base64.StdEncoding.EncodeToString([]byte(mark)),
		"base64 at one":     base64.StdEncoding.EncodeToString([]byte("u" + mark)),
		"base64 at two":     base64.StdEncoding.EncodeToString([]byte("u:" + mark)),
		"base64 at three":   base64.URLEncoding.EncodeToString([]byte("u:x" + mark + "?")),
		"base64 in a user":  base64.RawURLEncoding.EncodeToString([]byte("exporter:" + mark + ">>>")),
	} {
		var s surfaces
		s.add(name, "before "+text+" after")
		leaks := s.leaks(&m)
		if len(leaks) == 0 {
			t.Errorf("%s is not found", name)
		}
		if strings.Contains(strings.Join(leaks, ""), mark) {
			t.Errorf("%s: the report of a leak leaks", name)
		}
	}
	var s surfaces
	s.add("innocent", strings.Repeat("nothing of the kind ", 1000)+rand.Text())
	if leaks := s.leaks(&m); len(leaks) > 0 {
		t.Errorf("found what is not there: %q", leaks)
	}
}

func percentAll(text string) (out string) {
	for _, c := range []byte(text) {
		out += fmt.Sprintf("%%%02X", c)
	}
	return out
}

func escapeAll(text string) (out string) {
	for _, c := range []byte(text) {
		out += fmt.Sprintf(`\u%04x`, c)
	}
	return out
}
