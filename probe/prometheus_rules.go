package probe

import (
	"context"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// prometheus_rules: are alert rules loaded, none of them in error, is there somebody to send alerts to, and can every rule fire?
//
// A rule whose selector matches no series within the last day can never fire: a renamed metric, a job that is called otherwise. Such rules are
// named as a warning. Selectors inside absent() are meant to match nothing.

func prometheusRulesKind() Kind {
	return Kind{
		Name:     "prometheus_rules",
		Question: "Are alert rules loaded without error, is an Alertmanager active, and can every rule fire?",
		Example:  "{}",
		Layer:    LayerLive,
		Reads:    "GET on Prometheus (deployment.prometheus): rules, Alertmanagers and series; needs to reach it",
		Values:   []*Value{DeadRules},
		MaxAge:   time.Minute,
		Timeout:  20 * time.Second,
		Alone:    true,
		New:      func() any { return &prometheusRules{} },
	}
}

type prometheusRules struct {
	Ignore []string `yaml:"ignore" doc:"names of alerts that may match nothing"`
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

// maxSelectors bounds the questions about series in one look.
const maxSelectors = 200

func (s *prometheusRules) Probe(ctx context.Context, p *Pass) (Result, error) {
	rules, err := promAsk[promRules](ctx, p, "/api/v1/rules", nil)
	if err != nil {
		return promUnasked(p, "rules", err, false)
	}
	managers, err := promAsk[promAlertmanagers](ctx, p, "/api/v1/alertmanagers", nil)
	if err != nil {
		return promUnasked(p, "Alertmanagers", err, false)
	}
	var f Findings
	alerts := judgeRules(rules, managers, &f)
	dead, err := s.dead(ctx, p, rules)
	if err != nil {
		return promUnasked(p, "series", err, false)
	}
	f.Measure(DeadRules.Of(float64(len(dead))))
	if len(dead) > 0 {
		f.Warn(ReasonDeadRule, "rules that match no series and can never fire: %s", strings.Join(dead[:min(len(dead), 10)], ", "))
	}
	return f.Result("%d alert rules, none in error, and an Alertmanager is active", alerts), nil
}

// judgeRules judges what is loaded and returns the number of alert rules.
func judgeRules(rules promRules, managers promAlertmanagers, f *Findings) int {
	alerts := 0
	for _, g := range rules.Groups {
		for _, r := range g.Rules {
			if r.Type == "alerting" {
				alerts++
			}
			if r.Health == "err" || r.LastError != "" {
				f.Fail(ReasonInvalid, "rule %s of group %s is in error", r.Name, g.Name)
			}
		}
	}
	if alerts == 0 {
		f.Fail(ReasonEmpty, "Prometheus has no alert rule loaded")
	}
	if len(managers.Active) == 0 {
		f.Fail(ReasonMissing, "Prometheus sends alerts to no Alertmanager")
	}
	return alerts
}

// dead names the alerts with a selector that matched no series within the last day.
func (s *prometheusRules) dead(ctx context.Context, p *Pass, rules promRules) ([]string, error) {
	var dead []string
	matches := map[string]bool{}
	for _, g := range rules.Groups {
		for _, r := range g.Rules {
			if r.Type != "alerting" || slices.Contains(s.Ignore, r.Name) || slices.Contains(dead, r.Name) {
				continue
			}
			for _, selector := range selectors(r.Query) {
				if _, asked := matches[selector]; !asked && len(matches) < maxSelectors {
					some, err := promAsk[[]map[string]string](ctx, p, "/api/v1/series", url.Values{
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
