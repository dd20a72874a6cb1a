package backupcheck

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/attest"
	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// TestObjectives compares what a plan promises with the interval of the backups and the last restore.
func TestObjectives(t *testing.T) {
	for name, tt := range map[string]struct {
		plan, note, compose string
		apart               time.Duration
		state               probe.State
		reason              probe.Reason
		detail              string
	}{
		"daily backups, an RPO of a day":      {"RPO: 24 hours, RTO: 4 hours.", "", "", 24*time.Hour + 50*time.Minute, probe.StatePass, "", "RPO 24h"},
		"daily backups, an RPO of an hour":    {"RTO: 4 hours. RPO: one hour.", "", "", 24 * time.Hour, probe.StateWarn, probe.ReasonMismatch, "24h0m0s apart, but the RPO is 1h"},
		"within the tolerance":                {"RPO: 1 h", "", "", 2 * time.Hour, probe.StatePass, "", ""},
		"beyond the tolerance":                {"RPO: 1 h", "", "", 2*time.Hour + 7*time.Minute, probe.StateWarn, probe.ReasonMismatch, ""},
		"in ISO 8601":                         {"RPO: PT15M, RTO: PT4H", "", "", 24 * time.Hour, probe.StateWarn, probe.ReasonMismatch, "RPO is 15m"},
		"in German":                           {"RPO: eine Stunde. RTO: vier Stunden.", "", "", 24 * time.Hour, probe.StateWarn, probe.ReasonMismatch, "RPO is 1h"},
		"the log is archived":                 {"RPO: 5 minutes", "restored in 2h", "services: {db: {image: 'postgres:16', command: [postgres, -c, archive_mode=on]}}", 24 * time.Hour, probe.StateSkip, probe.ReasonNotConfigured, ""},
		"wal-g":                               {"RPO: 5 minutes, RTO: 3 hours", "restored in 2h", "services: {db: {image: 'shop/postgres-wal-g:16'}}", 24 * time.Hour, probe.StatePass, "", "last restore 2h"},
		"a slow drill":                        {"RTO: 2 hours", "restore drill: 12 tables in 5h3m20s", "", 0, probe.StateWarn, probe.ReasonMismatch, "took 5h3m20s, but the RTO is 2h"},
		"a drill in words":                    {"RTO: 2 hours", "took 6 hours", "", 0, probe.StateWarn, probe.ReasonMismatch, "took 6h"},
		"a fast drill":                        {"RTO: 2 hours", "restore drill: 12 tables in 12m3s", "", 0, probe.StatePass, "", ""},
		"nothing measured":                    {"RTO: 2 hours", "", "", 0, probe.StateSkip, probe.ReasonNotConfigured, ""},
		"no objective":                        {"We restore quickly.", "", "", 24 * time.Hour, probe.StateSkip, probe.ReasonNotConfigured, ""},
		"several systems, the longest counts": {"RPO: 5 minutes for orders, 24 hours for logs", "", "", 24 * time.Hour, probe.StatePass, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			files := probetest.Folder{"DISASTER-RECOVERY.md": "# Recovery\n\n" + tt.plan + "\n"}
			if tt.compose != "" {
				files["docker-compose.yml"] = tt.compose
			}
			p := probetest.NewPass(t, files, deployment.Settings{Backup: deployment.Backup{Directory: "backups"}})
			if tt.apart > 0 {
				for i, at := range []time.Time{time.Now().Add(-time.Hour), time.Now().Add(-time.Hour - tt.apart)} {
					path := filepath.Join(p.Deployment.Root, "backups", []string{"shop_2.dump", "shop_1.dump"}[i])
					if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
						t.Fatal(err)
					}
					if err := os.WriteFile(path, []byte("PGDMP"), 0o600); err != nil {
						t.Fatal(err)
					}
					if err := os.Chtimes(path, at, at); err != nil {
						t.Fatal(err)
					}
				}
			}
			if tt.note != "" {
				a, err := attest.New(attest.Claim{Item: "backup/restore_tested", By: "ann@example.org", At: time.Now().Add(-time.Hour), ValidFor: 90 * 24 * 3600e9, Note: tt.note})
				if err != nil {
					t.Fatal(err)
				}
				if _, err := a.Write(p.Deployment.AttestationsDir()); err != nil {
					t.Fatal(err)
				}
			}
			probetest.Expect(t, probetest.Look(t, p, ObjectivesKind(), "{}"), tt.state, tt.reason, tt.detail)
		})
	}
}
