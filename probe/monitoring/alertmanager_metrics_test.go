package monitoring

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/parts"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/httpclient"
)

// runningAt judges a running Alertmanager.
func runningAt(t *testing.T, url string, rules alertRules) probe.Result {
	t.Helper()
	p := probetest.NewPass(t, nil, deployment.Settings{})
	client, err := httpclient.For(p, "alertmanager", p.Deployment.Alertmanager.HTTP)
	if err != nil {
		t.Fatal(err)
	}
	var f probe.ResultBuilder
	runningAlertmanager{client: client, url: url}.judge(t.Context(), p, rules, &f)
	return f.Result("seen")
}

// sendJSON posts to a server and returns its response.
func sendJSON(t *testing.T, url, body string) (got map[string]any) {
	t.Helper()
	r, err := http.Post(url, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Body.Close() }()
	if r.StatusCode != 200 {
		t.Fatalf("%s returned %d", url, r.StatusCode)
	}
	_ = json.NewDecoder(r.Body).Decode(&got)
	return got
}

// TestRunningAlertmanager_Notifications sends alerts through a real Alertmanager to webhooks.
func TestRunningAlertmanager_Notifications(t *testing.T) {
	hooks := probetest.Site(t, map[string]http.HandlerFunc{"/good": probetest.Says(200, ""), "/gone": probetest.Says(404, "")})
	for name, tt := range map[string]struct {
		paths  []string
		detail string // "": every notification arrived
	}{
		"arrives":           {[]string{"/good"}, ""},
		"all rejected":      {[]string{"/gone"}, "every notification by webhook failed"},
		"some are accepted": {[]string{"/good", "/gone"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := "route: {receiver: team, group_wait: 0s}\nreceivers:\n- name: team\n  webhook_configs:\n"
			for _, path := range tt.paths {
				config += "  - {url: '" + hooks.URL + path + "'}\n"
			}
			am := parts.Alertmanager(t, config)
			probetest.Expect(t, runningAt(t, am.URL, alertRules{}), probe.StatePass, "", "")
			sendJSON(t, am.URL+"/api/v2/alerts", `[{"labels":{"alertname":"A","severity":"critical"}}]`)
			parts.Eventually(t, func() error { // all webhooks were called
				_, metrics, err := parts.Get(am.URL+"/metrics", nil)
				if want := fmt.Sprintf("alertmanager_notifications_total{integration=\"webhook\"} %d\n", len(tt.paths)); err == nil && !strings.Contains(string(metrics), want) {
					err = fmt.Errorf("no %s", want)
				}
				return err
			})
			if tt.detail == "" {
				probetest.Expect(t, runningAt(t, am.URL, alertRules{}), probe.StatePass, "", "")
				return
			}
			parts.Eventually(t, func() error {
				if r := runningAt(t, am.URL, alertRules{}); r.State != probe.StateWarn || r.Reason != probe.ReasonUnhealthy || !strings.Contains(r.Detail, tt.detail) {
					return fmt.Errorf("%+v", r)
				}
				return nil
			})
		})
	}
}

// TestRunningAlertmanager_ReloadFailed lets a real Alertmanager reject its file.
func TestRunningAlertmanager_ReloadFailed(t *testing.T) {
	const sound = "route: {receiver: team}\nreceivers: [{name: team, webhook_configs: [{url: 'http://pager.corp.net/'}]}]\n"
	am := parts.Alertmanager(t, sound)
	reload := func() {
		r, err := http.Post(am.URL+"/-/reload", "", nil)
		if err != nil {
			t.Fatal(err)
		}
		_ = r.Body.Close()
	}
	am.SetConfig(t, strings.Replace(sound, "receiver: team", "receiver: absent", 1))
	reload()
	probetest.Expect(t, runningAt(t, am.URL, alertRules{}), probe.StateWarn, probe.ReasonDrift, "the last reload of the running Alertmanager failed")
	am.SetConfig(t, sound)
	reload()
	probetest.Expect(t, runningAt(t, am.URL, alertRules{}), probe.StatePass, "", "")
}

// TestRunningAlertmanager_Silences adds silences to a real Alertmanager, one at a time.
func TestRunningAlertmanager_Silences(t *testing.T) {
	am := parts.Alertmanager(t, "route: {receiver: team}\nreceivers: [{name: team, webhook_configs: [{url: 'http://pager.corp.net/'}]}]\n")
	rules := alertRules{job: "catalyst", external: map[string]string{"cluster": "blue"}, alerts: []map[string]string{
		{"alertname": "CatalystDown", "severity": "critical"}, {"alertname": "CatalystSlow", "severity": "warning"}}}
	sendJSON(t, am.URL+"/api/v2/alerts", `[{"labels":{"alertname":"CatalystDown","severity":"critical","shard":"7","cluster":"blue"}},{"labels":{"alertname":"CatalystSlow","severity":"warning","shard":"7","cluster":"blue"}}]`)
	for name, tt := range map[string]struct{ matchers, detail string }{
		"everything":         {`alertname=~.+`, "alerts of severity critical"},
		"of the application": {`job=catalyst`, "alerts of severity critical"},
		"of any instance":    {`instance=~.+`, "alerts of severity critical"},
		"of the cluster":     {`cluster=blue`, "alerts of severity critical"},
		"one rule of it":     {`job=catalyst alertname=CatalystDown`, "CatalystDown"},
		"of a firing alert":  {`shard=7`, "CatalystDown"},
		"of another job":     {`job=node`, ""},
		"of one instance":    {`instance=10.0.0.5:9100`, ""},
		"of other clusters":  {`cluster!=blue`, ""},
		"of a ticket":        {`alertname=CatalystSlow shard=7`, ""},
		"of all but some":    {`job=catalyst instance!~10.*`, ""}, // of which instances is not known
	} {
		t.Run(name, func(t *testing.T) {
			var matchers []string
			for _, m := range strings.Fields(tt.matchers) {
				at := strings.IndexAny(m, "=!")
				value := strings.TrimLeft(m[at:], "=!~")
				operator := strings.TrimSuffix(m[at:], value)
				matchers = append(matchers, fmt.Sprintf(`{"name":%q,"value":%q,"isRegex":%v,"isEqual":%v}`, m[:at], value, strings.Contains(operator, "~"), !strings.Contains(operator, "!")))
			}
			silence := sendJSON(t, am.URL+"/api/v2/silences", fmt.Sprintf(`{"matchers":[%s],"startsAt":%q,"endsAt":%q,"createdBy":"a","comment":"b"}`,
				strings.Join(matchers, ","), time.Now().Format(time.RFC3339), time.Now().Add(time.Hour).Format(time.RFC3339)))
			want, reason := probe.StatePass, probe.ReasonNone
			if tt.detail != "" {
				want, reason = probe.StateWarn, probe.ReasonDisabled
			}
			probetest.Expect(t, runningAt(t, am.URL, rules), want, reason, tt.detail)
			request, err := http.NewRequest(http.MethodDelete, fmt.Sprintf("%s/api/v2/silence/%s", am.URL, silence["silenceID"]), nil)
			if err != nil {
				t.Fatal(err)
			}
			r, err := http.DefaultClient.Do(request)
			if err != nil || r.StatusCode != 200 {
				t.Fatal(r, err)
			}
			_ = r.Body.Close()
		})
	}
}
