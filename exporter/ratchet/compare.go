package ratchet

import (
	"slices"
	"strings"
	"time"

	"github.com/thenexusengine/catalyst_exporter/checklist"
	"github.com/thenexusengine/catalyst_exporter/collector"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/phrase"
)

// Comparison is the difference between a report and its baseline.
type Comparison struct {
	Since time.Time
	// OtherChecklist is set if the baseline was made with another version of the checklist.
	OtherChecklist bool
	// Failing and Waiting are newly not ok. They decide the exit code.
	Failing, Waiting []Change
	Better           []Change
	// Unjudged were not ok and have no verdict now. They are not better.
	Unjudged []Change
	// Known were not ok for the same reasons before.
	Known []string
}

// Change is an item whose verdict differs from that of the baseline.
type Change struct {
	Item   string
	Now    string   // state and reason; "" if the checklist no longer has the item
	Before string   // state and reason; "" if the baseline does not have the item
	Faults []string // what is new or gone within an item that is not ok before and now
}

// Text describes the change, for display.
func (c Change) Text() string {
	now := c.Now
	if now == "" {
		now = "not in the checklist"
	}
	switch {
	case len(c.Faults) > 0:
		return c.Item + ": " + now + ", " + strings.Join(c.Faults, ", ")
	case c.Before == "":
		return c.Item + ": " + now + ", not in the baseline"
	}
	return c.Item + ": " + now + ", was " + c.Before
}

// Held reports whether nothing is newly not ok.
func (c *Comparison) Held() bool { return len(c.Failing)+len(c.Waiting) == 0 }

// Compare finds what is newly not ok among the verdicts that decide the answer, and what got better. An item that was not ok
// is known as long as it has the same state and reason, and none of its probes fails for a new reason or with a new offender.
func (b *Baseline) Compare(r *collector.Report, answer checklist.Answer) *Comparison {
	c := &Comparison{Since: b.Time, OtherChecklist: b.ChecklistDigest != r.Checklist.Digest}
	blocking := map[string]bool{}
	for _, list := range []struct {
		verdicts []*checklist.Verdict
		into     *[]Change
	}{{answer.Failing, &c.Failing}, {answer.Waiting, &c.Waiting}} {
		for _, v := range list.verdicts {
			blocking[v.ID()] = true
			change, worse, fewer := b.compare(v)
			switch {
			case worse:
				*list.into = append(*list.into, change)
			case fewer:
				c.Better = append(c.Better, change)
				fallthrough
			default:
				c.Known = append(c.Known, v.ID())
			}
		}
	}
	b.compareOthers(r, blocking, c)
	return c
}

// compare compares a verdict that is not ok.
func (b *Baseline) compare(v *checklist.Verdict) (change Change, worse, fewer bool) {
	was, known := b.items[v.ID()]
	change = Change{Item: v.ID(), Now: verdict(v.State, v.Reason)}
	if !known {
		return change, true, false
	}
	change.Before = was.text()
	if was.waived() || *was.State != v.State || was.Reason != v.Reason {
		return change, true, false
	}
	before, now := was.faults(), faults(v)
	added, gone := missing(now, before), missing(before, now)
	if len(added) > 0 {
		change.Faults = summary(added, "new")
		return change, true, false
	}
	change.Faults = summary(gone, "gone")
	return change, false, len(gone) > 0
}

// compareOthers looks at the items that do not decide the answer now, but were not ok in the baseline.
func (b *Baseline) compareOthers(r *collector.Report, blocking map[string]bool, c *Comparison) {
	seen := map[string]bool{}
	for i := range r.Verdicts {
		v := &r.Verdicts[i]
		seen[v.ID()] = true
		was, known := b.items[v.ID()]
		if !known || blocking[v.ID()] || was.ok() {
			continue
		}
		change := Change{Item: v.ID(), Now: verdict(v.State, v.Reason), Before: was.text()}
		switch {
		case v.Waived:
			change.Now += ", waived"
			c.Unjudged = append(c.Unjudged, change)
		case v.State == probe.StateSkip:
			c.Unjudged = append(c.Unjudged, change)
		case v.State.OK():
			c.Better = append(c.Better, change)
		}
	}
	for id, was := range b.items {
		if !was.ok() && !seen[id] && len(r.Checklist.Find(id)) == 0 {
			c.Unjudged = append(c.Unjudged, Change{Item: id, Before: was.text()})
		}
	}
	slices.SortFunc(c.Unjudged, func(a, b Change) int { return strings.Compare(a.Item, b.Item) })
}

// ok reports whether the baseline's item needed nothing. An item that was skipped needed nothing either.
func (i item) ok() bool { return i.waived() || i.State.OK() || *i.State == probe.StateSkip }

func (i item) text() string {
	text := verdict(*i.State, i.Reason)
	if i.waived() {
		text += ", waived"
	}
	return phrase.Printable(text)
}

func verdict(s probe.State, reason probe.Reason) string {
	if reason == "" {
		return s.String()
	}
	return s.String() + " (" + string(reason) + ")"
}

// fault is why a probe is not ok, or one of its offenders.
type fault struct {
	probe  string
	reason probe.Reason
	id     string // of the offender; "" for the reason itself
	file   string // of the offender, for display; two of one ID in different files are two
}

// faults lists why a verdict is what it is: the reasons and offenders of the probes that have its state.
func faults(v *checklist.Verdict) []fault {
	var all []fault
	for _, o := range v.Outcomes {
		if o.Result.State != v.State {
			continue
		}
		all = append(all, fault{probe: o.Probe.Name, reason: o.Result.Reason})
		for _, offender := range o.Result.Offenders {
			all = append(all, fault{o.Probe.Name, "", offender.ID, offender.File})
		}
	}
	return all
}

func (i item) faults() []fault {
	var all []fault
	for _, p := range i.Probes {
		if p.State == nil || *p.State != *i.State {
			continue
		}
		all = append(all, fault{probe: p.Probe, reason: p.Reason})
		for _, offender := range p.Offenders {
			all = append(all, fault{p.Probe, "", offender.ID, offender.File})
		}
	}
	return all
}

// missing returns the elements of all that rest does not have, each as often as it is lacking there.
func missing(all, rest []fault) []fault {
	count := map[fault]int{}
	for _, f := range rest {
		count[f]++
	}
	var lacking []fault
	for _, f := range all {
		if count[f]--; count[f] < 0 {
			lacking = append(lacking, f)
		}
	}
	return lacking
}

// shown is the number of offenders that a change names.
const shown = 3

// summary describes faults: reasons of probes first, then how many offenders and the first of them.
func summary(all []fault, word string) []string {
	var texts, offenders []string
	for _, f := range all {
		if f.id == "" {
			texts = append(texts, word+": "+phrase.Printable(f.probe)+" ("+phrase.Printable(string(f.reason))+")")
			continue
		}
		offender := f.id
		if f.file != "" && !strings.Contains(f.id, f.file) {
			offender += " in " + f.file
		}
		offenders = append(offenders, phrase.Printable(offender))
	}
	if n := len(offenders); n > 0 {
		text := phrase.Count(n, "offender") + " " + word + ": " + strings.Join(offenders[:min(n, shown)], ", ")
		if n > shown {
			text += ", …"
		}
		texts = append(texts, text)
	}
	return texts
}
