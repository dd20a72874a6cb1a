package monitoring

import (
	"context"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/deployment/find"
	"github.com/thenexusengine/catalyst_exporter/files"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/alertmanager"
)

// The configuration with which Alertmanager runs. It returns the structure that it has read: defaults are filled in,
// comments are gone and secrets are replaced, so that only routes, receivers, inhibitions and time intervals are judged
// and compared with the file, and no value is.

// judge judges the running configuration and its silences.
func (r runningAlertmanager) judge(ctx context.Context, p *probe.Pass, alerts alertRules, f *probe.ResultBuilder) {
	var status struct {
		Config struct {
			Original string `json:"original"`
		} `json:"config"`
	}
	if !r.get(ctx, "/api/v2/status", &status) || status.Config.Original == "" {
		f.Warn(probe.ReasonWeak, "running Alertmanager: routes and silences were not checked: /api/v2/status did not return its configuration")
		return
	}
	running := alertmanager.Parse("config", []byte(status.Config.Original))
	running.Problems = nil // it was accepted
	if running.Root == nil {
		f.Warn(probe.ReasonWeak, "running Alertmanager: routes and silences were not checked: its configuration has no route")
		return
	}
	config := &alertmanagerConfig{MaxMuted: defaultMaxMuted}
	at := func(int) string { return "running Alertmanager" }
	config.judgeRoutes(f, running, at)
	config.judgeSamples(f, running, alerts, p.Time, at)
	for _, sample := range config.samples(alerts) {
		if running.MutedAt(running.Root.Match(sample.labels), p.Time) {
			f.Warn(probe.ReasonDisabled, "running Alertmanager: %s are muted at the moment by a time interval", sample.what)
		}
	}
	r.judgeSilences(ctx, config.samples(alerts), alerts, f)
	r.judgeMetrics(ctx, f)
	if file, name := declaredAlertmanager(p); file != nil && len(file.Problems) == 0 && file.Root != nil {
		for _, part := range alertmanager.Differences(file, running) {
			f.Warn(probe.ReasonDrift, "running Alertmanager has other %s than %s. Reload it", part, name)
		}
	}
}

// alerts returns the names and labels of the loaded alert rules.
func (r promRules) alerts() alertRules {
	var all alertRules
	for _, g := range r.Groups {
		for _, rule := range g.Rules {
			if rule.Type != "alerting" {
				continue
			}
			labels := map[string]string{"alertname": rule.Name}
			maps.Copy(labels, rule.Labels)
			all.addAlert(labels, rule.Query)
		}
	}
	return all
}

// declaredAlertmanager returns the configuration file of the deployment; nil when there is none to read.
func declaredAlertmanager(p *probe.Pass) (am *alertmanager.Config, shown string) {
	file := p.View.Place(find.FactAlertmanager).Path()
	if file == "" {
		return nil, ""
	}
	shown = p.Deployment.Rel(file)
	am, err := files.Load(p.Files, file, "alertmanager", maxAlertmanager, func(data []byte, _ fs.FileInfo) (*alertmanager.Config, error) {
		return alertmanager.Parse(shown, data), nil
	})
	if err != nil {
		return nil, ""
	}
	return am, shown
}

type amSilence struct {
	Status struct {
		State string `json:"state"`
	} `json:"status"`
	Matchers []struct {
		Name    string `json:"name"`
		Value   string `json:"value"`
		IsRegex bool   `json:"isRegex"`
		IsEqual *bool  `json:"isEqual"`
	} `json:"matchers"`
}

// matchers converts the conditions of a silence.
func (s amSilence) matchers() (all []alertmanager.Matcher, ok bool) {
	for _, m := range s.Matchers {
		equal := m.IsEqual == nil || *m.IsEqual
		operator := map[bool]map[bool]string{false: {true: "=", false: "!="}, true: {true: "=~", false: "!~"}}[m.IsRegex][equal]
		matcher, err := alertmanager.NewMatcher(m.Name, operator, m.Value)
		if err != nil {
			return nil, false
		}
		all = append(all, matcher)
	}
	return all, len(all) > 0
}

// judgeSilences warns about active silences of all alerts that page, or of a rule whose alerts do.
func (r runningAlertmanager) judgeSilences(ctx context.Context, samples []sampleAlert, rules alertRules, f *probe.ResultBuilder) {
	var silences []amSilence
	if !r.get(ctx, "/api/v2/silences", &silences) {
		f.Warn(probe.ReasonWeak, "running Alertmanager: silences were not checked: /api/v2/silences did not return them")
		return
	}
	var silenced []string
	add := func(what string) {
		if !slices.Contains(silenced, what) {
			silenced = append(silenced, what)
		}
	}
	for _, s := range silences {
		matchers, ok := s.matchers()
		if !ok || s.Status.State != "active" {
			continue
		}
		all := false
		for _, sample := range samples {
			if rules.matchesApplication(matchers, sample.labels) {
				add(sample.what)
				all = true
			}
		}
		for _, alert := range rules.alerts {
			if !all && slices.Contains(pagingSeverities(), strings.ToLower(alert["severity"])) && rules.matchesApplication(matchers, rules.with(alert)) {
				add(alert["alertname"])
			}
		}
	}
	held, _ := r.alerts(ctx)
	for _, alert := range held { // a silence may name a label that only a series has
		if len(alert.Status.SilencedBy) > 0 && slices.ContainsFunc(rules.paging(), func(rule map[string]string) bool {
			return rule["alertname"] == alert.Labels["alertname"] && rule["severity"] == alert.Labels["severity"]
		}) {
			add(alert.Labels["alertname"])
		}
	}
	if len(silenced) > 0 {
		f.Warn(probe.ReasonDisabled, "running Alertmanager: a silence is active for %s", strings.Join(silenced[:min(len(silenced), 10)], ", "))
	}
}
