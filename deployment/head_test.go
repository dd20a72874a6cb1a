package deployment

import (
	"errors"
	"os"
	"path/filepath"
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
	if err := os.WriteFile(filepath.Join(repo.Dir, ".git", "HEAD"), []byte("ref: ../../../etc/passwd\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := head(repo.Dir); got != "" || err == nil {
		t.Errorf("pointing out: %q, %v", got, err)
	}
}
