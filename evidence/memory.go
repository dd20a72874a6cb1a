package evidence

import (
	"sync"
	"time"

	"github.com/thenexusengine/catalyst_exporter/evidence/report"
)

// Memory caches parsed reports, so that an unchanged one is read once. The zero value is ready to use; nil caches
// nothing. Safe for concurrent use. Errors are not cached, nor is a recently modified file: its time stamps are too
// coarse to detect the next change.
type Memory struct {
	// Now is the clock; time.Now when nil.
	Now func() time.Time

	mu      sync.Mutex
	entries map[memoryKey]*memoryEntry
	use     int64
}

type memoryKey struct {
	name string
	kind report.Kind
}

type memoryEntry struct {
	version Version
	read    readResult
	used    int64
}

const (
	// maxMemory is the maximum number of cached reports, a few KiB each.
	maxMemory = 256
	// rest is how long a file must be unchanged before it is cached: FAT and some network mounts have time stamps with a
	// resolution of 2 s.
	rest = 2 * time.Second
)

// recall returns the cached result for the same content. If digest is set, the result must have a digest.
func (m *Memory) recall(name string, kind report.Kind, v Version, digest bool) (readResult, bool) {
	if m == nil || v == (Version{}) {
		return readResult{}, false
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	e := m.entries[memoryKey{name, kind}]
	if e == nil || e.version != v || digest && e.read.digest == "" {
		return readResult{}, false
	}
	m.use++
	e.used = m.use
	return e.read, true
}

func (m *Memory) keep(name string, kind report.Kind, v Version, read readResult) {
	if m == nil || v == (Version{}) {
		return
	}
	now := time.Now
	if m.Now != nil {
		now = m.Now
	}
	if f := v.File; now().Sub(f.Changed) < rest || now().Sub(f.Modified) < rest {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.entries == nil {
		m.entries = make(map[memoryKey]*memoryEntry)
	}
	m.use++
	m.entries[memoryKey{name, kind}] = &memoryEntry{v, read, m.use}
	for len(m.entries) > maxMemory {
		var oldest memoryKey
		used := m.use
		for k, e := range m.entries {
			if e.used < used {
				oldest, used = k, e.used
			}
		}
		delete(m.entries, oldest)
	}
}
