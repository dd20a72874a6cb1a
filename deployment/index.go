package deployment

// What lies in the deployment's folders. A listing is kept for as long as the directory's identity stays, so that looking again costs one stat per
// directory; everything is bounded, since the root may be pointed at anything.

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/thenexusengine/catalyst_exporter/files"
)

const (
	maxNames = 2000 // of one directory: what comes behind is not seen
	// settled is how long a file or directory must have been left alone before what was read is believed to be what its time stamps name:
	// those of some file systems are 2 s coarse.
	settled = 2 * time.Second
)

type listing struct {
	id    files.Identity
	names []fs.DirEntry // sorted
}

// index keeps listings. The zero value is ready; safe for concurrent use.
type index struct {
	mu   sync.Mutex
	dirs map[string]listing
}

// list returns the entries of a directory, sorted by name. seen is false for a directory that is there and was not seen whole: the exporter's user
// may not list it, or it holds more names than are read.
func (x *index) list(dir string) (names []fs.DirEntry, seen bool) {
	id, kind, err := files.Look(dir)
	if err != nil || !kind.IsDir() {
		x.mu.Lock()
		delete(x.dirs, dir)
		x.mu.Unlock()
		return nil, !errors.Is(err, fs.ErrPermission)
	}
	x.mu.Lock()
	known, ok := x.dirs[dir]
	x.mu.Unlock()
	if ok && known.id == id {
		return known.names, len(known.names) < maxNames
	}
	f, err := files.OpenDir(dir)
	if err != nil {
		return nil, errors.Is(err, fs.ErrNotExist)
	}
	names, err = f.ReadDir(maxNames)
	_ = f.Close()
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, false
	}
	slices.SortFunc(names, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	if isSettled(id) {
		x.mu.Lock()
		if x.dirs == nil {
			x.dirs = map[string]listing{}
		}
		x.dirs[dir] = listing{id, names}
		x.mu.Unlock()
	}
	return names, len(names) < maxNames
}

func isSettled(id files.Identity) bool {
	now := time.Now()
	return now.Sub(id.Changed) >= settled && now.Sub(id.Modified) >= settled
}

// directory reports whether an entry is a directory or a link to one.
func directory(dir string, e fs.DirEntry) bool {
	if e.Type()&fs.ModeSymlink != 0 {
		info, err := os.Stat(filepath.Join(dir, e.Name()))
		return err == nil && info.IsDir()
	}
	return e.IsDir()
}

// dep is one file or directory that something was made of.
type dep struct {
	id     files.Identity
	exists bool
}

// sources notes what something is made of, while it is made.
type sources map[string]dep

// read reads a file and notes it, whether it is there or not.
func (s sources) read(path string, limit int64) ([]byte, fs.FileInfo, error) {
	s.note(path)
	return files.Read(path, limit)
}

// note notes a file or directory as it is now.
func (s sources) note(path string) {
	if _, ok := s[path]; ok {
		return
	}
	id, _, err := files.Look(path)
	s[path] = dep{id, err == nil}
}

// made keeps what was made of several files until one of them changes. The zero value is ready; safe for concurrent use.
type made[T any] struct {
	mu      sync.Mutex
	ok      bool
	key     string
	sources sources
	value   T
}

// get returns what make makes, from memory when key and all sources are the same as last time.
func (m *made[T]) get(key string, make func(sources) T) T {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.ok && m.key == key && m.sources.same() {
		return m.value
	}
	s := sources{}
	value := make(s)
	m.ok, m.key, m.sources, m.value = s.settled(), key, s, value
	return value
}

func (s sources) same() bool {
	for path, then := range s {
		if id, _, err := files.Look(path); (dep{id, err == nil}) != then {
			return false
		}
	}
	return true
}

func (s sources) settled() bool {
	for _, d := range s {
		if d.exists && !isSettled(d.id) {
			return false
		}
	}
	return true
}
