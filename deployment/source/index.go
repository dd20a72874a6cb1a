// Package source reads a deployment's folders and files, remembers what a result was made of, and makes it again only
// when one of these changed. It knows nothing about their contents.
package source

import (
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/thenexusengine/catalyst_exporter/files"
)

// Listings of the deployment's folders. A listing is cached until the directory's identity changes, so a repeated
// listing costs one stat per directory. Everything is bounded, because the root may be any directory.

const (
	maxNames = 2000 // per directory: the rest is ignored
	// Settled is how long a file or directory must be unchanged before its time stamps are trusted: some file systems have
	// a resolution of 2 s.
	Settled = 2 * time.Second
)

type listing struct {
	id    files.Identity
	names []fs.DirEntry // sorted
}

// Index caches listings. The zero value is ready to use. Safe for concurrent use.
type Index struct {
	mu   sync.Mutex
	dirs map[string]listing
}

// List returns the entries of a directory, sorted by name. seen is false for an existing directory that could not be
// listed completely: the exporter's user has no permission, or it has too many entries.
func (x *Index) List(dir string) (names []fs.DirEntry, seen bool) {
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
	return now.Sub(id.Changed) >= Settled && now.Sub(id.Modified) >= Settled
}

// IsDirEntry reports whether an entry is a directory or a link to one.
func IsDirEntry(dir string, e fs.DirEntry) bool {
	if e.Type()&fs.ModeSymlink != 0 {
		info, err := os.Stat(filepath.Join(dir, e.Name()))
		return err == nil && info.IsDir()
	}
	return e.IsDir()
}

// dep is one file or directory that a cached result depends on.
type dep struct {
	id     files.Identity
	exists bool
}

// Set records the dependencies of a result while it is built.
type Set map[string]dep

// Read reads a file and records it as a dependency, even if it does not exist.
func (s Set) Read(path string, limit int64) ([]byte, fs.FileInfo, error) {
	s.Note(path)
	return files.Read(path, limit)
}

// Note records the current state of a file or directory.
func (s Set) Note(path string) {
	if _, ok := s[path]; ok {
		return
	}
	id, _, err := files.Look(path)
	s[path] = dep{id, err == nil}
}

// Cache caches a result until one of its source files changes. The zero value is ready to use. Safe for concurrent use.
type Cache[T any] struct {
	mu      sync.Mutex
	ok      bool
	key     string
	sources Set
	value   T
}

// Get returns the cached result if key and all sources are unchanged, else calls make.
func (m *Cache[T]) Get(key string, make func(Set) T) T {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.ok && m.key == key && m.sources.same() {
		return m.value
	}
	s := Set{}
	value := make(s)
	m.ok, m.key, m.sources, m.value = s.settled(), key, s, value
	return value
}

// Sources returns the files and directories that the cached result was made of, in no particular order.
func (m *Cache[T]) Sources() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Collect(maps.Keys(m.sources))
}

func (s Set) same() bool {
	for path, then := range s {
		if id, _, err := files.Look(path); (dep{id, err == nil}) != then {
			return false
		}
	}
	return true
}

func (s Set) settled() bool {
	for _, d := range s {
		if d.exists && !isSettled(d.id) {
			return false
		}
	}
	return true
}
