// Alertmanager's own tool judges the routes: their form, and where each alert goes.

package alerts

import (
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/thenexusengine/catalyst_exporter/internal/parts"
)

// minimal is an Alertmanager that exists already.
const minimal = `
route:
  receiver: mail
  group_by: [cluster]
  routes:
    - matchers: ['team="web"']
      receiver: mail
receivers:
  - name: mail
    webhook_configs: [{url: "http://127.0.0.1:9/"}]
inhibit_rules:
  - source_matchers: ['alertname="Outage"']
    target_matchers: ['severity="warning"']
    equal: [cluster]
`

// merge puts the lists of the fragment before those of the other configuration, as the fragment's first lines ask for.
func merge(t testing.TB, fragment, other []byte) []byte {
	t.Helper()
	var from, to map[string]any
	for _, each := range []struct {
		content []byte
		into    *map[string]any
	}{{fragment, &from}, {other, &to}} {
		if err := yaml.Unmarshal(each.content, each.into); err != nil {
			t.Fatal(err)
		}
	}
	for _, list := range []string{"receivers", "inhibit_rules"} {
		to[list] = append(from[list].([]any), to[list].([]any)...)
	}
	route := to["route"].(map[string]any)
	route["routes"] = append(from["route"].(map[string]any)["routes"].([]any), route["routes"].([]any)...)
	merged, err := yaml.Marshal(to)
	if err != nil {
		t.Fatal(err)
	}
	return merged
}

func configurations(t testing.TB) map[string][]byte {
	return map[string][]byte{"complete": Alertmanager(), "merged": merge(t, AlertmanagerFragment(), []byte(minimal))}
}

func TestAlertmanagerHasValidForm(t *testing.T) {
	amtool := parts.Need(t, "amtool")
	for name, content := range configurations(t) {
		dir := t.TempDir()
		write(t, filepath.Join(dir, "alertmanager.yml"), string(content))
		output, err := runTool(t.Context(), dir, amtool, "check-config", "alertmanager.yml")
		if err != nil || !strings.Contains(output, "SUCCESS") {
			t.Errorf("%s: %v\n%s", name, err, output)
		}
	}
}

// TestFragmentIsTheWhole compares the fragment with the complete file: the same routes, receivers and inhibitions.
func TestFragmentIsTheWhole(t *testing.T) {
	var whole, fragment map[string]any
	if err := yaml.Unmarshal(Alertmanager(), &whole); err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(AlertmanagerFragment(), &fragment); err != nil {
		t.Fatal(err)
	}
	if len(fragment) != 3 {
		t.Errorf("the fragment holds %d keys, want route, receivers, inhibit_rules", len(fragment))
	}
	for _, list := range []string{"receivers", "inhibit_rules"} {
		if !reflect.DeepEqual(whole[list], fragment[list]) {
			t.Errorf("%s differ", list)
		}
	}
	if !reflect.DeepEqual(whole["route"].(map[string]any)["routes"], fragment["route"].(map[string]any)["routes"]) {
		t.Error("routes differ")
	}
	if strings.Contains(string(AlertmanagerFragment()), "-- catalyst:") {
		t.Error("the fragment shows the marks it was cut out by")
	}
}

// TestRoutes asks amtool where every alert of the rules goes, in both configurations.
func TestRoutes(t *testing.T) {
	amtool := parts.Need(t, "amtool")
	for name, content := range configurations(t) {
		dir := t.TempDir()
		write(t, filepath.Join(dir, "alertmanager.yml"), string(content))
		for _, r := range parsed(t).alerts() {
			want := map[string]string{"critical": "catalyst-page", "warning": "catalyst-ticket", "info": "catalyst-info"}[r.Labels["severity"]]
			if r.Alert == "CatalystWatchdog" {
				want = "catalyst-watchdog"
			}
			output, err := runTool(t.Context(), dir, amtool, "config", "routes", "test", "--config.file=alertmanager.yml",
				"alertname="+r.Alert, "severity="+r.Labels["severity"], "job=any", "environment=prod", "deployment=shop", "team=web")
			if got := lastLine(output); err != nil || got != want {
				t.Errorf("%s: %s %s goes to %s (%v), want %s", name, r.Alert, r.Labels["severity"], got, err, want)
			}
		}
	}
	dir := t.TempDir()
	write(t, filepath.Join(dir, "alertmanager.yml"), string(configurations(t)["merged"]))
	output, err := runTool(t.Context(), dir, amtool, "config", "routes", "test", "--config.file=alertmanager.yml", "alertname=Outage", "severity=critical")
	if lastLine(output) != "mail" || err != nil {
		t.Errorf("merged: somebody else's alert goes to %s (%v), want mail", output, err)
	}
}

// TestInhibitions holds the contract: who mutes whom, by name and severity, and for what being equal.
func TestInhibitions(t *testing.T) {
	var config struct {
		InhibitRules []struct {
			Source []string `yaml:"source_matchers"`
			Target []string `yaml:"target_matchers"`
			Equal  []string
		} `yaml:"inhibit_rules"`
	}
	if err := yaml.Unmarshal(Alertmanager(), &config); err != nil {
		t.Fatal(err)
	}
	specific := `alertname=~"CatalystCertificateExpiring|CatalystBackupStale|CatalystAttestationExpiring|CatalystPostDeploymentOverdue|CatalystSuccessCriterionMissed"`
	var got []string
	for _, r := range config.InhibitRules {
		got = append(got, fmt.Sprintf("%s mutes %s of the same %s", strings.Join(r.Source, " "), strings.Join(r.Target, " "), strings.Join(r.Equal, " ")))
		if !slices.ContainsFunc(r.Source, func(m string) bool { return strings.HasPrefix(m, `severity="`) }) {
			t.Errorf("a source without a severity: %v", r.Source)
		}
	}
	want := []string{
		`alertname=~"CatalystExporterDown|CatalystChecksUnknown" severity="critical" mutes alertname=~"CatalystNotReady|CatalystCheckFailing" of the same job environment deployment`,
		`alertname="CatalystExporterDown" severity="critical" mutes alertname=~"CatalystCheckDrifted|CatalystMassDrift" of the same job environment deployment`,
		`alertname="CatalystMassDrift" severity="critical" mutes alertname="CatalystCheckDrifted" of the same job environment deployment`,
		`alertname="CatalystCheckDrifted" severity="critical" mutes ` + specific + ` of the same job environment deployment category item`,
		`alertname="CatalystCheckDrifted" severity="warning" mutes ` + specific + ` severity="warning" of the same job environment deployment category item`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("inhibitions\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for _, name := range strings.FieldsFunc(strings.Join(want, " "), func(r rune) bool {
		return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", r)
	}) {
		if strings.HasPrefix(name, "Catalyst") && alertNames()[name] == 0 {
			t.Errorf("no rule raises %s", name)
		}
	}
}

// lastLine is amtool's answer; Debian's amtool warns before it about its own configuration in /etc.
func lastLine(output string) string {
	lines := strings.Split(strings.TrimSpace(output), "\n")
	return lines[len(lines)-1]
}
