package gitscan

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/parts"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// TestGitSecrets_Places: everything that a clone gets is searched, and what only this clone has is a warning.
func TestGitSecrets_Places(t *testing.T) {
	token, password := fakeToken(), "k7"+probetest.RandomText(20)
	line := "token = \"" + token + "\"\n"
	object := func(t *testing.T, r *parts.Repository, text string) string {
		t.Helper()
		parts.WriteFile(t, filepath.Join(r.Dir, ".git", "text"), text, 0o600)
		return r.Git(t, "hash-object", "-w", ".git/text")
	}
	for name, tt := range map[string]struct {
		make   func(t *testing.T, r *parts.Repository)
		state  probe.State
		detail string
	}{
		"commit message":      {func(t *testing.T, r *parts.Repository) { r.Commit(t, "fix\n\nuse "+token, nil) }, probe.StateFail, "github-pat at commit message:3"},
		"message of the past": {func(t *testing.T, r *parts.Repository) { r.Commit(t, token, nil); r.Commit(t, "next", nil) }, probe.StateFail, "commit message:1"},
		"author": {func(t *testing.T, r *parts.Repository) {
			r.Git(t, "commit", "--allow-empty", "--message", "x", "--author", token+" <a@b>")
		}, probe.StateFail, "commit message:"},
		"tag message": {func(t *testing.T, r *parts.Repository) { r.Git(t, "tag", "-a", "v1", "-m", "token "+token) }, probe.StateFail, "tag message:1"},
		"tag of a tag": {func(t *testing.T, r *parts.Repository) {
			r.Git(t, "tag", "-a", "v1", "-m", token)
			r.Git(t, "tag", "-a", "v2", "-m", "two", "v1")
			r.Git(t, "tag", "-d", "v1")
		}, probe.StateFail, "tag message:1"},
		"tag of a content": {func(t *testing.T, r *parts.Repository) { r.Git(t, "tag", "data", object(t, r, line)) }, probe.StateFail, "content of a reference:1"},
		"tag of a folder": {func(t *testing.T, r *parts.Repository) {
			c := r.Commit(t, "x", map[string]string{"d/a": line})
			r.Git(t, "tag", "data", c+"^{tree}")
			r.Git(t, "reset", "--hard", "--quiet", "HEAD~1")
		}, probe.StateFail, "d/a:1"},
		"annotated content": {func(t *testing.T, r *parts.Repository) { r.Git(t, "tag", "-a", "-m", "x", "data", object(t, r, line)) }, probe.StateFail, "content of a reference:1"},
		"note":              {func(t *testing.T, r *parts.Repository) { r.Git(t, "notes", "add", "-m", line) }, probe.StateFail, "github-pat at "},
		"other reference": {func(t *testing.T, r *parts.Repository) {
			c := r.Commit(t, "x", map[string]string{"a": line})
			r.Git(t, "update-ref", "refs/pull/1/head", c)
			r.Git(t, "reset", "--hard", "--quiet", "HEAD~1")
		}, probe.StateFail, "github-pat at a:1"},
		"staged": {func(t *testing.T, r *parts.Repository) {
			r.Write(t, map[string]string{"app.conf": line})
			r.Git(t, "add", "app.conf")
			r.Write(t, map[string]string{"app.conf": "a=1\n"})
		}, probe.StateFail, "app.conf:1 (not committed)"},
		"staged, then deleted": {func(t *testing.T, r *parts.Repository) {
			r.Write(t, map[string]string{"new": line})
			r.Git(t, "add", "new")
			_ = os.Remove(filepath.Join(r.Dir, "new"))
		}, probe.StateFail, "new:1 (not committed)"},
		"link target": {func(t *testing.T, r *parts.Repository) {
			_ = os.Symlink(token, filepath.Join(r.Dir, "l"))
			r.Commit(t, "x", nil)
		}, probe.StateFail, "github-pat at l:1"},
		"lines around it": {func(t *testing.T, r *parts.Repository) {
			r.Commit(t, "x", map[string]string{"prometheus.yml": "basic_auth:\n  username: p\n  password: ${X}\n"})
			r.Commit(t, "y", map[string]string{"prometheus.yml": "basic_auth:\n  username: p\n  password: " + password + "\n"})
		}, probe.StateFail, "catalyst-prometheus-basic-auth at prometheus.yml:1 (commit "},

		"stash": {func(t *testing.T, r *parts.Repository) {
			r.Write(t, map[string]string{"app.conf": line})
			r.Git(t, "stash", "--quiet")
		}, probe.StateWarn, "stash, reflog, other work trees) (1): github-pat at app.conf:1"},
		"stashed untracked": {func(t *testing.T, r *parts.Repository) {
			r.Write(t, map[string]string{"u": line})
			r.Git(t, "stash", "--quiet", "--include-untracked")
		}, probe.StateWarn, "github-pat at u:1"},
		"reflog": {func(t *testing.T, r *parts.Repository) {
			r.Commit(t, "x", map[string]string{"a": line})
			r.Git(t, "reset", "--hard", "--quiet", "HEAD~1")
		}, probe.StateWarn, "github-pat at a:1"},
		"other work tree": {func(t *testing.T, r *parts.Repository) {
			to := filepath.Join(t.TempDir(), "tree")
			r.Git(t, "worktree", "add", "--quiet", "--detach", to)
			parts.WriteFile(t, filepath.Join(to, "w"), line, 0o600)
			r.Git(t, "-C", to, "add", "w")
			r.Git(t, "-C", to, "commit", "--quiet", "--message", "w")
		}, probe.StateWarn, "github-pat at w:1"},
		"untracked compose file": {func(t *testing.T, r *parts.Repository) {
			r.Write(t, map[string]string{"compose.override.yml": "services:\n  db:\n    environment:\n      POSTGRES_PASSWORD: " + password + "\n"})
		}, probe.StateWarn,
			"compose files that git does not track (1): catalyst-compose-secret at compose.override.yml:4"},

		"sound messages": {func(t *testing.T, r *parts.Repository) {
			r.Commit(t, "revert: the token of deadbeefdeadbeef\n\nThis reverts commit 0123456789abcdef0123456789abcdef01234567.", nil)
			r.Git(t, "tag", "-a", "v1", "-m", "release: key fixes")
		}, probe.StatePass, "no secret in 2 commits"},
		"sound stash": {func(t *testing.T, r *parts.Repository) {
			r.Write(t, map[string]string{"app.conf": "b=1\n"})
			r.Git(t, "stash", "--quiet")
		}, probe.StatePass, ""},
		"sound compose": {func(t *testing.T, r *parts.Repository) {
			r.Write(t, map[string]string{"compose.yml": "services:\n  db:\n    environment:\n      POSTGRES_PASSWORD: ${POSTGRES_PASSWORD}\n"})
		}, probe.StatePass, ""},
		"sound content": {func(t *testing.T, r *parts.Repository) { r.Git(t, "tag", "data", object(t, r, "hello\n")) }, probe.StatePass, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := parts.GitRepo(t)
			r.Commit(t, "begin", map[string]string{"app.conf": "a=1\n"})
			tt.make(t, r)
			p := probetest.NewPass(t, nil, deployment.Settings{Root: r.Dir})
			reason := map[probe.State]probe.Reason{probe.StateFail: probe.ReasonCommitted, probe.StateWarn: probe.ReasonCommitted}[tt.state]
			if name == "untracked compose file" {
				reason = probe.ReasonExposed
			}
			got := probetest.Look(t, p, SecretsKind(), "{}")
			probetest.Expect(t, got, tt.state, reason, tt.detail)
			probetest.HasNot(t, got, token)
			probetest.HasNot(t, got, password)
			if tt.state != probe.StatePass && len(got.Offenders) == 0 {
				t.Errorf("offenders %+v", got.Offenders)
			}
			probetest.Expect(t, probetest.Look(t, probetest.Again(p), SecretsKind(), "{}"), tt.state, reason, tt.detail)
		})
	}
}

// TestGitSecrets_Resumed: an interrupted scan continues, finds as much as one without interruption, and forgets what is no
// longer part of the history.
func TestGitSecrets_Resumed(t *testing.T) {
	r := parts.GitRepo(t)
	var input strings.Builder // of git fast-import: one commit each
	for i := range 3*partCommits + 10 {
		input.WriteString("commit refs/heads/main\ncommitter T <t@t> " + fmt.Sprint(1_700_000_000+i) + " +0000\ndata 1\nx\nM 644 inline f\n")
		text := "line " + fmt.Sprint(1_700_000_000+i) + "\n"
		if i == 7 {
			text = "token = " + fakeToken() + "\n"
		}
		input.WriteString("data <<E\n" + text + "E\n\n")
	}
	parts.WriteFile(t, filepath.Join(r.Dir, ".git", "import"), input.String(), 0o600)
	r.Git(t, "-c", "alias.load=!git fast-import --quiet <.git/import", "load")
	r.Git(t, "reset", "--hard", "--quiet")
	calls := countGit(t)
	p := probetest.NewPass(t, nil, deployment.Settings{Root: r.Dir})
	k := probetest.Load(t, SecretsKind(), "{}")
	ctx, cancel := context.WithCancel(t.Context())
	stopped := probe.WithProgress(ctx, func(p probe.Progress) {
		if p.Done == 2*partCommits+5 {
			cancel()
		}
	})
	if got := probe.Run(stopped, k, p); got.State != probe.StateUnknown {
		t.Fatalf("interrupted: %v %s", got.State, got.Detail)
	}
	calls()
	probetest.Expect(t, probe.Run(t.Context(), k, probetest.Again(p)), probe.StateFail, probe.ReasonCommitted, "secrets (1): github-pat at f:1")
	if n := len(calls()); n != 2 {
		t.Errorf("git log ran %d times to continue, want 2", n)
	}
	r.Git(t, "checkout", "--quiet", "--orphan", "new")
	r.Commit(t, "begin", map[string]string{"f": "1\n"})
	r.Git(t, "branch", "--quiet", "-D", "main")
	r.Git(t, "-c", "gc.reflogExpire=now", "-c", "gc.reflogExpireUnreachable=now", "reflog", "expire", "--all")
	probetest.Expect(t, probe.Run(t.Context(), k, probetest.Again(p)), probe.StatePass, probe.ReasonNone, "no secret in 1 commits")
}
