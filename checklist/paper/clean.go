package paper

import (
	"strings"

	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
)

// What a run writes, and how the next one takes it back: a line of evidence and a waiver are removed, a filled line is what it was, a box that
// had evidence is empty, and the closing section goes.

const (
	beginMark  = "<!-- catalyst: begin of the report -->"
	endMark    = "<!-- catalyst: end of the report -->"
	waiverMark = "<!-- catalyst: waiver "
)

var (
	evidenceLine = lazyregexp.New(`^\s*> (?:✅|⚠️|⏳|❌|❓|➖) (?:pass|warn|pending|fail|unknown|skip)\b.* <!-- catalyst: [a-z0-9_]+/[a-z0-9_]+ -->\s*$`)
	filledLine   = lazyregexp.New(`^(\s*).*<!-- catalyst: was: (.*) -->\s*$`)
)

func clean(in []line) []line {
	var out []line
	for i := 0; i < len(in); i++ {
		l := in[i]
		switch {
		case l.text == beginMark:
			end := i
			for end < len(in) && in[end].text != endMark {
				end++
			}
			if end == len(in) { // somebody cut it: nothing is known to be ours
				out = append(out, l)
				continue
			}
			if n := len(out); n > 0 && out[n-1].text == "" {
				out = out[:n-1]
			}
			i = end
		case evidenceLine.MatchString(l.text):
			untick(out)
		case strings.Contains(l.text, waiverMark) && strings.HasSuffix(l.text, " -->"):
		default:
			if m := filledLine.FindStringSubmatch(l.text); m != nil {
				l.text = m[1] + m[2]
			}
			out = append(out, l)
		}
	}
	return out
}

// untick empties the box that evidence was written under.
func untick(lines []line) {
	for i := len(lines) - 1; i >= 0 && strings.TrimSpace(lines[i].text) != "" && !strings.HasPrefix(strings.TrimSpace(lines[i].text), "|"); i-- {
		if m := boxLine.FindStringSubmatch(lines[i].text); m != nil && m[2] == "X" { // we write x: this one was ticked by hand
			return
		} else if m != nil {
			lines[i].text = setBox(lines[i].text, false)
			return
		}
	}
}

// setBox ticks a box or empties it, and leaves alone one that is so already.
func setBox(text string, ticked bool) string {
	m := boxLine.FindStringSubmatchIndex(text)
	if m == nil || (text[m[4]:m[5]] != " ") == ticked {
		return text
	}
	mark := " "
	if ticked {
		mark = "x"
	}
	return text[:m[4]] + mark + text[m[5]:]
}
