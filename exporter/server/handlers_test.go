package server

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/collector"
	"github.com/thenexusengine/catalyst_exporter/exporter/config"
)

// deadlines records the write deadline that a handler sets.
type deadlines struct {
	*httptest.ResponseRecorder
	until time.Time
}

func (d *deadlines) SetWriteDeadline(at time.Time) error { d.until = at; return nil }

// TestResponses_HaveWriteDeadline checks that a client that does not read the response is disconnected.
func TestResponses_HaveWriteDeadline(t *testing.T) {
	from := config.Source{Root: t.TempDir(), Now: time.Now, Getenv: func(string) (string, bool) { return "", false }, Log: slog.New(slog.DiscardHandler)}
	limits := collector.NewLimits()
	loaded, err := from.Load(limits)
	if err != nil {
		t.Fatal(err)
	}
	o := Options{TelemetryPath: "/metrics", ScrapeTimeout: 7 * time.Second}
	hosts, err := newHostRules(o)
	if err != nil {
		t.Fatal(err)
	}
	s := newServer(from, o, hosts, limits, loaded)
	defer s.close()
	for header, want := range map[string]time.Duration{"": 7 * time.Second, "2": 1750 * time.Millisecond} {
		for _, path := range []string{"/", "/metrics", "/sd", "/-/healthy", "/nope"} {
			w := &deadlines{ResponseRecorder: httptest.NewRecorder()}
			q := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
			q.Header.Set("X-Prometheus-Scrape-Timeout-Seconds", header)
			before := time.Now()
			s.handler().ServeHTTP(w, q)
			if from, to := before.Add(want+writeTimeout), time.Now().Add(want+writeTimeout); w.until.Before(from) || w.until.After(to) {
				t.Errorf("%s with %q: until %v, want between %v and %v", path, header, w.until, from, to)
			}
		}
	}
}
