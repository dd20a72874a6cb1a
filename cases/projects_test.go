package cases

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/thenexusengine/catalyst_exporter/exporter"
)

// lacking lists the items of which the projects have nothing: they fail as missing, which is true.
func lacking() []string {
	return []string{
		"security/tls_certificates", "security/redis_password", "security/jwt_secret", "security/postgres_password", "records/emergency_contacts", "performance/rate_limit",
		"performance/connection_pool", "performance/cache_ttl", "documentation/runbook", "documentation/changelog", "documentation/architecture_diagram",
		"compliance/privacy_middleware", "compliance/ip_anonymization", "compliance/geo_enforcement", "backup/disaster_recovery_plan",
	}
}

// TestProjects runs every file layer over sound projects of different styles. None may fail but for what a project lacks.
func TestProjects(t *testing.T) {
	paths, err := filepath.Glob("testdata/projects/*.txtar")
	if err != nil || len(paths) < 20 {
		t.Fatalf("%d projects, %v", len(paths), err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			t.Parallel()
			archive, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			root := t.TempDir()
			c := testCase{files: archive.Files}
			if err := put(root, c.files, strings.NewReplacer(c.fill(time.Now())...)); err != nil {
				t.Fatal(err)
			}
			for _, f := range failures(t, root) {
				if f.item == "security/firewall_rules" && f.probe != "compose_ports" {
					continue // about the host that runs the test
				}
				if !slices.Contains(lacking(), f.item) || f.Reason != "missing" {
					t.Errorf("%s (%s) fails: %s %s", f.item, f.probe, f.Reason, strings.ReplaceAll(f.Detail, root, "."))
				}
			}
		})
	}
}

// failure is a file layer that fails.
type failure struct {
	verdict
	item, probe string
}

// failures runs the command check and returns the file layers that fail.
func failures(t *testing.T, root string) []failure {
	t.Helper()
	var stdout, stderr bytes.Buffer
	args := []string{"check", "--format=json", "--deployment.root=" + root}
	if config := filepath.Join(root, "catalyst.yml"); exists(config) {
		args = append(args, "--config.file="+config)
	}
	exporter.Main(args, exporter.System{
		Context: t.Context(), Stdout: &stdout, Stderr: &stderr, Now: time.Now, Getenv: func(string) (string, bool) { return "", false },
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
		t.Fatalf("check: %v: %s", err, stderr.String())
	}
	var all []failure
	for _, it := range report.Items {
		for _, p := range it.Probes {
			if p.Layer == "declared" && p.State == "fail" {
				all = append(all, failure{p.verdict, it.Category + "/" + it.Item, p.Probe})
			}
		}
	}
	if os.Getenv("CI") != "" && len(report.Items) < 75 {
		t.Errorf("%d items", len(report.Items))
	}
	return all
}
