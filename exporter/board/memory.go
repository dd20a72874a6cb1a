package board

import (
	"slices"
	"sync"
	"time"

	"github.com/thenexusengine/catalyst_exporter/collector"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// Memory is a History of the reports that this process has made. It is lost when the process ends.
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

// Changes returns the remembered changes of an item.
func (m *Memory) Changes(item string) []Change {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.items[item])
}

// Origin says that the memory begins with the process.
func (m *Memory) Origin() string { return "the exporter's start" }
