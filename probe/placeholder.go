package probe

import (
	"encoding/base64"
	"encoding/hex"
	"math"
	"regexp"
	"strings"
)

// A placeholder is a value that somebody was meant to replace. It is told by its pattern, never by equality with one default: templates
// differ between teams and versions, and a check that knows one default passes all the others. What is random stays what it is: the patterns
// ask for whole words, so that a generated secret that happens to hold "xxx" or "todo" between other letters is none.

// placeholders that count anywhere in a value: nobody generates these letters in a row by chance.
var placeholderAnywhere = regexp.MustCompile(`(?i)change[-_ ]?me|replace[-_ ]?me|[$%]\{[^}]*\}|<[^<>]*>|\{\{.*\}\}`)

// placeholderWord counts as a whole word: between the ends of the value and what is neither letter nor digit. The words of one's own
// (your-secret) count at the start of a word.
var placeholderWord = regexp.MustCompile(`(?i)(^|[^a-z0-9])((changeme|password|passwd|secret|example|placeholder)($|[^a-z0-9])|your[-_ ])`)

// placeholderShort counts between blanks and colons alone, since so few letters do come up by chance between the - and _ of a random value.
var placeholderShort = regexp.MustCompile(`(?i)(^|[\s:])(todo|tbd|fixme|dummy|sample|xxx+)($|[\s:])`)

// isPlaceholder reports whether a value is one that nobody has replaced. The empty value is none: it is missing.
func isPlaceholder(value string) bool {
	return placeholderAnywhere.MatchString(value) || placeholderWord.MatchString(value) || placeholderShort.MatchString(value)
}

// placeholderDomain is a domain of the documentation's, which no deployment lives at (RFC 2606, and what templates write).
var placeholderDomain = regexp.MustCompile(`(?i)(^|[^a-z0-9-])((your-?domain|your-?company|your-?publisher|my-?domain)(\.[a-z]{2,})?|example\.(com|org|net)|[a-z0-9.-]+\.(example|invalid|test))($|[^a-z0-9-])`)

// hasPlaceholderDomain reports whether a value speaks of a domain that stands for another.
func hasPlaceholderDomain(value string) bool { return placeholderDomain.MatchString(value) }

// weakEntropy is the estimate under which a secret counts as guessable: 48 bits fall to an offline search within days.
const weakEntropy = 48

// commonWord is what people make passwords of: each is one step for who guesses, not one for each letter.
var commonWord = regexp.MustCompile(`(?i)pass(word|wort|phrase|wd)?|secret|super|admin|root|user|login|welcome|letmein|qwerty|default|master|test|production|prod|staging|server|database|postgres|redis|catalyst|token|private|monkey|dragon|hunter|summer|winter|company`)

// entropyBits estimates how many bits it takes to guess a value: the entropy of its characters and of the steps between them, whichever is
// less, times its length. A repeated pattern counts once, a common word as one character. It is an upper bound for what people make up and a fair
// one for what is generated.
func entropyBits(value string) float64 {
	value = commonWord.ReplaceAllString(period(value), "\x00")
	if len(value) < 2 {
		return 0
	}
	characters, steps := map[int]int{}, map[int]int{}
	for i := range len(value) {
		characters[int(value[i])]++
		if i > 0 {
			steps[int(value[i])-int(value[i-1])]++
		}
	}
	return min(shannon(characters, len(value)), shannon(steps, len(value)-1)) * float64(len(value))
}

func shannon(counts map[int]int, total int) float64 {
	bits := 0.0
	for _, n := range counts {
		p := float64(n) / float64(total)
		bits -= p * math.Log2(p)
	}
	return bits
}

// period returns the shortest text that repeated gives the value.
func period(value string) string {
	if i := strings.Index((value + value)[min(1, len(value)):], value); i >= 0 && i+1 < len(value) {
		return value[:i+1]
	}
	return value
}

// decodedLen is the number of bytes a value stands for: those it decodes to where it is base64 or hexadecimal, else its own.
func decodedLen(value string) int {
	if b, err := hex.DecodeString(value); err == nil {
		return len(b)
	}
	for _, enc := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding} {
		if b, err := enc.DecodeString(value); err == nil {
			return len(b)
		}
	}
	return len(value)
}
