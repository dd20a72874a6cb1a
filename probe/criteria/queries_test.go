package criteria

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/parts"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

func settingsAt(url, job string) deployment.Settings {
	return deployment.Settings{Prometheus: deployment.Prometheus{URL: url, Job: job, HTTP: deployment.HTTP{Timeout: probetest.Patience(probe.ReasonNone)}}}
}

// TestQueries runs own queries on a real Prometheus.
func TestQueries(t *testing.T) {
	app := probetest.Site(t, map[string]http.HandlerFunc{"/metrics": func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprint(w, "# TYPE pbs_requests_total counter\npbs_requests_total 0\n# TYPE pbs_latency_seconds histogram\npbs_latency_seconds_bucket{le=\"0.1\"} 90\npbs_latency_seconds_bucket{le=\"0.5\"} 100\npbs_latency_seconds_bucket{le=\"+Inf\"} 100\npbs_latency_seconds_sum 5\npbs_latency_seconds_count 100\n")
	}})
	address := strings.TrimPrefix(app.URL, "http://")
	server := parts.Prometheus(t, fmt.Sprintf(`
global: {scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}
scrape_configs:
- {job_name: catalyst, static_configs: [{targets: ['%s']}]}
- {job_name: half, static_configs: [{targets: ['%s']}]}
`, address, parts.Refusing(t)), nil)
	first := probetest.NewPass(t, nil, settingsAt(server.URL, "catalyst"))
	look := func(spec string) probe.Result {
		return probetest.Look(t, probetest.Again(first), PrometheusQueryKind(), spec)
	}
	parts.Eventually(t, func() error {
		if r := look(`{queries: ['sum(rate(pbs_requests_total[1m])) + count(up == 0)'], at_most: 1}`); r.State != probe.StatePass {
			return fmt.Errorf("%+v", r)
		}
		return nil
	})
	for _, tt := range []struct {
		spec   string
		state  probe.State
		reason probe.Reason
		detail string
	}{
		{"{queries: ['up{job=\"${job}\"}'], above: 0.5}", probe.StatePass, "", "1, above 0.5"},
		{"{queries: ['up{job=\"${job}\"}'], below: 0.5}", probe.StateFail, probe.ReasonThreshold, "value is 1, must be below 0.5"},
		{"{queries: [nothing_here, 'vector(3)'], below: 5}", probe.StatePass, "", "3, below 5"},
		{"{queries: ['vector(${cpus})', 'vector(3)'], at_most: 3}", probe.StatePass, "", "3, at most 3"},
		{"{queries: ['vector(3)'], at_least: 4}", probe.StateFail, probe.ReasonThreshold, "at least 4"},
		{"{queries: ['scalar(vector(3))'], below: 5}", probe.StatePass, "", ""},
		{"{queries: [nothing_here], below: 5}", probe.StateUnknown, probe.ReasonEmpty, "no data"},
		{"{queries: ['vector(0)/vector(0)'], below: 5}", probe.StateUnknown, probe.ReasonEmpty, "no data"},
		{"{queries: ['vector(0)/vector(0)'], below: 5, traffic: ['sum(rate(pbs_requests_total[1m]))', 'vector(0)']}", probe.StatePending, probe.ReasonInProgress, "no traffic"},
		{"{queries: ['vector(0)/vector(0)'], below: 5, traffic: ['vector(2)']}", probe.StateUnknown, probe.ReasonEmpty, ""},
		{"{queries: ['vector(3)'], below: 5, at_least: 1}", probe.StatePass, "", ""},
		{"{queries: ['vector(0.5)'], below: 5, at_least: 1}", probe.StateFail, probe.ReasonThreshold, "value is 0.5, must be at least 1 and below 5"},
		{"{queries: ['vector(7)'], below: 5, above: 1}", probe.StateFail, probe.ReasonThreshold, "value is 7, must be above 1 and below 5"},
		{"{queries: ['min(up{job=~\"${jobs}\"})'], at_least: 1}", probe.StatePass, "", ""},
		{"{queries: ['time() - vector(1e12)'], below: 5}", probe.StateUnknown, probe.ReasonInvalid, "future or in milliseconds"},
		{"{queries: ['up{'], below: 5}", probe.StateUnknown, probe.ReasonInvalid, "rejects the query"},
		{"{queries: ['up[5m]'], below: 5}", probe.StateUnknown, probe.ReasonInvalid, "matrix"},
		{"{queries: ['up{job=\"half\"}'], above: 0}", probe.StateFail, probe.ReasonThreshold, "value is 0, must be above 0"},
		{"{queries: ['vector(0.05)'], below: 0.1, buckets: ['pbs_latency_seconds_bucket{job=\"${job}\"}']}", probe.StatePass, "", ""},
		{"{queries: ['vector(0.05)'], below: 0.2, buckets: [pbs_latency_seconds_bucket]}", probe.StateWarn, probe.ReasonThreshold, "no bucket boundary at 0.2"},
	} {
		r := look(tt.spec)
		probetest.Expect(t, r, tt.state, tt.reason, tt.detail)
		if _, ok := probetest.Measured(r, CriterionThreshold); !ok {
			t.Errorf("%s: no threshold is measured", tt.spec)
		}
	}
	for _, bad := range []string{"{queries: [up]}", "{queries: [up], below: 1, at_most: 1}", "{queries: [up], above: 1, at_least: 1}", "{errors: [a], increase: [b], below: 1}", "{age: [a], above: 1}", "{queries: [], below: 1}"} {
		if _, ps := probetest.Decode(PrometheusQueryKind(), bad); len(ps) == 0 {
			t.Errorf("%s loads", bad)
		}
	}
	server.Stop()
	probetest.Expect(t, look("{queries: [up], below: 1}"), probe.StateUnknown, probe.ReasonUnreachable, "")
}

// TestQueries_OfAnotherService puts other services in the place of Prometheus.
func TestQueries_OfAnotherService(t *testing.T) {
	for name, body := range map[string]string{"HTML": "<html>", "empty": "", "other JSON": "{}", "null data": `{"status":"success","data":null}`, "odd data": `{"status":"success","data":7}`} {
		t.Run(name, func(t *testing.T) {
			s := probetest.Site(t, map[string]http.HandlerFunc{"/api/v1/query": probetest.Says(200, body), "/api/v1/targets": probetest.Says(200, body)})
			for _, spec := range []string{"{queries: [up], below: 5}", "{errors: [a_total], below: 0.1}", "{p95: [a], below: 0.1}", "{age: [a], below: 9}", "{targets: true, at_least: 1}", "{increase: [a_total], at_most: 0}"} {
				if r := probetest.Look(t, probetest.NewPass(t, nil, settingsAt(s.URL, "catalyst")), PrometheusQueryKind(), spec); r.State != probe.StateUnknown {
					t.Errorf("%s: %+v", spec, r)
				}
			}
		})
	}
}
