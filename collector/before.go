package collector

import (
	"slices"
	"sync"
	"time"

	"github.com/thenexusengine/catalyst_exporter/attest"
	"github.com/thenexusengine/catalyst_exporter/checklist"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// What the last report on everything was made of, so that the next one judges only what has changed since, and can tell whether anything has.

// before is the last report on everything.
type before struct {
	mu     sync.Mutex
	report *Report
	// made is, by look, the outcome that the report's verdict was judged from; nil where the verdict hangs on more than outcomes.
	made []*outcome
}

// keep notes a report, and gives it the content of the one before when it is exposed as the same.
func (b *before) keep(r *Report) {
	if b.report != nil && sameMetrics(b.report, r) {
		r.content = b.report.content
	} else {
		r.content = &content{}
	}
	b.report = r
}

// assembly makes the verdicts of one report.
type assembly struct {
	c        *Collector
	now      time.Time
	moments  moments
	verdicts []checklist.Verdict // by item
	before   *before             // nil for a report on a part
	outcomes []checklist.Outcome // room for some
}

// judge makes the verdict on an item, or takes it from the report before when its looks have told nothing new. First is what derived probes are judged
// from.
func (a *assembly) judge(i int, first *probe.Verdicts) {
	w := &a.c.items[i]
	if a.taken(i, w) {
		return
	}
	if v, frozen := a.moments.verdict(w.item, a.now); frozen {
		a.verdicts[i] = v
		return
	}
	outcomes := a.room(len(w.looks))
	for n, l := range w.looks {
		o, made := l.outcome(a.now)
		outcomes = append(outcomes, o)
		if a.before != nil {
			a.before.made[w.first+n] = made
		}
	}
	if w.derived {
		outcomes = a.c.derive(w.item, outcomes, *first, a.now)
	}
	a.verdicts[i] = w.item.Judge(outcomes, a.now)
}

// taken takes an item's verdict from the report before when it can be no other.
func (a *assembly) taken(i int, w *watched) bool {
	if a.before == nil || a.before.report == nil || w.derived || len(w.looks) == 0 || w.item.Recorded || w.item.Freeze != (checklist.Freeze{}) {
		return false
	}
	v := &a.before.report.Verdicts[i]
	if v.Waived != w.item.Waiver.Active(a.now) {
		return false
	}
	for n, l := range w.looks {
		if made := a.before.made[w.first+n]; made == nil || !l.stands(made) {
			return false
		}
	}
	a.verdicts[i] = *v
	return true
}

// chunk is for how many outcomes room is made at once. Verdicts are kept for as long as they stand, and with one its whole chunk.
const chunk = 16

func (a *assembly) room(n int) []checklist.Outcome {
	if cap(a.outcomes) < n {
		a.outcomes = make([]checklist.Outcome, 0, max(chunk, n))
	}
	room := a.outcomes[0:0:n]
	a.outcomes = a.outcomes[n:n]
	return room
}

// sameMetrics reports whether two reports on everything are exposed as the same samples.
func sameMetrics(a, b *Report) bool {
	return sameRelease(a.Planned, b.Planned) && sameRelease(a.Recorded, b.Recorded) && sameNumber(a.Unmatched, b.Unmatched) &&
		slices.EqualFunc(a.Verdicts, b.Verdicts, sameSamples)
}

func sameRelease(a, b *attest.Release) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Release.Version == b.Release.Version && a.Release.Commit == b.Release.Commit && a.Since.Equal(b.Since)
}

func sameNumber(a, b *int) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}

// sameSamples reports whether two verdicts are exposed as the same samples; it knows all that adder.verdict looks at.
func sameSamples(a, b checklist.Verdict) bool {
	return a.Item == b.Item && a.State == b.State && a.Reason == b.Reason && a.Waived == b.Waived && a.LastRun.Equal(b.LastRun) && a.Duration == b.Duration &&
		sameOutcomes(a.Outcomes, b.Outcomes)
}

func sameOutcomes(a, b []checklist.Outcome) bool {
	if len(a) > 0 && len(a) == len(b) && &a[0] == &b[0] { // a verdict taken from the report before
		return true
	}
	return slices.EqualFunc(a, b, func(a, b checklist.Outcome) bool {
		return a.Probe == b.Probe && a.Result.State == b.Result.State && slices.EqualFunc(a.Result.Samples, b.Result.Samples, func(a, b probe.Sample) bool {
			return a.Value == b.Value && a.Number == b.Number && slices.Equal(a.Labels, b.Labels)
		})
	})
}
