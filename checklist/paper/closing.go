package paper

import (
	"fmt"

	"github.com/thenexusengine/catalyst_exporter/checklist"
)

// closing is the section at the end: the answer, what of the document no probe covers, what the document lacks.
func (d *Document) closing(f Facts, verdicts map[*checklist.Item]*checklist.Verdict) []string {
	out := []string{"", beginMark, "", "---", "", "## Readiness", "", fmt.Sprintf("%s %s.", Escape(f.Answer), "Checked at "+stamp(f.Time))}
	if unmatched := d.Unmatched(); len(unmatched) > 0 {
		out = append(out, "", "### Items of this document that no probe covers", "")
		for _, e := range unmatched {
			out = append(out, "- "+Escape(e.Title)+e.remark(true))
		}
	}
	if lacking := d.Lacking(f.Checklist); len(lacking) > 0 {
		out = append(out, "", "### Items that this document lacks", "")
		for _, it := range lacking {
			state := "not checked"
			if v := verdicts[it]; v != nil {
				state = Mark(v.State) + " " + v.State.String()
			}
			out = append(out, fmt.Sprintf("- %s: %s (`%s`)", state, Escape(it.Title), it.ID()))
		}
	}
	return append(out, "", endMark)
}

// remark says what may be wrong with an entry that is not matched.
func (e *Entry) remark(markdown bool) string {
	switch {
	case e.Trouble != "" && markdown:
		return " – " + Escape(e.Trouble)
	case e.Trouble != "":
		return ": " + e.Trouble
	case e.Near != nil && markdown:
		return fmt.Sprintf(" – renamed? The checklist has %s (`%s`)", Escape(e.Near.Title), e.Near.ID())
	case e.Near != nil:
		return fmt.Sprintf(": renamed? the checklist has %q: add <!-- catalyst: %s --> to its line", e.Near.Title, e.Near.ID())
	}
	return ""
}

// Tell says, for people, what of the document and the checklist do not meet: one line each.
func (d *Document) Tell(list *checklist.Checklist) []string {
	var out []string
	for _, e := range d.Unmatched() {
		out = append(out, fmt.Sprintf("line %d: no probe covers %q%s", e.Line, e.Title, e.remark(false)))
	}
	for _, it := range d.Lacking(list) {
		out = append(out, fmt.Sprintf("the document lacks %s, %q", it.ID(), it.Title))
	}
	return out
}
