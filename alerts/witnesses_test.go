// The list of what notices the mutants: per rule the scenarios, in the order in which its mutants are tried on them.

package alerts

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// witnessFile has a line per rule and below it, after a tab, one per scenario. A scenario after "alone: " notices a recording
// rule by what other rules make of it, so that each mutant needs a run of its own.
const witnessFile = "testdata/witnesses.txt"

// witness is a scenario that notices some mutants of a rule.
type witness struct {
	scenario string
	alone    bool
}

func (w witness) String() string {
	if w.alone {
		return "alone: " + w.scenario
	}
	return w.scenario
}

// readWitnesses refuses rules and scenarios that there are not, and rules without any.
func readWitnesses(t testing.TB, scenarios []scenario, all []mutant) map[string][]witness {
	t.Helper()
	content, err := os.ReadFile(witnessFile)
	if err != nil {
		t.Fatal(err)
	}
	witnesses, rule := map[string][]witness{}, ""
	for line := range strings.Lines(string(content)) {
		line = strings.TrimSuffix(line, "\n")
		name, ok := strings.CutPrefix(line, "\t")
		if !ok {
			rule = line
			if witnesses[rule] != nil || !slices.ContainsFunc(all, func(m mutant) bool { return m.rule == rule }) {
				t.Errorf("%s: there is no rule %q to be broken, or it is there twice", witnessFile, rule)
			}
			continue
		}
		name, alone := strings.CutPrefix(name, "alone: ")
		if !slices.ContainsFunc(scenarios, func(s scenario) bool { return s.name == name }) {
			t.Fatalf("%s: there is no scenario %q", witnessFile, name)
		}
		witnesses[rule] = append(witnesses[rule], witness{name, alone})
	}
	return witnesses
}

func writeWitnesses(t testing.TB, witnesses map[string][]witness) {
	t.Helper()
	var list bytes.Buffer
	done := map[string]bool{}
	for _, m := range mutants(t) {
		if done[m.rule] || len(witnesses[m.rule]) == 0 {
			continue
		}
		done[m.rule] = true
		fmt.Fprintln(&list, m.rule)
		for _, w := range witnesses[m.rule] {
			fmt.Fprintf(&list, "\t%s\n", w)
		}
	}
	if err := os.MkdirAll(filepath.Dir(witnessFile), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(witnessFile, list.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// choose takes for each rule the scenario that notices most of its mutants, then the one that notices most of the rest; of equals
// the cheapest. Those that run mutants alone come last.
func (h *hunt) choose(all []mutant) map[string][]witness {
	var candidates []witness
	for _, alone := range []bool{false, true} {
		for _, s := range h.scenarios {
			candidates = append(candidates, witness{s.name, alone})
		}
	}
	rest := map[string][]mutant{}
	for _, m := range all {
		if len(h.found[m.name]) > 0 {
			rest[m.rule] = append(rest[m.rule], m)
		}
	}
	chosen := map[string][]witness{}
	for rule := range rest {
		for len(rest[rule]) > 0 {
			var best witness
			most := 0
			for _, w := range candidates {
				n := 0
				for _, m := range rest[rule] {
					if slices.Contains(h.found[m.name], w) {
						n++
					}
				}
				if n > most && (!w.alone || most == 0 || best.alone) {
					best, most = w, n
				}
			}
			chosen[rule] = append(chosen[rule], best)
			rest[rule] = slices.DeleteFunc(rest[rule], func(m mutant) bool { return slices.Contains(h.found[m.name], best) })
		}
	}
	return chosen
}
