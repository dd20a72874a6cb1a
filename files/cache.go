package files

import (
	"io/fs"
	"sync"
	"time"
)

// rest is how long a file must have been left alone before the content read is believed to be the one its identity names: time stamps of
// common file systems are as coarse as the kernel's tick (up to 10 ms), those of FAT and some network mounts 2 s.
const rest = 2 * time.Second

// Cache keeps what was made of files for as long as their identity stays, so that an unchanged file is read and parsed once.
// Content read within two seconds of its last change is used but not kept, since a second change could hide behind the same time stamp.
// Safe for concurrent use; an error is never kept.
type Cache struct {
	// Now is the clock; time.Now when nil.
	Now func() time.Time

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

// Load returns parse's result for the file, from memory when the file is the same as last time. The name as tells apart the different things
// that are made of one file. The result is shared: callers must not change it.
func Load[T any](c *Cache, path, as string, limit int64, parse func(data []byte, info fs.FileInfo) (T, error)) (T, error) {
	k := key{path, as}
	if id, kind, err := Look(path); err == nil && kind.IsRegular() {
		c.mu.Lock()
		e, ok := c.entries[k]
		c.mu.Unlock()
		if ok && e.id == id {
			return e.value.(T), nil
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
	now := time.Now
	if c.Now != nil {
		now = c.Now
	}
	if id := Identify(info); now().Sub(id.Changed) >= rest && now().Sub(id.Modified) >= rest {
		c.mu.Lock()
		if c.entries == nil {
			c.entries = make(map[key]entry)
		}
		c.entries[k] = entry{id, value}
		c.mu.Unlock()
	}
	return value, nil
}

func (c *Cache) drop(k key) {
	c.mu.Lock()
	delete(c.entries, k)
	c.mu.Unlock()
}
