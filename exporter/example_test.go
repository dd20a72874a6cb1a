package exporter

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// verdicts runs check with the given arguments and returns state and reason by item.
func verdicts(t *testing.T, args ...string) map[string]string {
	t.Helper()
	var out, errs bytes.Buffer
	sys := System{Context: t.Context(), Stdout: &out, Stderr: &errs, Getenv: func(string) (string, bool) { return "", false }, Now: time.Now}
	if code := Main(append([]string{"check", "--format=json"}, args...), sys); code == ExitUsage || code == ExitInternal {
		t.Fatalf("check: %d %s", code, errs.String())
	}
	var checks struct {
		Items []struct{ Item, State, Reason string }
	}
	if err := json.Unmarshal(out.Bytes(), &checks); err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, it := range checks.Items {
		all[it.Item] = it.State
		if it.Reason != "" {
			all[it.Item] += " " + it.Reason
		}
	}
	return all
}

// TestExample compares the verdicts on the example deployment, and on a fixed copy, with its README.
func TestExample(t *testing.T) {
	root := exampleCopy(t)
	hour := time.Now().Add(-time.Hour)
	for _, name := range []string{"daily_20261122.sql.gz", "daily_20261123.sql.gz"} {
		hour = hour.Add(time.Minute)
		if err := os.Chtimes(filepath.Join(root, "backups/daily", name), hour, hour); err != nil {
			t.Fatal(err)
		}
	}
	expect := func(want map[string]string) {
		t.Helper()
		got := verdicts(t, "--deployment.root="+root)
		for item, state := range want {
			if got[item] != state {
				t.Errorf("%s: %q, want %q", item, got[item], state)
			}
		}
	}
	expect(map[string]string{
		"redis_password": "pass", "postgres_password": "fail placeholder", "jwt_secret": "fail missing", "api_keys_rotated": "fail placeholder", "firewall_rules": "fail exposed",
		"env_file": "warn invalid", "hardcoded_secrets": "unknown not_configured", "compose_syntax": "pass", "log_level": "pass", "resource_limits": "fail missing", "initial_backup": "fail truncated", "rate_limit": "pass",
		"cache_ttl": "pass", "privacy_middleware": "fail invalid", "ip_anonymization": "pass", "geo_enforcement": "pass", "runbook": "pass", "changelog": "pass",
		"emergency_contacts": "fail placeholder", "health_endpoints": "unknown not_configured", "prometheus": "unknown not_configured", "cdn": "skip not_configured",
	})
	replace := func(name, old, new string) {
		t.Helper()
		path := filepath.Join(root, name)
		text, err := os.ReadFile(path)
		if err != nil || !bytes.Contains(text, []byte(old)) {
			t.Fatalf("%s does not contain %q: %v", name, old, err)
		}
		write(t, root, name, string(bytes.Replace(text, []byte(old), []byte(new), 1)))
	}
	replace(".env.production", "PBS_ENFORCE_GDPR=yes", "PBS_ENFORCE_GDPR=true")
	replace("docker-compose.yml", "  backup: # no limits\n", "  backup:\n    deploy: {resources: {limits: {cpus: '1', memory: 1G}}}\n")
	if err := os.Remove(filepath.Join(root, "backups/daily/daily_20261123.sql.gz")); err != nil {
		t.Fatal(err)
	}
	expect(map[string]string{"privacy_middleware": "pass", "resource_limits": "pass", "initial_backup": "warn stale"})
	daily := filepath.Join(root, "backups/daily")
	if err := os.Rename(filepath.Join(daily, "daily_20261122.sql.gz"), filepath.Join(daily, time.Now().UTC().Format("daily_20060102.sql.gz"))); err != nil {
		t.Fatal(err)
	}
	expect(map[string]string{"initial_backup": "pass"})
}

// exampleCopy copies the example deployment out of this repository, whose whole history would be searched for secrets with it.
func exampleCopy(t *testing.T) string {
	t.Helper()
	root := filepath.Join(t.TempDir(), "deployment")
	if err := os.CopyFS(root, os.DirFS("../examples/deployment")); err != nil {
		t.Fatal(err)
	}
	at := time.Now().Add(-time.Hour) // a backup that was just written may still grow
	for path := range filesBelow(t, filepath.Join(root, "backups")) {
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
	}
	return root
}
