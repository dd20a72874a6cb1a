package files

import (
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
)

// TestWrite: a report goes where the name leads, and what is no regular file is written to instead of replaced.
func TestWrite(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	for _, err := range []error{os.WriteFile(at("old"), []byte("old"), 0o600), os.Symlink("old", at("link")), os.Symlink("none", at("dangling")),
		syscall.Mkfifo(at("pipe"), 0o600), os.Symlink("pipe", at("link to a pipe")), os.Mkdir(at("folder"), 0o700)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, holds := range map[string]string{"new": "new", "old": "old", "link": "old", "dangling": "dangling"} {
		if err := Write(at(name), []byte(name), 0o644); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got, err := os.ReadFile(at(holds)); err != nil || string(got) != name {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	if to, err := os.Readlink(at("link")); err != nil || to != "old" {
		t.Errorf("the link leads to %q, %v", to, err)
	}
	reader, err := os.OpenFile(at("pipe"), os.O_RDWR, 0) // so that opening it for writing does not wait
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = reader.Close() }()
	for _, name := range []string{"pipe", "link to a pipe"} {
		if err := Write(at(name), []byte(name), 0o644); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		got := make([]byte, len(name))
		if _, err := reader.Read(got); err != nil || string(got) != name {
			t.Errorf("%s: %q, %v", name, got, err)
		}
		if info, err := os.Stat(at(name)); err != nil || info.Mode()&os.ModeNamedPipe == 0 {
			t.Errorf("%s was replaced: %v", name, err)
		}
	}
	if err := Write(at("folder"), nil, 0o644); err == nil {
		t.Error("a folder is written")
	}
	if err := Write(at("none/new"), nil, 0o644); err == nil {
		t.Error("a file in a folder that does not exist is written")
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 7 {
		t.Errorf("%d files, %v: a temporary file is left", len(entries), err)
	}
}

// TestWrite_StandardOutput writes to what a shell has redirected, like to a pipe: appended to what is there.
func TestWrite_StandardOutput(t *testing.T) {
	path := filepath.Join(t.TempDir(), "redirected")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	if _, err := f.WriteString("before\n"); err != nil {
		t.Fatal(err)
	}
	link := "/proc/self/fd/" + strconv.Itoa(int(f.Fd()))
	if err := Write(link, []byte("report\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != "before\nreport\n" {
		t.Errorf("%q, %v", got, err)
	}
}
