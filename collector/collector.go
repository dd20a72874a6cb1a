// Package collector makes rounds of looking: it runs the probes of a checklist, shares what is running among all who ask, and adds up the
// verdicts into a report, which renders as metrics.
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
)

// Collector looks at one deployment for as long as its configuration stands. Safe for concurrent use.
type Collector struct {
	list   *checklist.Checklist
	deploy *deployment.Deployment
	deps   *probe.Deps
	limits *Limits
	items  []watched // in order
	looks  []*look   // of all items, in order
	rounds rounds
	before before
	frugal bool

	background context.Context // ends with Close: the parent of all looks
	stop       context.CancelFunc
	running    sync.WaitGroup
}

// watched is one item and the looks at it.
type watched struct {
	item    *checklist.Item
	looks   []*look
	first   int  // index of the first of them among all
	derived bool // judged from the verdicts of others, at least in part
}

// Limits bounds how many looks run at once; collectors of one process share them. Files and everything else are apart, so that a hanging
// network never keeps a file from being read.
type Limits struct {
	files, network chan struct{}
}

// NewLimits returns the limits for a process: files as many as processors can work on, network enough that dozens may hang.
func NewLimits() *Limits {
	return &Limits{files: make(chan struct{}, 2*runtime.GOMAXPROCS(0)), network: make(chan struct{}, 64)}
}

func (l *Limits) of(kind probe.Kind) chan struct{} {
	if kind.Layer == probe.LayerDeclared && !kind.Background { // a big file is read for hours
		return l.files
	}
	return l.network
}

// New returns a collector. Close ends it.
func New(list *checklist.Checklist, d *deployment.Deployment, deps *probe.Deps, limits *Limits) *Collector {
	ctx, stop := context.WithCancel(context.Background())
	c := &Collector{list: list, deploy: d, deps: deps, limits: limits, background: ctx, stop: stop}
	for _, it := range list.Items() {
		first := len(c.looks)
		for _, pr := range it.Probes {
			if pr.Look != nil {
				c.looks = append(c.looks, &look{item: it, probe: pr})
			}
		}
		c.items = append(c.items, watched{item: it, looks: c.looks[first:], first: first, derived: derived(it)})
	}
	return c
}

// Inherit takes over the verdicts of a collector that looks at the same deployment with the same settings, so that a reload neither forgets
// what is read rarely nor repeats what is expensive. Only probes whose definition is unchanged inherit.
func (c *Collector) Inherit(old *Collector) {
	before := make(map[string]*look, len(old.looks))
	for _, l := range old.looks {
		before[l.item.ID()+"/"+l.probe.Name] = l
	}
	for _, l := range c.looks {
		if o := before[l.item.ID()+"/"+l.probe.Name]; o != nil && l.probe.Digest != "" && o.probe.Digest == l.probe.Digest {
			o.mu.Lock()
			l.last, l.lastKey = o.last, o.lastKey
			o.mu.Unlock()
		}
	}
}

// KeepLittle has every report made anew and none kept, which saves memory where there are many collectors. It is called before the first Collect.
func (c *Collector) KeepLittle() { c.frugal = true }

// Close ends what is running and waits until it has.
func (c *Collector) Close() {
	c.stop()
	c.running.Wait()
	c.deps.Kept.Close()
}

// Running returns how many looks are under way, and how far the first of them that says so has come.
func (c *Collector) Running() (n int, progress string) {
	now := c.deps.Now()
	for _, l := range c.looks {
		l.mu.Lock()
		if l.done != nil {
			n++
		}
		if told := l.progress(now); told != "" && progress == "" {
			progress = l.item.ID() + ": " + told
		}
		l.mu.Unlock()
	}
	return n, progress
}

// Selection narrows a round. The zero value selects everything.
type Selection struct {
	Categories []string
	Items      []*checklist.Item
}

// All reports whether nothing is left out.
func (s Selection) All() bool { return len(s.Categories) == 0 && len(s.Items) == 0 }

func (s Selection) has(it *checklist.Item) bool {
	return s.All() || slices.Contains(s.Categories, it.Category) || slices.Contains(s.Items, it)
}

// backgroundGrace is how long a scrape waits for background looks, so that those which turn out to be quick show on the first scrape already.
const backgroundGrace = 250 * time.Millisecond

// Collect looks at what is selected and reports what is known when everything has answered or ctx is done, whichever comes first. With
// patient set it waits for background looks too, as long as ctx allows.
func (c *Collector) Collect(ctx context.Context, sel Selection, patient bool) *Report {
	if sel.All() && !patient {
		return c.shared(ctx)
	}
	return c.alone(ctx, sel, patient)
}

// Claims tells what a claim for an item must carry; nil when the item is seen by machine alone. For a sign-off it looks at everything first.
func (c *Collector) Claims(ctx context.Context, it *checklist.Item) (*probe.Wants, error) {
	for _, pr := range it.Probes {
		var claimed probe.Claimed
		v := probe.Verdicts{Pass: probe.NewPass(c.deps, c.deploy)}
		switch {
		case pr.Look != nil:
			claimed, _ = pr.Look.(probe.Claimed)
		default:
			if claimed, _ = pr.Derived.(probe.Claimed); claimed != nil {
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

// wanted says which items must be looked at for a selection: all of them where it holds a derived one, which is judged from the others.
func (c *Collector) wanted(sel Selection) func(*checklist.Item) bool {
	if sel.All() || slices.ContainsFunc(c.items, func(w watched) bool { return w.derived && sel.has(w.item) }) {
		return func(*checklist.Item) bool { return true }
	}
	return sel.has
}

func derived(it *checklist.Item) bool {
	return slices.ContainsFunc(it.Probes, func(pr *checklist.Probe) bool { return pr.Derived != nil })
}

// await waits for all, and reports whether it has them before ctx is done.
func await(ctx context.Context, all []<-chan struct{}) bool {
	for _, done := range all {
		select {
		case <-done:
		case <-ctx.Done():
			return false
		}
	}
	return true
}
