// Package parts starts the real servers the tests look at: PostgreSQL, Redis, nginx, Prometheus, Alertmanager, a Docker
// Engine, Chromium, git repositories, certificates and network namespaces.
//
// The rules every part keeps:
//   - Only test files import this package.
//   - A server listens on free loopback ports, keeps its files in a directory of its own and is stopped when the test that
//     asked for it ends, by its own process group; should the test binary die, the kernel or a watching pipe stops it.
//   - A constructor returns when the server answers its own protocol, or fails the test with the end of the server's log.
//     Waits poll and are bounded; nothing sleeps for a fixed time.
//   - A part that is not installed skips the test by name; with CI=true it fails the test, so that nothing is left out unseen.
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

// Patience bounds every wait for what must come. Only a test that fails waits as long, so it is far longer than any machine needs: a test that holds
// something to be quick enough measures how busy the machine is.
const Patience = 2 * time.Minute

// packages names the Debian package each program comes from, for the message a person reads when it is missing.
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

// searchPath is where programs are looked for after PATH: Debian keeps servers in sbin, which is not in everyone's PATH.
const searchPath = "/usr/sbin:/sbin:/usr/local/sbin"

// Main runs a package's tests and then fails when goroutines are left that do not end. It is called by TestMain, and does not return.
func Main(m *testing.M) {
	code := m.Run()
	if code == 0 {
		if err := poll(Patience, func() error { return goleak.Find() }); err != nil {
			fmt.Fprintf(os.Stderr, "goroutines are left: %v\n", err)
			code = 1
		}
	}
	os.Exit(code)
}

// Need returns the path of a program by its name ("nginx", "promtool", "pg_dump", …). Where it is not installed the test is
// skipped by name, or fails with CI=true.
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

// NeedRoot skips a test that needs root, by saying what for; with CI=true it fails the test.
func NeedRoot(t testing.TB, why string) {
	t.Helper()
	if os.Geteuid() != 0 {
		Missing(t, "not root, needed for "+why)
	}
}

// Missing leaves a test out for want of what why names, and fails it with CI=true: CI must not pass what it did not run. It is the one place
// where a test is left out.
func Missing(t testing.TB, why string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s (CI=true: nothing may be skipped)", why)
	}
	t.Skip(why)
}

// find looks a program up in PATH, then in sbin, then among PostgreSQL's versions, newest first.
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

// Secret returns a random password: letters and digits only, so that it needs no quoting anywhere.
func Secret() string { return rand.Text() }

// tempDir makes a directory owned by uid and gid, outside t.TempDir: that one's parent is closed to other users, and its
// name grows with the test's until socket paths no longer fit (108 bytes). It is removed when the test ends.
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

// removeAll removes a directory, again when a process that is just ending still writes into it (Chromium's helpers do).
func removeAll(t testing.TB, dir string) {
	t.Helper()
	if err := poll(Patience, func() error { return os.RemoveAll(dir) }); err != nil {
		t.Errorf("clean up: %v", err)
	}
}

// own returns this process's user and group.
func own() (uid, gid int) { return os.Geteuid(), os.Getegid() }

// unprivileged returns the first of the named users that exists, for servers that refuse to run as root, and the credential
// to start them with. Without root it is this process's own user, without a credential.
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

// writeFile writes a file into a server's directory or ends the test.
func writeFile(t testing.TB, path, content string, mode os.FileMode) {
	t.Helper()
	err := os.MkdirAll(filepath.Dir(path), 0o755)
	if err == nil {
		err = os.WriteFile(path, []byte(content), mode)
	}
	if err != nil {
		t.Fatalf("write %s: %v", filepath.Base(path), err)
	}
}

// Eventually calls f until it returns nil, and fails the test with f's last error when it has not within Patience.
func Eventually(t testing.TB, f func() error) {
	t.Helper()
	if err := poll(Patience, f); err != nil {
		t.Fatal(err)
	}
}

// poll calls f every 10 ms until it returns nil, and returns its last error when it has not after the given time.
func poll(limit time.Duration, f func() error) error {
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

// NeedFile reads a file that is fetched for the tests alone, and never committed. Where it is not there the test is skipped by the hint, which
// says how to get it, or fails with CI=true.
func NeedFile(t testing.TB, path, hint string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		Missing(t, filepath.Base(path)+" is not there: "+hint)
	}
	if err != nil {
		t.Fatal(err)
	}
	return data
}
