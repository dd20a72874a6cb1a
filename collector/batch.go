package collector

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/thenexusengine/catalyst_exporter/probe"
)

// Looks are worked off in batches: what reads files is quick, so that a few workers do it one look after the other; what goes over a network waits,
// so that each look has a worker to itself. A worker holds one of the process's slots.

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
	// perWorker is how many looks at files are worth a worker more.
	perWorker = 16
	// reinforceAfter is when files are found to be slow: then as many workers as there are slots see to it that one does not keep the others.
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

// work takes jobs until none is left. A worker whose look does not come back is replaced.
func (c *Collector) work(b *batch) {
	slot := false
	select {
	case b.slots <- struct{}{}:
		slot = true
	case <-c.background.Done():
	}
	for {
		i := int(b.next.Add(1)) - 1
		if i >= len(b.jobs) {
			break
		}
		if !c.run(b, b.jobs[i]) { // without a slot everything is at its end, and it only lets go those who wait
			return // the one in its place has the slot to answer for
		}
	}
	if slot {
		<-b.slots
	}
}

// run looks once and keeps the verdict. It returns false when the look came back so late that the slot was given away meanwhile.
func (c *Collector) run(b *batch, j job) bool {
	l := j.look
	if c.background.Err() != nil {
		l.finish(j.done, nil, "")
		return true
	}
	ctx, cancel := context.WithTimeout(c.background, l.probe.Timeout)
	defer cancel()
	began := c.deps.Now()
	l.begin(began)
	if l.probe.Kind.Background { // what is quick has nothing to tell
		ctx = probe.Watched(ctx, l.tell)
	}
	// A look that does not come back when its time is over (a dead network mount) gets its verdict all the same, and gives back its slot;
	// it is not started again before it has returned.
	replaced := make(chan struct{})
	givenUp := time.AfterFunc(l.probe.Timeout+overtime, func() {
		defer close(replaced)
		ended := c.deps.Now()
		l.giveUp(j.done, &outcome{probe.Result{State: probe.StateUnknown, Reason: probe.ReasonTimeout,
			Detail: fmt.Sprintf("no answer within %v, and the look does not come back", l.probe.Timeout)}, ended, ended.Sub(began)})
		<-b.slots
		c.running.Go(func() { c.work(b) })
	})
	result := probe.Look(ctx, l.probe.Look, b.pass)
	inTime := givenUp.Stop()
	if !inTime {
		<-replaced // the one in this worker's place is counted before this one is gone
	}
	if c.background.Err() != nil {
		l.finish(j.done, nil, "") // what was interrupted by the end of the configuration is no verdict
		return inTime
	}
	ended := c.deps.Now()
	l.finish(j.done, &outcome{result, ended, ended.Sub(began)}, j.key)
	return inTime
}
