package probe

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/parts"
)

func TestGitUntracked(t *testing.T) {
	compose := "services:\n  app:\n    image: x\n    env_file: [app.env]\n"
	base := map[string]string{"docker-compose.yml": compose, ".env.example": "A=\n", ".gitignore": "*.env\n.env.*\n!.env.example\n"}
	secret := randomText(20)
	for _, tt := range []struct {
		name    string
		tracked map[string]string
		loose   map[string]string
		state   State
		reason  Reason
		detail  string
	}{
		{"ignored", nil, map[string]string{".env.production": "A=" + secret + "\n", "app.env": "B=1\n"}, StatePass, ReasonNone, "git does not track"},
		{"tracked", map[string]string{".env.production": "A=" + secret + "\n"}, map[string]string{"app.env": "B=1\n"}, StateFail, ReasonCommitted, "git tracks .env.production"},
		{"a service's is tracked", map[string]string{"app.env": "B=1\n"}, map[string]string{".env.production": "A=" + secret + "\n"}, StateFail, ReasonCommitted, "git tracks app.env"},
		{"one that nobody uses", map[string]string{".env.staging": "A=1\n"}, map[string]string{".env.production": "A=" + secret + "\n", "app.env": "B=1\n"}, StatePass, ReasonNone, ""},
		{"a name like a pattern", map[string]string{".env.productio[n]": "A=1\n", "*.env": "A=1\n"}, map[string]string{".env.production": "A=" + secret + "\n"}, StatePass, ReasonNone, ""},
		{"no env file", nil, nil, StateSkip, ReasonNotConfigured, "no env file"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := parts.GitRepo(t)
			r.Write(t, base)
			r.Commit(t, "begin", tt.tracked)
			r.Write(t, tt.loose)
			p := newPass(t, nil, deployment.Settings{Root: r.Dir})
			got := look(t, p, "git_untracked", "{}")
			expect(t, got, tt.state, tt.reason, tt.detail)
			hasNot(t, got, secret)
		})
	}
}

func TestGitUntrackedElsewhere(t *testing.T) {
	r := parts.GitRepo(t)
	r.Commit(t, "begin", map[string]string{"deploy/docker-compose.yml": "services: {}\n", "secrets/real.env": "A=1\n"})
	// The root is a folder of the repository, and the env file a link to a file that is tracked under another name.
	root := filepath.Join(r.Dir, "deploy")
	if err := os.Symlink("../secrets/real.env", filepath.Join(root, ".env.production")); err != nil {
		t.Fatal(err)
	}
	expect(t, look(t, newPass(t, nil, deployment.Settings{Root: root}), "git_untracked", "{}"), StateFail, ReasonCommitted, "git tracks .env.production")
	// The root itself is reached through a link, and the file is outside of the repository.
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(root, link); err != nil {
		t.Fatal(err)
	}
	expect(t, look(t, newPass(t, nil, deployment.Settings{Root: link}), "git_untracked", "{}"), StateFail, ReasonCommitted, "git tracks .env.production")
	outside := filepath.Join(t.TempDir(), "my.env")
	if err := os.WriteFile(outside, []byte("A=1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	settings := deployment.Settings{Root: root, EnvFile: outside}
	p := newPass(t, nil, settings)
	expect(t, look(t, p, "git_untracked", "{}"), StatePass, ReasonNone, "git does not track")
	// The key tells when the index changes.
	k := load(t, "git_untracked", "{}").(*gitUntracked)
	before := k.Key(again(p))
	r.Commit(t, "more", map[string]string{"a": "1\n"})
	if after := k.Key(again(p)); before == "" || after == before {
		t.Errorf("the key is %q, then %q", before, after)
	}
	expect(t, look(t, newPass(t, folder{".env.production": "A=1\n"}, deployment.Settings{}), "git_untracked", "{}"), StateSkip, ReasonNotConfigured, "in no git repository")
	settings = deployment.Settings{Root: root, Repository: deployment.Repository{Path: filepath.Join(t.TempDir(), "bare")}}
	r.Git(t, "clone", "--quiet", "--bare", "file://"+r.Dir, settings.Repository.Path)
	expect(t, look(t, newPass(t, nil, settings), "git_untracked", "{}"), StateSkip, ReasonNotConfigured, "bare")
}
