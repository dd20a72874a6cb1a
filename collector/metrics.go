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
	f := []Family{
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
	}
	f = append(f, Family{"catalyst_checklist_document_unmatched", "Number of items of the configured checklist document (deployment.documents.checklist) that no probe covers.", nil})
	for _, v := range probe.Values() {
		f = append(f, Family{v.Name, v.Help, item(append([]string{"probe"}, v.Labels...)...)})
	}
	return f
}

// Gather renders the report as metric families, sorted by name. It implements prometheus.Gatherer.
func (r *Report) Gather() ([]*dto.MetricFamily, error) {
	x := newExposition()
	for i := range r.Verdicts {
		x.verdict(&r.Verdicts[i], r.Time)
	}
	for _, cat := range r.Checklist.Categories {
		verdicts := r.Category(cat.Name)
		if len(verdicts) == 0 {
			continue
		}
		count := map[probe.State]int{}
		for _, v := range verdicts {
			count[v.State]++
		}
		for _, s := range probe.States() {
			x.add("catalyst_checks", float64(count[s]), cat.Name, s.String())
		}
		if r.Selection.All() {
			x.add("catalyst_category_ready", truth(checklist.ReadyAll(verdicts, false).Ready), cat.Name)
		}
	}
	x.release("planned", r.Planned)
	x.release("recorded", r.Recorded)
	if r.Unmatched != nil {
		x.add("catalyst_checklist_document_unmatched", float64(*r.Unmatched))
	}
	if r.Selection.All() {
		x.add("catalyst_ready", truth(r.Ready().Ready))
		for _, g := range r.Checklist.Gates {
			x.add("catalyst_gate_ready", truth(r.Gate(g).Ready), g.Name)
		}
	}
	return x.families(), nil
}

func (x *exposition) verdict(v *checklist.Verdict, now time.Time) {
	x.add("catalyst_check_state", 1, v.Category, v.Name, v.State.String(), string(v.Reason))
	x.add("catalyst_check_info", 1, v.Category, v.Name, v.Title, v.Severity, strconv.FormatBool(v.Required), v.Scope)
	x.add("catalyst_check_waived", truth(v.Waived), v.Category, v.Name)
	if v.Waiver != nil {
		x.add("catalyst_waiver_expiry_timestamp_seconds", seconds(v.Waiver.Expires), v.Category, v.Name)
		x.add("catalyst_waiver_unused", truth(v.Waived && v.State.OK()), v.Category, v.Name)
	}
	if v.State.Answered() {
		x.add("catalyst_check_ok", truth(v.State.OK()), v.Category, v.Name)
	}
	if !v.LastRun.IsZero() {
		x.add("catalyst_check_duration_seconds", v.Duration.Seconds(), v.Category, v.Name)
		x.add("catalyst_check_last_run_timestamp_seconds", seconds(v.LastRun), v.Category, v.Name)
	}
	for _, o := range v.Outcomes {
		if o.Result.State.Answered() {
			x.add("catalyst_probe_ok", truth(o.Result.State.OK()), v.Category, v.Name, o.Probe.Name)
		}
		for _, s := range o.Result.Samples {
			// A kind may only measure what it declares; the conformance test of the kinds keeps to that.
			if slices.Contains(o.Probe.Kind.Values, s.Value) && len(s.Labels) == len(s.Value.Labels) {
				x.add(s.Value.Name, s.Number, append([]string{v.Category, v.Name, o.Probe.Name}, s.Labels...)...)
			}
		}
	}
}

func (x *exposition) release(phase string, r *attest.Release) {
	if r == nil {
		return
	}
	x.add("catalyst_release_info", 1, r.Release.Version, r.Release.Commit, phase)
	x.add("catalyst_release_timestamp_seconds", seconds(r.Since), phase)
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }
