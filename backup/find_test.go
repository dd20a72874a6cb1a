package backup

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/internal/parts"
)

// tree makes files under a directory: name → age; a name that ends in a slash is a directory, one with " -> " a link.
func tree(t *testing.T, ages map[string]time.Duration) string {
	t.Helper()
	dir := t.TempDir()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, age := range ages {
		name, target, link := strings.Cut(name, " -> ")
		path := filepath.Join(dir, name)
		must(os.MkdirAll(filepath.Dir(path), 0o700))
		switch {
		case link:
			must(os.Symlink(target, path))
			continue
		case strings.HasSuffix(name, "/"):
			must(os.MkdirAll(path, 0o700))
			continue
		}
		must(os.WriteFile(path, []byte(name), 0o600)) // sizes differ as the names' lengths do
		at := time.Now().Add(-age)
		must(os.Chtimes(path, at, at))
	}
	return dir
}

func TestFind(t *testing.T) {
	const h = time.Hour
	type ages = map[string]time.Duration
	tests := []struct {
		name   string
		files  ages
		place  string
		newest string
		before string
		passed string // of the first
		err    error
	}{
		{"a file", ages{"a.sql": h}, "a.sql", "a.sql", "", "", nil},
		{"a file of any name", ages{"backup": h}, "backup", "backup", "", "", nil},
		{"a file behind a link", ages{"latest -> b/a.sql": 0, "b/a.sql": h}, "latest", "latest", "", "", nil},
		{"no file", ages{"a.sql": h}, "b.sql", "", "", "", fs.ErrNotExist},
		{"below a file", ages{"a.sql": h}, "a.sql/b.sql", "", "", "", syscall.ENOTDIR},
		{"a link to itself", ages{"a.sql -> a.sql": 0}, "a.sql", "", "", "", syscall.ELOOP},
		{"a file just written", ages{"a.sql": time.Second}, "a.sql", "", "", "a.sql", ErrUnfinished},
		{"a file of the future", ages{"a.sql": -h}, "a.sql", "a.sql", "", "", nil},
		{"a directory", ages{"a.sql": 3 * h, "bb.sql": 2 * h, "c.log": h, "README": h, "run.sh": h}, ".", "bb.sql", "a.sql", "", nil},
		{"by time, not by name", ages{"9.sql": 2 * h, "10.sql": h}, ".", "10.sql", "9.sql", "", nil},
		{"nothing in it", ages{"c.log": h, "sub/": 0}, ".", "", "", "", ErrNone},
		{"a directory just for notes", ages{"notes/a.sql": h}, ".", "", "", "", ErrNone},
		{"the usual directories", ages{"latest/latest.sql.gz": h, "daily/daily_1.sql.gz": 25 * h, "weekly/w.sql.gz": 99 * h}, ".", "latest/latest.sql.gz", "daily/daily_1.sql.gz", "", nil},
		{"a directory per day", ages{"2026-11-22/a.sql.gz": 25 * h, "2026-11-23/ab.sql.gz": h}, ".", "2026-11-23/ab.sql.gz", "2026-11-22/a.sql.gz", "", nil},
		{"a directory per run", ages{"20261122T0300Z/a.sql.gz": 25 * h, "20261123_030012/ab.sql.gz": h}, ".", "20261123_030012/ab.sql.gz", "20261122T0300Z/a.sql.gz", "", nil},
		{"a level per part of the date", ages{"daily/2026/11/22/a.sql.gz": 25 * h, "daily/2026/11/23/ab.sql.gz": h}, ".", "daily/2026/11/23/ab.sql.gz", "daily/2026/11/22/a.sql.gz", "", nil},
		{"a dump directory per day", ages{"2026-11-22/toc.dat": 25 * h, "2026-11-22/1.dat.gz": 25 * h, "2026-11-23/toc.dat": h, "2026-11-23/11.dat.gz": h}, ".", "2026-11-23", "2026-11-22", "", nil},
		{"deeper than is looked", ages{"daily/2026/11/23/03/a.sql.gz": h}, ".", "", "", "", ErrNone},
		{"a circle of directories", ages{"2026/a.sql.gz": h, "2026/11 -> ../2026": 0}, ".", "2026/a.sql.gz", "", "", nil},
		{"one that was copied", ages{"latest/x1.gz": h, "daily/x-1.gz": h + time.Minute, "daily/2.sql.gz": 25 * h}, ".", "latest/x1.gz", "daily/2.sql.gz", "", nil},
		{"linked to itself", ages{"daily/1.sql.gz": h, "daily/2.sql.gz": 25 * h, "latest/a.sql.gz -> ../daily/1.sql.gz": 0, "latest/gone.sql.gz -> nowhere": 0}, ".", "", "daily/2.sql.gz", "", nil},
		{"unfinished names", ages{"1.sql.gz": 9 * h, "2.sql.gz.tmp": 1 * h, "3.sql.gz.part": h, "4.partial": h, "5.sql.inprogress": h, "6.sql~": h, ".7.sql": h, "8.tmp.gz": h / 2}, ".", "1.sql.gz", "", "8.tmp.gz", nil},
		{"a left-over", ages{"1.sql.gz": h, "0.sql.gz.tmp": 9 * h}, ".", "1.sql.gz", "", "none", nil},
		{"only unfinished", ages{"2.sql.gz.tmp": 1 * h}, ".", "", "", "2.sql.gz.tmp", ErrUnfinished},
		{"manifests", ages{"1.sql.gz": 9 * h, "1.sql.gz.sha256": h, "1.sql.gz.manifest": h, "SHA256SUMS": h}, "*", "1.sql.gz", "", "", nil},
		{"being written", ages{"1.sql.gz": 9 * h, "22.sql.gz": time.Second}, ".", "1.sql.gz", "", "22.sql.gz", nil},
		{"a pattern", ages{"daily/daily_1.sql.gz": 25 * h, "daily/daily_10.sql.gz": h, "daily/other.sql.gz": 0}, "daily/daily_*.sql.gz", "daily/daily_10.sql.gz", "daily/daily_1.sql.gz", "", nil},
		{"a pattern for directories", ages{"a/base.tar": 3 * h, "b/base.tar": h, "file": 0, "c/": 0}, "*/base.tar", "b/base.tar", "a/base.tar", "", nil},
		{"a pattern of directories and names", ages{"a/1.sql": 2 * h, "b/22.sql": h, "file": 0}, "[ab]/*.sql", "b/22.sql", "a/1.sql", "", nil},
		{"a pattern that fits nothing", ages{"a.sql": h}, "*.dump", "", "", "", ErrNone},
		{"a pattern in no directory", ages{"a.sql": h}, "b/*.dump", "", "", "", fs.ErrNotExist},
		{"a pattern in a file", ages{"a.sql": h}, "a.sql/*.dump", "", "", "", syscall.ENOTDIR},
		{"a pattern that is none", ages{"a.sql": h}, "[", "", "", "", filepath.ErrBadPattern},
		{"a file with a pattern's name", ages{"a[1].sql": h}, "a[1].sql", "a[1].sql", "", "", nil},
		{"a dump directory", ages{"toc.dat": h, "1.dat.gz": h}, ".", ".", "", "", nil},
		{"dump directories", ages{"d1/toc.dat": 9 * h, "d1/1.dat.gz": 9 * h, "d22/toc.dat": h, "d22/22.dat": h, "d3/3.dat": h / 2}, ".", "d22", "d1", "d3", nil},
		{"dump directories by a pattern", ages{"d1/toc.dat": 9 * h, "d1/1.dat.gz": 9 * h, "d22/toc.dat": h, "d22/22.dat": h}, "d*", "d22", "d1", "", nil},
		{"a dump directory being written", ages{"d1/toc.dat": 9 * h, "d2/toc.dat": h, "d2/2.dat.gz": time.Second}, ".", "d1", "", "d2", nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			now := time.Now() // before the files are made: what was written a second ago stays so on a slow machine
			dir := tree(t, test.files)
			set, err := Finder{Now: func() time.Time { return now }}.Find(context.Background(), filepath.Join(dir, test.place))
			if !errors.Is(err, test.err) {
				t.Fatalf("%+v, %v; want %v", set, err, test.err)
			}
			name := func(path string) string {
				if path == "" {
					return ""
				}
				name, err := filepath.Rel(dir, path)
				if err != nil {
					t.Fatal(err)
				}
				return name
			}
			if got := name(set.Newest.Path); got != test.newest && test.newest != "" {
				t.Errorf("newest %s, want %s", got, test.newest)
			}
			if got := name(set.Before.Path); got != test.before {
				t.Errorf("before %q, want %q", got, test.before)
			}
			if test.passed == "none" {
				if len(set.Passed) > 0 {
					t.Errorf("passed %+v", set.Passed)
				}
			} else if test.passed != "" && (len(set.Passed) == 0 || name(set.Passed[0].Path) != test.passed) {
				t.Errorf("passed %+v, want %s", set.Passed, test.passed)
			}
			if err == nil && set.Newest.Size == 0 {
				t.Errorf("no identity: %+v", set.Newest)
			}
		})
	}
}

func TestFind_HardLinks(t *testing.T) {
	dir := tree(t, map[string]time.Duration{"daily/1.sql.gz": time.Hour, "daily/22.sql.gz": 25 * time.Hour})
	for _, name := range []string{"last", "weekly"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Link(filepath.Join(dir, "daily/1.sql.gz"), filepath.Join(dir, name, "x.sql.gz")); err != nil {
			t.Fatal(err)
		}
	}
	set, err := Finder{}.Find(context.Background(), dir)
	if err != nil || set.Count != 2 || filepath.Base(set.Before.Path) != "22.sql.gz" {
		t.Errorf("%+v, %v", set, err)
	}
}

// TestFind_OpenFile: the file of a waiting dump has an old time, but is open for writing.
func TestFind_OpenFile(t *testing.T) {
	dir := tree(t, map[string]time.Duration{"1.sql": 9 * time.Hour, "22.sql": time.Hour, "3.sql": 5 * time.Second})
	open := filepath.Join(dir, "22.sql")
	w, err := os.OpenFile(open, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if writing, known := openForWriting(open); !known {
		parts.Missing(t, "a file system that tells of writers is missing at "+dir)
	} else if !writing {
		t.Error("writer is not detected")
	}
	set, err := Finder{}.Find(context.Background(), dir)
	if err != nil || filepath.Base(set.Newest.Path) != "3.sql" || filepath.Base(set.Before.Path) != "22.sql" {
		t.Errorf("%+v, %v", set, err) // nobody has 3.sql open: five seconds are enough
	}
	set, err = Finder{}.Find(context.Background(), open)
	if !errors.Is(err, ErrUnfinished) || !strings.Contains(err.Error(), "open for writing") {
		t.Errorf("%+v, %v", set, err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if set, err = (Finder{}).Find(context.Background(), open); err != nil {
		t.Errorf("%+v, %v", set, err)
	}
	// The lease was returned: a writer does not wait.
	w, err = os.OpenFile(open, os.O_WRONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Error(err)
	}
	_ = w.Close()
}

func TestFind_Settles(t *testing.T) {
	// If writers cannot be detected, only the time decides.
	s := &search{now: time.Now(), settle: DefaultSettle}
	f := File{Path: filepath.Join(t.TempDir(), "gone")}
	for age, writing := range map[time.Duration]bool{0: true, 29 * time.Second: true, 30 * time.Second: false, -29 * time.Second: true, -time.Minute: false} {
		f.Modified = s.now.Add(-age)
		if why := s.writing(f); (why != "") != writing {
			t.Errorf("%v old: %q", age, why)
		}
	}
}

func TestFind_Limits(t *testing.T) {
	dir := tree(t, map[string]time.Duration{"a.sql": time.Hour})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if set, err := (Finder{}).Find(ctx, dir); !errors.Is(err, context.Canceled) {
		t.Errorf("%+v, %v", set, err)
	}
}

func TestFind_Permission(t *testing.T) {
	parts.NeedRoot(t, "giving up its rights for a moment")
	dir := tree(t, map[string]time.Duration{"closed/a.sql": time.Hour, "open/daily/a.sql": time.Hour})
	for _, name := range []string{"closed", "open/daily"} {
		if err := os.Chmod(filepath.Join(dir, name), 0); err != nil {
			t.Fatal(err)
		}
	}
	for parent := dir; parent != "/"; parent = filepath.Dir(parent) {
		if parent == os.TempDir() {
			break
		}
		if err := os.Chmod(parent, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	_ = os.Chmod(filepath.Join(dir, "open"), 0o755)
	parts.AsNobody(t, func() {
		for _, place := range []string{"closed", "closed/*.sql", "closed/a.sql", "open"} {
			if set, err := (Finder{}).Find(context.Background(), filepath.Join(dir, place)); !errors.Is(err, fs.ErrPermission) {
				t.Errorf("%s: %+v, %v", place, set, err)
			}
		}
	})
}
