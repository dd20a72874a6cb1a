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
type moments struct{ chain *attest.Chain }

func openMoments(pass *probe.Pass) moments {
	c, err := pass.Chain()
	if err != nil {
		return moments{}
	}
	return moments{c}
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

// verdict returns the frozen verdict on an item of the recorded release. What freezes with the record speaks of the planned release as soon as
// there is one.
func (m moments) verdict(it *checklist.Item, now time.Time) (checklist.Verdict, bool) {
	r := m.recorded()
	if r == nil || it.Freeze == (checklist.Freeze{}) || it.Freeze.AtRecord && m.planned() != nil || it.Disabled != "" {
		return checklist.Verdict{}, false
	}
	kept, ok := m.chain.Frozen(r.Number, it.ID())
	if !ok && it.Freeze.AtRecord {
		kept, ok = m.chain.Gate(r.Number, it.ID())
	}
	if !ok {
		return checklist.Verdict{}, false
	}
	v := checklist.Verdict{Item: it, Reason: probe.Reason(kept.Reason), Detail: kept.Detail + " (kept in the record of " + r.Release.String() + ")", Waived: it.Waiver.Active(now), LastRun: kept.At}
	if v.LastRun.IsZero() {
		v.LastRun = r.At
	}
	if err := v.State.UnmarshalText([]byte(kept.State)); err != nil {
		return checklist.Verdict{}, false
	}
	return v, true
}

// ripe returns the verdict to freeze when the item's moment is over and it was seen.
func (m moments) ripe(v *checklist.Verdict, now time.Time) (attest.Verdict, bool) {
	r := m.recorded()
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
