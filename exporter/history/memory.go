package history

import (
	"slices"
	"sync"
	"time"

	"github.com/thenexusengine/catalyst_exporter/collector"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// Change is a verdict that differs from the one before it. The zero State means that nothing was observed from then on.
type Change struct {
	At     time.Time
	State  probe.State
	Reason probe.Reason
}

// Memory knows the reports that this process has made. It is lost when the process ends.
type Memory struct {
	mu     sync.Mutex
	newest time.Time // time of the newest report
	items  map[string][]Change
}

// maxChanges is how many changes of an item are remembered; the oldest are forgotten first.
const maxChanges = 200

// NewMemory returns an empty memory.
func NewMemory() *Memory { return &Memory{items: map[string][]Change{}} }

// Note remembers what a report changes. A partial report and one that is older than a report before change nothing.
func (m *Memory) Note(r *collector.Report) {
	if !r.Selection.All() {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if r.Time.Before(m.newest) {
		return
	}
	m.newest = r.Time
	state := probe.StateFail
	if r.Ready().Ready {
		state = probe.StatePass
	}
	m.note("", Change{At: r.Time, State: state})
	for i := range r.Verdicts {
		v := &r.Verdicts[i]
		m.note(v.ID(), Change{r.Time, v.State, v.Reason})
	}
}

// note appends a change. The caller holds the lock.
func (m *Memory) note(item string, c Change) {
	all := m.items[item]
	if n := len(all); n > 0 && all[n-1].State == c.State && all[n-1].Reason == c.Reason {
		return
	}
	if len(all) >= maxChanges {
		all = slices.Delete(all, 0, len(all)-maxChanges+1)
	}
	m.items[item] = append(all, c)
}

// Changes returns the remembered changes of an item, oldest first. The item "" is the deployment: it passes when it is
// ready and fails otherwise.
func (m *Memory) Changes(item string) []Change {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.items[item])
}

// Since returns when the item got its present state; it is exact if the change was observed.
func (m *Memory) Since(item string) (at time.Time, exact bool) { return sinceOf(m.Changes(item)) }

// sinceOf returns when the last state began. A change of the reason alone does not change the state, and neither does a
// time in which nothing was observed.
func sinceOf(changes []Change) (at time.Time, exact bool) {
	var state probe.State
	seen, gap := false, false
	for _, c := range changes {
		if c.State != 0 && c.State != state {
			at, exact, state, seen = c.At, seen && !gap, c.State, true
		}
		gap = c.State == 0
	}
	return at, exact
}

// Origin says what the time is of a state whose beginning was not observed.
func (m *Memory) Origin() string { return "the exporter's start" }

// Source says where the changes come from.
func (m *Memory) Source() string { return "since the exporter's start" }
