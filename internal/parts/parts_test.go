package parts

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

func TestMain(m *testing.M) { Main(m) }

// witness is a testing.TB that records the outcome of a test. It implements only the methods that parts call.
type witness struct {
	testing.TB
	failed, skipped string
}

func (w *witness) Helper()          {}
func (w *witness) Skip(args ...any) { w.skipped = args[0].(string); panic(w) }
func (w *witness) Fatalf(format string, args ...any) {
	w.failed = format
	for _, arg := range args {
		if text, ok := arg.(string); ok {
			w.failed += " " + text
		}
	}
	panic(w)
}

// ending runs f with a witness and returns its outcome.
func ending(f func(testing.TB)) (w *witness) {
	w = &witness{}
	defer func() {
		if r := recover(); r != nil && r != any(w) {
			panic(r)
		}
	}()
	f(w)
	return w
}

func TestNeed(t *testing.T) {
	t.Run("installed", func(t *testing.T) {
		if path := Need(t, "git"); !filepath.IsAbs(path) {
			t.Errorf("path %q is not absolute", path)
		}
	})
	t.Run("missing skips by name", func(t *testing.T) {
		t.Setenv("CI", "")
		w := ending(func(tb testing.TB) { Need(tb, "no-such-program") })
		if w.skipped != "no-such-program is not installed" || w.failed != "" {
			t.Errorf("skipped %q, failed %q", w.skipped, w.failed)
		}
	})
	t.Run("missing fails in CI", func(t *testing.T) {
		t.Setenv("CI", "true")
		w := ending(func(tb testing.TB) { Need(tb, "no-such-program") })
		if !strings.Contains(w.failed, "no-such-program is not installed") || w.skipped != "" {
			t.Errorf("skipped %q, failed %q", w.skipped, w.failed)
		}
	})
	t.Run("missing tells the package", func(t *testing.T) {
		t.Setenv("CI", "")
		t.Setenv("PATH", t.TempDir())
		w := ending(func(tb testing.TB) { Need(tb, "jq") })
		if w.skipped != "jq is not installed: apt-get install jq" {
			t.Errorf("skipped %q", w.skipped)
		}
	})
}

func TestNeedRoot(t *testing.T) {
	if os.Geteuid() == 0 {
		w := ending(func(tb testing.TB) { NeedRoot(tb, "a test") })
		if w.skipped != "" || w.failed != "" {
			t.Errorf("root is not enough: skipped %q, failed %q", w.skipped, w.failed)
		}
		return
	}
	t.Setenv("CI", "")
	w := ending(func(tb testing.TB) { NeedRoot(tb, "a test") })
	if w.skipped != "root is required for a test" {
		t.Errorf("skipped %q", w.skipped)
	}
}

func TestRefusing(t *testing.T) {
	address := Refusing(t)
	for range 2 {
		refused(t, address)
		l, err := net.Listen("tcp4", address)
		if err != nil {
			t.Fatal(err)
		}
		conn, err := net.Dial("tcp4", address)
		if err != nil {
			t.Fatal(err)
		}
		conn.Close()
		l.Close()
	}
}

// refused asserts that the address has no listener.
func refused(t *testing.T, address string) {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err == nil {
		conn.Close()
		t.Errorf("%s answers", address)
	}
}

func TestProcess_KillsItsGroup(t *testing.T) {
	// The child ignores the first signal, stays in the group and must still end.
	p := run(t, spec{name: "family", path: Need(t, "sh"), dir: t.TempDir(), args: []string{"-c", "trap '' TERM; sleep 1000 & echo started; exec sleep 1000"}})
	if err := p.await(func() error {
		if !strings.Contains(p.Log(), "started") {
			return os.ErrNotExist
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if err := exec.Command("kill", "-0", strconv.Itoa(p.Pid())).Run(); err != nil {
		t.Fatalf("it does not run: %v", err)
	}
	p.stop(0)
	if err := Poll(Patience, func() error {
		if groupAlive(p.Pid()) {
			return os.ErrExist
		}
		return nil
	}); err != nil {
		t.Errorf("a process of the group is left: %v", err)
	}
}

func TestAwait_ReportsServerEnd(t *testing.T) {
	p := run(t, spec{name: "broken", path: Need(t, "sh"), dir: t.TempDir(), args: []string{"-c", "echo bad setting; exit 3"}})
	err := p.await(func() error { return os.ErrNotExist })
	if err == nil || !strings.Contains(err.Error(), errEnded.Error()) || !strings.Contains(err.Error(), "bad setting") {
		t.Errorf("error %v", err)
	}
}
