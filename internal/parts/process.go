// A process started by a test, with its log and its end. Servers embed it. It is stopped by its process group, never by
// name, and the kernel stops it if the test binary dies first.

package parts

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// stopLimit is how long a server may take to end before it is killed.
const stopLimit = 15 * time.Second

// process is one running program. The zero value has not been started.
type process struct {
	name    string
	logFile string
	command *exec.Cmd
	ended   chan struct{}  // closed when the program has ended and been reaped
	quit    syscall.Signal // signal that requests the end; SIGTERM when not set
}

// spec describes how to start a program.
type spec struct {
	name       string
	path       string
	args       []string
	env        []string // added to this process's environment
	dir        string   // working directory, also of the log
	credential *syscall.Credential
	quit       syscall.Signal // signal that requests the end; SIGTERM when not set
	files      []*os.File     // its descriptors from 3 on; closed here after the start
}

// run starts the program. It is stopped when the test ends, and its log is shown if the test failed.
func run(t testing.TB, s spec) *process {
	t.Helper()
	p := &process{name: s.name, logFile: filepath.Join(s.dir, s.name+".log"), ended: make(chan struct{}), quit: s.quit}
	if p.quit == 0 {
		p.quit = syscall.SIGTERM
	}
	log, err := os.OpenFile(p.logFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatalf("%s: open its log: %v", s.name, err)
	}
	defer log.Close()
	defer func() {
		for _, f := range s.files {
			f.Close()
		}
	}()

	p.command = exec.Command(s.path, s.args...)
	p.command.Dir = s.dir
	p.command.Env = append(os.Environ(), s.env...)
	p.command.Stdout, p.command.Stderr = log, log
	p.command.ExtraFiles = s.files
	p.command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: p.quit, Credential: s.credential}
	started := make(chan error)
	go func() {
		// Pdeathsig is sent when the starting thread ends, not the program, so this thread stays until the process ends.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := p.command.Start()
		started <- err
		if err == nil {
			defer close(p.ended)
			_ = p.command.Wait() // the log shows how it ended
		}
	}()
	if err := <-started; err != nil {
		t.Fatalf("%s: %v", s.name, err)
	}
	t.Cleanup(func() {
		p.Stop()
		if t.Failed() {
			t.Logf("end of the log of %s:\n%s", p.name, p.tail())
		}
	})
	return p
}

// Stop stops the program and waits for its end; repeated calls are allowed.
func (p *process) Stop() { p.stop(stopLimit) }

// stop signals the group, waits for the program up to the limit, and kills the rest of the group.
func (p *process) stop(limit time.Duration) {
	group := p.command.Process.Pid
	if p.running() {
		_ = syscall.Kill(-group, p.quit) // fails only if it has just ended
		select {
		case <-p.ended:
		case <-time.After(limit):
		}
	}
	if p.running() || groupAlive(group) {
		_ = syscall.Kill(-group, syscall.SIGKILL)
	}
	<-p.ended
}

// Pid returns the program's process id.
func (p *process) Pid() int { return p.command.Process.Pid }

// Log returns all output of the program so far.
func (p *process) Log() string {
	content, err := os.ReadFile(p.logFile)
	if err != nil {
		return err.Error()
	}
	return string(content)
}

func (p *process) running() bool {
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// tail returns the last lines of the log.
func (p *process) tail() string {
	lines := strings.Split(strings.TrimRight(p.Log(), "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-40):], "\n")
}

var errEnded = errors.New("the program ended during startup")

// await polls until the program responds. It returns at once when the program has ended.
func (p *process) await(answers func() error) error {
	var ended bool
	err := Poll(Patience, func() error {
		if !p.running() {
			ended = true
			return nil
		}
		return answers()
	})
	if err == nil && !ended && p.running() {
		return nil
	}
	if ended || !p.running() {
		err = errEnded
	}
	return fmt.Errorf("%s: %w; end of its log:\n%s", p.name, err, p.tail())
}

// serve starts a server on its own port and waits until it responds.
func serve(t testing.TB, start func(port int) spec, answers func(p *process, port int) error) (*process, int) {
	t.Helper()
	port := holdPort(t)
	return serveAt(t, port, start, answers), port
}

// serveAt starts a server on a port reserved for it, also after it was stopped.
func serveAt(t testing.TB, port int, start func(port int) spec, answers func(p *process, port int) error) *process {
	t.Helper()
	p := run(t, start(port))
	if err := p.await(func() error { return answers(p, port) }); err != nil {
		t.Fatal(err)
	}
	return p
}

// groupAlive reports whether a process of the group is left.
func groupAlive(group int) bool { return syscall.Kill(-group, 0) == nil }
