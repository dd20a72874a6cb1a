package exporter

import (
	"bytes"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/internal/parts"
)

// catalogue lists the items of the source document. The names are API: dashboards, rules and queries use them.
const catalogue = `
security: redis_password postgres_password jwt_secret api_keys_rotated tls_certificates firewall_rules
infrastructure: s3_bucket s3_encryption iam_user database_schema dns_records cdn
configuration: env_file compose_syntax hardcoded_secrets log_level resource_limits
monitoring: prometheus grafana health_endpoints log_aggregation alert_rules
backup: backup_service initial_backup s3_upload disaster_recovery_plan restore_tested
performance: load_test database_indexes connection_pool rate_limit cache_ttl
compliance: privacy_middleware ip_anonymization geo_enforcement privacy_policy terms_of_service
testing: tests_passing test_coverage lint security_scan dependency_vulnerabilities
documentation: api_docs runbook architecture_diagram changelog
deployment: pre_deployment_verification pre_deployment_backup application_deployed post_deployment_verification smoke_tests monitoring_hour traffic_enabled
rollback: rollback_image rollback_backup
success_criteria: health_checks error_rate response_time_p95 cpu_utilization memory_utilization database_errors backups_running monitoring_active
post_deployment: status_page stakeholders_notified changelog_notes review_scheduled monitor_24h issues_documented runbook_updated
sign_off: devops_lead engineering_manager security_review
records: emergency_contacts deployment_record`

// catalogued returns the items of the catalogue as category/item.
func catalogued() []string {
	var ids []string
	for line := range strings.Lines(strings.TrimSpace(catalogue)) {
		category, items, _ := strings.Cut(line, ":")
		for item := range strings.FieldsSeq(items) {
			ids = append(ids, category+"/"+item)
		}
	}
	return ids
}

// TestList_MatchesCatalogue checks that the embedded checklist has exactly the items of its source document, in order.
func TestList_MatchesCatalogue(t *testing.T) {
	want := catalogued()
	if len(want) != 75 {
		t.Fatalf("the catalogue has %d items", len(want))
	}
	var out bytes.Buffer
	if code := Main([]string{"list", "--format=json", "--deployment.root=" + t.TempDir()}, quiet(t, &out)); code != ExitReady {
		t.Fatalf("list: %d %s", code, out.String())
	}
	var list listJSON
	if err := json.Unmarshal(out.Bytes(), &list); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, it := range list.Items {
		if len(it.Probes) == 0 || it.Item == "monitor_24h" && len(it.Probes) != 2 {
			t.Errorf("probes of %s: %v", it.Item, it.Probes)
		}
		got = append(got, it.Category+"/"+it.Item)
	}
	if !slices.Equal(got, want) {
		t.Errorf("listed %v\nwant   %v", got, want)
	}
}

func quiet(t *testing.T, out *bytes.Buffer) System {
	return System{Context: t.Context(), Stdout: out, Stderr: out, Getenv: func(string) (string, bool) { return "", false }, Now: time.Now}
}

// TestExplain_NamesFixAndRemedy checks that explain prints a fix for every item and, for an unknown or skipped item, the
// setting, permission or command it needs: without a deployment, for the example, and with a planned release.
func TestExplain_NamesFixAndRemedy(t *testing.T) {
	parts.Need(t, "git")
	example := exampleCopy(t)
	planned := exampleCopy(t)
	var out bytes.Buffer
	if code := Main([]string{"deploy", "plan", "--version=1", "--commit=0a1b2c3d", "--by=a@b.c", "--deployment.root=" + planned}, quiet(t, &out)); code != ExitReady {
		t.Fatalf("deploy plan: %s", out.String())
	}
	for name, root := range map[string]string{"nothing": t.TempDir(), "the example": example, "a planned release": planned} {
		t.Run(name, func(t *testing.T) {
			for _, id := range catalogued() {
				var out bytes.Buffer
				if code := Main([]string{"explain", id, "--deployment.root=" + root}, quiet(t, &out)); code != ExitReady {
					t.Errorf("explain %s: %d %s", id, code, out.String())
					continue
				}
				text := out.String()
				_, after, _ := strings.Cut(text, "\nHow to make it pass\n  ")
				fix, _, _ := strings.Cut(after, "\n")
				if len(fix) < 20 || !strings.HasSuffix(fix, ".") {
					t.Errorf("%s: fix is %q", id, fix)
				}
				state := strings.Fields(strings.Split(text, "\n")[2])[1]
				_, deeper, _ := strings.Cut(text, "\nTo check more\n")
				if (state == "unknown" || state == "skip") && !strings.Contains(deeper, "  configure ") {
					t.Errorf("%s is %s without a remedy:\n%s", id, state, text)
				}
			}
		})
	}
}

// TestExplain_ShowsParameters checks that explain prints parameters as written, without expanded variables.
func TestExplain_ShowsParameters(t *testing.T) {
	var out bytes.Buffer
	if code := Main([]string{"explain", "error_rate", "--deployment.root=" + t.TempDir()}, quiet(t, &out)); code != ExitReady {
		t.Fatalf("%d %s", code, out.String())
	}
	for _, want := range []string{"      with   errors: [", "pbs_http_requests_total", "             below: 0.01\n", "value  catalyst_criterion_threshold{} = 0.01\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("output does not contain %q:\n%s", want, out.String())
		}
	}
	dir := t.TempDir()
	config := dir + "/catalyst.yml"
	if err := os.WriteFile(config, []byte("overrides: {privacy_policy: {probes: {web_page: {with: {path: /p, mentions: ['${env.A_WORD}']}}}}}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	out.Reset()
	t.Setenv("A_WORD", "marked-word")
	if code := Main([]string{"explain", "privacy_policy", "--config.file=" + config, "--deployment.root=" + dir}, quiet(t, &out)); code != ExitReady {
		t.Fatalf("%d %s", code, out.String())
	}
	if !strings.Contains(out.String(), "with   {path: /p, mentions: ['${env.A_WORD}']}") || strings.Contains(out.String(), "marked-word") {
		t.Error(out.String())
	}
}
