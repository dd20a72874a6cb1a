package collector

import (
	"time"

	"github.com/thenexusengine/catalyst_exporter/attest"
	"github.com/thenexusengine/catalyst_exporter/checklist"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// What speaks of a moment of a release is judged once: its verdict is kept in the release records and not asked again, whatever the backup
// folder, the logs or Prometheus have forgotten since.

// moments are the releases as the records tell them. Without records that can be trusted nothing is frozen and nothing becomes so.
type moments struct {
	chain *attest.Chain
	err   error
}

func openMoments(pass *probe.Pass) moments {
	c, err := pass.Chain()
	if err != nil {
		return moments{err: err}
	}
	return moments{chain: c}
}

func (m moments) planned() *attest.Release {
	if m.chain == nil {
		return nil
	}
	return m.chain.Planned()
}

func (m moments) recorded() *attest.Release {
	if m.chain == nil {
		return nil
	}
	return m.chain.Recorded()
}

// settled reports whether an item's verdict is known without a look.
func (m moments) settled(it *checklist.Item) bool {
	if it.Disabled != "" {
		return false
	}
	if it.Recorded && m.recorded() == nil {
		return true
	}
	_, _, ok := m.record(it)
	return ok
}

// verdict returns the verdict on an item that is not to be looked at: its moment has not come, or it is over and the verdict was kept.
func (m moments) verdict(it *checklist.Item, now time.Time) (checklist.Verdict, bool) {
	if it.Disabled != "" {
		return checklist.Verdict{}, false
	}
	if it.Recorded && m.recorded() == nil {
		return m.early(it, now), true
	}
	return m.kept(it, now)
}

// early is the verdict on an item that speaks of the release in force while there is none, or none that can be told.
func (m moments) early(it *checklist.Item, now time.Time) checklist.Verdict {
	result := probe.Unasked(m.err)
	outcomes := make([]checklist.Outcome, len(it.Probes))
	for i, pr := range it.Probes {
		outcomes[i] = checklist.Outcome{Probe: pr, Result: result}
		if pr.Disabled != "" {
			outcomes[i].Result = switchedOff(it, pr)
		}
	}
	return it.Judge(outcomes, now)
}

// switchedOff is the result of a probe that is switched off.
func switchedOff(it *checklist.Item, pr *checklist.Probe) probe.Result {
	return probe.Result{State: probe.StateSkip, Reason: probe.ReasonDisabled, Detail: disabled(it, pr)}
}

// ofRecorded is the recorded release when that is the one an item speaks of: one that is not asked only after a record speaks of the planned
// release as soon as there is one.
func (m moments) ofRecorded(it *checklist.Item) *attest.Release {
	if !it.Recorded && m.planned() != nil {
		return nil
	}
	return m.recorded()
}

// record returns what the release records have kept of an item.
func (m moments) record(it *checklist.Item) (attest.Verdict, *attest.Release, bool) {
	if it.Freeze == (checklist.Freeze{}) {
		return attest.Verdict{}, nil, false
	}
	r := m.ofRecorded(it)
	if r == nil {
		return attest.Verdict{}, nil, false
	}
	kept, ok := m.chain.Frozen(r.Number, it.ID())
	if !ok && it.Freeze.AtRecord {
		kept, ok = m.chain.Gate(r.Number, it.ID())
	}
	var known probe.State
	return kept, r, ok && known.UnmarshalText([]byte(kept.State)) == nil
}

// kept returns the frozen verdict on an item.
func (m moments) kept(it *checklist.Item, now time.Time) (checklist.Verdict, bool) {
	kept, r, ok := m.record(it)
	if !ok {
		return checklist.Verdict{}, false
	}
	v := checklist.Verdict{Item: it, Reason: probe.Reason(kept.Reason), Detail: kept.Detail + " (kept in the record of " + r.Release.String() + ")", Waived: it.Waiver.Active(now), LastRun: kept.At}
	if v.LastRun.IsZero() {
		v.LastRun = r.At
	}
	return v, v.State.UnmarshalText([]byte(kept.State)) == nil
}

// ripe returns the verdict to freeze when the item's moment is over and it was seen.
func (m moments) ripe(v *checklist.Verdict, now time.Time) (attest.Verdict, bool) {
	r := m.ofRecorded(v.Item)
	if r == nil || v.Freeze.After == 0 || now.Before(r.Since.Add(v.Freeze.After)) {
		return attest.Verdict{}, false
	}
	if _, kept := m.chain.Frozen(r.Number, v.ID()); kept {
		return attest.Verdict{}, false
	}
	switch v.State {
	case probe.StatePass, probe.StateWarn, probe.StateFail:
		return attest.Verdict{Item: v.ID(), State: v.State.String(), Reason: attest.Reason(v.Reason), Detail: v.Detail, At: now}, true
	}
	return attest.Verdict{}, false
}
