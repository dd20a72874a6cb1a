package monitoring

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/alertmanager"
)

// Alerts as they are fired for the series of the application's job: besides the labels of their rule they have the job
// and an instance. A route or a silence that matches those applies to the alerts of the whole application.

// sampleInstance is the label instance of a sample alert, which no configuration names.
const sampleInstance = "catalyst-sample:1"

// ofJob returns the labels of an alert about the application's job.
func (r alertRules) ofJob(labels map[string]string) map[string]string {
	return r.labelled(labels, map[string]string{"job": r.job})
}

// ofInstance returns the labels of an alert about any instance of the application's job.
func (r alertRules) ofInstance(labels map[string]string) map[string]string {
	return r.labelled(labels, map[string]string{"job": r.job, "instance": sampleInstance})
}

// labelled adds labels that an alert does not have.
func (r alertRules) labelled(labels, more map[string]string) map[string]string {
	if r.job == "" {
		return labels
	}
	all := maps.Clone(more)
	maps.Copy(all, labels)
	return all
}

// excludesInstances reports whether matchers apply to all instances but some, so that they say nothing of an unknown one.
func excludesInstances(matchers []alertmanager.Matcher) bool {
	return slices.ContainsFunc(matchers, func(m alertmanager.Matcher) bool {
		return m.Label == "instance" && strings.HasPrefix(m.Operator, "!") && m.Value != ""
	})
}

// matchesApplication reports whether matchers apply to an alert as it is fired for the application.
func (r alertRules) matchesApplication(matchers []alertmanager.Matcher, labels map[string]string) bool {
	return alertmanager.MatchAll(matchers, labels) || !excludesInstances(matchers) && alertmanager.MatchAll(matchers, r.ofInstance(labels))
}

// judgeApplication warns about alerts that are delivered, but not if they are about the application.
func (a *alertmanagerConfig) judgeApplication(f *probe.ResultBuilder, am *alertmanager.Config, rules alertRules, from time.Time, at func(int) string) {
	if rules.job == "" {
		return
	}
	reported := map[int]bool{} // lines
	for _, sample := range a.samples(rules) {
		if _, _, lost := lostAt(am, sample.labels, from); lost {
			continue // reported with the samples
		}
		for _, about := range []struct {
			what   string
			labels map[string]string
		}{{"of job " + rules.job, rules.ofJob(sample.labels)}, {"of any instance", rules.ofInstance(sample.labels)}} {
			end, why, lost := lostAt(am, about.labels, from)
			if !lost || excludesInstances(end.Path()) {
				continue
			}
			if !reported[end.Line] {
				f.Warn(probe.ReasonEmpty, "%s: %s %s %s", at(end.Line), sample.what, about.what, why)
			}
			reported[end.Line] = true
			break
		}
	}
}

// lostAt returns where an alert ends that nobody ever receives, and why.
func lostAt(am *alertmanager.Config, labels map[string]string, from time.Time) (end *alertmanager.Route, why string, lost bool) {
	ends := am.Root.Match(labels)
	switch {
	case !slices.ContainsFunc(ends, am.Notifies):
		return ends[0], "end at a receiver without integrations", true
	case am.Undelivered(ends, from) >= 1:
		return ends[0], "are never delivered: the route is always muted", true
	}
	return nil, "", false
}
