// Package ledger keeps the changes of verdicts of one deployment in a file, so that it is known since when an item has
// its state, and for how long it was not ok.
//
// The file holds names of items, states and reasons, and no details: nothing in it comes from the checked system. It is
// append-only with a checksum over all entries before, bounded in size, and never in the deployment's folder. A file
// that is lost or damaged costs history and nothing else: the ledger says so and continues.
package ledger

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
)

// Verdict is the verdict on one item, without its detail.
type Verdict struct {
	Item   string // category/item
	State  string // a state of package probe; Gone for an item that is no longer checked; "" for one not observed now
	Reason string // of the closed list of reasons; "" for a pass
	Waived bool
}

// Gone is the state of an item that is no longer in the checklist.
const Gone = "gone"

// OK reports whether the verdict counts as ok.
func (v Verdict) OK() bool {
	return v.State == "pass" || v.State == "warn" || v.State == "pending" || v.Waived
}

// NotReady reports whether the item prevents readiness: it was seen to fail, or could not be checked.
func (v Verdict) NotReady() bool { return !v.Waived && (v.State == "fail" || v.State == "unknown") }

const (
	// DefaultMaxBytes bounds the file: about 40,000 changes.
	DefaultMaxBytes = 4 << 20
	// MaxGap is the longest time between two observations that counts as watched.
	MaxGap = 15 * time.Minute
	// seenEvery is how often the time of the last observation is written while nothing changes.
	seenEvery = 30 * time.Second
	// skew is how far ahead of the clock an entry may be dated.
	skew = 5 * time.Minute
	// maxMarks bounds the marks.
	maxMarks = 100
)

// Ledger is the ledger of one deployment. Safe for concurrent use. A nil Ledger knows nothing and writes nothing.
type Ledger struct {
	path     string
	maxBytes int64

	mu      sync.Mutex
	file    *os.File // nil while another process writes, or after an error
	lock    *os.File
	size    int64
	floor   int64  // size after the file was last shortened
	chain   string // checksum of the last entry
	entries int
	seen    time.Time // last observation
	written time.Time // last observation that is in the file
	now     map[string]current
	marks   map[string]time.Time
	notes   []string // what was lost or damaged
	writing error    // the last error of writing; nil after a success
	foreign bool     // another process writes
	begun   bool     // something was observed before
	// unwatched holds the items without an observation since a time in which nothing was observed
	unwatched map[string]bool
	memoryID  fileID // what now and marks were read from, for a reader
}

// current is the latest verdict on an item.
type current struct {
	Verdict
	since time.Time // start of its state
	exact bool      // the change was observed; otherwise the state may be older
}

// fileName matches what a deployment's name may become.
var fileName = lazyregexp.New(`[^a-zA-Z0-9_.-]+`)

// Name returns the file name of a deployment: its name, and a digest of its folder, since a folder may be renamed or
// several deployments may have none.
func Name(deployment, root string) string {
	if deployment == "" {
		deployment = "deployment"
	}
	sum := sha256.Sum256([]byte(root))
	clean := fileName.ReplaceAllString(deployment, "_")
	return clean[:min(len(clean), 60)] + "-" + hex.EncodeToString(sum[:4]) + ".ledger"
}

// Open opens the ledger with that name in a folder, which it creates if it is missing. While another process writes the
// file, the ledger only reads it. A damaged file is repaired: what can be trusted is kept, and Notes says what was lost.
// After an error (a full disk) the ledger is usable and tries again with each observation.
func Open(dir, name string, now time.Time, maxBytes int64) (*Ledger, error) {
	if maxBytes <= 0 {
		maxBytes = DefaultMaxBytes
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("ledger: %w", err)
	}
	l := &Ledger{path: filepath.Join(dir, name), maxBytes: maxBytes, now: map[string]current{}, marks: map[string]time.Time{}, unwatched: map[string]bool{}}
	if l.writing = l.acquire(now); l.writing != nil {
		return l, fmt.Errorf("ledger: %w", l.writing)
	}
	return l, nil
}

// Close releases the file. The ledger can still be read.
func (l *Ledger) Close() {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.writeSeen()
	l.release()
}

// Notes lists what was lost or damaged, and why the ledger is not written; empty when everything is well.
func (l *Ledger) Notes() []string {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	notes := slices.Clone(l.notes)
	switch {
	case l.foreign:
		notes = append(notes, "another process writes the ledger: this one only reads it")
	case l.writing != nil:
		notes = append(notes, "the ledger cannot be written: "+cause(l.writing))
	}
	return notes
}

// cause returns an error without the path.
func cause(err error) string {
	var path *os.PathError
	if errors.As(err, &path) {
		return path.Err.Error()
	}
	return err.Error()
}

// Observe records what changed since the last observation. Verdicts are those on all items: an item that is not among
// them is gone. After an error the same changes are written with the next observation.
func (l *Ledger) Observe(at time.Time, verdicts []Verdict) error {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	at = at.Truncate(time.Second).UTC()
	if err := l.prepare(at); err != nil || l.foreign {
		return err
	}
	if at.Before(l.seen) && l.seen.Sub(at) <= skew {
		at = l.seen // reports may arrive in another order
	}
	var added []entry
	unwatched := l.begun && at.Sub(l.seen) > MaxGap
	if unwatched {
		added = append(added, entry{Kind: kindGap, Time: at.Unix(), From: l.seen.Unix()})
	}
	there := make(map[string]bool, len(verdicts))
	for _, v := range verdicts {
		there[v.Item] = true
		if v.State == "" {
			l.unwatched[v.Item] = l.unwatched[v.Item] || unwatched
			continue
		}
		if c, known := l.now[v.Item]; !known || c.Verdict != v {
			e := entry{Time: at.Unix(), Item: v.Item, State: v.State, Reason: v.Reason, Waived: v.Waived}
			switch {
			case !known:
				e.Kind = kindBase // the state may be older
			case (unwatched || l.unwatched[v.Item]) && c.State != v.State:
				e.From = at.Unix() // it changed while nobody watched
			}
			added = append(added, e)
		}
		delete(l.unwatched, v.Item)
	}
	for item, c := range l.now {
		if !there[item] && c.State != Gone {
			added = append(added, entry{Time: at.Unix(), Item: item, State: Gone})
		}
	}
	slices.SortStableFunc(added, byItem)
	if l.writing = l.append(at, added); l.writing != nil {
		return fmt.Errorf("ledger: %w", l.writing)
	}
	return nil
}

// Since returns when the item got its present state. It is exact if the change was observed; otherwise the state may be
// older. The time is zero for an unknown item.
func (l *Ledger) Since(item string) (since time.Time, exact bool) {
	if l == nil {
		return time.Time{}, false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.refresh()
	c := l.now[item]
	return c.since, c.exact
}

// First returns when a fact was first marked: at, if it is new. Key may be anything; only its digest is stored.
func (l *Ledger) First(key string, at time.Time) time.Time {
	if l == nil {
		return at
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	at = at.Truncate(time.Second).UTC()
	err := l.prepare(at)
	id := markOf(key)
	if first, known := l.marks[id]; known && !first.After(at) {
		return first
	}
	if err == nil && !l.foreign && len(l.marks) < maxMarks {
		l.writing = l.append(l.seen, []entry{{Kind: kindMark, Time: at.Unix(), Mark: id}})
	}
	if len(l.marks) < maxMarks {
		l.marks[id] = at
	}
	return at
}

// Forget removes a mark.
func (l *Ledger) Forget(key string) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	id := markOf(key)
	if _, known := l.marks[id]; !known {
		return
	}
	delete(l.marks, id)
	if l.file != nil {
		l.writing = l.append(l.seen, []entry{{Kind: kindClear, Time: l.seen.Unix(), Mark: id}})
	}
}

func markOf(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:8])
}
