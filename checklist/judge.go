package checklist

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/thenexusengine/catalyst_exporter/probe"
)

// Outcome is the latest result of one probe of an item.
type Outcome struct {
	Probe    *Probe
	Result   probe.Result
	LastRun  time.Time // end of the last run; zero for none
	Duration time.Duration
}

// Verdict is the verdict on an item.
type Verdict struct {
	*Item
	State    probe.State
	Reason   probe.Reason
	Detail   string
	Remedies []string // settings or permissions that unknown or skipped probes need, in order of the probes
	Waived   bool
	LastRun  time.Time // newest run of its probes; zero for none
	Duration time.Duration
	Outcomes []Outcome
	// BlockedBy is the item whose state prevents this one from being checked; nil for none.
	BlockedBy *Item
}

// Judge combines the outcomes of an item's probes at a given time: the worst decides among those with a verdict, of
// equals the first in the checklist, so that the reason does not flap.
func (it *Item) Judge(outcomes []Outcome, now time.Time) Verdict {
	v := it.judge(outcomes)
	v.Waive(now)
	return v
}

func (it *Item) judge(outcomes []Outcome) Verdict {
	v := Verdict{Item: it, Outcomes: outcomes}
	if it.Disabled != "" {
		v.State, v.Reason, v.Detail = probe.StateSkip, probe.ReasonDisabled, it.Disabled
		return v
	}
	var worst *probe.Result
	var passed []string
	noRelease := false
	for i := range outcomes {
		o := &outcomes[i]
		v.Duration += o.Duration
		if o.LastRun.After(v.LastRun) {
			v.LastRun = o.LastRun
		}
		if o.Result.Remedy != "" && (o.Result.State == probe.StateUnknown || o.Result.State == probe.StateSkip) {
			v.Remedies = append(v.Remedies, o.Result.Remedy)
		}
		noRelease = noRelease || o.Result.Reason == probe.ReasonNoRelease
		if !o.Result.State.Answered() || o.Result.Yields && wasObserved(outcomes) {
			continue
		}
		if o.Result.State == probe.StatePass && o.Result.Detail != "" {
			passed = append(passed, o.Result.Detail)
		}
		if worst == nil || o.Result.State > worst.State {
			worst = &o.Result
		}
	}
	unseen := essentialUnseen(outcomes)
	switch {
	case unseen != nil && unseen.Result.Reason == probe.ReasonNoRelease && (worst == nil || worst.State != probe.StateFail):
		v.State, v.Reason, v.Detail = probe.StateSkip, probe.ReasonNoRelease, "no release is planned or recorded"
	case unseen != nil && worst != nil && worst.State != probe.StateFail:
		v.State, v.Reason = probe.StateUnknown, unseen.Result.Reason
		v.Detail = unseen.Probe.Name + " was not checked, and the item cannot pass without it: " + unseen.Result.Detail
	case worst != nil && worst.State == probe.StatePass:
		v.State, v.Detail = probe.StatePass, strings.Join(passed, "; ")+uncheckedParts(outcomes)
	case worst != nil:
		v.State, v.Reason, v.Detail = worst.State, worst.Reason, worst.Detail
	case noRelease:
		v.State, v.Reason, v.Detail = probe.StateSkip, probe.ReasonNoRelease, "no release is planned or recorded"
	default:
		v.State, v.Reason = probe.StateSkip, probe.ReasonNotConfigured
		if it.Required {
			v.State, v.Reason = probe.StateUnknown, unansweredReason(outcomes)
		}
		v.Detail = unansweredDetail(outcomes)
	}
	return v
}

// wasObserved reports whether a probe of the running system has a verdict. What another file says is no substitute for a
// file that could not be read.
func wasObserved(outcomes []Outcome) bool {
	return slices.ContainsFunc(outcomes, func(o Outcome) bool {
		isSystem := o.Probe != nil && (o.Probe.Kind.Layer == probe.LayerLive || o.Probe.Kind.Layer == probe.LayerRunning)
		return isSystem && o.Result.State.Answered() && o.Result.State != probe.StateUnknown
	})
}

// unansweredReason is why no probe of a required item has a verdict: missing permission, otherwise not configured.
func unansweredReason(outcomes []Outcome) probe.Reason {
	for _, o := range outcomes {
		if o.Result.Reason == probe.ReasonPermissionDenied {
			return o.Result.Reason
		}
	}
	return probe.ReasonNotConfigured
}

// unansweredDetail describes why no probe of an item has a verdict. Probes with the same reason are described once.
func unansweredDetail(outcomes []Outcome) string {
	var details []string
	for _, o := range outcomes {
		if o.Result.Detail != "" && o.Result.Reason != probe.ReasonDisabled && !slices.Contains(details, o.Result.Detail) {
			details = append(details, o.Result.Detail)
		}
	}
	if len(details) == 0 {
		return disabledDetail(outcomes)
	}
	return strings.Join(details, "; ")
}

// disabledDetail describes an item whose probes are all disabled.
func disabledDetail(outcomes []Outcome) string {
	for _, o := range outcomes {
		if o.Result.Reason == probe.ReasonDisabled && o.Result.Detail != "" {
			return o.Result.Detail
		}
	}
	return "no probe has anything to check"
}

// essentialUnseen returns the first essential probe that was not checked, or nil.
func essentialUnseen(outcomes []Outcome) *Outcome {
	for i := range outcomes {
		o := &outcomes[i]
		if o.Probe != nil && o.Probe.Essential && (o.Result.State == probe.StateSkip || o.Result.State == probe.StateUnknown) {
			return o
		}
	}
	return nil
}

// uncheckedParts returns the probes of an item with essential ones that were not checked, for the detail of a pass.
func uncheckedParts(outcomes []Outcome) string {
	var unchecked []string
	essential := false
	for _, o := range outcomes {
		if o.Probe == nil {
			continue
		}
		essential = essential || o.Probe.Essential
		if !o.Result.State.Answered() {
			unchecked = append(unchecked, o.Probe.Name)
		}
	}
	if !essential || len(unchecked) == 0 {
		return ""
	}
	return fmt.Sprintf("; %d of %d parts checked, not checked: %s",
		len(outcomes)-len(unchecked), len(outcomes), strings.Join(unchecked, ", "))
}

// EssentialWarnings returns what prevents an item from ever passing: an essential probe that is disabled.
func (c *Checklist) EssentialWarnings() []string {
	var all []string
	for _, it := range c.Items() {
		for _, pr := range it.Probes {
			if it.Disabled == "" && pr.Essential && pr.Disabled != "" {
				all = append(all, fmt.Sprintf("%s stays unknown: its essential probe %s is disabled. Enable it, or set overrides.%s.probes.%s.essential to false",
					it.ID(), pr.Name, it.ID(), pr.Name))
			}
		}
	}
	return all
}

// SignOffWarnings returns the sign-offs that are not required, without a reason: a gate opens without them.
func (c *Checklist) SignOffWarnings() []string {
	var all []string
	for _, it := range c.Items() {
		if it.Relaxed() && it.OptionalReason == "" {
			all = append(all, fmt.Sprintf("%s: this sign-off is not required, and no reason is given: gates open without it. Set overrides.%s.reason",
				it.ID(), it.ID()))
		}
	}
	return all
}

// Relaxed reports whether the item is a sign-off that the gates do not require.
func (it *Item) Relaxed() bool {
	return !it.Required && slices.ContainsFunc(it.Probes, func(pr *Probe) bool { return pr.Kind.Name == "sign_off" })
}
