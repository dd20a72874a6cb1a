package monitoring

import (
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/thenexusengine/catalyst_exporter/deployment/compose"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/schema"
)

// A deployment without an Alertmanager file: does its own Prometheus alert anybody? It needs rules and an Alertmanager
// (rule_files, alerting). Where alerts may be evaluated elsewhere, the files cannot tell.

// alertingElsewhere are images of services that evaluate alert rules or send alerts on their own.
func alertingElsewhere() []string { return []string{"alertmanager", "vmalert", "grafana", "mimir"} }

// unwired judges the Prometheus services of the compose file; ok is false when they decide nothing.
func (a *alertmanagerConfig) unwired(p *probe.Pass) (r probe.Result, ok bool) {
	c, err := p.View.Compose()
	if err != nil || p.Deployment.Alertmanager.URL != "" {
		return r, false
	}
	var prometheus []string
	elsewhere := a.Alerting == "external" || p.Deployment.Alertmanager.Alerting == "external"
	for _, name := range c.Services() {
		switch s := c.Project.Services[name]; {
		case compose.RunsImage(s, []string{"prometheus"}):
			prometheus = append(prometheus, name)
		case compose.RunsImage(s, alertingElsewhere()):
			elsewhere = true
		}
	}
	for _, name := range prometheus {
		at := c.At(name, "command")
		file, agent := prometheusFlags(c.Project.Services[name])
		v, err := p.View.FileIn(c, name, file, "config.file", at)
		if err != nil || !v.Set {
			continue
		}
		root, err := schema.Parse(file, []byte(v.Text.Reveal()))
		if err != nil {
			continue
		}
		top := map[string]*schema.Node{}
		for key, value := range schema.Pairs(root) {
			top[key.Value] = value
		}
		filled := func(key string) bool { return !schema.IsNull(top[key]) && len(top[key].Content) > 0 }
		var missing []string
		for _, key := range []string{"rule_files", "alerting"} {
			if !filled(key) {
				missing = append(missing, key)
			}
		}
		switch {
		case len(missing) == 0:
		case elsewhere || agent || filled("remote_write"):
			return probe.NotChecked(probe.Needs("deployment.alertmanager.url and deployment.prometheus.url of the servers that evaluate and send the alerts",
				probe.Unknownf(probe.ReasonNotConfigured, "Prometheus service %s has no %s: alerts are sent elsewhere, if at all", name,
					strings.Join(missing, " and no ")))), true
		default:
			return probe.Failed(probe.ReasonMissing, "Prometheus service %s has no %s, and there is no Alertmanager: nobody is alerted", name,
				strings.Join(missing, " and no ")), true
		}
	}
	return r, false
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
