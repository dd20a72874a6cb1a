package checklist

import "github.com/thenexusengine/catalyst_exporter/probe"

// Answer says whether a goal (readiness, a gate, a category) is met, and what keeps it from being so.
type Answer struct {
	Ready   bool
	Failing []*Verdict // required items that fail
	Waiting []*Verdict // required items that are unknown, disabled without a waiver or, for a gate, pending or without a release
}

// note adds a required item's verdict.
func (a *Answer) note(v *Verdict, ok bool) {
	switch {
	case v.Waived || ok:
	case v.State == probe.StateFail:
		a.Failing = append(a.Failing, v)
	default:
		a.Waiting = append(a.Waiting, v)
	}
}

func (a *Answer) conclude(asked int) Answer {
	a.Ready = asked > 0 && len(a.Failing) == 0 && len(a.Waiting) == 0
	return *a
}

// Ready answers for standing items: every required one is ok or waived. A disabled required item without a waiver keeps it from being ready.
func Ready(verdicts []Verdict) Answer { return ReadyStanding(verdicts, false) }

// ReadyStanding is Ready, with optional items counted as well when optional is set.
func ReadyStanding(verdicts []Verdict, optional bool) Answer {
	return answer(verdicts, func(v *Verdict) bool { return (v.Required || optional) && v.Scope == Standing })
}

// ReadyAll answers for all the given items, whatever their scope; with optional set, optional items count as well.
// What has nothing to look at (optional and not configured, or of a release while there is none) does not count against it.
func ReadyAll(verdicts []Verdict, optional bool) Answer {
	return answer(verdicts, func(v *Verdict) bool { return v.Required || optional })
}

func answer(verdicts []Verdict, counts func(*Verdict) bool) Answer {
	var a Answer
	asked := 0
	for i := range verdicts {
		v := &verdicts[i]
		if !counts(v) {
			continue
		}
		asked++
		nothing := v.State == probe.StateSkip && (v.Reason == probe.ReasonNoRelease || !v.Required)
		a.note(v, v.State.OK() || nothing)
	}
	return a.conclude(asked)
}

// Answer answers for a gate: unlike Ready it waits for what is pending, and no release counts as unknown. A gate without a required item is
// never ready. With optional set, optional items that were looked at count as well.
func (g *Gate) Answer(verdicts []Verdict, optional bool) Answer {
	var a Answer
	asked := 0
	for i := range verdicts {
		v := &verdicts[i]
		if !g.Has(v.Item) || !v.Required && !optional {
			continue
		}
		asked++
		nothing := !v.Required && v.State == probe.StateSkip
		a.note(v, v.State.OK() && v.State != probe.StatePending || nothing)
	}
	return a.conclude(asked)
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
