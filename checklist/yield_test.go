package checklist

import (
	"testing"

	"github.com/thenexusengine/catalyst_exporter/probe"
)

// TestJudge_Yields: what could not be read counts only while no probe of the running system has a verdict.
func TestJudge_Yields(t *testing.T) {
	out := func(layer probe.Layer, state probe.State, yields bool) Outcome {
		return Outcome{Probe: &Probe{Kind: probe.Kind{Layer: layer}}, Result: probe.Result{State: state, Reason: probe.ReasonNotConfigured, Yields: yields}}
	}
	const files, live, running = probe.LayerDeclared, probe.LayerLive, probe.LayerRunning
	unread := out(files, probe.StateUnknown, true)
	for _, tt := range []struct {
		other Outcome
		want  probe.State
	}{
		{out(live, probe.StatePass, false), probe.StatePass}, {out(running, probe.StateWarn, false), probe.StateWarn}, {out(live, probe.StateFail, false), probe.StateFail},
		{out(live, probe.StateSkip, false), probe.StateUnknown}, {out(live, probe.StateUnknown, false), probe.StateUnknown}, {unread, probe.StateUnknown},
		{out(files, probe.StatePass, false), probe.StateUnknown}, {out(files, probe.StateFail, false), probe.StateFail},
	} {
		it := &Item{Required: true}
		if got := it.judge([]Outcome{unread, tt.other}).State; got != tt.want {
			t.Errorf("next to %s %s: %s, want %s", tt.other.Probe.Kind.Layer, tt.other.Result.State, got, tt.want)
		}
	}
}
