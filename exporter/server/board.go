package server

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"sync"

	"github.com/thenexusengine/catalyst_exporter/checklist"
	"github.com/thenexusengine/catalyst_exporter/collector"
	"github.com/thenexusengine/catalyst_exporter/exporter/board"
	"github.com/thenexusengine/catalyst_exporter/exporter/config"
	"github.com/thenexusengine/catalyst_exporter/exporter/history"
	"github.com/thenexusengine/catalyst_exporter/exporter/selection"
)

// pasts remembers how the verdicts of each deployment changed, across reloads.
type pasts struct {
	mu  sync.Mutex
	all map[string]*history.Memory
}

// of returns the memory of a deployment. Another folder under the same name is another deployment.
func (p *pasts) of(t *config.Target) *history.Memory {
	p.mu.Lock()
	defer p.mu.Unlock()
	key := t.Name + "\x00" + t.Deployment.Root
	if p.all == nil {
		p.all = map[string]*history.Memory{}
	}
	if p.all[key] == nil {
		p.all[key] = history.NewMemory()
	}
	return p.all[key]
}

// knownPast returns the past that reaches back furthest without a query: of the state directory, if it holds anything, or
// since the start.
func (s *server) knownPast(t *config.Target, past *history.Past) interface {
	board.History
	board.Strips
} {
	if past != nil && len(past.Items) > 0 {
		return past
	}
	return s.pasts.of(t)
}

// report runs what is due of the selection, and remembers what changed.
func (s *server) report(ctx context.Context, t *config.Target, sel collector.Selection) *collector.Report {
	r := t.Collector.Collect(ctx, sel, false)
	s.pasts.of(t).Note(r)
	t.History.Observe(r)
	return r
}

// board serves the page of a deployment; without a target, and with several, the overview. A page that refreshes itself
// and the overview show what is known and run nothing, so that an open browser is no burden on what is checked.
func (s *server) board(w http.ResponseWriter, r *http.Request) {
	set, done := s.use()
	defer done()
	q := r.URL.Query()
	if q.Get("target") == "" && len(set.Targets) > 1 {
		s.overview(w, set, q.Get("refresh") != "0")
		return
	}
	t := s.shown(w, set, q.Get("target"))
	if t == nil {
		return
	}
	o := board.Options{Name: nameOf(t), Target: t.Name, Environment: t.Deployment.Environment, Metrics: metricsOf(s, t)}
	if t.Name != "" {
		q.Set("target", t.Name)
	}
	if len(set.Targets) > 1 {
		o.Targets = append(o.Targets, board.Link{Text: "All deployments", URL: "./"})
		for _, other := range set.Names() {
			o.Targets = append(o.Targets, board.Link{Text: other, URL: "?target=" + url.QueryEscape(other), Current: other == t.Name})
		}
	}
	var report *collector.Report
	if refreshed := q.Get("refresh"); refreshed != "" && refreshed != "0" {
		report, o.Checked = t.Collector.Known()
	}
	if o.Checked.IsZero() {
		ctx, cancel := s.withTimeout(r)
		defer cancel()
		report = s.report(ctx, t, collector.Selection{})
	}
	o.Past = t.History.Past()
	known := s.knownPast(t, o.Past)
	o.History, o.Strips = known, known
	if cells := t.Chart.Cells(r.Context()); cells != nil {
		o.Strips = cells
	} else {
		o.NoChart = t.Chart != nil
	}
	page := board.New(report, q, o)
	s.write(w, page.Write)
}

// shown returns the target of a name, or the first one. It responds and returns nil when there is none.
func (s *server) shown(w http.ResponseWriter, set *config.Config, name string) *config.Target {
	t := set.Find(name)
	if t == nil && name == "" {
		t = set.Targets[0]
	}
	if t == nil {
		http.Error(w, fmt.Sprintf("no target of this name; configured targets: %q", set.Names()), http.StatusNotFound)
	}
	return t
}

// nameOf is the name of a deployment for people: that of its target, else of its folder.
func nameOf(t *config.Target) string {
	if t.Name != "" {
		return t.Name
	}
	return filepath.Base(t.Deployment.Root)
}

// metricsOf returns the URL of a target's metrics, relative to the board.
func metricsOf(s *server, t *config.Target) string {
	if t.Name != "" {
		return "probe?target=" + url.QueryEscape(t.Name)
	}
	return s.options.TelemetryPath[1:]
}

func (s *server) write(w http.ResponseWriter, page func(http.ResponseWriter) error) {
	if err := page(w); err != nil {
		s.log.Error("board", "err", err)
		http.Error(w, "cannot render the board; see the log for the cause", http.StatusInternalServerError)
	}
}

func (s *server) overview(w http.ResponseWriter, set *config.Config, refresh bool) {
	page := board.NewOverview(s.source.Now(), s.options.TelemetryPath[1:], refresh)
	for _, t := range set.Targets {
		report, last := t.Collector.Known()
		page.Add(t.Name, t.Deployment.Environment, report, last, s.knownPast(t, t.History.Past()))
	}
	s.write(w, page.Write)
}

// badge serves a picture of one verdict: of a deployment, a gate or an item.
func (s *server) badge(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cross-Origin-Resource-Policy", "cross-origin") // it is made for other pages
	set, done := s.use()
	defer done()
	q := r.URL.Query()
	if q.Get("target") == "" && len(set.Targets) > 1 {
		http.Error(w, fmt.Sprintf("set target to one of %q", set.Names()), http.StatusBadRequest)
		return
	}
	t := s.shown(w, set, q.Get("target"))
	if t == nil {
		return
	}
	gate, item := t.Checklist.Gate(q.Get("gate")), q.Get("item")
	if q.Get("gate") != "" && (gate == nil || item != "") {
		http.Error(w, fmt.Sprintf("set either gate or item; the gates are %q", selection.Gates(t.Checklist)), http.StatusBadRequest)
		return
	}
	ctx, cancel := s.withTimeout(r)
	defer cancel()
	report := s.report(ctx, t, collector.Selection{})
	switch {
	case gate != nil:
		board.GateBadge(gate, report).Write(w)
	case item != "":
		i := slices.IndexFunc(report.Verdicts, func(v checklist.Verdict) bool { return v.ID() == item })
		if i < 0 {
			http.Error(w, "unknown item: set item to category/item", http.StatusNotFound)
			return
		}
		board.ItemBadge(&report.Verdicts[i]).Write(w)
	default:
		board.ReadyBadge(nameOf(t), report).Write(w)
	}
}
