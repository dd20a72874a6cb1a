package collector

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/thenexusengine/catalyst_exporter/probe"
)

// Probes run in worker pools. File probes are quick, so a few workers run those of a cycle one after the other. Network
// probes mostly wait, so each has a pool of its own. A worker holds one of the slots of the process, see Limits. A
// worker whose probe does not return after its timeout is replaced. Neither errgroup nor singleflight fits: a full
// errgroup limit blocks its caller past a deadline, and singleflight panics again where nothing can recover.

// task is one run that is due.
type task struct {
	probe *probeState
	key   string        // see probe.Keyed
	done  chan struct{} // closed when the run has an outcome
}

// workerPool holds tasks of one cycle and counts its workers.
type workerPool struct {
	run     *probe.Pass
	slots   chan struct{}
	tasks   []task
	next    atomic.Int64 // index of the first task that no worker has taken
	workers int          // started by the cycle, without replacements
}

const (
	// tasksPerWorker is high: several probes need the same file, which is read once, and other workers would only wait.
	tasksPerWorker = 64
	// overtime is how long after its timeout a probe may return before its worker is replaced.
	overtime = 100 * time.Millisecond
	// deadlineSlack is how much too early the deadline of a run may be. Runs that start within it share one context,
	// since a context with a timer costs more than most file probes.
	deadlineSlack = 10 * time.Millisecond
)

// waiting returns how many tasks no worker has taken.
func (p *workerPool) waiting() int { return max(0, len(p.tasks)-int(p.next.Load())) }

// startWorkers raises the number of workers of a pool to want, at most one per slot.
func (c *Collector) startWorkers(p *workerPool, want int) {
	for ; p.workers < min(want, cap(p.slots)); p.workers++ {
		c.running.Go(func() { c.work(p) })
	}
}

// worker runs tasks of a pool.
type worker struct {
	c    *Collector
	pool *workerPool

	ctx      context.Context // of the current run, and of later ones that may share its deadline
	deadline time.Time
	cancel   context.CancelFunc

	timer    *time.Timer   // calls onTimeout; nil before the first run
	replaced chan struct{} // closed when onTimeout has put another worker in this one's place

	mu      sync.Mutex
	task    task // the current run
	started time.Time
}

// work takes tasks until none is left.
func (c *Collector) work(p *workerPool) {
	hasSlot := false
	select {
	case p.slots <- struct{}{}:
		hasSlot = true
	case <-c.background.Done(): // the tasks only release their callers
	}
	w := &worker{c: c, pool: p, cancel: func() {}, replaced: make(chan struct{})}
	defer func() { w.cancel() }()
	for i := int(p.next.Add(1)) - 1; i < len(p.tasks); i = int(p.next.Add(1)) - 1 {
		if !w.runTask(p.tasks[i]) {
			return // the replacement has the slot
		}
	}
	if hasSlot {
		<-p.slots
	}
}

// runTask runs a probe and keeps the outcome. It returns false when the worker was replaced meanwhile.
func (w *worker) runTask(t task) (inTime bool) {
	c, p := w.c, t.probe
	if c.background.Err() != nil {
		p.finish(t, nil)
		return true
	}
	started := c.deps.Now()
	timeout := p.probe.Timeout
	w.mu.Lock()
	w.task, w.started = t, started
	w.mu.Unlock()
	p.begin(started)
	ctx := w.contextFor(timeout)
	if p.probe.Kind.Background { // others finish before anybody could read their progress
		ctx = probe.WithProgress(ctx, p.setProgress)
	}
	if w.timer == nil {
		w.timer = time.AfterFunc(timeout+overtime, w.onTimeout)
	} else {
		w.timer.Reset(timeout + overtime)
	}
	result := probe.Run(ctx, p.probe.Look, w.pool.run)
	if inTime = w.timer.Stop(); !inTime {
		<-w.replaced // Close must count the replacement before this worker ends
	}
	if c.background.Err() != nil {
		p.finish(t, nil) // Close interrupted the run: its result says nothing about the deployment
		return inTime
	}
	ended := c.deps.Now()
	p.finish(t, &outcome{result, ended, ended.Sub(started)})
	return inTime
}

// contextFor returns a context that ends after timeout, up to deadlineSlack earlier.
func (w *worker) contextFor(timeout time.Duration) context.Context {
	deadline := time.Now().Add(timeout)
	if early := deadline.Sub(w.deadline); w.ctx == nil || w.ctx.Err() != nil || early < 0 || early > deadlineSlack {
		w.cancel()
		w.ctx, w.cancel = context.WithDeadline(w.c.background, deadline)
		w.deadline = deadline
	}
	return w.ctx
}

// onTimeout gives up on a run that has not returned after its timeout, for example on a dead network mount. The run
// gets a timeout as its outcome, a new worker gets the slot, and the probe is not started again before it has returned.
func (w *worker) onTimeout() {
	defer close(w.replaced)
	w.mu.Lock()
	t, started := w.task, w.started
	w.mu.Unlock()
	ended := w.c.deps.Now()
	t.probe.giveUp(t, &outcome{probe.Result{
		State: probe.StateUnknown, Reason: probe.ReasonTimeout,
		Detail: fmt.Sprintf("probe did not return after its timeout of %v", t.probe.probe.Timeout),
	}, ended, ended.Sub(started)})
	<-w.pool.slots
	w.c.running.Go(func() { w.c.work(w.pool) })
}

// begin notes that the current run has a worker.
func (p *probeState) begin(at time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.started, p.progress = at, nil
}

// setProgress notes how far the current run is.
func (p *probeState) setProgress(progress probe.Progress) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.progress = &progress
}

// finish ends a run: it keeps its outcome, if any, and releases those who wait.
func (p *probeState) finish(t task, o *outcome) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if o != nil {
		p.last, p.lastKey = o, t.key
	}
	if !p.hung {
		close(t.done)
	}
	p.done, p.progress, p.hung = nil, nil, false
}

// giveUp releases those who wait for a run that does not return. Its outcome replaces the last one only when that is
// older than max_stale.
func (p *probeState) giveUp(t task, o *outcome) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.done != t.done || p.hung {
		return
	}
	if p.last == nil || o.ended.Sub(p.last.ended) > p.probe.MaxStale {
		p.last, p.lastKey = o, ""
	}
	p.hung = true
	close(t.done)
}
