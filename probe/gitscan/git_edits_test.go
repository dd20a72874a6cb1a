package gitscan

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/parts"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/gitrepo"
	"github.com/thenexusengine/catalyst_exporter/probe/gitscan/content"
)

// TestGitSecrets_Uncommitted searches uncommitted content of tracked files.
func TestGitSecrets_Uncommitted(t *testing.T) {
	secret := fakeToken()
	line := "token = \"" + secret + "\"\n"
	const app = "a: 1\nb: 2\n"
	for name, tt := range map[string]struct {
		edit   func(t *testing.T, r *parts.Repository)
		state  probe.State
		reason probe.Reason
		detail string
	}{
		"unchanged": {func(*testing.T, *parts.Repository) {}, probe.StatePass, probe.ReasonNone, ""},
		"new line": {func(t *testing.T, r *parts.Repository) { r.Write(t, map[string]string{"app.yml": app + line}) },
			probe.StateFail, probe.ReasonCommitted, "github-pat at app.yml:3 (not committed)"},
		"new line, staged": {func(t *testing.T, r *parts.Repository) {
			r.Write(t, map[string]string{"app.yml": line + app})
			r.Git(t, "add", "app.yml")
		}, probe.StateFail, probe.ReasonCommitted, "app.yml:1 (not committed)"},
		"new file, staged": {func(t *testing.T, r *parts.Repository) {
			r.Write(t, map[string]string{"new näme.yml": line})
			r.Git(t, "add", "--all")
		}, probe.StateFail, probe.ReasonCommitted, "new näme.yml:1 (not committed)"},
		"untracked file": {func(t *testing.T, r *parts.Repository) { r.Write(t, map[string]string{"own.yml": line}) },
			probe.StatePass, probe.ReasonNone, ""},
		"other line endings": {func(t *testing.T, r *parts.Repository) {
			r.Write(t,
				map[string]string{"app.yml": "a: 1\r\nb: 2\r\n"})
		}, probe.StatePass, probe.ReasonNone, ""},
		"deleted file": {func(t *testing.T, r *parts.Repository) { remove(t, r, "app.yml") }, probe.StatePass,
			probe.ReasonNone, ""},
		"replaced by a link": {func(t *testing.T, r *parts.Repository) {
			remove(t, r, "app.yml")
			r.Write(t, map[string]string{"own.yml": line})
			if err := os.Symlink("own.yml", filepath.Join(r.Dir, "app.yml")); err != nil {
				t.Fatal(err)
			}
		}, probe.StatePass, probe.ReasonNone, ""},
		"binary file": {func(t *testing.T, r *parts.Repository) { r.Write(t, map[string]string{"app.yml": "\x00" + line}) },
			probe.StateFail, probe.ReasonCommitted, "github-pat at app.yml:1 (not committed)"},
		"UTF-16": {func(t *testing.T, r *parts.Repository) {
			r.Write(t, map[string]string{"app.yml": utf16Text("a: 1\n"+line, false)})
		},
			probe.StateFail, probe.ReasonCommitted, "github-pat at app.yml:2 (not committed)"},
		"image": {func(t *testing.T, r *parts.Repository) {
			r.Write(t, map[string]string{"app.yml": "\x89PNG\r\n\x1a\n" + strings.Repeat("\x00\xff\x81\x02", 100)})
		}, probe.StatePass, probe.ReasonNone, ""},
		"ignored finding": {func(t *testing.T, r *parts.Repository) {
			r.Write(t, map[string]string{"app.yml": app + line, ignoreFile: "app.yml:github-pat:3\n"})
		}, probe.StatePass, probe.ReasonNone, ""},
		"file with a filter that encrypts nothing": {func(t *testing.T, r *parts.Repository) {
			r.Git(t, "config", "filter.crypt.clean", "touch "+filepath.Join(r.Dir, "filter-was-run")+"; cat")
			r.Write(t, map[string]string{"app.yml": app + line, ".gitattributes": "*.yml filter=crypt\n"})
		}, probe.StateFail, probe.ReasonCommitted, "app.yml:3 (not committed)"},
		"file encrypted in git": {func(t *testing.T, r *parts.Repository) { r.Write(t, map[string]string{"crypt": line}) },
			probe.StatePass, probe.ReasonNone, "1 version of encrypted files"},
		"file too large": {func(t *testing.T, r *parts.Repository) {
			if err := os.Truncate(filepath.Join(r.Dir, "app.yml"), maxEdited+1); err != nil {
				t.Fatal(err)
			}
		}, probe.StateWarn, probe.ReasonTruncated, "app.yml (changed, and larger than 32 MiB)"},
	} {
		t.Run(name, func(t *testing.T) {
			r := parts.GitRepo(t)
			r.Commit(t, "begin", map[string]string{"app.yml": app, "other": "1\n", "crypt": content.GitCrypt + "\x01\x02\xff"})
			p := probetest.NewPass(t, nil, deployment.Settings{Root: r.Dir})
			probetest.Expect(t, probetest.Look(t, p, SecretsKind(), "{}"), probe.StatePass, probe.ReasonNone, "")
			tt.edit(t, r)
			got := probetest.Look(t, probetest.Again(p), SecretsKind(), "{}")
			probetest.Expect(t, got, tt.state, tt.reason, tt.detail)
			probetest.HasNot(t, got, secret)
			probetest.Expect(t, probetest.Look(t, probetest.Again(p), SecretsKind(), "{}"), tt.state, tt.reason, tt.detail) // from the cache
			if n, _ := probetest.Measured(got, probe.SecretFindings); (n == 1) != (tt.state == probe.StateFail) {
				t.Errorf("%v findings", n)
			}
			if _, err := os.Stat(filepath.Join(r.Dir, "filter-was-run")); err == nil {
				t.Error("program configured in the repository was run")
			}
			r.Git(t, "reset", "--quiet", "--hard")
			probetest.Expect(t, probetest.Look(t, probetest.Again(p), SecretsKind(), "{}"), probe.StatePass, probe.ReasonNone, "")
		})
	}
}

func remove(t *testing.T, r *parts.Repository, name string) {
	t.Helper()
	if err := os.Remove(filepath.Join(r.Dir, name)); err != nil {
		t.Fatal(err)
	}
}

func TestGitSecrets_UnreadableFile(t *testing.T) {
	parts.NeedRoot(t, "giving up its rights for a moment")
	r := parts.GitRepo(t)
	r.Commit(t, "begin", map[string]string{"app.yml": "a: 1\n"})
	p := probetest.NewPass(t, nil, deployment.Settings{Root: r.Dir})
	for dir := r.Dir; dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(filepath.Join(r.Dir, "app.yml"), fs.FileMode(0)); err != nil {
		t.Fatal(err)
	}
	parts.AsNobody(t, func() {
		g, err := gitrepo.Open(t.Context(), p)
		if err != nil {
			t.Error(err)
			return
		}
		_, _, err = (&gitHistory{}).edit(t.Context(), g, trackedFile{path: "app.yml", head: strings.Repeat("0", 40)})
		var u *probe.NotCheckedError
		if !errors.As(err, &u) || u.Reason != probe.ReasonPermissionDenied || !strings.Contains(err.Error(), "app.yml") {
			t.Error(err)
		}
	})
}

func TestObjectName(t *testing.T) {
	for _, format := range []string{"sha1", "sha256"} {
		dir := t.TempDir()
		r := parts.GitRepo(t)
		r.Git(t, "init", "--quiet", "--object-format="+format, dir)
		r.Write(t, map[string]string{"f": "text\n"})
		want := strings.TrimSpace(r.Git(t, "-C", dir, "hash-object", filepath.Join(r.Dir, "f")))
		if got := gitrepo.ObjectName([]byte("text\n"), len(want)); got != want {
			t.Errorf("%s: %s, git says %s", format, got, want)
		}
	}
}
