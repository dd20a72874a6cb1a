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
	"github.com/thenexusengine/catalyst_exporter/probe/httpclient"
	"github.com/thenexusengine/catalyst_exporter/probe/openmetrics"
	"github.com/thenexusengine/catalyst_exporter/probe/promapi"
)

// prometheus_rules: are alert rules loaded without errors, does an Alertmanager accept alerts, and can every rule fire?
//
// Prometheus lists every configured Alertmanager as active, including dead ones. The probe therefore checks the
// Alertmanager itself and, where Prometheus scrapes itself, its own delivery metrics.
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
		Reads:      "GET on Prometheus (deployment.prometheus): rules, Alertmanagers, series and two instant queries; GET on Alertmanager (deployment.alertmanager): readiness",
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
		Name  string `json:"name"`
		Rules []struct {
			Type      string `json:"type"`
			Name      string `json:"name"`
			Query     string `json:"query"`
			Health    string `json:"health"`
			LastError string `json:"lastError"`
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
	var f probe.ResultBuilder
	alerts := judgeRules(rules, managers, &f)
	var takes string
	if len(managers.Active) > 0 {
		takes, err = s.delivery(ctx, p, &f)
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
	return f.Result("%d alert rules, none in error, and %s", alerts, takes), nil
}

// delivery checks whether alerts arrive, and returns the evidence in words.
func (s *prometheusRules) delivery(ctx context.Context, p *probe.Pass, f *probe.ResultBuilder) (string, error) {
	lost, known, err := deliveryFaults(ctx, p)
	if err != nil {
		_, err := promapi.JudgeError(p, "deliveries", err, false)
		return "", err
	}
	for _, l := range lost {
		f.Add(l)
	}
	const ready = "/-/ready of Alertmanager"
	manager := p.Deployment.Alertmanager
	w, err := httpclient.For(p, "alertmanager", manager.HTTP)
	if err != nil {
		return "", err
	}
	at := manager.Address()
	a, err := w.Get(ctx, at.URL+"/-/ready")
	switch {
	case err == nil:
		if err := httpclient.Rejected(ready, a, deployment.AlertmanagerService.Setting("bearer_token_file")+" or username"); err != nil {
			return "", err
		}
		word := strings.ToLower(strings.TrimSpace(string(a.Body)))
		switch answers := a.Status == 200 && a.OffSite == ""; {
		case answers && (word == "ok" || word == "ready"): // of Alertmanager and Mimir; a server that returns a page for every path is another service
			return "Alertmanager is ready", nil
		case !at.Configured:
		case answers:
			f.Fail(probe.ReasonMismatch, "%s returned 200 but not an Alertmanager readiness response", ready)
		default:
			f.Fail(probe.ReasonUnhealthy, "%s returned %d", ready, a.Status)
		}
	case at.Configured:
		r, err := httpclient.JudgeError(ready, err, at, deployment.AlertmanagerService.Setting("url"), true)
		if err != nil {
			return "", err
		}
		f.Add(r)
	}
	if !known && !at.Configured {
		f.Warn(probe.ReasonUnpinned, "alert delivery cannot be checked: set deployment.alertmanager.url, or let Prometheus scrape itself")
	}
	return "every alert of the last 10 minutes was delivered", nil
}

// deliveryFaults returns recent delivery failures reported by Prometheus; known is false where it does not scrape
// itself.
func deliveryFaults(ctx context.Context, p *probe.Pass) (faults []probe.Result, known bool, err error) {
	for _, ask := range []struct {
		query string
		fault probe.Result
	}{
		{"max(increase(prometheus_notifications_dropped_total[10m]))", probe.Failed(probe.ReasonUnhealthy, "Prometheus dropped alerts within the last 10 minutes: no Alertmanager accepted them")},
		{"max(increase(prometheus_notifications_errors_total[10m]))", probe.Warned(probe.ReasonUnhealthy, "an Alertmanager rejected alerts from Prometheus within the last 10 minutes")},
	} {
		all, err := promapi.Query(ctx, p, ask.query, p.Time)
		if err != nil {
			return nil, false, err
		}
		for _, sample := range promapi.Real(all) {
			known = true
			if sample.Number > 0 {
				faults = append(faults, ask.fault)
			}
		}
	}
	return faults, known, nil
}

// judgeRules checks the loaded rules and returns the number of alert rules.
func judgeRules(rules promRules, managers promAlertmanagers, f *probe.ResultBuilder) int {
	alerts := 0
	for _, g := range rules.Groups {
		for _, r := range g.Rules {
			if r.Type == "alerting" {
				alerts++
			}
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
