package board

import (
	"encoding/xml"
	"io"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/attest"
	"github.com/thenexusengine/catalyst_exporter/checklist"
	"github.com/thenexusengine/catalyst_exporter/collector"
	"github.com/thenexusengine/catalyst_exporter/exporter/history"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// item is a verdict of a report in a test.
type item struct {
	name     string
	state    probe.State
	reason   probe.Reason
	optional bool
	release  bool
	waived   bool
}

// report makes a report of items in a category, with a gate of all of them.
func report(at time.Time, items ...item) *collector.Report {
	list := &checklist.Checklist{Name: "Ours"}
	cat := &checklist.Category{Name: "c", Title: "Category"}
	gate := &checklist.Gate{Name: "pre"}
	r := &collector.Report{Time: at, Checklist: list}
	for _, i := range items {
		it := &checklist.Item{Category: "c", Name: i.name, Title: "Title of " + i.name, Severity: checklist.Critical, Required: !i.optional, Scope: checklist.Standing, Fix: "Do it. Then rest."}
		if i.release {
			it.Scope = "release"
		}
		gate.Items = append(gate.Items, it)
		r.Verdicts = append(r.Verdicts, checklist.Verdict{Item: it, State: i.state, Reason: i.reason, Waived: i.waived, LastRun: at})
	}
	list.Categories, list.Gates = append(list.Categories, cat), append(list.Gates, gate)
	return r
}

func TestCount(t *testing.T) {
	fail, unknown, pass := item{name: "f", state: probe.StateFail}, item{name: "u", state: probe.StateUnknown}, item{name: "p", state: probe.StatePass}
	for want, items := range map[string][]item{
		"":                                 {pass},
		"1 required item fails":            {fail, pass},
		"2 required items fail":            {fail, fail},
		"1 required item has no verdict":   {unknown, pass},
		"3 required items have no verdict": {unknown, unknown, unknown},
		"1 required item fails, 1 has no verdict":  {fail, unknown},
		"2 required items fail, 2 have no verdict": {fail, unknown, fail, unknown},
		"no required item has a verdict":           nil,
	} {
		if got := Count(report(noon, items...).Ready()); got != want {
			t.Errorf("%d items: %q, want %q", len(items), got, want)
		}
	}
}

func TestAside(t *testing.T) {
	fail := item{name: "f", state: probe.StateFail}
	optional, waived, release := fail, fail, fail
	optional.optional, waived.waived, release.release = true, true, true
	for want, items := range map[string][]item{
		"": {fail, fail},
		"2 items fail in total; not counted above: 1 optional.":                              {fail, optional},
		"5 items fail in total; not counted above: 1 optional, 2 waived, 1 about a release.": {fail, optional, waived, waived, release},
		"1 item fails in total; not counted above: 1 waived.":                                {waived},
	} {
		r := report(noon, items...)
		if got := aside(r.Verdicts, r.Ready()); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestFirstSentence(t *testing.T) {
	long := strings.Repeat("word ", 60)
	for in, want := range map[string]string{
		"":                                    "",
		"no end":                              "no end",
		"One. Two.":                           "One.",
		"One.\nTwo.":                          "One.",
		"DB at .env.production:11 is weak":    "DB at .env.production:11 is weak",
		"version 1.4.0 of e.g. nginx. `Next`": "version 1.4.0 of e.g. nginx.",
		"a; b; c":                             "a\u00a0…",
		"Run `a; b. C` now. Then wait.":       "Run `a; b. C` now.",
		"  padded  ":                          "padded",
	} {
		if got := firstSentence(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	for _, in := range []string{long, strings.Repeat("x", 500), strings.Repeat("ü", 500)} {
		if got := firstSentence(in); len([]rune(got)) > maxSentence+2 || !strings.HasSuffix(got, "\u00a0…") || !strings.HasPrefix(in, strings.TrimSuffix(got, "\u00a0…")) {
			t.Errorf("%.20s: %q", in, got)
		}
	}
}

func TestRelative(t *testing.T) {
	for want, d := range map[string]time.Duration{
		"now": 0, "59 s ago": 59 * time.Second, "1 min ago": time.Minute, "59 min ago": time.Hour - time.Second, "1 h ago": time.Hour,
		"47 h ago": 47 * time.Hour, "2 d ago": 48 * time.Hour, "in 3 d": -72 * time.Hour, "in 5 min": -5 * time.Minute,
	} {
		if got := Relative(noon.Add(-d), noon); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
}

// past is a history of one item.
type past []history.Change

func (p past) Changes(string) []history.Change { return p }
func (p past) Source() string                  { return "from a test" }

// began is since when an item has its state.
type began struct {
	at    time.Time
	exact bool
}

func (b began) Since(string) (time.Time, bool) { return b.at, b.exact }
func (b began) Origin() string                 { return "the beginning" }

func TestSince(t *testing.T) {
	for name, tt := range map[string]struct {
		h    History
		want since
	}{
		"no history":    {nil, since{}},
		"nothing known": {began{}, since{}},
		"first verdict": {began{noon.Add(-3 * time.Hour), false}, since{noon.Add(-3 * time.Hour), "the beginning"}},
		"changed":       {began{noon.Add(-3 * time.Hour), true}, since{At: noon.Add(-3 * time.Hour)}},
		"changed now":   {began{noon.Add(-time.Second), true}, since{At: noon.Add(-time.Second)}},
		"just begun":    {began{noon.Add(-time.Second), false}, since{}},
		"in the future": {began{noon.Add(time.Hour), true}, since{}},
	} {
		if got := sinceOf(tt.h, "x", noon); got != tt.want {
			t.Errorf("%s: %+v, want %+v", name, got, tt.want)
		}
	}
}

func TestStrip(t *testing.T) {
	at := func(minutes int, s probe.State) history.Change {
		return history.Change{At: noon.Add(time.Duration(-minutes) * time.Minute), State: s}
	}
	fail, pass, unknown := probe.StateFail, probe.StatePass, probe.StateUnknown
	const none = probe.State(0)
	for name, tt := range map[string]struct {
		h    Strips
		now  probe.State
		want []cell
	}{
		"no history":           {nil, pass, nil},
		"one verdict":          {past{at(30, pass)}, pass, nil},
		"half and half":        {past{at(30, pass), at(15, fail)}, fail, []cell{{pass, 15}, {fail, 15}}},
		"changed now":          {past{at(30, pass), at(0, fail)}, fail, []cell{{pass, 29}, {fail, 1}}},
		"short failure":        {past{at(300, pass), at(155, fail), at(154, pass)}, pass, []cell{{pass, 14}, {fail, 1}, {pass, 15}}},
		"worse within a cell":  {past{at(300, fail), at(155, unknown), at(154, pass)}, pass, []cell{{fail, 15}, {pass, 15}}},
		"in the future":        {past{at(-1, pass), at(-2, fail)}, fail, nil},
		"changed since then":   {past{at(30, pass)}, fail, []cell{{pass, 29}, {fail, 1}}},
		"not observed":         {past{at(30, pass), at(20, none), at(10, pass)}, pass, []cell{{pass, 10}, {none, 10}, {pass, 10}}},
		"failure before a gap": {past{at(300, pass), at(155, fail), at(154, none), at(100, pass)}, pass, []cell{{pass, 14}, {fail, 1}, {none, 5}, {pass, 10}}},
		"observed again now":   {past{at(30, pass), at(20, none)}, pass, []cell{{pass, 10}, {none, 19}, {pass, 1}}},
	} {
		got := stripOf(tt.h, "x", tt.now, noon)
		if !slices.Equal(got.Cells, tt.want) {
			t.Errorf("%s: %v, want %v", name, got.Cells, tt.want)
		}
		width := 0
		for _, c := range got.Cells {
			width += c.Width
		}
		if tt.want != nil && (width != stripCells || !strings.HasPrefix(got.Text, tt.now.String()+" from ") || got.Source != "from a test") {
			t.Errorf("%s: width %d, text %q", name, width, got.Text)
		}
	}
}

// TestGate_NeedsRelease: without a release a gate is neutral on page and badge; with a planned one it is closed.
func TestGate_NeedsRelease(t *testing.T) {
	r := report(noon, item{name: "a", state: probe.StateFail}, item{name: "b", state: probe.StateSkip, reason: probe.ReasonNoRelease, release: true})
	if page := New(r, url.Values{}, Options{}); !page.Gates[0].NoRelease {
		t.Error("the gate is not neutral")
	}
	if b := GateBadge(r.Checklist.Gates[0], r); b.Text != "no release" || b.State != probe.StateSkip {
		t.Errorf("badge %+v", b)
	}
	r.Planned = &attest.Release{}
	if page := New(r, url.Values{}, Options{}); page.Gates[0].NoRelease {
		t.Error("the gate of a planned release is neutral")
	}
	if b := GateBadge(r.Checklist.Gates[0], r); b.Text != "1 failing" || b.State != probe.StateFail {
		t.Errorf("badge %+v", b)
	}
}

// A sign-off that gates do not require is named as such, with the reason.
func TestPage_SignOffNotRequired(t *testing.T) {
	for want, i := range map[string]item{
		"":                                       {name: "a", state: probe.StateFail},
		"<b>not required</b> (no reason given)":  {name: "a", state: probe.StateFail, optional: true},
		"<b>not required</b> (&lt;vacation&gt;)": {name: "a", state: probe.StateFail, optional: true},
	} {
		r := report(noon, i)
		r.Verdicts[0].Probes = []*checklist.Probe{{Kind: probe.Kind{Name: "sign_off"}}}
		if strings.Contains(want, "vacation") {
			r.Verdicts[0].OptionalReason = "<vacation>"
		}
		w := httptest.NewRecorder()
		page := New(r, url.Values{}, Options{})
		if err := page.Write(w); err != nil {
			t.Fatal(err)
		}
		if body := w.Body.String(); strings.Contains(body, "not required</b>") != (want != "") || !strings.Contains(body, want) {
			t.Errorf("no %q", want)
		}
	}
}

func TestBadges(t *testing.T) {
	good, bad := item{name: "a", state: probe.StatePass}, item{name: "a", state: probe.StateFail, waived: true}
	blind := item{name: "a", state: probe.StateUnknown}
	for want, b := range map[string]Badge{
		"shop: ready":                                ReadyBadge("shop", report(noon, good)),
		"shop: 1 without a verdict":                  ReadyBadge("shop", report(noon, blind)),
		"shop: no verdict":                           ReadyBadge("shop", report(noon)),
		"gate pre: passed":                           GateBadge(&checklist.Gate{Name: "pre", Items: nil}, report(noon, good)),
		"Title of a: fail, waived":                   ItemBadge(&report(noon, bad).Verdicts[0]),
		`</title><script>"&: fail`:                   {`</title><script>"&`, "fail", probe.StateFail},
		strings.Repeat("ü", maxBadgeText-1) + "…: x": {strings.Repeat("ü", 300), "x", probe.StateWarn},
	} {
		if want == "gate pre: passed" {
			r := report(noon, good)
			b = GateBadge(r.Checklist.Gates[0], r)
		}
		w := httptest.NewRecorder()
		b.Write(w)
		title, elements := "", map[string]int{}
		d := xml.NewDecoder(w.Body)
		for {
			token, err := d.Token()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", want, err)
			}
			if start, ok := token.(xml.StartElement); ok {
				elements[start.Name.Local]++
				if start.Name.Local == "title" {
					text, err := d.Token()
					if err != nil {
						t.Fatal(err)
					}
					title = string(text.(xml.CharData))
				}
			}
		}
		if title != want || elements["text"] != 2 || elements["script"] > 0 || w.Header().Get("Content-Type") != "image/svg+xml; charset=utf-8" {
			t.Errorf("badge %q, want %q; elements %v", title, want, elements)
		}
	}
	seen := map[string]bool{}
	for _, s := range probe.States() {
		seen[Badge{State: s}.fill()] = true
	}
	if len(seen) != len(probe.States()) {
		t.Errorf("%d colours for %d states", len(seen), len(probe.States()))
	}
}

// TestOverview: worst first; a deployment without a run is neither ready nor failing, and an old verdict says so.
func TestOverview(t *testing.T) {
	good, fail, blind := item{name: "a", state: probe.StatePass}, item{name: "b", state: probe.StateFail}, item{name: "c", state: probe.StateUnknown}
	page := NewOverview(noon, "metrics", true)
	page.Add("ready", "", report(noon, good), noon, nil)
	page.Add("fresh", "", report(noon, good), time.Time{}, nil)
	page.Add("blind", "", report(noon, good, blind), noon, nil)
	page.Add("bad", "", report(noon, fail), noon.Add(-time.Hour), nil)
	page.Add("worse", "prod", report(noon, fail, fail), noon, began{noon.Add(-time.Hour), true})
	w := httptest.NewRecorder()
	if err := page.Write(w); err != nil {
		t.Fatal(err)
	}
	var rows []string
	for _, row := range page.Rows {
		rows = append(rows, row.Name+": "+row.Word)
	}
	if want := []string{"worse: not ready", "bad: not ready", "blind: not ready", "fresh: not checked", "ready: ready"}; !slices.Equal(rows, want) {
		t.Errorf("%q, want %q", rows, want)
	}
	text := w.Body.String()
	for _, want := range []string{"1 of 5 ready", "2 required items fail", "since 1 h ago", "last checked 1 h ago", "No probe has run since the start", `href="?target=worse"`, `href="?state=fail&amp;target=bad"`} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in %s", want, text)
		}
	}
	if got := w.Header().Get("Refresh"); got != "60; url=?refresh=60" {
		t.Errorf("Refresh: %q", got)
	}
	all := NewOverview(noon, "metrics", false)
	all.Add("a", "", report(noon, good), noon, nil)
	w = httptest.NewRecorder()
	if err := all.Write(w); err != nil || !all.Ready || w.Header().Get("Refresh") != "" {
		t.Errorf("%v, ready %v, Refresh %q", err, all.Ready, w.Header().Get("Refresh"))
	}
}

func TestPage_Refresh(t *testing.T) {
	r := report(noon, item{name: "a", state: probe.StateFail})
	for query, want := range map[string]string{
		"":                               "60; url=?&refresh=60",
		"target=a%26b&state=fail":        "60; url=?state=fail&target=a%26b&refresh=60",
		"target=shop&refresh=60":         "60; url=?target=shop&refresh=60",
		"refresh=0":                      "",
		"target=shop&refresh=0":          "",
		"target=shop&refresh=%0d%0aX: y": "60; url=?target=shop&refresh=60",
	} {
		q, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		page, w := New(r, q, Options{}), httptest.NewRecorder()
		if err := page.Write(w); err != nil {
			t.Fatal(err)
		}
		if got := w.Header().Get("Refresh"); got != want {
			t.Errorf("%s: %q, want %q", query, got, want)
		}
		if still := strings.Contains(w.Body.String(), "refreshed every minute"); still != (want != "") {
			t.Errorf("%s: the page says otherwise", query)
		}
		if keeps := strings.Contains(page.Everything, "refresh=0"); keeps != (want == "") {
			t.Errorf("%s: links lead to %s", query, page.Everything)
		}
	}
}
