package secretvalue

import (
	"crypto/md5"  //nolint:gosec // recognises digests, protects nothing
	"crypto/sha1" //nolint:gosec // as above
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"iter"
	"slices"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/probe/secretvalue/strength"
)

// How an attacker guesses a secret: published secrets first, then digests of common passwords, walks over the keyboard,
// words with leet letters and the names of the deployment (strength.Bits), last a search by character statistics
// (EntropyBits).

const (
	// failBits is what an online attack guesses within months, an offline one within minutes.
	failBits = 35
	// strongBits is out of reach of an offline attack on a fast hash.
	strongBits = 64

	minWalk = 8
	minLong = 16 // bytes from which EntropyBits alone may fail: it underestimates short random values
)

// Strength is how hard a secret is to guess.
type Strength int

const (
	Strong Strength = iota
	Moderate
	Guessable
	Published
)

//go:embed knownsecrets.txt
var knownSecrets string

// StrengthOf judges a secret. Names are words that an attacker of this deployment tries: its name, hosts, services and
// users.
func StrengthOf(value string, names []string) Strength {
	if isPublished(value) {
		return Published
	}
	worst := strengthOfText(value, names)
	if text := decodedText(value); text != "" {
		worst = max(worst, strengthOfText(text, names))
	}
	return worst
}

func strengthOfText(value string, names []string) Strength {
	own := EntropyBits(value)
	switch {
	case IsTriedFirst(value), isDigestOfWord(value, names), isWalk(value), own < failBits && len(value) >= minLong:
		return Guessable
	}
	bits := strength.Bits(Period(value), names)
	switch {
	case bits < failBits:
		return Guessable
	case bits < strongBits, own < WeakEntropy:
		return Moderate
	}
	return Strong
}

// isPublished reports whether a secret is in knownsecrets.txt.
func isPublished(value string) bool {
	sum := sha256.Sum256([]byte(value))
	return strings.Contains(knownSecrets, "\n"+hex.EncodeToString(sum[:])+"\n")
}

// isDigestOfWord reports whether a value is the hexadecimal MD5, SHA-1 or SHA-256 of a common password or name.
func isDigestOfWord(value string, names []string) bool {
	var digest func(word []byte) []byte
	switch len(value) {
	case 2 * md5.Size:
		digest = func(word []byte) []byte { sum := md5.Sum(word); return sum[:] } //nolint:gosec // as above
	case 2 * sha1.Size:
		digest = func(word []byte) []byte { sum := sha1.Sum(word); return sum[:] } //nolint:gosec // as above
	case 2 * sha256.Size:
		digest = func(word []byte) []byte { sum := sha256.Sum256(word); return sum[:] }
	default:
		return false
	}
	want, err := hex.DecodeString(value)
	if err != nil {
		return false
	}
	isOf := func(word string) bool {
		return string(digest([]byte(word))) == string(want) || string(digest([]byte(word+"\n"))) == string(want) // echo appends a newline
	}
	for _, words := range []iter.Seq[string]{
		slices.Values(names), slices.Values([]string{"", "changeme", "admin", "root", "test", "secret", "postgres", "redis"}), strength.Passwords(),
	} {
		for word := range words {
			if isOf(word) {
				return true
			}
		}
	}
	return false
}

// decodedText returns the text that a base64 or hexadecimal value encodes, "" for none.
func decodedText(value string) string {
	if b, err := hex.DecodeString(value); err == nil && len(b) >= 5 && isPrintable(string(b)) {
		return strings.TrimSuffix(string(b), "\n")
	}
	return EncodedText(value)
}

func isPrintable(text string) bool {
	return strings.IndexFunc(strings.TrimSuffix(text, "\n"), func(r rune) bool { return r < ' ' || r > '~' }) < 0
}

// keyboardRows are the rows of QWERTY, QWERTZ and AZERTY. A key's neighbours have a similar place in its row and the next.
const keyboardRows = "1234567890-=\nqwertyuiop[]\nasdfghjkl;'\nzxcvbnm,./"

// isWalk reports whether at least three quarters of the steps from one character to the next go to a neighbouring key.
func isWalk(value string) bool {
	if len(value) < minWalk {
		return false
	}
	for _, rows := range []string{
		keyboardRows, strings.NewReplacer("y", "z", "z", "y").Replace(keyboardRows),
		strings.NewReplacer("q", "a", "a", "q", "w", "z", "z", "w", ";", "m", "m", ",").Replace(keyboardRows),
	} {
		near := 0
		keys := strings.Split(rows, "\n")
		text := strings.ToLower(value)
		for i := 1; i < len(text); i++ {
			x, y := keyAt(keys, text[i-1])
			nextX, nextY := keyAt(keys, text[i])
			dx, dy := nextX-x, nextY-y
			if x >= 0 && nextX >= 0 && text[i] != text[i-1] && dx >= -1 && dx <= 1 && dy >= -1 && dy <= 1 {
				near++
			}
		}
		if 4*near >= 3*(len(text)-1) {
			return true
		}
	}
	return false
}

// keyAt returns the place of a key, negative for none.
func keyAt(rows []string, key byte) (x, y int) {
	for y, row := range rows {
		if x := strings.IndexByte(row, key); x >= 0 {
			return x, y
		}
	}
	return -9, -9
}
