package cases

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/exporter"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
)

// TestSound_LiveLayers starts the servers of one deployment: PostgreSQL behind PgBouncer, Redis with an ACL, nginx with TLS,
// Prometheus and Alertmanager. Every live layer with a server passes, and each break turns one of them alone.
func TestSound_LiveLayers(t *testing.T) {
	probetest.ForgetAWS(t)
	content, err := os.ReadFile(filepath.Join("testdata", "sound.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	sound := map[string]string{
		"compliance/privacy_policy web_page":               "pass",
		"compliance/terms_of_service web_page":             "pass",
		"infrastructure/database_schema postgres_tables":   "pass",
		"monitoring/alert_rules prometheus_rules":          "warn unpinned | pending", // no alert has fired, perhaps no rule was evaluated yet
		"monitoring/health_endpoints http_health":          "pass",
		"monitoring/prometheus prometheus_job":             "pass",
		"performance/cache_ttl redis_keyspace":             "pass",
		"performance/connection_pool postgres_connections": "skip not_configured", // the pooler limits them
		"performance/database_indexes postgres_indexes":    "pass",
		"security/postgres_password postgres_login":        "pass",
		"security/redis_password redis_auth":               "pass",
		"security/tls_certificates tls_endpoint":           "pass",
		"success_criteria/health_checks prometheus_query":  "pass",
	}
	for name, tt := range map[string]struct{ old, replacement, turns, to string }{
		"sound":                          {},
		"an ACL user without a password": {"user app on >{{secret redis 32}}", "user app on nopass", "security/redis_password redis_auth", "fail open"},
		"an index is missing":            {"bidder_code text primary key", "bidder_code text", "performance/database_indexes postgres_indexes", "fail missing"},
		"the terms are not published":    {"-- @nginx/html/terms --", "-- @nginx/html/conditions --", "compliance/terms_of_service web_page", "fail not_published"},
		"a component is down":            {`{"status":"up"}`, `{"status":"down"}`, "monitoring/health_endpoints http_health", "fail unhealthy"},
		"Alertmanager tells nobody": {"  - name: team\n    webhook_configs: [{url: \"http://{{api}}/hook\"}]\n-- @prometheus/prometheus.yml --",
			"  - name: team\n-- @prometheus/prometheus.yml --", "monitoring/alert_rules prometheus_rules", "fail empty"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if !strings.Contains(string(content), tt.old) {
				t.Fatalf("testdata/sound.txtar does not contain %q", tt.old)
			}
			got := probesOf(t, strings.Replace(string(content), tt.old, tt.replacement, 1))
			for probe, want := range sound {
				if probe == tt.turns {
					want = tt.to
				}
				if v := got[probe]; !v.among(verdicts(want)) {
					t.Errorf("%s is %s, want %s: %s", probe, v, want, v.Detail)
				}
			}
		})
	}
}

// probesOf starts a case's servers and returns the verdicts of all its probes, by item and probe.
func probesOf(t *testing.T, text string) map[string]verdict {
	t.Helper()
	c, err := readCase("sound.txtar", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), caseLimit)
	defer cancel()
	root := t.TempDir()
	if _, err := c.judge(ctx, t, root, time.Now()); err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	exporter.Main([]string{"check", "--format=json", "--deployment.root=" + root, "--config.file=" + filepath.Join(root, "catalyst.yml")}, exporter.System{
		Context: ctx, Stdout: &stdout, Stderr: &stderr, Now: time.Now, Getenv: func(string) (string, bool) { return "", false },
	})
	var report struct {
		Items []struct {
			Category, Item string
			Probes         []struct {
				verdict
				Probe, Layer string
			}
		}
	}
	if err := json.Unmarshal(stdout.Bytes(), &report); err != nil {
		t.Fatalf("%v: %s", err, stderr.String())
	}
	got := map[string]verdict{}
	for _, it := range report.Items {
		for _, p := range it.Probes {
			if p.Layer == "live" {
				p.Detail = strings.ReplaceAll(p.Detail, root, ".")
				got[it.Category+"/"+it.Item+" "+p.Probe] = p.verdict
			}
		}
	}
	return got
}
