package monitoring

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/alertmanager"
)

// Where the alerts go that must reach somebody: sample alerts, and those of the team's rules.

// sampleAlert is an alert that must reach somebody.
type sampleAlert struct {
	labels map[string]string
	what   string // for messages: alerts of severity critical
}

// judgeSamples judges where the alerts end that must reach somebody.
func (a *alertmanagerConfig) judgeSamples(f *probe.ResultBuilder, am *alertmanager.Config, rules alertRules, from time.Time, at func(int) string) {
	if len(am.Problems) > 0 {
		return // Alertmanager refuses the file: nothing is delivered
	}
	reported := map[int]bool{} // lines
	for _, sample := range a.samples(rules) {
		ends := am.Root.Match(sample.labels)
		line := ends[0].Line
		if ends[0] == am.Root && !am.Notifies(am.Root) || reported[line] {
			continue // of the root: reported with the routes
		}
		reported[line] = true
		offend := func(rule string) { f.Offend(probe.Offender{ID: sample.what + ":" + rule, Line: line}) }
		if !slices.ContainsFunc(ends, am.Notifies) {
			offend("not_delivered")
			if label := ends[0].Absent(sample.labels); slices.Contains(ambientLabels(), label) {
				f.Warn(probe.ReasonEmpty, "%s: %s end at a receiver without integrations if they have no label %s", at(line), sample.what, label)
				continue
			}
			f.Fail(probe.ReasonEmpty, "%s: %s end at a receiver without integrations", at(line), sample.what)
			continue
		}
		switch share := am.Undelivered(ends, from); {
		case share >= 1:
			offend("muted")
			f.Fail(probe.ReasonDisabled, "%s: %s are never delivered: the route is always muted", at(line), sample.what)
		case share > a.MaxMuted:
			offend("often_muted")
			f.Fail(probe.ReasonThreshold, "%s: %s are muted %s of the time, more than %s. Add a route for the rest of the week",
				at(line), sample.what, percent(share), percent(a.MaxMuted))
		case share > 0:
			offend("muted_at_times")
			f.Warn(probe.ReasonThreshold, "%s: %s are muted %s of the time", at(line), sample.what, percent(share))
		}
	}
	a.judgeApplication(f, am, rules, from, at)
	a.judgeRules(f, am, rules, from, reported, at)
	a.judgeNullRoutes(f, am, rules, at)
	a.judgeInhibitions(f, am, rules, at)
}

// judgeRules warns about single rules that page but whose alerts reach nobody, because of a label that they set.
func (a *alertmanagerConfig) judgeRules(f *probe.ResultBuilder, am *alertmanager.Config, rules alertRules, from time.Time, reported map[int]bool, at func(int) string) {
	if len(a.PageMatchers) > 0 {
		return // each is a sample
	}
	lost := map[int][]string{} // names by line
	for _, alert := range rules.paging() {
		labels := rules.with(alert)
		ends := am.Root.Match(labels)
		line := ends[0].Line
		if ends[0] == am.Root || reported[line] || ends[0].Absent(labels) != "" || pinned(ends[0].Path()) || slices.Contains(lost[line], alert["alertname"]) {
			continue
		}
		if share := am.Undelivered(ends, from); share >= 1 || share > a.MaxMuted {
			lost[line] = append(lost[line], alert["alertname"])
		}
	}
	for _, line := range slices.Sorted(maps.Keys(lost)) {
		names := lost[line]
		f.Warn(probe.ReasonEmpty, "%s: alerts of rules that page reach nobody here for more than %s of the time: %s", at(line), percent(a.MaxMuted),
			strings.Join(names[:min(len(names), 10)], ", "))
	}
}

// ambientLabels are labels that alerts usually get from Prometheus' external_labels or from the scraped series, and not
// from their rule.
func ambientLabels() []string {
	return []string{"env", "environment", "stage", "cluster", "region", "zone", "datacenter", "dc", "site", "namespace", "tenant", "job", "instance",
		"deployment", "prometheus", "replica", "monitor"}
}

// percent formats a share. A small one is not shown as zero.
func percent(share float64) string {
	if share < 0.01 {
		return fmt.Sprintf("%.1g %%", share*100)
	}
	return fmt.Sprintf("%.0f %%", math.Floor(share*100))
}

// judgeNullRoutes warns about routes to nobody that are pinned to the names of alerts, unless those are known to be of
// a lower severity or to be dead man's switches.
func (a *alertmanagerConfig) judgeNullRoutes(f *probe.ResultBuilder, am *alertmanager.Config, rules alertRules, at func(int) string) {
	var walk func(r *alertmanager.Route, path []alertmanager.Matcher)
	walk = func(r *alertmanager.Route, path []alertmanager.Matcher) {
		path = slices.Concat(path, r.Matchers)
		for _, child := range r.Routes {
			walk(child, path)
		}
		if r.Continues || len(am.IntegrationsAt(r)) > 0 || !pinned(path) {
			return
		}
		for _, sample := range a.samples(rules) {
			if name, ok := a.swallows(path, sample, rules); ok {
				f.Warn(probe.ReasonEmpty, "%s: %s end at a receiver without integrations if their alertname matches%s", at(r.Line),
					sample.what, name)
				return
			}
		}
	}
	walk(am.Root, nil)
}

// pinned reports whether matchers name alerts.
func pinned(path []alertmanager.Matcher) bool {
	return slices.ContainsFunc(path, func(m alertmanager.Matcher) bool {
		return m.Label == "alertname" && (m.Operator == "=" || m.Operator == "=~") && !m.Matches(map[string]string{"alertname": sampleName})
	})
}

// swallows reports whether a sample alert would match if it had another name. Known rules decide with their own names.
func (a *alertmanagerConfig) swallows(path []alertmanager.Matcher, sample sampleAlert, rules alertRules) (name string, ok bool) {
	var names, rest []alertmanager.Matcher
	for _, m := range path {
		if m.Label == "alertname" {
			names = append(names, m)
		} else {
			rest = append(rest, m)
		}
	}
	if !alertmanager.MatchAll(rest, sample.labels) {
		return "", false
	}
	for _, rule := range rules.alerts {
		if rule["severity"] == sample.labels["severity"] && alertmanager.MatchAll(names, rule) && !rules.alwaysFires(rule) {
			return ": " + rule["alertname"], true
		}
	}
	if len(rules.alerts) > 0 && !rules.partial {
		return "", false
	}
	for _, m := range names {
		if m.Operator == "=" && isLifeSign(m.Value) || m.Operator == "=~" && !slices.ContainsFunc(strings.Split(m.Value, "|"), func(n string) bool { return !isLifeSign(n) }) {
			return "", false
		}
	}
	return "", true
}

// judgeInhibitions warns about inhibit rules whose source always fires.
func (a *alertmanagerConfig) judgeInhibitions(f *probe.ResultBuilder, am *alertmanager.Config, rules alertRules, at func(int) string) {
	for _, rule := range am.Inhibits {
		for _, source := range rules.lifeSigns() {
			source = rules.with(source)
			if !alertmanager.MatchAll(rule.Sources, source) || !slices.ContainsFunc(a.samples(rules), func(s sampleAlert) bool {
				return alertmanager.MatchAll(rule.Targets, s.labels) && !slices.ContainsFunc(rule.Equal, func(label string) bool { return source[label] == "" || source[label] != s.labels[label] })
			}) {
				continue
			}
			f.Warn(probe.ReasonDisabled, "%s: this inhibit rule mutes alerts that must reach somebody: its source %s always fires", at(rule.Line), source["alertname"])
			break
		}
		a.judgeReversed(f, rule, rules, at)
	}
}

// lesserSeverities are the values of the label severity that never page, by convention.
func lesserSeverities() []string {
	return []string{"warning", "warn", "info", "notice", "low", "minor", "debug", "none"}
}

// judgeReversed warns about an inhibit rule in which an alert of a lesser severity mutes alerts that must reach somebody.
// One that names its source alerts is meant so.
func (a *alertmanagerConfig) judgeReversed(f *probe.ResultBuilder, rule alertmanager.Inhibition, rules alertRules, at func(int) string) {
	if !slices.ContainsFunc(rule.Sources, func(m alertmanager.Matcher) bool { return m.Label == "severity" }) ||
		slices.ContainsFunc(rule.Sources, func(m alertmanager.Matcher) bool { return m.Label != "severity" }) {
		return
	}
	for _, sample := range a.samples(rules) {
		if slices.Contains(lesserSeverities(), sample.labels["severity"]) || !alertmanager.MatchAll(rule.Targets, sample.labels) ||
			alertmanager.MatchAll(rule.Sources, sample.labels) {
			continue
		}
		for _, severity := range lesserSeverities() {
			if alertmanager.MatchAll(rule.Sources, map[string]string{"severity": severity}) {
				f.Warn(probe.ReasonDisabled, "%s: this inhibit rule mutes %s while an alert of severity %s fires. Exchange its sources and targets",
					at(rule.Line), sample.what, severity)
				return
			}
		}
	}
}
