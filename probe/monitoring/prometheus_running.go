package monitoring

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/promapi"
	"github.com/thenexusengine/catalyst_exporter/schema"
)

// The configuration with which Prometheus runs. Its external labels and relabelling decide what Alertmanager receives,
// and rule files that were changed count only after a reload. Servers other than Prometheus do not return it.

// promRuntime is what Prometheus reports of its last reload.
type promRuntime struct {
	StartTime           time.Time `json:"startTime"`
	LastConfigTime      time.Time `json:"lastConfigTime"`
	ReloadConfigSuccess *bool     `json:"reloadConfigSuccess"`
}

// loaded returns when the rules were loaded.
func (r promRuntime) loaded() time.Time {
	if r.LastConfigTime.Before(r.StartTime) {
		return r.StartTime
	}
	return r.LastConfigTime
}

// judge warns when the last reload failed.
func (r promRuntime) judge(f *probe.ResultBuilder) {
	if r.ReloadConfigSuccess != nil && !*r.ReloadConfigSuccess {
		f.Warn(probe.ReasonDrift, "the last reload of Prometheus failed: it runs with an older configuration and older rules. "+
			"Run `promtool check config`, then reload it")
	}
}

// readRunningPrometheus returns the configuration with which Prometheus runs; ok is false when it does not return it.
func readRunningPrometheus(ctx context.Context, p *probe.Pass) (running prometheusFile, ok bool) {
	config, err := promapi.Get[struct {
		YAML string `json:"yaml"`
	}](ctx, p, "/api/v1/status/config", nil)
	if err != nil || config.YAML == "" {
		return running, false
	}
	root, err := schema.Parse("config", []byte(config.YAML))
	if err != nil {
		return running, false
	}
	return prometheusFile{top: fieldsOf(root)}, true
}

// judgeRunning judges the loaded rules, and what Prometheus does with their alerts before it sends them. It returns the
// alerts as Alertmanager receives them.
func (s *prometheusRules) judgeRunning(ctx context.Context, p *probe.Pass, rules promRules, f *probe.ResultBuilder) alertRules {
	alerts := rules.alerts()
	alerts.job = promapi.Job(p)
	if len(alerts.alerts) > 0 && !slices.ContainsFunc(alerts.alerts, func(a map[string]string) bool { return !alerts.alwaysFires(a) }) {
		f.Warn(probe.ReasonEmpty, "every loaded alert rule fires always, or never: no failure of the deployment causes an alert")
	}
	running, ok := readRunningPrometheus(ctx, p)
	if !ok {
		return alerts
	}
	alerts.external = running.external()
	config := &alertmanagerConfig{MaxMuted: defaultMaxMuted}
	running.judgeRelabelling(f, alerts, config.samples(alerts), func(int) string { return "running Prometheus" })
	for _, file := range readPrometheusFiles(p).all {
		if file.agent || !slices.ContainsFunc(file.jobs(), func(job string) bool { return slices.Contains(running.jobs(), job) }) {
			continue // another Prometheus
		}
		if absent := notLoaded(file.rules(p).alertRules, rules); len(absent) > 0 {
			f.Warn(probe.ReasonDrift, "Prometheus runs without these alert rules of the files of service %s, or with another severity: %s. Reload it",
				file.service, strings.Join(absent[:min(len(absent), 10)], ", "))
		}
	}
	return alerts
}

// jobs returns the names of the scrape jobs.
func (f prometheusFile) jobs() (names []string) {
	for _, job := range schemaList(f.top["scrape_configs"]) {
		if name := fieldsOf(job)["job_name"]; !schema.IsNull(name) {
			names = append(names, name.Value)
		}
	}
	return names
}

// notLoaded returns the names of declared alerts that are not loaded with their severity.
func notLoaded(declared alertRules, rules promRules) (names []string) {
	for _, alert := range declared.alerts {
		name, severity := alert["alertname"], alert["severity"]
		found := rules.hasAlert(func(loaded string, labels map[string]string) bool {
			return loaded == name && (severity == "" || labels["severity"] == severity)
		})
		if !found && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// hasAlert reports whether an alert rule is loaded for which a condition holds.
func (r promRules) hasAlert(is func(name string, labels map[string]string) bool) bool {
	for _, g := range r.Groups {
		for _, rule := range g.Rules {
			if rule.Type == "alerting" && is(rule.Name, rule.Labels) {
				return true
			}
		}
	}
	return false
}
