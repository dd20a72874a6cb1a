package command

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/parts"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// The tests own their directory, in place of root.
func newPlace(t *testing.T) place {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "commands")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, each := range []string{filepath.Dir(filepath.Dir(dir)), filepath.Dir(dir), dir} {
		if err := os.Chmod(each, 0o755); err != nil { //nolint:gosec // the directory of programs is public
			t.Fatal(err)
		}
	}
	return place{directory: dir, owner: uint32(os.Getuid())}
}

func write(t *testing.T, at place, name, text string, mode os.FileMode) {
	t.Helper()
	file := filepath.Join(at.directory, name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(file, mode); err != nil {
		t.Fatal(err)
	}
}

func run(t *testing.T, at place, spec string) probe.Result {
	t.Helper()
	return probe.Run(t.Context(), placed{probetest.Load(t, ProgramKind(), spec).(*program), at}, probetest.NewPass(t, nil, deployment.Settings{}))
}

// placed runs a program of another place.
type placed struct {
	*program
	at place
}

func (s placed) Probe(ctx context.Context, _ *probe.Pass) (probe.Result, error) {
	file, err := s.at.open(s.Program)
	if err != nil {
		return probe.Result{}, err
	}
	defer func() { _ = file.Close() }()
	return s.run(ctx, file)
}

func TestCommand_Verdicts(t *testing.T) {
	const pass, warn, fail, unknown = probe.StatePass, probe.StateWarn, probe.StateFail, probe.StateUnknown
	secret := parts.Secret()
	for name, test := range map[string]struct {
		script, more string
		state        probe.State
		reason       probe.Reason
		detail       string
	}{
		"0":              {"exit 0", "", pass, "", "x ended with status 0"},
		"1":              {"exit 1", "", warn, probe.ReasonUnhealthy, "status 1"},
		"2":              {"exit 2", ", reason: threshold", fail, probe.ReasonThreshold, "status 2"},
		"3":              {"exit 3", "", unknown, probe.ReasonError, "status 3, which is none of 0, 1 and 2"},
		"255":            {"exit 255", "", unknown, probe.ReasonError, "255"},
		"signal":         {"kill -9 $$", "", unknown, probe.ReasonError, "ended by a signal"},
		"reason":         {"echo a; echo 'reason: stale'; exit 2", "", fail, probe.ReasonStale, ""},
		"reason of pass": {"echo 'reason: stale'", "", pass, "", ""},
		"other reason":   {"echo 'reason: sunspots'; exit 2", "", fail, probe.ReasonUnhealthy, ""},
		"not a line":     {"echo 'no reason: stale'; exit 2", "", fail, probe.ReasonUnhealthy, ""},
		"output":         {"echo " + secret + "; echo " + secret + " >&2; exit 2", "", fail, probe.ReasonUnhealthy, ""},
		"arguments":      {`[ "$#" = 3 ] && [ "$1" = "a b" ] && [ "$2" = '$(id)' ] && [ "$3" = ";id" ]`, `, args: ["a b", "$(id)", ";id"]`, pass, "", ""},
		"64 KiB":         {"head -c 65536 /dev/zero", "", pass, "", ""},
		"65 KiB":         {"head -c 65537 /dev/zero", "", unknown, probe.ReasonError, "more than 64 KiB"},
		"endless output": {"exec cat /dev/zero", "", unknown, probe.ReasonError, "more than 64 KiB"},
		"endless errors": {"exec cat /dev/zero >&2", "", unknown, probe.ReasonError, "more than 64 KiB"},
		"reads":          {"read line; [ -z \"$line\" ]", "", pass, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			at := newPlace(t)
			write(t, at, "x", "#!/bin/sh\n"+test.script+"\n", 0o755)
			got := run(t, at, "{program: x"+test.more+"}")
			probetest.Expect(t, got, test.state, test.reason, test.detail)
			probetest.HasNot(t, got, secret)
		})
	}
}

// What is not owned and protected as required does not run.
func TestCommand_Place(t *testing.T) {
	const denied = probe.ReasonPermissionDenied
	script := "#!/bin/sh\nexit 0\n"
	for name, test := range map[string]struct {
		change func(t *testing.T, at *place)
		reason probe.Reason // "" for a pass
		detail string
	}{
		"sound":             {func(*testing.T, *place) {}, "", ""},
		"no directory":      {func(_ *testing.T, at *place) { at.directory = "" }, probe.ReasonNotConfigured, "no directory of commands"},
		"missing directory": {func(_ *testing.T, at *place) { at.directory += "/none" }, probe.ReasonNotConfigured, "does not exist"},
		"relative":          {func(_ *testing.T, at *place) { at.directory = "commands" }, denied, "not an absolute path"},
		"root":              {func(_ *testing.T, at *place) { at.root = true }, probe.ReasonOverPrivileged, "runs as root"},
		"missing program":   {func(t *testing.T, at *place) { remove(t, *at) }, probe.ReasonNotConfigured, "x does not exist"},
		"writable folder":   {func(t *testing.T, at *place) { chmod(t, at.directory, 0o775) }, denied, "writable by others"},
		"sticky folder":     {func(t *testing.T, at *place) { chmod(t, at.directory, 0o777|os.ModeSticky) }, denied, "writable by others"},
		"writable parent":   {func(t *testing.T, at *place) { chmod(t, filepath.Dir(at.directory), 0o777) }, denied, "writable by others"},
		"writable program":  {func(t *testing.T, at *place) { chmod(t, at.directory+"/x", 0o757) }, denied, "x is writable by others"},
		"group may write":   {func(t *testing.T, at *place) { chmod(t, at.directory+"/x", 0o775) }, denied, "x is writable by others"},
		"setuid":            {func(t *testing.T, at *place) { chmod(t, at.directory+"/x", 0o755|os.ModeSetuid) }, denied, "setuid"},
		"setgid":            {func(t *testing.T, at *place) { chmod(t, at.directory+"/x", 0o755|os.ModeSetgid) }, denied, "setgid"},
		"other owner":       {func(_ *testing.T, at *place) { at.owner++ }, denied, "not owned by root"},
		"link": {func(t *testing.T, at *place) {
			rename(t, at.directory+"/x", at.directory+"/y")
			link(t, "y", at.directory+"/x")
		}, denied, "x is a link"},
		"link in the path": {func(t *testing.T, at *place) {
			link(t, at.directory, at.directory+"-link")
			at.directory += "-link"
		}, denied, "is a link"},
		"link above": {func(t *testing.T, at *place) {
			link(t, filepath.Dir(at.directory), at.directory+"-up")
			at.directory += "-up/commands"
		}, denied, "is a link"},
		"folder": {func(t *testing.T, at *place) {
			remove(t, *at)
			if err := os.Mkdir(at.directory+"/x", 0o755); err != nil {
				t.Fatal(err)
			}
		}, denied, "not a regular file"},
		"pipe": {func(t *testing.T, at *place) {
			remove(t, *at)
			if err := syscall.Mkfifo(at.directory+"/x", 0o755); err != nil {
				t.Fatal(err)
			}
		}, denied, "not a regular file"},
		"interpreter is missing": {func(t *testing.T, at *place) { write(t, *at, "x", "#!/no/such/shell\n", 0o755) }, probe.ReasonError, "interpreter or loader does not exist"},
		"no program":             {func(t *testing.T, at *place) { write(t, *at, "x", "exit 0\n", 0o755) }, probe.ReasonError, "neither a program nor a script"},
		"empty":                  {func(t *testing.T, at *place) { write(t, *at, "x", "", 0o755) }, probe.ReasonError, "neither a program nor a script"},
		"not executable":         {func(t *testing.T, at *place) { chmod(t, at.directory+"/x", 0o644) }, denied, "not executable"},
	} {
		t.Run(name, func(t *testing.T) {
			at := newPlace(t)
			write(t, at, "x", script, 0o755)
			test.change(t, &at)
			got := run(t, at, "{program: x}")
			if test.reason == "" {
				probetest.Expect(t, got, probe.StatePass, "", "")
			} else {
				probetest.Expect(t, got, probe.StateUnknown, test.reason, test.detail)
			}
		})
	}
	at := newPlace(t)
	write(t, at, "x", script, 0o755)
	for _, name := range []string{"../x", "/bin/sh", ".", "..", "", "a/b"} {
		if file, err := at.open(name); err == nil {
			_ = file.Close()
			t.Errorf("%q was opened", name)
		}
	}
}

// A program with file capabilities does not run.
func TestCommand_Capabilities(t *testing.T) {
	at := newPlace(t)
	write(t, at, "x", "#!/bin/sh\n", 0o755)
	netBind := []byte{1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
	if err := unix.Setxattr(at.directory+"/x", "security.capability", netBind, 0); err != nil {
		parts.Missing(t, "file capabilities cannot be set: "+err.Error())
	}
	probetest.Expect(t, run(t, at, "{program: x}"), probe.StateUnknown, probe.ReasonPermissionDenied, "file capabilities")
}

// What was checked is what runs, whatever has its name by then.
func TestCommand_Swapped(t *testing.T) {
	at := newPlace(t)
	write(t, at, "x", "#!/bin/sh\nexit 2\n", 0o755)
	write(t, at, "y", "#!/bin/sh\nexit 0\n", 0o755)
	file, err := at.open("x")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	rename(t, at.directory+"/y", at.directory+"/x")
	r, err := (&program{Program: "x", Reason: "unhealthy"}).run(t.Context(), file)
	if err != nil || r.State != probe.StateFail {
		t.Errorf("%+v, %v", r, err)
	}
}

// A program gets nothing of the exporter.
func TestCommand_Isolation(t *testing.T) {
	t.Setenv("CATALYST_SECRET", parts.Secret())
	open, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = open.Close() }()
	at := newPlace(t)
	// A shell sets PWD itself, so the environment is read as the kernel has it. 3 is the program, and 10 is how a shell reads it.
	write(t, at, "x", `#!/bin/sh
[ "$(tr -d '\0' </proc/$$/environ | wc -c)" = 0 ] || exit 10
[ "$(readlink /proc/$$/cwd)" = / ] || exit 11
[ "$(readlink /proc/$$/fd/0)" = /dev/null ] || exit 12
for fd in 4 5 6 7 8 9 11 12 13 14 15 16; do
	[ ! -e /proc/$$/fd/$fd ] || exit 13
done
[ "$(cut -d ' ' -f 5 /proc/$$/stat)" = $$ ] || exit 14
exit 0
`, 0o755)
	probetest.Expect(t, run(t, at, "{program: x}"), probe.StatePass, "", "")
}

// Whatever a program starts in its group ends with it, and nothing holds the verdict up.
func TestCommand_KillsItsGroup(t *testing.T) {
	for name, test := range map[string]struct {
		script string
		state  probe.State
		reason probe.Reason
	}{
		"ignores TERM":     {"trap '' TERM HUP INT; echo $$ >PID; while :; do sleep 1000; done", probe.StateUnknown, probe.ReasonTimeout},
		"child":            {"sleep 1000 & echo $! >PID; wait", probe.StateUnknown, probe.ReasonTimeout},
		"child left":       {"sleep 1000 & echo $! >PID; exit 0", probe.StatePass, ""},
		"stopped":          {"echo $$ >PID; kill -STOP $$", probe.StateUnknown, probe.ReasonTimeout},
		"output held open": {"sleep 1000 >&2 & echo $! >PID; exit 2", probe.StateFail, probe.ReasonUnhealthy},
	} {
		t.Run(name, func(t *testing.T) {
			at := newPlace(t)
			pidFile := filepath.Join(t.TempDir(), "pid")
			write(t, at, "x", "#!/bin/sh\n"+strings.ReplaceAll(test.script, "PID", pidFile)+"\n", 0o755)
			file, err := at.open("x")
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = file.Close() }()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if test.reason == probe.ReasonTimeout {
				go func() { // the timeout comes when the program has started
					for ctx.Err() == nil && pidIn(pidFile) == 0 {
						time.Sleep(time.Millisecond)
					}
					cancel()
				}()
			}
			r, err := (&program{Program: "x", Reason: "unhealthy"}).run(ctx, file)
			if err != nil {
				r = probe.NotChecked(err)
			}
			probetest.Expect(t, r, test.state, test.reason, "")
			pid := pidIn(pidFile)
			deadline := time.Now().Add(parts.Patience)
			for alive(pid) {
				if time.Now().After(deadline) {
					t.Fatalf("process %d is alive", pid)
				}
				time.Sleep(time.Millisecond)
			}
		})
	}
}

// A daemon leaves the group. It delays no verdict.
func TestCommand_Daemon(t *testing.T) {
	at := newPlace(t)
	pidFile := filepath.Join(t.TempDir(), "pid")
	write(t, at, "x", "#!/bin/sh\nsetsid sh -c 'echo $$ >"+pidFile+"; exec sleep 1000' &\nwhile [ ! -s "+pidFile+" ]; do :; done\nexit 0\n", 0o755)
	got := run(t, at, "{program: x}")
	probetest.Expect(t, got, probe.StatePass, "", "")
	if pid := pidIn(pidFile); pid > 0 {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
}

func TestCommand_Spec(t *testing.T) {
	for _, spec := range []string{
		"{program: ../x}", "{program: a/b}", "{program: /bin/sh}", "{program: .}", "{program: ''}", "{program: -x}", "{}",
		"{program: x, args: ['${HOME}']}", "{program: x, args: ['a${env.KEY}']}", "{program: x, reason: sunspots}", "{program: x, directory: /bin}",
	} {
		if _, problems := probetest.Decode(ProgramKind(), spec); len(problems) == 0 {
			t.Errorf("%s loads", spec)
		}
	}
	if k := ProgramKind(); !k.Active {
		t.Error("not active")
	}
}

// The exporter's own identity decides, not the checklist.
func TestCommand_OfThisProcess(t *testing.T) {
	p := probetest.NewPass(t, nil, deployment.Settings{})
	probetest.Expect(t, probetest.Look(t, p, ProgramKind(), "{program: true}"), probe.StateUnknown, probe.ReasonNotConfigured, "no directory of commands")
	p.Commands = "/usr/bin"
	got := probetest.Look(t, p, ProgramKind(), "{program: 'true'}")
	if os.Geteuid() == 0 {
		probetest.Expect(t, got, probe.StateUnknown, probe.ReasonOverPrivileged, "runs as root")
	} else {
		probetest.Expect(t, got, probe.StatePass, "", "")
	}
}

func pidIn(file string) int {
	data, err := os.ReadFile(file)
	if err != nil {
		return 0
	}
	pid, _ := strconv.Atoi(strings.TrimSpace(string(data)))
	return pid
}

// alive reports whether a process runs: one that ended may wait to be reaped.
func alive(pid int) bool {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if errors.Is(err, os.ErrNotExist) || pid == 0 || errors.Is(err, syscall.ESRCH) {
		return false
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(rest, "Z") && !strings.HasPrefix(rest, "X")
}

func chmod(t *testing.T, name string, mode os.FileMode) {
	t.Helper()
	if err := os.Chmod(name, mode); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, at place) {
	t.Helper()
	if err := os.Remove(at.directory + "/x"); err != nil {
		t.Fatal(err)
	}
}

func rename(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

func link(t *testing.T, to, name string) {
	t.Helper()
	if err := os.Symlink(to, name); err != nil {
		t.Fatal(err)
	}
}
