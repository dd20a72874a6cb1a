package backupcheck

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/ledger"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// Each run of `check` is a process of its own. With a state directory it knows since when the first backup is unfinished,
// and forgets that when there is a finished one, or none.
func TestFirstBackup_RememberedAcrossProcesses(t *testing.T) {
	state, root := t.TempDir(), t.TempDir()
	dir := filepath.Join(root, "backups")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	start := time.Now().Add(-3 * time.Hour) // before the birth of the files, which no test can set
	run := func(after time.Duration, want probe.State, reason probe.Reason) {
		t.Helper()
		now := start.Add(after)
		l, err := ledger.Open(state, "x.ledger", now, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		p := probetest.NewPass(t, nil, deployment.Settings{Root: root})
		p.Marks, p.Deps.Now = l, func() time.Time { return now }
		p = probetest.Again(p)
		probetest.Expect(t, probetest.Look(t, p, FileKind(), "{}"), want, reason, "")
	}
	begin := func(name string, after time.Duration) { // a new file each time, which is written to at once
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
		at := start.Add(after)
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
	}
	remove := func(name string) {
		t.Helper()
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	begin("1.sql.tmp", 0)
	run(time.Minute, probe.StatePending, probe.ReasonInProgress)
	remove("1.sql.tmp")
	begin("2.sql.tmp", 50*time.Minute)
	run(55*time.Minute, probe.StatePending, probe.ReasonInProgress)
	remove("2.sql.tmp")
	begin("3.sql.tmp", 65*time.Minute)
	run(70*time.Minute, probe.StateFail, probe.ReasonTruncated)
	// None at all: the next first backup has an hour again.
	remove("3.sql.tmp")
	run(71*time.Minute, probe.StateFail, probe.ReasonMissing)
	begin("4.sql.tmp", 72*time.Minute)
	run(73*time.Minute, probe.StatePending, probe.ReasonInProgress)
}
