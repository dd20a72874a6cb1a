package format

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/checklist"
	"github.com/thenexusengine/catalyst_exporter/collector"
	evidence "github.com/thenexusengine/catalyst_exporter/evidence/report"
	"github.com/thenexusengine/catalyst_exporter/evidence/report/scanners"
	"github.com/thenexusengine/catalyst_exporter/evidence/report/stream"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// The results are what a reader of SARIF needs: rule, level, place, and what was accepted.
func TestEncodeSARIF(t *testing.T) {
	item := func(name string) *checklist.Item {
		return &checklist.Item{Category: "c", Name: name, Title: "Title of " + name, Fix: "Fix it.", Severity: "critical", Required: true}
	}
	failed := probe.Failed(probe.ReasonExposed, "two things are open").About(
		probe.Offender{ID: "a:5432", File: "deploy/docker compose.yml", Line: 7}, probe.Offender{ID: "b:6379"})
	verdict := func(name string, r probe.Result) checklist.Verdict {
		return checklist.Verdict{Item: item(name), State: r.State, Reason: r.Reason, Detail: r.Detail,
			Outcomes: []checklist.Outcome{{Probe: &checklist.Probe{Name: "declared"}, Result: r}}}
	}
	waived := verdict("accepted", probe.Failed(probe.ReasonMissing, "none"))
	waived.Waived, waived.Item.Waiver = true, &checklist.Waiver{Reason: "until the move"}
	r := &collector.Report{Time: time.Unix(1_700_000_000, 0), Checklist: &checklist.Checklist{}, Verdicts: []checklist.Verdict{
		verdict("ports", failed),
		verdict("good", probe.Passed("holds")),
		verdict("weak", probe.Warned(probe.ReasonWeak, "weak")),
		verdict("unseen", probe.NotChecked(probe.Unknownf(probe.ReasonUnreachable, "no response"))),
		waived,
	}}
	data, err := EncodeSARIF(r)
	if err != nil {
		t.Fatal(err)
	}
	readBySARIFReader(t, data)
	var log sarifLog
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&log); err != nil {
		t.Fatal(err)
	}
	run := log.Runs[0]
	if len(run.Tool.Driver.Rules) != 5 {
		t.Errorf("%d rules", len(run.Tool.Driver.Rules))
	}
	type result struct {
		rule, kind, level, file string
		line                    int
		suppressed              bool
	}
	var got []result
	fingerprints := map[string]bool{}
	for _, r := range run.Results {
		one := result{rule: r.RuleID, kind: r.Kind, level: r.Level, suppressed: len(r.Suppressions) > 0}
		if run.Tool.Driver.Rules[r.RuleIndex].ID != r.RuleID {
			t.Errorf("rule %d is not %s", r.RuleIndex, r.RuleID)
		}
		if len(r.Locations) > 0 {
			at := r.Locations[0].Physical
			one.file = at.Artifact.URI
			if at.Region != nil {
				one.line = at.Region.StartLine
			}
		}
		got = append(got, one)
		fingerprints[r.Fingerprints["item/v1"]+r.Fingerprints["offender/v1"]] = true
	}
	want := []result{
		{"c/ports", "fail", "error", "deploy/docker%20compose.yml", 7, false},
		{"c/ports", "fail", "error", "", 0, false},
		{"c/weak", "fail", "warning", "", 0, false},
		{"c/unseen", "open", "none", "", 0, false},
		{"c/accepted", "fail", "error", "", 0, true},
	}
	if len(got) != len(want) || len(fingerprints) != len(want) {
		t.Fatalf("%+v", got)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("result %d: %+v, want %+v", i, got[i], want[i])
		}
	}
}

// readBySARIFReader reads the results as evidence is read: complete, with four findings and a suppressed one.
func readBySARIFReader(t *testing.T, data []byte) {
	t.Helper()
	var r evidence.Report
	if err := scanners.SARIF(stream.New(bytes.NewReader(data), 1<<20), &r); err != nil {
		t.Fatal(err)
	}
	if !r.Complete() || r.Tool != "catalyst_exporter" || r.Counts.Findings != 4 || r.Counts.Suppressed != 1 {
		t.Errorf("read as %+v", r)
	}
}
