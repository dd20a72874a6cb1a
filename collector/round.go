package collector

import (
	"context"
	"runtime"
	"sync"
	"time"

	"github.com/thenexusengine/catalyst_exporter/checklist"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// Rounds that many ask for are shared by all who ask before it begins. Who asks while a round is under way must not be told what was looked at before:
// they wait for the next one, which begins as soon as this one has looked at what is quick. Each waits until their own deadline and no longer, and
// nobody's deadline ends a round for the others.

// round is one round of looking.
type round struct {
	pass    *probe.Pass
	files   *batch
	wanted  func(*checklist.Item) bool
	waiting []<-chan struct{} // of looks that the report waits for
	slow    []<-chan struct{} // of looks that it waits for a moment only

	done   chan struct{} // closed when there is a report; nil for a round that is not shared
	report *Report
}

// rounds is the round that has not begun yet, if anybody waits for it; the one before it may be in its quick moments.
type rounds struct {
	mu    sync.Mutex
	led   bool // somebody leads a round, and sees to the one after it
	quiet bool // the last round found nothing to look at, and neither will this one most likely: it is not worth waiting for others to join
	next  *round
}

// join returns the round to wait for. With lead set it has to be led by who asks.
func (s *rounds) join() (r *round, lead bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.next == nil {
		s.next = &round{done: make(chan struct{})}
	}
	lead, s.led = !s.led, true
	return s.next, lead
}

// invite lets those join who ask in the same instant.
func (s *rounds) invite() {
	s.mu.Lock()
	quiet := s.quiet
	s.mu.Unlock()
	if !quiet {
		runtime.Gosched()
	}
}

// begin takes the round that is to begin: nobody joins it any more.
func (s *rounds) begin() *round {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.next
	s.next = nil
	return r
}

// pass ends a round's quick moments, in which something was looked at or not, and reports whether somebody waits for the next.
func (s *rounds) pass(looked bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.led, s.quiet = s.next != nil, !looked
	return s.led
}

// shared reports on everything, in a round that is shared with all who ask at the same time.
func (c *Collector) shared(ctx context.Context) *Report {
	r, lead := c.rounds.join()
	if lead {
		c.rounds.invite()
		c.lead(ctx)
	}
	select {
	case <-r.done:
		return r.report
	default:
	}
	select {
	case <-r.done:
		return r.report
	case <-ctx.Done():
		return c.report(probe.NewPass(c.deps, c.deploy), Selection{}, c.wanted(Selection{}))
	}
}

// lead begins a round and sees it through its quick moments, while ctx allows; the rest of it goes on by itself, and the next round may begin.
func (c *Collector) lead(ctx context.Context) {
	r := c.rounds.begin()
	c.begin(r, Selection{}, false)
	quick := c.quick(ctx, r)
	if c.rounds.pass(len(r.waiting) > 0) {
		c.running.Go(func() { c.lead(c.background) })
	}
	if quick && len(r.slow) == 0 {
		c.tell(r)
		return
	}
	c.running.Go(func() {
		c.rest(c.background, r) // ends: each look has its own timeout
		c.tell(r)
	})
}

func (c *Collector) tell(r *round) {
	r.report = c.report(r.pass, Selection{}, r.wanted)
	close(r.done)
}

// begin sets all looks going that are due.
func (c *Collector) begin(r *round, sel Selection, patient bool) {
	r.pass, r.wanted = probe.NewPass(c.deps, c.deploy), c.wanted(sel)
	r.files = &batch{pass: r.pass, slots: c.limits.files}
	moments := openMoments(r.pass)
	for _, w := range c.items {
		if !r.wanted(w.item) || moments.settled(w.item) {
			continue
		}
		for _, l := range w.looks {
			done := c.start(l, r.pass, r.files)
			switch {
			case done == nil:
			case l.probe.Kind.Background && !patient:
				r.slow = append(r.slow, done)
			default:
				if r.waiting == nil {
					r.waiting = make([]<-chan struct{}, 0, len(c.looks))
				}
				r.waiting = append(r.waiting, done)
			}
		}
	}
	c.startBatch(r.files)
}

// quick waits a moment, and reports whether all that the report waits for has come.
func (c *Collector) quick(ctx context.Context, r *round) bool {
	var moment *time.Timer
	for i := len(r.waiting) - 1; i >= 0; i-- { // what began last ends last: one waiting instead of many
		select {
		case <-r.waiting[i]:
			continue
		default:
		}
		if moment == nil {
			moment = time.NewTimer(reinforceAfter)
			defer moment.Stop()
		}
		select {
		case <-r.waiting[i]:
		case <-moment.C:
			return false
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// rest waits for what has not come in the quick moments.
func (c *Collector) rest(ctx context.Context, r *round) {
	c.reinforce(r.files)
	await(ctx, r.waiting)
	if len(r.slow) > 0 {
		grace, cancel := context.WithTimeout(ctx, backgroundGrace-r.pass.Now().Sub(r.pass.Time)) // whatever the hour is said to be
		await(grace, r.slow)
		cancel()
	}
}

// alone is a round of one's own: of a part of the checklist, or with all patience.
func (c *Collector) alone(ctx context.Context, sel Selection, patient bool) *Report {
	r := &round{}
	c.begin(r, sel, patient)
	if !c.quick(ctx, r) || len(r.slow) > 0 {
		c.rest(ctx, r)
	}
	return c.report(r.pass, sel, r.wanted)
}
