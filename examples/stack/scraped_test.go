// The parts of the stack that run without its images.

package stack_test

import (
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/thenexusengine/catalyst_exporter/internal/parts"
)

// TestStack_Scraped runs the exporter in this process and a real Prometheus with the stack's configuration and rules. It
// changes only addresses and intervals.
func TestStack_Scraped(t *testing.T) {
	deployment := t.TempDir()
	write(t, filepath.Join(deployment, ".env.production"), "LOG_LEVEL=debug\n")
	address := served(t, "--deployment.root="+deployment, "--web.listen-address=127.0.0.1:0")

	rules := read(t, "../../alerts/catalyst.rules.yml")
	config := read(t, "prometheus.yml")
	for from, to := range map[string]string{
		"/etc/prometheus/rules/": "rules/", "exporter:10460": address, "alertmanager:9093": "127.0.0.1:9",
		"scrape_interval: 1m": "scrape_interval: 5s", "scrape_timeout: 30s": "scrape_timeout: 5s", "refresh_interval: 1m": "refresh_interval: 1s",
	} {
		if !strings.Contains(config, from) {
			t.Fatalf("prometheus.yml does not contain %q", from)
		}
		config = strings.ReplaceAll(config, from, to)
	}
	server := parts.Prometheus(t, config, map[string]string{"catalyst.rules.yml": strings.ReplaceAll(rules, "interval: 1m", "interval: 1s")})
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	for query, want := range map[string]string{
		`up{job="catalyst"} == 1`: "default",
		`catalyst_check_state{category="configuration",item="log_level",state="fail"}`:               "default",
		`ALERTS{alertname="CatalystCheckFailing",item="log_level",alertstate="pending"}`:             "default",
		`catalyst:check_last_good_timestamp_seconds or on () catalyst_config_last_reload_successful`: "default",
	} {
		await(t, server.URL, query, "deployment", want)
	}
}
