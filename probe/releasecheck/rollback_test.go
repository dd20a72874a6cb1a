package releasecheck

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/attest"
	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest/dockertest"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/dockerclient"
)

func TestRollbackImageOnDocker(t *testing.T) {
	d := dockertest.NewDocker(t, "LABEL org.opencontainers.image.revision="+probetest.CommitTwo)
	p := d.Pass(t, nil, deployment.Settings{})
	probetest.Expect(t, probetest.Look(t, p, RollbackImageKind(), "{}"), probe.StateSkip, probe.ReasonNoRelease, "")
	p = probetest.Released(t, p, probetest.Planned("1.0", probetest.CommitOne), probetest.Recorded("1.0", probetest.CommitOne, d.Image))
	probetest.Expect(t, probetest.Look(t, p, RollbackImageKind(), "{}"), probe.StateSkip, probe.ReasonNoRelease, "")
	p = probetest.Released(t, p, probetest.Planned("1.1", probetest.CommitTwo, "other:1.1"))
	probetest.Expect(t, probetest.Look(t, p, RollbackImageKind(), "{}"), probe.StatePass, "", "1 image of 1.0")
	p = probetest.Released(t, p, probetest.Recorded("1.1", probetest.CommitTwo, d.Image))
	probetest.Expect(t, probetest.Look(t, p, RollbackImageKind(), "{}"), probe.StateFail, probe.ReasonMismatch, "now refers to 1.1")
	p = probetest.Released(t, p, probetest.Planned("1.2", probetest.CommitOne, d.Image))
	probetest.Expect(t, probetest.Look(t, p, RollbackImageKind(), "{}"), probe.StatePass, "", "")
	p = probetest.Released(t, p, probetest.Recorded("1.2", probetest.CommitOne, d.Project+":gone"), probetest.Planned("1.3", ""))
	probetest.Expect(t, probetest.Look(t, p, RollbackImageKind(), "{}"), probe.StateFail, probe.ReasonMissing, "no longer on this host")
	p = probetest.Released(t, p, probetest.Recorded("1.3", ""), probetest.Planned("1.4", ""))
	probetest.Expect(t, probetest.Look(t, p, RollbackImageKind(), "{}"), probe.StateUnknown, probe.ReasonUnpinned, "lists no images")
}

func TestJudgeRollback(t *testing.T) {
	to, from := &attest.Release{Record: probetest.Recorded("1.0", probetest.CommitOne, "a:x")}, &attest.Release{Record: probetest.Recorded("1.1", probetest.CommitTwo, "a:x")}
	probetest.Expect(t, judgeRollback("a:x", dockerclient.Image{}, to, from), probe.StateUnknown, probe.ReasonUnpinned, "moves")
	probetest.Expect(t, judgeRollback("a:latest", dockerclient.Image{}, to, from), probe.StateUnknown, probe.ReasonUnpinned, "moves")
	probetest.Expect(t, judgeRollback("a:stable", dockerclient.Image{}, to, from), probe.StateUnknown, probe.ReasonUnpinned, "moves")
	probetest.Expect(t, judgeRollback("a:1.0", dockerclient.Image{}, to, from), probe.StatePass, "", "")
	probetest.Expect(t, judgeRollback("a@sha256:"+probetest.SixtyFour, dockerclient.Image{}, to, from), probe.StatePass, "", "")
}

func TestRollbackBackup(t *testing.T) {
	dump := "--\n-- PostgreSQL database dump\n--\n\nCREATE TABLE a (b int);\n\n--\n-- PostgreSQL database dump complete\n--\n"
	sum := sha256.Sum256([]byte(dump))
	kept := attest.Backup{Path: "backups/a.sql", SHA256: hex.EncodeToString(sum[:]), Size: int64(len(dump)), Finished: time.Now().Add(-time.Hour)}
	second := probetest.Recorded("1.1", probetest.CommitTwo)
	second.Backup = kept
	p := probetest.NewPass(t, probetest.Folder{"backups/a.sql": dump}, deployment.Settings{})
	probetest.Expect(t, probetest.Look(t, p, RollbackBackupKind(), "{}"), probe.StateSkip, probe.ReasonNoRelease, "")
	p = probetest.Released(t, p, probetest.Recorded("1.0", probetest.CommitOne))
	probetest.Expect(t, probetest.Look(t, p, RollbackBackupKind(), "{}"), probe.StateSkip, probe.ReasonNoRelease, "")
	p = probetest.Released(t, p, second)
	probetest.Expect(t, probetest.Look(t, p, RollbackBackupKind(), "{}"), probe.StatePass, "", "matches the record of 1.1")

	s := &rollbackBackup{}
	key := s.Key(p)
	path := filepath.Join(p.Deployment.Root, "backups/a.sql")
	changed := []byte(dump)
	changed[40] ^= 1
	if err := os.WriteFile(path, changed, 0o600); err != nil {
		t.Fatal(err)
	}
	probetest.Expect(t, probetest.Look(t, probetest.Again(p), RollbackBackupKind(), "{}"), probe.StateFail, probe.ReasonMismatch, "digest mismatch")
	if s.Key(p) == key {
		t.Error("a change does not show in the key")
	}
	if err := os.WriteFile(path, changed[1:], 0o600); err != nil {
		t.Fatal(err)
	}
	probetest.Expect(t, probetest.Look(t, probetest.Again(p), RollbackBackupKind(), "{}"), probe.StateFail, probe.ReasonMismatch, "bytes")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	probetest.Expect(t, probetest.Look(t, probetest.Again(p), RollbackBackupKind(), "{}"), probe.StateFail, probe.ReasonMissing, "")
	p = probetest.Released(t, p, probetest.Recorded("1.2", probetest.CommitOne))
	probetest.Expect(t, probetest.Look(t, p, RollbackBackupKind(), "{}"), probe.StateFail, probe.ReasonMissing, "has no backup")
}

func TestBlankField(t *testing.T) {
	for text, want := range map[string]bool{"TBD": true, "todo": true, "<version>": true, "latest": true, "n/a": true, "0000000": true, "???": true, "1.4.0": false,
		"0a1b2c3": false, "Ana Cruz": false, "v2": false, "2026-01-31": false} {
		if got := blankField(text); got != want {
			t.Errorf("%q is blank: %v, want %v", text, got, want)
		}
	}
}
