package schema

// Finds the known word nearest to a wrong word. No result is better than a distant one.

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// longestWord limits the work per comparison; longer words have no nearest word.
const longestWord = 64

// Nearest returns the candidate nearest to word, "" when none is near. Case, "-" and "_" are ignored. An insertion,
// deletion, replacement or swap of neighbours counts as one edit, and at most a third of the longer word may differ.
// Ties are resolved alphabetically.
func Nearest(word string, candidates []string) string {
	best, least := "", longestWord
	for _, c := range candidates {
		d, ok := distance(word, c)
		if ok && (d < least || d == least && c < best) {
			best, least = c, d
		}
	}
	return best
}

// distance returns the edit distance of two words, and whether they are near.
func distance(a, b string) (int, bool) {
	if a == "" || b == "" || len(a) > longestWord*utf8.UTFMax || len(b) > longestWord*utf8.UTFMax {
		return 0, false
	}
	if a == b {
		return -1, true
	}
	x, y := skeleton(a), skeleton(b)
	if len(x) > longestWord || len(y) > longestWord || len(x) == 0 || len(y) == 0 {
		return 0, false
	}
	longer := max(len(x), len(y))
	d := edits(x, y)
	return d, d <= max(1, longer/3) && d < longer
}

// skeleton returns the word in the form that is compared.
func skeleton(s string) []rune {
	return []rune(strings.Map(func(r rune) rune {
		if r == '-' || r == '_' {
			return -1
		}
		return unicode.ToLower(r)
	}, s))
}

// edits returns the optimal string alignment distance.
func edits(a, b []rune) int {
	var before, last, row [longestWord + 1]int
	for j := range len(b) + 1 {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			change := 1
			if a[i-1] == b[j-1] {
				change = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}

// didYouMean returns the hint for a wrong word: the nearest known word, else all of them.
func didYouMean(word string, known []string, what string) string {
	if near := Nearest(word, known); near != "" {
		return "did you mean " + quote(near) + "?"
	}
	if len(known) == 0 || what == "" {
		return ""
	}
	return what + ": " + among(known)
}
