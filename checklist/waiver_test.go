package checklist

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/probe"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func TestJudge_WaiverCoversReason(t *testing.T) {
	outcome := func(s probe.State, r probe.Reason) Outcome {
		return Outcome{Result: probe.Result{State: s, Reason: r, Detail: "found"}}
	}
	weak := outcome(probe.StateFail, probe.ReasonWeak)
	for name, tt := range map[string]struct {
		covers   probe.Reason
		outcomes []Outcome
		waived   bool
	}{
		"any reason":              {"", []Outcome{weak}, true},
		"its reason":              {probe.ReasonWeak, []Outcome{weak}, true},
		"its reason, one passes":  {probe.ReasonWeak, []Outcome{weak, outcome(probe.StatePass, "")}, true},
		"its reason, one skipped": {probe.ReasonWeak, []Outcome{weak, outcome(probe.StateSkip, probe.ReasonNotConfigured)}, true},
		"its reason, one warns":   {probe.ReasonWeak, []Outcome{weak, outcome(probe.StateWarn, probe.ReasonReused)}, true},
		"fixed":                   {probe.ReasonWeak, []Outcome{outcome(probe.StatePass, "")}, true},
		"only a warning":          {probe.ReasonWeak, []Outcome{outcome(probe.StateWarn, probe.ReasonReused)}, true},
		"another reason":          {probe.ReasonWeak, []Outcome{outcome(probe.StateFail, probe.ReasonOpen)}, false},
		"and another reason":      {probe.ReasonWeak, []Outcome{weak, outcome(probe.StateFail, probe.ReasonOpen)}, false},
		"and not checked":         {probe.ReasonWeak, []Outcome{weak, outcome(probe.StateUnknown, probe.ReasonTimeout)}, false},
		"not checked":             {probe.ReasonWeak, []Outcome{outcome(probe.StateUnknown, probe.ReasonTimeout)}, false},
		"pending":                 {probe.ReasonWeak, []Outcome{outcome(probe.StatePending, probe.ReasonInProgress)}, false},
	} {
		it := &Item{Category: "a", Name: "b", Required: true, Waiver: &Waiver{By: "lead", Covers: tt.covers, Expires: noon.Add(time.Hour)}}
		v := it.Judge(tt.outcomes, noon)
		if v.Waived != tt.waived || strings.Contains(v.Detail, "waiver by lead until 2026-02-28 covers only the reason weak") == tt.waived ||
			!tt.waived && !strings.HasPrefix(v.Detail, "found") {
			t.Errorf("%s: waived %v, detail %q", name, v.Waived, v.Detail)
		}
		if v := it.Judge(tt.outcomes, noon.Add(time.Hour)); v.Waived || strings.Contains(v.Detail, "waiver") {
			t.Errorf("%s, after the waiver: waived %v, detail %q", name, v.Waived, v.Detail)
		}
	}
	it := &Item{Waiver: &Waiver{Covers: probe.ReasonWeak, Since: noon, Expires: noon.Add(time.Hour)}}
	if it.Waiver.Active(noon.Add(-1)) || !it.Waiver.Active(noon) {
		t.Error("since is ignored")
	}
	if v := (&Item{Disabled: "off", Waiver: it.Waiver}).Judge(nil, noon); v.Waived {
		t.Error("a disabled item is covered")
	}
}

func TestJudge_WaiverCoversOffenders(t *testing.T) {
	failed := func(unnamed bool, ids ...string) Outcome {
		r := probe.Failed(probe.ReasonWeak, "found")
		for _, id := range ids {
			r = r.About(probe.Offender{ID: id})
		}
		r.Unnamed = unnamed
		return Outcome{Result: r}
	}
	passed := Outcome{Result: probe.Passed("fine")}
	other := failed(false, "a")
	other.Result.Reason = probe.ReasonOpen
	for name, tt := range map[string]struct {
		outcomes []Outcome
		want     string // in the detail; "" if it is waived
	}{
		"both":               {[]Outcome{failed(false, "a", "b")}, ""},
		"one of them":        {[]Outcome{failed(false, "b"), passed}, ""},
		"none left":          {[]Outcome{passed}, ""},
		"a new one":          {[]Outcome{failed(false, "a", "c")}, "covers only a, b, not c)"},
		"of another probe":   {[]Outcome{failed(false, "a"), failed(false, "c", "d")}, "covers only a, b, not c, d)"},
		"without identifier": {[]Outcome{failed(false)}, "not a finding without an identifier)"},
		"and one without":    {[]Outcome{failed(true, "a")}, "not a finding without an identifier)"},
		"another reason":     {[]Outcome{other}, "covers only the reason weak)"},
	} {
		it := &Item{Category: "a", Name: "b", Required: true, Waiver: &Waiver{By: "lead", Covers: probe.ReasonWeak, Offenders: []string{"a", "b"}, Expires: noon.Add(time.Hour)}}
		if v := it.Judge(tt.outcomes, noon); v.Waived != (tt.want == "") || !strings.Contains(v.Detail, tt.want) {
			t.Errorf("%s: waived %v, detail %q", name, v.Waived, v.Detail)
		}
	}
}

func TestWaiverWarnings(t *testing.T) {
	day := 24 * time.Hour
	for name, tt := range map[string]struct {
		severity string
		waiver   Waiver
		want     []string
	}{
		"sound":                  {Critical, Waiver{Covers: "weak", Expires: noon.Add(89 * day)}, nil},
		"long, not critical":     {Warning, Waiver{Covers: "weak", Expires: noon.Add(200 * day)}, nil},
		"far, not critical":      {Warning, Waiver{Covers: "weak", Expires: noon.AddDate(10, 0, 0)}, []string{"lasts 3653 days, until 2036-02-29"}},
		"long":                   {Critical, Waiver{Covers: "weak", Expires: noon.Add(91 * day)}, []string{"limit for an item of severity critical is 90 days"}},
		"long since":             {Critical, Waiver{Covers: "weak", Since: noon.Add(-60 * day), Expires: noon.Add(60 * day)}, []string{"lasts 120 days"}},
		"past":                   {Critical, Waiver{Expires: noon}, []string{"ended on 2026-02-28"}},
		"not yet":                {Critical, Waiver{Covers: "weak", Since: noon.Add(day), Expires: noon.Add(2 * day)}, []string{"is not in force before 2026-03-02"}},
		"never":                  {Critical, Waiver{Covers: "weak", Since: noon.Add(3 * day), Expires: noon.Add(2 * day)}, []string{"is never in force"}},
		"anything":               {Critical, Waiver{Expires: noon.Add(day)}, []string{"accepts any failure"}},
		"anything, for too long": {Critical, Waiver{Expires: noon.Add(100 * day)}, []string{"lasts 100 days", "accepts any failure"}},
	} {
		c := &Checklist{Categories: []*Category{{Items: []*Item{{Category: "a", Name: "b", Severity: tt.severity, Waiver: &tt.waiver}, {Name: "none"}}}}}
		got := c.WaiverWarnings(noon, DefaultMaxWaiver)
		if len(got) != len(tt.want) || !slices.EqualFunc(got, tt.want, strings.Contains) {
			t.Errorf("%s: got %q, want %q", name, got, tt.want)
		}
	}
}
