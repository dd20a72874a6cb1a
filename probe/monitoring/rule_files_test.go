package monitoring

import (
	"strings"
	"testing"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/parts"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// TestAlertmanagerConfig_TeamRules judges routes for the alerts of the rule files that the Prometheus service loads.
func TestAlertmanagerConfig_TeamRules(t *testing.T) {
	const (
		am       = "  am:\n    image: prom/alertmanager:v0.28.0\n    volumes: ['./alertmanager.yml:/etc/alertmanager/alertmanager.yml:ro']\n"
		prom     = "services:\n  prom:\n    image: prom/prometheus:v3.5.0\n    volumes: ['./prometheus:/etc/prometheus:ro']\n"
		alerting = "alerting: {alertmanagers: [{static_configs: [{targets: ['am:9093']}]}]}\n"
		files    = "rule_files: [rules/*.yml]\n"
		page     = "groups: [{name: g, rules: [{alert: Down, expr: up == 0, labels: {severity: page}}]}]\n"
		teams    = "groups: [{name: g, rules: [{alert: Down, expr: up == 0, labels: {severity: critical, team: db}}, {alert: Up, expr: up == 1, labels: {severity: critical, team: web}}]}]\n"
		office   = "time_intervals: [{name: office, time_intervals: [{weekdays: ['monday:friday']}]}]\n"
	)
	for name, tt := range map[string]struct {
		config, rules string // of Prometheus
		routes        string // entries below the root
		rest, compose string
		state         probe.State
		reason        probe.Reason
		detail        string
	}{
		"delivered":               {alerting + files, page, "{receiver: team, matchers: [severity=page]}", "", prom + am, probe.StatePass, "", ""},
		"the team's severity":     {alerting + files, page, "{receiver: noop, matchers: [severity=page]}", "", prom + am, probe.StateFail, probe.ReasonEmpty, "alerts of severity page end at"},
		"not the team's severity": {alerting + files, page, "{receiver: noop, matchers: [severity=critical]}", "", prom + am, probe.StatePass, "", ""},
		"muted":                   {alerting + files, page, "{receiver: team, matchers: [severity=page], active_time_intervals: [office]}", office, prom + am, probe.StateFail, probe.ReasonThreshold, "severity page are muted"},
		"a rule's team":           {alerting + files, teams, "{receiver: noop, matchers: [team=db]}", "", prom + am, probe.StateWarn, probe.ReasonEmpty, "reach nobody here for more than 10 % of the time: Down"},
		"a rule's team, muted":    {alerting + files, teams, "{receiver: team, matchers: ['team=~\"db|ops\"'], active_time_intervals: [office]}", office, prom + am, probe.StateWarn, probe.ReasonEmpty, ": Down"},
		"another team":            {alerting + files, teams, "{receiver: noop, matchers: [team=test]}", "", prom + am, probe.StatePass, "", ""},
		"pinned to a page":        {alerting + files, teams, "{receiver: noop, matchers: [alertname=Down]}", "", prom + am, probe.StateWarn, probe.ReasonEmpty, "if their alertname matches: Down"},
		"pinned to no rule":       {alerting + files, teams, "{receiver: noop, matchers: [alertname=Other]}", "", prom + am, probe.StatePass, "", ""},
		"always firing by another name": {alerting + files, "groups: [{name: g, rules: [{alert: Alive, expr: vector(1)}, {alert: Down, expr: up == 0}]}]\n", "{receiver: team, matchers: [a=b]}",
			"inhibit_rules: [{source_matchers: [alertname=Alive], target_matchers: ['severity=~\".+\"']}]\n", prom + am, probe.StateWarn, probe.ReasonDisabled, "source Alive always fires"},
		"label with a template": {alerting + files, strings.ReplaceAll(page, "severity: page", "severity: critical, team: '{{ $labels.team }}'"), "{receiver: noop, matchers: ['team=\"db\"']}", "", prom + am, probe.StatePass, "", ""},
		"production elsewhere":  {alerting + files, page, "{receiver: noop, matchers: ['env!=\"production\"']}", "", prom + am, probe.StateWarn, probe.ReasonEmpty, "if they have no label env"},
		"of production":         {alerting + files + "global: {external_labels: {env: production}}\n", page, "{receiver: noop, matchers: ['env!=\"production\"']}", "", prom + am, probe.StatePass, "", ""},
		"of staging":            {alerting + files + "global: {external_labels: {env: staging}}\n", page, "{receiver: noop, matchers: ['env!=\"production\"']}", "", prom + am, probe.StateFail, probe.ReasonEmpty, "severity page end at"},
		"env is a variable":     {alerting + files + "global: {external_labels: {env: '${ENV}'}}\n", page, "{receiver: noop, matchers: ['env!=\"production\"']}", "", prom + am, probe.StateWarn, probe.ReasonEmpty, "label env"},

		"no alerting":           {files, page, "{receiver: team, matchers: [a=b]}", "", prom + am, probe.StateWarn, probe.ReasonMissing, "Prometheus service prom has no alerting: it sends no alert"},
		"no rules":              {alerting, page, "{receiver: team, matchers: [a=b]}", "", prom + am, probe.StateWarn, probe.ReasonMissing, "has no rule_files"},
		"remote_write":          {"remote_write: [{url: 'http://m.corp.net/'}]\n", page, "{receiver: team, matchers: [a=b]}", "", prom + am, probe.StatePass, "", ""},
		"vmalert":               {"", page, "{receiver: team, matchers: [a=b]}", "", prom + am + "  v: {image: 'victoriametrics/vmalert:v1'}\n", probe.StatePass, "", ""},
		"no match":              {alerting + "rule_files: [alerts/*.yml]\n", page, "{receiver: team, matchers: [a=b]}", "", prom + am, probe.StateWarn, probe.ReasonMissing, "has no rule file that rule_files matches"},
		"matches another type":  {alerting + "rule_files: [rules/*.yaml]\n", page, "{receiver: team, matchers: [a=b]}", "", prom + am, probe.StateWarn, probe.ReasonMissing, "has no rule file"},
		"absolute":              {alerting + "rule_files: [/etc/prometheus/rules/team.yml]\n", page, "{receiver: noop, matchers: [severity=page]}", "", prom + am, probe.StateFail, probe.ReasonEmpty, "severity page"},
		"in the image":          {alerting + "rule_files: [/rules/*.yml]\n", page, "{receiver: noop, matchers: [severity=page]}", "", strings.Replace(prom, "prom/", "corp/", 1) + am, probe.StatePass, "", ""},
		"not in the image":      {alerting + "rule_files: [/rules/*.yml]\n", page, "{receiver: team, matchers: [severity=page]}", "", prom + am, probe.StateWarn, probe.ReasonMissing, "no rule file that rule_files matches"},
		"a mounted file":        {alerting + "rule_files: [/rules/*.yml]\n", page, "{receiver: noop, matchers: [severity=page]}", "", strings.Replace(prom, "['", "['./prometheus/rules/team.yml:/rules/a.yml', '", 1) + am, probe.StateFail, probe.ReasonEmpty, "severity page"},
		"invalid rule file":     {alerting + files, "groups: [\n", "{receiver: team, matchers: [a=b]}", "", prom + am, probe.StateWarn, probe.ReasonInvalid, "does not load its rule file team.yml"},
		"rule without expr":     {alerting + files, "groups: [{name: g, rules: [{alert: Down}]}]\n", "{receiver: team, matchers: [a=b]}", "", prom + am, probe.StateWarn, probe.ReasonInvalid, "team.yml"},
		"recording rules":       {alerting + files, "groups: [{name: g, rules: [{record: 'a:b', expr: up}]}]\n", "{receiver: team, matchers: [a=b]}", "", prom + am, probe.StateWarn, probe.ReasonMissing, "no alert rule in its rule files"},
		"a name of no service":  {strings.Replace(alerting, "am:9093", "alertmanager:9093", 1) + files, page, "{receiver: team, matchers: [a=b]}", "", prom + am, probe.StateWarn, probe.ReasonUnreachable, "prometheus.yml:1: this Alertmanager has the name of no service"},
		"its own loopback":      {strings.Replace(alerting, "am:9093", "localhost:9093", 1) + files, page, "{receiver: team, matchers: [a=b]}", "", prom + am, probe.StateWarn, probe.ReasonUnreachable, "loopback interface of the container of prom"},
		"an alias":              {strings.Replace(alerting, "am:9093", "alertmanager:9093", 1) + files, page, "{receiver: team, matchers: [a=b]}", "", prom + am + "    networks: {default: {aliases: [alertmanager]}}\n", probe.StatePass, "", ""},
		"an external network":   {strings.Replace(alerting, "am:9093", "alertmanager:9093", 1) + files, page, "{receiver: team, matchers: [a=b]}", "", prom + "    networks: [ops]\n" + am + "networks: {ops: {external: true}}\n", probe.StatePass, "", ""},
		"the host's network":    {strings.Replace(alerting, "am:9093", "localhost:9093", 1) + files, page, "{receiver: team, matchers: [a=b]}", "", prom + "    network_mode: host\n" + am, probe.StatePass, "", ""},
		"an address of the net": {strings.Replace(alerting, "am:9093", "am.corp.net:9093", 1) + files, page, "{receiver: team, matchers: [a=b]}", "", prom + am, probe.StatePass, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			text := "route:\n  receiver: team\n  routes:\n  - " + tt.routes + "\nreceivers:\n- name: team\n  pagerduty_configs: [{routing_key: " + parts.Secret() + "}]\n" + tt.rest
			if strings.Contains(text, "receiver: noop") {
				text = strings.Replace(text, "- name: team\n", "- name: noop\n- name: team\n", 1)
			}
			p := probetest.NewPass(t, probetest.Folder{"alertmanager.yml": text, "prometheus/prometheus.yml": tt.config, "prometheus/rules/team.yml": tt.rules, "compose.yaml": tt.compose}, deployment.Settings{})
			r := probetest.Look(t, p, AlertmanagerConfigKind(), "{}")
			probetest.Expect(t, r, tt.state, tt.reason, tt.detail)
			if strings.Contains(r.Detail, "alertname matches") && strings.Contains(r.Detail, "reach nobody here") {
				t.Errorf("reported twice: %s", r.Detail)
			}
		})
	}
}
