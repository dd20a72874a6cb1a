package selection

import (
	"strings"
	"testing"

	"github.com/thenexusengine/catalyst_exporter/checklist"
	"github.com/thenexusengine/catalyst_exporter/collector"
	"github.com/thenexusengine/catalyst_exporter/exporter/usage"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

const twoCategories = `
checklist: Test
gates:
  pre: {items: [files/twice, other]}
categories:
  - category: files
    items:
      - {item: once, title: Once, fix: Write it., probes: [file_content: {path: a}]}
      - {item: twice, title: Twice, fix: Write it., probes: [file_content: {path: a}]}
      - {item: optional, title: Optional, required: false, fix: Write it., probes: [file_content: {path: a}]}
  - category: more
    items:
      - {item: twice, title: Twice again, fix: Write it., probes: [file_content: {path: a}]}
      - {item: other, title: Other, scope: release, fix: Write it., probes: [file_content: {path: a}]}
`

func list(t *testing.T) *checklist.Checklist {
	t.Helper()
	c, err := checklist.Load(&checklist.Source{File: "list.yml", Data: []byte(twoCategories)}, checklist.Changes{})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestOf(t *testing.T) {
	for name, test := range map[string]struct {
		categories, items []string
		want              string // the selected IDs, or what the error contains
		fails             bool
	}{
		"everything":          {want: ""},
		"a category":          {categories: []string{"more"}, want: "more"},
		"an item":             {items: []string{"once"}, want: "files/once"},
		"an item with a twin": {items: []string{"more/twice"}, want: "more/twice"},
		"ambiguous":           {items: []string{"twice"}, want: "in several categories", fails: true},
		"misspelt item":       {items: []string{"onse"}, want: "once", fails: true},
		"misspelt category":   {categories: []string{"file"}, want: "files", fails: true},
	} {
		t.Run(name, func(t *testing.T) {
			sel, err := Of(list(t), test.categories, test.items)
			if test.fails {
				if _, isUsage := err.(usage.Error); !isUsage || !strings.Contains(err.Error(), test.want) {
					t.Errorf("%v, want a usage error with %q", err, test.want)
				}
				return
			}
			got := append([]string{}, sel.Categories...)
			for _, it := range sel.Items {
				got = append(got, it.ID())
			}
			if err != nil || strings.Join(got, " ") != test.want || sel.All() != (test.want == "") {
				t.Errorf("%v %v", got, err)
			}
		})
	}
}

// TestDecide judges one report in every way that a command or a request can ask for.
func TestDecide(t *testing.T) {
	c := list(t)
	states := map[string]probe.State{"files/once": probe.StatePass, "files/twice": probe.StateWarn, "files/optional": probe.StateFail,
		"more/twice": probe.StatePass, "more/other": probe.StateUnknown}
	r := &collector.Report{Checklist: c}
	for _, it := range c.Items() {
		r.Verdicts = append(r.Verdicts, checklist.Verdict{Item: it, State: states[it.ID()]})
	}
	optional := collector.Selection{Items: c.Find("optional")}
	for name, test := range map[string]struct {
		sel      collector.Selection
		gate     string
		optional bool
		blocks   string
	}{
		"readiness":                        {},
		"readiness with optional items":    {optional: true, blocks: "files/optional"},
		"a gate waits for release items":   {gate: "pre", blocks: "more/other"},
		"an optional item that was chosen": {sel: optional, blocks: "files/optional"},
		"a category":                       {sel: collector.Selection{Categories: []string{"files"}}},
	} {
		t.Run(name, func(t *testing.T) {
			whole := *r
			if !test.sel.All() {
				whole.Verdicts = nil
				for _, v := range r.Verdicts {
					if len(test.sel.Items) > 0 && v.Item == test.sel.Items[0] || len(test.sel.Categories) > 0 && v.Category == test.sel.Categories[0] {
						whole.Verdicts = append(whole.Verdicts, v)
					}
				}
			}
			a := Decide(&whole, test.sel, c.Gate(test.gate), test.optional)
			var blocks []string
			for _, v := range append(a.Failing, a.Waiting...) {
				blocks = append(blocks, v.ID())
			}
			if got := strings.Join(blocks, " "); got != test.blocks || a.Ready != (test.blocks == "") {
				t.Errorf("%q %v, want %q", got, a.Ready, test.blocks)
			}
		})
	}
}
