package monitoring

import (
	"testing"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

func TestAlertmanagerConfig_PrometheusAlone(t *testing.T) {
	const (
		service  = "services:\n  prom:\n    image: prom/prometheus:v3.5.0\n    volumes: ['./prometheus.yml:/etc/prometheus/prometheus.yml:ro']\n"
		scrape   = "scrape_configs: [{job_name: a}]\n"
		alerting = "alerting: {alertmanagers: [{static_configs: [{targets: ['am.corp.net:9093']}]}]}\n"
		rules    = "rule_files: [/etc/prometheus/rules/*.yml]\n"
	)
	for name, tt := range map[string]struct {
		config, compose, spec string
		state                 probe.State
		reason                probe.Reason
		detail                string
	}{
		"neither":             {scrape, service, "{}", probe.StateFail, probe.ReasonMissing, "has no rule_files and no alerting"},
		"rules alone":         {scrape + rules, service, "{}", probe.StateFail, probe.ReasonMissing, "has no alerting"},
		"alerting alone":      {scrape + alerting, service, "{}", probe.StateFail, probe.ReasonMissing, "has no rule_files"},
		"empty lists":         {scrape + "rule_files: []\nalerting: {}\n", service, "{}", probe.StateFail, probe.ReasonMissing, ""},
		"both":                {scrape + rules + alerting, service, "{}", probe.StateSkip, probe.ReasonNotConfigured, "alertmanager.yml not found"},
		"remote_write":        {scrape + "remote_write: [{url: 'https://mimir.corp.net/push'}]\n", service, "{}", probe.StateUnknown, probe.ReasonNotConfigured, "elsewhere"},
		"agent":               {scrape, service + "    command: ['--agent']\n", "{}", probe.StateUnknown, probe.ReasonNotConfigured, ""},
		"agent by feature":    {scrape, service + "    command: ['--enable-feature=agent']\n", "{}", probe.StateUnknown, probe.ReasonNotConfigured, ""},
		"vmalert":             {scrape, service + "  vm: {image: 'victoriametrics/vmalert:v1'}\n", "{}", probe.StateUnknown, probe.ReasonNotConfigured, ""},
		"Grafana":             {scrape, service + "  g: {image: 'grafana/grafana:12.0.0'}\n", "{}", probe.StateUnknown, probe.ReasonNotConfigured, ""},
		"external":            {scrape, service, "{alerting: external}", probe.StateUnknown, probe.ReasonNotConfigured, ""},
		"another file":        {scrape, service + "    command: ['--config.file=/etc/other.yml']\n", "{}", probe.StateSkip, probe.ReasonNotConfigured, ""},
		"no Prometheus":       {scrape, "services: {a: {image: nginx}}\n", "{}", probe.StateSkip, probe.ReasonNotConfigured, ""},
		"invalid, not judged": {"scrape_configs: [", service, "{}", probe.StateSkip, probe.ReasonNotConfigured, ""},
	} {
		t.Run(name, func(t *testing.T) {
			p := probetest.NewPass(t, probetest.Folder{"prometheus.yml": tt.config, "compose.yaml": tt.compose}, deployment.Settings{})
			probetest.Expect(t, probetest.Look(t, p, AlertmanagerConfigKind(), tt.spec), tt.state, tt.reason, tt.detail)
		})
	}
}
