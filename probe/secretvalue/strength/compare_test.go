package strength

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/ccojocar/zxcvbn-go"
	"github.com/ccojocar/zxcvbn-go/frequency"
)

// The classes of probe/secretvalue.
const (
	failBits   = 35
	strongBits = 64
)

func class(bits float64) int {
	switch {
	case bits < failBits:
		return 0
	case bits < strongBits:
		return 1
	}
	return 2
}

// samples are passwords as people and generators make them, the same ones in every run.
type samples struct{ *rand.Rand }

func (s samples) pick(from []string) string { return from[s.IntN(len(from))] }

func (s samples) chars(n int, from string) string {
	var b strings.Builder
	for range n {
		b.WriteByte(from[s.IntN(len(from))])
	}
	return b.String()
}

func (s samples) bytes(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(s.IntN(256))
	}
	return b
}

func (s samples) capital(word string) string {
	switch s.IntN(3) {
	case 0:
		return strings.ToUpper(word[:1]) + word[1:]
	case 1:
		return strings.ToUpper(word)
	}
	return word
}

func (s samples) leet(word string) string {
	pairs := []string{"a", "@", "a", "4", "e", "3", "i", "1", "o", "0", "s", "5", "s", "$", "t", "7", "b", "8", "g", "9"}
	for range 1 + s.IntN(3) {
		i := 2 * s.IntN(len(pairs)/2)
		word = strings.ReplaceAll(word, pairs[i], pairs[i+1])
	}
	return word
}

func (s samples) walk() string {
	rows := []string{"1234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm"}
	var b strings.Builder
	for range 1 + s.IntN(3) {
		row := s.pick(rows)
		from := s.IntN(len(row) - 4)
		part := []byte(row[from:min(len(row), from+3+s.IntN(5))])
		if s.IntN(2) == 0 {
			slices.Reverse(part)
		}
		b.Write(part)
	}
	return b.String()
}

const (
	letters = "abcdefghijklmnopqrstuvwxyz"
	digits  = "0123456789"
	alnum   = letters + "ABCDEFGHIJKLMNOPQRSTUVWXYZ" + digits
	symbols = "!@#$%^&*()-_=+[]{};:,.<>?/"
)

// makers returns the ways in which passwords are made, by name.
func (s samples) makers() map[string]func() string {
	common, english := frequency.Lists["Passwords"].List, frequency.Lists["English"].List[:20000]
	surnames, male := frequency.Lists["Surname"].List, frequency.Lists["MaleNames"].List
	site := []string{"nordlicht", "media", "shopkeeper", "postgres", "catalyst", "bidder", "auction", "prebid"}
	tail := []string{"", "!", "1", "12", "99", "!!", "#1", "?"}
	return map[string]func() string{
		"common":             func() string { return s.pick(common) },
		"common with a tail": func() string { return s.capital(s.pick(common)) + s.pick(tail) },
		"leet":               func() string { return s.capital(s.leet(s.pick(common))) + s.pick(tail) },
		"leet phrase":        func() string { return s.leet(s.capital(s.pick(english))+s.capital(s.pick(english))) + s.pick(tail) },
		"word":               func() string { return s.capital(s.pick(english)) + s.pick(tail) },
		"two words": func() string {
			return s.capital(s.pick(english)) + s.pick([]string{"", "-", "_", "."}) + s.pick(english)
		},
		"three words": func() string { return s.pick(english) + "-" + s.pick(english) + "-" + s.pick(english) },
		"six words": func() string {
			return strings.Join([]string{s.pick(english), s.pick(english), s.pick(english), s.pick(english), s.pick(english), s.pick(english)}, "-")
		},
		"name":           func() string { return s.capital(s.pick(male)) + s.capital(s.pick(surnames)) + s.pick(tail) },
		"walk":           s.walk,
		"shifted walk":   func() string { return s.capital(s.walk()) + s.pick(tail) },
		"site":           func() string { return s.capital(s.pick(site)) + s.capital(s.pick(site)) + s.pick(tail) },
		"site and word":  func() string { return s.pick(site) + "-" + s.pick(english) + s.chars(3, digits) },
		"repeat":         func() string { return strings.Repeat(s.chars(1, alnum), 3+s.IntN(10)) + s.pick(english) },
		"sequence":       func() string { return "abcdefgh"[s.IntN(4):] + "3456789"[:3+s.IntN(4)] + s.pick(tail) },
		"short random":   func() string { return s.chars(5+s.IntN(8), alnum) },
		"digits":         func() string { return s.chars(6+s.IntN(20), digits) },
		"random":         func() string { return s.chars(16+s.IntN(30), alnum) },
		"random symbols": func() string { return s.chars(10+s.IntN(20), alnum+symbols) },
		"pronounceable": func() string {
			return s.chars(1, "bdfgk") + s.chars(1, "aeiou") + s.chars(2, letters) + s.chars(1, "aeiou") + s.chars(2, digits)
		},
		"hex":    func() string { return hex.EncodeToString(s.bytes(4 + s.IntN(28))) },
		"base64": func() string { return base64.StdEncoding.EncodeToString(s.bytes(6 + s.IntN(40))) },
		"uuid": func() string {
			b := s.bytes(16)
			return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
		},
		"prefix": func() string { return s.pick([]string{"sk_live_", "key-", "tok_"}) + s.chars(24, alnum) },
	}
}

// libraryBits returns the estimate of zxcvbn-go. Its time grows quickly with the length.
func libraryBits(value string, names []string) float64 {
	bits := 0.0
	for _, length := range []int{24, maxGuessed} {
		if bits < strongBits {
			bits = zxcvbn.PasswordStrength(value[:min(len(value), length)], names).Entropy
		}
	}
	return bits
}

// The estimate puts values into the same classes as zxcvbn-go.
func TestBits_Library(t *testing.T) {
	s := samples{rand.New(rand.NewPCG(1, 2))}
	names := []string{"nordlicht", "media", "shopkeeper", "nordlichtmedia"}
	makers := s.makers()
	total, different := 0, 0
	for _, name := range slices.Sorted(maps.Keys(makers)) {
		for range 90 {
			value := makers[name]()
			own, library := Bits(value, names), libraryBits(value, names)
			total++
			if class(own) != class(library) {
				different++
				t.Logf("%s: %q: %.1f bits, zxcvbn-go %.1f", name, value, own, library)
			}
		}
	}
	if total < 2000 || different*100 > total {
		t.Errorf("%d of %d values are in another class", different, total)
	}
}
