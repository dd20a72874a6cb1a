// Network namespaces with their own network and firewall, so that tests of firewall rules do not affect the machine.

package parts

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// Namespace is a named network namespace that contains only a loopback interface, which is up.
type Namespace struct {
	Name string
	Path string // of its file, for setns(2) and nftables
	ip   string
}

// Netns creates a network namespace that is removed by its name when the test ends. It needs root.
func Netns(t testing.TB) *Namespace {
	t.Helper()
	NeedRoot(t, "network namespaces")
	ns := &Namespace{ip: Need(t, "ip"), Name: "parts-" + strings.ToLower(Secret()[:10])}
	ns.Path = filepath.Join("/run/netns", ns.Name)
	command := func(args ...string) error {
		if output, err := exec.Command(ns.ip, args...).CombinedOutput(); err != nil {
			return fmt.Errorf("ip %s: %w: %s", strings.Join(args, " "), err, output)
		}
		return nil
	}
	if err := command("netns", "add", ns.Name); err != nil {
		Missing(t, "network namespaces are not available: "+err.Error())
	}
	t.Cleanup(func() {
		if err := command("netns", "delete", ns.Name); err != nil {
			t.Error(err)
		}
	})
	ns.Run(t, ns.ip, "link", "set", "lo", "up")
	return ns
}

// Command prepares a program that will run in the namespace.
func (n *Namespace) Command(name string, args ...string) *exec.Cmd {
	return exec.Command(n.ip, append([]string{"netns", "exec", n.Name, name}, args...)...)
}

// Run runs a program in the namespace and returns its output. If the program fails, the test fails.
func (n *Namespace) Run(t testing.TB, name string, args ...string) string {
	t.Helper()
	output, err := n.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("in a network namespace: %s %s: %v\n%s", name, strings.Join(args, " "), err, output)
	}
	return string(output)
}

// Do calls f on a thread in the namespace: sockets that f opens stay there. Goroutines started by f are outside it, and
// so is /proc/net: read /proc/thread-self/net. f must not end the test (no Fatal), but return an error.
func (n *Namespace) Do(f func() error) error {
	result := make(chan error, 1)
	go func() { result <- n.onThread(f) }()
	return <-result
}

func (n *Namespace) onThread(f func() error) error {
	// The thread is unlocked only after it has returned to its namespace; otherwise the runtime ends it with this
	// goroutine. It must not end in other cases: servers started from it would be stopped with it (Pdeathsig).
	runtime.LockOSThread()
	home, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		runtime.UnlockOSThread()
		return err
	}
	defer home.Close()
	there, err := os.Open(n.Path)
	if err != nil {
		runtime.UnlockOSThread()
		return err
	}
	defer there.Close()
	if err := unix.Setns(int(there.Fd()), unix.CLONE_NEWNET); err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("enter the network namespace: %w", err)
	}
	err = f()
	if back := unix.Setns(int(home.Fd()), unix.CLONE_NEWNET); back != nil {
		return fmt.Errorf("leave the network namespace: %w", back)
	}
	runtime.UnlockOSThread()
	return err
}
