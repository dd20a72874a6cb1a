package releasecheck

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
	probetest.Expect(t, probetest.Look(t, p, RollbackImageKind(), "{}"), probe.StateFail, probe.ReasonMismatch, "now refers to 1.1") // a tag that was built again
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
	of := func(commit string) dockerclient.Image {
		return dockerclient.Image{Labels: map[string]string{"org.opencontainers.image.revision": commit}}
	}
	other := strings.Repeat("c", 40)
	for _, tt := range []struct {
		name, image, commit string
		own                 bool
		state               probe.State
		reason              probe.Reason
		detail              string
	}{
		{"the same tag in both", "a:x", "", true, probe.StateUnknown, probe.ReasonUnpinned, "moves"},
		{"latest", "a:latest", "", true, probe.StateUnknown, probe.ReasonUnpinned, "moves"},
		{"stable", "a:stable", "", true, probe.StateUnknown, probe.ReasonUnpinned, "moves"},
		{"a unique tag", "a:1.0", "", true, probe.StatePass, "", ""},
		{"a digest", "a@sha256:" + probetest.SixtyFour, "", true, probe.StatePass, "", ""},
		{"a unique tag of the right commit", "a:1.0", probetest.CommitOne, true, probe.StatePass, "", ""},
		{"a moving tag of the right commit", "a:latest", probetest.CommitOne, true, probe.StatePass, "", ""},
		{"a unique tag built again", "a:1.0", probetest.CommitTwo, true, probe.StateFail, probe.ReasonMismatch, "now refers to 1.1"},
		{"a unique tag of another commit", "a:1.0", other, true, probe.StateFail, probe.ReasonMismatch, "another commit"},
		{"an image of another repository", "postgres:16", other, false, probe.StatePass, "", ""},
		{"a digest with the label of another repository", "a@sha256:" + probetest.SixtyFour, other, false, probe.StatePass, "", ""},
		{"a label that is no commit", "a:1.0", "unknown", true, probe.StatePass, "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			probetest.Expect(t, judgeRollback(tt.image, of(tt.commit), to, from, tt.own), tt.state, tt.reason, tt.detail)
		})
	}
}

func TestRollbackImage_IDs(t *testing.T) {
	d := dockertest.NewDocker(t)
	image, err := dockerclient.ImageOf(t.Context(), d.Pass(t, nil, deployment.Settings{}), d.Image)
	if err != nil {
		t.Fatal(err)
	}
	gone := "sha256:" + probetest.SixtyFour
	look := func(before, now string) probe.Result {
		p := probetest.Released(t, d.Pass(t, nil, deployment.Settings{}), probetest.Recorded("1.0", probetest.CommitOne, before))
		p = probetest.Released(t, p, probetest.Recorded("1.1", probetest.CommitTwo, now))
		return probetest.Look(t, p, RollbackImageKind(), "{}")
	}
	probetest.Expect(t, look(image.ID, d.Image), probe.StatePass, "", "")
	probetest.Expect(t, look(gone, image.ID), probe.StateFail, probe.ReasonMissing, "no longer on this host")
	probetest.Expect(t, look(gone, d.Image), probe.StateUnknown, probe.ReasonUnpinned, "image store was changed")
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
