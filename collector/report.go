package collector

import (
	"cmp"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/thenexusengine/catalyst_exporter/attest"
	"github.com/thenexusengine/catalyst_exporter/checklist"
	"github.com/thenexusengine/catalyst_exporter/checklist/paper"
	"github.com/thenexusengine/catalyst_exporter/deployment/find"
	"github.com/thenexusengine/catalyst_exporter/files"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// Report is a snapshot of the verdicts. It does not change.
type Report struct {
	Time      time.Time
	Checklist *checklist.Checklist
	Verdicts  []checklist.Verdict // of the selected items, in order
	Selection Selection
	Planned   *attest.Release // nil when there is none
	Recorded  *attest.Release // nil when there is none
	// DueForFreeze are the final verdicts on the recorded release that its records do not hold yet.
	DueForFreeze []attest.Verdict
	// Unmatched is the number of items of the configured checklist document that no probe covers; nil when no document
	// is configured or it cannot be read.
	Unmatched *int
}

// Ready reports whether the deployment is ready. It requires a report on everything.
func (r *Report) Ready() checklist.Answer { return checklist.Ready(r.Verdicts) }

// Gate reports whether a gate is open. It requires a report on everything.
func (r *Report) Gate(g *checklist.Gate) checklist.Answer { return g.Answer(r.Verdicts, false) }

// Category returns the verdicts of one category.
func (r *Report) Category(name string) []checklist.Verdict {
	for verdicts := r.Verdicts; len(verdicts) > 0; {
		var category []checklist.Verdict
		if category, verdicts = firstCategory(verdicts); category[0].Category == name {
			return category
		}
	}
	return nil
}

// firstCategory splits off the verdicts of the first category; those of a category are adjacent.
func firstCategory(verdicts []checklist.Verdict) (category, rest []checklist.Verdict) {
	n := 1
	for n < len(verdicts) && verdicts[n].Category == verdicts[0].Category {
		n++
	}
	return verdicts[:n:n], verdicts[n:]
}

// reportCache is the last report on everything and what it was judged from, so that the next one judges only what has
// changed.
type reportCache struct {
	mu       sync.Mutex
	verdicts []checklist.Verdict // by item; nil before the first report
	// basis is, by probe, the outcome that the verdict was judged from; nil when the verdict depends on more than that.
	basis []*outcome
}

// reportBuilder makes the verdicts of one report.
type reportBuilder struct {
	c        *Collector
	now      time.Time
	releases releaseState
	verdicts []checklist.Verdict // by item
	cache    *reportCache        // nil for a partial report
}

// report judges what is known now, in two stages: derived items are judged from the verdicts of the others.
func (c *Collector) report(run *probe.Pass, sel Selection) *Report {
	b := reportBuilder{
		c: c, now: c.deps.Now(), releases: openReleaseState(run), verdicts: make([]checklist.Verdict, len(c.items)),
	}
	if sel.All() && c.cache != nil {
		b.cache = c.cache
		b.cache.mu.Lock()
		defer b.cache.mu.Unlock()
	}
	needed := c.needed(sel)
	first := probe.Verdicts{Pass: run}
	anyDerived := slices.ContainsFunc(c.items, func(it itemState) bool { return it.derived && sel.has(it.item) })
	for i := range c.items {
		if it := &c.items[i]; !it.derived && needed(it.item) {
			b.judge(i, nil)
			if anyDerived {
				first.Items = append(first.Items, summary(b.verdicts[i]))
			}
		}
	}
	for i := range c.items {
		if it := &c.items[i]; it.derived && sel.has(it.item) {
			b.judge(i, &first)
		}
	}
	b.block()
	r := &Report{
		Time: b.now, Checklist: c.list, Selection: sel, Verdicts: b.verdicts,
		Planned: b.releases.planned(), Recorded: b.releases.recorded(), Unmatched: c.unmatched(run),
	}
	if b.cache != nil {
		b.cache.verdicts = b.verdicts
	}
	if !sel.All() {
		r.Verdicts = slices.DeleteFunc(b.verdicts, func(v checklist.Verdict) bool {
			return v.Item == nil || !sel.has(v.Item)
		})
	}
	for i := range r.Verdicts {
		if v, ok := b.releases.dueForFreeze(&r.Verdicts[i], b.now); ok {
			r.DueForFreeze = append(r.DueForFreeze, v)
		}
	}
	return r
}

// needed returns which items have to be checked for a selection: those selected and their prerequisites; all of them when it
// contains a derived one.
func (c *Collector) needed(sel Selection) func(*checklist.Item) bool {
	if sel.All() || slices.ContainsFunc(c.items, func(it itemState) bool { return it.derived && sel.has(it.item) }) {
		return func(*checklist.Item) bool { return true }
	}
	needed := map[*checklist.Item]bool{}
	for i := range c.items {
		if it := c.items[i].item; sel.has(it) {
			needed[it] = true
			for _, other := range it.Prerequisites() {
				needed[other] = true
			}
		}
	}
	return func(it *checklist.Item) bool { return needed[it] }
}

// block blocks the verdicts whose prerequisites are broken.
func (b *reportBuilder) block() {
	of := func(it *checklist.Item) *checklist.Verdict { return &b.verdicts[b.c.index[it]] }
	for i := range b.verdicts {
		if v := &b.verdicts[i]; v.Item != nil && len(v.Needs) > 0 {
			v.Block(of)
		}
	}
}

// judge makes the verdict on an item, or reuses the last one. First holds what derived probes are judged from.
func (b *reportBuilder) judge(i int, first *probe.Verdicts) {
	it := &b.c.items[i]
	if b.reused(i, it) {
		return
	}
	if v, fixed := b.releases.fixedVerdict(it.item, b.now); fixed {
		b.verdicts[i] = v
		return
	}
	outcomes := make([]checklist.Outcome, 0, len(it.item.Probes))
	for n, p := range it.probes {
		o, basis := p.outcome(b.now)
		outcomes = append(outcomes, o)
		if b.cache != nil {
			b.cache.basis[it.first+n] = basis
		}
	}
	if it.derived {
		outcomes = b.derive(it.item, outcomes, *first)
	}
	b.verdicts[i] = it.item.Judge(outcomes, b.now)
}

// reused reuses the last verdict on an item when nothing it depends on has changed.
func (b *reportBuilder) reused(i int, it *itemState) bool {
	if b.cache == nil || b.cache.verdicts == nil || len(it.probes) == 0 {
		return false
	}
	if it.derived || it.item.Recorded || it.item.Freeze != (checklist.Freeze{}) { // depends on other items or releases
		return false
	}
	v := &b.cache.verdicts[i]
	if v.BlockedBy != nil { // depends on other items
		return false
	}
	if v.Waived != v.WaivedAt(b.now) || it.item.Waiver != nil && it.item.Waiver.Covers != "" { // the detail depends on it
		return false
	}
	for n, p := range it.probes {
		if basis := b.cache.basis[it.first+n]; basis == nil || !p.isCurrent(basis) {
			return false
		}
	}
	b.verdicts[i] = *v
	return true
}

// derive adds the outcomes of the derived probes of an item, in the order of the checklist.
func (b *reportBuilder) derive(it *checklist.Item, own []checklist.Outcome, first probe.Verdicts) []checklist.Outcome {
	var all []checklist.Outcome
	for _, pr := range it.Probes {
		switch {
		case pr.Derived == nil:
			for _, o := range own {
				if o.Probe == pr {
					all = append(all, o)
				}
			}
		case disabledReason(it, pr) != "":
			all = append(all, checklist.Outcome{Probe: pr, Result: disabledResult(it, pr)})
		default:
			started := b.c.deps.Now()
			o := checklist.Outcome{Probe: pr, Result: probe.Judge(pr.Derived, first), LastRun: b.now}
			o.Duration = b.c.deps.Now().Sub(started)
			all = append(all, o)
		}
	}
	return all
}

func summary(v checklist.Verdict) probe.Verdict {
	return probe.Verdict{
		Category: v.Category, Item: v.Name, Title: v.Title, Severity: v.Severity, Scope: v.Scope, Required: v.Required,
		Waived: v.Waived, State: v.State, Reason: v.Reason, Detail: v.Detail,
	}
}

// disabledReason returns why a probe is disabled, by itself or with its item; empty when it is not.
func disabledReason(it *checklist.Item, pr *checklist.Probe) string {
	return cmp.Or(pr.Disabled, it.Disabled)
}

func disabledResult(it *checklist.Item, pr *checklist.Probe) probe.Result {
	return probe.Result{State: probe.StateSkip, Reason: probe.ReasonDisabled, Detail: disabledReason(it, pr)}
}

// isCurrent reports whether an outcome is still all that is known.
func (p *probeState) isCurrent(o *outcome) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.last == o && p.done == nil
}

// outcome returns what is known at a given time. Basis is the outcome it was made from; nil when it depends on the time
// as well.
func (p *probeState) outcome(now time.Time) (o checklist.Outcome, basis *outcome) {
	o.Probe = p.probe
	if disabledReason(p.item, p.probe) != "" {
		o.Result = disabledResult(p.item, p.probe)
		return o, nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	progress := p.progressText(now)
	if p.last == nil {
		o.Result = probe.Result{State: probe.StateUnknown, Reason: probe.ReasonTimeout, Detail: "probe has not returned yet"}
		if p.probe.Kind.Background {
			o.Result.Reason, o.Result.Detail = probe.ReasonInProgress, "the first run has not finished"
		}
		if progress != "" {
			o.Result.Detail = "the first run has not finished: " + progress
		}
		return o, nil
	}
	o.Result, o.LastRun, o.Duration = p.last.result, p.last.ended, p.last.duration
	if p.done == nil {
		return o, p.last
	}
	if now.Sub(p.last.ended) > p.probe.MaxStale {
		o.Result = probe.Result{
			State: probe.StateUnknown, Reason: probe.ReasonTimeout, Samples: p.last.result.Samples,
			Detail: "no run has finished since " + p.last.ended.UTC().Format(time.RFC3339),
		}
	}
	if progress != "" {
		o.Result.Detail = strings.TrimPrefix(o.Result.Detail+"; running again: "+progress, "; ")
	}
	return o, nil
}

// progressText returns how far the current run is; "" when it has not reported that. The caller holds the lock.
func (p *probeState) progressText(now time.Time) string {
	if p.done == nil || p.hung || p.progress == nil {
		return ""
	}
	return fmt.Sprintf("%s, since %v", *p.progress, now.Sub(p.started).Truncate(time.Second))
}

// unmatched counts the items of the team's own document that no probe covers. A document that was merely found may
// belong to somebody else, so only a configured one counts.
func (c *Collector) unmatched(run *probe.Pass) *int {
	if c.deploy.Documents.Checklist == "" {
		return nil
	}
	path := run.View.Place(find.FactChecklist).Path()
	n, err := files.Load(run.Files, path, "unmatched items", paper.MaxSize, func(data []byte, _ fs.FileInfo) (int, error) {
		d, err := paper.Parse(data)
		if err != nil {
			return 0, err
		}
		d.Match(c.list)
		return len(d.Unmatched()), nil
	})
	if err != nil {
		return nil
	}
	return &n
}
