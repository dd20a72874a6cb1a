package monitoring

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/parts"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/alertmanager"
)

const (
	amToOncall = "route: {receiver: oncall}\n"
	amOncall   = "receivers:\n- name: oncall\n  "
)

// amCase is a configuration and its expected verdict.
type amCase struct {
	text   string
	state  probe.State
	reason probe.Reason
	detail string
	newer  bool // not supported by Debian's amtool yet
}

func alertmanagerCases(key string) map[string]amCase {
	pager := "pagerduty_configs: [{routing_key: " + key + "}]\n"
	good := amToOncall + amOncall + pager
	return map[string]amCase{
		"good":                  {good, probe.StatePass, probe.ReasonNone, "file end at pagerduty", false},
		"nothing":               {"", probe.StateFail, probe.ReasonEmpty, "is empty", false},
		"comments":              {"# route:\n", probe.StateFail, probe.ReasonEmpty, "is empty", false},
		"invalid YAML":          {"route: [\n", probe.StateFail, probe.ReasonInvalid, "file:", false},
		"a list":                {"- route\n", probe.StateFail, probe.ReasonInvalid, "is not a mapping", false},
		"binary":                {"route: \x00\n", probe.StateFail, probe.ReasonInvalid, "NUL", false},
		"no route":              {amOncall + pager, probe.StateFail, probe.ReasonMissing, "has no route", false},
		"no receiver":           {"route: {group_wait: 30s}\n" + amOncall + pager, probe.StateFail, probe.ReasonMissing, "file:1: the root route has no receiver", false},
		"undefined receiver":    {"route: {receiver: other}\n" + amOncall + pager, probe.StateFail, probe.ReasonMissing, "file:1: receiver of this route is not defined", false},
		"undefined below":       {"route:\n  receiver: oncall\n  routes:\n  - {receiver: other, matchers: [a=b]}\n" + amOncall + pager, probe.StateFail, probe.ReasonMissing, "file:4: receiver of this route", false},
		"receiver twice":        {good + "- name: oncall\n", probe.StateFail, probe.ReasonInvalid, "file:5: a receiver with this name", false},
		"receiver without name": {good + "- pagerduty_configs: []\n", probe.StateFail, probe.ReasonInvalid, "file:5: a receiver has no name", false},
		"unused receiver":       {good + "- name: other\n", probe.StateWarn, probe.ReasonMismatch, "file:5: receiver is not used by any route", false},
		"unknown key":           {good + "reciever: x\n", probe.StateFail, probe.ReasonInvalid, "file:5: unknown key (did you mean receivers?)", false},
		"unknown key in route":  {"route: {receiver: oncall, group_bye: [a]}\n" + amOncall + pager, probe.StateFail, probe.ReasonInvalid, "did you mean group_by?", false},
		"key twice":             {good + "route: {receiver: oncall}\n", probe.StateFail, probe.ReasonInvalid, "first set in line 1: remove one", false},
		"no integration":        {amToOncall + "receivers: [{name: oncall}]\n", probe.StateFail, probe.ReasonEmpty, "file:1: the root route ends at a receiver without integrations", false},
		"empty integrations":    {amToOncall + amOncall + "slack_configs: []\n", probe.StateFail, probe.ReasonEmpty, "without integrations", false},
		"singular":              {amToOncall + amOncall + "pagerduty_config: [{routing_key: " + key + "}]\n", probe.StateFail, probe.ReasonInvalid, "did you mean pagerduty_configs?", false},
		"misspelt":              {amToOncall + amOncall + "pagerdty_configs: [{routing_key: " + key + "}]\n", probe.StateFail, probe.ReasonInvalid, "did you mean pagerduty_configs?", false},
		"unknown integration":   {amToOncall + amOncall + "carrierpigeon_configs: [{loft: a}]\n", probe.StateWarn, probe.ReasonInvalid, "file:4: unknown integration", true},
		"text for a list":       {amToOncall + amOncall + "slack_configs: here\n", probe.StateFail, probe.ReasonInvalid, "is not a list", false},
		"text for a route":      {"route: oncall\n" + amOncall + pager, probe.StateFail, probe.ReasonInvalid, "file:1: a route is not a mapping", false},

		"muted below":           {"route:\n  receiver: oncall\n  routes:\n  - {receiver: nobody, matchers: [alertname=Watchdog]}\n" + amOncall + pager + "- name: nobody\n", probe.StatePass, probe.ReasonNone, "end at pagerduty", false},
		"swallowed below":       {"route:\n  receiver: oncall\n  routes:\n  - {receiver: nobody}\n" + amOncall + pager + "- name: nobody\n", probe.StateFail, probe.ReasonEmpty, "without integrations", false},
		"swallowed, continue":   {"route:\n  receiver: oncall\n  routes:\n  - {receiver: nobody, continue: true}\n  - {receiver: oncall}\n" + amOncall + pager + "- name: nobody\n", probe.StatePass, probe.ReasonNone, "", false},
		"swallowed all the way": {"route:\n  receiver: oncall\n  routes:\n  - {receiver: nobody, continue: true}\n" + amOncall + pager + "- name: nobody\n", probe.StateFail, probe.ReasonEmpty, "without integrations", false},
		"taken by a child":      {"route:\n  receiver: nobody\n  routes:\n  - {routes: [{receiver: oncall}]}\n" + amOncall + pager + "- name: nobody\n", probe.StatePass, probe.ReasonNone, "end at pagerduty", false},
		"critical to nobody":    {"route:\n  receiver: oncall\n  routes:\n  - {receiver: nobody, matchers: ['severity=~\"critical|page\"']}\n" + amOncall + pager + "- name: nobody\n", probe.StateFail, probe.ReasonEmpty, "file:4: alerts of severity critical", false},
		"critical by match":     {"route:\n  receiver: oncall\n  routes:\n  - {receiver: nobody, match: {severity: critical}}\n" + amOncall + pager + "- name: nobody\n", probe.StateFail, probe.ReasonEmpty, "file:4: alerts of severity critical", false},
		"critical and more":     {"route:\n  receiver: oncall\n  routes:\n  - {receiver: nobody, matchers: [severity=critical, team=test]}\n" + amOncall + pager + "- name: nobody\n", probe.StatePass, probe.ReasonNone, "", false},
		"critical, continue":    {"route:\n  receiver: oncall\n  routes:\n  - {receiver: nobody, matchers: [severity=critical], continue: true}\n" + amOncall + pager + "- name: nobody\n", probe.StateFail, probe.ReasonEmpty, "file:4: alerts of severity critical", false},
		"not critical":          {"route:\n  receiver: oncall\n  routes:\n  - {receiver: nobody, matchers: [severity!=critical]}\n" + amOncall + pager + "- name: nobody\n", probe.StatePass, probe.ReasonNone, "", false},
		"matchers at the root":  {"route: {receiver: oncall, matchers: [a=b]}\n" + amOncall + pager, probe.StateFail, probe.ReasonInvalid, "file:1: the root route has matchers", false},
		"intervals at the root": {"route: {receiver: oncall, mute_time_intervals: [night]}\ntime_intervals: [{name: night, time_intervals: []}]\n" + amOncall + pager, probe.StateFail, probe.ReasonInvalid, "root route has time intervals", false},
		"interval":              {"route:\n  receiver: oncall\n  routes: [{matchers: [a=b], active_time_intervals: [night]}]\ntime_intervals: [{name: night, time_intervals: []}]\n" + amOncall + pager, probe.StatePass, probe.ReasonNone, "", false},
		"undefined interval":    {"route:\n  receiver: oncall\n  routes: [{matchers: [a=b], active_time_intervals: [day]}]\ntime_intervals: [{name: night, time_intervals: []}]\n" + amOncall + pager, probe.StateFail, probe.ReasonMissing, "file:3: time interval is not defined", false},
		"interval without name": {good + "time_intervals: [{time_intervals: []}]\n", probe.StateFail, probe.ReasonInvalid, "a time interval has no name", false},
		"invalid duration":      {"route: {receiver: oncall, repeat_interval: 30}\n" + amOncall + pager, probe.StateFail, probe.ReasonInvalid, "repeat_interval is not a duration", false},
		"zero interval":         {"route: {receiver: oncall, repeat_interval: 0s}\n" + amOncall + pager, probe.StateFail, probe.ReasonInvalid, "repeat_interval is zero", false},
		"durations":             {"route: {receiver: oncall, group_wait: 0s, group_interval: 1m30s, repeat_interval: 10m}\n" + amOncall + pager, probe.StatePass, probe.ReasonNone, "", false},
		"continue":              {"route: {receiver: oncall, routes: [{continue: perhaps}]}\n" + amOncall + pager, probe.StateFail, probe.ReasonInvalid, "continue must be true or false", false},
		"no matcher":            {"route: {receiver: oncall, routes: [{matchers: [critical]}]}\n" + amOncall + pager, probe.StateFail, probe.ReasonInvalid, "matcher has no operator", false},
		"invalid expression":    {"route: {receiver: oncall, routes: [{matchers: ['a=~\"(\"']}]}\n" + amOncall + pager, probe.StateFail, probe.ReasonInvalid, "invalid regular expression", false},
		"invalid match_re":      {"route: {receiver: oncall, routes: [{match_re: {a: '('}}]}\n" + amOncall + pager, probe.StateFail, probe.ReasonInvalid, "invalid regular expression", false},
		"braces":                {"route: {receiver: oncall, routes: [{matchers: ['{severity=\"critical\", a=~\"b|c\"}']}]}\n" + amOncall + pager, probe.StatePass, probe.ReasonNone, "", false},
		"inhibition":            {good + "inhibit_rules: [{source_matchers: [a=b], target_matchers: [c=d], equal: [e]}]\n", probe.StatePass, probe.ReasonNone, "", false},
		"inhibition, misspelt":  {good + "inhibit_rules: [{source_matcher: [a=b]}]\n", probe.StateFail, probe.ReasonInvalid, "did you mean source_match", false},

		"placeholder key":        {amToOncall + amOncall + "pagerduty_configs: [{service_key: YOUR_PAGERDUTY_KEY}]\n", probe.StateFail, probe.ReasonPlaceholder, "file:4: service_key is a placeholder", false},
		"unexpanded key":         {amToOncall + amOncall + "pagerduty_configs: [{service_key: '${PAGERDUTY_KEY}'}]\n", probe.StateFail, probe.ReasonPlaceholder, "service_key", false},
		"angle brackets":         {amToOncall + amOncall + "opsgenie_configs: [{api_key: '<opsgenie-key>'}]\n", probe.StateFail, probe.ReasonPlaceholder, "api_key", false},
		"zeros":                  {amToOncall + amOncall + "pagerduty_configs: [{service_key: '00000000000000000000000000000000'}]\n", probe.StateFail, probe.ReasonPlaceholder, "service_key", false},
		"unrendered":             {amToOncall + amOncall + "pagerduty_configs: [{routing_key: '{{ pagerduty_key }}'}]\n", probe.StateFail, probe.ReasonPlaceholder, "routing_key", false},
		"template":               {amToOncall + amOncall + "pagerduty_configs: [{routing_key: '{{ .CommonLabels.key }}', client_url: '{{ template \"a\" . }}'}]\n", probe.StatePass, probe.ReasonNone, "", false},
		"empty key":              {amToOncall + amOncall + "pagerduty_configs: [{service_key: ''}]\n", probe.StateFail, probe.ReasonMissing, "pagerduty_configs has no service_key or routing_key", false},
		"slack":                  {amToOncall + amOncall + "slack_configs: [{api_url: 'https://hooks.slack.com/services/T0/B0/" + key + "', channel: '#todo'}]\n", probe.StatePass, probe.ReasonNone, "slack", false},
		"slack, placeholder":     {amToOncall + amOncall + "slack_configs: [{api_url: 'https://hooks.slack.com/services/T00000000/B00000000/XXXXXXXX'}]\n", probe.StateFail, probe.ReasonPlaceholder, "api_url", false},
		"slack, nothing":         {amToOncall + amOncall + "slack_configs: [{channel: '#a'}]\n", probe.StateFail, probe.ReasonMissing, "slack_configs has no api_url or app_token", false},
		"slack, global":          {"global: {slack_api_url: 'https://hooks.slack.com/services/T0/B0/" + key + "'}\n" + amToOncall + amOncall + "slack_configs: [{channel: '#a'}]\n", probe.StatePass, probe.ReasonNone, "slack", false},
		"global placeholder":     {"global: {slack_api_url: 'https://hooks.slack.com/services/your-webhook'}\n" + amToOncall + amOncall + "slack_configs: [{channel: '#a'}]\n", probe.StateFail, probe.ReasonPlaceholder, "file:1: slack_api_url", false},
		"global, not needed":     {"global: {opsgenie_api_key: changeme}\n" + good, probe.StateWarn, probe.ReasonPlaceholder, "file:1: opsgenie_api_key", false},
		"unused placeholder":     {good + "- name: other\n  pagerduty_configs: [{service_key: changeme}]\n", probe.StateWarn, probe.ReasonMismatch, "service_key is a placeholder", false},
		"mail":                   {"global: {smtp_smarthost: 'mail.corp.net:587', smtp_from: am@corp.net}\n" + amToOncall + amOncall + "email_configs: [{to: oncall@corp.net}]\n", probe.StatePass, probe.ReasonNone, "email", false},
		"mail without a server":  {amToOncall + amOncall + "email_configs: [{to: oncall@corp.net, from: am@corp.net}]\n", probe.StateFail, probe.ReasonMissing, "email_configs has no smarthost", false},
		"mail to nobody":         {"global: {smtp_smarthost: 'mail.corp.net:587', smtp_from: am@corp.net}\n" + amToOncall + amOncall + "email_configs: [{send_resolved: true}]\n", probe.StateFail, probe.ReasonMissing, "email_configs has no to", false},
		"mail to an example":     {"global: {smtp_smarthost: 'mail.corp.net:587', smtp_from: am@corp.net}\n" + amToOncall + amOncall + "email_configs: [{to: ops@example.com}]\n", probe.StateFail, probe.ReasonPlaceholder, "file:5: to is a placeholder", false},
		"mail, password":         {"global: {smtp_smarthost: 'mail.corp.net:587', smtp_from: am@corp.net, smtp_auth_password: changeme}\n" + amToOncall + amOncall + "email_configs: [{to: oncall@corp.net}]\n", probe.StateFail, probe.ReasonPlaceholder, "smtp_auth_password", false},
		"webhook":                {amToOncall + amOncall + "webhook_configs: [{url: 'http://pager:9000/secret/hook'}]\n", probe.StatePass, probe.ReasonNone, "webhook", false},
		"webhook, nothing":       {amToOncall + amOncall + "webhook_configs: [{send_resolved: true}]\n", probe.StateFail, probe.ReasonMissing, "webhook_configs has no url", false},
		"webhook, authorization": {amToOncall + amOncall + "webhook_configs: [{url: 'http://pager:9000/', http_config: {authorization: {credentials: changeme}}}]\n", probe.StateFail, probe.ReasonPlaceholder, "http_config.authorization.credentials", false},
		"slack, incomplete URL":  {amToOncall + amOncall + "slack_configs: [{api_url: 'https://hooks.slack.com/services/', channel: '#a'}]\n", probe.StateFail, probe.ReasonTruncated, "file:4: api_url is not a complete Slack incoming webhook", false},
		"slack, no scheme":       {amToOncall + amOncall + "slack_configs: [{api_url: hooks.slack.com/services/T0/B0/x, channel: '#a'}]\n", probe.StateFail, probe.ReasonInvalid, "file:4: api_url is not an http or https URL", false},
		"slack, a workflow":      {amToOncall + amOncall + "slack_configs: [{api_url: 'https://hooks.slack.com/workflows/T0', channel: '#a'}]\n", probe.StatePass, probe.ReasonNone, "slack", false},
		"slack, a variable":      {amToOncall + amOncall + "slack_configs: [{api_url: $SLACK_URL, channel: '#a'}]\n", probe.StateFail, probe.ReasonPlaceholder, "file:4: api_url", false},
		"slack, documented":      {amToOncall + amOncall + "slack_configs: [{api_url: 'https://hooks.slack.com/services/YOUR/WEBHOOK/URL', channel: '#a'}]\n", probe.StateFail, probe.ReasonPlaceholder, "file:4: api_url", false},
		"webhook, no host":       {amToOncall + amOncall + "webhook_configs: [{url: 'http://'}]\n", probe.StateFail, probe.ReasonInvalid, "file:4: url is not an http", false},
		"webhook, a template":    {amToOncall + amOncall + "webhook_configs: [{url: '{{ .CommonLabels.hook }}'}]\n", probe.StatePass, probe.ReasonNone, "webhook", true},
		"links are templates":    {amToOncall + amOncall + "pagerduty_configs: [{service_key: " + key + ", client_url: here}]\n", probe.StatePass, probe.ReasonNone, "pagerduty", false},
		"key's own name":         {amToOncall + amOncall + "pagerduty_configs: [{service_key: PAGERDUTY_SERVICE_KEY}]\n", probe.StateFail, probe.ReasonPlaceholder, "file:4: service_key", false},
		"all to nobody":          {"route: {receiver: oncall, routes: [{matchers: ['alertname=~\".+\"'], receiver: none}]}\n" + amOncall + pager + "- name: none\n", probe.StateFail, probe.ReasonEmpty, "the root route ends at a receiver without integrations", false},
		"some to nobody":         {"route: {receiver: oncall, routes: [{matchers: ['team=~\".+\"'], receiver: none}]}\n" + amOncall + pager + "- name: none\n", probe.StatePass, probe.ReasonNone, "pagerduty", false},
		"all, continue":          {"route: {receiver: oncall, routes: [{matchers: ['severity=~\".*\"'], receiver: none, continue: true}, {receiver: oncall}]}\n" + amOncall + pager + "- name: none\n", probe.StatePass, probe.ReasonNone, "pagerduty", false},
		"several":                {amToOncall + amOncall + "webhook_configs: [{url: 'http://pager:9000/'}]\n  " + pager, probe.StatePass, probe.ReasonNone, "end at pagerduty and webhook", false},
		"key and file":           {amToOncall + amOncall + "opsgenie_configs: [{api_key: " + key + ", api_key_file: present}]\n", probe.StateFail, probe.ReasonInvalid, "api_key and api_key_file are both set", false},
		"file":                   {amToOncall + amOncall + "opsgenie_configs: [{api_key_file: present}]\n", probe.StatePass, probe.ReasonNone, "opsgenie", false},
		"file, absent":           {amToOncall + amOncall + "opsgenie_configs: [{api_key_file: absent}]\n", probe.StateFail, probe.ReasonMissing, "file:4: the file named by api_key_file cannot be read: no such file", false},
		"file, empty":            {amToOncall + amOncall + "opsgenie_configs: [{api_key_file: empty}]\n", probe.StateFail, probe.ReasonEmpty, "file:4: the file named by api_key_file is empty", false},
		"file, placeholder":      {amToOncall + amOncall + "opsgenie_configs: [{api_key_file: blank}]\n", probe.StateFail, probe.ReasonPlaceholder, "file:4: the file named by api_key_file contains a placeholder", false},
		"file, no URL":           {amToOncall + amOncall + "slack_configs: [{api_url_file: present, channel: '#a'}]\n", probe.StateFail, probe.ReasonInvalid, "the content of the file named by api_url_file is not an http", true},
		"file, elsewhere":        {amToOncall + amOncall + "opsgenie_configs: [{api_key_file: elsewhere}]\n", probe.StateUnknown, probe.ReasonNotConfigured, "file:4: the file named by api_key_file cannot be read", false},
		"file, unused":           {good + "- name: other\n  opsgenie_configs: [{api_key_file: absent}]\n", probe.StateWarn, probe.ReasonMismatch, "no such file", false},
		"anchors":                {"x: &to {routing_key: " + key + "}\n" + amToOncall + amOncall + "pagerduty_configs: [*to]\n", probe.StateFail, probe.ReasonInvalid, "file:1: unknown key", false},
		"anchors where allowed":  {amToOncall + amOncall + "pagerduty_configs: [&to {routing_key: " + key + "}]\n- name: other\n  pagerduty_configs: [*to]\n", probe.StateWarn, probe.ReasonMismatch, "not used by any route", false},
	}
}

func TestAlertmanagerConfig_Verdicts(t *testing.T) {
	key := parts.Secret()
	keys := map[string]amKeyFile{
		"present": {text: parts.Secret()}, "empty": {}, "blank": {text: "changeme"}, "absent": {err: syscall.ENOENT},
		"elsewhere": {err: probe.Unknownf(probe.ReasonNotConfigured, "the file is in the container of am and not on this host")},
	}
	for name, tt := range alertmanagerCases(key) {
		t.Run(name, func(t *testing.T) {
			r := probe.ValidateResult((&alertmanagerConfig{MaxMuted: 0.1}).judge(alertmanager.Parse("file", []byte(tt.text)), keys, "file", alertRules{}, amNow))
			probetest.Expect(t, r, tt.state, tt.reason, tt.detail)
			if strings.Contains(r.Detail, key) {
				t.Errorf("the detail quotes the key: %s", r.Detail)
			}
		})
	}
	wanted := alertmanagerConfig{Integrations: []string{"pagerduty", "opsgenie"}}
	slack := amToOncall + amOncall + "slack_configs: [{api_url: 'https://hooks.slack.com/services/T0/B0/" + key + "'}]\n"
	probetest.Expect(t, wanted.judge(alertmanager.Parse("file", []byte(slack)), nil, "file", alertRules{}, amNow), probe.StateFail, probe.ReasonMismatch, "ends at slack, expected pagerduty or opsgenie")
	k := AlertmanagerConfigKind()
	if _, problems := probetest.Decode(k, "{integrations: [pagerdty]}"); !strings.Contains(problems.Error(), "did you mean pagerduty?") {
		t.Errorf("unknown integration: %v", problems)
	}
}

// What amtool refuses never passes, and what is reported as invalid is refused by amtool.
func TestAlertmanagerConfig_AgreesWithAmtool(t *testing.T) {
	amtool := parts.Need(t, "amtool")
	for name, tt := range alertmanagerCases(parts.Secret()) {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "alertmanager.yml")
			if err := os.WriteFile(file, []byte(tt.text), 0o600); err != nil {
				t.Fatal(err)
			}
			out, err := exec.CommandContext(t.Context(), amtool, "check-config", file).CombinedOutput()
			switch {
			case tt.newer:
			case err != nil && tt.state != probe.StateFail:
				t.Errorf("amtool refuses it: %s", out)
			case err == nil && tt.state == probe.StateFail && tt.reason == probe.ReasonInvalid:
				t.Errorf("amtool accepts it: %s", out)
			}
		})
	}
}

func TestAlertmanagerConfig_KeyFiles(t *testing.T) {
	const spec = "{}"
	config := func(file string) string {
		return amToOncall + amOncall + "pagerduty_configs: [{routing_key_file: '" + file + "'}]\n"
	}
	key := parts.Secret()
	compose := "services:\n  am:\n    image: prom/alertmanager\n    volumes: ['./prometheus/alertmanager.yml:/etc/alertmanager/alertmanager.yml:ro', './keys:/keys']\n    secrets: [pager]\nsecrets: {pager: {file: pager.txt}}\n"
	for name, tt := range map[string]struct {
		files  probetest.Folder
		state  probe.State
		reason probe.Reason
		detail string
	}{
		"none":                        {nil, probe.StateSkip, probe.ReasonNotConfigured, "alertmanager.yml not found"},
		"next to it":                  {probetest.Folder{"prometheus/alertmanager.yml": config("keys/pager"), "prometheus/keys/pager": key}, probe.StatePass, probe.ReasonNone, "end at pagerduty"},
		"next to it, absent":          {probetest.Folder{"alertmanager.yml": config("pager")}, probe.StateFail, probe.ReasonMissing, "alertmanager.yml:4: the file named by routing_key_file cannot be read"},
		"next to it, a directory":     {probetest.Folder{"alertmanager.yml": config("pager"), "pager/x": ""}, probe.StateFail, probe.ReasonInvalid, "directory"},
		"absolute, absent":            {probetest.Folder{"alertmanager.yml": config("/nowhere/" + key)}, probe.StateFail, probe.ReasonMissing, "no such file"},
		"mounted":                     {probetest.Folder{"prometheus/alertmanager.yml": config("/keys/pager"), "compose.yaml": compose, "keys/pager": key, "pager.txt": key}, probe.StatePass, probe.ReasonNone, ""},
		"mounted, empty":              {probetest.Folder{"prometheus/alertmanager.yml": config("/keys/pager"), "compose.yaml": compose, "keys/pager": "\n", "pager.txt": key}, probe.StateFail, probe.ReasonEmpty, "routing_key_file is empty"},
		"mounted, absent":             {probetest.Folder{"prometheus/alertmanager.yml": config("/keys/" + key), "compose.yaml": compose, "keys/pager": key, "pager.txt": key}, probe.StateFail, probe.ReasonMissing, "no such file"},
		"a secret":                    {probetest.Folder{"prometheus/alertmanager.yml": config("/run/secrets/pager"), "compose.yaml": compose, "pager.txt": "changeme"}, probe.StateFail, probe.ReasonPlaceholder, "contains a placeholder"},
		"next to it, mounted":         {probetest.Folder{"prometheus/alertmanager.yml": config("keys/pager"), "prometheus/keys/pager": key, "compose.yaml": "services: {am: {image: a, volumes: ['./prometheus:/etc/am']}}\n"}, probe.StatePass, probe.ReasonNone, ""},
		"next to it, but not mounted": {probetest.Folder{"prometheus/alertmanager.yml": config("pager"), "prometheus/pager": key, "compose.yaml": compose, "pager.txt": key}, probe.StateFail, probe.ReasonMissing, "file does not exist"},
		"in the image":                {probetest.Folder{"prometheus/alertmanager.yml": config("/opt/" + key), "compose.yaml": strings.Replace(compose, "prom/", "corp/", 1), "pager.txt": key}, probe.StateUnknown, probe.ReasonNotConfigured, "is in the container of am"},
		"in the official image":       {probetest.Folder{"prometheus/alertmanager.yml": config("/opt/" + key), "compose.yaml": compose, "pager.txt": key}, probe.StateFail, probe.ReasonMissing, "file does not exist"},
		"a volume around it":          {probetest.Folder{"prometheus/alertmanager.yml": config("/opt/x/" + key), "compose.yaml": strings.Replace(compose, "'./keys:/keys'", "'store:/opt'", 1) + "volumes: {store: {}}\n", "pager.txt": key}, probe.StateUnknown, probe.ReasonNotConfigured, "is in the container of am"},
		"not a secret":                {probetest.Folder{"prometheus/alertmanager.yml": config("/run/secrets/" + key), "compose.yaml": strings.Replace(compose, "prom/", "corp/", 1), "pager.txt": key}, probe.StateFail, probe.ReasonMissing, "file does not exist"},
		"no configuration mounted":    {probetest.Folder{"alertmanager.yml": config("/opt/" + key), "compose.yaml": "services: {am: {image: prom/alertmanager}}\n"}, probe.StateFail, probe.ReasonUnreachable, "service am mounts no configuration"},
		"not mounted by a service":    {probetest.Folder{"alertmanager.yml": config("/opt/" + key), "compose.yaml": "services: {am: {image: corp/a}}\n"}, probe.StateUnknown, probe.ReasonNotConfigured, "no service mounts the configuration"},
		"compose broken":              {probetest.Folder{"alertmanager.yml": config("/opt/" + key), "compose.yaml": "services: ["}, probe.StateUnknown, probe.ReasonNotConfigured, "not on this host"},
		"zero bytes":                  {probetest.Folder{"alertmanager.yml": ""}, probe.StateFail, probe.ReasonEmpty, "is empty"},
		"oversized":                   {probetest.Folder{"alertmanager.yml": strings.Repeat("#", maxAlertmanager+1)}, probe.StateFail, probe.ReasonInvalid, "larger than"},
	} {
		t.Run(name, func(t *testing.T) {
			r := probetest.Look(t, probetest.NewPass(t, tt.files, deployment.Settings{}), AlertmanagerConfigKind(), spec)
			probetest.Expect(t, r, tt.state, tt.reason, tt.detail)
			if strings.Contains(r.Detail+r.Remedy, key) {
				t.Errorf("the detail quotes what was written for a path: %s", r.Detail)
			}
		})
	}
	configured := deployment.Settings{Alertmanager: deployment.Alertmanager{Config: "am.yml"}}
	probetest.Expect(t, probetest.Look(t, probetest.NewPass(t, nil, configured), AlertmanagerConfigKind(), spec), probe.StateFail, probe.ReasonMissing, "am.yml cannot be read")
	for name, create := range map[string]func(path string) error{
		"fifo": func(path string) error { return syscall.Mkfifo(path, 0o600) },
		"loop": func(path string) error { return os.Symlink("am.yml", path) },
	} {
		p := probetest.NewPass(t, nil, configured)
		if err := create(filepath.Join(p.Deployment.Root, "am.yml")); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		probetest.Expect(t, probetest.Look(t, p, AlertmanagerConfigKind(), spec), probe.StateFail, probe.ReasonInvalid, "am.yml cannot be read")
	}

	p := probetest.NewPass(t, probetest.Folder{"alertmanager.yml": config("pager"), "pager": key}, deployment.Settings{})
	for dir := p.Deployment.Root; len(dir) > len(os.TempDir()); dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for file, mode := range map[string]os.FileMode{"alertmanager.yml": 0o644, "pager": 0} {
		if err := os.Chmod(filepath.Join(p.Deployment.Root, file), mode); err != nil {
			t.Fatal(err)
		}
	}
	parts.AsNobody(t, func() {
		probetest.Expect(t, probetest.Look(t, probetest.Again(p), AlertmanagerConfigKind(), spec), probe.StateUnknown, probe.ReasonPermissionDenied, "alertmanager.yml:4: the file named by routing_key_file")
	})
}

func TestAlertmanagerConfig_LimitsKeyFiles(t *testing.T) {
	var text strings.Builder
	text.WriteString(amToOncall + "receivers:\n- name: oncall\n  opsgenie_configs:\n")
	for i := range maxKeyFiles + 1 {
		fmt.Fprintf(&text, "  - api_key_file: key%d\n", i)
	}
	files := probetest.Folder{"alertmanager.yml": text.String()}
	for i := range maxKeyFiles + 1 {
		files[fmt.Sprintf("key%d", i)] = parts.Secret()
	}
	probetest.Expect(t, probetest.Look(t, probetest.NewPass(t, files, deployment.Settings{}), AlertmanagerConfigKind(), "{}"), probe.StateWarn, probe.ReasonInvalid, "was not checked")
}

func FuzzAlertmanager(f *testing.F) {
	for _, tt := range alertmanagerCases("key") {
		f.Add([]byte(tt.text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r := probe.ValidateResult((&alertmanagerConfig{MaxMuted: 0.1}).judge(alertmanager.Parse("file", data), nil, "file", alertRules{}, amNow))
		if r.Reason == probe.ReasonError || r.State == probe.StatePass && !strings.Contains(string(data), "_configs") {
			t.Errorf("%+v", r)
		}
	})
}
