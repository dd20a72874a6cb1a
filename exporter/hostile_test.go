package exporter

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/internal/parts"
)

// A deployment's folder can contain anything. In every case, check must finish with verdicts and without an internal error.

// memoryOfHostileFiles is the memory limit of a check with only hostile files, in bytes. It is stated in docs/security.md.
const memoryOfHostileFiles = 192 << 20

// TestGrowingFiles checks a deployment whose files all grow, like logs, for as long as the check runs.
func TestGrowingFiles(t *testing.T) {
	root := healthyFolder(t)
	var growing sync.WaitGroup
	stop := make(chan struct{})
	for _, path := range filesOf(t, root) {
		growing.Go(func() {
			file, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
			if err != nil {
				t.Error(err)
				return
			}
			defer file.Close()
			line := []byte("# " + strings.Repeat("x", 4094) + "\n")
			for tick := time.NewTicker(time.Millisecond); ; {
				select {
				case <-stop:
					tick.Stop()
					return
				case <-tick.C:
					if _, err := file.Write(line); err != nil {
						t.Error(err)
						return
					}
				}
			}
		})
	}
	out := checkHostile(t, root)
	close(stop)
	growing.Wait()
	if !strings.Contains(out, "env_file") {
		t.Errorf("no verdict in:\n%s", out)
	}
}

// checkHostile runs check on a folder and returns its output.
func checkHostile(t *testing.T, root string, args ...string) string {
	t.Helper()
	var out, errs lockedBuffer
	ctx, cancel := context.WithTimeout(t.Context(), parts.Patience)
	defer cancel()
	sys := System{Context: ctx, Stdout: &out, Stderr: &errs, Getenv: func(string) (string, bool) { return "", false }, Now: time.Now}
	code := make(chan int, 1)
	go func() {
		code <- Main(append([]string{"check", "--log.level=debug", "--deployment.root=" + root}, args...), sys)
	}()
	select {
	case c := <-code:
		if c != ExitReady && c != ExitFailing && c != ExitWaiting {
			t.Errorf("exit code %d: %s", c, errs.String())
		}
	case <-time.After(parts.Patience + 10*time.Second):
		t.Fatalf("check did not end: %s", errs.String())
	}
	for _, text := range []string{out.String(), errs.String()} {
		for _, never := range []string{"bug of the exporter", "panic", "goroutine "} {
			if strings.Contains(text, never) {
				t.Errorf("output contains %q:\n%s", never, text)
			}
		}
	}
	return out.String()
}

// healthyFolder copies the example deployment and adds every file that a probe reads.
func healthyFolder(t *testing.T) string {
	t.Helper()
	t.Setenv("DOCKER_HOST", "unix:///nonexistent.sock") // not the machine's own
	root := exampleCopy(t)
	write(t, root, "secrets/jwt_secret", "not-a-real.one\n")
	write(t, root, "ssl/server.crt", "x\n")
	write(t, root, "ssl/server.key", "x\n")
	write(t, root, ".env.example", "HOST=\n")
	write(t, root, "backup.env", "A=1\n")
	write(t, root, ".catalyst/attestations/a.yml", "item: x\n")
	write(t, root, ".catalyst/releases/000001.yml", "number: 1\n")
	for _, kind := range []string{"tests.json", "coverage.out", "lint.json", "security.json", "vulnerabilities.json", "load.json"} {
		write(t, root, ".catalyst/evidence/0123456789abcdef0123456789abcdef01234567/"+kind, "{}\n")
	}
	return root
}

// filesOf returns the regular files below a folder.
func filesOf(t *testing.T, root string) []string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			names = append(names, path)
		}
		return err
	})
	if err != nil || len(names) < 20 {
		t.Fatalf("%d files: %v", len(names), err)
	}
	return names
}

// TestHostileFiles replaces all files at once with each kind of hostile file, and each important file alone with a pipe.
func TestHostileFiles(t *testing.T) {
	replace := map[string]func(path string) error{
		"fifo":      func(path string) error { return syscall.Mkfifo(path, 0o644) },
		"loop":      func(path string) error { return os.Symlink(filepath.Base(path), path) },
		"device":    func(path string) error { return os.Symlink("/dev/zero", path) },
		"tty":       func(path string) error { return os.Symlink("/dev/tty", path) },
		"process":   func(path string) error { return os.Symlink("/proc/self/mem", path) },
		"folder":    func(path string) error { return os.Mkdir(path, 0o755) },
		"dangling":  func(path string) error { return os.Symlink("/nonexistent/x", path) },
		"NUL bytes": func(path string) error { return os.WriteFile(path, make([]byte, 1<<16), 0o600) },
		"invalid UTF-8": func(path string) error {
			return os.WriteFile(path, bytes.Repeat([]byte{0xff, 0xfe, '\n'}, 1<<12), 0o600)
		},
		"one line":  func(path string) error { return os.WriteFile(path, bytes.Repeat([]byte("a"), 3<<20), 0o600) },
		"all lines": func(path string) error { return os.WriteFile(path, bytes.Repeat([]byte("\n"), 3<<20), 0o600) },
		"brackets":  func(path string) error { return os.WriteFile(path, bytes.Repeat([]byte("[{("), 1<<16), 0o600) },
		"gigabyte": func(path string) error {
			return errors.Join(os.WriteFile(path, []byte("A=1\n"), 0o600), os.Truncate(path, 1<<30)) // sparse
		},
	}
	for name, place := range replace {
		t.Run(name, func(t *testing.T) {
			root := healthyFolder(t)
			for _, path := range filesOf(t, root) {
				if err := os.Remove(path); err != nil {
					t.Fatal(err)
				}
				if err := place(path); err != nil {
					t.Fatal(err)
				}
			}
			most := heapAtMost()
			out := checkHostile(t, root)
			if held := most(); held > memoryOfHostileFiles {
				t.Errorf("peak memory is %d MiB, want at most %d", held>>20, memoryOfHostileFiles>>20)
			}
			if strings.Contains(out, "✓ env_file") || strings.Contains(out, "✓ compose_syntax") || strings.Contains(out, "✓ runbook") || strings.Contains(out, "✓ redis_password") {
				t.Errorf("an item with an unreadable file passes:\n%s", out)
			}
		})
	}
	for _, alone := range []string{".env.production", "docker-compose.yml", "nginx/nginx.conf", "docs/checklist.md", "secrets/jwt_secret"} {
		t.Run("fifo in place of "+filepath.Base(alone), func(t *testing.T) {
			root := healthyFolder(t)
			path := filepath.Join(root, alone)
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			if err := syscall.Mkfifo(path, 0o600); err != nil {
				t.Fatal(err)
			}
			if out := checkHostile(t, root); !strings.Contains(out, "✓ runbook") {
				t.Errorf("an unrelated item does not pass:\n%s", out)
			}
		})
	}
}

// TestFifoInPlaceOfFolders replaces folders with pipes without a writer. Opening such a pipe would block regardless of
// deadlines and signals.
func TestFifoInPlaceOfFolders(t *testing.T) {
	for _, folder := range []string{"backups", "docs", "migrations", "nginx", "secrets", "ssl", ".catalyst/attestations", ".catalyst/evidence", ".catalyst/releases", ".catalyst"} {
		t.Run(strings.ReplaceAll(folder, "/", " "), func(t *testing.T) {
			root := healthyFolder(t)
			path := filepath.Join(root, folder)
			err := os.RemoveAll(path)
			if err == nil {
				err = os.MkdirAll(filepath.Dir(path), 0o755)
			}
			if err == nil {
				err = syscall.Mkfifo(path, 0o644)
			}
			if err != nil {
				t.Fatal(err)
			}
			if out := checkHostile(t, root); !strings.Contains(out, "✓ rate_limit") {
				t.Errorf("an unrelated item does not pass:\n%s", out)
			}
		})
	}
}

// TestHostileFolders uses folders with symlink loops and with names that contain markup, control codes or shell syntax.
func TestHostileFolders(t *testing.T) {
	t.Run("loops", func(t *testing.T) {
		root := healthyFolder(t)
		for _, name := range []string{"deploy", "deployment", "docs/more", "backups/daily/again", "migrations/again", ".catalyst/evidence/again", "ssl/again"} {
			if err := os.Symlink(root, filepath.Join(root, name)); err != nil {
				t.Fatal(err)
			}
		}
		checkHostile(t, root)
	})
	t.Run("names", func(t *testing.T) {
		root := healthyFolder(t)
		for i, name := range []string{
			"a\nsecurity\n  ✓ forged  pass\n", "<script>alert(1)<%2fscript>", "\x1b[2J\x1b]0;title\a", "\xff\xfe", "--output=x", "$(id)", "`id`", "'; DROP TABLE x; --", strings.Repeat("n", 240), "\u202e\u2066gpj", "{{.}}", "%s%n%!",
		} {
			for _, path := range []string{name, "docs/" + name + "-architecture.md", "docs/runbook " + name + ".md", fmt.Sprintf("migrations/%03d_%s.sql", i+3, name), "backups/daily/" + name + ".sql.gz", "nginx/nginx" + name + ".conf", ".env." + name, "docker-compose." + name + ".yml",
				".catalyst/attestations/" + name + ".yml", ".catalyst/releases/" + name + ".yml", ".catalyst/evidence/" + name + "/tests.json"} {
				if len(filepath.Base(path)) < 256 {
					write(t, root, path, "<b>"+name+"</b>\n")
				}
			}
		}
		var whole strings.Builder
		whole.WriteString(checkHostile(t, root))
		for _, command := range [][]string{{"config", "discover"}, {"explain", "database_schema"}, {"explain", "initial_backup"}, {"explain", "architecture_diagram"}} {
			var out bytes.Buffer
			Main(append(command, "--deployment.root="+root), System{Context: t.Context(), Stdout: &out, Stderr: io.Discard, Getenv: func(string) (string, bool) { return "", false }, Now: time.Now})
			whole.WriteString(out.String())
		}
		for _, never := range []string{"\n  ✓ forged", "\x1b", "\a", "\xff", "\u202e", "\u2066"} {
			if strings.Contains(whole.String(), never) {
				t.Errorf("output contains %q", never)
			}
		}
		r := serve(t, "--deployment.root="+root)
		if _, page := r.get(t, "/"); strings.Contains(page, "<script") || strings.Contains(page, "<b><") || strings.Contains(page, "\u202e") {
			t.Error("the board contains HTML from file names")
		}
		if _, metrics := r.get(t, "/metrics"); strings.Contains(metrics, "alert(1)") || strings.Contains(metrics, "DROP") {
			t.Error("the metrics contain file names")
		}
	})
}

// TestHostileContents uses files with the expected names whose contents are too large or too deeply nested.
func TestHostileContents(t *testing.T) {
	deep := func(open, shut string, n int) string { return strings.Repeat(open, n) + strings.Repeat(shut, n) }
	bomb := "a: &a [x, x, x, x, x, x, x, x, x]\n"
	for c := 'b'; c < 'k'; c++ {
		bomb += fmt.Sprintf("%c: &%c [*%c, *%c, *%c, *%c, *%c, *%c, *%c, *%c, *%c]\n", c, c, c-1, c-1, c-1, c-1, c-1, c-1, c-1, c-1, c-1)
	}
	indented := func(n int) string {
		var b strings.Builder
		for i := range n {
			b.WriteString(strings.Repeat(" ", i) + "a:\n")
		}
		return b.String()
	}
	tests := map[string]struct{ name, text, want string }{
		"a large env file":          {".env.production", strings.Repeat("KEY_OF_A_LINE=some value\n", 50<<20/25), "✗ env_file"},
		"an env file of references": {".env.production", "A=x\n" + strings.Repeat("A=${A}${A}\n", 64), ""},
		"a deep env file":           {".env.production", "A=" + deep("${A:-", "}", 20_000) + "\n", ""},
		"deep compose lists":        {"docker-compose.yml", "services: " + deep("[", "]", 100_000) + "\n", "✗ compose_syntax"},
		"deep compose maps":         {"docker-compose.yml", "services: " + strings.Repeat("{a: ", 50_000) + strings.Repeat("}", 50_000) + "\n", "✗ compose_syntax"},
		"a deep compose file":       {"docker-compose.yml", "services:\n" + indented(700), "✗ compose_syntax"},
		"a compose bomb":            {"docker-compose.yml", bomb + "services: {a: {image: x, command: *j}}\n", "✗ compose_syntax"},
		"a compose loop":            {"docker-compose.yml", "services: &s {a: *s}\n", "✗ compose_syntax"},
		"compose extends itself":    {"docker-compose.yml", "services: {a: {extends: {service: b}}, b: {extends: {service: a}}}\n", "✗ compose_syntax"},
		"compose includes itself":   {"docker-compose.yml", "include: [docker-compose.yml]\nservices: {a: {image: x}}\n", "✗ compose_syntax"},
		"an alertmanager bomb":      {"prometheus/alertmanager.yml", bomb + "route: *j\n", ""},
		"a deep alertmanager file":  {"prometheus/alertmanager.yml", "route: " + deep("[", "]", 100_000), ""},
		"deep nginx blocks":         {"nginx/nginx.conf", deep("http {", "}", 50_000), ""},
		"nginx includes itself":     {"nginx/nginx.conf", strings.Repeat("include nginx.conf;\ninclude *;\n", 1000), ""},
		"a deep document":           {"RUNBOOK.md", strings.Repeat("> ", 50_000) + "x\n" + strings.Repeat("- ", 10_000) + deep("[", "]", 50_000) + deep("*_", "_*", 20_000), ""},
		"a table without end":       {"docs/checklist.md", "# Emergency Contacts\n\n" + strings.Repeat("| a ", 10_000) + "|\n" + strings.Repeat("|---", 10_000) + "|\n" + strings.Repeat("| b ", 10_000) + "|\n", ""},
		"a deep attestation":        {".catalyst/attestations/a.yml", "note: " + deep("[", "]", 20_000), ""},
		"an attestation bomb":       {".catalyst/attestations/a.yml", bomb, ""},
		"a record bomb":             {".catalyst/releases/000001.yml", bomb, ""},
		"a deep report":             {".catalyst/evidence/0123456789abcdef0123456789abcdef01234567/lint.json", deep("[", "]", 500_000), ""},
		"an entity bomb":            {".catalyst/evidence/0123456789abcdef0123456789abcdef01234567/tests.xml", `<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]><testsuites><testsuite name="&b;"/></testsuites>`, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			root := healthyFolder(t)
			write(t, root, tt.name, tt.text)
			if out := checkHostile(t, root); !strings.Contains(out, tt.want) {
				t.Errorf("no %q in:\n%s", tt.want, out)
			}
		})
	}
}

// TestHostileConfiguration checks that hostile configuration files are rejected in time, with a usage error.
func TestHostileConfiguration(t *testing.T) {
	root := healthyFolder(t)
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	loop := filepath.Join(t.TempDir(), "loop")
	if err := os.Symlink(loop, loop); err != nil {
		t.Fatal(err)
	}
	own := func(text string) string {
		dir := t.TempDir()
		write(t, dir, "own.yaml", text)
		return write(t, dir, "config.yml", "checklist: own.yaml\n")
	}
	bomb := "a: &a [x, x, x, x, x, x, x, x, x]\n"
	for c := 'b'; c < 'k'; c++ {
		bomb += fmt.Sprintf("%c: &%c [*%c, *%c, *%c, *%c, *%c, *%c, *%c, *%c, *%c]\n", c, c, c-1, c-1, c-1, c-1, c-1, c-1, c-1, c-1, c-1)
	}
	for name, path := range map[string]string{
		"fifo": fifo, "loop": loop, "device": "/dev/zero", "folder": root, "process": "/proc/self/mem",
		"deep":                write(t, t.TempDir(), "c.yml", "deployment: "+strings.Repeat("[", 100_000)),
		"bomb":                write(t, t.TempDir(), "c.yml", bomb+"deployment: *j\n"),
		"large":               write(t, t.TempDir(), "c.yml", strings.Repeat("# nothing\n", 1<<20)),
		"checklist is a fifo": write(t, t.TempDir(), "c.yml", "checklist: "+fifo+"\n"),
		"deep checklist":      own("categories: " + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000)),
		"deep checklist map":  own("categories: " + strings.Repeat("{a: ", 50_000) + strings.Repeat("}", 50_000)),
		"checklist bomb":      own(bomb + "categories: *j\n"),
	} {
		t.Run(name, func(t *testing.T) {
			var out, errs lockedBuffer
			code := make(chan int, 1)
			sys := System{Context: t.Context(), Stdout: &out, Stderr: &errs, Getenv: func(string) (string, bool) { return "", false }, Now: time.Now}
			go func() { code <- Main([]string{"check", "--deployment.root=" + root, "--config.file=" + path}, sys) }()
			select {
			case c := <-code:
				if c != ExitUsage {
					t.Errorf("exit code %d: %s", c, errs.String())
				}
			case <-time.After(parts.Patience):
				t.Fatal("check did not end")
			}
			if said := errs.String(); len(said) > 20_000 || strings.Contains(said, "panic") || strings.Contains(said, "bug of the exporter") {
				t.Errorf("error message of %d bytes: %.500s", len(said), said)
			}
		})
	}
}
