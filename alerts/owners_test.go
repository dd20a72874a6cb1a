package alerts

import (
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/thenexusengine/catalyst_exporter/internal/parts"
)

func owned(t *testing.T) []byte {
	t.Helper()
	text, err := Owned([]Item{{"security", "redis_password", "payments"}, {"security", "jwt_secret", ""}, {"infrastructure", "dns", "Site team"},
		{"security", "tls", "payments"}, {"infrastructure", "cdn", "payments"}})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestOwned_Routes asks amtool where alerts go: those of an owned item to its owner, all others where they went before.
func TestOwned_Routes(t *testing.T) {
	amtool := parts.Need(t, "amtool")
	dir := t.TempDir()
	write(t, filepath.Join(dir, "alertmanager.yml"), string(merge(t, owned(t), []byte(minimal))))
	if output, err := runTool(t.Context(), dir, amtool, "check-config", "alertmanager.yml"); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	for labels, want := range map[string]string{
		"alertname=CatalystCheckDrifted category=security item=redis_password severity=critical":      "catalyst-page payments",
		"alertname=CatalystCheckDrifted category=security item=tls severity=warning":                  "catalyst-ticket payments",
		"alertname=CatalystCheckSlow category=infrastructure item=cdn severity=info":                  "catalyst-info",
		"alertname=CatalystCheckFailing category=infrastructure item=dns severity=warning":            "catalyst-ticket Site team",
		"alertname=CatalystCheckDrifted category=security item=jwt_secret severity=critical":          "catalyst-page",
		"alertname=CatalystCheckFailing category=infrastructure item=redis_password severity=warning": "catalyst-ticket",
		"alertname=CatalystCheckFailing category=security item=redis_password_2 severity=warning":     "catalyst-ticket",
		"alertname=CatalystMassDrift severity=critical":                                               "catalyst-page",
		"alertname=CatalystWatchdog severity=none":                                                    "catalyst-watchdog",
		"alertname=Outage category=security item=tls severity=critical":                               "mail",
	} {
		args := append([]string{"config", "routes", "test", "--config.file=alertmanager.yml"}, strings.Fields(labels)...)
		output, err := runTool(t.Context(), dir, amtool, args...)
		if got := lastLine(output); err != nil || got != want {
			t.Errorf("%s: %q %v, want %q", labels, got, err, want)
		}
	}
}

// TestOwned_Channels checks that no owner's receiver is without a channel, and that owners share no key file.
func TestOwned_Channels(t *testing.T) {
	var all struct {
		Receivers []map[string]any
	}
	if err := yaml.Unmarshal(owned(t), &all); err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, r := range all.Receivers {
		name := r["name"].(string)
		_, owner, of := strings.Cut(name, " ")
		if !of {
			continue
		}
		found++
		text, err := yaml.Marshal(r)
		if err != nil || len(r) < 2 || !strings.Contains(string(text), "slack_webhook_url_"+fileName(owner)) {
			t.Errorf("%s: %v\n%s", name, err, text)
		}
		if pages := strings.HasPrefix(name, "catalyst-page"); pages != strings.Contains(string(text), "pagerduty_routing_key_"+fileName(owner)) {
			t.Errorf("%s:\n%s", name, text)
		}
	}
	if found != 4 {
		t.Errorf("%d receivers of two owners, want 4", found)
	}
}

func TestOwned_NamesThatCollide(t *testing.T) {
	_, err := Owned([]Item{{"a", "b", "Site team"}, {"a", "c", "site-team"}})
	if err == nil || !strings.Contains(err.Error(), "use one name") {
		t.Error(err)
	}
}
