package collector

import (
	"slices"
	"strconv"
	"time"

	dto "github.com/prometheus/client_model/go"

	"github.com/thenexusengine/catalyst_exporter/attest"
	"github.com/thenexusengine/catalyst_exporter/checklist"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// This file is the metrics contract: names, help and labels of what a report is exposed as. Everything is a gauge. Labels hold names of the
// checklist and words of closed lists, never free text and never a value of the checked system.

// Family declares a metric family of a report.
type Family struct {
	Name   string
	Help   string
	Labels []string
}

func item(more ...string) []string { return append([]string{"category", "item"}, more...) }

// Families lists the metric families of a report, measured values last.
func Families() []Family {
	f := reportFamilies()
	for _, v := range probe.Values() {
		f = append(f, Family{v.Name, v.Help, item(append([]string{"probe"}, v.Labels...)...)})
	}
	return f
}

// reportFamilies are those of every report, whatever its probes measure.
func reportFamilies() []Family {
	return []Family{
		{"catalyst_check_ok", "Whether the item holds: 1 for pass, warn and pending, 0 for fail and unknown; absent when skipped.", item()},
		{"catalyst_check_state", "The item's current state and its reason; 1 for the current state only.", item("state", "reason")},
		{"catalyst_check_info", "What the item is, as the checklist says.", item("title", "severity", "required", "scope")},
		{"catalyst_check_waived", "Whether an active waiver lets the item be as it is.", item()},
		{"catalyst_waiver_expiry_timestamp_seconds", "End of the item's waiver, also when it is over.", item()},
		{"catalyst_waiver_unused", "Whether the item's waiver is not needed: the item is ok without it.", item()},
		{"catalyst_check_duration_seconds", "Time that the last looks of the item's probes took.", item()},
		{"catalyst_check_last_run_timestamp_seconds", "End of the newest look at the item.", item()},
		{"catalyst_probe_ok", "Whether the probe holds: 1 for pass, warn and pending, 0 for fail and unknown; absent when it had nothing to look at.", item("probe")},
		{"catalyst_checks", "Number of items by category and state.", []string{"category", "state"}},
		{"catalyst_category_ready", "Whether every required item of the category is ok or waived.", []string{"category"}},
		{"catalyst_gate_ready", "Whether every required item of the gate is ok or waived, and none pending.", []string{"gate"}},
		{"catalyst_release_info", "The planned and the recorded release.", []string{"version", "commit", "phase"}},
		{"catalyst_release_timestamp_seconds", "When the release was planned, and when the one in force was recorded.", []string{"phase"}},
		{"catalyst_ready", "Whether every required standing item is ok or waived.", nil},
		{"catalyst_checklist_document_unmatched", "Number of items of the configured checklist document (deployment.documents.checklist) that no probe covers.", nil},
	}
}

// Gather renders the report as metric families, sorted by name. It implements prometheus.Gatherer.
func (r *Report) Gather() ([]*dto.MetricFamily, error) {
	x := newExposition()
	r.samples(x.add)
	return x.families(), nil
}

// adder takes one sample: the name of a declared family, the number, and the labels in the order of the declaration. It does not keep the labels.
type adder func(name string, number float64, labels ...string)

// samples gives away everything that the report is exposed as.
func (r *Report) samples(add adder) {
	labels := make([]string, 0, 16) // room for those of one sample
	for i := range r.Verdicts {
		add.verdict(&r.Verdicts[i], labels)
	}
	for verdicts := r.Verdicts; len(verdicts) > 0; {
		var of []checklist.Verdict
		of, verdicts = firstCategory(verdicts)
		count := map[probe.State]int{}
		for i := range of {
			count[of[i].State]++
		}
		for _, s := range probe.States() {
			add("catalyst_checks", float64(count[s]), of[0].Category, s.String())
		}
		if r.Selection.All() {
			add("catalyst_category_ready", truth(checklist.ReadyAll(of, false).Ready), of[0].Category)
		}
	}
	add.release("planned", r.Planned)
	add.release("recorded", r.Recorded)
	if r.Unmatched != nil {
		add("catalyst_checklist_document_unmatched", float64(*r.Unmatched))
	}
	if r.Selection.All() {
		add("catalyst_ready", truth(r.Ready().Ready))
		for _, g := range r.Checklist.Gates {
			add("catalyst_gate_ready", truth(r.Gate(g).Ready), g.Name)
		}
	}
}

func (add adder) verdict(v *checklist.Verdict, room []string) {
	of := append(room[:0], v.Category, v.Name)
	add("catalyst_check_state", 1, append(of, v.State.String(), string(v.Reason))...)
	add("catalyst_check_info", 1, append(of, v.Title, v.Severity, strconv.FormatBool(v.Required), v.Scope)...)
	add("catalyst_check_waived", truth(v.Waived), of...)
	if v.Waiver != nil {
		add("catalyst_waiver_expiry_timestamp_seconds", seconds(v.Waiver.Expires), of...)
		add("catalyst_waiver_unused", truth(v.Waived && v.State.OK()), of...)
	}
	if v.State.Answered() {
		add("catalyst_check_ok", truth(v.State.OK()), of...)
	}
	if !v.LastRun.IsZero() {
		add("catalyst_check_duration_seconds", v.Duration.Seconds(), of...)
		add("catalyst_check_last_run_timestamp_seconds", seconds(v.LastRun), of...)
	}
	for _, o := range v.Outcomes {
		if o.Result.State.Answered() {
			add("catalyst_probe_ok", truth(o.Result.State.OK()), append(of, o.Probe.Name)...)
		}
		for _, s := range o.Result.Samples {
			// A kind may only measure what it declares; the conformance test of the kinds keeps to that.
			if slices.Contains(o.Probe.Kind.Values, s.Value) && len(s.Labels) == len(s.Value.Labels) {
				add(s.Value.Name, s.Number, append(append(of, o.Probe.Name), s.Labels...)...)
			}
		}
	}
}

func (add adder) release(phase string, r *attest.Release) {
	if r == nil {
		return
	}
	add("catalyst_release_info", 1, r.Release.Version, r.Release.Commit, phase)
	add("catalyst_release_timestamp_seconds", seconds(r.Since), phase)
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }
