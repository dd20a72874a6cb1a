// Package strength estimates how hard a secret is to guess, by the method of zxcvbn (Wheeler, 2016): a value is split into
// words, names, walks over the keyboard, sequences, repeats and dates, with single characters between them. The estimate is
// the split that costs an attacker the fewest guesses.
package strength

import (
	"math"
	"unicode"
	"unicode/utf8"
)

// maxGuessed bounds the work: the estimate of a longer value is that of its first bytes, which is a lower bound.
const maxGuessed = 100

// Bits estimates the logarithm of the number of guesses. Names are words that an attacker of this deployment tries first,
// the most likely ones first. The caller must not publish parts of a value: only the number leaves this package.
func Bits(value string, names []string) float64 {
	v := newGuess(truncate(value))
	lists := []wordList{passwords, words, nameList(names)}
	for start := range v.runes {
		v.relax(start, start+1, v.perRune)
		for _, list := range lists {
			v.addWords(list, start)
		}
		v.addRepeat(start)
		v.addSequence(start)
		v.addDates(start)
		for _, keys := range keyboards {
			v.addWalk(keys, start)
		}
	}
	return v.best[len(v.runes)]
}

func truncate(value string) string {
	if len(value) <= maxGuessed {
		return value
	}
	end := maxGuessed
	for end > 0 && !utf8.RuneStart(value[end]) {
		end--
	}
	return value[:end]
}

// guess is a value and the bits for guessing its beginnings.
type guess struct {
	runes   []rune // as written
	lower   []rune
	perRune float64   // bits of a character that belongs to no pattern
	best    []float64 // best[n] is the lowest estimate for the first n characters
}

func newGuess(value string) *guess {
	v := &guess{runes: []rune(value)}
	v.lower = make([]rune, len(v.runes))
	v.best = make([]float64, len(v.runes)+1)
	for i, r := range v.runes {
		v.lower[i] = unicode.ToLower(r)
		v.best[i+1] = math.Inf(1)
	}
	v.perRune = math.Log2(alphabet(v.runes))
	return v
}

// relax offers a way to guess the characters from start to before end. The estimate for start is final.
func (v *guess) relax(start, end int, bits float64) {
	v.best[end] = min(v.best[end], v.best[start]+bits)
}

// alphabet returns how many characters an attacker tries who knows the classes of characters of the text. A lower-case
// letter of any script counts as one of 26.
func alphabet(text []rune) float64 {
	var lower, upper, digits, symbols float64
	for _, r := range text {
		switch {
		case unicode.IsLower(r):
			lower = 26
		case unicode.IsDigit(r):
			digits = 10
		case unicode.IsUpper(r):
			upper = 26
		default:
			symbols = 33
		}
	}
	return lower + upper + digits + symbols
}

// capitalBits is the effort to guess which letters are capitals. One bit for the usual ones: the first, the last or all.
func capitalBits(text []rune) float64 {
	upper, lower := 0, 0
	for _, r := range text {
		switch {
		case unicode.IsUpper(r):
			upper++
		case unicode.IsLower(r):
			lower++
		}
	}
	switch {
	case upper == 0:
		return 0
	case lower == 0, upper == 1 && (unicode.IsUpper(text[0]) || unicode.IsUpper(text[len(text)-1])):
		return 1
	}
	return choiceBits(upper+lower, min(upper, lower))
}

// choiceBits is the logarithm of the number of ways to choose at most k of n.
func choiceBits(n, k int) float64 {
	ways, total := 1.0, 1.0
	for i := 1; i <= k; i++ {
		ways *= float64(n-i+1) / float64(i)
		total += ways
	}
	return math.Log2(total)
}
