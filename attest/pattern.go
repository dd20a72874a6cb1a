package attest

// Rules of this file: pattern lists as in ssh_config(5), section PATTERNS: "*" is any text, "?" one byte, a list matches when one of its patterns
// does and none that begins with "!" does. Names are compared byte by byte, upper and lower case are different.

import (
	"errors"
	"strings"
)

// checkPatterns refuses lists that cannot mean anything.
func checkPatterns(list string) error {
	positive := false
	for p := range strings.SplitSeq(list, ",") {
		negated := strings.HasPrefix(p, "!")
		if p = strings.TrimPrefix(p, "!"); p == "" {
			return errors.New("an empty pattern in the list")
		}
		if len(p) >= longestField {
			return errors.New("a pattern is too long")
		}
		positive = positive || !negated
	}
	if !positive {
		return errors.New("only negated patterns, which match nobody: add what they are taken from, such as *@example.com")
	}
	return nil
}

// matchList reports whether name is in the list.
func matchList(list, name string) bool {
	matched := false
	for p := range strings.SplitSeq(list, ",") {
		if rest, negated := strings.CutPrefix(p, "!"); negated {
			if matchPattern(rest, name) {
				return false
			}
		} else if matchPattern(p, name) {
			matched = true
		}
	}
	return matched
}

// matchPattern walks both texts once and goes back to the last "*" only, so that no pattern takes more than len(p) × len(s) steps.
func matchPattern(p, s string) bool {
	i, j, star, mark := 0, 0, -1, 0
	for j < len(s) {
		switch {
		case i < len(p) && p[i] == '*':
			star, mark = i, j
			i++
		case i < len(p) && (p[i] == '?' || p[i] == s[j]):
			i++
			j++
		case star >= 0:
			mark++
			i, j = star+1, mark
		default:
			return false
		}
	}
	for i < len(p) && p[i] == '*' {
		i++
	}
	return i == len(p)
}
