package probe

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/attest"
	"github.com/thenexusengine/catalyst_exporter/deployment"
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
		files   folder
		planned string
		spec    string
		state   State
		reason  Reason
		value   *Value
		want    float64
	}{
		{"tests pass", folder{at(commitA, "tests.json"): goTest("pass")}, commitA, "{report: tests}", StatePass, "", nil, 0},
		{"a test fails", folder{at(commitA, "tests.json"): goTest("fail")}, commitA, "{report: tests}", StateFail, "", nil, 0},
		{"of another commit", folder{at(commitB, "tests.json"): goTest("pass")}, commitA, "{report: tests}", StateFail, ReasonOutdated, nil, 0},
		{"no release and no repository: only age", folder{at(commitA, "tests.json"): goTest("pass")}, "", "{report: tests}",
			StateWarn, "", nil, 0},
		{"none", nil, commitA, "{report: tests}", StateFail, ReasonMissing, nil, 0},
		{"empty", folder{at(commitA, "tests.json"): ""}, commitA, "{report: tests}", StateUnknown, ReasonEmpty, nil, 0},
		{"truncated", folder{at(commitA, "tests.json"): goTest("pass")[:150]}, commitA, "{report: tests}", 0, ReasonTruncated,
			nil, 0},
		{"coverage", folder{at(commitA, "coverage.out"): "mode: set\np/x.go:1.1,2.2 9 1\np/x.go:3.1,4.2 1 0\n"}, commitA, "{report: coverage}", 0, "", TestCoverage, 0.9},
		{"coverage too low", folder{at(commitA, "coverage.out"): "mode: set\np/x.go:1.1,2.2 7 1\np/x.go:3.1,4.2 3 0\n"}, commitA, "{report: coverage}", StateFail, ReasonThreshold, TestCoverage, 0.7},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			root := tt.files.write(t)
			if tt.planned != "" {
				plan(t, root, tt.planned)
			}
			r := look(t, newPass(t, nil, deployment.Settings{Root: root}), evidenceKind(), tt.spec)
			if tt.state != 0 && r.State != tt.state || tt.reason != "" && r.Reason != tt.reason || tt.state == StatePass && r.Reason != "" {
				t.Errorf("got %+v", r)
			}
			if tt.reason == ReasonTruncated && r.State.OK() {
				t.Errorf("truncated report passes: %+v", r)
			}
			if tt.value != nil {
				if got, ok := measured(r, tt.value); !ok || got != tt.want {
					t.Errorf("measured %v, %v", got, ok)
				}
			}
			if _, ok := measured(r, EvidenceTime); ok != (len(tt.files) > 0) {
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
		state                    State
		reason                   Reason
		detail                   string
	}{
		{"gitleaks, none", "secrets.json", "[]\n", commitA, time.Hour, StatePass, ReasonNone, "found nothing"},
		{"gitleaks, one", "secrets.json", found, commitA, time.Hour, StateFail, ReasonCommitted, "github-pat at a.env:3"},
		{"gitleaks, stale", "secrets.json", "[]\n", commitA, 31 * 24 * time.Hour, StateFail, ReasonStale, ""},
		{"gitleaks, of another commit", "secrets.json", "[]\n", commitB, time.Hour, StateFail, ReasonOutdated, ""},
		{"gitleaks, empty", "secrets.json", "", commitA, time.Hour, StateUnknown, ReasonEmpty, ""},
		{"gitleaks, truncated at the start", "secrets.json", "[", commitA, time.Hour, StateUnknown, ReasonInvalid, ""},
		{"gitleaks, truncated after a finding", "secrets.json", strings.TrimSuffix(found, "]") + ",", commitA, time.Hour,
			StateFail, ReasonCommitted, "report is truncated"},
		{"SARIF, none", "secrets.sarif", sarif(ended + `"results":[]`), commitA, time.Hour, StatePass, ReasonNone, "found nothing"},
		{"SARIF, one", "secrets.sarif", sarif(ended + `"results":[{"ruleId":"aws","message":{"text":"marked"}}]`), commitA, time.Hour, StateFail, ReasonCommitted, "aws"},
		{"SARIF, stale", "secrets.sarif", sarif(ended + `"results":[]`), commitA, 31 * 24 * time.Hour, StateFail, ReasonStale, ""},
		{"SARIF, of another commit", "secrets.sarif", sarif(ended + `"results":[]`), commitB, time.Hour, StateFail, ReasonOutdated, ""},
		{"SARIF, no run", "secrets.sarif", `{"version":"2.1.0","runs":[]}`, commitA, time.Hour, StateUnknown, ReasonEmpty, ""},
		{"SARIF, no end of the run", "secrets.sarif", sarif(`"results":[]`), commitA, time.Hour, StateUnknown, ReasonTruncated, ""},
		{"SARIF, truncated", "secrets.sarif", sarif(ended + `"results":[]`)[:90], commitA, time.Hour, StateUnknown, ReasonTruncated, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			name := ".catalyst/evidence/" + tt.commit + "/" + tt.file
			root := folder{name: tt.text}.write(t)
			at := time.Now().Add(-tt.age)
			if err := os.Chtimes(filepath.Join(root, name), at, at); err != nil {
				t.Fatal(err)
			}
			plan(t, root, commitA)
			r := look(t, newPass(t, nil, deployment.Settings{Root: root}), evidenceKind(), "{report: secrets}")
			expect(t, r, tt.state, tt.reason, tt.detail)
			hasNot(t, r, "marked")
			if n, ok := measured(r, SecretFindings); tt.reason == ReasonCommitted && tt.file == "secrets.sarif" && (!ok || n != 1) {
				t.Errorf("measured %v, %v", n, ok)
			}
		})
	}
}

func TestAttestation(t *testing.T) {
	now := time.Now().UTC().Truncate(time.Second)
	claim := func(lines ...string) string {
		return "item: backup/disaster_recovery_plan\nby: a@b.c\nat: " + now.Add(-time.Hour).Format(time.RFC3339) + "\n" + strings.Join(lines, "\n") + "\n"
	}
	doc := "# DR\n"
	digest := func(t *testing.T, text string) string {
		t.Helper()
		path := filepath.Join(t.TempDir(), "x")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		d, err := FileDigest(path)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	subject := "subject: {path: DISASTER-RECOVERY.md, sha256: " + digest(t, doc) + "}"
	other := "subject: {path: DISASTER-RECOVERY.md, sha256: " + digest(t, "old") + "}"
	ofDocument := "{item: backup/disaster_recovery_plan, document: disaster_recovery_plan, max_age: 180d}"
	tests := []struct {
		name, claim, spec string
		state             State
		reason            Reason
	}{
		{"none", "", ofDocument, StateFail, ReasonMissing},
		{"unsigned, no signers configured", claim("valid_for: 30d", subject), ofDocument, StateWarn, ReasonUnsigned},
		{"document changed", claim("valid_for: 30d", other), ofDocument, StateFail, ReasonOutdated},
		{"without a document", claim("valid_for: 30d"), ofDocument, StateFail, ""},
		{"lapsed", claim("valid_for: 30m", subject), ofDocument, StateFail, ReasonLapsed},
		{"broken", "item: [", ofDocument, StateFail, ""},
		{"with a file", claim("valid_for: 30d", subject), "{item: backup/disaster_recovery_plan, of_file: true}", StateWarn,
			ReasonUnsigned},
		{"without a file", claim("valid_for: 30d"), "{item: backup/disaster_recovery_plan, of_file: true}", StateFail,
			ReasonInvalid},
		{"no release", claim("valid_for: 30d"), "{item: backup/disaster_recovery_plan, after: 24h}", StateSkip,
			ReasonNoRelease},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := folder{"DISASTER-RECOVERY.md": doc}
			if tt.claim != "" {
				f[".catalyst/attestations/20260101T000000Z-x.yaml"] = tt.claim
			}
			r := look(t, newPass(t, f, deployment.Settings{}), attestationKind(), tt.spec)
			if r.State != tt.state || tt.reason != "" && r.Reason != tt.reason {
				t.Errorf("got %+v", r)
			}
			if _, ok := measured(r, AttestationExpiry, "any"); ok != strings.Contains(tt.name, "lapsed") && tt.state == StateWarn && !ok {
				t.Errorf("no expiry measured: %+v", r)
			}
		})
	}
}
