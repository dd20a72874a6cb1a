package server

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/pprof"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/thenexusengine/catalyst_exporter/checklist"
	"github.com/thenexusengine/catalyst_exporter/collector"
	"github.com/thenexusengine/catalyst_exporter/exporter/config"
	"github.com/thenexusengine/catalyst_exporter/exporter/format"
	"github.com/thenexusengine/catalyst_exporter/exporter/metricspage"
	"github.com/thenexusengine/catalyst_exporter/exporter/selection"
)

// handler is the HTTP side. It serves GET and HEAD only, except for reloading, and reads nothing of a request but its
// path, its query and the headers about timeout and format.
func (s *server) handler() http.Handler {
	mux := http.NewServeMux()
	for _, r := range s.routes() {
		mux.HandleFunc(r.method+" "+r.path, r.handle)
	}
	if s.options.Pprof {
		mux.HandleFunc("GET /debug/pprof/", pprof.Index)
		mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
		mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
		mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	}
	guarded := s.hosts.guard(s.below(mux))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		h.Set("Cross-Origin-Resource-Policy", "same-origin") // a page of another site does not even learn the status
		h.Set("Content-Security-Policy",
			"default-src 'none'; style-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'")
		r.Body = http.MaxBytesReader(w, r.Body, 0)
		if !strings.HasPrefix(r.URL.Path, s.options.RoutePrefix+"/debug/pprof/") { // a profile chooses its own duration
			// Disconnects a client that does not read. Connections use the system clock, so this deadline does as well.
			_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(s.timeout(r) + writeTimeout))
		}
		guarded.ServeHTTP(w, r)
	})
}

// route is one operation. The OpenAPI document describes all of them.
type route struct {
	method, path string
	handle       http.HandlerFunc
}

func (s *server) routes() []route {
	says := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(text)) }
	}
	return []route{
		{http.MethodGet, "/{$}", s.board},
		{http.MethodGet, "/badge.svg", s.badge},
		{http.MethodGet, s.options.TelemetryPath, s.metrics},
		{http.MethodGet, "/probe", s.probe},
		{http.MethodGet, "/sd", s.discovery},
		{http.MethodGet, "/api/v1/checks", s.checks},
		{http.MethodGet, "/api/v1/ready", s.ready},
		{http.MethodGet, "/api/v1/openapi.json", s.openAPI},
		{http.MethodGet, "/-/healthy", says(HealthyBody)},
		{http.MethodGet, "/-/ready", says("ready\n")},
		{http.MethodPost, "/-/reload", s.handleReload},
	}
}

// metrics serves a single deployment and the exporter itself; with targets, only the exporter itself.
func (s *server) metrics(w http.ResponseWriter, r *http.Request) {
	conf, done := s.use()
	defer done()
	page := metricspage.Scrape{Self: s.self.Registry}
	if conf.Single() {
		t := conf.Targets[0]
		report, ok := s.collect(w, r, r.URL.Query(), conf, t)
		if !ok {
			return
		}
		page.Report, page.Cache = report, t.Pages
	}
	s.pages.Serve(w, r, page, errorLog{s.log})
}

// probe serves one target. It takes the name of a configured target, never an address.
func (s *server) probe(w http.ResponseWriter, r *http.Request) {
	conf, done := s.use()
	defer done()
	query := r.URL.Query()
	name := query.Get("target")
	t := conf.Find(name)
	if t == nil || name == "" {
		http.Error(w, fmt.Sprintf("no target of this name; configured targets: %q", conf.Names()), http.StatusNotFound)
		return
	}
	if report, ok := s.collect(w, r, query, conf, t); ok {
		s.pages.Serve(w, r, metricspage.Scrape{Report: report, Cache: t.Pages}, errorLog{s.log})
	}
}

// collect checks the selected items of a target. When the selection is invalid, it responds and returns false.
func (s *server) collect(
	w http.ResponseWriter, r *http.Request, query url.Values, conf *config.Config, t *config.Target,
) (*collector.Report, bool) {
	sel, err := selection.Of(t.Checklist, query["collect[]"], nil)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return nil, false
	}
	ctx, cancel := s.withTimeout(r)
	defer cancel()
	report := s.report(ctx, t, sel)
	t.Freezer.Freeze(report)
	return report, true
}

// scrapeMargin is the part of the scrape timeout of Prometheus that is reserved for rendering and sending.
const scrapeMargin = 250 * time.Millisecond

// timeout is how long a request waits for probes: as long as Prometheus does, else --scrape.timeout.
func (s *server) timeout(r *http.Request) time.Duration {
	header := r.Header.Get("X-Prometheus-Scrape-Timeout-Seconds")
	if sec, err := strconv.ParseFloat(header, 64); err == nil && sec > 0 && sec < 3600 {
		timeout := time.Duration(sec * float64(time.Second))
		return max(timeout-scrapeMargin, timeout/2)
	}
	return s.options.ScrapeTimeout
}

func (s *server) withTimeout(r *http.Request) (context.Context, context.CancelFunc) {
	return context.WithTimeout(r.Context(), s.timeout(r))
}

// requestedTarget returns the target of ?target=, or the only one. When there is none, it responds and returns nil.
func requestedTarget(w http.ResponseWriter, r *http.Request, conf *config.Config) *config.Target {
	name := r.URL.Query().Get("target")
	if name == "" && len(conf.Targets) == 1 {
		return conf.Targets[0]
	}
	t := conf.Find(name)
	if t == nil {
		http.Error(w, fmt.Sprintf("choose one of the targets with ?target=: %q", conf.Names()), http.StatusNotFound)
	}
	return t
}

func (s *server) checks(w http.ResponseWriter, r *http.Request) {
	conf, done := s.use()
	defer done()
	t := requestedTarget(w, r, conf)
	if t == nil {
		return
	}
	ctx, cancel := s.withTimeout(r)
	defer cancel()
	report := s.report(ctx, t, collector.Selection{})
	data, err := format.Encode(report, conf.Digest, t.History.Past(), nil)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(data)
}

// ready responds with 200 when the deployment, a gate or a category is ready, else with 503 and the items that are not.
func (s *server) ready(w http.ResponseWriter, r *http.Request) {
	conf, done := s.use()
	defer done()
	t := requestedTarget(w, r, conf)
	if t == nil {
		return
	}
	q := r.URL.Query()
	gate := t.Checklist.Gate(q.Get("gate"))
	if q.Get("gate") != "" && (gate == nil || q.Get("category") != "") {
		message := fmt.Sprintf("set either gate or category; the gates are %q", selection.Gates(t.Checklist))
		http.Error(w, message, http.StatusBadRequest)
		return
	}
	sel, err := selection.Of(t.Checklist, slices.DeleteFunc(q["category"], func(c string) bool { return c == "" }), nil)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	ctx, cancel := s.withTimeout(r)
	defer cancel()
	answer := selection.Decide(s.report(ctx, t, sel), sel, gate, false)
	w.Header().Set("Content-Type", "application/json")
	if !answer.Ready {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_ = json.NewEncoder(w).Encode(struct {
		Ready   bool     `json:"ready"`
		Failing []string `json:"failing"`
		Waiting []string `json:"waiting"`
	}{answer.Ready, ids(answer.Failing), ids(answer.Waiting)})
}

func ids(verdicts []*checklist.Verdict) []string {
	all := []string{}
	for _, v := range verdicts {
		all = append(all, v.ID())
	}
	return all
}

func (s *server) handleReload(w http.ResponseWriter, _ *http.Request) {
	if !s.options.Lifecycle {
		message := "reloading over HTTP is disabled: start with --web.enable-lifecycle, or send SIGHUP"
		http.Error(w, message, http.StatusForbidden)
		return
	}
	if err := s.reloadNow(); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	_, _ = w.Write([]byte("reloaded\n"))
}
