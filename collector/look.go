package collector

import (
	"cmp"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/thenexusengine/catalyst_exporter/checklist"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// look is one probe of one item and what is known from it. At most one look of it runs at any time; all who ask share it.
type look struct {
	item  *checklist.Item
	probe *checklist.Probe

	mu      sync.Mutex
	began   time.Time       // of the running look
	told    *probe.Progress // how far the running look says it has come; nil when it does not say
	done    chan struct{}   // closed when the running look has a verdict; nil when none runs
	stuck   bool            // the running look is past its timeout and has not returned
	last    *outcome        // the newest verdict
	lastKey string          // what the newest verdict hangs on, see probe.Keyed
}

type outcome struct {
	result   probe.Result
	ended    time.Time
	duration time.Duration
}

const (
	// overtime is what a look may take past its timeout to return before it is given up on.
	overtime = 100 * time.Millisecond
	// A look that could not see is repeated sooner than its max_age, so that recovery shows at once, but not so often that it is a burden:
	// reading looks are cheap, active ones (log-in attempts) are not.
	retryReading = time.Minute
	retryActive  = 15 * time.Minute
)

// disabled tells why a probe is switched off, by itself or with its item; empty when it is not.
func disabled(it *checklist.Item, pr *checklist.Probe) string {
	return cmp.Or(pr.Disabled, it.Disabled)
}

// start makes sure that a look is fresh or under way, and returns a channel that is closed when its verdict is there, nil when there is
// nothing to wait for. A look at files joins the batch; the caller starts that.
func (c *Collector) start(l *look, pass *probe.Pass, files *batch) <-chan struct{} {
	if disabled(l.item, l.probe) != "" {
		return nil
	}
	key := ""
	if k, ok := l.probe.Look.(probe.Keyed); ok {
		key = k.Key(pass)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stuck {
		return nil // it already has its verdict: timeout
	}
	if l.done != nil {
		return l.done
	}
	if c.background.Err() != nil || l.fresh(pass.Time, key) {
		return nil
	}
	done := make(chan struct{})
	l.done = done
	j := job{l, key, done}
	if slots := c.limits.of(l.probe.Kind); slots == files.slots {
		if files.jobs == nil {
			files.jobs = make([]job, 0, len(c.looks))
		}
		files.jobs = append(files.jobs, j)
	} else {
		c.startBatch(&batch{pass: pass, slots: slots, jobs: []job{j}})
	}
	return done
}

// fresh reports whether the newest verdict still stands for a look; the caller holds the lock.
func (l *look) fresh(now time.Time, key string) bool {
	if l.last == nil || key != l.lastKey {
		return false
	}
	age := now.Sub(l.last.ended)
	if age < 0 { // the clock was set back: nothing is known about its age
		return false
	}
	limit := l.probe.MaxAge
	if l.last.result.State == probe.StateUnknown {
		if l.probe.Kind.Active {
			limit = min(limit, retryActive)
		} else {
			limit = min(limit, retryReading)
		}
	}
	return age < limit
}

// begin notes that a look has got its slot.
func (l *look) begin(at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.began, l.told = at, nil
}

// tell notes how far the running look has come.
func (l *look) tell(p probe.Progress) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.told = &p
}

// progress says how far the running look has come; "" when it does not tell. The caller holds the lock.
func (l *look) progress(now time.Time) string {
	if l.done == nil || l.stuck || l.told == nil {
		return ""
	}
	return fmt.Sprintf("%s, since %v", *l.told, now.Sub(l.began).Truncate(time.Second))
}

// finish keeps a verdict, when there is one, and lets go those who wait.
func (l *look) finish(done chan struct{}, o *outcome, key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if o != nil {
		l.last, l.lastKey = o, key
	}
	if l.stuck {
		l.stuck = false
	} else {
		close(done)
	}
	l.done, l.told = nil, nil
}

// giveUp keeps the verdict on a look that has not returned.
func (l *look) giveUp(done chan struct{}, o *outcome) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.done != done || l.stuck {
		return
	}
	// The verdict before stands for max_stale, as with every look that has not ended.
	if l.last == nil || o.ended.Sub(l.last.ended) > l.probe.MaxStale {
		l.last, l.lastKey = o, ""
	}
	l.stuck = true
	close(done)
}

// stands reports whether an outcome is still all that is known.
func (l *look) stands(o *outcome) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last == o && l.done == nil
}

// outcome returns what is known at a given time, and what alone it was made from; nil when it hangs on the time too.
func (l *look) outcome(now time.Time) (o checklist.Outcome, made *outcome) {
	o.Probe = l.probe
	off := disabled(l.item, l.probe) != ""
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case off:
		o.Result = switchedOff(l.item, l.probe)
	case l.last == nil && l.probe.Kind.Background:
		o.Result = probe.Result{State: probe.StateUnknown, Reason: probe.ReasonInProgress, Detail: "the first look has not ended yet"}
	case l.last == nil:
		o.Result = probe.Result{State: probe.StateUnknown, Reason: probe.ReasonTimeout, Detail: "no answer in time yet"}
	case l.done != nil && now.Sub(l.last.ended) > l.probe.MaxStale:
		o.Result = probe.Result{State: probe.StateUnknown, Reason: probe.ReasonTimeout, Samples: l.last.result.Samples,
			Detail: fmt.Sprintf("no look has ended since %s", l.last.ended.UTC().Format(time.RFC3339))}
		o.LastRun, o.Duration = l.last.ended, l.last.duration
	default:
		o.Result, o.LastRun, o.Duration = l.last.result, l.last.ended, l.last.duration
		if l.done == nil {
			made = l.last
		}
	}
	if progress := l.progress(now); progress != "" && !off {
		o.Result.Detail = strings.TrimPrefix(o.Result.Detail+"; looking again: ", "; ")
		if l.last == nil {
			o.Result.Detail = "the first look has not ended yet: "
		}
		o.Result.Detail += progress
	}
	return o, made
}
