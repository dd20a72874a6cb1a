package kinds

import (
	"strings"
	"testing"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/criteria"
	"github.com/thenexusengine/catalyst_exporter/probe/grafana"
	"github.com/thenexusengine/catalyst_exporter/probe/httpcheck"
	"github.com/thenexusengine/catalyst_exporter/probe/monitoring"
)

// TestWebFaults puts every fault in the place of every service that is asked over HTTP. Where being reachable is the claim the verdict is that of
// the health endpoints, elsewhere the same faults blind the probe.
func TestWebFaults(t *testing.T) {
	kinds := []struct {
		kind, spec string
		claim      bool
		at         func(url string, h deployment.HTTP) deployment.Settings
	}{
		{"web_page", "{path: /health, mentions: [privacy]}", true, func(u string, h deployment.HTTP) deployment.Settings {
			return deployment.Settings{Public: deployment.Public{URL: u}}
		}},
		{"openapi", "{paths: [/health]}", true, func(u string, h deployment.HTTP) deployment.Settings {
			return deployment.Settings{API: deployment.API{URL: u, HTTP: h}}
		}},
		{"gdpr_refusal", "{path: /health}", false, func(u string, h deployment.HTTP) deployment.Settings {
			return deployment.Settings{API: deployment.API{URL: u, HTTP: h}}
		}},
		{"grafana", "{}", true, func(u string, h deployment.HTTP) deployment.Settings {
			return deployment.Settings{Grafana: deployment.Grafana{URL: u, HTTP: h}}
		}},
		{"loki_lines", "{}", true, func(u string, h deployment.HTTP) deployment.Settings {
			return deployment.Settings{Loki: deployment.Loki{URL: u, Selector: "{a=\"b\"}", HTTP: h}}
		}},
		{"prometheus_job", "{}", true, func(u string, h deployment.HTTP) deployment.Settings {
			return deployment.Settings{Prometheus: deployment.Prometheus{URL: u, HTTP: h}}
		}},
		{"prometheus_rules", "{}", false, func(u string, h deployment.HTTP) deployment.Settings {
			return deployment.Settings{Prometheus: deployment.Prometheus{URL: u, HTTP: h}}
		}},
		{"prometheus_query", "{queries: [up], below: 1}", false, func(u string, h deployment.HTTP) deployment.Settings {
			return deployment.Settings{Prometheus: deployment.Prometheus{URL: u, HTTP: h}}
		}},
	}
	for _, f := range probetest.Faults(t) {
		if f.Name == "TLS port" {
			continue // answers 400 to plain HTTP, which each kind has its own word for
		}
		for _, k := range kinds {
			t.Run(k.kind+" "+f.Name, func(t *testing.T) {
				t.Parallel()
				r := probetest.Look(t, probetest.NewPass(t, nil, k.at("http://"+f.Address, deployment.HTTP{Timeout: probetest.Patience(f.Reason)})), webKindNamed(k.kind), k.spec)
				want := probe.StateUnknown
				if k.claim {
					want = f.State
				}
				probetest.Expect(t, r, want, f.Reason, "")
				if strings.Contains(r.Detail, "mark") {
					t.Errorf("the detail holds what the server sent: %s", r.Detail)
				}
			})
		}
	}
}

// webKindNamed is the kind of that name among those that these tests run.
func webKindNamed(name string) probe.Kind {
	return map[string]probe.Kind{
		"gdpr_refusal":     httpcheck.GDPRRefusalKind(),
		"grafana":          grafana.HealthKind(),
		"loki_lines":       grafana.LokiLinesKind(),
		"openapi":          httpcheck.OpenAPIKind(),
		"prometheus_job":   monitoring.PrometheusJobKind(),
		"prometheus_query": criteria.PrometheusQueryKind(),
		"prometheus_rules": monitoring.PrometheusRulesKind(),
		"web_page":         httpcheck.WebPageKind(),
	}[name]
}
