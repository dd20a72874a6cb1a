package probe

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/attest"
	"github.com/thenexusengine/catalyst_exporter/deployment"
)

func TestRollbackImageOnDocker(t *testing.T) {
	d := newDocker(t, "LABEL org.opencontainers.image.revision="+commitTwo)
	p := d.pass(t, nil, deployment.Settings{})
	expect(t, look(t, p, rollbackImageKind(), "{}"), StateSkip, ReasonNoRelease, "")
	p = released(t, p, planned("1.0", commitOne), recorded("1.0", commitOne, d.image))
	expect(t, look(t, p, rollbackImageKind(), "{}"), StateSkip, ReasonNoRelease, "")
	p = released(t, p, planned("1.1", commitTwo, "other:1.1"))
	expect(t, look(t, p, rollbackImageKind(), "{}"), StatePass, "", "1 image of 1.0")
	p = released(t, p, recorded("1.1", commitTwo, d.image))
	expect(t, look(t, p, rollbackImageKind(), "{}"), StateFail, ReasonMismatch, "now refers to 1.1")
	p = released(t, p, planned("1.2", commitOne, d.image))
	expect(t, look(t, p, rollbackImageKind(), "{}"), StatePass, "", "")
	p = released(t, p, recorded("1.2", commitOne, d.project+":gone"), planned("1.3", ""))
	expect(t, look(t, p, rollbackImageKind(), "{}"), StateFail, ReasonMissing, "no longer on this host")
	p = released(t, p, recorded("1.3", ""), planned("1.4", ""))
	expect(t, look(t, p, rollbackImageKind(), "{}"), StateUnknown, ReasonUnpinned, "lists no images")
}

func TestJudgeRollback(t *testing.T) {
	to, from := &attest.Release{Record: recorded("1.0", commitOne, "a:x")}, &attest.Release{Record: recorded("1.1", commitTwo, "a:x")}
	expect(t, judgeRollback("a:x", dockerImage{}, to, from), StateUnknown, ReasonUnpinned, "moves")
	expect(t, judgeRollback("a:latest", dockerImage{}, to, from), StateUnknown, ReasonUnpinned, "moves")
	expect(t, judgeRollback("a:1.0", dockerImage{}, to, from), StatePass, "", "")
	expect(t, judgeRollback("a@sha256:"+sixtyFour, dockerImage{}, to, from), StatePass, "", "")
}

func TestRollbackBackup(t *testing.T) {
	dump := "--\n-- PostgreSQL database dump\n--\n\nCREATE TABLE a (b int);\n\n--\n-- PostgreSQL database dump complete\n--\n"
	sum := sha256.Sum256([]byte(dump))
	kept := attest.Backup{Path: "backups/a.sql", SHA256: hex.EncodeToString(sum[:]), Size: int64(len(dump)), Finished: time.Now().Add(-time.Hour)}
	second := recorded("1.1", commitTwo)
	second.Backup = kept
	p := newPass(t, folder{"backups/a.sql": dump}, deployment.Settings{})
	expect(t, look(t, p, rollbackBackupKind(), "{}"), StateSkip, ReasonNoRelease, "")
	p = released(t, p, recorded("1.0", commitOne))
	expect(t, look(t, p, rollbackBackupKind(), "{}"), StateSkip, ReasonNoRelease, "")
	p = released(t, p, second)
	expect(t, look(t, p, rollbackBackupKind(), "{}"), StatePass, "", "matches the record of 1.1")

	s := &rollbackBackup{}
	key := s.Key(p)
	path := filepath.Join(p.Deployment.Root, "backups/a.sql")
	changed := []byte(dump)
	changed[40] ^= 1
	if err := os.WriteFile(path, changed, 0o600); err != nil {
		t.Fatal(err)
	}
	expect(t, look(t, again(p), rollbackBackupKind(), "{}"), StateFail, ReasonMismatch, "digest mismatch")
	if s.Key(p) == key {
		t.Error("a change does not show in the key")
	}
	if err := os.WriteFile(path, changed[1:], 0o600); err != nil {
		t.Fatal(err)
	}
	expect(t, look(t, again(p), rollbackBackupKind(), "{}"), StateFail, ReasonMismatch, "bytes")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	expect(t, look(t, again(p), rollbackBackupKind(), "{}"), StateFail, ReasonMissing, "")
	p = released(t, p, recorded("1.2", commitOne))
	expect(t, look(t, p, rollbackBackupKind(), "{}"), StateFail, ReasonMissing, "has no backup")
}
