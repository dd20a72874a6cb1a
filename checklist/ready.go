package checklist

import "github.com/thenexusengine/catalyst_exporter/probe"

// Answer is whether a goal (readiness, a gate, a category) is met, and the items that prevent it.
type Answer struct {
	Ready   bool
	Failing []*Verdict // required items that fail
	Waiting []*Verdict // required items that are unknown, disabled without a waiver or, for a gate, pending or without a release
	Judged  int        // required items with a verdict
	Waived  int        // of these, items that are only waived
}

// note adds a required item's verdict.
func (a *Answer) note(v *Verdict, ok bool) {
	if v.State.Answered() || v.Waived {
		a.Judged++
	}
	if v.Waived && !v.State.OK() {
		a.Waived++
	}
	switch {
	case v.Waived || ok:
	case v.State == probe.StateFail:
		a.Failing = append(a.Failing, v)
	default:
		a.Waiting = append(a.Waiting, v)
	}
}

// conclude makes the answer. A goal of which nothing was judged is not met.
func (a *Answer) conclude() Answer {
	a.Ready = a.Judged > 0 && len(a.Failing) == 0 && len(a.Waiting) == 0
	return *a
}

// Ready is met when every required standing item is ok or waived. A disabled required item without a waiver prevents
// it.
func Ready(verdicts []Verdict) Answer { return ReadyStanding(verdicts, false) }

// ReadyStanding is Ready, with optional items counted as well when optional is set.
func ReadyStanding(verdicts []Verdict, optional bool) Answer {
	return answer(verdicts, func(v *Verdict) bool { return (v.Required || optional) && v.Scope == Standing })
}

// ReadyAll is for all given items, whatever their scope; with optional set, optional items count as well. Items with
// nothing to check (optional and not configured, or about a release when there is none) do not count.
func ReadyAll(verdicts []Verdict, optional bool) Answer {
	return answer(verdicts, func(v *Verdict) bool { return v.Required || optional })
}

func answer(verdicts []Verdict, counts func(*Verdict) bool) Answer {
	var a Answer
	for i := range verdicts {
		v := &verdicts[i]
		if !counts(v) {
			continue
		}
		nothing := v.State == probe.StateSkip && (v.Reason == probe.ReasonNoRelease || !v.Required)
		a.note(v, v.State.OK() || nothing)
	}
	return a.conclude()
}

// Answer is whether the gate is met: unlike Ready it waits for pending items, and no release counts as unknown. A gate
// without a required item is never met. With optional set, optional items with a verdict count as well.
func (g *Gate) Answer(verdicts []Verdict, optional bool) Answer {
	var a Answer
	for i := range verdicts {
		v := &verdicts[i]
		if !g.Has(v.Item) || !v.Required && !optional {
			continue
		}
		nothing := !v.Required && v.State == probe.StateSkip
		a.note(v, v.State.OK() && v.State != probe.StatePending || nothing)
	}
	return a.conclude()
}

// Has reports whether the gate waits for an item.
func (g *Gate) Has(it *Item) bool {
	for _, other := range g.Items {
		if other == it {
			return true
		}
	}
	return false
}
