package cases

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/exporter"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
)

// breakage is a change of a sound deployment, and the probe that turns because of it.
type breakage struct{ old, replacement, turns, to string }

// TestSound_LiveLayers starts the servers of one deployment: PostgreSQL behind PgBouncer, Redis with an ACL, nginx with TLS,
// Prometheus, Alertmanager and containers, and servers that speak S3, IAM, DNS and Grafana's API. Every running and live
// layer with a server passes at once, and each break turns its probe alone.
func TestSound_LiveLayers(t *testing.T) {
	probetest.ForgetAWS(t)
	content, err := os.ReadFile(filepath.Join("testdata", "sound.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	sound := map[string]string{
		"backup/backup_service container_state":            "pass",
		"backup/s3_upload s3_object":                       "pass",
		"compliance/geo_enforcement container_env_flag":    "pass",
		"compliance/ip_anonymization container_env_flag":   "pass",
		"compliance/privacy_middleware container_env_flag": "pass",
		"compliance/privacy_policy web_page":               "pass",
		"compliance/terms_of_service web_page":             "pass",
		"configuration/log_level container_env_word":       "pass",
		"configuration/resource_limits container_limits":   "pass",
		"infrastructure/database_schema postgres_tables":   "pass",
		"infrastructure/dns_records dns_records":           "pass",
		"infrastructure/iam_user iam_user":                 "pass",
		"infrastructure/s3_bucket s3_bucket":               "pass",
		"infrastructure/s3_encryption s3_encryption":       "pass",
		"monitoring/alert_rules prometheus_rules":          "warn unpinned | pending", // no alert has fired, perhaps no rule was evaluated yet
		"monitoring/grafana grafana":                       "pass",
		"monitoring/health_endpoints http_health":          "pass",
		"monitoring/prometheus prometheus_job":             "pass",
		"performance/cache_ttl redis_keyspace":             "pass",
		"performance/connection_pool postgres_connections": "skip not_configured", // the pooler limits them
		"performance/database_indexes postgres_indexes":    "pass",
		"security/firewall_rules container_ports":          "pass",
		"security/postgres_password postgres_login":        "pass",
		"security/redis_password redis_auth":               "pass",
		"security/tls_certificates tls_endpoint":           "pass",
		"success_criteria/health_checks prometheus_query":  "pass",
	}
	for name, broken := range map[string][]breakage{
		"sound": nil,
		"database, cache and pages": {
			{"user app on >{{secret redis 32}}", "user app on nopass", "security/redis_password redis_auth", "fail open"},
			{"bidder_code text primary key", "bidder_code text", "performance/database_indexes postgres_indexes", "fail missing"},
			{"-- @nginx/html/terms --", "-- @nginx/html/conditions --", "compliance/terms_of_service web_page", "fail not_published"},
		},
		"component and Alertmanager": {
			{`{"status":"up"}`, `{"status":"down"}`, "monitoring/health_endpoints http_health", "fail unhealthy"},
			{"  - name: team\n    webhook_configs: [{url: \"http://{{api}}/hook\"}]\n-- @prometheus/prometheus.yml --",
				"  - name: team\n-- @prometheus/prometheus.yml --", "monitoring/alert_rules prometheus_rules", "fail empty"},
		},
		"containers, cloud, names and dashboards": {
			{"catalyst: {memory: 67108864, ", "catalyst: {", "configuration/resource_limits container_limits", "fail missing"},
			{`PBS_GEO_ENFORCEMENT: "true"`, `PBS_GEO_ENFORCEMENT: "yes"`, "compliance/geo_enforcement container_env_flag", "fail"},
			{"health: healthy, until: healthy", "health: unhealthy, until: unhealthy", "backup/backup_service container_state", "fail unhealthy"},
			{"edge.tne-exchange.io. A 185.10.20.30", "edge.tne-exchange.io. A 185.10.20.31", "infrastructure/dns_records dns_records", "fail mismatch"},
			{"&quot;s3:PutObject&quot;", "&quot;*&quot;", "infrastructure/iam_user iam_user", "warn over_privileged"},
			{"{{ago 2h}}", "{{ago 50h}}", "backup/s3_upload s3_object", "fail stale"},
			{`"title":"Exchange"`, `"title":"Other"`, "monitoring/grafana grafana", "fail missing"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text, want := string(content), maps.Clone(sound)
			for _, b := range broken {
				if !strings.Contains(text, b.old) {
					t.Fatalf("testdata/sound.txtar does not contain %q", b.old)
				}
				text = strings.Replace(text, b.old, b.replacement, 1)
				want[b.turns] = b.to
			}
			got := probesOf(t, text)
			for probe, wanted := range want {
				if v := got[probe]; !v.among(verdicts(wanted)) {
					t.Errorf("%s is %s, want %s: %s", probe, v, wanted, v.Detail)
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
			if p.Layer != "declared" {
				p.Detail = strings.ReplaceAll(p.Detail, root, ".")
				got[it.Category+"/"+it.Item+" "+p.Probe] = p.verdict
			}
		}
	}
	return got
}
