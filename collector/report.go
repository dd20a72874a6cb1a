package collector

import (
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

// report adds up what is known now, in two stages: derived items are judged from the verdicts of the others.
func (c *Collector) report(pass *probe.Pass, sel Selection, wanted func(*checklist.Item) bool) *Report {
	now := c.deps.Now()
	outcomes := make(map[*checklist.Item][]checklist.Outcome, len(c.looks))
	for _, l := range c.looks {
		if wanted(l.item) {
			outcomes[l.item] = append(outcomes[l.item], l.outcome(now))
		}
	}
	verdicts := make(map[*checklist.Item]checklist.Verdict, len(outcomes))
	first := probe.Verdicts{Pass: pass}
	moments := openMoments(pass)
	for _, it := range c.list.Items() {
		if !wanted(it) || derived(it) {
			continue
		}
		v, frozen := moments.verdict(it, now)
		if !frozen {
			v = it.Judge(outcomes[it], now)
		}
		verdicts[it] = v
		first.Items = append(first.Items, summary(v))
	}
	r := &Report{Time: now, Checklist: c.list, Selection: sel, Planned: moments.planned(), Recorded: moments.recorded(), Unmatched: c.unmatched(pass)}
	for _, it := range c.list.Items() {
		if !sel.has(it) {
			continue
		}
		v, judged := verdicts[it]
		if !judged {
			var frozen bool
			if v, frozen = moments.verdict(it, now); !frozen {
				v = it.Judge(c.derive(it, outcomes[it], first, now), now)
			}
		}
		r.Verdicts = append(r.Verdicts, v)
		if ripe, ok := moments.ripe(&v, now); ok {
			r.Ripe = append(r.Ripe, ripe)
		}
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
