package monitoring

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/thenexusengine/catalyst_exporter/probe"
)

// Where alerts go: sample alerts are walked through the routing tree as Alertmanager does it. An alert is delivered
// while at least one of the routes at which it ends has a receiver with an integration and is not muted.

// sampleAlert is an alert that must reach somebody.
type sampleAlert struct {
	labels map[string]string
	what   string // for messages: alerts of severity critical
}

// match returns the routes at which an alert ends (dispatch.Route.Match of Alertmanager).
func (r *amRoute) match(labels map[string]string) []*amRoute {
	if !matchesAll(r.matchers, labels) {
		return nil
	}
	var ends []*amRoute
	for _, child := range r.routes {
		found := child.match(labels)
		ends = append(ends, found...)
		if found != nil && !child.continues {
			break
		}
	}
	if len(ends) == 0 {
		return []*amRoute{r}
	}
	return ends
}

// notifies reports whether the receiver of a route has an integration.
func (am *alertmanagerConfigFile) notifies(r *amRoute) bool {
	receiver, _ := am.receiver(r.receiver)
	return len(receiver.integrations) > 0
}

// undelivered returns the share of the time in which none of the routes notifies anybody, in the worst weeks of the
// year from a time on.
func (am *alertmanagerConfigFile) undelivered(ends []*amRoute, from time.Time) float64 {
	start := from.UTC().Truncate(24 * time.Hour)
	delivered := newCalendar()
	for _, r := range ends {
		if !am.notifies(r) {
			continue
		}
		if len(r.intervals()) == 0 {
			return 0
		}
		delivered.add(am.notifyingTimes(r, start))
	}
	return delivered.missing()
}

func (am *alertmanagerConfigFile) notifyingTimes(r *amRoute, start time.Time) calendar {
	union := func(names []amName) calendar {
		c := newCalendar()
		for _, n := range names {
			if x := am.interval(n.name); x != nil {
				c.add(x.minutes(start))
			}
		}
		return c
	}
	times := newCalendar()
	times.set(0, len(times)*64)
	if len(r.actives) > 0 {
		times.keep(union(r.actives))
	}
	if len(r.mutes) > 0 {
		times.remove(union(r.mutes))
	}
	return times
}

// judgeSamples judges where the alerts end that must reach somebody.
func (a *alertmanagerConfig) judgeSamples(f *probe.ResultBuilder, am *alertmanagerConfigFile, rules alertRules, from time.Time, at func(int) string) {
	if len(am.problems) > 0 {
		return // Alertmanager refuses the file: nothing is delivered
	}
	reported := map[int]bool{} // lines
	for _, sample := range a.samples(rules) {
		ends := am.root.match(sample.labels)
		line := ends[0].line
		if ends[0] == am.root && !am.notifies(am.root) || reported[line] {
			continue // of the root: reported with the routes
		}
		reported[line] = true
		if !slices.ContainsFunc(ends, am.notifies) {
			if label := ends[0].absent(sample.labels); slices.Contains(ambientLabels(), label) {
				f.Warn(probe.ReasonEmpty, "%s: %s end at a receiver without integrations if they have no label %s", at(line), sample.what, label)
				continue
			}
			f.Fail(probe.ReasonEmpty, "%s: %s end at a receiver without integrations", at(line), sample.what)
			continue
		}
		switch share := am.undelivered(ends, from); {
		case share >= 1:
			f.Fail(probe.ReasonDisabled, "%s: %s are never delivered: the route is always muted", at(line), sample.what)
		case share > a.MaxMuted:
			f.Fail(probe.ReasonThreshold, "%s: %s are muted %s of the time, more than %s. Add a route for the rest of the week",
				at(line), sample.what, percent(share), percent(a.MaxMuted))
		case share > 0:
			f.Warn(probe.ReasonThreshold, "%s: %s are muted %s of the time", at(line), sample.what, percent(share))
		}
	}
	a.judgeRules(f, am, rules, from, reported, at)
	a.judgeNullRoutes(f, am, rules, at)
	a.judgeInhibitions(f, am, rules, at)
}

// judgeRules warns about single rules that page but whose alerts reach nobody, because of a label that they set.
func (a *alertmanagerConfig) judgeRules(f *probe.ResultBuilder, am *alertmanagerConfigFile, rules alertRules, from time.Time, reported map[int]bool, at func(int) string) {
	if len(a.PageMatchers) > 0 {
		return // each is a sample
	}
	lost := map[int][]string{} // names by line
	for _, alert := range rules.paging() {
		labels := rules.with(alert)
		ends := am.root.match(labels)
		line := ends[0].line
		if ends[0] == am.root || reported[line] || ends[0].absent(labels) != "" || pinned(ends[0].path()) || slices.Contains(lost[line], alert["alertname"]) {
			continue
		}
		if share := am.undelivered(ends, from); share >= 1 || share > a.MaxMuted {
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

// absent returns a label that decides that an alert reaches this route and that the alert does not have; "" for none.
func (r *amRoute) absent(labels map[string]string) string {
	for ; r != nil; r = r.parent {
		for _, m := range r.matchers {
			if labels[m.label] == "" && (m.expression == nil || m.value != ".*") {
				return m.label
			}
		}
	}
	return ""
}

// path returns the matchers of a route and of those above it.
func (r *amRoute) path() []amMatcher {
	var all []amMatcher
	for ; r != nil; r = r.parent {
		all = append(all, r.matchers...)
	}
	return all
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
func (a *alertmanagerConfig) judgeNullRoutes(f *probe.ResultBuilder, am *alertmanagerConfigFile, rules alertRules, at func(int) string) {
	var walk func(r *amRoute, path []amMatcher)
	walk = func(r *amRoute, path []amMatcher) {
		path = slices.Concat(path, r.matchers)
		for _, child := range r.routes {
			walk(child, path)
		}
		if r.continues || len(am.integrationsAt(r)) > 0 || !pinned(path) {
			return
		}
		for _, sample := range a.samples(rules) {
			if name, ok := a.swallows(path, sample, rules); ok {
				f.Warn(probe.ReasonEmpty, "%s: %s end at a receiver without integrations if their alertname matches%s", at(r.line),
					sample.what, name)
				return
			}
		}
	}
	walk(am.root, nil)
}

// pinned reports whether matchers name alerts.
func pinned(path []amMatcher) bool {
	return slices.ContainsFunc(path, func(m amMatcher) bool {
		return m.label == "alertname" && (m.operator == "=" || m.operator == "=~") && !m.matches(map[string]string{"alertname": sampleName})
	})
}

// swallows reports whether a sample alert would match if it had another name. Known rules decide with their own names.
func (a *alertmanagerConfig) swallows(path []amMatcher, sample sampleAlert, rules alertRules) (name string, ok bool) {
	var names, rest []amMatcher
	for _, m := range path {
		if m.label == "alertname" {
			names = append(names, m)
		} else {
			rest = append(rest, m)
		}
	}
	if !matchesAll(rest, sample.labels) {
		return "", false
	}
	for _, rule := range rules.alerts {
		if rule["severity"] == sample.labels["severity"] && matchesAll(names, rule) && !rules.alwaysFires(rule) {
			return ": " + rule["alertname"], true
		}
	}
	if len(rules.alerts) > 0 && !rules.partial {
		return "", false
	}
	for _, m := range names {
		if m.operator == "=" && isLifeSign(m.value) || m.operator == "=~" && !slices.ContainsFunc(strings.Split(m.value, "|"), func(n string) bool { return !isLifeSign(n) }) {
			return "", false
		}
	}
	return "", true
}

// judgeInhibitions warns about inhibit rules whose source always fires.
func (a *alertmanagerConfig) judgeInhibitions(f *probe.ResultBuilder, am *alertmanagerConfigFile, rules alertRules, at func(int) string) {
	for _, rule := range am.inhibits {
		for _, source := range rules.lifeSigns() {
			source = rules.with(source)
			if !matchesAll(rule.sources, source) || !slices.ContainsFunc(a.samples(rules), func(s sampleAlert) bool {
				return matchesAll(rule.targets, s.labels) && !slices.ContainsFunc(rule.equal, func(label string) bool { return source[label] == "" || source[label] != s.labels[label] })
			}) {
				continue
			}
			f.Warn(probe.ReasonDisabled, "%s: this inhibit rule mutes alerts that must reach somebody: its source %s always fires", at(rule.line), source["alertname"])
			break
		}
	}
}
