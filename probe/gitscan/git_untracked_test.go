package gitscan

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/parts"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

func TestGitUntracked(t *testing.T) {
	compose := "services:\n  app:\n    image: x\n    env_file: [app.env]\n"
	base := map[string]string{"docker-compose.yml": compose, ".env.example": "A=\n", ".gitignore": "*.env\n.env.*\n!.env.example\n"}
	secret := probetest.RandomText(20)
	for _, tt := range []struct {
		name    string
		tracked map[string]string
		loose   map[string]string
		state   probe.State
		reason  probe.Reason
		detail  string
	}{
		{"ignored", nil, map[string]string{".env.production": "A=" + secret + "\n", "app.env": "B=1\n"}, probe.StatePass, probe.ReasonNone, "git does not track"},
		{"tracked", map[string]string{".env.production": "A=" + secret + "\n"}, map[string]string{"app.env": "B=1\n"}, probe.StateFail, probe.ReasonCommitted, "git tracks .env.production"},
		{"file of a service tracked", map[string]string{"app.env": "B=1\n"},
			map[string]string{".env.production": "A=" + secret + "\n"}, probe.StateFail, probe.ReasonCommitted, "git tracks app.env"},
		{"unused file tracked", map[string]string{".env.staging": "A=1\n"},
			map[string]string{".env.production": "A=" + secret + "\n", "app.env": "B=1\n"}, probe.StatePass, probe.ReasonNone, ""},
		{"name like a pattern", map[string]string{".env.productio[n]": "A=1\n", "*.env": "A=1\n"},
			map[string]string{".env.production": "A=" + secret + "\n"}, probe.StatePass, probe.ReasonNone, ""},
		{"no env file", nil, nil, probe.StateSkip, probe.ReasonNotConfigured, "no env file"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := parts.GitRepo(t)
			r.Write(t, base)
			r.Commit(t, "begin", tt.tracked)
			r.Write(t, tt.loose)
			p := probetest.NewPass(t, nil, deployment.Settings{Root: r.Dir})
			got := probetest.Look(t, p, UntrackedKind(), "{}")
			probetest.Expect(t, got, tt.state, tt.reason, tt.detail)
			probetest.HasNot(t, got, secret)
		})
	}
}

func TestGitUntracked_Links(t *testing.T) {
	r := parts.GitRepo(t)
	r.Commit(t, "begin", map[string]string{"deploy/docker-compose.yml": "services: {}\n", "secrets/real.env": "A=1\n"})
	// The root is a folder of the repository, and the env file is a link to a file tracked under another name.
	root := filepath.Join(r.Dir, "deploy")
	if err := os.Symlink("../secrets/real.env", filepath.Join(root, ".env.production")); err != nil {
		t.Fatal(err)
	}
	probetest.Expect(t, probetest.Look(t, probetest.NewPass(t, nil, deployment.Settings{Root: root}), UntrackedKind(), "{}"), probe.StateFail, probe.ReasonCommitted, "git tracks .env.production")
	// The root itself is a link, and the file is outside the repository.
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(root, link); err != nil {
		t.Fatal(err)
	}
	probetest.Expect(t, probetest.Look(t, probetest.NewPass(t, nil, deployment.Settings{Root: link}), UntrackedKind(), "{}"), probe.StateFail, probe.ReasonCommitted, "git tracks .env.production")
	outside := filepath.Join(t.TempDir(), "my.env")
	if err := os.WriteFile(outside, []byte("A=1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	settings := deployment.Settings{Root: root, EnvFile: outside}
	p := probetest.NewPass(t, nil, settings)
	probetest.Expect(t, probetest.Look(t, p, UntrackedKind(), "{}"), probe.StatePass, probe.ReasonNone, "git does not track")
	// The key changes with the index.
	k := probetest.Load(t, UntrackedKind(), "{}").(*gitUntracked)
	before := k.Key(probetest.Again(p))
	r.Commit(t, "more", map[string]string{"a": "1\n"})
	if after := k.Key(probetest.Again(p)); before == "" || after == before {
		t.Errorf("key %q, then %q", before, after)
	}
	probetest.Expect(t, probetest.Look(t, probetest.NewPass(t, probetest.Folder{".env.production": "A=1\n"}, deployment.Settings{}), UntrackedKind(), "{}"),
		probe.StateSkip, probe.ReasonNotConfigured, "not in a git repository")
	settings = deployment.Settings{Root: root, Repository: deployment.Repository{Path: filepath.Join(t.TempDir(), "bare")}}
	r.Git(t, "clone", "--quiet", "--bare", "file://"+r.Dir, settings.Repository.Path)
	probetest.Expect(t, probetest.Look(t, probetest.NewPass(t, nil, settings), UntrackedKind(), "{}"), probe.StateSkip, probe.ReasonNotConfigured, "bare")
}

// TestGitUntracked_History compares earlier versions with the secrets in use.
func TestGitUntracked_History(t *testing.T) {
	old, other := probetest.RandomText(24), probetest.RandomText(24)
	env := func(password string) string {
		return "LOG_LEVEL=info\nPUBLIC_HOST_NAME=bid.exchange.test\nDB_PASSWORD=" + password + "\nJWT_SECRET=CHANGE_ME_PLEASE\n"
	}
	for name, tt := range map[string]struct {
		history func(r *parts.Repository)
		now     string
		state   probe.State
		reason  probe.Reason
		detail  string
	}{
		"removed, still in use": {func(r *parts.Repository) {
			r.Commit(t, "add", map[string]string{".env.production": env(old)})
		}, env(old), probe.StateFail, probe.ReasonCommitted, "secrets still in use (DB_PASSWORD, line 3)"},
		"removed, changed since": {func(r *parts.Repository) {
			r.Commit(t, "add", map[string]string{".env.production": env(old)})
		}, env(other), probe.StatePass, probe.ReasonNone, "earlier versions with other secrets"},
		"in an older version": {func(r *parts.Repository) {
			r.Commit(t, "add", map[string]string{".env.production": env(old)})
			r.Commit(t, "change", map[string]string{".env.production": env(other)})
		}, env(old), probe.StateFail, probe.ReasonCommitted, "DB_PASSWORD"},
		"under another name": {func(r *parts.Repository) {
			r.Commit(t, "add", map[string]string{".env.production": "REDIS_PASS=" + old + "\n"})
		}, env(old), probe.StateFail, probe.ReasonCommitted, "DB_PASSWORD"},
		"in a URL": {func(r *parts.Repository) {
			r.Commit(t, "add", map[string]string{".env.production": "DATABASE_URL=postgres://u:" + old + "@db/x\n"})
		}, "DATABASE_URL=postgres://u:" + old + "@db/x\n", probe.StateFail, probe.ReasonCommitted, "DATABASE_URL, line 1"},
		"only on a branch": {func(r *parts.Repository) {
			r.Git(t, "checkout", "--quiet", "-b", "side")
			r.Commit(t, "add", map[string]string{".env.production": env(old)})
			r.Git(t, "checkout", "--quiet", "main")
		}, env(old), probe.StateFail, probe.ReasonCommitted, "DB_PASSWORD"},
		"never": {func(*parts.Repository) {}, env(old), probe.StatePass, probe.ReasonNone, "git does not track .env.production"},
	} {
		t.Run(name, func(t *testing.T) {
			r := parts.GitRepo(t)
			r.Commit(t, "begin", map[string]string{"docker-compose.yml": "services: {}\n"})
			tt.history(r)
			if r.Git(t, "ls-files", ".env.production") != "" {
				r.Git(t, "rm", "--quiet", ".env.production")
				r.Commit(t, "remove", nil)
			}
			r.Write(t, map[string]string{".env.production": tt.now})
			p := probetest.NewPass(t, nil, deployment.Settings{Root: r.Dir})
			k := probetest.Load(t, UntrackedKind(), "{}").(*gitUntracked)
			key := k.Key(p)
			got := probe.Run(t.Context(), k, p)
			if r.Write(t, map[string]string{".env.production": tt.now + "# changed\n"}); key == "" || k.Key(probetest.Again(p)) == key {
				t.Error("key unchanged after the env file changed")
			}
			probetest.Expect(t, got, tt.state, tt.reason, tt.detail)
			probetest.HasNot(t, got, old)
			probetest.HasNot(t, got, other)
		})
	}
}
