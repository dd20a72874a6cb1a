package collector

import (
	"bytes"
	"cmp"
	"maps"
	"slices"
	"strconv"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/prometheus/common/version"

	"github.com/thenexusengine/catalyst_exporter/attest"
	"github.com/thenexusengine/catalyst_exporter/checklist"
	"github.com/thenexusengine/catalyst_exporter/collector/textformat"
	"github.com/thenexusengine/catalyst_exporter/kinds"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// This file is the metrics contract: names, help and labels of the samples of a report. Everything is a gauge. Labels
// hold names of the checklist and words of closed lists, never free text and never a value of the checked system.

func item(more ...string) []string { return append([]string{"category", "item"}, more...) }

// Families lists the metric families of a report, measured values last.
func Families() []textformat.Family {
	f := reportFamilies()
	for _, v := range kinds.Values() {
		f = append(f, textformat.Family{Name: v.Name, Help: v.Help, Labels: item(append([]string{"probe"}, v.Labels...)...)})
	}
	return f
}

// reportFamilies are those of every report, whatever its probes measure.
func reportFamilies() []textformat.Family {
	return []textformat.Family{
		{Name: "catalyst_check_ok", Labels: item(),
			Help: "Whether the item holds: 1 for pass, warn and pending, 0 for fail and unknown; absent for skip."},
		{Name: "catalyst_check_state", Labels: item("state", "reason"),
			Help: "Current state of the item and its reason; 1 for the current state only."},
		{Name: "catalyst_check_info", Labels: item("title", "severity", "required", "scope"),
			Help: "Description of the item from the checklist; always 1."},
		{Name: "catalyst_check_waived", Labels: item(),
			Help: "Whether the item has an active waiver."},
		{Name: "catalyst_check_due_timestamp_seconds", Labels: item(),
			Help: "When the due date of the item ends: until then its failure does not page; absent without a due date."},
		{Name: "catalyst_waiver_expiry_timestamp_seconds", Labels: item(),
			Help: "When the waiver of the item expires or expired."},
		{Name: "catalyst_waiver_unused", Labels: item(),
			Help: "Whether the waiver of the item is not needed: the item is ok without it."},
		{Name: "catalyst_check_duration_seconds", Labels: item(),
			Help: "Duration of the last runs of all probes of the item."},
		{Name: "catalyst_check_last_run_timestamp_seconds", Labels: item(),
			Help: "When the latest probe run of the item ended."},
		{Name: "catalyst_probe_ok", Labels: item("probe"),
			Help: "Whether the probe holds: 1 for pass, warn and pending, 0 for fail and unknown; absent for skip."},
		{Name: "catalyst_checks", Labels: []string{"category", "state"},
			Help: "Number of items by category and state."},
		{Name: "catalyst_category_ready", Labels: []string{"category"},
			Help: "Whether every required item of the category is ok or waived."},
		{Name: "catalyst_gate_ready", Labels: []string{"gate"},
			Help: "Whether every required item of the gate is ok or waived, and none is pending."},
		{Name: "catalyst_release_info", Labels: []string{"version", "commit", "phase"},
			Help: "The planned and the recorded release; always 1."},
		{Name: "catalyst_release_timestamp_seconds", Labels: []string{"phase"},
			Help: "When the planned release was planned and the recorded release was recorded."},
		{Name: "catalyst_ready",
			Help: "Whether every required standing item is ok or waived."},
		{Name: "catalyst_checklist_info", Labels: []string{"version", "digest"},
			Help: "Version of the exporter and digest of the checklist that judge the items; always 1."},
		{Name: "catalyst_checklist_document_unmatched",
			Help: "Number of items of the configured checklist document (deployment.documents.checklist) that no probe covers."},
	}
}

// NewWriter returns a writer for reports.
func NewWriter() *textformat.Writer { return textformat.NewWriter(Families()) }

// Text writes the report. The blocks are sorted by name and valid until the next use of w.
func (r *Report) Text(w *textformat.Writer, openMetrics bool) []textformat.Block {
	w.Reset(openMetrics)
	r.samples(w.Add)
	return w.Blocks()
}

// Gather returns the report as metric families, sorted by name, for formats that are not text. It implements
// prometheus.Gatherer.
func (r *Report) Gather() ([]*dto.MetricFamily, error) {
	var text bytes.Buffer
	for _, b := range r.Text(NewWriter(), false) {
		text.Write(b.Text)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	byName, err := parser.TextToMetricFamilies(&text)
	families := slices.Collect(maps.Values(byName))
	slices.SortFunc(families, func(a, b *dto.MetricFamily) int { return cmp.Compare(a.GetName(), b.GetName()) })
	return families, err
}

// adder takes one sample, see textformat.Writer.Add.
type adder func(name string, value float64, labels ...string)

// samples lists all samples of the report.
func (r *Report) samples(add adder) {
	labels := make([]string, 0, 16) // reused by all verdicts
	for i := range r.Verdicts {
		add.verdict(&r.Verdicts[i], labels)
	}
	for verdicts := r.Verdicts; len(verdicts) > 0; {
		var category []checklist.Verdict
		category, verdicts = firstCategory(verdicts)
		count := map[probe.State]int{}
		for i := range category {
			count[category[i].State]++
		}
		for _, s := range probe.States() {
			add("catalyst_checks", float64(count[s]), category[0].Category, s.String())
		}
		if r.Selection.All() {
			add("catalyst_category_ready", boolean(checklist.ReadyAll(category, false).Ready), category[0].Category)
		}
	}
	add.release("planned", r.Planned)
	add.release("recorded", r.Recorded)
	add("catalyst_checklist_info", 1, version.Version, r.Checklist.Digest)
	if r.Unmatched != nil {
		add("catalyst_checklist_document_unmatched", float64(*r.Unmatched))
	}
	if r.Selection.All() {
		add("catalyst_ready", boolean(r.Ready().Ready))
		for _, g := range r.Checklist.Gates {
			add("catalyst_gate_ready", boolean(r.Gate(g).Ready), g.Name)
		}
	}
}

func (add adder) verdict(v *checklist.Verdict, buffer []string) {
	of := append(buffer[:0], v.Category, v.Name)
	add("catalyst_check_state", 1, append(of, v.State.String(), string(v.Reason))...)
	add("catalyst_check_info", 1, append(of, v.Title, v.Severity, strconv.FormatBool(v.Required), v.Scope)...)
	add("catalyst_check_waived", boolean(v.Waived), of...)
	if !v.Due.IsZero() {
		add("catalyst_check_due_timestamp_seconds", seconds(v.Due), of...)
	}
	if v.Waiver != nil && v.Waiver.Problem == "" {
		add("catalyst_waiver_expiry_timestamp_seconds", seconds(v.Waiver.Expires), of...)
		add("catalyst_waiver_unused", boolean(v.Waived && v.State.OK()), of...)
	}
	if v.State.Answered() {
		add("catalyst_check_ok", boolean(v.State.OK()), of...)
	}
	if !v.LastRun.IsZero() {
		add("catalyst_check_duration_seconds", v.Duration.Seconds(), of...)
		add("catalyst_check_last_run_timestamp_seconds", seconds(v.LastRun), of...)
	}
	for _, o := range v.Outcomes {
		if o.Result.State.Answered() {
			add("catalyst_probe_ok", boolean(o.Result.State.OK()), append(of, o.Probe.Name)...)
		}
		for n, s := range o.Result.Samples {
			// The conformance test of the kinds ensures that a kind declares what it measures.
			declared := slices.Contains(o.Probe.Kind.Values, s.Value) && len(s.Labels) == len(s.Value.Labels)
			if declared && !repeats(o.Result.Samples[:n], s) {
				add(s.Value.Name, s.Number, append(append(of, o.Probe.Name), s.Labels...)...)
			}
		}
	}
}

// repeats reports whether an earlier sample has the same series: the first one counts.
func repeats(earlier []probe.Sample, s probe.Sample) bool {
	return slices.ContainsFunc(earlier, func(e probe.Sample) bool {
		return e.Value == s.Value && slices.Equal(e.Labels, s.Labels)
	})
}

func (add adder) release(phase string, r *attest.Release) {
	if r == nil {
		return
	}
	add("catalyst_release_info", 1, r.Release.Version, r.Release.Commit, phase)
	add("catalyst_release_timestamp_seconds", seconds(r.Since), phase)
}

func boolean(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }
