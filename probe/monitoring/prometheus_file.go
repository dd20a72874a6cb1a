package monitoring

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"go.yaml.in/yaml/v3"

	"github.com/thenexusengine/catalyst_exporter/deployment/compose"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/phrase"
	"github.com/thenexusengine/catalyst_exporter/probe/promapi"
	"github.com/thenexusengine/catalyst_exporter/schema"
)

// The Prometheus services of the compose file and their configurations. Does Prometheus evaluate rules, and does it send
// alerts? It needs rule_files that match a file, and alerting. Where alerts may be evaluated elsewhere, the files cannot
// tell.

// prometheusFile is the configuration of a Prometheus service.
type prometheusFile struct {
	compose *compose.Model
	service string
	inside  string // path of the configuration in its container
	agent   bool   // evaluates no rules
	top     map[string]*schema.Node
}

// prometheusFiles are all of them that could be read.
type prometheusFiles struct {
	all       []prometheusFile
	invalid   []string // what Prometheus refuses, each with its service
	elsewhere bool     // another service may evaluate the alerts
	sender    bool     // an Alertmanager runs
}

// evaluators are images of services that evaluate alert rules on their own.
func evaluators() []string { return []string{"vmalert", "mimir"} }

func readPrometheusFiles(p *probe.Pass) prometheusFiles {
	var found prometheusFiles
	c, err := p.View.Compose()
	if err != nil {
		return found
	}
	found.elsewhere = p.Deployment.Alertmanager.Alerting == "external"
	var names []string
	for _, name := range c.Services() {
		switch s := c.Project.Services[name]; {
		case compose.RunsImage(s, []string{"prometheus"}):
			names = append(names, name)
		case compose.RunsImage(s, []string{"alertmanager"}):
			found.sender = true
		case compose.RunsImage(s, evaluators()), compose.RunsImage(s, []string{"grafana"}) && grafanaAlerts(s):
			found.elsewhere = true
		}
	}
	for _, name := range names {
		file, agent := prometheusFlags(c.Project.Services[name])
		v, err := p.View.FileIn(c, name, file, "config.file", c.At(name, "command"))
		if err != nil || !v.Set {
			continue
		}
		root, err := schema.Parse(file, []byte(v.Text.Reveal()))
		if err != nil {
			found.invalid = append(found.invalid, fmt.Sprintf("%s of service %s is not valid YAML", path.Base(file), name))
			continue
		}
		f := prometheusFile{compose: c, service: name, inside: file, agent: agent, top: fieldsOf(root)}
		found.all, found.invalid = append(found.all, f), append(found.invalid, f.refused()...)
	}
	return found
}

// grafanaAlerts reports whether a Grafana service may evaluate alert rules: its alerting is not switched off.
func grafanaAlerts(s types.ServiceConfig) bool {
	off := s.Environment["GF_UNIFIED_ALERTING_ENABLED"]
	return off == nil || !strings.EqualFold(*off, "false")
}

func fieldsOf(n *schema.Node) map[string]*schema.Node {
	all := map[string]*schema.Node{}
	for key, value := range schema.Pairs(n) {
		all[key.Value] = value
	}
	return all
}

// has reports whether a top key has a value.
func (f prometheusFile) has(key string) bool {
	return !schema.IsNull(f.top[key]) && len(f.top[key].Content) > 0
}

// sends reports whether the alerting section has an Alertmanager.
func (f prometheusFile) sends() bool {
	for _, manager := range schemaList(fieldsOf(f.top["alerting"])["alertmanagers"]) {
		for key, value := range schema.Pairs(manager) {
			for _, group := range schemaList(value) {
				if strings.HasSuffix(key.Value, "_sd_configs") || key.Value == "static_configs" && len(schemaList(fieldsOf(group)["targets"])) > 0 {
					return true
				}
			}
		}
	}
	return false
}

// refused returns what Prometheus refuses to start with: a misspelt section, or one that an agent does not have.
func (f prometheusFile) refused() (all []string) {
	for _, key := range slices.Sorted(maps.Keys(f.top)) {
		at := fmt.Sprintf("%s of service %s: ", path.Base(f.inside), f.service)
		switch {
		case !slices.Contains(prometheusSections(), key):
			all = append(all, at+"unknown section "+phrase.Printable(key))
		case f.agent && (key == "alerting" || key == "rule_files"):
			all = append(all, at+"an agent has no "+key)
		}
	}
	return all
}

func prometheusSections() []string {
	return []string{"global", "runtime", "scrape_config_files", "rule_files", "scrape_configs", "alerting", "storage", "tracing", "remote_write", "remote_read", "otlp"}
}

// missing returns what the service lacks to alert anybody, in words. rules are those that its files hold.
func (f prometheusFile) missing(rules ruleFiles) []string {
	var all []string
	switch {
	case !f.has("rule_files"):
		all = append(all, "no rule_files")
	case rules.none():
		all = append(all, "no rule file that rule_files matches")
	case rules.idle():
		all = append(all, "no alert rule in its rule files that can fire and resolve")
	}
	if !f.sends() {
		all = append(all, "no alerting")
	}
	return all
}

// external returns the labels that Prometheus adds to every alert. A value with a variable is unknown.
func (f prometheusFile) external() map[string]string {
	labels := map[string]string{}
	for key, value := range schema.Pairs(fieldsOf(f.top["global"])["external_labels"]) {
		if value.Kind == yaml.ScalarNode && !strings.Contains(value.Value, "$") {
			labels[key.Value] = value.Value
		}
	}
	return labels
}

// unwired judges a deployment without an Alertmanager file; ok is false when its files decide nothing.
func (a *alertmanagerConfig) unwired(p *probe.Pass) (r probe.Result, ok bool) {
	if p.Deployment.Alertmanager.URL != "" {
		return r, false
	}
	found := readPrometheusFiles(p)
	elsewhere := found.elsewhere || found.sender || a.Alerting == "external"
	for _, f := range found.all {
		rules := f.rules(p)
		rules.partial = rules.partial || rules.assumed // too little for a page
		missing := f.missing(rules)
		switch {
		case len(missing) == 0:
		case elsewhere || f.agent || f.has("remote_write"):
			return probe.NotChecked(probe.Needs("deployment.alertmanager.url and deployment.prometheus.url of the servers that evaluate and send the alerts",
				probe.Unknownf(probe.ReasonNotConfigured, "Prometheus service %s has %s: alerts are sent elsewhere, if at all", f.service,
					strings.Join(missing, " and ")))), true
		default:
			return probe.Failed(probe.ReasonMissing, "Prometheus service %s has %s, and there is no Alertmanager: nobody is alerted", f.service,
				strings.Join(missing, " and ")), true
		}
	}
	return r, false
}

// judgeWiring warns about Prometheus services that send nothing to the Alertmanager whose file was found, and returns
// the team's rules.
func (a *alertmanagerConfig) judgeWiring(p *probe.Pass, f *probe.ResultBuilder) alertRules {
	found := readPrometheusFiles(p)
	team := alertRules{job: promapi.Job(p)}
	for _, problem := range found.invalid {
		f.Warn(probe.ReasonInvalid, "%s: Prometheus does not start with it", problem)
	}
	for i, file := range found.all {
		rules := file.rules(p)
		team.alerts = append(team.alerts, rules.alerts...)
		team.always = append(team.always, rules.always...)
		team.partial = team.partial || rules.partial
		if external := file.external(); i == 0 {
			team.external = external
		} else {
			maps.DeleteFunc(team.external, func(label, value string) bool { return external[label] != value })
		}
		if file.agent || file.has("remote_write") || found.elsewhere || a.Alerting == "external" {
			team.partial = true
			continue
		}
		if missing := file.missing(rules); len(missing) > 0 {
			f.Warn(probe.ReasonMissing, "Prometheus service %s has %s: it sends no alert to Alertmanager", file.service, strings.Join(missing, " and "))
		}
		for _, name := range rules.invalid {
			f.Warn(probe.ReasonInvalid, "Prometheus service %s does not load its rule file %s", file.service, name)
		}
		for _, name := range rules.never {
			f.Warn(probe.ReasonDisabled, "alert rule %s of Prometheus service %s never fires: its expression is never true", name, file.service)
		}
		for _, name := range rules.pointless {
			f.Warn(probe.ReasonWeak, "alert rule %s of Prometheus service %s fires for every series: its comparison is always true", name, file.service)
		}
		file.judgeTargets(f)
	}
	samples := a.samples(team)
	for _, file := range found.all {
		file.judgeRelabelling(f, team, samples, func(line int) string { return fmt.Sprintf("%s:%d", path.Base(file.inside), line) })
	}
	return team
}

func schemaList(n *schema.Node) []*schema.Node {
	if schema.IsNull(n) || n.Kind != yaml.SequenceNode {
		return nil
	}
	return n.Content
}

// prometheusFlags returns the configuration file of a Prometheus service inside its container, and whether it runs as an
// agent, which evaluates no rules.
func prometheusFlags(s types.ServiceConfig) (file string, agent bool) {
	file = "/etc/prometheus/prometheus.yml"
	words := slices.Concat(s.Entrypoint, s.Command)
	for i, word := range words {
		flag, value, joined := strings.Cut(strings.TrimLeft(word, "-"), "=")
		if !joined && i+1 < len(words) {
			value = words[i+1]
		}
		switch {
		case flag == "config.file" && strings.HasPrefix(value, "/"):
			file = value
		case flag == "agent", flag == "enable-feature" && slices.Contains(strings.Split(value, ","), "agent"):
			agent = true
		}
	}
	return file, agent
}
