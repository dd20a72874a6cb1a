package monitoring

import (
	"maps"
	"slices"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
	"github.com/thenexusengine/catalyst_exporter/probe/alertmanager"
)

// Which alerts must reach somebody: those that match page_matchers. Without them, the alerts of a paging severity in
// the team's rule files; without those, the severity of this exporter's own pages.

// sampleName is the name of a sample alert, which no configuration names.
const sampleName = "CatalystSampleAlert"

// pagingSeverities are the values of the label severity that page somebody, by convention.
func pagingSeverities() []string {
	return []string{"critical", "page", "pager", "paging", "emergency", "disaster", "fatal", "p0", "p1", "sev0", "sev1"}
}

// alertRules are the alerts of the team's rule files: their names and fixed labels.
type alertRules struct {
	alerts    []map[string]string
	always    []string          // names of alerts whose expression is always true
	pointless []string          // names of alerts whose comparison is true for every series
	never     []string          // names of alerts whose expression is never true; not among alerts
	external  map[string]string // labels that Prometheus adds to every alert
	job       string            // of the application; "" when not known
	partial   bool              // there may be more
}

// with returns the labels of an alert as Alertmanager sees them.
func (r alertRules) with(labels map[string]string) map[string]string {
	if len(r.external) == 0 {
		return labels
	}
	all := maps.Clone(r.external)
	maps.Copy(all, labels)
	return all
}

// paging returns the alerts that must reach somebody by their severity.
func (r alertRules) paging() []map[string]string {
	var all []map[string]string
	for _, alert := range r.alerts {
		if slices.Contains(pagingSeverities(), strings.ToLower(alert["severity"])) && !r.alwaysFires(alert) {
			all = append(all, alert)
		}
	}
	return all
}

func (r alertRules) alwaysFires(alert map[string]string) bool {
	return isLifeSign(alert["alertname"]) || slices.Contains(r.always, alert["alertname"])
}

// lifeSigns returns alerts that always fire: a dead man's switch notices when they stop.
func (r alertRules) lifeSigns() []map[string]string {
	var all []map[string]string
	for _, alert := range r.alerts {
		if r.alwaysFires(alert) {
			all = append(all, alert)
		}
	}
	if len(r.alerts) > 0 && !r.partial {
		return all
	}
	for _, name := range []string{"Watchdog", "DeadMansSwitch", "DeadManSwitch", "Heartbeat", "CatalystWatchdog"} {
		all = append(all, map[string]string{"alertname": name})
	}
	return all
}

// lifeSign matches names of alerts that always fire, or that exist only to inhibit others.
var lifeSign = lazyregexp.New(`(?i)(?:watch-?dog|dead_?-?mans?_?-?s?_?-?(?:switch|snitch)|heart-?beat|info-?inhibitor|always-?firing)`)

// isLifeSign reports whether the name of an alert says that it always fires, or exists for inhibition only.
func isLifeSign(name string) bool { return lifeSign.MatchString(name) }

// samples returns one alert per kind of alert that must reach somebody.
func (a *alertmanagerConfig) samples(rules alertRules) []sampleAlert {
	if len(a.PageMatchers) > 0 {
		return a.samplesOfMatchers(rules)
	}
	var severities []string
	for _, alert := range rules.paging() {
		if severity := alert["severity"]; !slices.Contains(severities, severity) {
			severities = append(severities, severity)
		}
	}
	if (len(severities) == 0 || rules.partial) && !slices.Contains(severities, "critical") {
		severities = append(severities, "critical")
	}
	slices.Sort(severities)
	samples := make([]sampleAlert, len(severities))
	for i, severity := range severities {
		samples[i] = sampleAlert{rules.with(map[string]string{"alertname": sampleName, "severity": severity}), "alerts of severity " + severity}
	}
	return samples
}

// samplesOfMatchers returns an alert with the values that page_matchers demand, and those of the rule files that match.
func (a *alertmanagerConfig) samplesOfMatchers(rules alertRules) []sampleAlert {
	matchers := a.pageMatchers()
	sets := []map[string]string{{"alertname": sampleName}}
	for _, m := range matchers {
		values := []string{m.Value}
		if m.Operator == "=~" {
			values = strings.Split(strings.Trim(m.Value, "^$()"), "|")
		}
		if m.Operator != "=" && m.Operator != "=~" {
			continue
		}
		var next []map[string]string
		for _, set := range sets {
			for _, value := range values[:min(len(values), 10)] {
				with := maps.Clone(set)
				with[m.Label] = value
				next = append(next, with)
			}
		}
		sets = next[:min(len(next), 100)]
	}
	sets = append(sets, rules.alerts...)
	var samples []sampleAlert
	for _, set := range sets {
		if alertmanager.MatchAll(matchers, rules.with(set)) && !rules.alwaysFires(set) {
			samples = append(samples, sampleAlert{rules.with(set), "alerts that match page_matchers"})
		}
	}
	return samples
}

func (a *alertmanagerConfig) pageMatchers() []alertmanager.Matcher {
	var all []alertmanager.Matcher
	for _, text := range a.PageMatchers {
		matchers, _ := alertmanager.ParseMatchers(text) // Validate has reported the error
		all = append(all, matchers...)
	}
	return all
}
