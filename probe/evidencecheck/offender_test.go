package evidencecheck

import (
	"testing"

	"github.com/thenexusengine/catalyst_exporter/evidence"
	"github.com/thenexusengine/catalyst_exporter/evidence/report"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// TestResult_Offenders: the findings of a report that decides are offenders, unless the report lists only some of them.
func TestResult_Offenders(t *testing.T) {
	findings := []report.Finding{{Rule: "CVE-2099-1", Package: "a@v1", File: "go.mod", Line: 3, Severity: "high"}, {Rule: "errcheck", File: "a.go", Line: 7}}
	failed := evidence.Verdict{State: evidence.Fail, Reason: report.Threshold}
	for name, tt := range map[string]struct {
		verdict evidence.Verdict
		count   int
		want    []string
		unnamed bool
	}{
		"all listed":     {failed, 2, []string{"CVE-2099-1:a@v1:go.mod", "errcheck:a.go:7"}, false},
		"some listed":    {failed, 3, []string{"CVE-2099-1:a@v1:go.mod", "errcheck:a.go:7"}, true},
		"another reason": {evidence.Verdict{State: evidence.Fail, Reason: report.Stale}, 2, nil, false},
	} {
		e := evidence.Evidence{Name: "v.json", Report: report.Report{Findings: findings, Counts: report.Counts{Findings: tt.count}}}
		r := (&evidenceProbe{Report: string(report.Vulnerabilities)}).result(e, tt.verdict)
		var got []string
		for _, o := range r.Offenders {
			got = append(got, o.ID)
		}
		if len(got) != len(tt.want) || len(got) > 0 && (got[0] != tt.want[0] || got[1] != tt.want[1]) || r.Unnamed != tt.unnamed || r.State != probe.StateFail {
			t.Errorf("%s: %q, unnamed %v; %+v", name, got, r.Unnamed, r)
		}
	}
}
