package attestcheck

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

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
		state             probe.State
		reason            probe.Reason
	}{
		{"none", "", ofDocument, probe.StateFail, probe.ReasonMissing},
		{"unsigned, no signers configured", claim("valid_for: 30d", subject), ofDocument, probe.StateWarn, probe.ReasonUnsigned},
		{"document changed", claim("valid_for: 30d", other), ofDocument, probe.StateFail, probe.ReasonOutdated},
		{"without a document", claim("valid_for: 30d"), ofDocument, probe.StateFail, ""},
		{"lapsed", claim("valid_for: 30m", subject), ofDocument, probe.StateFail, probe.ReasonLapsed},
		{"broken", "item: [", ofDocument, probe.StateFail, ""},
		{"with a file", claim("valid_for: 30d", subject), "{item: backup/disaster_recovery_plan, of_file: true}", probe.StateWarn,
			probe.ReasonUnsigned},
		{"without a file", claim("valid_for: 30d"), "{item: backup/disaster_recovery_plan, of_file: true}", probe.StateFail,
			probe.ReasonInvalid},
		{"no release", claim("valid_for: 30d"), "{item: backup/disaster_recovery_plan, after: 24h}", probe.StateSkip,
			probe.ReasonNoRelease},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := probetest.Folder{"DISASTER-RECOVERY.md": doc}
			if tt.claim != "" {
				f[".catalyst/attestations/20260101T000000Z-x.yaml"] = tt.claim
			}
			r := probetest.Look(t, probetest.NewPass(t, f, deployment.Settings{}), AttestationKind(), tt.spec)
			if r.State != tt.state || tt.reason != "" && r.Reason != tt.reason {
				t.Errorf("got %+v", r)
			}
			if _, ok := probetest.Measured(r, probe.AttestationExpiry, "any"); ok != strings.Contains(tt.name, "lapsed") && tt.state == probe.StateWarn && !ok {
				t.Errorf("no expiry measured: %+v", r)
			}
		})
	}
}
