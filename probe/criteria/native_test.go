package criteria

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/thenexusengine/catalyst_exporter/internal/parts"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// TestMeasurements_OfNativeHistograms scrapes native histograms, which only the protobuf format has.
func TestMeasurements_OfNativeHistograms(t *testing.T) {
	registry := prometheus.NewRegistry()
	histogram := func(name string) prometheus.Histogram {
		h := prometheus.NewHistogram(prometheus.HistogramOpts{Name: name, Help: name, NativeHistogramBucketFactor: 1.1})
		registry.MustRegister(h)
		return h
	}
	fast, slow, few := histogram("fast"), histogram("slow"), histogram("few")
	histogram("idle")
	few.Observe(0.01)
	app := httptest.NewServer(promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	t.Cleanup(app.Close)
	server := parts.Prometheus(t, fmt.Sprintf(`
global: {scrape_interval: 1s, scrape_timeout: 1s}
scrape_configs:
- {job_name: catalyst, static_configs: [{targets: ['%s']}]}
`, strings.TrimPrefix(app.URL, "http://")), nil, "--enable-feature=native-histograms")
	first := probetest.NewPass(t, nil, settingsAt(server.URL, "catalyst"))
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			case <-time.After(20 * time.Millisecond):
				for range 20 {
					fast.Observe(0.01)
					slow.Observe(0.5)
				}
			}
		}
	}()
	t.Cleanup(func() { close(stop); <-done })
	for _, tt := range []struct {
		family string
		state  probe.State
		reason probe.Reason
		detail string
	}{
		{"fast", probe.StatePass, "", "fast in job"},
		{"slow", probe.StateFail, probe.ReasonThreshold, "must be below 0.2"},
		{"idle", probe.StatePending, probe.ReasonInProgress, "no traffic"},
		{"few", probe.StatePending, probe.ReasonInProgress, ""},
	} {
		t.Run(tt.family, func(t *testing.T) {
			spec := "{p95: [" + tt.family + "], below: 0.2, window: 1m, min_coverage: 0}"
			parts.Eventually(t, func() error {
				r := probetest.Look(t, probetest.Again(first), PrometheusQueryKind(), spec)
				if r.State != tt.state || r.Reason != tt.reason || !strings.Contains(r.Detail, tt.detail) {
					return fmt.Errorf("%+v", r)
				}
				return nil
			})
		})
	}
	// The same application without native histograms: its text has only the count of each, which proves nothing.
	classic := parts.Prometheus(t, fmt.Sprintf(`
global: {scrape_interval: 1s, scrape_timeout: 1s}
scrape_configs:
- {job_name: catalyst, static_configs: [{targets: ['%s']}]}
`, strings.TrimPrefix(app.URL, "http://")), nil)
	classic.AwaitScrapes(t, 1)
	p := probetest.NewPass(t, nil, settingsAt(classic.URL, "catalyst"))
	for _, family := range []string{"fast", "slow"} {
		r := probetest.Look(t, p, PrometheusQueryKind(), "{p95: ["+family+"], below: 0.2, window: 1m, min_coverage: 0}")
		if r.State != probe.StateUnknown {
			t.Errorf("%s without native histograms: %+v", family, r)
		}
	}
}
