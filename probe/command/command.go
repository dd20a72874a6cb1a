// Package command runs programs that an operator put into one directory: the only kind that runs anything.
package command

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// command: what does the operator's program say?
//
// A checklist cannot enable it: only the flag --probe.command-directory can. The program is a file of that directory that
// nobody but root can write (place.go). It is opened once and started by its descriptor, so that what was checked is what
// runs. It gets nothing of the exporter: no environment, no input, no working directory, no descriptor but its own. Its
// output is counted and searched for one word, and otherwise dropped.

// ProgramKind is the kind command.
func ProgramKind() probe.Kind {
	return probe.Kind{
		Name:       "command",
		Question:   "Does the operator's program say that it holds?",
		Example:    "{program: check_queue, args: [--max=100], reason: threshold}",
		Layer:      probe.LayerLive,
		Reads:      "the exit status of a program in the directory of --probe.command-directory: 0 pass, 1 warn, 2 fail, anything else unknown",
		Permission: "an exporter that does not run as root; directory and program are owned by root and writable by nobody else",
		Timeout:    10 * time.Second,
		MaxAge:     time.Hour,
		Active:     true,
		New:        func() any { return &program{Reason: string(probe.ReasonUnhealthy)} },
	}
}

type program struct {
	Program string   `yaml:"program" required:"true" pattern:"^[A-Za-z0-9_][A-Za-z0-9._-]{0,99}$" doc:"name of the program in the directory, without folder"`
	Args    []string `yaml:"args" max:"50" doc:"arguments, passed as they are: no shell, no variables"`
	Reason  string   `yaml:"reason" default:"unhealthy" enum:"missing,placeholder,weak,reused,open,mismatch,drift,expired,expiring,exposed,over_privileged,committed,invalid,stale,empty,truncated,not_published,unhealthy,threshold,dead_rule,unpinned,overdue,outdated" doc:"reason of a warning or failure, unless the program prints a line 'reason: WORD' with one of these words"`
}

// Validate reports faults of the parameters when the checklist is loaded.
func (s *program) Validate() []error {
	var errs []error
	for _, arg := range s.Args {
		if strings.Contains(arg, "${") || strings.ContainsRune(arg, 0) {
			errs = append(errs, errors.New("args: an argument contains ${ or a NUL: arguments have no variables"))
		}
	}
	return errs
}

func (s *program) Probe(ctx context.Context, p *probe.Pass) (probe.Result, error) {
	at := place{directory: p.Commands, root: os.Geteuid() == 0 || os.Getuid() == 0, owner: 0}
	file, err := at.open(s.Program)
	if err != nil {
		return probe.Result{}, err
	}
	defer func() { _ = file.Close() }()
	return s.run(ctx, file)
}

// run starts an open program and judges how it ends.
func (s *program) run(ctx context.Context, file *os.File) (probe.Result, error) {
	out := &counted{over: make(chan struct{})}
	cmd := &exec.Cmd{
		Path: "/proc/self/fd/3", // file, as the only extra one
		Args: append([]string{s.Program}, s.Args...),
		Env:  []string{}, Dir: "/", Stdout: out, Stderr: out, ExtraFiles: []*os.File{file},
		SysProcAttr: &syscall.SysProcAttr{Setpgid: true},
		WaitDelay:   time.Second, // a process that left the group may hold the output
	}
	if err := ctx.Err(); err != nil {
		return probe.Result{}, err
	}
	// Descriptors that the exporter inherited itself are not passed on. Linux before 5.11 cannot do this.
	_ = unix.CloseRange(3, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC)
	if err := cmd.Start(); err != nil {
		return probe.Result{}, notStarted(s.Program, err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		awaitEnd(cmd.Process.Pid)
	}()
	overdue := false
	select {
	case <-ended:
	case <-ctx.Done():
		overdue = true
	case <-out.over:
	}
	// The program still has its process number here, so that the group cannot be another one.
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	<-ended
	_ = cmd.Wait() // its error is in the state
	switch {
	case overdue:
		return probe.Result{}, probe.Unknownf(probe.ReasonTimeout, "%s did not end in time and was killed", s.Program)
	case out.isOver():
		return probe.Result{}, probe.Unknownf(probe.ReasonError, "%s printed more than %d KiB and was killed", s.Program, maxOutput>>10)
	}
	return s.judge(cmd.ProcessState, out.reason())
}

// awaitEnd waits for the end of a process without reaping it.
func awaitEnd(pid int) {
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			return
		}
	}
}

// notStarted says why a program was not started, without the kernel's text.
func notStarted(name string, err error) error {
	switch {
	case errors.Is(err, syscall.ENOENT):
		return probe.Unknownf(probe.ReasonError, "%s cannot be started: its interpreter or loader does not exist", name)
	case errors.Is(err, syscall.EACCES):
		return probe.Unknownf(probe.ReasonPermissionDenied, "%s cannot be started: it, or its interpreter, is not executable for the exporter's user", name)
	case errors.Is(err, syscall.ENOEXEC):
		return probe.Unknownf(probe.ReasonError, "%s cannot be started: it is neither a program nor a script that starts with #!", name)
	}
	return probe.Unknownf(probe.ReasonError, "%s cannot be started", name)
}

func (s *program) judge(state *os.ProcessState, said probe.Reason) (probe.Result, error) {
	reason := probe.Reason(s.Reason)
	if said != "" {
		reason = said
	}
	switch code := state.ExitCode(); code {
	case 0:
		return probe.Passed("%s ended with status 0", s.Program), nil
	case 1:
		return probe.Warned(reason, "%s ended with status 1", s.Program), nil
	case 2:
		return probe.Failed(reason, "%s ended with status 2", s.Program), nil
	case -1:
		return probe.Result{}, probe.Unknownf(probe.ReasonError, "%s was ended by a signal", s.Program)
	default:
		return probe.Result{}, probe.Unknownf(probe.ReasonError, "%s ended with status %d, which is none of 0, 1 and 2", s.Program, code)
	}
}

// maxOutput is how much a program may print.
const maxOutput = 64 << 10

// counted keeps what a program prints, up to the limit. It is written by one goroutine, and read when that has ended.
type counted struct {
	kept bytes.Buffer
	over chan struct{} // closed when there is more
}

// Write implements io.Writer.
func (c *counted) Write(b []byte) (int, error) {
	if c.kept.Len()+len(b) <= maxOutput {
		return c.kept.Write(b)
	}
	if !c.isOver() {
		close(c.over)
	}
	return 0, errTooMuch
}

var errTooMuch = errors.New("too much output")

func (c *counted) isOver() bool {
	select {
	case <-c.over:
		return true
	default:
		return false
	}
}

var reasonLine = lazyregexp.New(`(?m)^reason:[ \t]*([a-z_]{1,20})[ \t]*\r?$`)

// reason returns the word of the closed list that the program printed, "" if it printed none.
func (c *counted) reason() probe.Reason {
	m := reasonLine.FindSubmatch(c.kept.Bytes())
	if m == nil {
		return ""
	}
	if r := probe.Reason(m[1]); slices.Contains(probe.Reasons(), r) {
		return r
	}
	return ""
}

// refused is the error of a directory or program that is not as required.
func refused(what, format string, args ...any) error {
	return probe.Needs("a directory and programs that only root can write", probe.Unknown(probe.ReasonPermissionDenied,
		fmt.Errorf("%s %s", what, fmt.Sprintf(format, args...))))
}
