package collector

import (
	"fmt"
	"time"

	"github.com/thenexusengine/catalyst_exporter/attest"
	"github.com/thenexusengine/catalyst_exporter/checklist"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/release"
)

// A verdict on a past moment of a release is frozen in the release records and never judged again: backups, logs and
// Prometheus forget what it was judged from.

// releaseState is what the release records hold. Without trustworthy records nothing is frozen.
type releaseState struct {
	chain *attest.Chain
	err   error
}

func openReleaseState(run *probe.Pass) releaseState {
	c, err := release.Chain(run)
	if err != nil {
		return releaseState{err: err}
	}
	return releaseState{chain: c}
}

func (s releaseState) planned() *attest.Release {
	if s.chain == nil {
		return nil
	}
	return s.chain.Planned()
}

func (s releaseState) recorded() *attest.Release {
	if s.chain == nil {
		return nil
	}
	return s.chain.Recorded()
}

// needsRelease reports whether an item is about the recorded release while there is none.
func (s releaseState) needsRelease(it *checklist.Item) bool {
	return it.Recorded && s.recorded() == nil
}

// hasFixedVerdict reports whether the verdict on an item is known without running its probes.
func (s releaseState) hasFixedVerdict(it *checklist.Item) bool {
	if it.Disabled != "" {
		return false
	}
	_, _, frozen := s.frozen(it)
	return frozen || s.needsRelease(it)
}

// fixedVerdict returns the verdict on an item whose probes must not run: there is no release yet, or the verdict is
// frozen.
func (s releaseState) fixedVerdict(it *checklist.Item, now time.Time) (checklist.Verdict, bool) {
	if it.Disabled != "" {
		return checklist.Verdict{}, false
	}
	if s.needsRelease(it) {
		return s.verdictWithoutRelease(it, now), true
	}
	f, r, ok := s.frozen(it)
	if !ok {
		return checklist.Verdict{}, false
	}
	v := checklist.Verdict{
		Item: it, Reason: probe.Reason(f.Reason), Detail: f.Detail + " (frozen in the record of " + r.Release.String() + ")",
		LastRun: f.At,
	}
	if v.LastRun.IsZero() {
		v.LastRun = r.At
	}
	if err := v.State.UnmarshalText([]byte(f.State)); err != nil {
		return v, false
	}
	// What was not judged then is not judged by the record.
	if v.State == probe.StatePending || v.State == probe.StateSkip && v.Reason == probe.ReasonNoRelease {
		v.Detail = fmt.Sprintf("was not judged when %s was recorded: %s (%s) then", r.Release, v.State, v.Reason)
		v.State = probe.StateUnknown
	}
	v.Waive(now)
	return v, true
}

// verdictWithoutRelease is the verdict on an item about the recorded release while there is none, or while the records
// cannot be read.
func (s releaseState) verdictWithoutRelease(it *checklist.Item, now time.Time) checklist.Verdict {
	result := probe.Unasked(s.err)
	outcomes := make([]checklist.Outcome, len(it.Probes))
	for i, pr := range it.Probes {
		outcomes[i] = checklist.Outcome{Probe: pr, Result: result}
		if pr.Disabled != "" {
			outcomes[i].Result = disabledResult(it, pr)
		}
	}
	return it.Judge(outcomes, now)
}

// recordedFor returns the recorded release when an item is about it. An item that may be checked before the record is
// about the planned release as soon as there is one.
func (s releaseState) recordedFor(it *checklist.Item) *attest.Release {
	if !it.Recorded && s.planned() != nil {
		return nil
	}
	return s.recorded()
}

// frozen returns the frozen verdict on an item and its release.
func (s releaseState) frozen(it *checklist.Item) (attest.Verdict, *attest.Release, bool) {
	if it.Freeze == (checklist.Freeze{}) {
		return attest.Verdict{}, nil, false
	}
	r := s.recordedFor(it)
	if r == nil {
		return attest.Verdict{}, nil, false
	}
	v, ok := s.chain.Frozen(r.Number, it.ID())
	if !ok && it.Freeze.AtRecord {
		v, ok = s.chain.Gate(r.Number, it.ID())
	}
	var state probe.State
	return v, r, ok && state.UnmarshalText([]byte(v.State)) == nil
}

// dueForFreeze returns the verdict to freeze when it is final, was judged from the deployment and is not frozen yet.
func (s releaseState) dueForFreeze(v *checklist.Verdict, now time.Time) (attest.Verdict, bool) {
	r := s.recordedFor(v.Item)
	if r == nil || v.Freeze.After == 0 || now.Before(r.Since.Add(v.Freeze.After)) {
		return attest.Verdict{}, false
	}
	if _, frozen := s.chain.Frozen(r.Number, v.ID()); frozen {
		return attest.Verdict{}, false
	}
	switch v.State {
	case probe.StatePass, probe.StateWarn, probe.StateFail:
		return attest.Verdict{
			Item: v.ID(), State: v.State.String(), Reason: attest.Reason(v.Reason), Detail: v.Detail, At: now,
		}, true
	}
	return attest.Verdict{}, false
}
