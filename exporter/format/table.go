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

// Table writes reports as text for people.
type Table struct {
	Colour bool
	// Columns is the width of the terminal; 0 does not wrap.
	Columns int
	// Only selects the items that are listed. The summary counts all of them.
	Only Only
	// Quiet leaves out the list of items.
	Quiet bool
}

// wideTable is the width from which details stand below the states. On a narrower terminal they begin further left.
const wideTable = 110

// Only selects items by their state.
type Only string

// The selections.
const (
	OnlyAll     Only = ""
	OnlyFailing Only = "failing"
	OnlyNotOK   Only = "not-ok"
)

// Lists reports whether a verdict is listed. A waived failure is ok.
func (o Only) Lists(v *checklist.Verdict) bool {
	switch o {
	case OnlyFailing:
		return v.State == probe.StateFail && !v.Waived
	case OnlyNotOK:
		return !v.Waived && (v.State == probe.StateFail || v.State == probe.StateUnknown || v.State == probe.StatePending)
	}
	return true
}

// Write writes the items by category, what the unknown ones need, and the answer.
func (t Table) Write(b *bytes.Buffer, r *collector.Report, gate *checklist.Gate, answer checklist.Answer) {
	if !t.Quiet {
		t.writeItems(b, r)
		t.writeRemedies(b, r)
	}
	t.WriteAnswer(b, r, gate, answer)
}

func (t Table) writeItems(b *bytes.Buffer, r *collector.Report) {
	width := 0
	for _, v := range r.Verdicts {
		width = max(width, len(v.Name))
	}
	told := map[string]string{} // detail → the first item with it
	for _, cat := range r.Checklist.Categories {
		title := t.paint("1", cat.Title) + "\n"
		for _, v := range r.Category(cat.Name) {
			if !t.Only.Lists(&v) {
				continue
			}
			b.WriteString(title)
			title = ""
			t.writeItem(b, &v, width, told)
		}
		if title == "" {
			b.WriteByte('\n')
		}
	}
}

func (t Table) writeItem(b *bytes.Buffer, v *checklist.Verdict, width int, told map[string]string) {
	mark, colour := Sign(v.State)
	word := v.State.String()
	if v.Reason != "" {
		word += " (" + string(v.Reason) + ")"
	}
	fmt.Fprintf(b, "  %s %-*s  %s\n", t.paint(colour, mark), width, v.Name, t.paint(colour, word))
	indent := width + 6
	if 0 < t.Columns && t.Columns < wideTable {
		indent = 6
	}
	if v.Waived {
		t.Paragraph(b, indent, "", fmt.Sprintf("waived by %s until %s: %s",
			phrase.Printable(v.Waiver.Who()), lastDay(v.Waiver), phrase.Printable(v.Waiver.Reason)))
	}
	if v.State == probe.StatePass {
		return
	}
	if v.Detail != "" && v.Reason != probe.ReasonNoRelease { // no_release needs no detail
		detail := v.Detail
		if first := told[v.Detail]; first != "" {
			detail = "as " + first
		} else {
			told[v.Detail] = v.Name
		}
		t.Paragraph(b, indent, "", phrase.Printable(detail))
	}
	if (v.State == probe.StateFail || v.State == probe.StateWarn) && !v.Waived {
		t.Paragraph(b, indent, "90", "fix: "+phrase.Printable(v.Fix))
	}
}

// Paragraph writes text wrapped and indented, each line in the colour.
func (t Table) Paragraph(b *bytes.Buffer, indent int, colour, text string) {
	for _, line := range wrap(text, indent, t.Columns) {
		fmt.Fprintf(b, "%*s%s\n", indent, "", t.paint(colour, line))
	}
}

// entry writes "  HEAD: a, b, c", wrapped with the rest under the first name.
func (t Table) entry(b *bytes.Buffer, head string, names []string) {
	const indent = 4
	for i, line := range wrap(head+": "+strings.Join(names, ", "), indent, t.Columns) {
		margin := indent
		if i == 0 {
			margin = 2
		}
		fmt.Fprintf(b, "%*s%s\n", margin, "", line)
	}
}

func (t Table) paint(colour, text string) string {
	if colour == "" {
		return text
	}
	return Painter(t.Colour).Paint(colour, text)
}

// writeRemedies groups unknown items by the setting or permission they need, largest group first.
func (t Table) writeRemedies(b *bytes.Buffer, r *collector.Report) {
	if t.Only == OnlyFailing {
		return
	}
	var remedies []string
	items := map[string][]string{}
	for _, v := range r.Verdicts {
		if v.State != probe.StateUnknown {
			continue
		}
		needed := v.Remedies
		if v.BlockedBy != nil {
			needed = needed[:1] // the others can wait
		}
		for _, remedy := range needed {
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
	fmt.Fprintf(b, "%s\n", t.paint("1", "Needed to resolve the unknowns"))
	for _, remedy := range remedies {
		waiting := items[remedy]
		verb := "wait"
		if len(waiting) == 1 {
			verb = "waits"
		}
		t.entry(b, fmt.Sprintf("%s %s for %s", phrase.Count(len(waiting), "item"), verb, phrase.Printable(remedy)), waiting)
	}
	b.WriteByte('\n')
}

// WriteAnswer writes whether the deployment, the gate or the selection is ready, and what is in its way.
func (t Table) WriteAnswer(b *bytes.Buffer, r *collector.Report, gate *checklist.Gate, answer checklist.Answer) {
	goal, colour := "ready", "31"
	if gate != nil {
		goal = "gate " + gate.Name + ": ready"
	}
	if answer.Ready {
		colour = "32"
	} else {
		goal = strings.Replace(goal, "ready", "not ready", 1)
	}
	fmt.Fprintf(b, "%s: %s\n", t.paint("1;"+colour, goal), Counts(r))
	switch {
	case answer.Judged == 0 && len(answer.Failing)+len(answer.Waiting) == 0:
		b.WriteString("nothing was judged: every item is skipped, or optional without a verdict\n")
	case answer.Judged > 0 && answer.Judged == answer.Waived:
		b.WriteString("nothing is ok by itself: every judged item is only waived\n")
	}
	if len(answer.Failing) > 0 {
		t.entry(b, "failing", names(answer.Failing))
	}
	if len(answer.Waiting) > 0 {
		t.entry(b, "waiting for", names(answer.Waiting))
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

func names(verdicts []*checklist.Verdict) []string {
	var all []string
	for _, v := range verdicts {
		all = append(all, v.Name)
	}
	return all
}
