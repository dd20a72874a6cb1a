package monitoring

import (
	"net/http"
	"strings"
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
	own := strings.Replace(service, "prom/", "corp/", 1) // an image that may hold rules
	for name, tt := range map[string]struct {
		config, compose, spec string
		state                 probe.State
		reason                probe.Reason
		detail                string
	}{
		"neither":              {scrape, service, "{}", probe.StateFail, probe.ReasonMissing, "has no rule_files and no alerting"},
		"rules alone":          {scrape + rules, own, "{}", probe.StateFail, probe.ReasonMissing, "has no alerting"},
		"alerting alone":       {scrape + alerting, service, "{}", probe.StateFail, probe.ReasonMissing, "has no rule_files"},
		"empty lists":          {scrape + "rule_files: []\nalerting: {}\n", service, "{}", probe.StateFail, probe.ReasonMissing, ""},
		"both":                 {scrape + rules + alerting, own, "{}", probe.StateSkip, probe.ReasonNotConfigured, "alertmanager.yml not found"},
		"remote_write":         {scrape + "remote_write: [{url: 'https://mimir.corp.net/push'}]\n", service, "{}", probe.StateUnknown, probe.ReasonNotConfigured, "elsewhere"},
		"agent":                {scrape, service + "    command: ['--agent']\n", "{}", probe.StateUnknown, probe.ReasonNotConfigured, ""},
		"agent by feature":     {scrape, service + "    command: ['--enable-feature=agent']\n", "{}", probe.StateUnknown, probe.ReasonNotConfigured, ""},
		"vmalert":              {scrape, service + "  vm: {image: 'victoriametrics/vmalert:v1'}\n", "{}", probe.StateUnknown, probe.ReasonNotConfigured, ""},
		"Grafana":              {scrape, service + "  g: {image: 'grafana/grafana:12.0.0'}\n", "{}", probe.StateUnknown, probe.ReasonNotConfigured, ""},
		"external":             {scrape, service, "{alerting: external}", probe.StateUnknown, probe.ReasonNotConfigured, ""},
		"Grafana, no alerting": {scrape, service + "  g: {image: 'grafana/grafana:12.0.0', environment: {GF_UNIFIED_ALERTING_ENABLED: 'false'}}\n", "{}", probe.StateFail, probe.ReasonMissing, "nobody is alerted"},
		"no rule file":         {scrape + alerting + rules, service, "{}", probe.StateSkip, probe.ReasonNotConfigured, ""},
		"a file of the image":  {scrape + alerting + rules, own + "  x: {image: a}\n", "{}", probe.StateSkip, probe.ReasonNotConfigured, ""},
		"another entrypoint":   {scrape + alerting + rules, service + "    entrypoint: [/start.sh]\n", "{}", probe.StateSkip, probe.ReasonNotConfigured, ""},
		"no rule file, seen":   {scrape + alerting + rules, strings.Replace(service, "['", "['./rules:/etc/prometheus/rules', '", 1), "{}", probe.StateFail, probe.ReasonMissing, "has no rule file that rule_files matches"},
		"no folder, outside":   {scrape + alerting + rules, strings.Replace(service, "['", "['/nowhere/rules:/etc/prometheus/rules', '", 1), "{}", probe.StateSkip, probe.ReasonNotConfigured, ""},
		"another file":         {scrape, service + "    command: ['--config.file=/etc/other.yml']\n", "{}", probe.StateSkip, probe.ReasonNotConfigured, ""},
		"no Prometheus":        {scrape, "services: {a: {image: nginx}}\n", "{}", probe.StateSkip, probe.ReasonNotConfigured, ""},
		"invalid, not judged":  {"scrape_configs: [", service, "{}", probe.StateSkip, probe.ReasonNotConfigured, ""},
	} {
		t.Run(name, func(t *testing.T) {
			p := probetest.NewPass(t, probetest.Folder{"prometheus.yml": tt.config, "compose.yaml": tt.compose}, deployment.Settings{})
			probetest.Expect(t, probetest.Look(t, p, AlertmanagerConfigKind(), tt.spec), tt.state, tt.reason, tt.detail)
		})
	}
}

func TestAlertmanagerConfig_ExternalAlerting(t *testing.T) {
	files := probetest.Folder{"prometheus.yml": "scrape_configs: [{job_name: a}]\n", "compose.yaml": "services:\n  prom:\n    image: prom/prometheus:v3.5.0\n    volumes: ['./prometheus.yml:/etc/prometheus/prometheus.yml:ro']\n"}
	settings := deployment.Settings{Alertmanager: deployment.Alertmanager{Alerting: "external"}}
	probetest.Expect(t, probetest.Look(t, probetest.NewPass(t, files, settings), AlertmanagerConfigKind(), "{}"), probe.StateUnknown, probe.ReasonNotConfigured, "elsewhere")
	for name, tt := range map[string]struct {
		alerting string
		state    probe.State
		reason   probe.Reason
	}{
		"external": {"external", probe.StateUnknown, probe.ReasonNotConfigured},
		"ours":     {"", probe.StateFail, probe.ReasonEmpty},
	} {
		t.Run(name, func(t *testing.T) {
			says := func(data string) http.HandlerFunc { return probetest.Says(200, `{"status":"success","data":`+data+`}`) }
			s := probetest.Site(t, map[string]http.HandlerFunc{"/api/v1/rules": says(`{"groups":[]}`), "/api/v1/alertmanagers": says(`{"activeAlertmanagers":[]}`)})
			settings := promAt(s.URL, "catalyst")
			settings.Alertmanager.Alerting = tt.alerting
			probetest.Expect(t, probetest.Look(t, probetest.NewPass(t, nil, settings), PrometheusRulesKind(), "{}"), tt.state, tt.reason, "")
		})
	}
}

// TestAlertmanagerConfig_LoopbackOfContainer has receivers on the loopback interface of Alertmanager's container.
func TestAlertmanagerConfig_LoopbackOfContainer(t *testing.T) {
	const (
		local   = "route: {receiver: a}\nreceivers: [{name: a, webhook_configs: [{url: 'http://127.0.0.1:5001/'}]}]\n"
		second  = "route: {receiver: a}\nreceivers: [{name: a, webhook_configs: [{url: 'http://127.0.0.1:5001/'}, {url: 'http://pager.corp.net/'}]}]\n"
		mail    = "global: {smtp_smarthost: 'localhost:25', smtp_from: 'am@corp.net'}\nroute: {receiver: a}\nreceivers: [{name: a, email_configs: [{to: 'ops@corp.net'}]}]\n"
		outside = "route: {receiver: a}\nreceivers: [{name: a, webhook_configs: [{url: 'http://pager.corp.net/'}]}]\n"
		service = "services:\n  am:\n    image: prom/alertmanager:v0.28.0\n    volumes: ['./alertmanager.yml:/etc/alertmanager/alertmanager.yml:ro']\n"
		sidecar = "  relay: {image: relay, network_mode: 'service:am'}\n"
	)
	for name, tt := range map[string]struct {
		config, compose string
		state           probe.State
	}{
		"alone":               {local, service, probe.StateFail},
		"mail server":         {mail, service, probe.StateFail},
		"one of two":          {second, service, probe.StateWarn},
		"a sidecar":           {local, service + sidecar, probe.StateWarn},
		"the host's network":  {local, service + "    network_mode: host\n", probe.StateWarn},
		"a container's":       {local, service + "    network_mode: 'service:relay'\n  relay: {image: relay}\n", probe.StateWarn},
		"no container":        {local, "services: {a: {image: nginx}}\n", probe.StateWarn},
		"outside":             {outside, service, probe.StatePass},
		"outside, no service": {outside, "services: {a: {image: nginx}}\n", probe.StatePass},
	} {
		t.Run(name, func(t *testing.T) {
			p := probetest.NewPass(t, probetest.Folder{"alertmanager.yml": tt.config, "compose.yaml": tt.compose}, deployment.Settings{})
			if r := probetest.Look(t, p, AlertmanagerConfigKind(), "{}"); r.State != tt.state {
				t.Errorf("got %+v", r)
			}
		})
	}
}
