package attestcheck

import (
	"crypto/sha256"
	"encoding/hex"
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
	outside := filepath.Join(t.TempDir(), "x")
	if err := os.WriteFile(outside, []byte("outside"), 0o600); err != nil {
		t.Fatal(err)
	}
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
		{"with a file of a neighbour's digest", claim("valid_for: 30d", "subject: {path: renamed.md, sha256: "+digest(t, doc)+"}"),
			"{item: backup/disaster_recovery_plan, of_file: true}", probe.StateWarn, probe.ReasonUnsigned},
		{"with a digest of no file", claim("valid_for: 30d", other), "{item: backup/disaster_recovery_plan, of_file: true}", probe.StateWarn,
			probe.ReasonMismatch},
		{"with a file that is gone", claim("valid_for: 30d", "subject: {path: gone/x.dump, sha256: "+digest(t, "x")+"}"),
			"{item: backup/disaster_recovery_plan, of_file: true}", probe.StateWarn, probe.ReasonMismatch},
		{"with a file outside", claim("valid_for: 30d", "subject: {path: "+outside+", sha256: "+digest(t, "outside")+"}"),
			"{item: backup/disaster_recovery_plan, of_file: true}", probe.StateWarn, probe.ReasonMismatch},
		{"with a file outside, upwards", claim("valid_for: 30d", "subject: {path: ../"+filepath.Base(outside)+", sha256: "+digest(t, "outside")+"}"),
			"{item: backup/disaster_recovery_plan, of_file: true}", probe.StateWarn, probe.ReasonMismatch},
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

// TestAttestation_Rotation: a file that was seen once stays known when a rotation removes it, and so does one in a release record.
func TestAttestation_Rotation(t *testing.T) {
	const spec = "{item: backup/restore_tested, of_file: true}"
	text := "-- a backup"
	sum := sha256.Sum256([]byte(text))
	digest := hex.EncodeToString(sum[:])
	claim := "item: backup/restore_tested\nby: a@b.c\nat: " + time.Now().UTC().Add(-time.Hour).Format(time.RFC3339) +
		"\nvalid_for: 30d\nsubject: {path: backups/1.sql, sha256: " + digest + "}\n"
	p := probetest.NewPass(t, probetest.Folder{"backups/1.sql": text, "backups/2.sql": "other", ".catalyst/attestations/a.yaml": claim}, deployment.Settings{})
	for _, remove := range []string{"", "backups/1.sql"} {
		if err := os.RemoveAll(filepath.Join(p.Deployment.Root, "backups/1.sql")); remove != "" && err != nil {
			t.Fatal(err)
		}
		if remove == "" {
			if err := os.WriteFile(filepath.Join(p.Deployment.Root, "backups/1.sql"), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if r := probetest.Look(t, p, AttestationKind(), spec); r.Reason != probe.ReasonUnsigned {
			t.Errorf("removed %q: got %+v", remove, r)
		}
	}
	p = probetest.NewPass(t, probetest.Folder{".catalyst/attestations/a.yaml": claim}, deployment.Settings{})
	c, err := attest.OpenChain(p.Deployment.ReleasesDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Append(attest.Record{Phase: attest.PhaseRecorded, At: time.Now(), By: "a@b.c", Release: attest.ReleaseID{Version: "1"},
		Backup: attest.Backup{Path: "backups/1.sql", SHA256: digest}}, false); err != nil {
		t.Fatal(err)
	}
	if r := probetest.Look(t, p, AttestationKind(), spec); r.Reason != probe.ReasonUnsigned {
		t.Errorf("in a release record: got %+v", r)
	}
}

// TestAttestation_FutureRecord: no verdict is based on a release record from the future.
func TestAttestation_FutureRecord(t *testing.T) {
	const spec = "{item: backup/disaster_recovery_plan, after: 24h}"
	for ahead, want := range map[time.Duration]probe.State{0: probe.StatePending, 4 * time.Minute: probe.StatePending, 48 * time.Hour: probe.StateUnknown} {
		p := probetest.NewPass(t, probetest.Folder{}, deployment.Settings{})
		c, err := attest.OpenChain(p.Deployment.ReleasesDir(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Append(attest.Record{Phase: attest.PhaseRecorded, At: p.Time.Add(ahead), By: "a@b.c", Release: attest.ReleaseID{Version: "1"}}, false); err != nil {
			t.Fatal(err)
		}
		r := probetest.Look(t, p, AttestationKind(), spec)
		if r.State != want || want == probe.StateUnknown && (r.Reason != probe.ReasonInvalid || !strings.Contains(r.Detail, "release record 1: is dated ")) {
			t.Errorf("%v ahead: got %+v", ahead, r)
		}
	}
}
