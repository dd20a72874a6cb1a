package monitoring

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/parts"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/httpclient"
)

func promAt(url, job string) deployment.Settings {
	return deployment.Settings{Prometheus: deployment.Prometheus{URL: url, Job: job, HTTP: deployment.HTTP{Timeout: probetest.Patience(probe.ReasonNone)}}}
}

// TestPrometheus asks the real one.
func TestPrometheus(t *testing.T) {
	app := probetest.Site(t, map[string]http.HandlerFunc{"/metrics": func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprint(w, "# TYPE pbs_requests_total counter\npbs_requests_total 0\n# TYPE pbs_latency_seconds histogram\npbs_latency_seconds_bucket{le=\"0.1\"} 90\npbs_latency_seconds_bucket{le=\"0.5\"} 100\npbs_latency_seconds_bucket{le=\"+Inf\"} 100\npbs_latency_seconds_sum 5\npbs_latency_seconds_count 100\n")
	}})
	address := strings.TrimPrefix(app.URL, "http://")
	dead := parts.Refusing(t)
	config := fmt.Sprintf(`
global: {scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}
rule_files: [rules/*.yml]
scrape_configs:
- {job_name: catalyst, static_configs: [{targets: ['%s']}]}
- {job_name: half, static_configs: [{targets: ['%s', '%s']}]}
`, address, address, dead)
	rules := map[string]string{"rules.yml": `
groups:
- name: team
  rules:
  - {alert: Traffic, expr: 'sum by (job) (rate(pbs_requests_total{job="catalyst"}[5m])) > 1e9'}
  - {alert: Renamed, expr: 'rate(pbs_request_total[5m]) > 100'}
  - {alert: Gone, expr: 'absent(pbs_heartbeat)'}
`}
	server := parts.Prometheus(t, config, rules)
	passes := map[string]*probe.Pass{}
	for _, job := range []string{"catalyst", "half", "other"} {
		passes[job] = probetest.NewPass(t, nil, promAt(server.URL, job))
	}
	pass := func(job string) *probe.Pass { return probetest.Again(passes[job]) }
	parts.Eventually(t, func() error {
		if r := probetest.Look(t, pass("catalyst"), PrometheusJobKind(), "{}"); r.State != probe.StatePass {
			return fmt.Errorf("%+v", r)
		}
		if r := probetest.Look(t, pass("half"), PrometheusJobKind(), "{}"); r.Reason != probe.ReasonUnhealthy || !strings.Contains(r.Detail, "1 of 2") {
			return fmt.Errorf("%+v", r)
		}
		return nil
	})
	probetest.Expect(t, probetest.Look(t, pass("other"), PrometheusJobKind(), "{}"), probe.StateFail, probe.ReasonMissing, `no scrape job "other"; its jobs are catalyst, half`)

	r := probetest.Look(t, pass("catalyst"), PrometheusRulesKind(), "{}")
	probetest.Expect(t, r, probe.StateFail, probe.ReasonMissing, "no active Alertmanager")
	if !strings.Contains(r.Detail, "can never fire: Renamed") || strings.Contains(r.Detail, "Traffic") || strings.Contains(r.Detail, "Gone") {
		t.Errorf("dead rules: %s", r.Detail)
	}
	if n, _ := probetest.Measured(r, DeadRules); n != 1 {
		t.Errorf("measured %v", n)
	}
	hooks := probetest.Site(t, map[string]http.HandlerFunc{"/": probetest.Says(200, "")}).URL + "/"
	routes := "route: {receiver: pager, routes: [{matchers: ['team=\"x\"'], receiver: pager, mute_time_intervals: [night]}]}\nreceivers: [{name: pager, webhook_configs: [{url: '" + hooks + "'}]}]\n" +
		"time_intervals: [{name: night, time_intervals: [{weekdays: ['monday:friday'], times: [{start_time: '00:00', end_time: '06:00'}]}]}]\n"
	am := parts.Alertmanager(t, routes)
	managed := func(file string) *probe.Pass {
		settings := promAt(server.URL, "catalyst")
		settings.Alertmanager.URL = am.URL
		return probetest.NewPass(t, probetest.Folder{"alertmanager.yml": file}, settings)
	}
	passes["catalyst"] = managed(routes)
	server.SetConfig(t, config+"alerting: {alertmanagers: [{static_configs: [{targets: ['"+strings.TrimPrefix(am.URL, "http://")+"']}]}]}\n")
	server.Reload(t)
	const ignoring = "{ignore: [Renamed]}"
	expect := func(p *probe.Pass, spec string, state probe.State, reason probe.Reason, detail string) {
		t.Helper()
		parts.Eventually(t, func() error {
			if r := probetest.Look(t, probetest.Again(p), PrometheusRulesKind(), spec); r.State != state || r.Reason != reason || !strings.Contains(r.Detail, detail) {
				return fmt.Errorf("%+v", r)
			}
			return nil
		})
	}
	expect(passes["catalyst"], "{}", probe.StateWarn, probe.ReasonDeadRule, "can never fire: Renamed")
	expect(passes["catalyst"], ignoring, probe.StatePass, "", "3 alert rules, none in error, and Alertmanager takes alerts") // Gone fires
	expect(managed(strings.Replace(routes, hooks, "http://other.corp.net/", 1)), ignoring, probe.StatePass, "", "")
	expect(managed(strings.Replace(routes, "team=", "squad=", 1)), ignoring, probe.StateWarn, probe.ReasonDrift, "has other routes than alertmanager.yml")
	expect(managed(strings.Replace(routes, "webhook_configs: [{url: '"+hooks+"'}]", "email_configs: []", 1)), ignoring, probe.StateWarn, probe.ReasonDrift, "receivers")
	expect(managed(strings.Replace(routes, "06:00", "07:00", 1)), ignoring, probe.StateWarn, probe.ReasonDrift, "time intervals")

	silence := fmt.Sprintf(`{"matchers":[{"name":"severity","value":"crit.*","isRegex":true}],"startsAt":%q,"endsAt":%q,"createdBy":"a","comment":"b"}`,
		time.Now().Format(time.RFC3339), time.Now().Add(time.Hour).Format(time.RFC3339))
	resp, err := http.Post(am.URL+"/api/v2/silences", "application/json", strings.NewReader(silence))
	if err != nil || resp.StatusCode != 200 {
		t.Fatal(resp, err)
	}
	_ = resp.Body.Close()
	expect(passes["catalyst"], ignoring, probe.StateWarn, probe.ReasonDisabled, "a silence is active for alerts of severity critical")

	am.SetConfig(t, "route: {receiver: none}\nreceivers: [{name: none}]\n")
	am.Reload(t)
	expect(passes["catalyst"], ignoring, probe.StateFail, probe.ReasonEmpty, "running Alertmanager: the root route ends at a receiver without integrations")
	am.Stop() // Prometheus goes on calling it active
	probetest.Expect(t, probetest.Look(t, pass("catalyst"), PrometheusRulesKind(), ignoring), probe.StateFail, probe.ReasonUnreachable, "Alertmanager")

	server.Stop()
	probetest.Expect(t, probetest.Look(t, pass("catalyst"), PrometheusJobKind(), "{}"), probe.StateFail, probe.ReasonUnreachable, "")
	probetest.Expect(t, probetest.Look(t, pass("catalyst"), PrometheusRulesKind(), "{}"), probe.StateUnknown, probe.ReasonUnreachable, "")
}

// TestAlertsAreTaken judges what is seen of the way from Prometheus to an Alertmanager, which Prometheus itself calls active in every case.
func TestAlertsAreTaken(t *testing.T) {
	// counts are the delivery metrics of one Alertmanager: alerts sent, batches and errors in 3 minutes, errors in 10.
	counts := func(name string, numbers ...int) string {
		var all []string
		for i, part := range []string{"sent", "batches", "errors", "before"} {
			all = append(all, fmt.Sprintf(`{"metric":{"part":%q,"alertmanager":"http://%s:9093/api/v2/alerts"},"value":[1,"%d"]}`, part, name, numbers[i]))
		}
		return strings.Join(all, ",")
	}
	well, lost := counts("one", 30, 3, 0, 0), counts("one", 30, 3, 3, 9)
	const nothing, held, foreign = `[]`, `[{"labels":{"alertname":"A"}}]`, `[{"labels":{"alertname":"Theirs"}}]`
	for _, tt := range []struct {
		name        string
		deliveries  string
		ready       int // what Alertmanager answers; 0: it is not configured
		alerts      string
		rules, word string
		state       probe.State
		reason      probe.Reason
		detail      string
	}{
		{"ready, alerts were sent", well, 200, "[]", "", "", probe.StatePass, "", "Alertmanager takes alerts"},
		{"ready, it holds an alert", "", 200, held, "", "", probe.StatePass, "", "Alertmanager takes alerts"},
		{"ready, it holds another's alert", "", 200, foreign, "", "", probe.StateWarn, probe.ReasonUnpinned, "no alert was seen to arrive"},
		{"ready, nothing was sent", counts("one", 0, 0, 0, 0), 200, "[]", "", "", probe.StateWarn, probe.ReasonUnpinned, "no alert was seen to arrive"},
		{"ready, nothing is known", "", 200, "[]", "", "", probe.StateWarn, probe.ReasonUnpinned, "no alert was seen to arrive"},
		{"ready in Mimir's word", well, 200, "", "", "ready\n", probe.StatePass, "", "Alertmanager takes alerts"},
		{"a page for every path", well, 200, "", "", "<html>Welcome</html>", probe.StateFail, probe.ReasonMismatch, "not an Alertmanager readiness response"},
		{"nothing in it", well, 200, "", "", " ", probe.StateFail, probe.ReasonMismatch, "not an Alertmanager readiness response"},
		{"not ready", well, 503, "", "", "", probe.StateFail, probe.ReasonUnhealthy, "/-/ready of Alertmanager returned 503"},
		{"elsewhere", well, 302, "", "", "", probe.StateFail, probe.ReasonUnhealthy, "returned 302"},
		{"guarded", well, 401, "", "", "", probe.StateUnknown, probe.ReasonPermissionDenied, "401"},
		{"guarded, and no rule at all", well, 401, "", `{"groups":[]}`, "", probe.StateFail, probe.ReasonEmpty, "no alert rule"},
		{"ready, but none takes alerts", lost, 200, "[]", "", "", probe.StateFail, probe.ReasonUnhealthy, "no Alertmanager took an alert"},
		{"ready, but one of several takes none", lost + "," + counts("two", 30, 3, 0, 0), 200, "[]", "", "", probe.StateWarn, probe.ReasonUnhealthy, "others do: one:9093"},
		{"restarted a moment ago", counts("one", 30, 3, 0, 2), 200, "[]", "", "", probe.StateWarn, probe.ReasonUnhealthy, "rejected alerts of Prometheus within"},
		{"errors counted in alerts", counts("one", 30, 3, 30, 90), 200, "[]", "", "", probe.StateFail, probe.ReasonUnhealthy, "no Alertmanager took"},
		{"deliveries alone", well, 0, "", "", "", probe.StateWarn, probe.ReasonUnpinned, "routes were not checked"},
		{"deliveries, and a file", well, 0, "file", "", "", probe.StatePass, "", "Alertmanager takes alerts"},
		{"deliveries alone, lost", lost, 0, "", "", "", probe.StateFail, probe.ReasonUnhealthy, "no Alertmanager took an alert"},
		{"nothing seen", "", 0, "", "", "", probe.StateWarn, probe.ReasonUnpinned, "set deployment.alertmanager.url"},
		{"never evaluated", well, 200, "[]", `{"groups":[{"name":"g","interval":60,"lastEvaluation":"0001-01-01T00:00:00Z","rules":[{"type":"alerting","name":"A","query":"up"}]}]}`, "", probe.StateWarn, probe.ReasonStale, "never evaluated: g"},
		{"not evaluated yet", well, 200, "[]", `{"groups":[{"name":"g","interval":86400,"lastEvaluation":"0001-01-01T00:00:00Z","rules":[{"type":"alerting","name":"A","query":"up"}]}]}`, "", probe.StatePending, probe.ReasonInProgress, "since they were loaded: g"},
		{"evaluated", well, 200, "[]", `{"groups":[{"name":"g","interval":60,"lastEvaluation":"2026-01-01T00:00:00Z","rules":[{"type":"alerting","name":"A","query":"up"}]}]}`, "", probe.StatePass, "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			success := func(data string) http.HandlerFunc { return probetest.Says(200, `{"status":"success","data":`+data+`}`) }
			rules := cmp.Or(tt.rules, `{"groups":[{"name":"g","rules":[{"type":"alerting","name":"A","query":"up"},{"type":"alerting","name":"Ours","query":"catalyst_waiver_unused == 1"}]}]}`)
			s := probetest.Site(t, map[string]http.HandlerFunc{
				"/api/v1/rules": success(rules), "/api/v1/alertmanagers": success(`{"activeAlertmanagers":[{"url":"http://alertmanager.invalid/"}]}`),
				"/api/v1/series": func(w http.ResponseWriter, r *http.Request) {
					if !strings.Contains(r.URL.Query().Get("match[]"), "up") {
						success(nothing)(w, r)
						return
					}
					success(`[{"job":"x"}]`)(w, r)
				},
				"/api/v1/query":              success(`{"resultType":"vector","result":[` + tt.deliveries + `]}`),
				"/api/v1/status/runtimeinfo": success(fmt.Sprintf(`{"startTime":"2026-01-01T00:00:00Z","lastConfigTime":%q}`, time.Now().Add(-time.Hour).Format(time.RFC3339))),
				"/am/api/v2/alerts":          probetest.Says(200, tt.alerts),
				"/am/api/v2/status":          probetest.Says(200, `{"config":{"original":"route: {receiver: a}\nreceivers: [{name: a, webhook_configs: [{url: <secret>}]}]\n"}}`),
				"/am/api/v2/silences":        probetest.Says(200, "[]"),
				"/am/-/ready":                probetest.Says(tt.ready, cmp.Or(tt.word, "OK")),
			})
			settings := promAt(s.URL, "catalyst")
			if tt.ready != 0 {
				settings.Alertmanager.URL = s.URL + "/am"
			}
			files := probetest.Folder{}
			if tt.alerts == "file" {
				files["alertmanager.yml"] = "route: {receiver: a}\nreceivers: [{name: a, webhook_configs: [{url: 'http://pager.corp.net/'}]}]\n"
			}
			p := probetest.NewPass(t, files, settings)
			dial := p.Dial
			p.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
				if strings.HasSuffix(address, ":9093") {
					return nil, &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED} // whatever else runs on this machine
				}
				return dial(ctx, network, address)
			}
			probetest.Expect(t, probetest.Look(t, p, PrometheusRulesKind(), "{}"), tt.state, tt.reason, tt.detail)
		})
	}
}

// TestRunningAlertmanager_Unreadable: what an Alertmanager does not show was not checked, and the verdict says so.
func TestRunningAlertmanager_Unreadable(t *testing.T) {
	sound := `{"config":{"original":"route: {receiver: a}\nreceivers: [{name: a, webhook_configs: [{url: <secret>}]}]\n"}}`
	for name, tt := range map[string]struct {
		status, silences http.HandlerFunc
		detail           string // "" for a sound one
	}{
		"sound":            {probetest.Says(200, sound), probetest.Says(200, "[]"), ""},
		"no status":        {probetest.Says(404, ""), probetest.Says(200, "[]"), "routes and silences were not checked"},
		"guarded status":   {probetest.Says(401, ""), probetest.Says(200, "[]"), "routes and silences were not checked"},
		"a page":           {probetest.Says(200, "<html>"), probetest.Says(200, "[]"), "routes and silences were not checked"},
		"no configuration": {probetest.Says(200, `{"config":{}}`), probetest.Says(200, "[]"), "routes and silences were not checked"},
		"no route":         {probetest.Says(200, `{"config":{"original":"receivers: []\n"}}`), probetest.Says(200, "[]"), "routes and silences were not checked"},
		"no silences":      {probetest.Says(200, sound), probetest.Says(500, ""), "silences were not checked"},
	} {
		t.Run(name, func(t *testing.T) {
			s := probetest.Site(t, map[string]http.HandlerFunc{"/api/v2/status": tt.status, "/api/v2/silences": tt.silences})
			p := probetest.NewPass(t, nil, deployment.Settings{})
			var f probe.ResultBuilder
			client, err := httpclient.For(p, "alertmanager", p.Deployment.Alertmanager.HTTP)
			if err != nil {
				t.Fatal(err)
			}
			runningAlertmanager{client: client, url: s.URL}.judge(t.Context(), p, alertRules{}, &f)
			state, reason := probe.StatePass, probe.ReasonNone
			if tt.detail != "" {
				state, reason = probe.StateWarn, probe.ReasonWeak
			}
			probetest.Expect(t, f.Result("seen"), state, reason, tt.detail)
		})
	}
}

// TestPrometheusIsSomethingElse puts other services in its place.
func TestPrometheusIsSomethingElse(t *testing.T) {
	for name, body := range map[string]string{"HTML": "<html>", "empty": "", "other JSON": "{}", "null data": `{"status":"success","data":null}`, "odd data": `{"status":"success","data":7}`} {
		t.Run(name, func(t *testing.T) {
			s := probetest.Site(t, map[string]http.HandlerFunc{"/-/healthy": probetest.Says(200, ""), "/-/ready": probetest.Says(200, ""), "/api/v1/targets": probetest.Says(200, body), "/api/v1/rules": probetest.Says(200, body),
				"/api/v1/alertmanagers": probetest.Says(200, body), "/api/v1/query": probetest.Says(200, body)})
			for kind, spec := range map[string]string{"prometheus_job": "{}", "prometheus_rules": "{}"} {
				if r := probetest.Look(t, probetest.NewPass(t, nil, promAt(s.URL, "catalyst")), prometheusKindNamed(kind), spec); r.State == probe.StatePass || r.State == probe.StateWarn {
					t.Errorf("%s passes: %+v", kind, r)
				}
			}
		})
	}
}

func TestSelectors(t *testing.T) {
	for expr, want := range map[string][]string{
		`up == 0`: {"up"},
		`sum by (job, instance) (rate(http_requests_total{job="x",path=~"a}b"}[5m])) / on (job) group_left(team) info > 0.5`: {`http_requests_total{job="x",path=~"a}b"}`, "info"},
		`absent(up{job="x"}) or up{job="y"} offset 5m`:                                 {`up{job="y"}`},
		`histogram_quantile(0.95, sum(rate(x_bucket[5m])) by (le)) > 1e3 # comment up`: {"x_bucket"},
		`{__name__="a:b"} and on() vector(1)`:                                          {`{__name__="a:b"}`},
		`label_replace(a, "b", "$1", "c", "(.*)") unless ignoring (x) d`:               {"a"},
		`(a unless b) and c`:                         {"a", "c"},
		`a unless (b and c or d) or e`:               {"a", "e"},
		`a unless sum by (x) (b) > 3 and f`:          {"a", "f"},
		`count(up) by (job) > bool 2 and hour() > 7`: {"up"},
		`"unclosed`: nil,
		`{unclosed`: {`{unclosed`},
	} {
		if got := selectors(expr); !slices.Equal(got, want) {
			t.Errorf("selectors(%s) = %q, want %q", expr, got, want)
		}
	}
}

func FuzzSelectors(f *testing.F) {
	f.Add(`sum by (a) (rate(b{c="d"}[5m])) # e`)
	f.Add(`{"`)
	f.Fuzz(func(t *testing.T, expr string) { selectors(expr) })
}

// prometheusKindNamed is the kind of that name among those that these tests run.
func prometheusKindNamed(name string) probe.Kind {
	return map[string]probe.Kind{
		"prometheus_job":   PrometheusJobKind(),
		"prometheus_rules": PrometheusRulesKind(),
	}[name]
}
