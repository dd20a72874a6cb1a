package checklist

import (
	"testing"

	"github.com/thenexusengine/catalyst_exporter/probe"
)

// A selection of which nothing was judged is not ready.
func TestReadyAll_NothingJudged(t *testing.T) {
	verdict := func(state probe.State, reason probe.Reason, required, waived bool) Verdict {
		return Verdict{Item: &Item{Required: required, Scope: Standing}, State: state, Reason: reason, Waived: waived}
	}
	noRelease := verdict(probe.StateSkip, probe.ReasonNoRelease, true, false)
	optional := verdict(probe.StateSkip, probe.ReasonNotConfigured, false, false)
	pass := verdict(probe.StatePass, "", true, false)
	for name, tt := range map[string]struct {
		verdicts []Verdict
		ready    bool
		waived   int
	}{
		"nothing selected":            {nil, false, 0},
		"no release":                  {[]Verdict{noRelease}, false, 0},
		"optional and not configured": {[]Verdict{optional}, false, 0},
		"both":                        {[]Verdict{noRelease, optional}, false, 0},
		"one was judged":              {[]Verdict{noRelease, optional, pass}, true, 0},
		"only waived":                 {[]Verdict{verdict(probe.StateFail, probe.ReasonMissing, true, true)}, true, 1},
		"pending":                     {[]Verdict{verdict(probe.StatePending, probe.ReasonInProgress, true, false)}, true, 0},
		"unknown":                     {[]Verdict{verdict(probe.StateUnknown, probe.ReasonTimeout, true, false)}, false, 0},
	} {
		a := ReadyAll(tt.verdicts, true)
		if a.Ready != tt.ready || a.Waived != tt.waived || len(a.Failing) > 0 {
			t.Errorf("%s: %+v", name, a)
		}
	}
}
