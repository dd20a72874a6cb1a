package checklist

import (
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/probe"
)

// TestJudge checks that the worst probe with a verdict decides, and the detail when no probe has one.
func TestJudge(t *testing.T) {
	pass := probe.Result{State: probe.StatePass, Detail: "seen"}
	nothing := probe.Result{State: probe.StateSkip, Reason: probe.ReasonNotConfigured, Detail: "nothing there"}
	kept := probe.Result{State: probe.StateSkip, Reason: probe.ReasonPermissionDenied, Detail: "may not be read"}
	blind := probe.Result{State: probe.StateUnknown, Reason: probe.ReasonUnreachable, Detail: "no answer"}
	broken := probe.Result{State: probe.StateFail, Reason: probe.ReasonOpen, Detail: "open"}
	for name, c := range map[string]struct {
		required bool
		results  []probe.Result
		state    probe.State
		reason   probe.Reason
		detail   string
	}{
		"no permission, another passes": {true, []probe.Result{kept, pass}, probe.StatePass, probe.ReasonNone, "seen"},
		"no permission, no verdict":     {true, []probe.Result{nothing, kept}, probe.StateUnknown, probe.ReasonPermissionDenied, "nothing there; may not be read"},
		"no permission, not required":   {false, []probe.Result{kept}, probe.StateSkip, probe.ReasonNotConfigured, "may not be read"},
		"nothing there":                 {true, []probe.Result{nothing}, probe.StateUnknown, probe.ReasonNotConfigured, "nothing there"},
		"nothing there, twice":          {true, []probe.Result{nothing, nothing}, probe.StateUnknown, probe.ReasonNotConfigured, "nothing there"},
		"unknown beats pass":            {true, []probe.Result{pass, blind}, probe.StateUnknown, probe.ReasonUnreachable, "no answer"},
		"fail beats unknown":            {true, []probe.Result{blind, broken}, probe.StateFail, probe.ReasonOpen, "open"},
		"no probe at all":               {true, nil, probe.StateUnknown, probe.ReasonNotConfigured, "no probe has anything to check"},
	} {
		t.Run(name, func(t *testing.T) {
			var outcomes []Outcome
			for _, r := range c.results {
				outcomes = append(outcomes, Outcome{Result: r})
			}
			v := (&Item{Required: c.required}).Judge(outcomes, time.Time{})
			if v.State != c.state || v.Reason != c.reason || v.Detail != c.detail {
				t.Errorf("got %v (%s) %q", v.State, v.Reason, v.Detail)
			}
		})
	}
}
