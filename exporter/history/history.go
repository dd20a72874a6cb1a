// Package history keeps what was seen of deployments in the state directory: one ledger for each.
package history

import (
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/thenexusengine/catalyst_exporter/checklist"
	"github.com/thenexusengine/catalyst_exporter/collector"
	"github.com/thenexusengine/catalyst_exporter/exporter/usage"
	"github.com/thenexusengine/catalyst_exporter/ledger"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// Store is the state directory of a process. It outlives reloads. A nil Store keeps nothing.
type Store struct {
	dir string
	now func() time.Time
	log func() *slog.Logger

	mu      sync.Mutex
	keepers map[string]*Keeper // by file name
}

// NewStore returns the store in a directory; nil for "".
func NewStore(dir string, now func() time.Time, log func() *slog.Logger) *Store {
	if dir == "" {
		return nil
	}
	return &Store{dir: dir, now: now, log: log, keepers: map[string]*Keeper{}}
}

// Directory returns the directory.
func (s *Store) Directory() string { return s.dir }

// Keeper returns the history of a deployment; nil without a state directory. The directory must not be in the
// deployment's folder: whoever writes there must not be able to change the history, and the exporter writes nothing
// there.
func (s *Store) Keeper(deployment, root string) (*Keeper, error) {
	if s == nil {
		return nil, nil //nolint:nilnil // a nil Keeper keeps nothing
	}
	if root, dir := resolved(root), resolved(s.dir); root != "/" {
		if rel, err := filepath.Rel(root, dir); err == nil && filepath.IsLocal(rel) {
			return nil, usage.Errorf("--state.directory=%s is in the deployment's folder %s: choose a directory elsewhere, such as /var/lib/catalyst_exporter", s.dir, root)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	name := ledger.Name(deployment, resolved(root))
	k, known := s.keepers[name]
	if !known {
		k = &Keeper{store: s, name: name}
		s.keepers[name] = k
	}
	return k, nil
}

// resolved returns a path without links, as far as it exists.
func resolved(path string) string {
	path, err := filepath.Abs(path)
	if err != nil {
		return path
	}
	rest := ""
	for at := path; ; at = filepath.Dir(at) {
		if target, err := filepath.EvalSymlinks(at); err == nil {
			return filepath.Join(target, rest)
		}
		if at == filepath.Dir(at) {
			return path
		}
		rest = filepath.Join(filepath.Base(at), rest)
	}
}

// Close closes all files.
func (s *Store) Close() {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range s.keepers {
		k.mu.Lock()
		k.ledger.Close()
		k.mu.Unlock()
	}
}

// Keeper is the history of one deployment. Its file is opened with the first use. Safe for concurrent use; a nil Keeper
// keeps nothing.
type Keeper struct {
	store *Store
	name  string

	mu       sync.Mutex
	ledger   *ledger.Ledger
	told     string // what was logged last
	past     *Past
	required []string // items that decide readiness
}

// open returns the ledger; nil if there is none. The caller holds the lock.
func (k *Keeper) open() *ledger.Ledger {
	if k.ledger == nil {
		k.ledger, _ = ledger.Open(k.store.dir, k.name, k.store.now(), 0) // its notes say why not, but for a directory that cannot be made
		if k.ledger == nil {
			k.tell("the state directory cannot be made")
		}
	}
	return k.ledger
}

// tell logs a change of what is wrong.
func (k *Keeper) tell(notes ...string) {
	text := strings.Join(notes, "; ")
	if text == k.told {
		return
	}
	if k.told = text; text != "" {
		k.store.log().Warn("history of verdicts", "directory", k.store.dir, "problem", text)
	}
}

// Observe records what a report on everything says.
func (k *Keeper) Observe(r *collector.Report) {
	if k == nil || !r.Selection.All() {
		return
	}
	verdicts := verdictsOf(r)
	k.mu.Lock()
	defer k.mu.Unlock()
	l := k.open()
	if l == nil {
		return
	}
	_ = l.Observe(r.Time, verdicts) // the notes say why it failed
	k.required = k.required[:0]
	for i := range r.Verdicts {
		if v := &r.Verdicts[i]; v.Required && v.Scope == checklist.Standing {
			k.required = append(k.required, v.ID())
		}
	}
	k.tell(l.Notes()...)
}

// verdictsOf returns the verdicts of a report. An item that is unknown only because its first run has not ended, or
// because of such an item, was not observed.
func verdictsOf(r *collector.Report) []ledger.Verdict {
	first := func(v checklist.Verdict) bool {
		return v.State == probe.StateUnknown && slices.ContainsFunc(v.Outcomes, func(o checklist.Outcome) bool {
			return o.LastRun.IsZero() && o.Result.State == probe.StateUnknown &&
				(o.Result.Reason == probe.ReasonInProgress || o.Result.Reason == probe.ReasonTimeout)
		})
	}
	early := slices.ContainsFunc(r.Verdicts, first)
	all := make([]ledger.Verdict, 0, len(r.Verdicts))
	for _, v := range r.Verdicts {
		out := ledger.Verdict{Item: v.ID()}
		if !early || !first(v) && (v.State != probe.StateUnknown || v.Reason != probe.ReasonBlocked) {
			out.State, out.Reason, out.Waived = v.State.String(), string(v.Reason), v.Waived
		}
		all = append(all, out)
	}
	return all
}

// First implements probe.Marks.
func (k *Keeper) First(key string, at time.Time) time.Time {
	if k == nil {
		return at
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.open().First(key, at)
}

// Forget implements probe.Marks.
func (k *Keeper) Forget(key string) {
	if k == nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.open().Forget(key)
}

// At returns the verdicts at a time, and from when to when the history reaches. There are none for a time in which nobody
// watched.
func (k *Keeper) At(t time.Time) (verdicts []ledger.Verdict, first, last time.Time) {
	if k == nil {
		return nil, first, last
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	l := k.open()
	first, last = l.Watched()
	return l.At(t), first, last
}

// History returns the verdicts on an item between two times: see ledger.Histories.
func (k *Keeper) History(item string, from, to time.Time) []ledger.Span {
	if k == nil {
		return nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.open().History(item, from, to)
}
