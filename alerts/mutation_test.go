// Every rule broken in every way: some scenario must notice each. testdata/witnesses.txt keeps which scenarios do, so that few
// runs of promtool decide. A new or changed rule needs the list anew:
//
//	go test ./alerts -run Mutation -update
//
// which tries every scenario (some minutes), and tells what none notices: write the one that is missing, or, where the change
// provably changes nothing, say why in equivalent.

package alerts

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/thenexusengine/catalyst_exporter/internal/parts"
)

// notices runs the scenario on a mutant alone. Whatever is not a failed expectation is an error.
func (s scenario) notices(t testing.TB, promtool string, m mutant) (bool, error) {
	dir, err := os.MkdirTemp("", "mutant")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(dir)
	output, err := s.run(t.Context(), dir, promtool, m.yaml(t))
	if err == nil {
		return false, nil
	}
	if !strings.Contains(output, "FAILED:") && !strings.Contains(output, "err: ") {
		return false, fmt.Errorf("%w: %s", err, output)
	}
	return true, nil
}

// TestMutantsHaveValidForm: what Prometheus would not load, no scenario needs to notice.
func TestMutantsHaveValidForm(t *testing.T) {
	promtool := parts.Need(t, "promtool")
	var all ruleFile
	names, rules := map[string]bool{}, map[string]string{}
	for i, m := range mutants(t) {
		content := fmt.Sprint(m.changed)
		if names[m.name] || rules[content] != "" {
			t.Errorf("%s: there are two of them, or it is %s", m.name, rules[content])
		}
		names[m.name], rules[content] = true, m.name
		all.Groups = append(all.Groups, m.file.Groups[0])
		g := &all.Groups[i]
		g.Name, g.Rules = fmt.Sprint(i), []rule{m.changed}
	}
	dir := t.TempDir()
	write(t, filepath.Join(dir, rulesFile), mutant{file: all}.yaml(t))
	if output, err := runTool(t.Context(), dir, promtool, "check", "rules", "--lint=none", rulesFile); err != nil {
		t.Errorf("%v\n%s", err, output)
	}
}

// hunt is one search for what notices which mutant.
type hunt struct {
	t         testing.TB
	promtool  string
	scenarios []scenario // cheapest first
	mu        sync.Mutex
	found     map[string][]witness // of mutants, by name
}

// newHunt returns the mutants that change something, and nothing found yet.
func newHunt(t testing.TB) (*hunt, []mutant) {
	h := &hunt{t: t, promtool: parts.Need(t, "promtool"), scenarios: shippedScenarios(t), found: map[string][]witness{}}
	slices.SortStableFunc(h.scenarios, func(a, b scenario) int { return cmp.Compare(a.effort, b.effort) })
	all, same := mutants(t), equivalent()
	for name, reason := range same {
		if !slices.ContainsFunc(all, func(m mutant) bool { return m.name == name }) {
			t.Errorf("equivalent: there is no mutant %q", name)
		}
		if !strings.HasSuffix(reason, ".") {
			t.Errorf("equivalent: %q wants a sentence, not %q", name, reason)
		}
	}
	return h, slices.DeleteFunc(all, func(m mutant) bool { return same[m.name] != "" || m.unwitnessed() })
}

func (h *hunt) note(name string, by witness) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.found[name] = append(h.found[name], by)
}

// together tries a litter on a scenario.
func (h *hunt) together(s scenario, litter []mutant) {
	noticed, err := s.noticedOf(h.t, h.promtool, litter)
	if err != nil {
		h.t.Error(err)
	}
	for name := range noticed {
		h.note(name, witness{s.name, false})
	}
}

// alone tries a mutant in the place of its rule, on which others hang.
func (h *hunt) alone(s scenario, m mutant) bool {
	noticed, err := s.notices(h.t, h.promtool, m)
	if err != nil {
		h.t.Errorf("%s: %s: %v", m.name, s.name, err)
	}
	if noticed {
		h.note(m.name, witness{s.name, true})
	}
	return noticed
}

// left are the mutants that nobody noticed yet.
func (h *hunt) left(all []mutant) []mutant {
	return slices.DeleteFunc(slices.Clone(all), func(m mutant) bool { return len(h.found[m.name]) > 0 })
}

// each runs what computes, as many at once as there are cores, and waits.
func each[T any](all []T, do func(T)) {
	var wait sync.WaitGroup
	for _, one := range all {
		release := core()
		wait.Go(func() {
			defer release()
			do(one)
		})
	}
	wait.Wait()
}

// run is one run of promtool: a litter on a scenario, or one mutant alone.
type run struct {
	scenario scenario
	litter   []mutant
	alone    bool
}

// most is how many mutants a run may hold, so that all cores have something to do.
const most = 120

// confirm tries each mutant on the witnesses of its rule, in their order, until one notices.
func (h *hunt) confirm(all []mutant, witnesses map[string][]witness) {
	byName := map[string]scenario{}
	for _, s := range h.scenarios {
		byName[s.name] = s
	}
	for place, more := 0, true; more; place++ {
		more = false
		litters, runs := map[string][]mutant{}, []run{}
		for _, m := range h.left(all) {
			if place >= len(witnesses[m.rule]) {
				continue
			}
			more = true
			w := witnesses[m.rule][place]
			if w.alone {
				runs = append(runs, run{byName[w.scenario], []mutant{m}, true})
				continue
			}
			litters[w.scenario] = append(litters[w.scenario], m)
		}
		for name, litter := range litters {
			for part := range slices.Chunk(litter, most) {
				runs = append(runs, run{byName[name], part, false})
			}
		}
		// The longest first, so that none runs by itself at the end.
		slices.SortFunc(runs, func(a, b run) int {
			return cmp.Compare(b.scenario.effort*len(b.litter), a.scenario.effort*len(a.litter))
		})
		each(runs, func(r run) {
			if r.alone {
				h.alone(r.scenario, r.litter[0])
			} else {
				h.together(r.scenario, r.litter)
			}
		})
	}
}

// search tries every mutant on every scenario, and alone what is not noticed by what its own rule does.
func (h *hunt) search(all []mutant) {
	for _, s := range h.scenarios {
		each(slices.Collect(slices.Chunk(all, most)), func(litter []mutant) { h.together(s, litter) })
		fmt.Fprintf(os.Stderr, "%d mutants unnoticed after: %s\n", len(h.left(all)), s.name)
	}
	each(h.left(all), func(m mutant) {
		for _, s := range h.scenarios {
			if m.shipped.Record != "" && h.alone(s, m) {
				return
			}
		}
	})
}

func TestMutation(t *testing.T) {
	t.Parallel()
	h, all := newHunt(t)
	if *update {
		h.search(all)
		for _, m := range h.left(all) {
			t.Errorf("%s: nobody notices", m.name)
		}
		writeWitnesses(t, h.choose(all))
		return
	}
	witnesses := readWitnesses(t, h.scenarios, all)
	h.confirm(all, witnesses)
	needed := map[string]bool{}
	for _, m := range all {
		if len(h.found[m.name]) == 0 {
			t.Errorf("%s: none of the scenarios listed for the rule in %s notices: run this test with -update", m.name, witnessFile)
			continue
		}
		needed[m.rule+h.found[m.name][0].String()] = true
	}
	for rule, list := range witnesses {
		for _, w := range list {
			if !needed[rule+w.String()] {
				t.Errorf("%s: %s: %s notices nothing that those before it do not: run this test with -update", witnessFile, rule, w)
			}
		}
	}
}

// unwitnessed reports whether the mutant changes what makes an upgrade a ticket: upgrade.test.yml notices most of these, but
// testdata/witnesses.txt does not list yet which. To list them, remove this and run this test with -update.
func (m mutant) unwitnessed() bool {
	const clause = `unless on (job, environment, deployment, category, item) catalyst:check_upgraded_timestamp_seconds{job="catalyst"}`
	switch m.rule {
	case "catalyst:checklist_last_seen_timestamp_seconds", "catalyst:check_upgraded_timestamp_seconds", "CatalystVerdictChangedByUpgrade":
		return true
	case "catalyst:check_drifted":
		return strings.Count(m.changed.Expr, clause) < 2 && !strings.Contains(m.name, " of or at ")
	}
	return false
}

// equivalent are the mutants that change nothing, each with the reason.
func equivalent() map[string]string {
	const unseen = "Whoever is in another state is taken out by the unless that follows; the matcher only spares Prometheus the reading."
	return map[string]string{
		`CatalystCheckUnknown: drop state="unknown" at catalyst_check_state`:          unseen,
		`CatalystCheckUnknown: drop state="unknown" at catalyst_check_state (2)`:      unseen,
		`CatalystCheckSkipped: drop state="skip" at catalyst_check_state`:             unseen,
		`CatalystNotConfigured: drop reason="not_configured" at catalyst_check_state`: "Whoever has another reason is taken out by the unless that follows.",
		`CatalystReplicasDisagree: > becomes != at catalyst_check_state`:              "A count of what is there is never below 1.",
		`CatalystExporterDown critical: window 1d becomes 172800s at up (2)`:          "After a day the exporter itself is not missed any more.",
		`CatalystExporterDown critical: window 1d becomes 864000s at up (2)`:          "After a day the exporter itself is not missed any more.",
		`CatalystWatchdog: 1 becomes 2`:                                               "An alert fires for any value, and its text does not tell it.",
		`CatalystWatchdog: 1 becomes 0`:                                               "An alert fires for any value, and its text does not tell it.",
	}
}
