package format

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/checklist"
	"github.com/thenexusengine/catalyst_exporter/checklist/paper"
	"github.com/thenexusengine/catalyst_exporter/collector"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// WriteControls writes the verdicts by the controls that the items are tagged with, as Markdown. The worst verdict of its items
// is the one on a control; an item that was skipped says nothing about it.
func WriteControls(b *bytes.Buffer, r *collector.Report) {
	byControl := map[string][]*checklist.Verdict{}
	for i := range r.Verdicts {
		for _, control := range r.Verdicts[i].Controls {
			byControl[control] = append(byControl[control], &r.Verdicts[i])
		}
	}
	b.WriteString("| Control | Verdict | Items |\n|---|---|---|\n")
	for _, control := range slices.Sorted(maps.Keys(byControl)) {
		worst, items := probe.StateSkip, []string(nil)
		for _, v := range byControl[control] {
			if v.State.Answered() && (!worst.Answered() || v.State > worst) {
				worst = v.State
			}
			items = append(items, controlled(v))
		}
		word := paper.Mark(worst) + " " + worst.String()
		if !worst.Answered() {
			word = "not judged"
		}
		fmt.Fprintf(b, "| %s | %s | %s |\n", paper.Escape(control), word, strings.Join(items, "<br>"))
	}
}

// controlled is the verdict on an item of a control. A waived item still is what it is.
func controlled(v *checklist.Verdict) string {
	text := fmt.Sprintf("`%s` %s", v.ID(), v.State)
	if v.Reason != "" {
		text += " (" + string(v.Reason) + ")"
	}
	if v.Waived && !v.State.OK() {
		text += fmt.Sprintf(", waived by %s until %s", paper.Escape(v.Waiver.Who()), v.Waiver.LastDay())
	}
	return text
}
