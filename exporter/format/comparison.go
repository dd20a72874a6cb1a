package format

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/checklist/paper"
	"github.com/thenexusengine/catalyst_exporter/exporter/ratchet"
	"github.com/thenexusengine/catalyst_exporter/probe/phrase"
)

// headOfComparison says what a report was compared with, and the result in numbers.
func headOfComparison(c *ratchet.Comparison) string {
	head := fmt.Sprintf("since %s: %d newly not ok, %d better, %d known", c.Since.UTC().Format("2006-01-02 15:04 UTC"),
		len(c.Failing)+len(c.Waiting), len(c.Better), len(c.Known))
	if n := len(c.Unjudged); n > 0 {
		head += fmt.Sprintf(", %d no longer judged", n)
	}
	if c.OtherChecklist {
		head += "; the checklist has changed since then"
	}
	return head
}

// changes lists the changes by what they mean.
func changes(c *ratchet.Comparison) [][2]string {
	var all [][2]string
	for _, list := range []struct {
		head    string
		changes []ratchet.Change
	}{{"newly failing", c.Failing}, {"newly waiting", c.Waiting}, {"better", c.Better}, {"no longer judged", c.Unjudged}} {
		for _, change := range list.changes {
			all = append(all, [2]string{list.head, phrase.Printable(change.Text())})
		}
	}
	return all
}

// WriteComparison writes what is new and what got better since the baseline.
func (t Table) WriteComparison(b *bytes.Buffer, c *ratchet.Comparison) {
	colour := "32"
	if !c.Held() {
		colour = "31"
	}
	fmt.Fprintf(b, "%s\n", t.paint("1;"+colour, headOfComparison(c)))
	for _, change := range changes(c) {
		t.entry(b, change[0], []string{change[1]})
	}
}

// writeChanges writes the comparison as Markdown.
func writeChanges(b *bytes.Buffer, c *ratchet.Comparison) {
	mark := "✅"
	if !c.Held() {
		mark = "❌"
	}
	head := headOfComparison(c)
	fmt.Fprintf(b, "\n**%s %s**\n", mark, paper.Escape(strings.ToUpper(head[:1])+head[1:]))
	if all := changes(c); len(all) > 0 {
		b.WriteByte('\n')
		for _, change := range all {
			fmt.Fprintf(b, "- %s: %s\n", change[0], paper.Escape(change[1]))
		}
	}
}
