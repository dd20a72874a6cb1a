package checklist

import (
	"testing"

	"github.com/thenexusengine/catalyst_exporter/probe"
)

// TestJudge_Yields: what could not be read counts only while no other probe has a verdict.
func TestJudge_Yields(t *testing.T) {
	out := func(state probe.State, yields bool) Outcome {
		return Outcome{Result: probe.Result{State: state, Reason: probe.ReasonNotConfigured, Yields: yields}}
	}
	unread := out(probe.StateUnknown, true)
	for _, tt := range []struct {
		other Outcome
		want  probe.State
	}{
		{out(probe.StatePass, false), probe.StatePass}, {out(probe.StateWarn, false), probe.StateWarn}, {out(probe.StateFail, false), probe.StateFail},
		{out(probe.StateSkip, false), probe.StateUnknown}, {out(probe.StateUnknown, false), probe.StateUnknown}, {unread, probe.StateUnknown},
	} {
		it := &Item{Required: true}
		if got := it.judge([]Outcome{unread, tt.other}).State; got != tt.want {
			t.Errorf("next to %s: %s, want %s", tt.other.Result.State, got, tt.want)
		}
	}
}
