package collector

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/thenexusengine/catalyst_exporter/probe"
)

// Looks are worked off in batches. Those that read files are quick, so a few workers do them one after the other; those that go over a network mostly
// wait, so each has a worker to itself. A worker holds one of the process's slots.

// job is one look that was decided on.
type job struct {
	look *look
	key  string        // see probe.Keyed
	done chan struct{} // closed when there is a verdict
}

// batch is what the workers of one pass have to do.
type batch struct {
	pass  *probe.Pass
	slots chan struct{}
	jobs  []job
	next  atomic.Int64 // index of the first job that nobody has taken

	workers int // that were started by whoever made the batch
}

const (
	// perWorker is the number of looks at files for which another worker is started. It is high, since several looks need the same files: these are read
	// once, and other workers would wait for them.
	perWorker = 64
	// reinforceAfter is the time after which files are taken to be slow: then there are as many workers as slots, so that one file does not hold up the others.
	reinforceAfter = 20 * time.Millisecond
)

// startBatch sets workers on a batch.
func (c *Collector) startBatch(b *batch) {
	c.staff(b, (len(b.jobs)+perWorker-1)/perWorker)
}

// reinforce sets more workers on a batch of which some jobs were not taken yet.
func (c *Collector) reinforce(b *batch) {
	if left := len(b.jobs) - int(b.next.Load()); left > 0 {
		c.staff(b, b.workers+left)
	}
}

func (c *Collector) staff(b *batch, workers int) {
	for ; b.workers < min(workers, cap(b.slots)); b.workers++ {
		c.running.Go(func() { c.work(b) })
	}
}

// worker works off a batch.
type worker struct {
	c *Collector
	b *batch

	late     *time.Timer   // for the look under way; nil before the first
	replaced chan struct{} // closed when a look has not come back and another worker is in this one's place

	mu    sync.Mutex
	job   job // whose look is under way
	began time.Time
}

// work takes jobs until none is left. A worker whose look does not come back is replaced.
func (c *Collector) work(b *batch) {
	slot := false
	select {
	case b.slots <- struct{}{}:
		slot = true
	case <-c.background.Done():
	}
	w := &worker{c: c, b: b, replaced: make(chan struct{})}
	for {
		i := int(b.next.Add(1)) - 1
		if i >= len(b.jobs) {
			break
		}
		if !w.run(b.jobs[i]) { // without a slot everything is at its end, and it only lets go those who wait
			return // the one in its place has the slot to answer for
		}
	}
	if slot {
		<-b.slots
	}
}

// run looks once and keeps the verdict. It returns false when the look came back so late that the slot was given away meanwhile.
func (w *worker) run(j job) bool {
	c, l := w.c, j.look
	if c.background.Err() != nil {
		l.finish(j.done, nil, "")
		return true
	}
	began := c.deps.Now()
	limited := &brief{Context: c.background, deadline: time.Now().Add(l.probe.Timeout)}
	defer limited.end()
	var ctx context.Context = limited
	l.begin(began)
	if l.probe.Kind.Background { // what is quick has nothing to tell
		ctx = probe.Watched(ctx, l.tell)
	}
	w.mu.Lock()
	w.job, w.began = j, began
	w.mu.Unlock()
	if w.late == nil {
		w.late = time.AfterFunc(l.probe.Timeout+overtime, w.giveUp)
	} else {
		w.late.Reset(l.probe.Timeout + overtime)
	}
	result := probe.Look(ctx, l.probe.Look, w.b.pass)
	inTime := w.late.Stop()
	if !inTime {
		<-w.replaced // the one in this worker's place is counted before this one is gone
	}
	if c.background.Err() != nil {
		l.finish(j.done, nil, "") // what was interrupted by the end of the configuration is no verdict
		return inTime
	}
	ended := c.deps.Now()
	l.finish(j.done, &outcome{result, ended, ended.Sub(began)}, j.key)
	return inTime
}

// giveUp ends the wait for a look that does not come back when its time is over (a dead network mount): it gets its verdict all the same, its slot goes to
// another worker, and it is not started again before it has returned.
func (w *worker) giveUp() {
	defer close(w.replaced)
	w.mu.Lock()
	j, began := w.job, w.began
	w.mu.Unlock()
	ended := w.c.deps.Now()
	j.look.giveUp(j.done, &outcome{probe.Result{State: probe.StateUnknown, Reason: probe.ReasonTimeout,
		Detail: fmt.Sprintf("no answer within %v, and the look does not come back", j.look.probe.Timeout)}, ended, ended.Sub(began)})
	<-w.b.slots
	w.c.running.Go(func() { w.c.work(w.b) })
}

// brief is a context with a deadline that costs a timer only when somebody waits for it: most looks at files ask at most whether it is over.
type brief struct {
	context.Context // that everything ends with
	deadline        time.Time

	mu     sync.Mutex
	ended  bool
	timed  context.Context // once somebody waits
	cancel context.CancelFunc
}

// Deadline implements context.Context.
func (b *brief) Deadline() (time.Time, bool) { return b.deadline, true }

// Done implements context.Context.
func (b *brief) Done() <-chan struct{} { return b.waited().Done() }

// Err implements context.Context.
func (b *brief) Err() error {
	b.mu.Lock()
	idle := b.timed == nil && !b.ended
	b.mu.Unlock()
	if idle && b.Context.Err() == nil && time.Now().Before(b.deadline) {
		return nil
	}
	return b.waited().Err()
}

func (b *brief) waited() context.Context {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.timed == nil {
		b.timed, b.cancel = context.WithDeadline(b.Context, b.deadline)
		if b.ended {
			b.cancel()
		}
	}
	return b.timed
}

// end lets go all who wait, now or later.
func (b *brief) end() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ended = true
	if b.timed != nil {
		b.cancel()
	}
}
