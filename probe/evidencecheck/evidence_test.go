package evidencecheck

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/attest"
	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

const commitA, commitB = "0a1b2c3d4e5f60718293a4b5c6d7e8f901234567", "89abcdef0123456789abcdef0123456789abcdef"

// goTest returns the go test -json stream of one test.
func goTest(action string) string {
	at := time.Now().UTC().Format(time.RFC3339)
	return fmt.Sprintf(`{"Time":%q,"Action":"start","Package":"p"}
{"Time":%q,"Action":"run","Package":"p","Test":"TestX"}
{"Time":%q,"Action":%q,"Package":"p","Test":"TestX"}
{"Time":%q,"Action":%q,"Package":"p"}
`, at, at, at, action, at, action)
}

// plan appends a planned release to a deployment's records.
func plan(t *testing.T, root, commit string) {
	t.Helper()
	c, err := attest.OpenChain(filepath.Join(root, ".catalyst", "releases"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Append(attest.Record{Phase: attest.PhasePlanned, At: time.Now(), By: "x", Release: attest.ReleaseID{Version: "1", Commit: commit}}, false); err != nil {
		t.Fatal(err)
	}
}

func TestEvidence(t *testing.T) {
	at := func(commit, name string) string { return ".catalyst/evidence/" + commit + "/" + name }
	tests := []struct {
		name    string
		files   probetest.Folder
		planned string
		spec    string
		state   probe.State
		reason  probe.Reason
		value   *probe.Value
		want    float64
	}{
		{"tests pass", probetest.Folder{at(commitA, "tests.json"): goTest("pass")}, commitA, "{report: tests}", probe.StatePass, "", nil, 0},
		{"a test fails", probetest.Folder{at(commitA, "tests.json"): goTest("fail")}, commitA, "{report: tests}", probe.StateFail, "", nil, 0},
		{"of another commit", probetest.Folder{at(commitB, "tests.json"): goTest("pass")}, commitA, "{report: tests}", probe.StateFail, probe.ReasonOutdated, nil, 0},
		{"no release and no repository: only age", probetest.Folder{at(commitA, "tests.json"): goTest("pass")}, "", "{report: tests}",
			probe.StateWarn, "", nil, 0},
		{"none", nil, commitA, "{report: tests}", probe.StateFail, probe.ReasonMissing, nil, 0},
		{"empty", probetest.Folder{at(commitA, "tests.json"): ""}, commitA, "{report: tests}", probe.StateUnknown, probe.ReasonEmpty, nil, 0},
		{"truncated", probetest.Folder{at(commitA, "tests.json"): goTest("pass")[:150]}, commitA, "{report: tests}", 0, probe.ReasonTruncated,
			nil, 0},
		{"coverage", probetest.Folder{at(commitA, "coverage.out"): "mode: set\np/x.go:1.1,2.2 9 1\np/x.go:3.1,4.2 1 0\n"}, commitA, "{report: coverage}", 0, "", TestCoverage, 0.9},
		{"coverage too low", probetest.Folder{at(commitA, "coverage.out"): "mode: set\np/x.go:1.1,2.2 7 1\np/x.go:3.1,4.2 3 0\n"}, commitA, "{report: coverage}", probe.StateFail, probe.ReasonThreshold, TestCoverage, 0.7},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			root := tt.files.Write(t)
			if tt.planned != "" {
				plan(t, root, tt.planned)
			}
			r := probetest.Look(t, probetest.NewPass(t, nil, deployment.Settings{Root: root}), EvidenceKind(), tt.spec)
			if tt.state != 0 && r.State != tt.state || tt.reason != "" && r.Reason != tt.reason || tt.state == probe.StatePass && r.Reason != "" {
				t.Errorf("got %+v", r)
			}
			if tt.reason == probe.ReasonTruncated && r.State.OK() {
				t.Errorf("truncated report passes: %+v", r)
			}
			if tt.value != nil {
				if got, ok := probetest.Measured(r, tt.value); !ok || got != tt.want {
					t.Errorf("measured %v, %v", got, ok)
				}
			}
			if _, ok := probetest.Measured(r, EvidenceTime); ok != (len(tt.files) > 0) {
				t.Errorf("report age measured: %v", ok)
			}
		})
	}
}

// TestEvidence_SecretScanners uses scanner reports instead of scanning the repository.
func TestEvidence_SecretScanners(t *testing.T) {
	sarif := func(run string) string {
		return `{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"gitleaks"}},` + run + `}]}`
	}
	const ended = `"invocations":[{"executionSuccessful":true}],`
	found := `[{"RuleID":"github-pat","StartLine":3,"File":"a.env","Secret":"marked","Match":"marked","Commit":"` + commitA + `"}]`
	for _, tt := range []struct {
		name, file, text, commit string
		age                      time.Duration
		state                    probe.State
		reason                   probe.Reason
		detail                   string
	}{
		{"gitleaks, none", "secrets.json", "[]\n", commitA, time.Hour, probe.StatePass, probe.ReasonNone, "found nothing"},
		{"gitleaks, one", "secrets.json", found, commitA, time.Hour, probe.StateFail, probe.ReasonCommitted, "github-pat at a.env:3"},
		{"gitleaks, stale", "secrets.json", "[]\n", commitA, 31 * 24 * time.Hour, probe.StateFail, probe.ReasonStale, ""},
		{"gitleaks, of another commit", "secrets.json", "[]\n", commitB, time.Hour, probe.StateFail, probe.ReasonOutdated, ""},
		{"gitleaks, empty", "secrets.json", "", commitA, time.Hour, probe.StateUnknown, probe.ReasonEmpty, ""},
		{"gitleaks, truncated at the start", "secrets.json", "[", commitA, time.Hour, probe.StateUnknown, probe.ReasonInvalid, ""},
		{"gitleaks, truncated after a finding", "secrets.json", strings.TrimSuffix(found, "]") + ",", commitA, time.Hour,
			probe.StateFail, probe.ReasonCommitted, "report is truncated"},
		{"SARIF, none", "secrets.sarif", sarif(ended + `"results":[]`), commitA, time.Hour, probe.StatePass, probe.ReasonNone, "found nothing"},
		{"SARIF, one", "secrets.sarif", sarif(ended + `"results":[{"ruleId":"aws","message":{"text":"marked"}}]`), commitA, time.Hour, probe.StateFail, probe.ReasonCommitted, "aws"},
		{"SARIF, stale", "secrets.sarif", sarif(ended + `"results":[]`), commitA, 31 * 24 * time.Hour, probe.StateFail, probe.ReasonStale, ""},
		{"SARIF, of another commit", "secrets.sarif", sarif(ended + `"results":[]`), commitB, time.Hour, probe.StateFail, probe.ReasonOutdated, ""},
		{"SARIF, no run", "secrets.sarif", `{"version":"2.1.0","runs":[]}`, commitA, time.Hour, probe.StateUnknown, probe.ReasonEmpty, ""},
		{"SARIF, no end of the run", "secrets.sarif", sarif(`"results":[]`), commitA, time.Hour, probe.StateUnknown, probe.ReasonTruncated, ""},
		{"SARIF, truncated", "secrets.sarif", sarif(ended + `"results":[]`)[:90], commitA, time.Hour, probe.StateUnknown, probe.ReasonTruncated, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			name := ".catalyst/evidence/" + tt.commit + "/" + tt.file
			root := probetest.Folder{name: tt.text}.Write(t)
			at := time.Now().Add(-tt.age)
			if err := os.Chtimes(filepath.Join(root, name), at, at); err != nil {
				t.Fatal(err)
			}
			plan(t, root, commitA)
			r := probetest.Look(t, probetest.NewPass(t, nil, deployment.Settings{Root: root}), EvidenceKind(), "{report: secrets}")
			probetest.Expect(t, r, tt.state, tt.reason, tt.detail)
			probetest.HasNot(t, r, "marked")
			if n, ok := probetest.Measured(r, probe.SecretFindings); tt.reason == probe.ReasonCommitted && tt.file == "secrets.sarif" && (!ok || n != 1) {
				t.Errorf("measured %v, %v", n, ok)
			}
		})
	}
}
