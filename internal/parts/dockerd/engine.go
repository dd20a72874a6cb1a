// Package dockerd starts a Docker Engine for tests: the machine's if it responds, else one of the tests' own. An own
// engine is started once per test binary, uses a private socket, directory, bridge and address block, does not change the
// machine's firewall, and ends with the test binary.
//
// It is apart from package parts, because Docker's client is large: the tests of a subject without Docker link none.
package dockerd

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/moby/moby/client"

	"github.com/thenexusengine/catalyst_exporter/internal/parts"
)

// machineSocket is Docker Engine's default socket.
const machineSocket = "/var/run/docker.sock"

// engineScript supervises an engine, see its first lines.
//
//go:embed engine.sh
var engineScript string

// Engine is a running Docker Engine as one test sees it.
type Engine struct {
	Host   string         // unix:///path, as DOCKER_HOST takes it
	Client *client.Client // closed when the test ends
	own    *ownEngine     // nil for the machine's engine
}

// onceEngine holds the engine of this test binary and the pipe that keeps it alive.
var onceEngine struct {
	sync.Mutex
	engine *ownEngine
}

// Shared returns an engine that all tests of this binary share: choose names of containers and images that do not
// collide. Resources created through Image, Run and Network are removed when the test ends.
func Shared(t testing.TB) *Engine {
	t.Helper()
	if ping("unix://"+machineSocket) == nil {
		return connect(t, "unix://"+machineSocket, nil)
	}
	onceEngine.Lock()
	defer onceEngine.Unlock()
	if onceEngine.engine == nil || ping(onceEngine.engine.host()) != nil {
		onceEngine.engine = startEngine(t)
	}
	return connect(t, onceEngine.engine.host(), onceEngine.engine)
}

// Private starts an engine for this test only, which the test may stop.
func Private(t testing.TB) *Engine {
	t.Helper()
	engine := startEngine(t)
	t.Cleanup(engine.stop)
	return connect(t, engine.host(), engine)
}

// Stop stops a private engine and waits for its end. The machine's engine is never stopped.
func (e *Engine) Stop() {
	if e.own != nil {
		e.own.stop()
	}
}

func connect(t testing.TB, host string, own *ownEngine) *Engine {
	t.Helper()
	api, err := client.New(client.WithHost(host))
	if err != nil {
		t.Fatalf("docker: %v", err)
	}
	t.Cleanup(func() { _ = api.Close() })
	return &Engine{Host: host, Client: api, own: own}
}

func ping(host string) error {
	api, err := client.New(client.WithHost(host))
	if err != nil {
		return err
	}
	defer api.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_, err = api.Ping(ctx, client.PingOptions{})
	return err
}

// ownEngine is a dockerd and the shell that supervises it.
type ownEngine struct {
	dir     string
	command *exec.Cmd
	alive   *os.File // the engine runs as long as this is open
	stopped sync.Once
}

func (e *ownEngine) host() string { return "unix://" + filepath.Join(e.dir, "docker.sock") }

func startEngine(t testing.TB) *ownEngine {
	t.Helper()
	dockerd, shell := parts.Need(t, "dockerd"), parts.Need(t, "sh")
	parts.Need(t, "ip")
	parts.Need(t, "awk")
	parts.NeedRoot(t, "a Docker Engine")

	dir, err := os.MkdirTemp("", "parts-docker-") // removed by the script
	if err != nil {
		t.Fatalf("docker: %v", err)
	}
	logFile := filepath.Join(dir, "dockerd.log")
	log, err := os.OpenFile(logFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatalf("docker: %v", err)
	}
	defer log.Close()
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatalf("docker: %v", err)
	}
	defer read.Close()

	block := freeBlock(t)
	first := block.Addr().As4()
	address := fmt.Sprintf("%d.%d.%d.1/24", first[0], first[1], first[2])
	pool := fmt.Sprintf("%d.%d.%d.0/21", first[0], first[1], first[2]+8)
	script := filepath.Join(dir, "engine.sh")
	parts.WriteFile(t, script, engineScript, 0o600)
	bridge := "parts" + strings.ToLower(parts.Secret()[:8]) // names of interfaces end at 15 bytes

	engine := &ownEngine{dir: dir, alive: write}
	engine.command = exec.Command(shell, script, dir, bridge, address, block.String(), pool, dockerd)
	engine.command.Stdin, engine.command.Stdout, engine.command.Stderr = read, log, log
	engine.command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a terminal's interrupt is not for it
	if err := engine.command.Start(); err != nil {
		t.Fatalf("docker: %v", err)
	}
	err = parts.Poll(parts.Patience, func() error {
		var status syscall.WaitStatus
		if ended, _ := syscall.Wait4(engine.command.Process.Pid, &status, syscall.WNOHANG, nil); ended != 0 {
			return nil // retried below, where the log is available
		}
		return ping(engine.host())
	})
	content, _ := os.ReadFile(logFile)
	if err = errors.Join(err, ping(engine.host())); err != nil {
		engine.alive.Close()
		t.Fatalf("docker: %v; its log:\n%s", err, content)
	}
	return engine
}

// stop closes the pipe and waits until the script has removed everything.
func (e *ownEngine) stop() {
	e.stopped.Do(func() {
		e.alive.Close()
		_ = e.command.Wait() // the exit status of dockerd is irrelevant
	})
}

// freeBlock picks 4096 addresses that no local interface uses, from the range reserved for tests of network devices
// (RFC 2544, 198.18.0.0/15), which is not routed.
func freeBlock(t testing.TB) netip.Prefix {
	t.Helper()
	used, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatalf("docker: %v", err)
	}
	for range 100 {
		n := rand.IntN(32)
		block := netip.PrefixFrom(netip.AddrFrom4([4]byte{198, byte(18 + n/16), byte(n % 16 * 16), 0}), 20)
		if !overlaps(block, used) {
			return block
		}
	}
	t.Fatal("docker: all blocks of 198.18.0.0/15 are in use: remove leftover bridges (ip link)")
	return netip.Prefix{}
}

func overlaps(block netip.Prefix, used []net.Addr) bool {
	for _, address := range used {
		if prefix, err := netip.ParsePrefix(address.String()); err == nil && prefix.Masked().Overlaps(block) {
			return true
		}
	}
	return false
}
