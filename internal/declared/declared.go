// Package declared checks queries against what the exporter declares: its metrics, their labels and the allowed label
// values, read from the generated reference (docs/metrics.md, docs/checks.schema.json) and the embedded checklist. The
// tests of package exporter keep the reference equal to the code, so an outdated metric, label or value in a shipped
// query is detected.
//
// Only test files import this package.
package declared

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
)

// Names is what queries may use.
type Names struct {
	Metrics map[string][]string // to their labels, without those that a scrape attaches
	Words   map[string][]string // allowed values of labels with a closed list
}

// Attached are the labels that the scrape configuration or /sd attaches to every series.
var Attached = []string{"job", "instance", "environment", "deployment"}

// Read reads the declarations; root is the repository.
func Read(t testing.TB, root string) Names {
	t.Helper()
	reference := read(t, filepath.Join(root, "docs/metrics.md"))
	n := Names{Metrics: Metrics(reference)}
	if len(n.Metrics) < 20 {
		t.Fatalf("only %d metrics in docs/metrics.md", len(n.Metrics))
	}
	var schema struct {
		Properties struct {
			Items struct {
				Items struct {
					Properties map[string]struct{ Enum []string }
				}
			}
		}
	}
	if err := json.Unmarshal([]byte(read(t, filepath.Join(root, "docs/checks.schema.json"))), &schema); err != nil {
		t.Fatal(err)
	}
	words := schema.Properties.Items.Items.Properties
	n.Words = map[string][]string{"required": {"true", "false"}, "phase": {"planned", "recorded"}}
	for _, label := range []string{"state", "reason", "severity", "scope"} {
		if n.Words[label] = words[label].Enum; len(n.Words[label]) < 2 {
			t.Fatalf("no list of words for %s in docs/checks.schema.json", label)
		}
	}
	checklist := read(t, filepath.Join(root, "checklist/catalyst.yaml"))
	for _, m := range regexp.MustCompile(`(?m)^\s*- category: ([a-z0-9_]+)$`).FindAllStringSubmatch(checklist, -1) {
		n.Words["category"] = append(n.Words["category"], m[1])
	}
	if len(n.Words["category"]) < 9 {
		t.Fatalf("only %d categories in the checklist", len(n.Words["category"]))
	}
	return n
}

func read(t testing.TB, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// Metrics parses the tables of the reference: metric to labels.
func Metrics(reference string) map[string][]string {
	all := map[string][]string{}
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\| (?:`([a-z_, ]+)`)? *\\|").FindAllStringSubmatch(reference, -1) {
		all[m[1]] = []string{}
		if m[2] != "" {
			all[m[1]] = strings.Split(m[2], ", ")
		}
	}
	return all
}

// With returns the names and additional metrics: those of Prometheus itself, of the rules, of the process.
func (n Names) With(more map[string][]string) Names {
	metrics := maps.Clone(n.Metrics)
	maps.Copy(metrics, more)
	return Names{metrics, n.Words}
}

var (
	quoted   = lazyregexp.New(`"(?:[^"\\]|\\.)*"`)
	metric   = lazyregexp.New(`\b(?:catalyst[_:][a-z_]+|up|ALERTS|scrape_[a-z_]+|process_[a-z_]+)\b`)
	selector = lazyregexp.New(`\b([a-zA-Z_:]+)\{([^}]*)\}`)
	matched  = lazyregexp.New(`([a-z_]+)(=~|!~|!=|=)"([^"]*)"`)
	grouping = lazyregexp.New(`(?:by|on) \(([a-z, ]+)\)`)
)

// Asked returns the metrics that a query names, in order.
func Asked(query string) []string {
	return metric.FindAllString(quoted.ReplaceAllString(query, `""`), -1)
}

// Check reports undeclared names in a query. Labels that a query groups by must exist on one of its metrics.
func (n Names) Check(query string) []string {
	var findings []string
	asked := Asked(query)
	for _, name := range asked {
		if _, ok := n.Metrics[name]; !ok {
			findings = append(findings, "no metric "+name)
		}
	}
	for _, s := range selector.FindAllStringSubmatch(query, -1) {
		for _, m := range matched.FindAllStringSubmatch(s[2], -1) {
			label, value := m[1], m[3]
			if !slices.Contains(Attached, label) && !slices.Contains(n.Metrics[s[1]], label) {
				findings = append(findings, fmt.Sprintf("%s has no label %s", s[1], label))
			}
			for word := range strings.SplitSeq(value, "|") {
				// Severity is also a label of alerts, with the same list.
				if list := n.Words[label]; list != nil && !strings.HasPrefix(word, "$") && !strings.HasPrefix(word, "%") && !slices.Contains(list, word) {
					findings = append(findings, fmt.Sprintf("%s is never %q", label, word))
				}
			}
		}
	}
	known := slices.Clone(Attached)
	for _, name := range asked {
		known = append(known, n.Metrics[name]...)
	}
	for _, g := range grouping.FindAllStringSubmatch(quoted.ReplaceAllString(query, ""), -1) {
		for label := range strings.SplitSeq(g[1], ",") {
			if label = strings.TrimSpace(label); !slices.Contains(known, label) {
				findings = append(findings, fmt.Sprintf("groups by %s, which none of its metrics has", label))
			}
		}
	}
	return findings
}
