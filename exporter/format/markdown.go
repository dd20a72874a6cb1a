package format

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/checklist"
	"github.com/thenexusengine/catalyst_exporter/checklist/paper"
	"github.com/thenexusengine/catalyst_exporter/collector"
	"github.com/thenexusengine/catalyst_exporter/exporter/ratchet"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/phrase"
)

// Markdown for pull request comments and job summaries: the result, then the items that are not ok and their fixes; the
// rest is collapsed. All text from a deployment is escaped, so it cannot add markup, links, mentions or table cells.

func WriteMarkdown(b *bytes.Buffer, r *collector.Report, gate *checklist.Gate, answer checklist.Answer, compared *ratchet.Comparison) {
	goal := "Ready"
	if gate != nil {
		goal = "Gate " + gate.Name + ": ready"
	}
	mark := "✅"
	if !answer.Ready {
		mark, goal = "❌", strings.Replace(strings.Replace(goal, "Ready", "Not ready", 1), ": ready", ": not ready", 1)
	}
	fmt.Fprintf(b, "## %s %s – %s\n\n%s", mark, goal, paper.Escape(r.Checklist.Name), Counts(r))
	if r.Planned != nil {
		fmt.Fprintf(b, " · release %s is planned", paper.Escape(r.Planned.Release.String()))
	}
	fmt.Fprintf(b, " · checked at %s\n", r.Time.UTC().Format("2006-01-02 15:04 UTC"))
	for _, list := range []struct {
		what     string
		verdicts []*checklist.Verdict
	}{{"Failing", answer.Failing}, {"Waiting for", answer.Waiting}} {
		if len(list.verdicts) > 0 {
			fmt.Fprintf(b, "\n**%s:** %s\n", list.what, strings.Join(names(list.verdicts), ", "))
		}
	}
	if compared != nil {
		writeChanges(b, compared)
	}
	var trouble, fine, skipped [][]string
	for i := range r.Verdicts {
		v := &r.Verdicts[i]
		item := fmt.Sprintf("%s<br>`%s`", paper.Escape(v.Title), v.ID())
		switch v.State {
		case probe.StatePass:
			fine = append(fine, []string{item, paper.Escape(v.Detail)})
		case probe.StateSkip:
			skipped = append(skipped, []string{item, "`" + string(v.Reason) + "`", paper.Escape(v.Detail)})
		default:
			detail := paper.Escape(v.Detail)
			if v.Waived {
				detail += fmt.Sprintf("<br>waived by %s until %s: %s", paper.Escape(v.Waiver.Who()), lastDay(v.Waiver), paper.Escape(v.Waiver.Reason))
			}
			trouble = append(trouble, []string{paper.Mark(v.State) + " " + v.State.String(), item, "`" + string(v.Reason) + "`", detail, Commands(v.Fix)})
		}
	}
	markdownTable(b, []string{"State", "Item", "Reason", "Detail", "Fix"}, trouble)
	folded(b, "pass", []string{"Item", "Detail"}, fine)
	folded(b, "skip", []string{"Item", "Reason", "Detail"}, skipped)
}

// folded writes a collapsed table.
func folded(b *bytes.Buffer, what string, head []string, rows [][]string) {
	if len(rows) == 0 {
		return
	}
	fmt.Fprintf(b, "\n<details><summary>%d %s</summary>\n", len(rows), what)
	markdownTable(b, head, rows)
	b.WriteString("\n</details>\n")
}

func markdownTable(b *bytes.Buffer, head []string, rows [][]string) {
	if len(rows) == 0 {
		return
	}
	fmt.Fprintf(b, "\n| %s |\n|%s\n", strings.Join(head, " | "), strings.Repeat(" --- |", len(head)))
	for _, row := range rows {
		fmt.Fprintf(b, "| %s |\n", strings.Join(row, " | "))
	}
}

// Commands escapes a text of the checklist but keeps code between backquotes.
func Commands(text string) string {
	parts := strings.Split(text, "`")
	if len(parts)%2 == 0 { // unmatched backquote
		return paper.Escape(text)
	}
	var b strings.Builder
	for i, part := range parts {
		switch {
		case i%2 == 0:
			b.WriteString(paper.Escape(part))
		case strings.TrimSpace(part) == "":
		default:
			b.WriteString("`" + strings.ReplaceAll(phrase.Printable(part), "|", `\|`) + "`")
		}
	}
	return b.String()
}
