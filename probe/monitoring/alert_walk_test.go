package monitoring

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/internal/parts"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/alertmanager"
)

var amNow = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)

// routedCase is a routing tree below a root that notifies somebody, and its verdict. Receivers: team notifies, noop
// does not.
type routedCase struct {
	routes, rest string // entries of routes, and further top keys
	spec         string
	state        probe.State
	reason       probe.Reason
	detail       string
}

const (
	office  = "time_intervals:\n- name: office\n  time_intervals: [{weekdays: ['monday:friday'], times: [{start_time: '09:00', end_time: '17:00'}]}]\n"
	mutedBy = "matchers: ['severity=\"critical\"'], receiver: team, mute_time_intervals: [x]"
)

// muteFor returns a time interval x.
func muteFor(period string) string {
	return "time_intervals: [{name: x, time_intervals: [" + period + "]}]\n"
}

func routedCases() map[string]routedCase {
	fail, warn, pass := probe.StateFail, probe.StateWarn, probe.StatePass
	return map[string]routedCase{
		"office hours":              {"matchers: ['severity=\"critical\"'], active_time_intervals: [office]", office, "{}", fail, probe.ReasonThreshold, "muted 76 % of the time, more than 10 %"},
		"nights":                    {"matchers: [severity=~crit.*], mute_time_intervals: [x]", muteFor("{times: [{start_time: '00:00', end_time: '07:30'}]}"), "{}", fail, probe.ReasonThreshold, "muted 31 %"},
		"weekends":                  {mutedBy, muteFor("{weekdays: [saturday, sunday]}"), "{}", fail, probe.ReasonThreshold, "muted 28 %"},
		"weekends, allowed":         {mutedBy, muteFor("{weekdays: [saturday, sunday]}"), "{max_muted: 0.3}", warn, probe.ReasonThreshold, "muted 28 %"},
		"Sunday maintenance":        {mutedBy, muteFor("{weekdays: [sunday], times: [{start_time: '02:00', end_time: '06:00'}], location: Europe/Berlin}"), "{}", warn, probe.ReasonThreshold, "muted 2 %"},
		"a month":                   {mutedBy, muteFor("{months: [december]}"), "{}", fail, probe.ReasonThreshold, "muted 44 %"},
		"Christmas":                 {mutedBy, muteFor("{months: ['12'], days_of_month: ['24:26']}"), "{}", warn, probe.ReasonThreshold, "muted 4 %"},
		"last day of each month":    {mutedBy, muteFor("{days_of_month: ['-1']}"), "{}", warn, probe.ReasonThreshold, "muted"},
		"past years":                {mutedBy, muteFor("{years: ['2019:2020']}"), "{}", pass, "", ""},
		"past years, active":        {"matchers: [severity=critical], active_time_intervals: [x]", muteFor("{years: ['2019:2020']}"), "{}", fail, probe.ReasonDisabled, "never delivered"},
		"always":                    {mutedBy, muteFor("{months: ['1:12']}"), "{}", fail, probe.ReasonDisabled, "never delivered"},
		"muted info":                {"matchers: [severity=info], mute_time_intervals: [x]", muteFor("{months: ['1:12']}"), "{}", pass, "", ""},
		"day and night":             {"matchers: [severity=critical], active_time_intervals: [office], continue: true}\n  - {matchers: [severity=critical], mute_time_intervals: [office]", office, "{}", pass, "", ""},
		"day, no continue":          {"matchers: [severity=critical], active_time_intervals: [office]}\n  - {matchers: [severity=critical], mute_time_intervals: [office]", office, "{}", fail, probe.ReasonThreshold, "76 %"},
		"night to nobody":           {"matchers: [severity=critical], active_time_intervals: [office], continue: true}\n  - {receiver: noop, matchers: [severity=critical], mute_time_intervals: [office]", office, "{}", fail, probe.ReasonThreshold, "76 %"},
		"two halves":                {"matchers: [severity=critical], active_time_intervals: [a], continue: true}\n  - {matchers: [severity=critical], active_time_intervals: [b]", "time_intervals:\n- {name: a, time_intervals: [{times: [{start_time: '08:00', end_time: '20:00'}], location: America/New_York}]}\n- {name: b, time_intervals: [{times: [{start_time: '20:00', end_time: '24:00'}, {start_time: '00:00', end_time: '08:00'}], location: America/New_York}]}\n", "{}", pass, "", ""},
		"negated":                   {"receiver: noop, matchers: ['severity!=\"page\"']", "", "{}", fail, probe.ReasonEmpty, "file:4: alerts of severity critical end at a receiver without"},
		"any severity":              {"receiver: noop, matchers: ['severity=~\".+\"']", "", "{}", fail, probe.ReasonEmpty, "file:4"},
		"not a regular expression":  {"receiver: noop, matchers: ['severity!~\"info|warn\"']", "", "{}", fail, probe.ReasonEmpty, "file:4"},
		"regular expression, inner": {"receiver: noop, matchers: ['severity=~\"crit\"']", "", "{}", pass, "", ""},
		"without a team":            {"receiver: noop, matchers: ['team!=\"db\"']", "", "{}", fail, probe.ReasonEmpty, "file:4"},
		"of one team":               {"receiver: noop, matchers: ['team=\"test\"']", "", "{}", pass, "", ""},
		"old matchers":              {"receiver: noop, match_re: {severity: 'critical|page'}", "", "{}", fail, probe.ReasonEmpty, "file:4"},
		"info":                      {"receiver: noop, matchers: ['severity=~\"info|none\"']", "", "{}", pass, "", ""},
		"dead man's switches":       {"receiver: noop, matchers: ['alertname=~\"Watchdog|InfoInhibitor\"']", "", "{}", pass, "", ""},
		"pinned":                    {"receiver: noop, matchers: ['alertname=\"DiskFull\"']", "", "{}", warn, probe.ReasonEmpty, "if their alertname matches"},
		"pinned, info":              {"receiver: noop, matchers: ['alertname=\"DiskFull\", severity=\"info\"']", "", "{}", pass, "", ""},
		"pinned, continue":          {"receiver: noop, continue: true, matchers: ['alertname=\"DiskFull\"']", "", "{}", pass, "", ""},
		"page_matchers":             {"receiver: noop, matchers: ['severity!=\"page\"']", "", `{page_matchers: ['severity="page"']}`, pass, "", ""},
		"page_matchers to nobody":   {"receiver: noop, matchers: ['priority=~\"P1|P2\"']", "", `{page_matchers: ['priority=~"P1"']}`, fail, probe.ReasonEmpty, "alerts that match page_matchers end at"},
		"inhibited by a watchdog":   {"matchers: [a=b]", "inhibit_rules: [{source_matchers: ['alertname=\"Watchdog\"'], target_matchers: ['severity=~\".+\"']}]\n", "{}", warn, probe.ReasonDisabled, "its source Watchdog always fires"},
		"inhibited by anything":     {"matchers: [a=b]", "inhibit_rules: [{target_match: {severity: critical}}]\n", "{}", warn, probe.ReasonDisabled, "always fires"},
		"inhibited on one host":     {"matchers: [a=b]", "inhibit_rules: [{source_match: {alertname: Watchdog}, target_match: {severity: critical}, equal: [instance]}]\n", "{}", pass, "", ""},
		"inhibits info":             {"matchers: [a=b]", "inhibit_rules: [{source_matchers: ['alertname=\"InfoInhibitor\"'], target_matchers: ['severity=\"info\"']}]\n", "{}", pass, "", ""},
		"critical inhibits warning": {"matchers: [a=b]", "inhibit_rules: [{source_match: {severity: critical}, target_match: {severity: warning}}]\n", "{}", pass, "", ""},

		"times reversed":           {mutedBy, muteFor("{times: [{start_time: '17:00', end_time: '09:00'}]}"), "{}", fail, probe.ReasonInvalid, "start_time is not before end_time"},
		"times equal":              {mutedBy, muteFor("{times: [{start_time: '17:00', end_time: '17:00'}]}"), "{}", fail, probe.ReasonInvalid, "start_time is not before"},
		"no end":                   {mutedBy, muteFor("{times: [{start_time: '17:00'}]}"), "{}", fail, probe.ReasonInvalid, "must be times such as"},
		"25 o'clock":               {mutedBy, muteFor("{times: [{start_time: '17:00', end_time: '25:00'}]}"), "{}", fail, probe.ReasonInvalid, "must be times such as"},
		"9 o'clock":                {mutedBy, muteFor("{times: [{start_time: '9:00', end_time: '10:00'}]}"), "{}", fail, probe.ReasonInvalid, "must be times such as"},
		"weekdays reversed":        {mutedBy, muteFor("{weekdays: ['saturday:monday']}"), "{}", fail, probe.ReasonInvalid, "weekdays ends before it begins"},
		"weekday abbreviated":      {mutedBy, muteFor("{weekdays: [mon]}"), "{}", fail, probe.ReasonInvalid, "an entry of weekdays is not valid"},
		"weekday as a number":      {mutedBy, muteFor("{weekdays: ['1']}"), "{}", fail, probe.ReasonInvalid, "an entry of weekdays is not valid"},
		"13th month":               {mutedBy, muteFor("{months: ['13']}"), "{}", pass, "", ""},
		"month misspelt":           {mutedBy, muteFor("{months: [sept]}"), "{}", fail, probe.ReasonInvalid, "an entry of months is not valid"},
		"13th month, active":       {"matchers: [severity=critical], active_time_intervals: [x]", muteFor("{months: ['13']}"), "{}", fail, probe.ReasonDisabled, "never delivered"},
		"months reversed":          {mutedBy, muteFor("{months: ['december:january']}"), "{}", fail, probe.ReasonInvalid, "months ends before"},
		"day 0":                    {mutedBy, muteFor("{days_of_month: ['0']}"), "{}", fail, probe.ReasonInvalid, "days_of_month"},
		"day 32":                   {mutedBy, muteFor("{days_of_month: ['1:32']}"), "{}", fail, probe.ReasonInvalid, "days_of_month"},
		"days reversed":            {mutedBy, muteFor("{days_of_month: ['5:1']}"), "{}", fail, probe.ReasonInvalid, "days_of_month ends before"},
		"days, mixed":              {mutedBy, muteFor("{days_of_month: ['-5:5']}"), "{}", fail, probe.ReasonInvalid, "must end with one"},
		"days from the end":        {mutedBy, muteFor("{days_of_month: ['-2:-1']}"), "{}", warn, probe.ReasonThreshold, ""},
		"years reversed":           {mutedBy, muteFor("{years: ['2030:2020']}"), "{}", fail, probe.ReasonInvalid, "years ends before"},
		"unknown location":         {mutedBy, muteFor("{location: Europe/Nowhere}"), "{}", fail, probe.ReasonInvalid, "unknown location"},
		"unknown key":              {mutedBy, muteFor("{weekday: [monday]}"), "{}", fail, probe.ReasonInvalid, "unknown key (did you mean weekdays?)"},
		"interval twice":           {"matchers: [a=b]", "time_intervals: [{name: x, time_intervals: []}, {name: x, time_intervals: []}]\n", "{}", fail, probe.ReasonInvalid, "already defined"},
		"undefined interval":       {"matchers: [a=b], mute_time_intervals: [y]", muteFor("{months: [may]}"), "{}", fail, probe.ReasonMissing, "time interval is not defined"},
		"grouped twice":            {"matchers: [a=b], group_by: [job, env, job]", "", "{}", fail, probe.ReasonInvalid, "a label is twice in group_by"},
		"grouped by all and one":   {"matchers: [a=b], group_by: ['...', job]", "", "{}", fail, probe.ReasonInvalid, "group_by has both"},
		"grouped":                  {"matchers: [a=b], group_by: [job, env]", "", "{}", pass, "", ""},
		"quotes in a bare matcher": {"matchers: ['a=b\"c']", "", "{}", fail, probe.ReasonInvalid, "invalid matcher"},
		"open quote":               {"matchers: ['a=\"b']", "", "{}", fail, probe.ReasonInvalid, "invalid matcher"},
		"several in one entry":     {"receiver: noop, matchers: ['severity=\"critical\",team=\"a\"']", "", "{}", pass, "", ""},
		"comma in a value":         {"receiver: noop, matchers: ['{severity=~\"critical,|critical\"}']", "", "{}", fail, probe.ReasonEmpty, "file:4"},
	}
}

func (c routedCase) text(key string) string {
	return "route:\n  receiver: team\n  routes:\n  - {" + c.routes + "}\n" +
		"receivers:\n- name: team\n  pagerduty_configs: [{routing_key: " + key + "}]\n- name: noop\n" + c.rest
}

func TestAlertmanagerConfig_Routes(t *testing.T) {
	key := parts.Secret()
	for name, tt := range routedCases() {
		t.Run(name, func(t *testing.T) {
			spec, ok := probetest.Load(t, AlertmanagerConfigKind(), tt.spec).(*alertmanagerConfig)
			if !ok {
				t.Fatal("another probe")
			}
			text := tt.text(key)
			if !strings.Contains(text, "receiver: noop") {
				text = strings.Replace(text, "- name: noop\n", "", 1)
			}
			r := probe.ValidateResult(spec.judge(alertmanager.Parse("file", []byte(text)), nil, "file", alertRules{}, amNow))
			probetest.Expect(t, r, tt.state, tt.reason, tt.detail)
		})
	}
}

// What Alertmanager refuses is invalid, and nothing else is.
func TestAlertmanagerConfig_RoutesAgreeWithAmtool(t *testing.T) {
	amtool := parts.Need(t, "amtool")
	for name, tt := range routedCases() {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "alertmanager.yml")
			if err := os.WriteFile(file, []byte(tt.text(parts.Secret())), 0o600); err != nil {
				t.Fatal(err)
			}
			out, err := exec.CommandContext(t.Context(), amtool, "check-config", file).CombinedOutput()
			if refused := tt.reason == probe.ReasonInvalid || tt.reason == probe.ReasonMissing; refused != (err != nil) {
				t.Errorf("we say %s (%s); amtool: %s", tt.state, tt.reason, out)
			}
		})
	}
}

func TestAlertmanagerConfig_Loopback(t *testing.T) {
	key := parts.Secret()
	mail := "global: {smtp_smarthost: '%s', smtp_from: am@corp.net}\n" + amToOncall + amOncall + "email_configs: [{to: %s}]\n"
	for text, want := range map[string]probe.State{
		amToOncall + amOncall + "webhook_configs: [{url: 'http://127.0.0.1:5001/'}]\n": probe.StateWarn,
		amToOncall + amOncall + "webhook_configs: [{url: 'http://localhost/x'}]\n":     probe.StateWarn,
		amToOncall + amOncall + "webhook_configs: [{url: 'http://[::1]:80/x'}]\n":      probe.StateWarn,
		amToOncall + amOncall + "webhook_configs: [{url: 'http://bridge:5001/'}]\n":    probe.StatePass,
		fmt.Sprintf(mail, "localhost:25", "oncall@corp.net"):                           probe.StateWarn,
		fmt.Sprintf(mail, "[::1]:25", "oncall@corp.net"):                               probe.StateWarn,
		fmt.Sprintf(mail, "mail.corp.net:25", "root@localhost"):                        probe.StateWarn,
		fmt.Sprintf(mail, "mail.corp.net:25", "oncall@corp.net"):                       probe.StatePass,
		amToOncall + amOncall + "pagerduty_configs: [{routing_key: " + key + "}]\n":    probe.StatePass,
	} {
		r := (&alertmanagerConfig{MaxMuted: 0.1}).judge(alertmanager.Parse("file", []byte(text)), nil, "file", alertRules{}, amNow)
		if r.State != want || want == probe.StateWarn && r.Reason != probe.ReasonWeak {
			t.Errorf("%s: %s (%s) %s", text, r.State, r.Reason, r.Detail)
		}
	}
}

func TestAlertmanagerConfig_RefusesParameters(t *testing.T) {
	for _, spec := range []string{"{page_matchers: [critical]}", "{page_matchers: ['severity!=\"info\"', 'alertname=~\"[\"']}", "{max_muted: 1.5}",
		"{page_matchers: ['severity=\"a\"', 'severity=\"b\"']}"} {
		if _, problems := probetest.Decode(AlertmanagerConfigKind(), spec); len(problems) == 0 {
			t.Errorf("%s is accepted", spec)
		}
	}
}
