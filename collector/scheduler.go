package collector

import (
	"context"
	"runtime"
	"sync"
	"time"

	"github.com/thenexusengine/catalyst_exporter/probe"
)

// Full scrapes share cycles. A caller that arrives before a cycle starts joins it. A caller that arrives during a cycle
// waits for the next one, so that its report is never older than its request; the next cycle starts as soon as the
// quick probes of the current one have finished. Every caller waits until its own deadline, which ends no cycle for
// the others.

// scheduler holds the cycle that callers may still join.
type scheduler struct {
	mu      sync.Mutex
	running bool   // runCycles is running and takes next
	next    *cycle // not started; nil when nobody waits for it
}

// join returns the next cycle. The first caller to join an idle scheduler gets start set and must start runCycles.
func (s *scheduler) join() (next *cycle, start bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.next == nil {
		s.next = &cycle{published: make(chan struct{})}
	}
	start = !s.running
	s.running = true
	return s.next, start
}

// take closes the next cycle to callers and returns it; nil, and the scheduler is idle, when nobody waits.
func (s *scheduler) take() *cycle {
	s.mu.Lock()
	defer s.mu.Unlock()
	next := s.next
	s.next, s.running = nil, next != nil
	return next
}

// Collect runs what is due of the selection. It returns what is known when all of it has finished or ctx is done,
// whichever comes first. It waits for background probes only when patient is set.
func (c *Collector) Collect(ctx context.Context, sel Selection, patient bool) *Report {
	if !sel.All() || patient {
		cy := &cycle{}
		c.start(cy, sel, patient)
		if !cy.waitQuick(ctx) {
			c.waitSlow(ctx, cy)
		}
		return c.report(cy.run, sel)
	}
	cy, start := c.scheduler.join()
	if start {
		c.running.Go(c.runCycles)
	}
	select {
	case <-cy.published:
		return cy.report
	case <-ctx.Done():
	}
	select {
	case <-cy.published:
		return cy.report
	default:
		return c.report(probe.NewPass(c.deps, c.deploy), sel)
	}
}

// Known returns what is known, without starting any probe, and when a probe last finished; zero when none has.
func (c *Collector) Known() (r *Report, last time.Time) {
	for _, p := range c.probes {
		p.mu.Lock()
		if p.last != nil && p.last.ended.After(last) {
			last = p.last.ended
		}
		p.mu.Unlock()
	}
	return c.report(probe.NewPass(c.deps, c.deploy), Selection{}), last
}

// runCycles runs one cycle after the other until no caller waits for another one.
func (c *Collector) runCycles() {
	runtime.Gosched() // callers of the same instant join
	for cy := c.scheduler.take(); cy != nil; cy = c.scheduler.take() {
		c.start(cy, Selection{}, false)
		if cy.waitQuick(c.background) {
			c.publish(cy)
			continue
		}
		c.running.Go(func() {
			c.waitSlow(c.background, cy) // returns: every run has its own timeout
			c.publish(cy)
		})
	}
}

// publish gives the callers of a cycle their report.
func (c *Collector) publish(cy *cycle) {
	cy.report = c.report(cy.run, Selection{})
	close(cy.published)
}
