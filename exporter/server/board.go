package server

import (
	"fmt"
	"net/http"
	"net/url"

	"github.com/thenexusengine/catalyst_exporter/collector"
	"github.com/thenexusengine/catalyst_exporter/exporter/board"
)

func (s *server) board(w http.ResponseWriter, r *http.Request) {
	conf, done := s.use()
	defer done()
	name := r.URL.Query().Get("target")
	t := conf.Find(name)
	if t == nil && name == "" {
		t = conf.Targets[0]
	}
	if t == nil {
		http.Error(w, fmt.Sprintf("no target of this name; configured targets: %q", conf.Names()), http.StatusNotFound)
		return
	}
	ctx, cancel := s.withTimeout(r)
	defer cancel()
	report := t.Collector.Collect(ctx, collector.Selection{}, false)
	t.History.Observe(report)
	page := board.New(report, r.URL.Query())
	page.Past = t.History.Past()
	page.Target, page.Environment, page.Metrics = t.Name, t.Deployment.Environment, s.options.TelemetryPath
	if t.Name != "" {
		page.Metrics = "/probe?target=" + url.QueryEscape(t.Name)
		for _, other := range conf.Names() {
			page.Targets = append(page.Targets, board.Link{Text: other, URL: "?target=" + url.QueryEscape(other), Current: other == t.Name})
		}
	}
	if err := page.Write(w); err != nil {
		s.log.Error("board", "err", err)
		http.Error(w, "cannot render the board; see the log for the cause", http.StatusInternalServerError)
	}
}
