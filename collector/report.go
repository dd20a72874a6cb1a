package collector

import (
	"slices"
	"time"

	"github.com/thenexusengine/catalyst_exporter/attest"
	"github.com/thenexusengine/catalyst_exporter/checklist"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// Report is what one round found. It is not changed once made.
type Report struct {
	Time      time.Time
	Checklist *checklist.Checklist
	Verdicts  []checklist.Verdict // of the selected items, in order
	Selection Selection
	Planned   *attest.Release // nil when there is none
	Recorded  *attest.Release // nil when there is none
	// Ripe are the verdicts whose moment is over and that are not frozen yet.
	Ripe []attest.Verdict
	// Unmatched is the number of items of the configured checklist document that no probe covers; nil when none is configured or it cannot be read.
	Unmatched *int

	// content is the same for reports that are exposed as the same metrics; nil when that is not known.
	content *content
}

// content stands for what reports are exposed as.
type content struct{ _ byte }

// Same reports whether r is known to be exposed as the very same metrics as another report.
func (r *Report) Same(other *Report) bool {
	return r == other || r != nil && other != nil && r.content != nil && r.content == other.content
}

// Ready answers whether the deployment is ready. It has a meaning only when nothing was left out.
func (r *Report) Ready() checklist.Answer { return checklist.Ready(r.Verdicts) }

// Gate answers whether a gate is passed. It has a meaning only when nothing was left out.
func (r *Report) Gate(g *checklist.Gate) checklist.Answer { return g.Answer(r.Verdicts, false) }

// Category returns the verdicts of one category.
func (r *Report) Category(name string) []checklist.Verdict {
	for verdicts := r.Verdicts; len(verdicts) > 0; {
		var of []checklist.Verdict
		if of, verdicts = firstCategory(verdicts); of[0].Category == name {
			return of
		}
	}
	return nil
}

// firstCategory parts the verdicts on the first one's category from the rest: those of a category stand together.
func firstCategory(verdicts []checklist.Verdict) (of, rest []checklist.Verdict) {
	n := 1
	for n < len(verdicts) && verdicts[n].Category == verdicts[0].Category {
		n++
	}
	return verdicts[:n:n], verdicts[n:]
}

// report adds up what is known now, in two stages: derived items are judged from the verdicts of the others. What has not changed since the report
// before is not judged again.
func (c *Collector) report(pass *probe.Pass, sel Selection, wanted func(*checklist.Item) bool) *Report {
	now := c.deps.Now()
	moments := openMoments(pass)
	r := &Report{Time: now, Checklist: c.list, Selection: sel, Planned: moments.planned(), Recorded: moments.recorded(), Unmatched: c.unmatched(pass)}
	all := sel.All()
	kept := all && !c.frugal
	if kept {
		c.before.mu.Lock()
		defer c.before.mu.Unlock()
	}
	a := assembly{c: c, now: now, moments: moments, verdicts: make([]checklist.Verdict, len(c.items))}
	if kept {
		a.before = &c.before
		if c.before.made == nil {
			c.before.made = make([]*outcome, len(c.looks))
		}
	}
	second := false
	for i, w := range c.items {
		switch {
		case !wanted(w.item):
		case w.derived:
			second = true
		default:
			a.judge(i, nil)
		}
	}
	if second {
		first := probe.Verdicts{Pass: pass}
		for i, w := range c.items {
			if wanted(w.item) && !w.derived {
				first.Items = append(first.Items, summary(a.verdicts[i]))
			}
		}
		for i, w := range c.items {
			if w.derived && sel.has(w.item) {
				a.judge(i, &first)
			}
		}
	}
	r.Verdicts = a.verdicts
	if !all {
		r.Verdicts = slices.DeleteFunc(a.verdicts, func(v checklist.Verdict) bool { return v.Item == nil || !sel.has(v.Item) })
	}
	if r.Recorded != nil {
		for i := range r.Verdicts {
			if ripe, ok := moments.ripe(&r.Verdicts[i], now); ok {
				r.Ripe = append(r.Ripe, ripe)
			}
		}
	}
	if kept {
		a.before.keep(r)
	}
	return r
}

// derive adds the outcomes of an item's derived probes to those of its looks, in the order of the checklist.
func (c *Collector) derive(it *checklist.Item, looked []checklist.Outcome, first probe.Verdicts, now time.Time) []checklist.Outcome {
	var all []checklist.Outcome
	for _, pr := range it.Probes {
		switch {
		case pr.Derived == nil:
			for _, o := range looked {
				if o.Probe == pr {
					all = append(all, o)
				}
			}
		case disabled(it, pr) != "":
			all = append(all, checklist.Outcome{Probe: pr, Result: switchedOff(it, pr)})
		default:
			began := c.deps.Now()
			result := probe.Judge(pr.Derived, first)
			all = append(all, checklist.Outcome{Probe: pr, Result: result, LastRun: now, Duration: c.deps.Now().Sub(began)})
		}
	}
	return all
}

func summary(v checklist.Verdict) probe.Verdict {
	return probe.Verdict{Category: v.Category, Item: v.Name, Title: v.Title, Severity: v.Severity, Scope: v.Scope, Required: v.Required,
		Waived: v.Waived, State: v.State, Reason: v.Reason, Detail: v.Detail}
}
