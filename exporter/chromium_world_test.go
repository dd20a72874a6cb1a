package exporter

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/checklist"
	"github.com/thenexusengine/catalyst_exporter/collector"
	"github.com/thenexusengine/catalyst_exporter/internal/parts"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// Data for the browser tests: a deployment with many faults, and a report with every state and reason.

// brokenDeployment creates two targets: "shop", with every fault that a deployment's folder can have, and "empty".
func brokenDeployment(t *testing.T) (config string) {
	t.Helper()
	dir := t.TempDir()
	root := filepath.Join(dir, "shop")
	if err := os.CopyFS(root, os.DirFS("../examples/deployment")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "empty"), 0o700); err != nil {
		t.Fatal(err)
	}
	var signers strings.Builder
	for _, name := range []string{"lead", "manager"} {
		public := sshKey(t, filepath.Join(dir, name))
		fmt.Fprintf(&signers, "%s@example.com %s", name, public)
	}
	write(t, root, "allowed_signers", signers.String())
	rested := time.Now().Add(-time.Hour) // a file that was just written counts as unfinished
	err := filepath.WalkDir(root, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Chtimes(path, rested, rested)
	})
	if err != nil {
		t.Fatal(err)
	}
	// Isolate the deployment from this machine's firewall and services.
	const elsewhere = `
    firewall: {host_root: host}
    docker: {host: 'unix:///nonexistent.sock'}
    database: {host: 127.0.0.1, port: 1}
    api: {url: 'http://127.0.0.1:1'}
    prometheus: {url: 'http://127.0.0.1:1'}
    grafana: {url: 'http://127.0.0.1:1'}
`
	config = write(t, dir, "catalyst.yml", `
targets:
  shop:
    root: shop
    environment: production`+elsewhere+`  empty:
    root: empty
    environment: staging`+elsewhere+`
attestations:
  allowed_signers: allowed_signers
overrides:
  performance/load_test: {enabled: false, reason: 'a <b>quiet</b> shop'}
  security/firewall_rules: {probes: {listening_ports: {enabled: false, reason: 'other tests listen on this machine'}}}
waivers:
  - {item: security/postgres_password, reason: 'the database moves in May', by: lead@example.com, expires: 2099-05-31}
  - {item: security/jwt_secret, reason: 'tokens are short-lived', by: lead@example.com, expires: 2026-01-31}
`)
	at := func(now time.Time, args ...string) {
		t.Helper()
		var out, errs bytes.Buffer
		sys := System{Context: t.Context(), Stdout: &out, Stderr: &errs, Getenv: func(string) (string, bool) { return "", false }, Now: func() time.Time { return now }}
		if code := Main(append(args, "--config.file="+config, "--target=shop"), sys); code != ExitReady {
			t.Fatalf("%v: exit code %d\n%s%s", args, code, out.String(), errs.String())
		}
	}
	now := time.Now()
	lead := []string{"--by=lead@example.com", "--sign-with=" + filepath.Join(dir, "lead")}
	backup := "--subject=" + filepath.Join(root, "backups/daily/daily_20261122.sql.gz")
	at(now.AddDate(0, 0, -20), append([]string{"attest", "disaster_recovery_plan", "--valid-for=90d"}, lead...)...)
	at(now.AddDate(0, 0, -200), append([]string{"attest", "restore_tested", "--valid-for=80d", backup}, lead...)...)
	at(now.AddDate(0, 0, -3), "deploy", "plan", "--version=1.4.0", "--commit=0a1b2c3", "--by=lead@example.com")
	broken := filepath.Join(root, "backups/daily/daily_20261123.sql.gz")
	if err := os.Rename(broken, broken+".cut"); err != nil { // deploy record requires an intact backup
		t.Fatal(err)
	}
	at(now.AddDate(0, 0, -3), "deploy", "record", "--by=lead@example.com", "--issues=slow first request")
	if err := os.Rename(broken+".cut", broken); err != nil {
		t.Fatal(err)
	}
	at(now.AddDate(0, 0, -2), append([]string{"attest", "status_page", "--valid-for=30d"}, lead...)...)
	at(now.Add(-time.Hour), "deploy", "plan", "--version=1.5.0", "--commit=4d5e6f7", "--by=lead@example.com")
	at(now.Add(-time.Hour), append([]string{"attest", "devops_lead", "--valid-for=14d"}, lead...)...)
	at(now.Add(-time.Hour), "attest", "engineering_manager", "--by=manager@example.com", lead[1]) // signed with another person's key
	return config
}

// sshKey creates a key pair and returns the public key.
func sshKey(t *testing.T, path string) string {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), parts.Need(t, "ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", path).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	public, err := os.ReadFile(path + ".pub")
	if err != nil {
		t.Fatal(err)
	}
	return string(public)
}

// everyReason returns a report with an item for every state and reason, in a category for each state.
func everyReason(t *testing.T) *collector.Report {
	t.Helper()
	states := probe.States()
	var text strings.Builder
	text.WriteString("checklist: Every word\ncategories:\n")
	for _, s := range states {
		fmt.Fprintf(&text, "  - category: %s_ones\n    title: Items in state %s\n    items:\n", s, s)
		for i, reason := range append([]probe.Reason{""}, probe.Reasons()...) {
			fmt.Fprintf(&text, "      - item: i%d\n        title: Is %s %s\n        fix: Run `fix %d`.\n        required: %v\n        probes: [env_file: {}]\n", i, s, reason, i, i%2 == 0)
		}
	}
	text.WriteString("gates:\n  pre: {categories: [fail_ones, unknown_ones]}\n")
	list, err := checklist.Load(&checklist.Source{File: "own.yml", Data: []byte(text.String())}, checklist.Changes{})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	r := &collector.Report{Time: now, Checklist: list}
	for c, cat := range list.Categories {
		for i, it := range cat.Items {
			result := probe.Result{State: states[c], Detail: "</article><script>alert(1)</script> " + strings.Repeat("averylongword", 30)}
			if i > 0 {
				result.Reason = probe.Reasons()[i-1]
			}
			if i%3 == 0 {
				result.Remedy = "deployment.prometheus.url"
			}
			v := checklist.Verdict{Item: it, State: result.State, Reason: result.Reason, Detail: result.Detail, LastRun: now, Outcomes: []checklist.Outcome{{Probe: it.Probes[0], Result: result, LastRun: now}}}
			if result.Remedy != "" {
				v.Remedies = []string{result.Remedy}
			}
			r.Verdicts = append(r.Verdicts, v)
		}
	}
	return r
}
