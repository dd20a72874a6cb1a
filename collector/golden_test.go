package collector

import (
	"flag"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/common/expfmt"

	"github.com/thenexusengine/catalyst_exporter/attest"
	"github.com/thenexusengine/catalyst_exporter/checklist"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/backupcheck"
	"github.com/thenexusengine/catalyst_exporter/probe/envfile"
	"github.com/thenexusengine/catalyst_exporter/probe/nginxcheck"
	"github.com/thenexusengine/catalyst_exporter/probe/tlscheck"
)

// The golden scrape is the metrics contract by example: a small report with every state, waivers, measured values and releases.
// `go test ./collector -run Golden -update` rewrites it; a person reads the difference.

var update = flag.Bool("update", false, "rewrite the golden files")

const golden = "testdata/golden.prom"

// entryOf is one item of the fixed report and the results of its probes.
type entryOf struct {
	category, name, severity, scope string
	optional                        bool
	disabled                        string
	waiver                          *checklist.Waiver
	results                         []probe.Result
}

// fixedReport is a report with one of everything, judged by the real rules at a fixed time.
func fixedReport(sel func(*checklist.Checklist) Selection) *Report {
	now := time.Date(2026, 11, 23, 12, 0, 0, 500e6, time.UTC)
	waiver := func(ends time.Time) *checklist.Waiver {
		return &checklist.Waiver{Reason: "free text, not for labels", By: "ops", Expires: ends}
	}
	found := func(state probe.State, reason probe.Reason, samples ...probe.Sample) probe.Result {
		return probe.Result{State: state, Reason: reason, Detail: "a detail, not for labels", Samples: samples}
	}
	list := &checklist.Checklist{Name: "golden"}
	var verdicts []checklist.Verdict
	undeclared := &probe.Value{Name: "catalyst_undeclared"}
	kind := probe.Kind{Name: "fake", Layer: probe.LayerDeclared, Values: []*probe.Value{tlscheck.CertificateNotAfter, backupcheck.Size, envfile.EnvPlaceholders}}
	for _, e := range []entryOf{
		{category: "security", name: "passing", severity: checklist.Critical, results: []probe.Result{
			found(probe.StatePass, "", tlscheck.CertificateNotAfter.Of(1.8e9, "file"), tlscheck.CertificateNotAfter.Of(1.8e9+0.25, "endpoint"),
				tlscheck.CertificateNotAfter.Of(1, "file"),                   // measured twice: the first counts
				tlscheck.CertificateNotAfter.Of(1),                           // no label: dropped
				probe.Sample{Value: undeclared, Number: 1},                   // not declared by its kind: dropped
				probe.Sample{Value: nginxcheck.TrafficWeight, Number: 0.25}), // declared by another kind: dropped
			found(probe.StateSkip, probe.ReasonNotConfigured)}},
		{category: "security", name: "weak", severity: checklist.Warning, results: []probe.Result{found(probe.StatePass, ""), found(probe.StateWarn, probe.ReasonWeak, envfile.EnvPlaceholders.Of(0))}},
		{category: "security", name: "failing", severity: checklist.Critical, results: []probe.Result{found(probe.StateWarn, probe.ReasonWeak), found(probe.StateFail, probe.ReasonPlaceholder, envfile.EnvPlaceholders.Of(3))}},
		{category: "security", name: "failing_waived", severity: checklist.Critical, waiver: waiver(now.Add(24 * time.Hour)), results: []probe.Result{found(probe.StateFail, probe.ReasonMissing)}},
		{category: "security", name: "failing_waiver_lapsed", severity: checklist.Critical, waiver: waiver(now), results: []probe.Result{found(probe.StateFail, probe.ReasonMissing)}},
		{category: "backup", name: "waiver_unused", severity: checklist.Info, waiver: waiver(now.Add(time.Millisecond)), results: []probe.Result{found(probe.StatePass, "", backupcheck.Size.Of(0, "local"))}},
		{category: "backup", name: "waiting", severity: checklist.Critical, scope: checklist.Release, results: []probe.Result{found(probe.StatePending, probe.ReasonInProgress)}},
		{category: "backup", name: "unseen", severity: checklist.Critical, results: []probe.Result{found(probe.StateUnknown, probe.ReasonTimeout)}},
		{category: "backup", name: "nothing_configured", severity: checklist.Warning, optional: true, results: []probe.Result{found(probe.StateSkip, probe.ReasonNotConfigured)}},
		{category: "backup", name: "switched_off", severity: checklist.Warning, disabled: "a reason, not for labels", results: []probe.Result{found(probe.StateSkip, probe.ReasonDisabled)}},
		{category: "documents", name: "passing_waiver_lapsed", severity: checklist.Info, optional: true, waiver: waiver(now.Add(-time.Second)), results: []probe.Result{found(probe.StatePass, "")}},
		{category: "documents", name: "fine", severity: checklist.Warning, results: []probe.Result{found(probe.StatePass, "")}},
	} {
		if n := len(list.Categories); n == 0 || list.Categories[n-1].Name != e.category {
			list.Categories = append(list.Categories, &checklist.Category{Name: e.category, Title: e.category})
		}
		cat := list.Categories[len(list.Categories)-1]
		it := &checklist.Item{Category: e.category, Name: e.name, Title: `Title "of" <` + e.name + `>\`, Severity: e.severity, Scope: e.scope, Required: !e.optional, Disabled: e.disabled, Waiver: e.waiver}
		if it.Scope == "" {
			it.Scope = checklist.Standing
		}
		cat.Items = append(cat.Items, it)
		var outcomes []checklist.Outcome
		for i, result := range e.results {
			o := checklist.Outcome{Probe: &checklist.Probe{Name: []string{"first", "second"}[i], Kind: kind}, Result: result}
			if result.State.Answered() {
				o.LastRun, o.Duration = now.Add(-time.Duration(i+1)*time.Second), time.Duration(i+1)*125*time.Millisecond
			}
			outcomes = append(outcomes, o)
		}
		verdicts = append(verdicts, it.Judge(outcomes, now))
	}
	list.Gates = []*checklist.Gate{{Name: "pre", Items: list.Categories[0].Items}, {Name: "post", Items: list.Categories[2].Items}, {Name: "empty"}}
	r := &Report{Time: now, Checklist: list, Selection: sel(list)}
	for _, v := range verdicts {
		if r.Selection.has(v.Item) {
			r.Verdicts = append(r.Verdicts, v)
		}
	}
	r.Planned = &attest.Release{Record: attest.Record{Release: attest.ReleaseID{Version: "1.5.0", Commit: "0a1b2c3"}, By: "a name, not for labels"}, Since: now.Add(-time.Hour)}
	r.Recorded = &attest.Release{Record: attest.Record{Release: attest.ReleaseID{Version: "1.4.0", Commit: "d4e5f60"}}, Since: now.Add(-30 * 24 * time.Hour)}
	return r
}

func everything(*checklist.Checklist) Selection { return Selection{} }

// render writes families as a scrape would.
func render(t *testing.T, g prometheus.Gatherer) string {
	t.Helper()
	families, err := g.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, f := range families {
		if _, err := expfmt.MetricFamilyToText(&b, f); err != nil {
			t.Fatal(err)
		}
	}
	return b.String()
}

func TestGoldenScrape(t *testing.T) {
	// Gatherers sort the samples as a registry does, and refuse inconsistent ones.
	sorted := prometheus.Gatherers{fixedReport(everything)}
	if *update {
		if err := os.WriteFile(golden, []byte(render(t, sorted)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.Open(golden)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = want.Close() }()
	if err := testutil.GatherAndCompare(sorted, want); err != nil {
		t.Error(err)
	}
	if problems, err := testutil.GatherAndLint(sorted); err != nil || len(problems) > 0 {
		t.Errorf("lint: %v, %v", problems, err)
	}
}

// Nothing depends on the order of a map.
func TestGoldenScrape_IsStable(t *testing.T) {
	first := render(t, fixedReport(everything))
	for range 50 {
		if again := render(t, fixedReport(everything)); again != first {
			t.Fatalf("first\n%s\nthen\n%s", first, again)
		}
	}
}

// A probe that is disabled with its item is neither ok nor failing.
func TestGoldenScrape_DisabledItemRunsNoProbes(t *testing.T) {
	f := &fake{run: passes}
	c := newCollector(t, entry{category: "a", name: "x", probe: f}, entry{category: "a", name: "derived", derived: always{}})
	defer c.Close()
	for _, it := range c.list.Items() {
		it.Disabled = "not used here"
	}
	r := c.Collect(t.Context(), Selection{}, true)
	for _, v := range r.Verdicts {
		want(t, v, probe.StateSkip, probe.ReasonDisabled)
		if len(v.Outcomes) != 1 || v.Outcomes[0].Result.State != probe.StateSkip || v.Outcomes[0].Result.Reason != probe.ReasonDisabled || v.Outcomes[0].Result.Detail != "not used here" {
			t.Errorf("%s: %+v", v.Name, v.Outcomes)
		}
	}
	if text := render(t, r); strings.Contains(text, "catalyst_probe_ok{") || strings.Contains(text, "catalyst_check_ok{") {
		t.Errorf("a disabled item is ok or failing:\n%s", text)
	}
	if n := f.runs.Load(); n != 0 {
		t.Errorf("ran %d times", n)
	}
}

// always is a derived probe that passes.
type always struct{}

func (always) Judge(probe.Verdicts) probe.Result { return probe.Passed("seen") }

// Items that are left out must not count as ready.
func TestGoldenScrape_Filtered(t *testing.T) {
	filters := map[string]func(*checklist.Checklist) Selection{
		"by category": func(*checklist.Checklist) Selection { return Selection{Categories: []string{"documents"}} },
		"by item": func(l *checklist.Checklist) Selection {
			return Selection{Items: []*checklist.Item{l.Categories[2].Items[1]}}
		},
	}
	wantItems := map[string]int{"by category": 2, "by item": 1}
	for name, sel := range filters {
		families, err := fixedReport(sel).Gather()
		if err != nil {
			t.Fatal(err)
		}
		has := map[string]int{}
		for _, f := range families {
			has[f.GetName()] = len(f.GetMetric())
		}
		for _, never := range []string{"catalyst_ready", "catalyst_gate_ready", "catalyst_category_ready"} {
			if has[never] > 0 {
				t.Errorf("%s: %s is in a filtered scrape", name, never)
			}
		}
		if has["catalyst_check_ok"] != wantItems[name] || has["catalyst_checks"] != 6 {
			t.Errorf("%s: %v", name, has)
		}
	}
}
