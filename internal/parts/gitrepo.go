// Git repositories that come out the same everywhere: one identity, a clock that ticks a minute per commit, no configuration
// of the machine or the user.

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
	Now  time.Time // the next commit's time; each commit moves it on by a minute
	git  string
	home string // an empty one, so that no user's configuration counts
}

// GitRepo makes an empty repository with the branch main.
func GitRepo(t testing.TB) *Repository {
	t.Helper()
	r := &Repository{git: Need(t, "git"), Dir: t.TempDir(), home: t.TempDir(), Now: time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)}
	r.Git(t, "init", "--quiet", "--initial-branch=main")
	return r
}

// Env is the environment git runs with, for tests that start programs which call git.
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

// Git runs git in the repository and returns what it printed, without the last line's end. It fails the test when git does.
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
		writeFile(t, filepath.Join(r.Dir, filepath.FromSlash(path)), files[path], 0o644)
	}
}

// Commit writes the files, adds everything in the working tree and commits it; it returns the commit's hash. Without files it
// commits what is there, even nothing.
func (r *Repository) Commit(t testing.TB, message string, files map[string]string) string {
	t.Helper()
	r.Write(t, files)
	r.Git(t, "add", "--all", "--force")
	r.Git(t, "commit", "--quiet", "--allow-empty", "--message", message)
	r.Now = r.Now.Add(time.Minute)
	return r.Head(t)
}

// Head is the hash of the newest commit.
func (r *Repository) Head(t testing.TB) string {
	t.Helper()
	return r.Git(t, "rev-parse", "HEAD")
}
