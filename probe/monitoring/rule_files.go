package monitoring

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/alertmanager"
	"github.com/thenexusengine/catalyst_exporter/probe/monitoring/promexpr"
	"github.com/thenexusengine/catalyst_exporter/schema"
)

// The team's alert rules: the files that rule_files of a Prometheus service matches, as its container sees them through
// mounts, configs and secrets. Files in the image or in a volume are not seen.

const maxRuleFiles = 200

// ruleFiles are the rules of one Prometheus.
type ruleFiles struct {
	alertRules
	files   int
	assumed bool     // that no file is there follows from the image alone
	invalid []string // files that Prometheus refuses, and why
}

// idle reports whether the files certainly hold no alert that can start and end.
func (r ruleFiles) idle() bool {
	return r.files > 0 && !r.partial && len(r.invalid) == 0 &&
		!slices.ContainsFunc(r.alerts, func(alert map[string]string) bool { return !r.alwaysFires(alert) })
}

// none reports whether Prometheus certainly loads no rule file.
func (r ruleFiles) none() bool { return r.files == 0 && !r.partial }

// rules reads the rule files.
func (f prometheusFile) rules(p *probe.Pass) ruleFiles {
	var all ruleFiles
	seen := map[string]bool{}
	for _, entry := range schemaList(f.top["rule_files"]) {
		pattern := entry.Value
		if !path.IsAbs(pattern) {
			pattern = path.Join(path.Dir(f.inside), pattern)
		}
		matched, complete := glob(p, f.compose, f.service, pattern)
		all.partial = all.partial || !complete
		all.assumed = all.assumed || len(matched) == 0 && shipped(f.compose, f.service, path.Dir(pattern))
		for _, inside := range matched {
			if seen[inside] {
				continue
			}
			seen[inside] = true
			if len(seen) > maxRuleFiles {
				all.partial = true
				return all
			}
			v, err := p.View.FileIn(f.compose, f.service, inside, "rule_files", f.compose.At(f.service, "command"))
			if err != nil || !v.Set {
				all.partial = true
				continue
			}
			all.files++
			if problem := all.add(v.Text.Reveal()); problem != "" {
				all.invalid = append(all.invalid, path.Base(inside)+": "+problem)
			}
		}
	}
	return all
}

// add collects the alerts of a rule file and returns why Prometheus refuses the file; "" if it does not.
func (r *ruleFiles) add(text string) (problem string) {
	root, err := schema.Parse("rules", []byte(text))
	switch {
	case err != nil:
		return "invalid YAML"
	case !schema.IsNull(root) && root.Kind != yaml.MappingNode:
		return "no groups"
	}
	for key := range fieldsOf(root) {
		if key != "groups" {
			return "another key than groups at the top"
		}
	}
	names := map[string]bool{}
	for _, group := range schemaList(fieldsOf(root)["groups"]) {
		fields := fieldsOf(group)
		switch name := fields["name"]; {
		case schema.IsNull(name):
			return at(group, "a group without a name")
		case names[name.Value]:
			return at(name, "a second group of this name")
		default:
			names[name.Value] = true
		}
		if interval := fields["interval"]; !schema.IsNull(interval) && !alertmanager.IsDuration(interval.Value) {
			return at(interval, "interval is not a duration")
		}
		for _, entry := range schemaList(fields["rules"]) {
			if problem := r.addRule(entry); problem != "" {
				return problem
			}
		}
	}
	return ""
}

// at describes a problem at a line of a rule file.
func at(n *schema.Node, problem string) string { return fmt.Sprintf("line %d, %s", n.Line, problem) }

// ruleKeys are the keys of a rule.
func ruleKeys() []string {
	return []string{"alert", "record", "expr", "for", "keep_firing_for", "labels", "annotations"}
}

// addRule collects a rule and returns why Prometheus refuses it; "" if it does not.
func (r *ruleFiles) addRule(entry *schema.Node) (problem string) {
	rule := fieldsOf(entry)
	if schema.IsNull(rule["alert"]) == schema.IsNull(rule["record"]) || schema.IsNull(rule["expr"]) {
		return at(entry, "a rule needs either alert or record, and expr")
	}
	for key := range schema.Pairs(entry) { // later versions have more keys
		if near := schema.Nearest(key.Value, ruleKeys()); near != "" && near != key.Value {
			return at(key, "unknown key, did you mean "+near+"?")
		}
	}
	if invalidExpression(rule["expr"].Value) {
		return at(rule["expr"], "expr is not a complete PromQL expression")
	}
	for _, key := range []string{"for", "keep_firing_for"} {
		if value := rule[key]; !schema.IsNull(value) && !alertmanager.IsDuration(value.Value) {
			return at(value, key+" is not a duration such as 5m")
		}
	}
	if schema.IsNull(rule["alert"]) {
		return ""
	}
	labels := map[string]string{"alertname": rule["alert"].Value}
	for label, value := range schema.Pairs(rule["labels"]) {
		labels[label.Value] = value.Value
	}
	r.addAlert(labels, rule["expr"].Value)
	return ""
}

// addAlert adds an alert. Labels with a template have an unknown value.
func (r *alertRules) addAlert(labels map[string]string, expression string) {
	truth := promexpr.Judge(expression)
	switch truth {
	case promexpr.Never:
		r.never = append(r.never, labels["alertname"])
		return
	case promexpr.Everything:
		r.pointless = append(r.pointless, labels["alertname"])
	}
	for label, value := range labels {
		if strings.Contains(value, "{{") {
			delete(labels, label)
		}
	}
	r.alerts = append(r.alerts, labels)
	if truth == promexpr.Constant {
		r.always = append(r.always, labels["alertname"])
	}
}
