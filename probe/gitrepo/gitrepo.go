// Package gitrepo runs git on the deployment's repository with fixed arguments and bounded output.
package gitrepo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/deployment/git"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// git runs with a fixed list of arguments on a repository owned by another user. No program named in the repository's
// configuration or attributes is started (file system monitors, external diffs, text conversions, signature checks),
// nothing is fetched, and nothing is written. The error output of git is classified and never shown: it may contain a
// URL with a password.

// maxGitErrors bounds the error output read from git.
const maxGitErrors = 8 << 10

// Repository is one repository, passed to git explicitly, so that git neither searches for one nor checks its owner.
type Repository struct {
	git.Repository
}

// command builds a git command; it fails when git is not installed.
func (g Repository) command(ctx context.Context, args ...string) (*exec.Cmd, error) {
	program, err := exec.LookPath("git")
	if err != nil {
		return nil, probe.Needs("git, installed where the exporter runs", probe.Unknown(probe.ReasonNotConfigured,
			errors.New("git is not installed")))
	}
	fixed := []string{"--git-dir=" + g.Dir, "--no-pager", "--no-replace-objects", "--literal-pathspecs",
		"-c", "core.fsmonitor=false", "-c", "core.quotePath=false", "-c", "core.hooksPath=/dev/null", "-c", "core.attributesFile=/dev/null", "-c", "core.excludesFile=/dev/null",
		"-c", "core.commitGraph=false",
		"-c", "log.showSignature=false", "-c", "log.mailmap=false", "-c", "log.showRoot=true", "-c", "protocol.allow=never", "-c", "safe.directory=*"}
	dir := g.Dir
	if g.Work != "" {
		fixed, dir = append(fixed, "--work-tree="+g.Work), g.Work
	}
	cmd := exec.CommandContext(ctx, program, append(fixed, args...)...)
	cmd.Dir = dir
	cmd.Env = []string{"HOME=/nonexistent", "LC_ALL=C", "PATH=/usr/local/bin:/usr/bin:/bin", "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_ATTR_NOSYSTEM=1",
		"GIT_OPTIONAL_LOCKS=0", "GIT_TERMINAL_PROMPT=0", "GIT_NO_LAZY_FETCH=1", "GIT_ALLOW_PROTOCOL=none", "GIT_GRAFT_FILE=/dev/null"}
	cmd.WaitDelay = time.Second
	return cmd, nil
}

// Run starts git with input and passes its output to read. git is stopped when read returns an error. The exit code is
// returned too; any code other than 0 comes with an error.
func (g Repository) Run(ctx context.Context, input string, read func(io.Reader) error, args ...string) (code int, err error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	cmd, err := g.command(ctx, args...)
	if err != nil {
		return -1, err
	}
	complaints := &firstBytes{limit: maxGitErrors}
	cmd.Stdin, cmd.Stderr = strings.NewReader(input), complaints
	out, err := cmd.StdoutPipe()
	if err != nil {
		return -1, err
	}
	if err := cmd.Start(); err != nil {
		return -1, fmt.Errorf("cannot start git: %w", err)
	}
	errRead := read(out)
	if errRead != nil {
		stop()
	}
	err = cmd.Wait()
	switch {
	case errRead != nil:
		return -1, errRead
	case ctx.Err() != nil:
		return -1, ctx.Err()
	}
	said := complaints.String()
	if err != nil || strings.Contains("\n"+said, "\nerror:") || strings.Contains("\n"+said, "\nfatal:") {
		return cmd.ProcessState.ExitCode(), classifyGitError(args[0], cmd.ProcessState.ExitCode(), said)
	}
	return 0, nil
}

// Text returns the output of git, which must not exceed limit bytes.
func (g Repository) Text(ctx context.Context, limit int64, input string, args ...string) (string, int, error) {
	var all []byte
	code, err := g.Run(ctx, input, func(r io.Reader) error {
		var err error
		all, err = io.ReadAll(io.LimitReader(r, limit+1))
		if err == nil && int64(len(all)) > limit {
			err = probe.Unknownf(probe.ReasonError, "git %s returned more than %d bytes", args[0], limit)
		}
		return err
	}, args...)
	return string(all), code, err
}

// classifyGitError classifies the error output of git.
func classifyGitError(command string, code int, said string) error {
	said = strings.ToLower(said)
	has := func(words ...string) bool {
		for _, w := range words {
			if strings.Contains(said, w) {
				return true
			}
		}
		return false
	}
	switch {
	case has("dubious ownership", "unsafe repository"):
		return probe.Needs("an exporter that runs as the owner of the git repository, or git 2.38 or later",
			probe.Unknownf(probe.ReasonPermissionDenied, "git refuses to read a repository owned by another user"))
	case has("permission denied"):
		return probe.Needs("permission to read the git repository", probe.Unknownf(probe.ReasonPermissionDenied,
			"git lacks permission to read the whole repository"))
	case has("promisor", "lazy", "transport '"):
		return probe.Needs("a full clone (git fetch --refetch --no-filter)", probe.Unknownf(probe.ReasonTruncated,
			"repository is a partial clone"))
	case has("bad object", "missing", "corrupt", "unable to read", "could not read"):
		return probe.Needs("an intact repository (git fsck shows the damage)", probe.Unknownf(probe.ReasonInvalid,
			"git %s exited with code %d: objects of the repository are missing or corrupt", command, code))
	}
	return probe.Needs("a repository that git can read (git fsck shows the damage)", probe.Unknownf(probe.ReasonError,
		"git %s exited with code %d", command, code))
}

// firstBytes keeps the first limit bytes written to it.
type firstBytes struct {
	bytes.Buffer
	limit int
}

// Write implements io.Writer.
func (b *firstBytes) Write(p []byte) (int, error) {
	b.Buffer.Write(p[:min(len(p), max(0, b.limit-b.Len()))])
	return len(p), nil
}

// Open finds the deployment's repository.
func Open(ctx context.Context, p *probe.Pass) (Repository, error) {
	setting := deployment.GitService.Setting("path")
	found, err := p.View.Git()
	switch {
	case err == nil:
	case errors.Is(err, deployment.ErrNoRepository):
		return Repository{}, probe.Skip(setting, "deployment is not in a git repository")
	case errors.Is(err, fs.ErrPermission):
		return Repository{}, probe.Needs("permission to read the git repository", probe.Unknown(probe.ReasonPermissionDenied, err))
	default:
		return Repository{}, probe.Needs(setting, probe.Unknownf(probe.ReasonNotConfigured,
			"no readable git repository: %w", err))
	}
	g := Repository{found}
	foreign, err := g.foreignObjects(p.Deployment.Root)
	switch {
	case err != nil:
		return Repository{}, probe.Needs("permission to read the git repository", probe.Unknown(probe.ReasonOf(err), err))
	case foreign:
		return Repository{}, probe.Needs("a repository with all its objects (git repack -a -d, then remove .git/objects/info/alternates)",
			probe.Unknownf(probe.ReasonTruncated, "git repository reads objects of another folder, which is not followed"))
	}
	ignored, err := g.ignoresRoot(ctx, p)
	switch {
	case err != nil:
		return Repository{}, err
	case ignored:
		return Repository{}, probe.Skip(setting, "deployment is not in a git repository: the one above its folder ignores it")
	}
	return g, nil
}

// Names returns the repository paths of a file and of its link target, if inside the work tree.
func (g Repository) Names(path string) ([]string, error) {
	work, err := filepath.EvalSymlinks(g.Work)
	if err != nil {
		return nil, err
	}
	folder, err := filepath.EvalSymlinks(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	target, err := filepath.EvalSymlinks(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var inside []string
	for _, at := range []string{filepath.Join(folder, filepath.Base(path)), target} {
		name, err := filepath.Rel(work, at)
		if at == "" || err != nil || !filepath.IsLocal(name) || slices.Contains(inside, filepath.ToSlash(name)) {
			continue // outside the work tree
		}
		inside = append(inside, filepath.ToSlash(name))
	}
	return inside, nil
}

// Tracks reports whether one of the names is in the index.
func (g Repository) Tracks(ctx context.Context, names []string) (bool, error) {
	for _, name := range names {
		text, _, err := g.Text(ctx, MaxDiffHeader, "", "ls-files", "--cached", "-z", "--", name)
		if err != nil {
			return false, err
		}
		if strings.Contains("\x00"+text, "\x00"+name+"\x00") {
			return true, nil
		}
	}
	return false, nil
}

// MaxDiffHeader bounds a line outside hunks, mostly file names.
const MaxDiffHeader = 1 << 20
