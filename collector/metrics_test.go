package collector

import (
	"bytes"
	"math"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"

	"github.com/thenexusengine/catalyst_exporter/attest"
	"github.com/thenexusengine/catalyst_exporter/checklist"
	"github.com/thenexusengine/catalyst_exporter/kinds"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/tlscheck"
)

// The text of a report, parsed and encoded again by the reference encoder, is the same in both formats.
func TestReport_TextIsWhatTheReferenceEncoderWrites(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 123e6, time.UTC)
	kind := probe.Kind{Values: kinds.Values()}
	verdict := func(category, name, title string, state probe.State, reason probe.Reason, samples ...probe.Sample) checklist.Verdict {
		it := &checklist.Item{Category: category, Name: name, Title: title, Severity: "critical", Scope: "standing", Required: true}
		pr := &checklist.Probe{Name: "probe", Kind: kind}
		return checklist.Verdict{Item: it, State: state, Reason: reason, LastRun: now, Duration: 1234 * time.Microsecond,
			Outcomes: []checklist.Outcome{{Probe: pr, Result: probe.Result{State: state, Reason: reason, Samples: samples}}}}
	}
	waived := verdict("a", "waived", "Waived", probe.StateFail, probe.ReasonWeak)
	waived.Waiver, waived.Waived = &checklist.Waiver{Expires: now.AddDate(0, 1, 0)}, true
	seven := 7
	var numbers []checklist.Verdict
	for i, n := range []float64{0, 1, -1, 2, 0.1, 1e21, 1e20, 123456789, 1e-7, 1.7e9, math.Inf(1), math.Inf(-1), math.NaN(), math.Copysign(0, -1)} {
		numbers = append(numbers, verdict("numbers", string(rune('a'+i)), "N", probe.StatePass, probe.ReasonNone, tlscheck.CertificateNotAfter.Of(n, "file")))
	}
	all := append([]checklist.Verdict{
		waived,
		verdict("a", "escapes", "back\\slash \"quotes\"\nline \xff end", probe.StatePass, probe.ReasonNone),
		verdict("a", "skipped", "", probe.StateSkip, probe.ReasonNotConfigured),
		verdict("b", "twice", "Twice", probe.StateWarn, probe.ReasonExpiring, tlscheck.CertificateNotAfter.Of(1, "file"), tlscheck.CertificateNotAfter.Of(2, "file"), tlscheck.CertificateNotAfter.Of(3, "endpoint")),
	}, numbers...)
	list := &checklist.Checklist{Gates: []*checklist.Gate{{Name: "pre"}}}
	w := NewWriter() // one for all: nothing of an earlier report may remain
	for name, r := range map[string]*Report{
		"empty": {Checklist: list},
		"full": {Checklist: list, Verdicts: all, Unmatched: &seven,
			Planned: &attest.Release{Record: attest.Record{Release: attest.ReleaseID{Version: "1.2", Commit: "abc"}}, Since: now}},
		"filtered": {Checklist: list, Verdicts: all[:2], Selection: Selection{Categories: []string{"a"}}},
	} {
		for _, open := range []bool{false, true} {
			format := expfmt.NewFormat(expfmt.TypeTextPlain)
			if open {
				format = expfmt.NewFormat(expfmt.TypeOpenMetrics)
			}
			var want, got bytes.Buffer
			encoder := expfmt.NewEncoder(&want, format)
			families, err := r.Gather()
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range families {
				if err := encoder.Encode(f); err != nil {
					t.Fatal(err)
				}
			}
			for _, f := range r.Text(w, open) {
				got.Write(f.Text)
			}
			if got.String() != want.String() {
				t.Errorf("%s, OpenMetrics %v:\n%s\nwant\n%s", name, open, got.String(), want.String())
			}
		}
	}
}
