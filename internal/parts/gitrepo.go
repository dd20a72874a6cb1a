// Reproducible git repositories: one identity, a clock that advances a minute per commit, and no configuration of the
// machine or the user.

package parts

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// Repository is a git repository with a working tree.
type Repository struct {
	Dir  string
	Now  time.Time // the next commit's time; each commit advances it by a minute
	git  string
	home string // an empty home, so that no user's configuration applies
}

// GitRepo creates an empty repository with the branch main.
func GitRepo(t testing.TB) *Repository {
	t.Helper()
	r := &Repository{git: Need(t, "git"), Dir: t.TempDir(), home: t.TempDir(), Now: time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)}
	r.Git(t, "init", "--quiet", "--initial-branch=main")
	return r
}

// Env returns git's environment, for tests that start programs which run git.
func (r *Repository) Env() []string {
	date := r.Now.UTC().Format(time.RFC3339)
	env := []string{
		"HOME=" + r.home, "XDG_CONFIG_HOME=" + r.home, "GIT_CONFIG_GLOBAL=" + os.DevNull, "GIT_CONFIG_NOSYSTEM=1",
		"GIT_TERMINAL_PROMPT=0", "GIT_CEILING_DIRECTORIES=" + filepath.Dir(r.Dir),
		"GIT_AUTHOR_NAME=Test", "GIT_AUTHOR_EMAIL=test@example.invalid", "GIT_AUTHOR_DATE=" + date,
		"GIT_COMMITTER_NAME=Test", "GIT_COMMITTER_EMAIL=test@example.invalid", "GIT_COMMITTER_DATE=" + date,
		"LC_ALL=C", "TZ=UTC",
	}
	for _, variable := range os.Environ() {
		name, _, _ := strings.Cut(variable, "=")
		if name == "PATH" || name == "TMPDIR" {
			env = append(env, variable)
		}
	}
	return env
}

// Git runs git in the repository and returns its output without the trailing line end. If git fails, the test fails.
func (r *Repository) Git(t testing.TB, args ...string) string {
	t.Helper()
	command := exec.Command(r.git, args...)
	command.Dir = r.Dir
	command.Env = r.Env()
	output, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, output)
	}
	return strings.TrimRight(string(output), "\n")
}

// Write writes files by their path in the repository, without adding them.
func (r *Repository) Write(t testing.TB, files map[string]string) {
	t.Helper()
	for _, path := range slices.Sorted(maps.Keys(files)) {
		WriteFile(t, filepath.Join(r.Dir, filepath.FromSlash(path)), files[path], 0o644)
	}
}

// Commit writes the files, adds everything in the working tree, commits it and returns the commit's hash. Without files
// it commits the current state, even without changes.
func (r *Repository) Commit(t testing.TB, message string, files map[string]string) string {
	t.Helper()
	r.Write(t, files)
	r.Git(t, "add", "--all", "--force")
	r.Git(t, "commit", "--quiet", "--allow-empty", "--message", message)
	r.Now = r.Now.Add(time.Minute)
	return r.Head(t)
}

// Head returns the hash of the latest commit.
func (r *Repository) Head(t testing.TB) string {
	t.Helper()
	return r.Git(t, "rev-parse", "HEAD")
}
