package files

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"
)

// TestLook_AgreesWithStat: Look returns the same as os.Stat and follows links like it.
func TestLook_AgreesWithStat(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	for _, err := range []error{
		os.WriteFile(at("file"), []byte("0123456789"), 0o600), os.Mkdir(at("dir"), 0o700), syscall.Mkfifo(at("fifo"), 0o600),
		os.Symlink("file", at("link")), os.Symlink("loop", at("loop")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"file", "dir", "fifo", "link", "loop", "absent", "file/below"} {
		info, wanted := os.Stat(at(name))
		id, kind, err := Look(at(name))
		if wanted != nil {
			if !errors.Is(err, errors.Unwrap(wanted)) {
				t.Errorf("%s: %v, want %v", name, err, wanted)
			}
			continue
		}
		if err != nil || id != Identify(info) || kind.IsRegular() != info.Mode().IsRegular() || kind.IsDir() != info.IsDir() {
			t.Errorf("%s: %+v, %v, %v; want %+v, %v", name, id, kind, err, Identify(info), info.Mode())
		}
		if id.Size != info.Size() || !id.Modified.Equal(info.ModTime()) || id.Changed.IsZero() || id.Inode == 0 {
			t.Errorf("%s: %+v does not tell what %+v does", name, id, info)
		}
	}
}

func TestRead(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.WriteFile(at("ten"), []byte("0123456789"), 0o600))
	must(os.WriteFile(at("empty"), nil, 0o600))
	must(os.Mkdir(at("dir"), 0o700))
	must(syscall.Mkfifo(at("fifo"), 0o600))
	must(os.Symlink("loop", at("loop")))
	must(os.Symlink("ten", at("link")))

	tests := []struct {
		name  string
		limit int64
		want  string
		err   error
	}{
		{"ten", 10, "0123456789", nil},
		{"link", 10, "0123456789", nil},
		{"empty", 10, "", nil},
		{"ten", 9, "", ErrTooLarge},
		{"dir", 10, "", ErrNotRegular},
		{"fifo", 10, "", ErrNotRegular},
		{"loop", 10, "", syscall.ELOOP},
		{"absent", 10, "", fs.ErrNotExist},
	}
	for _, tt := range tests {
		data, info, err := Read(at(tt.name), tt.limit)
		if !errors.Is(err, tt.err) || string(data) != tt.want {
			t.Errorf("Read(%s, %d) = %q, %v; want %q, %v", tt.name, tt.limit, data, err, tt.want, tt.err)
		}
		if err == nil && info == nil {
			t.Errorf("Read(%s): no file info", tt.name)
		}
	}
	// A device is not a regular file, and a stated size of zero must not hide an endless file.
	if _, _, err := Read("/dev/zero", 10); !errors.Is(err, ErrNotRegular) {
		t.Errorf("Read(/dev/zero) = %v", err)
	}
	if _, _, err := Read("/proc/self/status", 4); !errors.Is(err, ErrTooLarge) {
		t.Errorf("Read(/proc/self/status, 4) = %v", err)
	}
}

func TestOpenDir(t *testing.T) {
	dir := t.TempDir()
	fifo := filepath.Join(dir, "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]error{dir: nil, fifo: syscall.ENOTDIR, filepath.Join(dir, "absent"): fs.ErrNotExist} {
		d, err := OpenDir(path)
		if !errors.Is(err, want) {
			t.Errorf("OpenDir(%s) = %v, want %v", path, err, want)
		}
		if err == nil {
			if names, err := d.Readdirnames(-1); err != nil || len(names) != 1 || d.Close() != nil {
				t.Errorf("%q, %v", names, err)
			}
		}
	}
}

func TestWriteAtomic(t *testing.T) {
	path := filepath.Join(t.TempDir(), "record")
	if err := WriteAtomic(path, []byte("one"), 0o640, true); err != nil {
		t.Fatal(err)
	}
	if err := WriteAtomic(path, []byte("two"), 0o640, true); !errors.Is(err, fs.ErrExist) {
		t.Errorf("exclusive over an existing file: %v", err)
	}
	if got, _ := os.ReadFile(path); string(got) != "one" {
		t.Errorf("the rejected write left %q", got)
	}
	if err := WriteAtomic(path, []byte("two"), 0o600, false); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(path); string(got) != "two" {
		t.Errorf("file contains %q", got)
	}
	left, _ := os.ReadDir(filepath.Dir(path))
	if len(left) != 1 {
		t.Errorf("temporary files stay: %v", left)
	}
}

func TestCache_ReusesUnchangedFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	write := func(text string, age time.Duration) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		at := time.Now().Add(-age)
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
	}
	parsed := 0
	c := &Cache{Now: func() time.Time { return time.Now().Add(time.Minute) }}
	load := func() string {
		t.Helper()
		got, err := Load(c, path, "text", 100, func(data []byte, _ fs.FileInfo) (string, error) {
			parsed++
			return string(bytes.Clone(data)), nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	write("one", time.Hour)
	if load(); load() != "one" || parsed != 1 {
		t.Errorf("an unchanged file was parsed %d times", parsed)
	}
	write("two", time.Hour) // same size, same mtime: the change time tells
	if got := load(); got != "two" || parsed != 2 {
		t.Errorf("after the change: %q, parsed %d times", got, parsed)
	}

	c.Now = time.Now // as if the file had been touched a moment ago
	write("six", 0)
	if load(); load() != "six" || parsed != 4 {
		t.Errorf("a recently changed file was cached: parsed %d times", parsed)
	}

	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(c, path, "text", 100, func([]byte, fs.FileInfo) (string, error) { return "", nil }); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a removed file: %v", err)
	}
}

// TestNames_FollowDirectoryChanges: cached names apply to one directory in one state.
func TestNames_FollowDirectoryChanges(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "dir")
	hours := 100
	c := &Cache{Now: func() time.Time { return time.Now().Add(time.Minute) }}
	do := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	add := func(name string) {
		t.Helper()
		do(os.WriteFile(filepath.Join(dir, name), nil, 0o600))
		hours-- // more than the clock's tick, so that the change is visible
		at := time.Now().Add(-time.Duration(hours) * time.Hour)
		do(os.Chtimes(dir, at, at))
	}
	names := func(limit int, want ...string) []string {
		t.Helper()
		got, err := c.Names(dir, limit)
		if err != nil || !slices.Equal(got, want) {
			t.Fatalf("%q, %v; want %q", got, err, want)
		}
		return got
	}
	do(os.Mkdir(dir, 0o700))
	add("b")
	add("a")
	if one, two := names(2, "a", "b"), names(2, "a", "b"); &one[0] != &two[0] {
		t.Error("an unchanged directory is read again")
	}
	add("c")
	names(3, "a", "b", "c")
	add("d")
	if _, err := c.Names(dir, 3); !errors.Is(err, ErrTooLarge) {
		t.Errorf("four names where three are allowed: %v", err)
	}
	c.Now = time.Now // as if it had been changed a moment ago
	if one, two := names(4, "a", "b", "c", "d"), names(4, "a", "b", "c", "d"); &one[0] == &two[0] {
		t.Error("the names of a recently changed directory are cached")
	}
	do(os.RemoveAll(dir))
	if _, err := c.Names(dir, 4); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a removed directory: %v", err)
	}
	do(os.WriteFile(dir, nil, 0o600))
	if _, err := c.Names(dir, 4); !errors.Is(err, syscall.ENOTDIR) {
		t.Errorf("a file in its place: %v", err)
	}
}

// TestRead_ReportsChanges: a file that changes during the read is a mix of two states.
func TestRead_ReportsChanges(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(path, make([]byte, 4<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for n := byte(0); ; n++ {
			select {
			case <-stop:
				return
			default:
				_, _ = f.WriteAt([]byte{n}, 0)
			}
		}
	}()
	defer func() { close(stop); <-stopped; _ = f.Close() }()
	for range 2000 {
		if _, _, err := Read(path, 8<<20); errors.Is(err, ErrChanged) {
			return
		} else if err != nil {
			t.Fatal(err)
		}
	}
	t.Error("2000 reads of a constantly changing file reported no change")
}

// TestRead_ReplacedByRename: a file that is replaced by rename is whole at any time, so it is read every time.
func TestRead_ReplacedByRename(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	version := func(i int) []byte { return bytes.Repeat([]byte{byte('a' + i%26)}, 256<<10) }
	if err := os.WriteFile(path, version(0), 0o600); err != nil {
		t.Fatal(err)
	}
	stop, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		for i := 1; ; i++ {
			select {
			case <-stop:
				ended <- nil
				return
			default:
			}
			if err := errors.Join(os.WriteFile(path+".new", version(i), 0o600), os.Rename(path+".new", path)); err != nil {
				ended <- err
				return
			}
		}
	}()
	for range 2000 {
		data, _, err := Read(path, 1<<20)
		if err != nil {
			t.Errorf("read: %v", err)
			break
		}
		if len(data) != 256<<10 || bytes.Count(data, data[:1]) != len(data) {
			t.Error("not one version")
			break
		}
	}
	close(stop)
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
}
