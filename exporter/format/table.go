package format

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/checklist"
	"github.com/thenexusengine/catalyst_exporter/collector"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/phrase"
)

// Sign returns the mark of a state and its ANSI colour. States must be distinguishable without colour.
func Sign(s probe.State) (mark, colour string) {
	switch s {
	case probe.StatePass:
		return "✓", "32"
	case probe.StateWarn:
		return "!", "33"
	case probe.StatePending:
		return "…", "36"
	case probe.StateFail:
		return "✗", "31"
	case probe.StateUnknown:
		return "?", "35"
	}
	return "-", "90"
}

// Painter colours text if it is true.
type Painter bool

func (p Painter) Paint(colour, text string) string {
	if !p {
		return text
	}
	return "\033[" + colour + "m" + text + "\033[0m"
}

// WriteTable writes a report as text.
func WriteTable(b *bytes.Buffer, r *collector.Report, gate *checklist.Gate, answer checklist.Answer, colour bool) {
	p := Painter(colour)
	width := 0
	for _, v := range r.Verdicts {
		width = max(width, len(v.Name))
	}
	for _, cat := range r.Checklist.Categories {
		verdicts := r.Category(cat.Name)
		if len(verdicts) == 0 {
			continue
		}
		fmt.Fprintf(b, "%s\n", p.Paint("1", cat.Title))
		for _, v := range verdicts {
			writeItem(b, p, &v, width)
		}
		b.WriteByte('\n')
	}
	writeRemedies(b, p, r)
	WriteAnswer(b, p, r, gate, answer)
}

func writeItem(b *bytes.Buffer, p Painter, v *checklist.Verdict, width int) {
	mark, colour := Sign(v.State)
	word := v.State.String()
	if v.Reason != "" {
		word += " (" + string(v.Reason) + ")"
	}
	fmt.Fprintf(b, "  %s %-*s  %s", p.Paint(colour, mark), width, v.Name, p.Paint(colour, word))
	if v.Waived {
		fmt.Fprintf(b, "  waived by %s until %s: %s", phrase.Printable(v.Waiver.By), v.Waiver.Expires.AddDate(0, 0, -1).Format("2006-01-02"), phrase.Printable(v.Waiver.Reason))
	}
	b.WriteByte('\n')
	if v.State == probe.StatePass {
		return
	}
	indent := strings.Repeat(" ", width+6)
	if v.Detail != "" && v.Reason != probe.ReasonNoRelease { // no_release needs no detail
		fmt.Fprintf(b, "%s%s\n", indent, phrase.Printable(v.Detail))
	}
	if (v.State == probe.StateFail || v.State == probe.StateWarn) && !v.Waived {
		fmt.Fprintf(b, "%s%s\n", indent, p.Paint("90", "fix: "+phrase.Printable(v.Fix)))
	}
}

// writeRemedies groups unknown items by the setting or permission they need, largest group first.
func writeRemedies(b *bytes.Buffer, p Painter, r *collector.Report) {
	var remedies []string
	items := map[string][]string{}
	for _, v := range r.Verdicts {
		if v.State != probe.StateUnknown {
			continue
		}
		for _, remedy := range v.Remedies {
			if !slices.Contains(items[remedy], v.Name) {
				if items[remedy] == nil {
					remedies = append(remedies, remedy)
				}
				items[remedy] = append(items[remedy], v.Name)
			}
		}
	}
	if len(remedies) == 0 {
		return
	}
	slices.SortStableFunc(remedies, func(x, y string) int { return len(items[y]) - len(items[x]) })
	fmt.Fprintf(b, "%s\n", p.Paint("1", "Needed to resolve the unknowns"))
	for _, remedy := range remedies {
		fmt.Fprintf(b, "  %d × %s: %s\n", len(items[remedy]), phrase.Printable(remedy), strings.Join(items[remedy], ", "))
	}
	b.WriteByte('\n')
}

func WriteAnswer(b *bytes.Buffer, p Painter, r *collector.Report, gate *checklist.Gate, answer checklist.Answer) {
	goal, colour := "ready", "31"
	if gate != nil {
		goal = "gate " + gate.Name + ": ready"
	}
	if answer.Ready {
		colour = "32"
	} else {
		goal = strings.Replace(goal, "ready", "not ready", 1)
	}
	fmt.Fprintf(b, "%s: %s\n", p.Paint("1;"+colour, goal), Counts(r))
	if len(answer.Failing) > 0 {
		fmt.Fprintf(b, "  failing: %s\n", names(answer.Failing))
	}
	if len(answer.Waiting) > 0 {
		fmt.Fprintf(b, "  waiting for: %s\n", names(answer.Waiting))
	}
}

// Counts lists the number of items in each state.
func Counts(r *collector.Report) string {
	count := map[probe.State]int{}
	for _, v := range r.Verdicts {
		count[v.State]++
	}
	var all []string
	for _, s := range probe.States() {
		if count[s] > 0 {
			all = append(all, fmt.Sprintf("%d %s", count[s], s))
		}
	}
	return strings.Join(all, ", ")
}

func names(verdicts []*checklist.Verdict) string {
	var all []string
	for _, v := range verdicts {
		all = append(all, v.Name)
	}
	return strings.Join(all, ", ")
}
