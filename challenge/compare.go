package challenge

import (
	"slices"

	"github.com/thenexusengine/catalyst_exporter/checklist"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// Compares verdicts on the copy: before and after a breakage, and with that on the deployment itself.

// unfit says why an item has nothing to challenge; "" when it does.
func unfit(it, reduced *checklist.Item) string {
	switch {
	case it.Disabled != "":
		return "disabled"
	case len(reduced.Probes) == 0:
		return "none of its probes reads files of the deployment alone"
	}
	return ""
}

// unequal says why an item cannot be challenged on the copy; "" when the copy is judged like the original, pass or warn.
func (r *run) unequal(original, copy checklist.Verdict) string {
	switch {
	case original.State == probe.StateFail:
		return "it fails already"
	case original.State != probe.StatePass && original.State != probe.StateWarn:
		return "its files have no verdict: " + original.State.String()
	case !sameVerdict(original, copy):
		return "the copy is judged differently: " + copy.State.String() + r.copy.omitted()
	}
	return ""
}

func sameVerdict(a, b checklist.Verdict) bool {
	return a.State == b.State && a.Reason == b.Reason && slices.EqualFunc(a.Outcomes, b.Outcomes, func(a, b checklist.Outcome) bool {
		return a.Result.State == b.Result.State && a.Result.Reason == b.Result.Reason &&
			slices.EqualFunc(a.Result.Offenders, b.Result.Offenders, func(a, b probe.Offender) bool { return a.ID == b.ID })
	})
}

// compare returns what an item made of a breakage.
func compare(before, after checklist.Verdict) string {
	switch {
	case after.State == probe.StateFail,
		after.State == probe.StateWarn && before.State == probe.StatePass,
		after.State == probe.StateWarn && gains(before, after):
		return Noticed
	case after.State == probe.StateUnknown:
		return Blinded
	}
	return Unnoticed
}

// gains reports whether a probe of the item reports something that it did not before: an offender, or its first fault.
func gains(before, after checklist.Verdict) bool {
	for i, o := range after.Outcomes {
		was := before.Outcomes[i].Result
		if o.Result.State != probe.StateWarn && o.Result.State != probe.StateFail {
			continue
		}
		if o.Result.State > was.State || slices.ContainsFunc(o.Result.Offenders, func(x probe.Offender) bool {
			return !slices.ContainsFunc(was.Offenders, func(y probe.Offender) bool { return x.ID == y.ID })
		}) {
			return true
		}
	}
	return false
}

// unturned returns the probes of an item that pass and of which no breakage changed a file: nothing shows that they notice
// anything.
func unturned(it *checklist.Item, before checklist.Verdict, broken []Broken) (all []Broken) {
	for i, pr := range it.Probes {
		if before.Outcomes[i].Result.State == probe.StatePass && !slices.ContainsFunc(broken, func(b Broken) bool { return b.Probe == pr.Name }) {
			all = append(all, Broken{Probe: pr.Name, Name: NothingApplies, Result: Unnoticed, State: before.State, Reason: before.Reason})
		}
	}
	return all
}

// NothingApplies is the name of the breakage of a probe that none of its kind's breakages applies to.
const NothingApplies = "nothing that it checks can be broken"
