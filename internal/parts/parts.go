// Package parts starts the real servers that the tests use: PostgreSQL, Redis, nginx, Prometheus, Alertmanager,
// Chromium, git repositories, certificates and network namespaces.
//
// Rules for every part:
//   - Only test files import this package.
//   - A server listens on free loopback ports, uses its own directory, and is stopped by its process group when its
//     test ends. If the test binary dies, the kernel or a watching pipe stops it.
//   - A constructor returns when the server responds in its own protocol, or fails the test with the end of the
//     server's log. Waits poll and have a limit; nothing sleeps for a fixed time.
//   - If a part is not installed, the test is skipped with its name. With CI=true it fails, so that no test is
//     silently skipped.
//
// To share one server between tests, start it in a parent test and run the tests as subtests.
package parts

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// Patience limits every wait. Only a failing test waits that long, so it is far longer than any machine needs: a tight
// limit would measure the load of the machine.
const Patience = 2 * time.Minute

// packages maps each program to its Debian package, for the message when it is missing.
var packages = map[string]string{
	"alertmanager":            "prometheus-alertmanager",
	"amtool":                  "prometheus-alertmanager",
	"chromium":                "chromium",
	"curl":                    "curl",
	"docker":                  "docker.io",
	"dockerd":                 "docker.io",
	"git":                     "git",
	"initdb":                  "postgresql",
	"ip":                      "iproute2",
	"jq":                      "jq",
	"nft":                     "nftables",
	"nginx":                   "nginx-light",
	"pg_dump":                 "postgresql",
	"pg_restore":              "postgresql",
	"postgres":                "postgresql",
	"prometheus":              "prometheus",
	"prometheus-alertmanager": "prometheus-alertmanager",
	"promtool":                "prometheus",
	"psql":                    "postgresql",
	"redis-server":            "redis-server",
	"ssh-add":                 "openssh-client",
	"ssh-agent":               "openssh-client",
	"ssh-keygen":              "openssh-client",
	"systemd-analyze":         "systemd",
	"ufw":                     "ufw",
}

// searchPath is searched after PATH: Debian installs servers in sbin, which is not always in PATH.
const searchPath = "/usr/sbin:/sbin:/usr/local/sbin"

// Main runs a package's tests, then fails if goroutines are left. TestMain calls it. It does not return.
func Main(m *testing.M) {
	code := m.Run()
	if code == 0 {
		if err := Poll(Patience, func() error { return goleak.Find() }); err != nil {
			fmt.Fprintf(os.Stderr, "leaked goroutines: %v\n", err)
			code = 1
		}
	}
	os.Exit(code)
}

// Need returns the path of a program by its name ("nginx", "promtool", "pg_dump", …). If it is not installed, the test
// is skipped with its name, or fails with CI=true.
func Need(t testing.TB, program string) string {
	t.Helper()
	if path, ok := find(program); ok {
		return path
	}
	hint := ""
	if pkg := packages[program]; pkg != "" {
		hint = ": apt-get install " + pkg
	}
	Missing(t, program+" is not installed"+hint)
	return ""
}

// NeedRoot skips a test that needs root and states the reason; with CI=true it fails the test.
func NeedRoot(t testing.TB, why string) {
	t.Helper()
	if os.Geteuid() != 0 {
		Missing(t, "root is required for "+why)
	}
}

// Missing skips a test with the reason why, and fails it with CI=true, where every test must run. It is the only place
// that skips tests.
func Missing(t testing.TB, why string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s (CI=true: nothing may be skipped)", why)
	}
	t.Skip(why)
}

// find searches a program in PATH, then in sbin, then in PostgreSQL's versions, newest first.
func find(program string) (string, bool) {
	if path, err := exec.LookPath(program); err == nil {
		if path, err = filepath.Abs(path); err == nil {
			return path, true
		}
	}
	for _, dir := range filepath.SplitList(searchPath) {
		if path := filepath.Join(dir, program); executable(path) {
			return path, true
		}
	}
	best, bestVersion := "", -1
	matches, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + program)
	for _, path := range matches {
		version, err := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path))))
		if err == nil && version > bestVersion && executable(path) {
			best, bestVersion = path, version
		}
	}
	return best, best != ""
}

func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o111 != 0
}

// Secret returns a random password of letters and digits, which never needs quoting.
func Secret() string { return rand.Text() }

// tempDir creates a directory owned by uid and gid outside t.TempDir, whose parent is not accessible to other users and
// whose name can make socket paths too long (108 bytes). It is removed when the test ends.
func tempDir(t testing.TB, uid, gid int) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "parts-")
	if err != nil {
		t.Fatalf("make a directory: %v", err)
	}
	t.Cleanup(func() { removeAll(t, dir) })
	if os.Geteuid() == 0 {
		if err := os.Chown(dir, uid, gid); err != nil {
			t.Fatalf("make a directory: %v", err)
		}
	}
	return dir
}

// removeAll removes a directory, and retries if an ending process still writes to it (as Chromium's helpers do).
func removeAll(t testing.TB, dir string) {
	t.Helper()
	if err := Poll(Patience, func() error { return os.RemoveAll(dir) }); err != nil {
		t.Errorf("clean up: %v", err)
	}
}

// own returns this process's user and group.
func own() (uid, gid int) { return os.Geteuid(), os.Getegid() }

// unprivileged returns the first of the named users that exists, for servers that refuse to run as root, and the
// credential to start them. Without root it is this process's own user, without a credential.
func unprivileged(t testing.TB, names ...string) (uid, gid int, credential *syscall.Credential) {
	t.Helper()
	uid, gid = own()
	if uid != 0 {
		return uid, gid, nil
	}
	for _, name := range names {
		found, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, uidErr := strconv.Atoi(found.Uid)
		gid, gidErr := strconv.Atoi(found.Gid)
		if err := errors.Join(uidErr, gidErr); err != nil {
			t.Fatalf("user %s: %v", name, err)
		}
		return uid, gid, &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	}
	t.Fatalf("none of the users %v exists", names)
	return 0, 0, nil
}

// WriteFile writes a file to a server's directory or fails the test.
func WriteFile(t testing.TB, path, content string, mode os.FileMode) {
	t.Helper()
	err := os.MkdirAll(filepath.Dir(path), 0o755)
	if err == nil {
		err = os.WriteFile(path, []byte(content), mode)
	}
	if err != nil {
		t.Fatalf("write %s: %v", filepath.Base(path), err)
	}
}

// Eventually calls f until it returns nil, and fails the test with f's last error after Patience.
func Eventually(t testing.TB, f func() error) {
	t.Helper()
	if err := Poll(Patience, f); err != nil {
		t.Fatal(err)
	}
}

// Poll calls f every 10 ms until it returns nil, and returns its last error after the given time.
func Poll(limit time.Duration, f func() error) error {
	deadline := time.Now().Add(limit)
	for {
		err := f()
		if err == nil {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("after %v: %w", limit, err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// NeedFile reads a file that is fetched only for the tests and never committed. If it is missing, the test is skipped
// with the hint how to get it, or fails with CI=true.
func NeedFile(t testing.TB, path, hint string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		Missing(t, filepath.Base(path)+" is missing: "+hint)
	}
	if err != nil {
		t.Fatal(err)
	}
	return data
}
