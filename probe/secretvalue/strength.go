package secretvalue

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base32"
	"encoding/hex"
	"slices"
	"strings"
	"unicode"

	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
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

	// maxEncodings is how often a word may be encoded: base64 of the hexadecimal form of a word.
	maxEncodings = 3

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
	for range maxEncodings {
		if value = decodedText(value); value == "" {
			break
		}
		worst = max(worst, strengthOfText(value, names))
	}
	return worst
}

func strengthOfText(value string, names []string) Strength {
	own, once := EntropyBits(value), unrepeated(value)
	switch {
	case IsTriedFirst(value), IsTriedFirst(once), isDigestOfWord(value, names), isWalk(value), own < failBits && len(value) >= minLong:
		return Guessable
	}
	bits := min(strength.Bits(once, names), strength.Bits(reversed(once), names)+1)
	switch {
	case bits < failBits:
		return Guessable
	case bits < strongBits, own < WeakEntropy:
		return Moderate
	}
	return Strong
}

// isPublished reports whether a secret is in knownsecrets.txt. A UUID may be in capitals.
func isPublished(value string) bool {
	if isUUID(value) {
		value = strings.ToLower(value)
	}
	sum := sha256.Sum256([]byte(value))
	return strings.Contains(knownSecrets, "\n"+hex.EncodeToString(sum[:])+"\n")
}

var uuid = lazyregexp.New(`^(?i)[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)

func isUUID(value string) bool { return uuid.MatchString(value) }

// unrepeated returns the part of a value that is not a repetition of its beginning, also with separators between: an
// attacker doubles every word. The last repetition may be truncated. The groups of a UUID are read as one number.
func unrepeated(value string) string {
	if isUUID(value) {
		return Period(strings.ReplaceAll(value, "-", ""))
	}
	parts := strings.FieldsFunc(value, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	if len(parts) > 1 && !slices.ContainsFunc(parts, func(part string) bool { return !strings.EqualFold(part, parts[0]) }) {
		return parts[0]
	}
	for n := 1; n <= len(value)/2; n++ {
		if strings.HasPrefix(value, value[n:]) {
			return strings.TrimSpace(value[:n])
		}
	}
	return value
}

func reversed(value string) string {
	runes := []rune(value)
	slices.Reverse(runes)
	return string(runes)
}

// decodedText returns the text that a hexadecimal, base32 or base64 value encodes, "" for none.
func decodedText(value string) string {
	bare := strings.TrimRight(value, "=")
	if b, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(bare); err == nil && len(b) >= 5 && isPrintable(string(b)) {
		return strings.TrimSuffix(string(b), "\n")
	}
	if b, err := hex.DecodeString(value); err == nil && len(b) >= 5 && isPrintable(string(b)) {
		return strings.TrimSuffix(string(b), "\n")
	}
	return EncodedText(value)
}

func isPrintable(text string) bool {
	return strings.IndexFunc(strings.TrimSuffix(text, "\n"), func(r rune) bool { return r < ' ' || r > '~' }) < 0
}
