// Package collector runs the probes of a checklist and reports the verdicts, also as metrics.
//
// A scrape passes through these files in this order: scheduler.go chooses the cycle that serves the caller, cycle.go
// starts the probes that are due and waits for them, workerpool.go runs them, report.go judges what is known into a
// Report, metrics.go lists the samples of a Report, textformat writes them.
package collector

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/thenexusengine/catalyst_exporter/checklist"
	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/attestcheck"
)

// Collector checks one deployment for as long as its configuration is current. Safe for concurrent use.
type Collector struct {
	list      *checklist.Checklist
	deploy    *deployment.Deployment
	deps      *probe.Deps
	limits    *Limits
	items     []itemState   // in order of the checklist
	probes    []*probeState // of all items, in the same order
	scheduler scheduler
	index     map[*checklist.Item]int // in items
	cache     *reportCache            // nil when caching is disabled

	background context.Context // ends with Close; the parent of all runs
	stop       context.CancelFunc
	running    sync.WaitGroup
}

// itemState is one item and the probes that have to run for it.
type itemState struct {
	item    *checklist.Item
	probes  []*probeState
	first   int  // index of probes[0] in Collector.probes
	derived bool // judged from the verdicts of other items, at least in part
}

// probeState is one probe of one item and its latest outcome. At most one run is in progress; all callers share it.
type probeState struct {
	item  *checklist.Item
	probe *checklist.Probe

	mu       sync.Mutex
	done     chan struct{}   // closed when the current run has an outcome; nil when none is in progress
	started  time.Time       // of the current run
	progress *probe.Progress // as the current run last reported it; nil when it has not
	hung     bool            // the current run is past its timeout and has not returned
	last     *outcome        // nil before the first
	lastKey  string          // what last depends on, see probe.Keyed
}

// outcome is the result of one run.
type outcome struct {
	result   probe.Result
	ended    time.Time
	duration time.Duration
}

// Limits bounds how many probes run at once; the collectors of a process share them. Files have slots of their own, so
// that an unresponsive network does not delay reading a file.
type Limits struct {
	files, network chan struct{}
}

// NewLimits returns the limits of a process: a few files per processor, and enough network probes for dozens to hang.
func NewLimits() *Limits {
	return &Limits{files: make(chan struct{}, 2*runtime.GOMAXPROCS(0)), network: make(chan struct{}, 64)}
}

func (l *Limits) slotsFor(kind probe.Kind) chan struct{} {
	if kind.Layer == probe.LayerDeclared && !kind.Background { // background probes may read a big file for hours
		return l.files
	}
	return l.network
}

// New returns a collector. The caller must Close it.
func New(list *checklist.Checklist, d *deployment.Deployment, deps *probe.Deps, limits *Limits) *Collector {
	ctx, stop := context.WithCancel(context.Background())
	c := &Collector{list: list, deploy: d, deps: deps, limits: limits, background: ctx, stop: stop,
		index: map[*checklist.Item]int{}}
	for _, it := range list.Items() {
		state := itemState{item: it, first: len(c.probes)}
		for _, pr := range it.Probes {
			if pr.Look != nil {
				c.probes = append(c.probes, &probeState{item: it, probe: pr})
			}
			state.derived = state.derived || pr.Derived != nil
		}
		state.probes = c.probes[state.first:]
		c.index[it] = len(c.items)
		c.items = append(c.items, state)
	}
	c.cache = &reportCache{basis: make([]*outcome, len(c.probes))}
	return c
}

// DisableCaching makes every report from scratch, which saves memory where there are many collectors. Call it before
// the first Collect.
func (c *Collector) DisableCaching() { c.cache = nil }

// Inherit copies the outcomes of a collector for the same deployment and settings, so that a reload neither forgets
// what is rarely checked nor repeats what is expensive. Only probes with an unchanged definition inherit.
func (c *Collector) Inherit(old *Collector) {
	byName := make(map[string]*probeState, len(old.probes))
	for _, p := range old.probes {
		byName[p.item.ID()+"/"+p.probe.Name] = p
	}
	for _, p := range c.probes {
		o := byName[p.item.ID()+"/"+p.probe.Name]
		if o != nil && p.probe.Digest != "" && o.probe.Digest == p.probe.Digest {
			o.mu.Lock()
			p.last, p.lastKey = o.last, o.lastKey
			o.mu.Unlock()
		}
	}
}

// Close cancels all runs and waits until they have returned.
func (c *Collector) Close() {
	c.stop()
	c.running.Wait()
	c.deps.Kept.Close()
}

// Running returns how many probes are running, and the progress of the first one that reports any.
func (c *Collector) Running() (n int, progress string) {
	now := c.deps.Now()
	for _, p := range c.probes {
		p.mu.Lock()
		if p.done != nil {
			n++
		}
		if text := p.progressText(now); text != "" && progress == "" {
			progress = p.item.ID() + ": " + text
		}
		p.mu.Unlock()
	}
	return n, progress
}

// Claims returns what an attestation of an item must contain; nil when the item takes none. For a sign-off it checks
// the whole deployment first.
func (c *Collector) Claims(ctx context.Context, it *checklist.Item) (*attestcheck.Wants, error) {
	for _, pr := range it.Probes {
		var claimed attestcheck.Claimed
		v := probe.Verdicts{Pass: probe.NewPass(c.deps, c.deploy)}
		switch {
		case pr.Look != nil:
			claimed, _ = pr.Look.(attestcheck.Claimed)
		default:
			if claimed, _ = pr.Derived.(attestcheck.Claimed); claimed != nil {
				for _, verdict := range c.Collect(ctx, Selection{}, true).Verdicts {
					v.Items = append(v.Items, summary(verdict))
				}
			}
		}
		if claimed != nil {
			w, err := claimed.Wants(v)
			return &w, err
		}
	}
	return nil, ctx.Err()
}

// Selection narrows a report. The zero value selects everything.
type Selection struct {
	Categories []string
	Items      []*checklist.Item
}

// All reports whether everything is selected.
func (s Selection) All() bool { return len(s.Categories) == 0 && len(s.Items) == 0 }

func (s Selection) has(it *checklist.Item) bool {
	return s.All() || slices.Contains(s.Categories, it.Category) || slices.Contains(s.Items, it)
}
