package checklist

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/probe"
)

// What the other probes say cannot replace an essential probe that was not checked; only a failure still counts.
func TestJudge_Essential(t *testing.T) {
	pass := probe.Result{State: probe.StatePass, Detail: "seen"}
	weak := probe.Result{State: probe.StateWarn, Reason: probe.ReasonWeak, Detail: "weak"}
	waiting := probe.Result{State: probe.StatePending, Reason: probe.ReasonInProgress, Detail: "soon"}
	nothing := probe.Result{State: probe.StateSkip, Reason: probe.ReasonNotConfigured, Detail: "nothing there"}
	off := probe.Result{State: probe.StateSkip, Reason: probe.ReasonDisabled, Detail: "by hand"}
	none := probe.Result{State: probe.StateSkip, Reason: probe.ReasonNoRelease}
	blind := probe.Result{State: probe.StateUnknown, Reason: probe.ReasonUnreachable, Detail: "no answer"}
	broken := probe.Result{State: probe.StateFail, Reason: probe.ReasonOpen, Detail: "open"}
	for name, c := range map[string]struct {
		essential, second probe.Result
		side              probe.Result
		required          bool
		state             probe.State
		reason            probe.Reason
		detail            string
	}{
		"all seen":                 {pass, pass, pass, true, probe.StatePass, "", "seen; seen; seen"},
		"side skipped":             {pass, pass, nothing, true, probe.StatePass, "", "seen; seen; 2 of 3 parts checked, not checked: side"},
		"skipped":                  {nothing, pass, pass, true, probe.StateUnknown, probe.ReasonNotConfigured, "main was not checked, and the item cannot pass without it: nothing there"},
		"the second one skipped":   {pass, nothing, pass, true, probe.StateUnknown, probe.ReasonNotConfigured, "second was not checked"},
		"skipped, side is weak":    {nothing, pass, weak, true, probe.StateUnknown, probe.ReasonNotConfigured, "main was not checked"},
		"skipped, side waits":      {nothing, pass, waiting, true, probe.StateUnknown, probe.ReasonNotConfigured, "main was not checked"},
		"skipped, side fails":      {nothing, pass, broken, true, probe.StateFail, probe.ReasonOpen, "open"},
		"unknown":                  {blind, pass, pass, true, probe.StateUnknown, probe.ReasonUnreachable, "no answer"},
		"disabled":                 {off, pass, pass, true, probe.StateUnknown, probe.ReasonDisabled, "by hand"},
		"optional item":            {nothing, pass, pass, false, probe.StateUnknown, probe.ReasonNotConfigured, "main was not checked"},
		"nothing at all":           {nothing, nothing, nothing, true, probe.StateUnknown, probe.ReasonNotConfigured, "nothing there"},
		"optional, nothing at all": {nothing, nothing, nothing, false, probe.StateSkip, probe.ReasonNotConfigured, "nothing there"},
		"no release":               {none, pass, pass, true, probe.StateSkip, probe.ReasonNoRelease, "no release"},
		"essential warns":          {weak, pass, pass, true, probe.StateWarn, probe.ReasonWeak, "weak"},
		"essential waits":          {waiting, pass, pass, true, probe.StatePending, probe.ReasonInProgress, "soon"},
	} {
		t.Run(name, func(t *testing.T) {
			v := (&Item{Required: c.required}).Judge([]Outcome{
				{Probe: &Probe{Name: "side"}, Result: c.side},
				{Probe: &Probe{Name: "main", Essential: true}, Result: c.essential},
				{Probe: &Probe{Name: "second", Essential: true}, Result: c.second},
			}, time.Time{})
			if v.State != c.state || v.Reason != c.reason || !strings.Contains(v.Detail, c.detail) {
				t.Errorf("got %v (%s) %q", v.State, v.Reason, v.Detail)
			}
		})
	}
}

func TestLoad_Essential(t *testing.T) {
	text := strings.Replace(twice, "            name: first\n", "            name: first\n            essential: true\n", 1)
	c, err := Load(own(text), Changes{})
	if err != nil {
		t.Fatal(err)
	}
	both := c.Find("both_keys")[0]
	if !both.Probes[0].Essential || both.Probes[1].Essential || len(c.EssentialWarnings()) != 0 {
		t.Errorf("essential: %+v, %q", both.Probes, c.EssentialWarnings())
	}
	c, err = Load(own(text), changes(t, "overrides: {both_keys: {probes: {first: {enabled: false, reason: later}}}}"))
	if err != nil {
		t.Fatal(err)
	}
	if got := c.EssentialWarnings(); len(got) != 1 || !strings.Contains(got[0], "keys/both_keys stays unknown: its essential probe first is disabled") {
		t.Errorf("warnings: %q", got)
	}
	c, err = Load(own(text), changes(t, "overrides: {both_keys: {probes: {first: {enabled: false, reason: later, essential: false}, second: {essential: true}}}}"))
	if err != nil {
		t.Fatal(err)
	}
	if both := c.Find("both_keys")[0]; both.Probes[0].Essential || !both.Probes[1].Essential || len(c.EssentialWarnings()) != 0 {
		t.Errorf("overridden: %+v, %q", both.Probes, c.EssentialWarnings())
	}
	if _, err := Load(own(strings.Replace(text, "essential: true", "essential: maybe", 1)), Changes{}); err == nil {
		t.Error("essential: maybe loads")
	}
}

// The items about a deployed release cannot pass unless the release that runs was identified.
func TestCatalyst_EssentialProbes(t *testing.T) {
	c, err := Load(nil, Changes{})
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, it := range c.Items() {
		for _, pr := range it.Probes {
			if pr.Essential {
				all = append(all, it.Name+" "+pr.Name)
			}
		}
	}
	want := []string{"application_deployed release_running", "post_deployment_verification release_running", "smoke_tests http_health", "smoke_tests app_metrics"}
	if !slices.Equal(all, want) {
		t.Errorf("essential: %q", all)
	}
}
