// Package pattern matches names with pattern lists as in ssh_config(5), section PATTERNS: "*" is any text, "?" one byte. A
// list matches when one of its patterns matches and none that begins with "!" does. Names are compared byte by byte,
// case-sensitively.
package pattern

import (
	"errors"
	"strings"
)

// Longest is the first length of a pattern that is too long, in bytes, as in OpenSSH.
const Longest = 1024

// Check rejects lists that can never match as intended.
func Check(list string) error {
	positive := false
	for p := range strings.SplitSeq(list, ",") {
		negated := strings.HasPrefix(p, "!")
		if p = strings.TrimPrefix(p, "!"); p == "" {
			return errors.New("list contains an empty pattern")
		}
		if len(p) >= Longest {
			return errors.New("pattern is too long")
		}
		positive = positive || !negated
	}
	if !positive {
		return errors.New("only negated patterns match nobody: add a pattern such as *@example.com")
	}
	return nil
}

// Match reports whether name is in the list.
func Match(list, name string) bool {
	matched := false
	for p := range strings.SplitSeq(list, ",") {
		if rest, negated := strings.CutPrefix(p, "!"); negated {
			if match(rest, name) {
				return false
			}
		} else if match(p, name) {
			matched = true
		}
	}
	return matched
}

// match scans both texts once and backtracks only to the last "*", so a pattern takes at most len(p) × len(s)
// steps.
func match(p, s string) bool {
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
