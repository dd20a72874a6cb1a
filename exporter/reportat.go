package exporter

import (
	"time"

	"github.com/thenexusengine/catalyst_exporter/checklist"
	"github.com/thenexusengine/catalyst_exporter/collector"
	"github.com/thenexusengine/catalyst_exporter/exporter/config"
	"github.com/thenexusengine/catalyst_exporter/exporter/usage"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// reportAt returns the report of a time in the past. The history has states and reasons but no details; the release and the
// sign-offs of that time stay blank.
func (a *app) reportAt(s *config.Config, t *config.Target, text string) (*collector.Report, error) {
	if t.History == nil {
		return nil, usage.Errorf("--at requires --state.directory, where the history of verdicts is kept")
	}
	now := a.Now().UTC()
	at, err := momentOf(text)
	switch {
	case err != nil:
		return nil, usage.Errorf("--at=%s: expected a date such as 2026-01-31, or a time such as 2026-01-31T12:00:00Z", text)
	case len(text) == len(time.DateOnly) && at.After(now) && at.AddDate(0, 0, -1).Before(now):
		at = now // today
	case at.After(now):
		return nil, usage.Errorf("--at=%s is in the future", text)
	}
	verdicts, first, last := t.History.At(at)
	if len(verdicts) == 0 {
		const form = "2006-01-02 15:04 UTC"
		if first.IsZero() {
			return nil, usage.Errorf("--at=%s: the history is empty", text)
		}
		return nil, usage.Errorf("--at=%s: nothing was observed then; the history reaches from %s to %s, perhaps with gaps", text,
			first.Format(form), last.Format(form))
	}
	was := map[string]checklist.Verdict{}
	for _, v := range verdicts {
		old := checklist.Verdict{Reason: probe.Reason(v.Reason), Waived: v.Waived, Detail: "from the history, which keeps no details", LastRun: at}
		if old.State.UnmarshalText([]byte(v.State)) == nil {
			was[v.Item] = old
		}
	}
	r := &collector.Report{Time: at, Checklist: t.Checklist}
	for _, it := range t.Checklist.Items() {
		v, known := was[it.ID()]
		if !known {
			v = checklist.Verdict{State: probe.StateUnknown, Reason: probe.ReasonMissing, Detail: "not in the history at that time", LastRun: at}
		}
		if v.Waived && it.Waiver == nil {
			it.Waiver = &checklist.Waiver{Item: it.ID(), By: "an earlier configuration", Reason: "the history keeps no reasons of waivers",
				Expires: at.AddDate(0, 0, 1)}
		}
		v.Item = it
		r.Verdicts = append(r.Verdicts, v)
	}
	return r, nil
}

// momentOf parses a time, or a date as its end.
func momentOf(text string) (time.Time, error) {
	if day, err := time.Parse(time.DateOnly, text); err == nil {
		return day.AddDate(0, 0, 1).Add(-time.Second), nil
	}
	at, err := time.Parse(time.RFC3339, text)
	return at.UTC(), err
}
