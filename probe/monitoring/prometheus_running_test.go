package monitoring

import (
	"net/http"
	"strings"
	"testing"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/parts"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/alertmanager"
	"github.com/thenexusengine/catalyst_exporter/probe/promapi"
)

// TestRunningPrometheus_Faults gives a real Prometheus a configuration, and the deployment's folder the same or another.
func TestRunningPrometheus_Faults(t *testing.T) {
	const (
		scrape  = "global: {evaluation_interval: 1s}\nrule_files: [rules/*.yml]\nscrape_configs: [{job_name: catalyst, static_configs: []}]\n"
		down    = "groups: [{name: a, rules: [{alert: Down, expr: 'up == 0', labels: {severity: critical}}]}]\n"
		compose = "services: {prom: {image: 'prom/prometheus:v2.42.0', volumes: ['./prometheus.yml:/etc/prometheus/prometheus.yml:ro', './rules:/etc/prometheus/rules:ro']}}\n"
	)
	relabel := func(rules string) string { return scrape + "alerting: {alert_relabel_configs: [" + rules + "]}\n" }
	more := strings.Replace(down, "rules: [", "rules: [{alert: Slow, expr: 'process_open_fds > 100', labels: {severity: critical}}, ", 1)
	server := parts.Prometheus(t, scrape, map[string]string{"rules.yml": down})
	for name, tt := range map[string]struct {
		config, rules    string // that run
		declared, inFile string // in the folder; "": none
		state            probe.State
		reason           probe.Reason
		detail           string
	}{
		"plain":                   {scrape, down, "", "", probe.StatePass, "", ""},
		"the same files":          {scrape, down, scrape, down, probe.StatePass, "", ""},
		"drops pages":             {relabel("{source_labels: [severity], regex: 'crit.*', action: drop}"), down, "", "", probe.StateWarn, probe.ReasonDisabled, "drop alerts of severity critical"},
		"drops everything":        {relabel("{action: drop}"), down, "", "", probe.StateWarn, probe.ReasonDisabled, ""},
		"keeps others":            {relabel("{source_labels: [severity], regex: page, action: keep}"), down, "", "", probe.StateWarn, probe.ReasonDisabled, ""},
		"drops the application":   {relabel("{source_labels: [job], regex: catalyst, action: drop}"), down, "", "", probe.StateWarn, probe.ReasonDisabled, ""},
		"drops another job":       {relabel("{source_labels: [job], regex: node, action: drop}"), down, "", "", probe.StatePass, "", ""},
		"drops notices":           {relabel("{source_labels: [severity], regex: info, action: drop}"), down, "", "", probe.StatePass, "", ""},
		"removes a label":         {relabel("{regex: replica, action: labeldrop}"), down, "", "", probe.StatePass, "", ""},
		"drops its cluster":       {strings.Replace(relabel("{source_labels: [cluster], regex: blue, action: drop}"), "global: {", "global: {external_labels: {cluster: blue}, ", 1), down, "", "", probe.StateWarn, probe.ReasonDisabled, ""},
		"drops another cluster":   {strings.Replace(relabel("{source_labels: [cluster], regex: red, action: drop}"), "global: {", "global: {external_labels: {cluster: blue}, ", 1), down, "", "", probe.StatePass, "", ""},
		"a rule was added":        {scrape, down, scrape, more, probe.StateWarn, probe.ReasonDrift, "of service prom, or with another severity: Slow"},
		"a severity was raised":   {scrape, strings.Replace(down, "critical", "warning", 1), scrape, down, probe.StateWarn, probe.ReasonDrift, "Down"},
		"more run than declared":  {scrape, more, scrape, down, probe.StatePass, "", ""},
		"of another Prometheus":   {scrape, down, strings.Replace(scrape, "job_name: catalyst", "job_name: other", 1), more, probe.StatePass, "", ""},
		"an agent's":              {scrape, down, scrape, "agent", probe.StatePass, "", ""},
		"only a life sign":        {scrape, "groups: [{name: a, rules: [{alert: Watchdog, expr: 'vector(1)'}]}]\n", "", "", probe.StateWarn, probe.ReasonEmpty, "fires always, or never"},
		"a life sign and a rule":  {scrape, strings.Replace(down, "rules: [", "rules: [{alert: Watchdog, expr: 'vector(1)'}, ", 1), "", "", probe.StatePass, "", ""},
		"constant under any name": {scrape, "groups: [{name: a, rules: [{alert: Errors, expr: 'vector(1)'}]}]\n", "", "", probe.StateWarn, probe.ReasonEmpty, "fires always, or never"},
	} {
		t.Run(name, func(t *testing.T) {
			server.SetConfig(t, tt.config)
			server.SetRules(t, "rules.yml", tt.rules)
			server.Reload(t)
			files := probetest.Folder{}
			if tt.declared != "" {
				files = probetest.Folder{"compose.yaml": compose, "prometheus.yml": tt.declared, "rules/a.yml": tt.inFile}
			}
			if tt.inFile == "agent" {
				files["rules/a.yml"] = more
				files["compose.yaml"] = strings.Replace(compose, "volumes:", "command: [--agent], volumes:", 1)
			}
			f, _ := judgeRunningAt(t, server.URL, files)
			probetest.Expect(t, f, tt.state, tt.reason, tt.detail)
		})
	}
}

// judgeRunningAt judges the configuration of a running Prometheus.
func judgeRunningAt(t *testing.T, url string, files probetest.Folder) (probe.Result, alertRules) {
	t.Helper()
	p := probetest.NewPass(t, files, promAt(url, "catalyst"))
	var f probe.ResultBuilder
	rules, err := promapi.Get[promRules](t.Context(), p, "/api/v1/rules", nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := judgeEvaluations(t.Context(), p, promRules{}, &f); err != nil {
		t.Fatal(err)
	}
	alerts := (&prometheusRules{}).judgeRunning(t.Context(), p, rules, &f)
	return f.Result("seen"), alerts
}

// TestRunningPrometheus_ExternalLabels routes by a label that only Prometheus adds.
func TestRunningPrometheus_ExternalLabels(t *testing.T) {
	server := parts.Prometheus(t, "global: {external_labels: {cluster: blue}}\nscrape_configs: []\n", nil)
	_, alerts := judgeRunningAt(t, server.URL, nil)
	for cluster, lost := range map[string]bool{"blue": true, "green": false} {
		am := alertmanager.Parse("config", []byte("route: {receiver: team, routes: [{matchers: [cluster="+cluster+"], receiver: noop}]}\n"+
			"receivers: [{name: team, webhook_configs: [{url: 'http://pager.corp.net/'}]}, {name: noop}]\n"))
		config := &alertmanagerConfig{MaxMuted: defaultMaxMuted}
		ends := am.Root.Match(config.samples(alerts)[0].labels)
		if am.Notifies(ends[0]) == lost {
			t.Errorf("cluster %s: lost is %v", cluster, !lost)
		}
	}
}

// TestRunningPrometheus_ReloadFailed lets a real Prometheus reject its file.
func TestRunningPrometheus_ReloadFailed(t *testing.T) {
	const sound = "scrape_configs: [{job_name: catalyst, static_configs: []}]\n"
	server := parts.Prometheus(t, sound, nil)
	server.SetConfig(t, "scrape_configs: [{job_nam: catalyst}]\n")
	r, err := http.Post(server.URL+"/-/reload", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = r.Body.Close()
	f, _ := judgeRunningAt(t, server.URL, nil)
	probetest.Expect(t, f, probe.StateWarn, probe.ReasonDrift, "the last reload of Prometheus failed")
	server.SetConfig(t, sound)
	server.Reload(t)
	f, _ = judgeRunningAt(t, server.URL, nil)
	probetest.Expect(t, f, probe.StatePass, "", "")
}

// TestRunningPrometheus_OtherServers: a server that does not return its configuration is judged without it.
func TestRunningPrometheus_OtherServers(t *testing.T) {
	for name, h := range map[string]http.HandlerFunc{
		"absent": probetest.Says(404, "404 page not found"), "a page": probetest.Says(200, "<html>"), "guarded": probetest.Says(403, ""),
		"empty": probetest.Says(200, `{"status":"success","data":{"yaml":""}}`), "no YAML": probetest.Says(200, `{"status":"success","data":{"yaml":"a: [b"}}`),
	} {
		t.Run(name, func(t *testing.T) {
			p := probetest.NewPass(t, nil, deployment.Settings{Prometheus: promAt(probetest.Site(t, map[string]http.HandlerFunc{"/api/v1/status/config": h}).URL, "catalyst").Prometheus})
			if _, ok := readRunningPrometheus(t.Context(), p); ok {
				t.Error("a configuration was read")
			}
		})
	}
}
