package probe

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"time"

	"github.com/thenexusengine/catalyst_exporter/deployment"
)

// git is run with a fixed list of arguments on a repository that belongs to somebody else. Nothing that the repository's own configuration or
// attributes name is started (file system monitors, external diffs, text conversions, signature checks), nothing is fetched, and nothing is
// written. What git says on its error stream is classified, never told: it may hold an address with a password.

// maxGitErrors is how much of what git complains of is read.
const maxGitErrors = 8 << 10

// gitRepository is one repository, named to git outright: git does not look for it, so that it asks neither who owns it nor lands in another.
type gitRepository struct {
	deployment.Git
}

// command makes the command of git; a git that is not there is an error.
func (g gitRepository) command(ctx context.Context, args ...string) (*exec.Cmd, error) {
	program, err := exec.LookPath("git")
	if err != nil {
		return nil, Needs("git, installed where the exporter runs", Unknown(ReasonNotConfigured, errors.New("git is not installed, and it is what reads the repository")))
	}
	fixed := []string{"--git-dir=" + g.Dir, "--no-pager", "--no-replace-objects", "--literal-pathspecs",
		"-c", "core.fsmonitor=false", "-c", "core.quotePath=false", "-c", "core.hooksPath=/dev/null", "-c", "core.attributesFile=/dev/null", "-c", "core.commitGraph=false",
		"-c", "log.showSignature=false", "-c", "log.mailmap=false", "-c", "protocol.allow=never", "-c", "safe.directory=*"}
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

// run feeds git and hands its output to read; it is the end of read that decides when git has said enough. The exit code is returned for
// those of whom it is an answer; any other than 0 goes with an error.
func (g gitRepository) run(ctx context.Context, input string, read func(io.Reader) error, args ...string) (code int, err error) {
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
		return -1, fmt.Errorf("git cannot be started: %w", err)
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
		return cmd.ProcessState.ExitCode(), gitComplaint(args[0], cmd.ProcessState.ExitCode(), said)
	}
	return 0, nil
}

// text is git's whole answer, at most limit bytes of it.
func (g gitRepository) text(ctx context.Context, limit int64, input string, args ...string) (string, int, error) {
	var all []byte
	code, err := g.run(ctx, input, func(r io.Reader) error {
		var err error
		all, err = io.ReadAll(io.LimitReader(r, limit+1))
		if err == nil && int64(len(all)) > limit {
			err = Unknownf(ReasonError, "git %s answers with more than %d bytes", args[0], limit)
		}
		return err
	}, args...)
	return string(all), code, err
}

// gitComplaint says what is known of git's refusal.
func gitComplaint(command string, code int, said string) error {
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
		return Needs("an exporter that runs as the owner of the git repository, or git 2.38", Unknownf(ReasonPermissionDenied, "git refuses to read a repository that belongs to another user"))
	case has("permission denied"):
		return Needs("permission to read the git repository", Unknownf(ReasonPermissionDenied, "git may not read all of the repository"))
	case has("promisor", "lazy", "transport '"):
		return Needs("a full clone (git fetch --refetch --no-filter)", Unknownf(ReasonTruncated, "the repository is a partial clone: not all of its contents are here"))
	case has("bad object", "missing", "corrupt", "unable to read", "could not read"):
		return Needs("a whole repository (git fsck tells what is wrong)", Unknownf(ReasonInvalid, "git %s exits with %d: objects of the repository are missing or broken", command, code))
	}
	return Needs("a repository that git can read (git fsck tells what is wrong)", Unknownf(ReasonError, "git %s exits with %d", command, code))
}

// firstBytes keeps the beginning of what is written to it.
type firstBytes struct {
	bytes.Buffer
	limit int
}

// Write implements io.Writer.
func (b *firstBytes) Write(p []byte) (int, error) {
	b.Buffer.Write(p[:min(len(p), max(0, b.limit-b.Len()))])
	return len(p), nil
}
