package exporter

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/version"

	"github.com/thenexusengine/catalyst_exporter/attest"
	"github.com/thenexusengine/catalyst_exporter/checklist"
	"github.com/thenexusengine/catalyst_exporter/collector"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// The board is one page: rendered here, with its style inside and nothing else to load, so that it works from a jump host, on paper, without
// scripts and behind a strict content security policy, which allows this very style by its digest.

//go:embed board.html
var boardHTML string

//go:embed board.css
var boardCSS string

// boardPage is what the page is made of.
type boardPage struct {
	CSS         template.CSS
	Title       string
	Target      string // name of the target shown; "" for the only one
	Targets     []link // the others
	Environment string
	Checklist   string
	Time        time.Time
	Version     string
	Ready       bool
	Failing     []string
	Waiting     []string
	Gates       []boardGate
	States      []link // filters
	Filters     []link // by category
	Categories  []boardCategory
	Shown, All  int
	Metrics     string
	Releases    []string // what is planned and what is recorded
}

// link is a plain link that a filter is made of.
type link struct {
	Text, URL string
	Count     int
	Current   bool
	State     probe.State
}

type boardGate struct {
	Name             string
	Ready            bool
	Failing, Waiting int
}

type boardCategory struct {
	Name, Title string
	Ready       bool
	Counts      []link
	Items       []boardItem
}

type boardItem struct {
	*checklist.Verdict
	Anchor      string
	WaiverUntil string
	Lapsed      bool
	Probes      []checklist.Outcome
}

func (s *server) board(w http.ResponseWriter, r *http.Request) {
	set, done := s.use()
	defer done()
	name := r.URL.Query().Get("target")
	t := set.find(name)
	if t == nil && name == "" {
		t = set.targets[0]
	}
	if t == nil {
		http.Error(w, fmt.Sprintf("there is no target of this name; configured are: %q", set.names()), http.StatusNotFound)
		return
	}
	ctx, cancel := s.deadline(r)
	defer cancel()
	page := newBoard(t.collector.Collect(ctx, collector.Selection{}, false), r.URL.Query())
	page.Target, page.Environment, page.Metrics = t.name, t.deploy.Environment, s.flags.telemetryPath
	if t.name != "" {
		page.Metrics = "/probe?target=" + url.QueryEscape(t.name)
		for _, other := range set.names() {
			page.Targets = append(page.Targets, link{Text: other, URL: "?target=" + url.QueryEscape(other), Current: other == t.name})
		}
	}
	var b strings.Builder
	if err := boardTemplate().Execute(&b, page); err != nil {
		s.app.log.Error("board", "err", err)
		http.Error(w, "the board could not be rendered; the log says why", http.StatusInternalServerError)
		return
	}
	sum := sha256.Sum256([]byte(boardCSS))
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'")
	_, _ = w.Write([]byte(b.String()))
}

func boardTemplate() *template.Template {
	return template.Must(template.New("board").Funcs(template.FuncMap{
		"mark":   func(s probe.State) string { m, _ := sign(s); return m },
		"rfc":    func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
		"human":  func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") },
		"anchor": anchor,
	}).Parse(boardHTML))
}

// newBoard arranges a report; the query's state and category narrow what is listed, never what is counted.
func newBoard(r *collector.Report, q url.Values) boardPage {
	ready := r.Ready()
	page := boardPage{CSS: template.CSS(boardCSS), Title: r.Checklist.Name, Checklist: r.Checklist.Name, Time: r.Time, Version: version.Version, //nolint:gosec // the style is our own file
		Ready: ready.Ready, Failing: ids(ready.Failing), Waiting: ids(ready.Waiting), All: len(r.Verdicts)}
	for phase, release := range map[string]*attest.Release{"planned": r.Planned, "recorded": r.Recorded} {
		if release != nil {
			page.Releases = append(page.Releases, fmt.Sprintf("%s %s, %s", phase, release.Release, release.Since.UTC().Format("2006-01-02 15:04 UTC")))
		}
	}
	slices.Sort(page.Releases)
	for _, g := range r.Checklist.Gates {
		a := r.Gate(g)
		page.Gates = append(page.Gates, boardGate{g.Name, a.Ready, len(a.Failing), len(a.Waiting)})
	}
	state, category := q.Get("state"), q.Get("category")
	with := func(state, category string) string {
		v := url.Values{}
		for key, value := range map[string]string{"state": state, "category": category, "target": q.Get("target")} {
			if value != "" {
				v.Set(key, value)
			}
		}
		return "?" + v.Encode()
	}
	counts := map[probe.State]int{}
	for _, v := range r.Verdicts {
		counts[v.State]++
	}
	page.States = []link{{Text: "all states", URL: with("", category), Count: len(r.Verdicts), Current: state == ""}}
	for _, st := range probe.States() {
		page.States = append(page.States, link{Text: st.String(), URL: with(st.String(), category), Count: counts[st], Current: state == st.String(), State: st})
	}
	page.Filters = []link{{Text: "all categories", URL: with(state, ""), Count: len(r.Verdicts), Current: category == ""}}
	for _, cat := range r.Checklist.Categories {
		verdicts := r.Category(cat.Name)
		page.Filters = append(page.Filters, link{Text: cat.Title, URL: with(state, cat.Name), Count: len(verdicts), Current: category == cat.Name})
		if category != "" && category != cat.Name {
			continue
		}
		bc := boardCategory{Name: cat.Name, Title: cat.Title, Ready: checklist.ReadyAll(verdicts, false).Ready}
		for _, st := range probe.States() {
			n := len(slices.DeleteFunc(slices.Clone(verdicts), func(v checklist.Verdict) bool { return v.State != st }))
			if n > 0 {
				bc.Counts = append(bc.Counts, link{Text: st.String(), Count: n, State: st})
			}
		}
		for i := range verdicts {
			if state == "" || verdicts[i].State.String() == state {
				bc.Items = append(bc.Items, newBoardItem(&verdicts[i]))
			}
		}
		page.Shown += len(bc.Items)
		if len(bc.Items) > 0 {
			page.Categories = append(page.Categories, bc)
		}
	}
	return page
}

// layers in the order they are shown: from what was meant to what is.
func layers() []probe.Layer {
	return []probe.Layer{probe.LayerDeclared, probe.LayerRunning, probe.LayerLive, probe.LayerEvidence, probe.LayerAttested, probe.LayerDerived}
}

func newBoardItem(v *checklist.Verdict) boardItem {
	it := boardItem{Verdict: v, Anchor: anchor(v.ID()), Probes: slices.Clone(v.Outcomes)}
	slices.SortStableFunc(it.Probes, func(a, b checklist.Outcome) int {
		return slices.Index(layers(), a.Probe.Kind.Layer) - slices.Index(layers(), b.Probe.Kind.Layer)
	})
	if v.Waiver != nil {
		it.WaiverUntil = v.Waiver.Expires.AddDate(0, 0, -1).Format(time.DateOnly)
		it.Lapsed = !v.Waived
	}
	return it
}

// anchor is where an item stands on the page.
func anchor(id string) string { return strings.ReplaceAll(id, "/", "-") }
