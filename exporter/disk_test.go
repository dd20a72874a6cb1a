package exporter

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/attest"
	"github.com/thenexusengine/catalyst_exporter/internal/parts"
)

// The program writes files completely or not at all, also on a full disk and if it is killed.

// writingCommands returns all commands that write files, in an order in which they succeed. OUTPUT is a placeholder for a
// folder.
func writingCommands() [][]string {
	return [][]string{
		{"attest", "disaster_recovery_plan", "--by=ops", "--valid-for=30d"},
		{"deploy", "plan", "--version=1.0.0", "--commit=0a1b2c3d", "--by=ops"},
		{"deploy", "record", "--by=ops"},
		{"deploy", "plan", "--version=1.1.0", "--commit=1a1b2c3d", "--by=ops"},
		{"deploy", "record", "--by=ops"},
		{"deploy", "rollback", "--by=ops"},
		{"check", "--format=json", "--output=OUTPUT/check.json"},
		{"report", "--output=OUTPUT/report.md"},
	}
}

// commandIn runs a command for a deployment.
func commandIn(t *testing.T, root, output string, words ...string) (code int, errs string) {
	t.Helper()
	var said, out lockedBuffer
	args := []string{"--deployment.root=" + root}
	for _, w := range words {
		args = append(args, strings.ReplaceAll(w, "OUTPUT", output))
	}
	code = Main(args, System{Context: t.Context(), Stdout: &out, Stderr: &said, Getenv: func(string) (string, bool) { return "", false }, Now: time.Now})
	return code, said.String()
}

// filesBelow returns all files below the folders, with their contents.
func filesBelow(t *testing.T, roots ...string) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, root := range roots {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || d.Name() == "filler" {
				return err
			}
			data, err := os.ReadFile(path)
			all[path] = string(data)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// yesterday replaces the folder with one complete backup that was finished hours ago.
func yesterday(t *testing.T, folder string) {
	t.Helper()
	if err := os.RemoveAll(folder); err != nil {
		t.Fatal(err)
	}
	write(t, folder, "daily/db.sql", "--\n-- PostgreSQL database dump\n--\n\nSET statement_timeout = 0;\n\nCOPY public.t (id) FROM stdin;\n1\n\\.\n\n--\n-- PostgreSQL database dump complete\n--\n\n")
	at := time.Now().Add(-10 * time.Hour)
	for path := range filesBelow(t, folder) {
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
	}
}

// TestFullDisk runs every command that writes on a full disk, and on one with little space: the command reports the error
// and leaves the existing files unchanged.
func TestFullDisk(t *testing.T) {
	parts.NeedRoot(t, "a small file system")
	t.Setenv("DOCKER_HOST", "unix:///nonexistent.sock")
	root := exampleCopy(t)
	yesterday(t, filepath.Join(root, "backups"))
	small := filepath.Join(root, ".catalyst")
	if err := os.MkdirAll(small, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", small, "tmpfs", 0, "size=512k"); err != nil {
		t.Fatalf("mount tmpfs: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(small, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	for _, folder := range []string{"attestations", "releases", "out"} { // these folders exist already
		if err := os.MkdirAll(filepath.Join(small, folder), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	output, filler := filepath.Join(small, "out"), filepath.Join(small, "filler")
	for _, words := range writingCommands() {
		name := strings.Join(words[:2], " ")
		done := false
		for _, room := range []int64{0, 4096} {
			before := filesBelow(t, small)
			if err := os.WriteFile(filler, make([]byte, 1<<20), 0o600); !errors.Is(err, syscall.ENOSPC) {
				t.Fatalf("the disk is not full: %v", err)
			}
			if info, err := os.Stat(filler); err != nil || os.Truncate(filler, info.Size()-room) != nil {
				t.Fatal("cannot free space on the disk")
			}
			code, errs := commandIn(t, root, output, words...)
			_ = os.Remove(filler)
			if done = code != ExitInternal && code != ExitUsage && room > 0; done { // the space was enough
				break
			}
			if code != ExitInternal || !strings.Contains(errs, "no space left on device") || strings.Contains(errs, "panic") {
				t.Errorf("%s on a full disk: exit code %d: %s", name, code, errs)
			}
			after := filesBelow(t, small)
			for path, text := range after {
				if was, there := before[path]; !there || was != text {
					t.Errorf("%s on a full disk changed %s (%d bytes)", name, filepath.Base(path), len(text))
				}
			}
			if len(after) < len(before) {
				t.Errorf("%s on a full disk removed %d files", name, len(before)-len(after))
			}
		}
		if done {
			continue
		}
		if code, errs := commandIn(t, root, output, words...); code == ExitInternal || code == ExitUsage {
			t.Errorf("%s with free space: exit code %d: %s", name, code, errs)
		}
	}
}

// TestCommands_KilledAtRandom kills every command that writes at a random time: all files are complete, and the next run
// continues from them.
func TestCommands_KilledAtRandom(t *testing.T) {
	t.Setenv("DOCKER_HOST", "unix:///nonexistent.sock")
	root := exampleCopy(t)
	yesterday(t, filepath.Join(root, "backups"))
	output := t.TempDir()
	killed := 0
	for range 2 {
		for _, words := range writingCommands() {
			args := []string{"--deployment.root=" + root}
			for _, w := range words {
				args = append(args, strings.ReplaceAll(w, "OUTPUT", output))
			}
			start := func() *exec.Cmd {
				command := exec.CommandContext(t.Context(), "/proc/self/exe", args...)
				command.Env = append(os.Environ(), asProgram+"=1")
				if err := command.Start(); err != nil {
					t.Fatal(err)
				}
				return command
			}
			began := time.Now()
			_ = start().Wait() // its result does not matter here
			usual := time.Since(began)
			command := start()
			time.Sleep(time.Duration(rand.Int64N(int64(usual)))) //nolint:gosec // not a secret
			_ = command.Process.Kill()
			if command.Wait() != nil && command.ProcessState.ExitCode() == -1 {
				killed++
			}
			whole(t, root, output)
		}
	}
	t.Logf("%d killed", killed)
	if killed == 0 {
		t.Error("no command was killed before it ended")
	}
	if code, errs := commandIn(t, root, output, "attest", "architecture_diagram", "--by=ops", "--valid-for=30d"); code != ExitReady {
		t.Errorf("attest after the kills: exit code %d: %s", code, errs)
	}
}

// whole checks that every written file can be parsed.
func whole(t *testing.T, root, output string) {
	t.Helper()
	claims, err := attest.Load(filepath.Join(root, ".catalyst/attestations"))
	if err != nil {
		t.Error(err)
	}
	for _, c := range claims {
		if c.Err != nil {
			t.Errorf("damaged claim: %v", c.Err)
		}
	}
	if chain, err := attest.OpenChain(filepath.Join(root, ".catalyst/releases"), nil); err != nil || chain.Err() != nil {
		t.Errorf("release records: %v, %v", err, chain.Err())
	}
	if data, err := os.ReadFile(filepath.Join(output, "check.json")); err == nil && !json.Valid(data) {
		t.Errorf("truncated report of %d bytes", len(data))
	}
	if data, err := os.ReadFile(filepath.Join(output, "report.md")); err == nil && !slices.Contains([]byte("\n"), data[len(data)-1]) {
		t.Error(fmt.Errorf("truncated document of %d bytes", len(data)))
	}
}
