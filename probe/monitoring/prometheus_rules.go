package monitoring

import (
	"context"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/monitoring/promexpr"
	"github.com/thenexusengine/catalyst_exporter/probe/openmetrics"
	"github.com/thenexusengine/catalyst_exporter/probe/promapi"
)

// prometheus_rules: are alert rules loaded without errors, does an Alertmanager accept alerts, and can every rule fire?
//
// Prometheus lists every configured Alertmanager as active, including dead ones. The probe therefore checks the
// Alertmanager itself, and whether it took alerts: in the delivery metrics of Prometheus, or among the alerts that it
// holds. The configurations that both run with are judged like their files.
//
// A rule whose selector matched no series within the last day can never fire: the metric was renamed, or the job has
// another name. Such rules are a warning. Selectors inside absent() and after unless are meant to match nothing.
// Families of this exporter are exempt, since they may be empty (a waiver, a release).

func PrometheusRulesKind() probe.Kind {
	return probe.Kind{
		Name:       "prometheus_rules",
		Services:   []deployment.Service{deployment.PrometheusService, deployment.AlertmanagerService},
		Question:   "Are alert rules loaded without error, is an Alertmanager active, and can every rule fire?",
		Example:    "{}",
		Layer:      probe.LayerLive,
		Reads:      "GET on Prometheus (deployment.prometheus): rules, Alertmanagers, configuration, the last reload, series and an instant query; GET on Alertmanager (deployment.alertmanager): readiness, configuration, silences, alerts and metrics; GET on the Alertmanagers that Prometheus sends to, without credentials: status",
		Permission: "network access to both",
		Values:     []*probe.Value{DeadRules},
		MaxAge:     time.Minute,
		Timeout:    20 * time.Second,
		Alone:      true,
		New:        func() any { return &prometheusRules{} },
	}
}

type prometheusRules struct {
	Ignore []string `yaml:"ignore" doc:"names of alerts whose selectors may match nothing"`
}

type promRules struct {
	Groups []struct {
		Name           string    `json:"name"`
		Interval       float64   `json:"interval"` // seconds
		LastEvaluation time.Time `json:"lastEvaluation"`
		Rules          []struct {
			Type      string            `json:"type"`
			Name      string            `json:"name"`
			Query     string            `json:"query"`
			Health    string            `json:"health"`
			LastError string            `json:"lastError"`
			Labels    map[string]string `json:"labels"`
		} `json:"rules"`
	} `json:"groups"`
}

type promAlertmanagers struct {
	Active []struct {
		URL string `json:"url"`
	} `json:"activeAlertmanagers"`
}

// maxSelectors bounds the series requests of one run.
const maxSelectors = 200

func (s *prometheusRules) Probe(ctx context.Context, p *probe.Pass) (probe.Result, error) {
	rules, err := promapi.Get[promRules](ctx, p, "/api/v1/rules", nil)
	if err != nil {
		return promapi.JudgeError(p, "rules", err, false)
	}
	managers, err := promapi.Get[promAlertmanagers](ctx, p, "/api/v1/alertmanagers", nil)
	if err != nil {
		return promapi.JudgeError(p, "Alertmanagers", err, false)
	}
	if p.Deployment.Alertmanager.Alerting == "external" && (rules.alerting() == 0 || len(managers.Active) == 0) {
		return probe.Result{}, probe.Needs(deployment.PrometheusService.Setting("url")+" of the Prometheus that evaluates the alerts",
			probe.Unknownf(probe.ReasonNotConfigured, "Prometheus sends no alerts of its own: alerting is external"))
	}
	var f probe.ResultBuilder
	alerts := judgeRules(rules, managers, &f)
	if err := judgeEvaluations(ctx, p, rules, &f); err != nil {
		return promapi.JudgeError(p, "the time of the last reload", err, false)
	}
	sends := s.judgeRunning(ctx, p, rules, &f)
	var takes string
	if len(managers.Active) > 0 {
		takes, err = s.delivery(ctx, p, rules, sends, managers, &f)
		if r := f.Result(""); err != nil && r.State != probe.StateFail {
			return probe.Result{}, err
		}
	}
	dead, err := s.dead(ctx, p, rules)
	if err != nil {
		return promapi.JudgeError(p, "series", err, false)
	}
	f.Measure(DeadRules.Of(float64(len(dead))))
	if len(dead) > 0 {
		f.Warn(probe.ReasonDeadRule, "rules with a selector that matches no series, so they or a part of them can never fire: %s", strings.Join(dead[:min(len(dead), 10)], ", "))
	}
	if never := s.judged(rules, promexpr.Never); len(never) > 0 {
		f.Warn(probe.ReasonDeadRule, "rules that can never fire, since their expression is never true: %s", strings.Join(never, ", "))
	}
	if always := s.judged(rules, promexpr.Everything); len(always) > 0 {
		f.Warn(probe.ReasonWeak, "rules that fire for every series, since their comparison is always true: %s", strings.Join(always, ", "))
	}
	return f.Result("%d alert rules, none in error, and %s", alerts, takes), nil
}

// alerting returns the number of alert rules.
func (r promRules) alerting() int {
	n := 0
	for _, g := range r.Groups {
		for _, rule := range g.Rules {
			if rule.Type == "alerting" {
				n++
			}
		}
	}
	return n
}

// judgeRules checks the loaded rules and returns the number of alert rules.
func judgeRules(rules promRules, managers promAlertmanagers, f *probe.ResultBuilder) int {
	alerts := rules.alerting()
	for _, g := range rules.Groups {
		for _, r := range g.Rules {
			if r.Health == "err" || r.LastError != "" {
				f.Fail(probe.ReasonInvalid, "rule %s of group %s is in error", r.Name, g.Name)
			}
		}
	}
	if alerts == 0 {
		f.Fail(probe.ReasonEmpty, "Prometheus has no alert rules loaded")
	}
	if len(managers.Active) == 0 {
		f.Fail(probe.ReasonMissing, "Prometheus has no active Alertmanager")
	}
	return alerts
}

// judgeEvaluations reports a failed reload, and groups that were never evaluated: pending until an interval and a minute after the rules were
// loaded, then a warning.
func judgeEvaluations(ctx context.Context, p *probe.Pass, rules promRules, f *probe.ResultBuilder) error {
	var late, soon []string
	info, err := promapi.Get[promRuntime](ctx, p, "/api/v1/status/runtimeinfo", nil)
	if err == nil {
		info.judge(f)
	}
	for _, g := range rules.Groups {
		if g.LastEvaluation.Year() > 1 || g.Interval == 0 {
			continue // evaluated, or a server that does not say
		}
		if err != nil {
			return err
		}
		if p.Time.Sub(info.loaded()) > time.Duration(g.Interval*float64(time.Second))+time.Minute {
			late = append(late, g.Name)
		} else {
			soon = append(soon, g.Name)
		}
	}
	if len(soon) > 0 {
		f.Add(probe.Pending(probe.ReasonInProgress, "groups not evaluated since they were loaded: %s", strings.Join(soon[:min(len(soon), 10)], ", ")))
	}
	if len(late) > 0 {
		f.Warn(probe.ReasonStale, "groups never evaluated: %s. Check the log of Prometheus and the group's interval", strings.Join(late[:min(len(late), 10)], ", "))
	}
	return nil
}

// judged returns the first names of alert rules about whose expression something is known.
func (s *prometheusRules) judged(rules promRules, truth promexpr.Truth) (names []string) {
	for _, g := range rules.Groups {
		for _, r := range g.Rules {
			if r.Type == "alerting" && !slices.Contains(s.Ignore, r.Name) && !slices.Contains(names, r.Name) && len(names) < 10 && promexpr.Judge(r.Query) == truth {
				names = append(names, r.Name)
			}
		}
	}
	return names
}

// dead returns the alerts with a selector that matched no series within the last day.
func (s *prometheusRules) dead(ctx context.Context, p *probe.Pass, rules promRules) ([]string, error) {
	var dead []string
	matches := map[string]bool{}
	for _, g := range rules.Groups {
		for _, r := range g.Rules {
			if r.Type != "alerting" || slices.Contains(s.Ignore, r.Name) || slices.Contains(dead, r.Name) {
				continue
			}
			for _, selector := range selectors(r.Query) {
				if family, _, _ := strings.Cut(selector, "{"); openmetrics.OfExporter(family) || strings.HasPrefix(family, "catalyst:") {
					continue
				}
				if _, asked := matches[selector]; !asked && len(matches) < maxSelectors {
					some, err := promapi.Get[[]map[string]string](ctx, p, "/api/v1/series", url.Values{
						"match[]": {selector}, "limit": {"1"}, "start": {strconv.FormatInt(p.Time.Add(-24*time.Hour).Unix(), 10)}})
					if err != nil {
						return nil, err
					}
					matches[selector] = len(some) > 0
				}
				if some, asked := matches[selector]; asked && !some {
					dead = append(dead, r.Name)
					break
				}
			}
		}
	}
	return dead, nil
}

var DeadRules = &probe.Value{Name: "catalyst_alert_rules_dead", Help: "Alert rules with a selector that matches no series.", Labels: nil}
