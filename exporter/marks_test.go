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

// Marks are random secrets. The tests plant them wherever a deployment keeps secrets and search all output for them:
// complete, in part, and encoded. A mark has only letters and digits, so that it needs no quotes anywhere.

// marks holds the planted secrets by place.
type marks struct {
	mu sync.Mutex
	by map[string]string
}

// plant creates a mark for a place.
func (m *marks) plant(place string) string {
	return m.planted(place, rand.Text())
}

// planted registers an existing secret, such as a line of a key, as a mark.
func (m *marks) planted(place, text string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.by == nil {
		m.by = map[string]string{}
	}
	m.by[place] = text
	return text
}

// keyLength is the length of the prefix that needles are indexed by; no needle is shorter.
const keyLength = 10

// needle is one encoding of a mark.
type needle struct{ text, place, form string }

// needles returns all encodings of all marks by prefix.
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

// encodings returns the encodings of a mark that a search must find. Of each, the beginning or the end is enough, because a
// truncated secret is still a leak.
func encodings(mark string) []encoding {
	var all []encoding
	add := func(name, text string) { all = append(all, encoding{name, text}) }
	ends := func(name, text string, n int) {
		add(name+", its beginning", text[:n])
		add(name+", its end", text[len(text)-n:])
	}
	for _, text := range []string{mark, strings.ToLower(mark)} { // host names become lower case
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
		// Base64 has three encodings of a text, depending on its offset. The characters at both ends contain bits of the
		// neighbours, and padding changes only those, so they are cut off.
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

// surfaces holds all outputs of the program by name.
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

// wraps removes what can split a secret in two: line ends and indentation, also escaped, and markup for line breaks.
var wraps = strings.NewReplacer(" ", "", "\n", "", "\r", "", "\t", "", `\n`, "", `\r`, "", `\t`, "", "│", "", "|", "", "<br>", "", "<wbr>", "", "&#10;", "", "&shy;", "", "\u00ad", "", "\u200b", "", `"+"`, "", "=\n", "")

// leaks returns the leaks without the leaked marks.
func (s *surfaces) leaks(m *marks) []string {
	needles := m.needles()
	found := map[string]bool{}
	for name, text := range s.all {
		for how, text := range map[string]string{"": text, ", split": wraps.Replace(text)} {
			for i := 0; i+keyLength <= len(text); i++ {
				for _, n := range needles[text[i:i+keyLength]] {
					if strings.HasPrefix(text[i:], n.text) {
						found[fmt.Sprintf("%s shows the secret of %s (%s%s) after %q", name, n.place, n.form, how, text[max(0, i-80):i])] = true
					}
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

// TestLeakSearch_FindsMarks checks the search itself.
func TestLeakSearch_FindsMarks(t *testing.T) {
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
		"wrapped":           mark[:5] + "\n                " + mark[5:9] + "\r\n\t" + mark[9:],
		"wrapped in JSON":   mark[:9] + `\n   ` + mark[9:],
		"wrapped in HTML":   mark[:6] + "<wbr>" + mark[6:8] + "\u200b" + mark[8:],
		"base64, wrapped":   base64.StdEncoding.EncodeToString([]byte("a user:" + mark))[:14] + "\n" + base64.StdEncoding.EncodeToString([]byte("a user:" + mark))[14:],
		"hexadecimal, cut":  strings.Join(strings.Split(hex.EncodeToString([]byte(mark)), "4"), "4\n "),
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
			t.Errorf("%s was not found", name)
		}
		if strings.Contains(strings.Join(leaks, ""), mark) {
			t.Errorf("%s: the report contains the mark", name)
		}
	}
	var s surfaces
	s.add("innocent", strings.Repeat("nothing of the kind ", 1000)+rand.Text())
	if leaks := s.leaks(&m); len(leaks) > 0 {
		t.Errorf("false positives: %q", leaks)
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
