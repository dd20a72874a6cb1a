package backupcheck

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/backup/dump"
	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/parts"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

func TestNewestBackup_StatedTimes(t *testing.T) {
	now := time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)
	for name, tt := range map[string]struct {
		path   string
		dumped time.Duration // ago; 0 for none
		state  probe.State
		reason probe.Reason
	}{
		"nothing stated":                    {"b.dump", 0, probe.StatePass, ""},
		"inside and name old":               {"b-20260301.dump", 9 * 24 * time.Hour, probe.StateFail, probe.ReasonStale},
		"inside alone":                      {"b.dump", 9 * 24 * time.Hour, probe.StateWarn, probe.ReasonStale},
		"name alone":                        {"b-20260301.dump", 0, probe.StateWarn, probe.ReasonStale},
		"name old and inside fresh":         {"b-20260301.dump", time.Hour, probe.StateWarn, probe.ReasonStale},
		"a day that ends later":             {"b-20260308.dump", 0, probe.StatePass, ""}, // ended 24 h ago where it ends last
		"a day that ended everywhere":       {"b-20260307.dump", 0, probe.StateWarn, probe.ReasonStale},
		"started long before it ended":      {"b.dump", 37 * time.Hour, probe.StatePass, ""},
		"name of a later day than its dump": {"b-20260310.dump", 37 * time.Hour, probe.StatePass, ""},
		"local time ahead of the clock":     {"b.dump", -11 * time.Hour, probe.StatePass, ""},
	} {
		b := newestBackup{name: tt.path, path: tt.path, place: "local", size: 9, modified: now.Add(-time.Hour), fresh: 26 * time.Hour,
			proof: dump.Proof{Whole: true, Format: dump.Custom}}
		if tt.dumped != 0 {
			b.proof.Dumped = now.Add(-tt.dumped)
		}
		r, err := b.judge(now)
		if err != nil || r.State != tt.state || r.Reason != tt.reason {
			t.Errorf("%s: %+v %v", name, r, err)
		}
		at, _ := probetest.Measured(r, LastSuccess, "local")
		if old := now.Sub(time.Unix(int64(at), 0)) > 26*time.Hour; old != (tt.dumped > 38*time.Hour) {
			t.Errorf("%s: last success %v", name, time.Unix(int64(at), 0).UTC())
		}
	}
}

// The first backup of a place may take an hour, however new the time of its file is.
func TestBackupFile_FirstBackupIsLate(t *testing.T) {
	p := probetest.NewPass(t, probetest.Folder{"b/1.sql.gz.tmp": "half"}, deployment.Settings{Backup: deployment.Backup{Directory: "b"}})
	path := filepath.Join(p.Deployment.Root, "b/1.sql.gz.tmp")
	start := time.Now()
	at := func(ago time.Duration) probe.Result {
		t.Helper()
		now := start.Add(ago)
		p.Now = func() time.Time { return now }
		if err := os.Chtimes(path, now, now); err != nil {
			t.Fatal(err)
		}
		return probetest.Look(t, probetest.Again(p), FileKind(), "{}")
	}
	probetest.Expect(t, at(0), probe.StatePending, probe.ReasonInProgress, "")
	probetest.Expect(t, at(59*time.Minute), probe.StatePending, probe.ReasonInProgress, "")
	probetest.Expect(t, at(61*time.Minute), probe.StateFail, probe.ReasonTruncated, "no earlier backup")
	t.Run("by the birth of the file", func(t *testing.T) {
		if birthOf(path).IsZero() {
			parts.Missing(t, "the file system of temporary files records no birth of files")
		}
		now := start.Add(2 * time.Hour)
		q := probetest.NewPass(t, nil, deployment.Settings{Root: p.Deployment.Root, Backup: deployment.Backup{Directory: "b"}})
		q.Now = func() time.Time { return now }
		if err := os.Chtimes(path, now, now); err != nil {
			t.Fatal(err)
		}
		probetest.Expect(t, probetest.Look(t, q, FileKind(), "{}"), probe.StateFail, probe.ReasonTruncated, "no earlier backup")
	})
	t.Run("until one is finished", func(t *testing.T) {
		whole := filepath.Join(p.Deployment.Root, "b/0.sql")
		if err := os.WriteFile(whole, []byte(sqlDump(9)), 0o600); err != nil {
			t.Fatal(err)
		}
		old := start.Add(time.Hour)
		if err := os.Chtimes(whole, old, old); err != nil {
			t.Fatal(err)
		}
		probetest.Expect(t, at(2*time.Hour), probe.StatePass, "", "0.sql")
	})
}

func TestTablesMade(t *testing.T) {
	for sql, want := range map[string]string{
		"CREATE TABLE a (id int); create table if not exists x.\"B\" (id int)": "a b",
		"-- CREATE TABLE a (id int);\n/* CREATE TABLE b (id int) */":           "",
		"CREATE UNLOGGED TABLE a AS SELECT 1":                                  "a",
		"CREATE TEMP TABLE a (id int)":                                         "",
		"-- +goose Up\nCREATE TABLE a ();\n-- +goose Down\nCREATE TABLE b ();": "a",
		"ALTER TABLE ONLY a RENAME TO b":                                       "b",
		"ALTER TABLE a RENAME COLUMN x TO y":                                   "",
		"CREATE TABLE {{.Schema}}.a (id int)":                                  "?",
		"CREATE INDEX i ON a (id)":                                             "",
	} {
		got := strings.Join(tablesMade(sql), " ")
		if want == "?" && got != "" || want != "?" && got != want {
			t.Errorf("%s: %q, want %q", sql, got, want)
		}
	}
}
