package deployment

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/thenexusengine/catalyst_exporter/internal/parts"
)

func TestHead(t *testing.T) {
	repo := parts.GitRepo(t)
	head := func(root string) (string, error) {
		t.Helper()
		d, err := Discover(Settings{Root: root})
		if err != nil {
			t.Fatal(err)
		}
		return d.View(nil).Head()
	}
	if got, err := head(repo.Dir); got != "" || err != nil {
		t.Errorf("without commits: %q, %v", got, err)
	}
	repo.Commit(t, "one", map[string]string{"deployment/.env.production": "A=1\n"})
	want := repo.Head(t)
	if got, err := head(filepath.Join(repo.Dir, "deployment")); got != want || err != nil {
		t.Errorf("below the root: %q, %v; want %q", got, err, want)
	}
	repo.Git(t, "pack-refs", "--all")
	if got, err := head(repo.Dir); got != want || err != nil {
		t.Errorf("packed: %q, %v; want %q", got, err, want)
	}
	tree := filepath.Join(t.TempDir(), "tree")
	repo.Git(t, "worktree", "add", "-q", "-b", "side", tree)
	if got, err := head(tree); got != want || err != nil {
		t.Errorf("in a work tree: %q, %v; want %q", got, err, want)
	}
	repo.Git(t, "checkout", "-q", "--detach")
	if got, err := head(repo.Dir); got != want || err != nil {
		t.Errorf("detached: %q, %v; want %q", got, err, want)
	}
	outside := t.TempDir()
	if got, err := head(outside); got != "" || !errors.Is(err, ErrNoRepository) {
		t.Errorf("outside: %q, %v", got, err)
	}
	for _, text := range []string{"ref: ../../../etc/passwd\n", "../../elsewhere\n", "", want[:39], want + "0", "ref: refs/heads/main\nx"} {
		if err := os.WriteFile(filepath.Join(repo.Dir, ".git", "HEAD"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := head(repo.Dir); got != "" || err == nil && strings.HasPrefix(text, "ref: ..") || err == nil && !strings.HasPrefix(text, "ref: ") {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
}

// FuzzHead: any content of git's files gives a commit name, nothing, or an error.
func FuzzHead(f *testing.F) {
	commit := strings.Repeat("0a", 20)
	f.Add("ref: refs/heads/main\n", commit+"\n", "# pack-refs with: peeled\n"+commit+" refs/heads/main\n^"+commit+"\n")
	f.Add(commit, "", "")
	f.Add("ref: refs/heads/main", "ref: refs/heads/other", "x refs/heads/main")
	f.Add("ref: ../HEAD", "\x00", strings.Repeat("x", 70_000)+"\n"+commit+" refs/heads/main\n")
	f.Fuzz(func(t *testing.T, head, branch, packed string) {
		dir := t.TempDir()
		for name, text := range map[string]string{"HEAD": head, "refs/heads/main": branch, "packed-refs": packed} {
			path := filepath.Join(dir, ".git", name)
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			if text == "" && name != "HEAD" {
				continue
			}
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		d, err := Discover(Settings{Root: dir})
		if err != nil {
			t.Fatal(err)
		}
		got, err := d.View(nil).Head()
		if got != "" && (err != nil || !regexp.MustCompile("^([0-9a-f]{40}|[0-9a-f]{64})$").MatchString(got)) {
			t.Errorf("%q, %v", got, err)
		}
	})
}
