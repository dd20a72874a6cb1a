package monitoring

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/parts"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/httpclient"
)

// TestRunningAlertmanager_Faults gives a real Alertmanager a configuration, and the deployment's folder another one.
func TestRunningAlertmanager_Faults(t *testing.T) {
	const (
		receivers = "receivers:\n- name: team\n  webhook_configs: [{url: 'http://pager.corp.net/'}]\n- name: noop\n"
		always    = "time_intervals: [{name: x, time_intervals: [{months: ['january:december'], location: Europe/Berlin}]}]\n"
		winter    = "time_intervals: [{name: x, time_intervals: [{months: ['december'], days_of_month: ['-1'], times: [{start_time: '01:30', end_time: '24:00'}], location: Asia/Tokyo}]}]\n"
	)
	config := func(root, routes, rest string) string {
		text := "route:\n  receiver: team\n  " + root + "\n"
		if routes != "" {
			text += "  routes:\n  - " + routes + "\n"
		}
		text += receivers + rest
		if !strings.Contains(routes, "noop") {
			text = strings.Replace(text, "- name: noop\n", "", 1)
		}
		return text
	}
	plain := config("group_by: [job]", "", "")
	am := parts.Alertmanager(t, plain)
	rules := alertRules{job: "catalyst"}
	for name, tt := range map[string]struct {
		running, file string // file "": the same
		state         probe.State
		reason        probe.Reason
		detail        string
	}{
		"the same":               {plain, "", probe.StatePass, "", ""},
		"interval with a place":  {config("group_by: [job]", "{matchers: [team=a], mute_time_intervals: [x]}", winter), "", probe.StatePass, "", ""},
		"null receiver":          {config("group_by: [job]", "{matchers: [severity=critical], receiver: noop}", ""), "", probe.StateFail, probe.ReasonEmpty, "end at a receiver without integrations"},
		"catch-all to nobody":    {config("group_by: [job]", "{matchers: ['alertname=~\".+\"'], receiver: noop}", ""), "", probe.StateFail, probe.ReasonEmpty, "without integrations"},
		"muted":                  {config("group_by: [job]", "{matchers: [severity=critical], mute_time_intervals: [x]}", always), "", probe.StateFail, probe.ReasonDisabled, "never delivered"},
		"the application":        {config("group_by: [job]", "{matchers: [job=catalyst], receiver: noop}", ""), "", probe.StateWarn, probe.ReasonEmpty, "of job catalyst end at a receiver without integrations"},
		"application and page":   {config("group_by: [job]", "{matchers: [severity=critical, 'job=~\"cat.*\"'], receiver: noop}", ""), "", probe.StateWarn, probe.ReasonEmpty, "of job catalyst"},
		"application, muted":     {config("group_by: [job]", "{matchers: [job=catalyst], mute_time_intervals: [x]}", always), "", probe.StateWarn, probe.ReasonEmpty, "of job catalyst are never delivered"},
		"application, also":      {config("group_by: [job]", "{matchers: [job=catalyst], receiver: noop, continue: true}\n  - {matchers: [job=catalyst]}", ""), "", probe.StatePass, "", ""},
		"application's notices":  {config("group_by: [job]", "{matchers: [severity=info, job=catalyst], receiver: noop}", ""), "", probe.StatePass, "", ""},
		"another job":            {config("group_by: [job]", "{matchers: [job=node], receiver: noop}", ""), "", probe.StatePass, "", ""},
		"every instance":         {config("group_by: [job]", "{matchers: ['instance=~\".+\"'], receiver: noop}", ""), "", probe.StateWarn, probe.ReasonEmpty, "of any instance end"},
		"one instance":           {config("group_by: [job]", "{matchers: ['instance=~\"canary-.*\"'], receiver: noop}", ""), "", probe.StatePass, "", ""},
		"a canary, by exclusion": {config("group_by: [job]", "{matchers: [job=catalyst, 'instance=~\".+\"', 'instance!~\"prod-.*\"'], receiver: noop}", ""), "", probe.StatePass, "", ""},
		"inhibited":              {config("group_by: [job]", "", "inhibit_rules: [{source_matchers: [alertname=Watchdog], target_matchers: ['severity=~\".+\"']}]\n"), "", probe.StateWarn, probe.ReasonDisabled, "always fires"},

		"defaults written out":  {plain, config("group_by: [job]\n  group_wait: 30s\n  group_interval: 300s\n  repeat_interval: 4h", "", ""), probe.StatePass, "", ""},
		"other notation":        {config("repeat_interval: 90m", "", ""), config("repeat_interval: 1h30m", "", ""), probe.StatePass, "", ""},
		"inherited written out": {config("repeat_interval: 1h", "{matchers: [a=b]}", ""), config("repeat_interval: 1h", "{matchers: [a=b], repeat_interval: 60m, group_wait: 30s}", ""), probe.StatePass, "", ""},
		"repeats rarely":        {config("repeat_interval: 5d", "", ""), config("repeat_interval: 4h", "", ""), probe.StateWarn, probe.ReasonDrift, "has other group or repeat intervals than alertmanager.yml"},
		"repeats rarely below":  {config("repeat_interval: 1h", "{matchers: [a=b], repeat_interval: 5d}", ""), config("repeat_interval: 1h", "{matchers: [a=b]}", ""), probe.StateWarn, probe.ReasonDrift, "group or repeat intervals"},
		"waits longer":          {config("group_wait: 1h", "", ""), config("", "", ""), probe.StateWarn, probe.ReasonDrift, "group or repeat intervals"},
		"groups by another":     {config("group_by: [job, env]", "", ""), config("group_by: [job]", "", ""), probe.StateWarn, probe.ReasonDrift, "group or repeat intervals"},
		"groups in other order": {config("group_by: [job, env]", "", ""), config("group_by: [env, job]", "", ""), probe.StatePass, "", ""},
		"another place":         {config("group_by: [job]", "{matchers: [team=a], mute_time_intervals: [x]}", winter), config("group_by: [job]", "{matchers: [team=a], mute_time_intervals: [x]}", strings.Replace(winter, "Tokyo", "Seoul", 1)), probe.StateWarn, probe.ReasonDrift, "time intervals"},
	} {
		t.Run(name, func(t *testing.T) {
			am.SetConfig(t, tt.running)
			am.Reload(t)
			if tt.file == "" {
				tt.file = tt.running
			}
			p := probetest.NewPass(t, probetest.Folder{"alertmanager.yml": tt.file}, deployment.Settings{})
			client, err := httpclient.For(p, "alertmanager", p.Deployment.Alertmanager.HTTP)
			if err != nil {
				t.Fatal(err)
			}
			var f probe.ResultBuilder
			runningAlertmanager{client: client, url: am.URL}.judge(t.Context(), p, rules, &f)
			probetest.Expect(t, f.Result("seen"), tt.state, tt.reason, tt.detail)
		})
	}
}

// TestRunningAlertmanager_OfPrometheus compares the configured Alertmanager with those that Prometheus sends to.
func TestRunningAlertmanager_OfPrometheus(t *testing.T) {
	status := func(started, name string, peers ...string) http.HandlerFunc {
		all := ""
		for _, peer := range peers {
			all += fmt.Sprintf(`,{"name":%q,"address":"10.0.0.1:9094"}`, peer)
		}
		return probetest.Says(200, fmt.Sprintf(`{"uptime":%q,"cluster":{"name":%q,"peers":[%s]}}`, started, name, strings.TrimPrefix(all, ",")))
	}
	own := status("2026-11-01T00:00:00.123Z", "A", "A", "B")
	for name, tt := range map[string]struct {
		configured http.HandlerFunc
		active     []http.HandlerFunc // nil: the configured address
		state      probe.State
		note       string
	}{
		"the same address":    {own, []http.HandlerFunc{nil}, probe.StatePass, ""},
		"another address":     {own, []http.HandlerFunc{own}, probe.StatePass, ""},
		"without a cluster":   {status("2026-11-01T00:00:00.123Z", ""), []http.HandlerFunc{status("2026-11-01T00:00:00.123Z", "")}, probe.StatePass, ""},
		"a peer":              {own, []http.HandlerFunc{status("2026-11-02T00:00:00.123Z", "B", "A", "B")}, probe.StatePass, ""},
		"another":             {own, []http.HandlerFunc{status("2026-11-02T00:00:00.123Z", "C", "C")}, probe.StateWarn, ""},
		"another, no cluster": {status("2026-11-01T00:00:00.123Z", ""), []http.HandlerFunc{status("2026-11-01T00:00:00.124Z", "")}, probe.StateWarn, ""},
		"one of two":          {own, []http.HandlerFunc{status("2026-11-02T00:00:00.123Z", "C", "C"), own}, probe.StatePass, ""},
		"unreachable":         {own, []http.HandlerFunc{probetest.Says(502, "")}, probe.StatePass, "was not checked"},
		"one unreachable":     {own, []http.HandlerFunc{status("2026-11-02T00:00:00.123Z", "C", "C"), probetest.Says(502, "")}, probe.StatePass, "was not checked"},
		"another service":     {own, []http.HandlerFunc{probetest.Says(200, "{}")}, probe.StatePass, "was not checked"},
		"guarded":             {probetest.Says(401, ""), []http.HandlerFunc{own}, probe.StatePass, "was not checked"},
	} {
		t.Run(name, func(t *testing.T) {
			credential := func(h http.HandlerFunc) http.HandlerFunc {
				return func(w http.ResponseWriter, r *http.Request) {
					if r.Header.Get("Authorization") != "" {
						t.Error("the credential is sent to an address that Prometheus reported")
					}
					h(w, r)
				}
			}
			s := probetest.Site(t, map[string]http.HandlerFunc{"/api/v2/status": tt.configured})
			var managers promAlertmanagers
			for _, h := range tt.active {
				url := s.URL
				if h != nil {
					url = probetest.Site(t, map[string]http.HandlerFunc{"/am/api/v2/status": credential(h)}).URL + "/am"
				}
				managers.Active = append(managers.Active, struct {
					URL string `json:"url"`
				}{url + "/api/v2/alerts"})
			}
			settings := deployment.Settings{Alertmanager: deployment.Alertmanager{URL: s.URL, HTTP: deployment.HTTP{BearerTokenFile: "token"}}}
			settings.Root = probetest.Folder{"token": parts.Secret()}.Write(t)
			p := probetest.NewPass(t, nil, settings)
			client, err := httpclient.For(p, "alertmanager", p.Deployment.Alertmanager.HTTP)
			if err != nil {
				t.Fatal(err)
			}
			var f probe.ResultBuilder
			note := runningAlertmanager{client: client, url: s.URL}.judgeReceiver(t.Context(), p, managers, &f)
			reason := probe.ReasonNone
			if tt.state == probe.StateWarn {
				reason = probe.ReasonMismatch
			}
			probetest.Expect(t, f.Result("seen"), tt.state, reason, "")
			if (note != "") != (tt.note != "") || !strings.Contains(note, tt.note) {
				t.Errorf("the note is %q", note)
			}
		})
	}
}
