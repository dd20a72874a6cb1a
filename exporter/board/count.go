package board

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/thenexusengine/catalyst_exporter/checklist"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// The texts of the page's head: how many items prevent readiness and which of the failing items do not.

// Count says what prevents readiness: "13 required items fail, 9 have no verdict". It returns "" when nothing does.
func Count(a checklist.Answer) string {
	var parts []string
	if n := len(a.Failing); n > 0 {
		parts = append(parts, plural(n, "required item fails", "required items fail"))
	}
	switch n := len(a.Waiting); {
	case n == 0:
	case len(parts) == 0:
		parts = append(parts, plural(n, "required item has no verdict", "required items have no verdict"))
	default:
		parts = append(parts, plural(n, "has no verdict", "have no verdict"))
	}
	if !a.Ready && len(parts) == 0 {
		return "no required item has a verdict"
	}
	return strings.Join(parts, ", ")
}

// aside explains why more items fail than prevent readiness; "" when all of them do.
func aside(verdicts []checklist.Verdict, ready checklist.Answer) string {
	var waived, optional, release int
	for i := range verdicts {
		switch v := &verdicts[i]; {
		case v.State != probe.StateFail:
		case v.Waived:
			waived++
		case !v.Required:
			optional++
		case v.Scope != checklist.Standing:
			release++
		}
	}
	var parts []string
	for _, c := range []struct {
		n    int
		text string
	}{{optional, "optional"}, {waived, "waived"}, {release, "about a release"}} {
		if c.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", c.n, c.text))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	total := len(ready.Failing) + waived + optional + release
	return fmt.Sprintf("%s in total; not counted above: %s.", plural(total, "item fails", "items fail"), strings.Join(parts, ", "))
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// maxSentence is the length in characters at which a sentence without an end is cut.
const maxSentence = 200

// firstSentence returns the first statement of a text. A semicolon ends it, and a full stop before a space and a new
// beginning, so that numbers, file names and abbreviations stay whole; nothing does inside backquotes.
func firstSentence(text string) string {
	text, _, _ = strings.Cut(strings.TrimSpace(text), "\n")
	quoted, n, space := false, 0, 0
	for i, c := range text {
		n++
		switch {
		case c == '`':
			quoted = !quoted
		case quoted:
		case c == '.' && begins(text[i+1:]):
			return text[:i+1]
		case c == ';' && strings.HasPrefix(text[i+1:], " "):
			return text[:i] + "\u00a0…"
		case c == ' ':
			space = i
		}
		if n > maxSentence {
			if space == 0 {
				space = i
			}
			return strings.TrimRight(text[:space], " ,;:") + "\u00a0…"
		}
	}
	return text
}

// begins reports whether a text after a full stop begins a new sentence.
func begins(rest string) bool {
	next, ok := strings.CutPrefix(rest, " ")
	if !ok {
		return false
	}
	c, _ := utf8.DecodeRuneInString(next)
	return unicode.IsUpper(c) || c == '`'
}
