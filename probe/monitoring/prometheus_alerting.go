package monitoring

import (
	"fmt"
	"net"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/deployment/compose"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/alertmanager"
	"github.com/thenexusengine/catalyst_exporter/schema"
)

// Do the alerts of a Prometheus service arrive at an Alertmanager? What the alerting section of its configuration says.

// judgeTargets warns about Alertmanagers that a Prometheus container cannot reach: on its own loopback interface, or
// with a name that no service has.
func (f prometheusFile) judgeTargets(b *probe.ResultBuilder) {
	for _, manager := range schemaList(fieldsOf(f.top["alerting"])["alertmanagers"]) {
		for _, static := range schemaList(fieldsOf(manager)["static_configs"]) {
			for _, target := range schemaList(fieldsOf(static)["targets"]) {
				host, port, err := net.SplitHostPort(target.Value)
				if err != nil {
					host = target.Value
				}
				at := path.Base(f.inside)
				switch {
				case alertmanager.IsLoopback(host) && isolated(f.compose, f.service):
					b.Warn(probe.ReasonUnreachable, "%s:%d: this Alertmanager is on the loopback interface of the container of %s, which has no other "+
						"process. Use the service's name", at, target.Line, f.service)
				case unresolved(f.compose, f.service, host):
					b.Warn(probe.ReasonUnreachable, "%s:%d: this Alertmanager has the name of no service in the compose file", at, target.Line)
				default:
					f.judgeManager(b, host, port, fmt.Sprintf("%s:%d", at, target.Line))
				}
			}
		}
	}
}

// judgeManager warns about a service that is not started, or that Prometheus asks at another port than its own.
func (f prometheusFile) judgeManager(b *probe.ResultBuilder, host, port, at string) {
	name, ok := f.compose.ServiceOf(host)
	if !ok {
		return
	}
	s := f.compose.Project.Services[name]
	if compose.ScaledToNone(s) {
		b.Warn(probe.ReasonUnreachable, "%s: this Alertmanager is service %s, which has no replicas", at, name)
		return
	}
	if !compose.RunsImage(s, []string{"alertmanager"}) || s.Build != nil || len(s.Entrypoint) > 0 || port == "" {
		return
	}
	own := "9093"
	for i, word := range s.Command {
		flag, value, joined := strings.Cut(strings.TrimLeft(word, "-"), "=")
		if !joined && i+1 < len(s.Command) {
			value = s.Command[i+1]
		}
		if flag == "web.listen-address" {
			_, own, _ = alertmanager.CutPort(value)
		}
	}
	if own != "" && own != port {
		b.Warn(probe.ReasonUnreachable, "%s: this Alertmanager is service %s, which listens on port %s", at, name, own)
	}
}

// judgeRelabelling warns about alert_relabel_configs that drop alerts which must reach somebody. Rules that change labels
// end the check.
func (f prometheusFile) judgeRelabelling(b *probe.ResultBuilder, rules alertRules, samples []sampleAlert, at func(int) string) {
	alerting := fieldsOf(f.top["alerting"])
	lists := [][]*schema.Node{schemaList(alerting["alert_relabel_configs"])}
	for _, manager := range schemaList(alerting["alertmanagers"]) {
		lists = append(lists, schemaList(fieldsOf(manager)["alert_relabel_configs"]))
	}
	for _, list := range lists {
		for _, entry := range list {
			rule := fieldsOf(entry)
			action := ""
			if !schema.IsNull(rule["action"]) {
				action = strings.ToLower(rule["action"].Value)
			}
			if action != "drop" && action != "keep" {
				break
			}
			for _, sample := range samples {
				if drops(rule, action, sample.labels) || drops(rule, action, rules.ofJob(sample.labels)) {
					b.Warn(probe.ReasonDisabled, "%s: alert_relabel_configs drop %s", at(entry.Line), sample.what)
					break
				}
			}
		}
	}
}

// drops reports whether a relabelling rule certainly drops an alert. Labels that the alert does not have may come from
// its series.
func drops(rule map[string]*schema.Node, action string, labels map[string]string) bool {
	pattern := ".*"
	if !schema.IsNull(rule["regex"]) {
		pattern = rule["regex"].Value
	}
	separator := ";"
	if rule["separator"] != nil {
		separator = rule["separator"].Value
	}
	expression, err := regexp.Compile("^(?s:" + pattern + ")$")
	if err != nil {
		return false
	}
	var values []string
	known := true
	for _, label := range schemaList(rule["source_labels"]) {
		value, ok := labels[label.Value]
		known = known && ok && label.Value != "alertname"
		values = append(values, value)
	}
	if !known {
		return action == "drop" && slices.Contains([]string{".*", "(.*)"}, pattern)
	}
	return expression.MatchString(strings.Join(values, separator)) == (action == "drop")
}
