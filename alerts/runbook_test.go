// The runbook: every link of an alert and every link inside it arrives, and every section says what a person needs.

package alerts

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

var update = flag.Bool("update", false, "write anew what is made: the fixes in docs/runbook.md, the list in testdata/mutants.txt")

const (
	runbookURL  = "https://github.com/thenexusengine/catalyst_exporter/blob/main/docs/runbook.md#"
	runbookFile = "../docs/runbook.md"
)

// sections cuts a Markdown document at its headings: anchor, as GitHub makes it, to text.
func sections(document string) map[string]string {
	all := map[string]string{}
	anchor, code := "", false
	for line := range strings.Lines(document) {
		if strings.HasPrefix(line, "```") {
			code = !code
		}
		if m := regexp.MustCompile(`^#+ (.+)\n`).FindStringSubmatch(line); m != nil && !code {
			anchor = regexp.MustCompile(`[^\p{L}\p{N} _-]`).ReplaceAllString(strings.ToLower(m[1]), "")
			anchor = strings.ReplaceAll(anchor, " ", "-")
			for n, base := 1, anchor; ; n++ {
				if _, taken := all[anchor]; !taken {
					break
				}
				anchor = fmt.Sprintf("%s-%d", base, n)
			}
		}
		all[anchor] += line
	}
	return all
}

func TestSections(t *testing.T) {
	got := sections("# A b, c!\nx\n## d_e\n```\n# no heading\n```\n## d_e\n")
	for _, anchor := range []string{"a-b-c", "d_e", "d_e-1"} {
		if got[anchor] == "" {
			t.Errorf("no section %s in %v", anchor, got)
		}
	}
	if len(got) != 3 {
		t.Errorf("%d sections, want 3: %v", len(got), got)
	}
}

func runbook(t testing.TB) (string, map[string]string) {
	t.Helper()
	content, err := os.ReadFile(runbookFile)
	if err != nil {
		t.Fatal(err)
	}
	return string(content), sections(string(content))
}

func TestRunbookOfAlerts(t *testing.T) {
	_, all := runbook(t)
	for _, r := range parsed(t).alerts() {
		anchor, ok := strings.CutPrefix(r.Annotations["runbook_url"], runbookURL)
		if !ok || anchor != strings.ToLower(r.Alert) || all[anchor] == "" {
			t.Errorf("%s: runbook_url %q leads nowhere", r.Alert, r.Annotations["runbook_url"])
		}
		for _, part := range []string{"**Means** ", "**Look first** ", "**Do** ", "**Silence** "} {
			if !strings.Contains(all[anchor], part) {
				t.Errorf("%s: its section lacks %s", r.Alert, part)
			}
		}
		if fix := r.Annotations["fix_url"]; fix != "" && fix != runbookURL+"{{ $labels.item }}" {
			t.Errorf("%s: fix_url %q", r.Alert, fix)
		}
	}
}

// fixes are the items of the embedded checklist and how each is fixed.
func fixes(t testing.TB) map[string]string {
	t.Helper()
	content, err := os.ReadFile("../checklist/catalyst.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var checklist struct {
		Categories []struct{ Items []struct{ Item, Fix string } }
	}
	if err := yaml.Unmarshal(content, &checklist); err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, c := range checklist.Categories {
		for _, it := range c.Items {
			all[it.Item] = strings.TrimSpace(it.Fix)
		}
	}
	return all
}

// fixLine is the line of an item's section that comes from the checklist; the rest of the section is written by hand.
var fixLine = regexp.MustCompile(`(?m)^(#### ([a-z0-9_]+)\n\n.*\n\n)(- Fix: .*\n)?`)

// TestRunbookOfItems: fix_url ends in the item's id, so every item of the checklist needs a section by that name, which
// begins with the checklist's own words. With -update it writes these.
func TestRunbookOfItems(t *testing.T) {
	document, _ := runbook(t)
	head, rest, begun := strings.Cut(document, "<!-- items: begin -->")
	rest, tail, ended := strings.Cut(rest, "<!-- items: end -->")
	if !begun || !ended {
		t.Fatal("the marks around the items are gone")
	}
	fix := fixes(t)
	if len(fix) != 75 {
		t.Errorf("%d items, the catalogue has 75", len(fix))
	}
	var items []string
	made := fixLine.ReplaceAllStringFunc(rest, func(found string) string {
		m := fixLine.FindStringSubmatch(found)
		items = append(items, m[2])
		return m[1] + "- Fix: " + fix[m[2]] + "\n"
	})
	if *update {
		if err := os.WriteFile(runbookFile, []byte(head+"<!-- items: begin -->"+made+"<!-- items: end -->"+tail), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if made != rest {
		t.Error("docs/runbook.md does not say what the checklist says: go test ./alerts -run Runbook -update")
	}
	_, all := runbook(t)
	for item, fix := range fix {
		if fix == "" || strings.Contains(fix, "\n") {
			t.Errorf("item %s: its fix %q is not a line", item, fix)
		}
		if !slices.Contains(items, item) {
			t.Errorf("item %s of the checklist has no section", item)
		}
		for _, part := range []string{"\n- Fix: " + fix + "\n", "\n- Look: ", "\n- Do: "} {
			if !strings.Contains(all[item], part) {
				t.Errorf("item %s: its section lacks %q", item, part)
			}
		}
	}
	if len(items) != len(fix) {
		t.Errorf("%d sections of items for %d items", len(items), len(fix))
	}
}

func TestRunbooksLinks(t *testing.T) {
	document, all := runbook(t)
	links := regexp.MustCompile(`\]\(([^)]+)\)`).FindAllStringSubmatch(document, -1)
	if len(links) < 20 {
		t.Errorf("only %d links", len(links))
	}
	for _, m := range links {
		if anchor, ok := strings.CutPrefix(m[1], "#"); !ok || all[anchor] == "" {
			t.Errorf("link %s leads nowhere", m[1])
		}
	}
}
