package checklist

import (
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/probe"
)

// An item is judged from the probes that answered, and otherwise told why none did.
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
		"kept from us, another answers":          {true, []probe.Result{kept, pass}, probe.StatePass, probe.ReasonNone, "seen"},
		"kept from us, nobody answers":           {true, []probe.Result{nothing, kept}, probe.StateUnknown, probe.ReasonPermissionDenied, "nothing there; may not be read"},
		"kept from us, not required":             {false, []probe.Result{kept}, probe.StateSkip, probe.ReasonNotConfigured, "may not be read"},
		"nothing there":                          {true, []probe.Result{nothing}, probe.StateUnknown, probe.ReasonNotConfigured, "nothing there"},
		"could not look beats what was seen":     {true, []probe.Result{pass, blind}, probe.StateUnknown, probe.ReasonUnreachable, "no answer"},
		"what is broken beats what is not known": {true, []probe.Result{blind, broken}, probe.StateFail, probe.ReasonOpen, "open"},
		"no probe at all":                        {true, nil, probe.StateUnknown, probe.ReasonNotConfigured, "no probe was given anything to look at"},
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
