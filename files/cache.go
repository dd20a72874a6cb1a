package files

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"sync"
	"time"
)

// rest is how long a file must be unchanged before its content is believed to match its identity: time stamps of common
// file systems have the resolution of the kernel's tick (up to 10 ms), those of FAT and some network mounts 2 s.
const rest = 2 * time.Second

// Cache keeps results parsed from files while the files' identity is unchanged, so that an unchanged file is read and
// parsed once. Content read within two seconds of its last change is used but not cached, because a second change could
// have the same time stamp. Safe for concurrent use. Errors are never cached.
type Cache struct {
	// Now is the clock; time.Now when nil.
	Now func() time.Time
	// Seen is called with the path of every file that is read or checked for, also of those that are missing. It must be safe
	// for concurrent use; nil notes nothing.
	Seen func(path string)

	mu      sync.Mutex
	entries map[key]entry
}

type key struct {
	path string
	as   string
}

type entry struct {
	id    Identity
	value any
}

// Load returns parse's result for the file, from the cache if the file is unchanged. as distinguishes different results
// from one file. The result is shared: callers must not modify it.
func Load[T any](c *Cache, path, as string, limit int64, parse func(data []byte, info fs.FileInfo) (T, error)) (T, error) {
	k := key{path, as}
	c.note(path)
	if id, kind, err := Look(path); err == nil && kind.IsRegular() {
		if value, ok := c.find(k, id); ok {
			return value.(T), nil
		}
	}
	var zero T
	data, info, err := Read(path, limit)
	if err != nil {
		c.drop(k)
		return zero, err
	}
	value, err := parse(data, info)
	if err != nil {
		c.drop(k)
		return zero, err
	}
	c.keep(k, Identify(info), value)
	return value, nil
}

// Stat is os.Stat, noted for Seen.
func (c *Cache) Stat(path string) (fs.FileInfo, error) {
	c.note(path)
	return os.Stat(path)
}

func (c *Cache) note(path string) {
	if c.Seen != nil {
		c.Seen(path)
	}
}

// Names returns the sorted names in a directory, from the cache if the directory is unchanged; more than limit are
// ErrTooLarge. The result is shared: callers must not modify it.
func (c *Cache) Names(dir string, limit int) ([]string, error) {
	k := key{dir, "its names"}
	id, _, err := Look(dir) // before reading, so that a concurrent change invalidates the entry
	if err != nil {
		c.drop(k)
		return nil, err
	}
	if value, ok := c.find(k, id); ok {
		return value.([]string), nil
	}
	names, err := readNames(dir, limit)
	if err != nil {
		c.drop(k)
		return nil, err
	}
	c.keep(k, id, names)
	return names, nil
}

func readNames(dir string, limit int) ([]string, error) {
	f, err := OpenDir(dir)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	names, err := f.Readdirnames(limit + 1)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if len(names) > limit {
		return nil, fmt.Errorf("%w: more than %d entries", ErrTooLarge, limit)
	}
	slices.Sort(names)
	return names, nil
}

func (c *Cache) find(k key, id Identity) (any, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.entries[k]
	return e.value, ok && e.id == id
}

// keep caches the result for a file that has been unchanged for long enough.
func (c *Cache) keep(k key, id Identity, value any) {
	now := time.Now
	if c.Now != nil {
		now = c.Now
	}
	if now().Sub(id.Changed) < rest || now().Sub(id.Modified) < rest {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.entries == nil {
		c.entries = make(map[key]entry)
	}
	c.entries[k] = entry{id, value}
}

func (c *Cache) drop(k key) {
	c.mu.Lock()
	delete(c.entries, k)
	c.mu.Unlock()
}
