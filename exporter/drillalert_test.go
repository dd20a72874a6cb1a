package exporter

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/internal/parts"
)

// inbox is a receiver of alerts.
type inbox struct {
	mu     sync.Mutex
	codes  []string // of firing alerts, in the order received
	status int
}

func (i *inbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var message struct {
		Alerts []struct {
			Status string            `json:"status"`
			Labels map[string]string `json:"labels"`
		} `json:"alerts"`
	}
	_ = json.NewDecoder(r.Body).Decode(&message)
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, a := range message.Alerts {
		if a.Status == "firing" && a.Labels["alertname"] == "CatalystDrill" {
			i.codes = append(i.codes, a.Labels["drill"])
		}
	}
	w.WriteHeader(i.status)
}

func (i *inbox) received() []string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return append([]string{}, i.codes...)
}

// TestDrillAlert follows an alert through a real Alertmanager to its receiver and back to the verdict on an item.
func TestDrillAlert(t *testing.T) {
	box := &inbox{status: http.StatusOK}
	receiver := httptest.NewServer(box)
	defer receiver.Close()
	manager := parts.Alertmanager(t, `route: {receiver: nobody, group_wait: 0s, routes: [{matchers: ['severity="critical"'], receiver: pager, group_wait: 0s, group_interval: 1s}]}
receivers: [{name: nobody}, {name: pager, webhook_configs: [{url: '`+receiver.URL+`'}]}]
`)
	dir := t.TempDir()
	key := filepath.Join(dir, "key")
	if out, err := exec.Command(parts.Need(t, "ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-C", "x", "-f", key).CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	public, err := os.ReadFile(key + ".pub")
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"dep/allowed_signers": "lead@example.com " + string(public),
		"config.yml":          "checklist: own.yml\nattestations: {allowed_signers: allowed_signers}\ndeployment: {alertmanager: {url: 'http://" + manager.Addr + "'}}\n",
		"own.yml": `checklist: Own
categories:
  - category: on_call
    items:
      - {item: alert_arrives, title: Alerts arrive, fix: Drill., probes: [attestation: {alert_drill: true, max_age: 90d}]}
      - {item: talked, title: Talked, fix: Talk., probes: [attestation: {}]}
`,
	} {
		parts.WriteFile(t, filepath.Join(dir, name), text, 0o600)
	}
	now := time.Now().UTC()
	run := func(want int, says string, args ...string) string {
		t.Helper()
		var out bytes.Buffer
		sys := System{Context: t.Context(), Stdout: &out, Stderr: &out, Getenv: func(string) (string, bool) { return "", false }, Now: func() time.Time { return now }}
		code := Main(append(args, "--config.file="+filepath.Join(dir, "config.yml"), "--deployment.root="+filepath.Join(dir, "dep")), sys)
		if code != want || !strings.Contains(out.String(), says) {
			t.Fatalf("%s: exit code %d, want %d with %q:\n%s", strings.Join(args, " "), code, want, says, &out)
		}
		return out.String()
	}
	drill := func(more ...string) []string {
		return append([]string{"drill", "alert", "--item=alert_arrives", "--by=lead@example.com", "--sign-with=" + key}, more...)
	}
	check := []string{"check", "--item=alert_arrives"}

	run(1, "no alert drill is attested: run catalyst_exporter drill alert --item=alert_arrives", check...)
	run(2, "is attested with drill alert", "attest", "alert_arrives", "--by=lead@example.com", "--valid-for=90d", "--sign-with="+key)
	run(2, "the item takes no alert drill", "drill", "alert", "--item=talked", "--by=lead@example.com", "--yes")
	if out := run(2, "nothing was sent", drill()...); !strings.Contains(out, "has the receivers nobody, pager") {
		t.Errorf("receivers: %s", out)
	}
	if codes := box.received(); len(codes) > 0 {
		t.Errorf("an alert was sent without --yes: %v", codes)
	}

	// Routed to a receiver that tells nobody: not sent, and no claim.
	run(1, "routed to nobody; not sent: no receiver accepted a request", drill("--yes", "--severity=warning", "--wait=3s")...)
	run(1, "no alert drill is attested", check...)

	// Sent, then confirmed with the code of the alert, and with no other.
	run(0, "routed to pager; sent, and resolved", drill("--yes")...)
	codes := box.received()
	if len(codes) != 1 {
		t.Fatalf("received %v", codes)
	}
	run(0, "was sent, but nobody confirmed that it arrived", check...)
	run(2, "no alert with this code was sent", drill("--confirm=0123456789abcdef")...)
	claims, err := filepath.Glob(filepath.Join(dir, "dep/.catalyst/attestations/*.yaml"))
	if err != nil || len(claims) != 1 {
		t.Fatalf("%v, %v", claims, err)
	}
	if text, err := os.ReadFile(claims[0]); err != nil || strings.Contains(string(text), codes[0]) {
		t.Errorf("the claim gives the code away, or cannot be read: %v", err)
	}
	now = now.Add(time.Minute)
	run(0, "alert: delivered", drill("--confirm="+codes[0])...)
	if out := run(0, "pass", check...); strings.Contains(out, "warn") {
		t.Errorf("confirmed: %s", out)
	}

	// A later drill that nobody confirmed does not outweigh it; after 90 days it has lapsed.
	now = now.Add(time.Minute)
	run(0, "sent, and resolved", drill("--yes")...)
	if out := run(0, "pass", check...); strings.Contains(out, "warn") {
		t.Errorf("confirmed before: %s", out)
	}
	now = now.Add(8 * 24 * time.Hour)
	run(2, "send a new alert", drill("--confirm="+codes[0])...)
	now = now.Add(83 * 24 * time.Hour)
	run(1, "lapsed", check...)

	// The alert is resolved after the drill.
	response, err := http.Get("http://" + manager.Addr + "/api/v2/alerts")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	var active []any
	if err := json.NewDecoder(response.Body).Decode(&active); err != nil || len(active) > 0 {
		t.Errorf("still firing: %v %v", active, err)
	}
}

// TestDrillAlert_FailingReceiver: a receiver that rejects requests got nothing.
func TestDrillAlert_FailingReceiver(t *testing.T) {
	receiver := httptest.NewServer(&inbox{status: http.StatusBadRequest})
	defer receiver.Close()
	manager := parts.Alertmanager(t, "route: {receiver: pager, group_wait: 0s}\nreceivers: [{name: pager, webhook_configs: [{url: '"+receiver.URL+"'}]}]\n")
	dir := t.TempDir()
	parts.WriteFile(t, filepath.Join(dir, "config.yml"), "checklist: own.yml\ndeployment: {alertmanager: {url: 'http://"+manager.Addr+"'}}\n", 0o600)
	parts.WriteFile(t, filepath.Join(dir, "own.yml"), "checklist: Own\ncategories: [{category: a, items: [{item: b, title: B, fix: Drill., probes: [attestation: {alert_drill: true}]}]}]\n", 0o600)
	var out bytes.Buffer
	sys := System{Context: t.Context(), Stdout: &out, Stderr: &out, Getenv: func(string) (string, bool) { return "", false }, Now: time.Now}
	code := Main([]string{"drill", "alert", "--item=b", "--by=lead@example.com", "--yes", "--wait=5s", "--config.file=" + filepath.Join(dir, "config.yml"), "--deployment.root=" + dir}, sys)
	if code != 1 || !strings.Contains(out.String(), "requests to receivers failed") {
		t.Errorf("exit code %d: %s", code, &out)
	}
	if _, err := os.Stat(filepath.Join(dir, ".catalyst")); err == nil {
		t.Error("a claim was written")
	}
}
