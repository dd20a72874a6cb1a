package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// process is a measured server.
type process struct {
	cmd     *exec.Cmd
	log     *os.File
	address string
}

// start starts a tool with its output in a log file. It replaces ADDRESS in arguments with a free loopback address.
func (b *bench) start(name string, args ...string) (*process, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	for i, a := range args {
		args[i] = strings.ReplaceAll(a, "ADDRESS", address)
	}
	log, err := os.CreateTemp(b.dir, name+".*.log")
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(b.tools[name].path, args...)
	cmd.Stdout, cmd.Stderr, cmd.Env = log, log, environment()
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // end with the benchmark
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return &process{cmd: cmd, log: log, address: address}, nil
}

// environment returns the same small environment for every program.
func environment() []string {
	return []string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.TempDir(), "DOCKER_HOST=unix:///nonexistent.sock"}
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// listening waits until the server accepts connections.
func (p *process) listening(wait time.Duration) error {
	for end := time.Now().Add(wait); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if c, err := net.Dial("tcp", p.address); err == nil {
			return c.Close()
		}
	}
	text, _ := os.ReadFile(p.log.Name())
	return fmt.Errorf("%s is not listening: %s", p.cmd.Path, tail(text))
}

// tail returns the end of a log.
func tail(text []byte) string {
	text = bytes.TrimSpace(text)
	return string(text[max(0, len(text)-600):])
}

// stop terminates the server and kills it after 3 s.
func (p *process) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	ended := time.AfterFunc(3*time.Second, func() { _ = p.cmd.Process.Kill() })
	_ = p.cmd.Wait()
	ended.Stop()
	_ = p.log.Close()
}

// cpu returns the CPU time of the process in nanosecond resolution, with terminated threads and without child processes.
func (p *process) cpu() (time.Duration, error) {
	// MAKE_PROCESS_CPUCLOCK(pid, CPUCLOCK_SCHED) in the kernel's posix-timers.h.
	clock := int32(^p.cmd.Process.Pid)<<3 | 2
	var t unix.Timespec
	if err := unix.ClockGettime(clock, &t); err != nil {
		return 0, fmt.Errorf("CPU clock of %s: %w", p.cmd.Path, err)
	}
	return time.Duration(t.Nano()), nil
}

// children returns the CPU time of terminated child processes, in kernel ticks of 10 ms.
func (p *process) children() (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	const user, system, tick = 13, 14, 10 * time.Millisecond // cutime and cstime in proc(5), counted after the name
	if len(fields) <= system {
		return 0, errors.New("/proc/PID/stat: unexpected format")
	}
	u, err1 := strconv.Atoi(fields[user])
	s, err2 := strconv.Atoi(fields[system])
	return time.Duration(u+s) * tick, errors.Join(err1, err2)
}

// memory is the resident memory of a process in bytes.
type memory struct {
	now, peak float64
	own       float64 // now, without file pages, which the kernel can reclaim
}

// memory reads /proc/PID/status.
func (p *process) memory() (m memory, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return m, err
	}
	for line := range strings.Lines(string(text)) {
		key, value, _ := strings.Cut(line, ":")
		number, _ := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 64)
		switch key {
		case "VmRSS":
			m.now = number * 1024
		case "VmHWM":
			m.peak = number * 1024
		case "RssAnon":
			m.own = number * 1024
		}
	}
	if m.now == 0 || m.peak == 0 || m.own == 0 {
		return m, errors.New("/proc/PID/status: unexpected format")
	}
	return m, nil
}

// spent is the cost of a completed program run, including child processes.
type spent struct {
	took, cpu time.Duration
	peak      float64 // bytes
	output    []byte
	code      int
}

// once runs a program to completion. A non-zero exit code is not an error.
func (b *bench) once(dir, path string, args ...string) (spent, error) {
	cmd := exec.CommandContext(b.ctx, path, args...)
	cmd.Env, cmd.Dir = environment(), dir
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	began := time.Now()
	err := cmd.Run()
	s := spent{took: time.Since(began), output: out.Bytes()}
	var exited *exec.ExitError
	if err != nil && !errors.As(err, &exited) {
		return s, err
	}
	s.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	s.code = cmd.ProcessState.ExitCode()
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		s.peak = float64(usage.Maxrss) * 1024
	}
	return s, b.ctx.Err()
}
