package monitoring

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/parts"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// wholeConfigurations are configurations as teams write them: KEY is a key, and keys/secret a file with one. refused is
// what Alertmanager does not load.
func wholeConfigurations() (sound, weak, broken, refused map[string]string) {
	const (
		pager = "receivers:\n- {name: team, pagerduty_configs: [{routing_key: KEY}]}\n"
		null  = pager + "- {name: 'null'}\n"
		tree  = "route:\n  receiver: team\n  routes:\n"
	)
	sound = map[string]string{
		"discord":           "route: {receiver: d}\nreceivers: [{name: d, webhook_configs: [{url: 'https://discord.com/api/webhooks/1/KEY/slack'}]}]\n",
		"Opsgenie, a file":  "global: {opsgenie_api_key_file: keys/secret}\nroute: {receiver: o}\nreceivers: [{name: o, opsgenie_configs: [{responders: [{type: team, name: ads}]}]}]\n",
		"mail":              "global: {smtp_smarthost: 'smtp.corp.net:587', smtp_from: alerts@corp.net, smtp_auth_username: alerts, smtp_auth_password_file: keys/secret}\nroute: {receiver: m}\nreceivers: [{name: m, email_configs: [{to: 'oncall@corp.net, lead@corp.net'}]}]\n",
		"Slack, a file":     "global: {slack_api_url_file: keys/hook}\nroute: {receiver: s}\nreceivers: [{name: s, slack_configs: [{channel: '#ops'}]}]\n",
		"teams and levels":  tree + "  - matchers: [team=ads]\n    routes:\n    - {matchers: [severity=critical], receiver: team}\n    - {matchers: ['severity!=\"critical\"'], receiver: 'null'}\n" + null,
		"office and pager":  tree + "  - {matchers: [severity=critical], receiver: team, continue: true}\n  - {matchers: [severity=critical], receiver: chat, active_time_intervals: [office]}\n" + pager + "- {name: chat, webhook_configs: [{url: 'https://chat.corp.net/KEY'}]}\ntime_intervals: [{name: office, time_intervals: [{weekdays: ['monday:friday']}]}]\n",
		"tickets at nights": tree + "  - {matchers: ['severity=~\"warning|info\"'], mute_time_intervals: [night]}\n" + pager + "mute_time_intervals: [{name: night, time_intervals: [{times: [{start_time: '22:00', end_time: '24:00'}, {start_time: '00:00', end_time: '06:00'}]}]}]\n",
		"dead man's switch": tree + "  - {matchers: [alertname=Watchdog], receiver: dms, group_wait: 0s, group_interval: 1m, repeat_interval: 1m}\n" + pager + "- {name: dms, webhook_configs: [{url: 'https://hc-ping.com/KEY', send_resolved: false}]}\n",
		"kube-prometheus":   tree + "  - {matchers: [alertname=Watchdog], receiver: 'null'}\n  - {matchers: [alertname=InfoInhibitor], receiver: 'null'}\n  - {matchers: [severity=critical], receiver: team}\n" + null + "inhibit_rules:\n- {source_matchers: [severity=critical], target_matchers: ['severity=~\"warning|info\"'], equal: [namespace, alertname]}\n- {source_matchers: [alertname=InfoInhibitor], target_matchers: [severity=info], equal: [namespace]}\n",
		"old notation":      tree + "  - {match: {team: db}, receiver: team, group_by: [job]}\n  - {match_re: {service: '^(web|api)$'}, receiver: team}\n" + pager,
		"several words":     tree + "  - {matchers: ['severity=~\"critical|page|emergency\"'], receiver: team, repeat_interval: 1h30m}\n" + pager,
		"Telegram":          "route: {receiver: t}\nreceivers: [{name: t, telegram_configs: [{bot_token: KEY, chat_id: -1001234}]}]\n",
		"SNS":               "route: {receiver: s}\nreceivers: [{name: s, sns_configs: [{topic_arn: 'arn:aws:sns:eu-west-1:471122334455:oncall', sigv4: {region: eu-west-1}}]}]\n",
		"webhook, password": "route: {receiver: w}\nreceivers: [{name: w, webhook_configs: [{url: 'http://bridge.ops:8080/', http_config: {basic_auth: {username: am, password: KEY}}}]}]\n",
		"Pushover":          "route: {receiver: p}\nreceivers: [{name: p, pushover_configs: [{user_key: KEY, token: KEY}]}]\n",
		"VictorOps":         "global: {victorops_api_key: KEY}\nroute: {receiver: v}\nreceivers: [{name: v, victorops_configs: [{routing_key: ads}]}]\n",
		"grouped by all":    "route: {receiver: team, group_by: ['...']}\n" + pager,
		"test to nobody":    tree + "  - {matchers: ['env=\"test\",severity=~\"critical|warning\"'], receiver: 'null'}\n" + null,
		"Amtool's comment":  "# alerts\ntemplates: ['/etc/alertmanager/*.tmpl']\n" + tree + "  - {matchers: ['alertname=~\"Catalyst.+\"'], routes: [{matchers: [severity=info], receiver: 'null'}]}\n" + null,
		"holiday of others": tree + "  - {matchers: [team=finance], mute_time_intervals: [x]}\n" + pager + "time_intervals: [{name: x, time_intervals: [{months: ['july:august'], location: Europe/Paris}]}]\n",
	}
	weak = map[string]string{
		"mailbox of the host":   "global: {smtp_smarthost: 'localhost:25', smtp_from: am@corp.net}\nroute: {receiver: m}\nreceivers: [{name: m, email_configs: [{to: root@localhost}]}]\n",
		"the shipped example":   "route: {group_by: [alertname], group_wait: 30s, group_interval: 5m, repeat_interval: 1h, receiver: web.hook}\nreceivers: [{name: web.hook, webhook_configs: [{url: 'http://127.0.0.1:5001/'}]}]\ninhibit_rules: [{source_match: {severity: critical}, target_match: {severity: warning}, equal: [alertname, dev, instance]}]\n",
		"anything inhibits":     "route: {receiver: team}\n" + pager + "inhibit_rules: [{target_matchers: [severity=critical]}]\n",
		"an hour of a week":     tree + "  - {matchers: [severity=critical], mute_time_intervals: [x]}\n" + pager + "time_intervals: [{name: x, time_intervals: [{weekdays: [sunday], times: [{start_time: '03:00', end_time: '04:00'}]}]}]\n",
		"one alert to nobody":   tree + "  - {matchers: ['alertname=~\"DiskFull|Disk.*\"'], receiver: 'null'}\n" + null,
		"a receiver of nothing": "route: {receiver: team}\n" + pager + "- {name: spare, webhook_configs: [{url: 'http://a.corp.net/'}]}\n",
	}
	broken = map[string]string{
		"placeholder":          "route: {receiver: p}\nreceivers: [{name: p, pagerduty_configs: [{routing_key: REPLACE_ME}]}]\n",
		"crossed out":          "route: {receiver: s}\nreceivers: [{name: s, slack_configs: [{channel: '#a', api_url: 'https://hooks.slack.com/services/XXX/YYY/ZZZ'}]}]\n",
		"a variable":           "route: {receiver: w}\nreceivers: [{name: w, webhook_configs: [{url: 'https://chat.corp.net/${TOKEN}'}]}]\n",
		"pages to null":        tree + "  - {matchers: [severity=critical], receiver: 'null'}\n" + null,
		"root to null":         "route:\n  receiver: 'null'\n  routes:\n  - {matchers: [severity=warning], receiver: team}\n" + null,
		"office hours":         tree + "  - {matchers: [severity=critical], active_time_intervals: [x]}\n" + pager + "time_intervals: [{name: x, time_intervals: [{weekdays: ['monday:friday'], times: [{start_time: '08:00', end_time: '18:00'}]}]}]\n",
		"weekends off":         tree + "  - {match: {severity: critical}, mute_time_intervals: [x]}\n" + pager + "mute_time_intervals: [{name: x, time_intervals: [{weekdays: ['saturday'], location: Asia/Tokyo}, {weekdays: ['sunday']}]}]\n",
		"all but two":          tree + "  - {matchers: ['severity!~\"warning|info\"'], receiver: 'null'}\n" + null,
		"below a team":         tree + "  - matchers: ['severity=~\".+\"']\n    routes: [{matchers: [severity=critical], receiver: 'null'}]\n" + null,
		"an empty interval":    tree + "  - {matchers: [severity=critical], active_time_intervals: [x]}\n" + pager + "time_intervals: [{name: x, time_intervals: []}]\n",
		"an empty list":        "route: {receiver: p}\nreceivers: [{name: p, pagerduty_configs: []}]\n",
		"password of the mail": "global: {smtp_smarthost: 'smtp.corp.net:587', smtp_from: a@corp.net, smtp_auth_username: a, smtp_auth_password: changeme}\nroute: {receiver: m}\nreceivers: [{name: m, email_configs: [{to: ops@corp.net}]}]\n",
		"no such file":         "route: {receiver: p}\nreceivers: [{name: p, pagerduty_configs: [{routing_key_file: keys/other}]}]\n",
	}
	refused = map[string]string{
		"misspelt key":       "route: {recevier: team}\n" + pager,
		"undefined receiver": tree + "  - {matchers: [a=b], receiver: other}\n" + pager,
		"group_interval 0":   "route: {receiver: team, group_interval: 0s}\n" + pager,
		"repeat_interval 0":  tree + "  - {matchers: [a=b], repeat_interval: 0s}\n" + pager,
		"a sentence":         "route: {receiver: team, group_wait: 5 minutes}\n" + pager,
		"regular expression": tree + "  - {match_re: {a: '(b'}}\n" + pager,
		"undefined interval": tree + "  - {matchers: [a=b], active_time_intervals: [x]}\n" + pager,
		"days reversed":      tree + "  - {matchers: [a=b], mute_time_intervals: [x]}\n" + pager + "time_intervals: [{name: x, time_intervals: [{days_of_month: ['31:1']}]}]\n",
		"no key":             "route: {receiver: o}\nreceivers: [{name: o, opsgenie_configs: [{}]}]\n",
		"nobody":             "global: {smtp_smarthost: 'smtp.corp.net:587', smtp_from: a@corp.net}\nroute: {receiver: m}\nreceivers: [{name: m, email_configs: [{headers: {subject: x}}]}]\n",
		"receivers twice":    "route: {receiver: team}\n" + pager + "- {name: team}\n",
		"no chat":            "route: {receiver: t}\nreceivers: [{name: t, telegram_configs: [{bot_token: KEY}]}]\n",
		"root with matchers": "route: {receiver: team, matchers: [a=b]}\n" + pager,
		"no label name":      "route: {receiver: team, group_by: [job, '']}\n" + pager,
		"no time":            tree + "  - {matchers: [a=b], mute_time_intervals: [x]}\n" + pager + "time_intervals: [{name: x, time_intervals: [{times: [{start_time: '9:00', end_time: '17:00'}]}]}]\n",
		"duration of days":   "route: {receiver: team, repeat_interval: 1.5h}\n" + pager,
		"group_by text":      "route: {receiver: team, group_by: job}\n" + pager,
		"an inhibition":      "route: {receiver: team}\n" + pager + "inhibit_rules: [{source_matchers: ['a'], target_matchers: [b=c]}]\n",
		"slack, no URL":      "route: {receiver: s}\nreceivers: [{name: s, slack_configs: [{channel: '#a'}]}]\n",
		"webhook, no scheme": "route: {receiver: w}\nreceivers: [{name: w, webhook_configs: [{url: 'chat.corp.net/x'}]}]\n",
	}
	return sound, weak, broken, refused
}

func TestAlertmanagerConfig_WholeConfigurations(t *testing.T) {
	amtool := parts.Need(t, "amtool")
	sound, weak, broken, refused := wholeConfigurations()
	for _, group := range []struct {
		configurations map[string]string
		state          probe.State
		refused        bool
	}{{sound, probe.StatePass, false}, {weak, probe.StateWarn, false}, {broken, probe.StateFail, false}, {refused, probe.StateFail, true}} {
		for name, text := range group.configurations {
			t.Run(name, func(t *testing.T) {
				text := strings.ReplaceAll(text, "KEY", parts.Secret())
				p := probetest.NewPass(t, probetest.Folder{"alertmanager.yml": text, "keys/secret": parts.Secret(), "keys/hook": "https://hooks.slack.com/services/T7K2M9QXA/B4R8W1ZLD/" + parts.Secret()}, deployment.Settings{})
				r := probetest.Look(t, p, AlertmanagerConfigKind(), "{}")
				if r.State != group.state {
					t.Errorf("got %s (%s): %s", r.State, r.Reason, r.Detail)
				}
				file := filepath.Join(t.TempDir(), "alertmanager.yml")
				if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
				out, err := exec.CommandContext(t.Context(), amtool, "check-config", file).CombinedOutput()
				if (err != nil) != group.refused {
					t.Errorf("amtool: %v: %s", err, out)
				}
			})
		}
	}
}
