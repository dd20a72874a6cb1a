package attest

import (
	"strings"
	"testing"
	"time"
)

func TestJudgeWaivers(t *testing.T) {
	end := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC) // of 2026-12-31
	items := map[string]bool{"infrastructure/cdn": false, "monitoring/grafana": true, "sign_off/devops_lead": false, "a/twin": false, "b/twin": false}
	find := func(name string) map[string]bool {
		out := make(map[string]bool)
		for id, ok := range items {
			if _, short, _ := strings.Cut(id, "/"); id == name || short == name {
				out[id] = ok
			}
		}
		return out
	}
	waiver := func(item string) Waiver { return Waiver{item, "bought next year", "the board", Deadline{end}} }
	type verdict struct {
		item   string
		state  WaiverState
		detail string
	}
	tests := []struct {
		name    string
		waivers []Waiver
		now     time.Time
		want    []verdict
	}{
		{"active", []Waiver{waiver("infrastructure/cdn")}, noon, []verdict{{"infrastructure/cdn", WaiverActive, "bought next year (the board, until 2027-01-01T00:00:00Z)"}}},
		{"by the item alone", []Waiver{waiver("cdn")}, noon, []verdict{{"infrastructure/cdn", WaiverActive, ""}}},
		{"last moment", []Waiver{waiver("cdn")}, end.Add(-time.Second), []verdict{{"infrastructure/cdn", WaiverActive, ""}}},
		{"lapsed", []Waiver{waiver("cdn")}, end, []verdict{{"infrastructure/cdn", WaiverLapsed, "lapsed at 2027-01-01T00:00:00Z: mend infrastructure/cdn"}}},
		{"unused", []Waiver{waiver("grafana")}, noon, []verdict{{"monitoring/grafana", WaiverUnused, "is ok without it: remove the waiver"}}},
		{"lapsed and not needed", []Waiver{waiver("grafana")}, end, []verdict{{"monitoring/grafana", WaiverLapsed, ""}}},
		{"sign-off", []Waiver{waiver("devops_lead")}, noon, []verdict{{"sign_off/devops_lead", WaiverRefused, "a sign-off cannot be waived"}}},
		{"no such item", []Waiver{waiver("cnd")}, noon, []verdict{{"", WaiverRefused, "cnd is no item of the checklist"}}},
		{"two such items", []Waiver{waiver("twin")}, noon, []verdict{{"", WaiverRefused, "several categories: write category/twin"}}},
		{"twice", []Waiver{waiver("cdn"), waiver("infrastructure/cdn"), waiver("a/twin")}, noon,
			[]verdict{{"infrastructure/cdn", WaiverActive, ""}, {"infrastructure/cdn", WaiverRefused, "is waived twice"}, {"a/twin", WaiverActive, ""}}},
		{"none", nil, noon, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := JudgeWaivers(tt.waivers, find, tt.now)
			if len(got) != len(tt.want) {
				t.Fatalf("got %+v", got)
			}
			for i, w := range tt.want {
				if got[i].Item != w.item || got[i].State != w.state || !strings.Contains(got[i].Detail, w.detail) || got[i].Waiver != tt.waivers[i] {
					t.Errorf("got %+v, want %+v", got[i], w)
				}
			}
		})
	}
}

func TestWaiverText(t *testing.T) {
	const head = "item: infrastructure/cdn\nreason: bought next year\nby: the board\n"
	for text, problem := range map[string]string{
		head + "expires: 2026-12-31":                "",
		head + "expires: 2026-12-31T12:00:00+01:00": "",
		head + "expires: 2026-02-30":                "f:4:10: expires: expected a time",
		head + "expires: never":                     "f:4:10: expires: expected a time",
		head + "expires: 31.12.2026":                "f:4:10: expires: expected a time",
		head + "expires:":                           "f:4",
		head:                                        "expires: required",
		"item: a\nby: b\nexpires: 2026-12-31":       "reason: required",
		"item: a\nreason: b\nexpires: 2026-12-31":   "by: required",
		"reason: a\nby: b\nexpires: 2026-12-31":     "item: required",
		head + "expires: 2026-12-31\nuntil: x":      `f:5:1: unknown field "until"`,
		strings.Replace(head, "infra", "Infra", 1) + "expires: 2026-12-31":             "f:1:1: item: must name an item",
		strings.Replace(head, "bought next year", `"\e[H"`, 1) + "expires: 2026-12-31": "f:2:1: reason: must be one line",
	} {
		var w Waiver
		err := decode("f", []byte(text), &w)
		want(t, err, problem)
		if err == nil && w.Expires.Before(noon) {
			t.Errorf("expires %v", w.Expires)
		}
	}
}
