// Package challenge breaks a copy of a deployment's files in the ways that the probe kinds declare, judges the copy again and
// reports which breakages the checklist does not notice: mutation testing for a checklist.
//
// It runs probes of the layers declared, evidence and attested only, against a copy of the files that they read, and makes no network
// calls. A breakage is noticed if the item that owns the probe becomes worse; the verdict of another item does not count.
package challenge

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/thenexusengine/catalyst_exporter/checklist"
	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/files"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// Options are what is challenged, and where the copy is made.
type Options struct {
	Items      []*checklist.Item // in the order of the report
	Deployment *deployment.Deployment
	Deps       *probe.Deps // its clock is read once, its dialer is never used
	Scratch    string      // an existing folder on tmpfs
}

// The results of a breakage.
const (
	Noticed   = "noticed"
	Unnoticed = "unnoticed"
	Blinded   = "blinded" // the item became unknown
	Outside   = "outside" // the file is not part of the copy, so it was not broken
)

// Report is the result of a challenge.
type Report struct {
	Time  time.Time // the clock of all judgements
	Items []Item
}

// Item is the result for one item of the checklist.
type Item struct {
	*checklist.Item
	State         probe.State // of the unbroken copy, by the probes that were challenged
	NotChallenged string      // why nothing was broken; "" when something was
	Breakages     []Broken
}

// Broken is one breakage and what the item made of it.
type Broken struct {
	Probe, Name string
	File        string // relative to the deployment's root
	Result      string // one of Noticed, Unnoticed, Blinded and Outside
	State       probe.State
	Reason      probe.Reason
}

// Count returns the number of breakages with a result.
func (it *Item) Count(result string) (n int) {
	for _, b := range it.Breakages {
		if b.Result == result {
			n++
		}
	}
	return n
}

// Count returns the number of breakages of all items with a result.
func (r *Report) Count(result string) (n int) {
	for i := range r.Items {
		n += r.Items[i].Count(result)
	}
	return n
}

// Challenged returns the number of items of which at least one breakage was judged.
func (r *Report) Challenged() (n int) {
	for _, it := range r.Items {
		if it.NotChallenged == "" {
			n++
		}
	}
	return n
}

// Run challenges the items. The copy is removed before it returns, also after a panic.
func Run(ctx context.Context, o Options) (*Report, error) {
	s, err := newScratch(o.Scratch)
	if err != nil {
		return nil, err
	}
	defer s.remove()
	r := &run{Options: o, at: o.Deps.Now(), scratch: s}
	report := &Report{Time: r.at, Items: make([]Item, len(o.Items))}
	originals, err := r.originals(ctx)
	if err != nil {
		return nil, err
	}
	if r.copy, err = copyFiles(ctx, s.dir, o.Deployment, r.paths); err != nil {
		return nil, err
	}
	for i, it := range o.Items {
		if report.Items[i], err = r.challenge(ctx, it, r.reduced[i], originals[i]); err != nil {
			return nil, err
		}
	}
	return report, ctx.Err()
}

// run is one challenge.
type run struct {
	Options
	at      time.Time
	scratch *scratch
	copy    *copied
	reduced []*checklist.Item // the items with the probes that are challenged

	mu    sync.Mutex
	paths []string // read by the selected probes on the original
}

// selected returns the item with the probes that are challenged, without its waiver: a waived item must notice too. A claim
// that is missing is no reason to leave out what the files say.
func selected(it *checklist.Item, view *deployment.View) *checklist.Item {
	reduced := *it
	reduced.Waiver = nil
	reduced.Probes = slices.DeleteFunc(slices.Clone(it.Probes), func(pr *checklist.Probe) bool {
		k := pr.Kind
		return pr.Look == nil || pr.Disabled != "" || k.Breakages == nil || k.Background || k.Active ||
			k.Layer != probe.LayerDeclared && k.Layer != probe.LayerEvidence &&
				(k.Layer != probe.LayerAttested || len(k.Breakages(pr.Look, view)) == 0)
	})
	return &reduced
}

// originals judges the items on the deployment itself and notes the files that their probes read.
func (r *run) originals(ctx context.Context) ([]checklist.Verdict, error) {
	verdicts := make([]checklist.Verdict, len(r.Items))
	d, err := deployment.Discover(r.Deployment.Settings)
	if err != nil {
		return nil, err
	}
	p := r.pass(d, func(path string) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.paths = append(r.paths, path)
	})
	defer p.Kept.Close()
	for i, it := range r.Items {
		it = selected(it, p.View)
		r.reduced = append(r.reduced, it)
		verdicts[i] = judge(ctx, it, p)
		for _, pr := range it.Probes {
			for _, b := range pr.Kind.Breakages(pr.Look, p.View) {
				r.paths = append(r.paths, d.Abs(b.File))
			}
		}
	}
	r.paths = append(append(r.paths, d.Sources()...), d.Abs(p.Trust.AllowedSigners))
	return verdicts, ctx.Err()
}

// pass starts a pass that reaches nothing but files.
func (r *run) pass(d *deployment.Deployment, seen func(string)) *probe.Pass {
	deps := *r.Deps
	deps.Now = func() time.Time { return r.at }
	deps.Files = &files.Cache{Now: deps.Now, Seen: seen}
	deps.Kept = &probe.Kept{}
	deps.Marks = nil
	deps.Getenv = func(string) string { return "" }
	deps.Dial = func(context.Context, string, string) (net.Conn, error) {
		return nil, probe.Unknown(probe.ReasonDisabled, errors.New("challenge makes no network calls"))
	}
	return probe.NewPass(&deps, d)
}

// judge runs the probes of an item in their order.
func judge(ctx context.Context, it *checklist.Item, p *probe.Pass) checklist.Verdict {
	var outcomes []checklist.Outcome
	for _, pr := range it.Probes {
		outcomes = append(outcomes, checklist.Outcome{Probe: pr, Result: func() probe.Result {
			ctx, cancel := context.WithTimeout(ctx, pr.Timeout)
			defer cancel()
			return probe.Run(ctx, pr.Look, p)
		}()})
	}
	return it.Judge(outcomes, p.Time)
}

// judgeCopy judges an item on the copy as it is now.
func (r *run) judgeCopy(ctx context.Context, it *checklist.Item) (checklist.Verdict, error) {
	d, err := deployment.Discover(r.copy.settings)
	if err != nil {
		return checklist.Verdict{}, err
	}
	p := r.pass(d, nil)
	defer p.Kept.Close()
	return judge(ctx, it, p), ctx.Err()
}

// challenge breaks the files of one item, one breakage at a time.
func (r *run) challenge(ctx context.Context, it, reduced *checklist.Item, original checklist.Verdict) (Item, error) {
	result := Item{Item: it}
	if result.NotChallenged = unfit(it, reduced); result.NotChallenged != "" {
		return result, ctx.Err()
	}
	before, err := r.judgeCopy(ctx, reduced)
	if err != nil {
		return result, err
	}
	result.State = before.State
	if result.NotChallenged = r.unequal(original, before); result.NotChallenged != "" {
		return result, nil
	}
	d, err := deployment.Discover(r.copy.settings)
	if err != nil {
		return result, err
	}
	p := r.pass(d, nil)
	defer p.Kept.Close()
	for _, pr := range reduced.Probes {
		for _, b := range pr.Kind.Breakages(pr.Look, p.View) {
			broken := Broken{Probe: pr.Name, Name: b.Name, File: d.Rel(d.Abs(b.File)), Result: Outside}
			restore, err := r.copy.apply(d.Abs(b.File), b)
			switch {
			case errors.Is(err, errOutside):
				result.Breakages = append(result.Breakages, broken)
				continue
			case errors.Is(err, errUnchanged):
				continue
			case err != nil:
				return result, err
			}
			after, err := r.judgeCopy(ctx, reduced)
			if err := errors.Join(err, restore()); err != nil {
				return result, err
			}
			broken.Result, broken.State, broken.Reason = compare(before, after), after.State, after.Reason
			result.Breakages = append(result.Breakages, broken)
		}
	}
	result.Breakages = append(result.Breakages, unturned(reduced, before, result.Breakages)...)
	switch {
	case len(result.Breakages) == 0:
		result.NotChallenged = "nothing in the files that it reads can be broken"
	case result.Count(Outside) == len(result.Breakages):
		result.NotChallenged = "outside the root"
	}
	return result, nil
}
