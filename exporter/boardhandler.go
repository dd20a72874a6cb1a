package exporter

import (
	"fmt"
	"net/http"
	"net/url"

	"github.com/thenexusengine/catalyst_exporter/collector"
	"github.com/thenexusengine/catalyst_exporter/exporter/board"
)

func (s *server) board(w http.ResponseWriter, r *http.Request) {
	set, done := s.use()
	defer done()
	name := r.URL.Query().Get("target")
	t := set.find(name)
	if t == nil && name == "" {
		t = set.targets[0]
	}
	if t == nil {
		http.Error(w, fmt.Sprintf("no target of this name; configured targets: %q", set.names()), http.StatusNotFound)
		return
	}
	ctx, cancel := s.withTimeout(r)
	defer cancel()
	page := board.New(t.collector.Collect(ctx, collector.Selection{}, false), r.URL.Query())
	page.Target, page.Environment, page.Metrics = t.name, t.deploy.Environment, s.flags.telemetryPath
	if t.name != "" {
		page.Metrics = "/probe?target=" + url.QueryEscape(t.name)
		for _, other := range set.names() {
			page.Targets = append(page.Targets, board.Link{Text: other, URL: "?target=" + url.QueryEscape(other), Current: other == t.name})
		}
	}
	if err := page.Write(w); err != nil {
		s.app.log.Error("board", "err", err)
		http.Error(w, "cannot render the board; see the log for the cause", http.StatusInternalServerError)
	}
}
