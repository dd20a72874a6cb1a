package exporter

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/thenexusengine/catalyst_exporter/internal/parts"
)

// TestReadme_InCleanHome runs the commands of the README's first minutes, as printed, in a fresh clone and with an empty home.
// Only the module and build caches are those of this machine, so that nothing is downloaded. Another free port replaces the
// default one.
func TestReadme_InCleanHome(t *testing.T) {
	git, goTool := parts.Need(t, "git"), parts.Need(t, "go")
	if _, err := os.Stat("../.git"); err != nil {
		parts.Missing(t, "../.git not found: the test needs a git clone of the repository")
	}
	caches, err := exec.Command(goTool, "env", "GOCACHE", "GOMODCACHE").Output()
	folders := strings.Fields(string(caches))
	if err != nil || len(folders) != 2 {
		t.Fatalf("%v %s", err, caches)
	}
	here, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	world := t.TempDir()
	clone, home := filepath.Join(world, "clone"), filepath.Join(world, "home")
	if err := os.Mkdir(home, 0o700); err != nil {
		t.Fatal(err)
	}
	cloning := exec.Command(git, "clone", "--quiet", "file://"+here, clone) // another user may own the repository
	cloning.Env = append(os.Environ(), "GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*")
	if out, err := cloning.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	readme, err := os.ReadFile(filepath.Join(clone, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	minutes, _, _ := strings.Cut(string(readme), "\n## Install\n")
	_, blocks := taken(minutes)

	// Without cgo and paths, what packaging compiles for the image is reused.
	environ := []string{"HOME=" + home, "PATH=" + os.Getenv("PATH"), "GOCACHE=" + folders[0], "GOMODCACHE=" + folders[1], "GOFLAGS=-trimpath", "CGO_ENABLED=0"}
	shell := func(line string) *exec.Cmd {
		command := exec.CommandContext(t.Context(), "sh", "-c", line)
		command.Dir, command.Env = clone, environ
		return command
	}
	if out, err := shell("go run . version").CombinedOutput(); err != nil { // compiles, for as long as it takes
		t.Fatalf("%v: %s", err, out)
	}
	var codes []int
	printed := ""
	for _, b := range blocks {
		if b.language != "sh" {
			if !strings.Contains(printed, b.text) {
				t.Errorf("README.md:%d: the command before it printed\n%s", b.line, printed)
			}
			continue
		}
		for line := range strings.Lines(b.text) {
			line, _, _ = strings.Cut(strings.ReplaceAll(line, "/tmp/mine", filepath.Join(world, "mine")), " #")
			if strings.HasPrefix(line, "go run . --") {
				environ = append(environ, "EXPORTER="+serveForWalk(t, shell("exec "+line+" --web.listen-address=127.0.0.1:0")))
				continue
			}
			out, err := shell(line).CombinedOutput()
			code, failed := 0, new(exec.ExitError)
			if errors.As(err, &failed) {
				code = failed.ExitCode()
			} else if err != nil {
				t.Fatal(err)
			}
			codes, printed = append(codes, code), string(out)
		}
	}
	// check; red, turned green, green, turned red, red
	if want := []int{1, 1, 0, 0, 0, 1}; !slices.Equal(codes, want) {
		t.Errorf("exit codes %v, want %v; the last command printed\n%s", codes, want, printed)
	}
}

// serveForWalk starts a command that serves and returns its URL. It is stopped, with its children, when the test ends.
func serveForWalk(t *testing.T, command *exec.Cmd) (url string) {
	t.Helper()
	log := &lockedBuffer{}
	command.Stderr = log
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // go run passes no signal on
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Kill(-command.Process.Pid, syscall.SIGTERM); _ = command.Wait() })
	listening := regexp.MustCompile(`msg="Listening on" address=(\S+)`)
	parts.Eventually(t, func() error {
		found := listening.FindStringSubmatch(log.String())
		if found == nil {
			return errors.New("not listening: " + log.String())
		}
		url = "http://" + found[1]
		return nil
	})
	return url
}
