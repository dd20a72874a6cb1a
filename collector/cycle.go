package collector

import (
	"context"
	"fmt"
	"time"

	"github.com/thenexusengine/catalyst_exporter/probe"
)

// A cycle starts the probes that are due and waits for them.

// cycle is one pass over the checklist.
type cycle struct {
	run     *probe.Pass
	started time.Time
	files   *workerPool
	waiting []<-chan struct{} // runs that the report waits for
	slow    []<-chan struct{} // background runs, which it waits for only briefly

	published chan struct{} // closed when report is set; nil for a cycle that is not shared
	report    *Report
}

const (
	// quickPhase is how long a cycle waits before it treats the remaining files as slow and lets the next cycle start.
	quickPhase = 20 * time.Millisecond
	// backgroundGrace is how long a scrape waits for background probes, so that quick ones show on the first scrape.
	backgroundGrace = 250 * time.Millisecond
	// A probe that could not check is repeated before its max_age, so that recovery shows soon. Active probes (log-in
	// attempts) are a burden on the checked system and wait longer.
	retryReading = time.Minute
	retryActive  = 15 * time.Minute
)

// start starts all selected probes that are due. It does not wait.
func (c *Collector) start(cy *cycle, sel Selection, patient bool) {
	cy.run, cy.started = probe.NewPass(c.deps, c.deploy), time.Now()
	cy.files = &workerPool{run: cy.run, slots: c.limits.files}
	releases := openReleaseState(cy.run)
	needed := c.needed(sel)
	for _, it := range c.items {
		if !needed(it.item) || releases.hasFixedVerdict(it.item) {
			continue
		}
		for _, p := range it.probes {
			done := c.startProbe(p, cy)
			switch {
			case done == nil:
			case p.probe.Kind.Background && !patient:
				cy.slow = append(cy.slow, done)
			default:
				cy.waiting = append(cy.waiting, done)
			}
		}
	}
	c.startWorkers(cy.files, (len(cy.files.tasks)+tasksPerWorker-1)/tasksPerWorker)
}

// startProbe ensures that a probe has a fresh outcome or is running. It returns a channel that is closed when the run
// has an outcome; nil when there is nothing to wait for. Probes of files join the pool of the cycle.
func (c *Collector) startProbe(p *probeState, cy *cycle) <-chan struct{} {
	if disabledReason(p.item, p.probe) != "" {
		return nil
	}
	key := keyOf(p.probe.Look, cy.run)
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.hung: // its outcome is a timeout already
		return nil
	case p.done != nil:
		return p.done
	case c.background.Err() != nil || p.isFresh(cy.run.Time, key):
		return nil
	}
	done := make(chan struct{})
	p.done = done
	t := task{p, key, done}
	if slots := c.limits.slotsFor(p.probe.Kind); slots != cy.files.slots {
		c.startWorkers(&workerPool{run: cy.run, slots: slots, tasks: []task{t}}, 1)
	} else {
		cy.files.tasks = append(cy.files.tasks, t)
	}
	return done
}

// keyOf returns what the outcome of a probe depends on. A panic counts as an unknown key: the run then reports it.
func keyOf(pr probe.Probe, run *probe.Pass) (key string) {
	k, ok := pr.(probe.Keyed)
	if !ok {
		return ""
	}
	defer func() {
		if cause := recover(); cause != nil { // it may hold a secret, so only its type is logged
			run.Log.Error("internal error: the key of a probe panicked; please report it", "type", fmt.Sprintf("%T", cause))
		}
	}()
	return k.Key(run)
}

// isFresh reports whether the last outcome can be reused. The caller holds the lock.
func (p *probeState) isFresh(now time.Time, key string) bool {
	if p.last == nil || key != p.lastKey {
		return false
	}
	limit := p.probe.MaxAge
	if p.last.result.State == probe.StateUnknown {
		retry := retryReading
		if p.probe.Kind.Active {
			retry = retryActive
		}
		limit = min(limit, retry)
	}
	age := now.Sub(p.last.ended)
	return age >= 0 && age < limit // a negative age means that the clock was set back
}

// waitQuick waits for at most quickPhase. It reports whether there is nothing left to wait for.
func (cy *cycle) waitQuick(ctx context.Context) (finished bool) {
	if len(cy.waiting) == 0 {
		return len(cy.slow) == 0
	}
	ctx, cancel := context.WithDeadline(ctx, cy.started.Add(quickPhase))
	defer cancel()
	return waitAll(ctx, cy.waiting) && len(cy.slow) == 0
}

// waitSlow waits for what has not finished in the quick phase. Files that still wait for a worker get more of them, so
// that one slow file does not delay the others.
func (c *Collector) waitSlow(ctx context.Context, cy *cycle) {
	c.startWorkers(cy.files, cy.files.workers+cy.files.waiting())
	waitAll(ctx, cy.waiting)
	ctx, cancel := context.WithDeadline(ctx, cy.started.Add(backgroundGrace))
	defer cancel()
	waitAll(ctx, cy.slow)
}

// waitAll waits for all channels, and reports whether they are closed before ctx is done. It starts with the last one,
// which usually closes last, so that it rarely has to wait more than once.
func waitAll(ctx context.Context, all []<-chan struct{}) bool {
	for i := len(all) - 1; i >= 0; i-- {
		select {
		case <-all[i]:
			continue
		default:
		}
		select {
		case <-all[i]:
		case <-ctx.Done():
			return false
		}
	}
	return true
}
