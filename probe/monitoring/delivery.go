package monitoring

import (
	"context"
	"encoding/json"
	"net/url"
	"slices"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/httpclient"
	"github.com/thenexusengine/catalyst_exporter/probe/promapi"
)

// Do alerts arrive at an Alertmanager? Only alerts that were sent show it: a ready Alertmanager may be another one than
// that of Prometheus. A restart of an Alertmanager loses deliveries for a moment, so that the last minutes decide.

// delivery checks whether alerts arrive, and returns the evidence in words.
func (s *prometheusRules) delivery(ctx context.Context, p *probe.Pass, rules promRules, sends alertRules, managers promAlertmanagers, f *probe.ResultBuilder) (string, error) {
	sent, err := sentAlerts(ctx, p, f)
	if err != nil {
		_, err := promapi.JudgeError(p, "deliveries", err, false)
		return "", err
	}
	judged := false // as it runs
	note := ""
	const ready = "/-/ready of Alertmanager"
	manager := p.Deployment.Alertmanager
	w, err := httpclient.For(p, "alertmanager", manager.HTTP)
	if err != nil {
		return "", err
	}
	at := manager.Address()
	a, err := w.Get(ctx, at.URL+"/-/ready")
	switch {
	case err == nil:
		if err := httpclient.Rejected(ready, a, deployment.AlertmanagerService.Setting("bearer_token_file")+" or username"); err != nil {
			return "", err
		}
		word := strings.ToLower(strings.TrimSpace(string(a.Body)))
		switch answers := a.Status == 200 && a.OffSite == ""; {
		case answers && (word == "ok" || word == "ready"): // of Alertmanager and Mimir; a server that returns a page for every path is another service
			running := runningAlertmanager{client: w, url: at.URL}
			sent = running.holds(ctx, rules) || sent
			running.judge(ctx, p, sends, f)
			judged = true
			if at.Configured {
				note = running.judgeReceiver(ctx, p, managers, f)
			}
		case !at.Configured:
		case answers:
			f.Fail(probe.ReasonMismatch, "%s returned 200 but not an Alertmanager readiness response", ready)
		default:
			f.Fail(probe.ReasonUnhealthy, "%s returned %d", ready, a.Status)
		}
	case at.Configured:
		r, err := httpclient.JudgeError(ready, err, at, deployment.AlertmanagerService.Setting("url"), true)
		if err != nil {
			return "", err
		}
		f.Add(r)
	}
	if !sent {
		f.Warn(probe.ReasonUnpinned, "no alert was seen to arrive at Alertmanager. Load a rule that always fires (vector(1)), "+
			"set deployment.alertmanager.url, and let Prometheus scrape itself")
	}
	if file, _ := declaredAlertmanager(p); sent && !judged && !at.Configured && file == nil {
		f.Warn(probe.ReasonUnpinned, "alerts arrive at an Alertmanager whose routes were not checked. Set deployment.alertmanager.url or "+
			"deployment.alertmanager.config")
	}
	return "Alertmanager takes alerts" + note, nil
}

// deliveries are the counters of one Alertmanager in Prometheus, in the last minutes and before.
type deliveries struct{ sent, batches, errors, before float64 }

// sentAlerts judges the delivery metrics of Prometheus and reports whether an Alertmanager took alerts.
func sentAlerts(ctx context.Context, p *probe.Pass, f *probe.ResultBuilder) (bool, error) {
	const query = `label_replace(sum by (alertmanager) (increase(prometheus_notifications_sent_total[3m])), "part", "sent", "", "")` +
		` or label_replace(sum by (alertmanager) (increase(prometheus_notifications_latency_seconds_count[3m])), "part", "batches", "", "")` +
		` or label_replace(sum by (alertmanager) (increase(prometheus_notifications_errors_total[3m])), "part", "errors", "", "")` +
		` or label_replace(sum by (alertmanager) (increase(prometheus_notifications_errors_total[10m])), "part", "before", "", "")`
	all, err := promapi.Query(ctx, p, query, p.Time)
	if err != nil {
		return false, err
	}
	managers := map[string]*deliveries{}
	for _, v := range promapi.Real(all) {
		name := v.Metric["alertmanager"]
		if managers[name] == nil {
			managers[name] = &deliveries{}
		}
		d := managers[name]
		switch v.Metric["part"] {
		case "sent":
			d.sent = v.Number
		case "batches":
			d.batches = v.Number
		case "errors":
			d.errors = v.Number
		case "before":
			d.before = v.Number
		}
	}
	return judgeDeliveries(managers, f), nil
}

// judgeDeliveries fails when no Alertmanager takes alerts, and warns when some do not. Errors are counted in batches by
// older versions of Prometheus, and in alerts by later ones.
func judgeDeliveries(managers map[string]*deliveries, f *probe.ResultBuilder) (taken bool) {
	var refusing, recovered []string
	for name, d := range managers {
		switch host := hostOf(name); {
		case d.errors > 0 && (d.errors >= 0.99*d.batches || d.errors >= 0.99*d.sent):
			refusing = append(refusing, host)
		case d.before > 0:
			recovered = append(recovered, host)
			taken = taken || d.sent > 0
		case d.sent > 0:
			taken = true
		}
	}
	slices.Sort(refusing)
	slices.Sort(recovered)
	switch {
	case len(refusing) > 0 && !taken:
		f.Fail(probe.ReasonUnhealthy, "no Alertmanager took an alert of Prometheus in the last 3 minutes: %s", strings.Join(refusing, ", "))
	case len(refusing) > 0:
		f.Warn(probe.ReasonUnhealthy, "an Alertmanager takes no alerts of Prometheus, others do: %s", strings.Join(refusing, ", "))
	case len(recovered) > 0:
		f.Warn(probe.ReasonUnhealthy, "an Alertmanager rejected alerts of Prometheus within the last 10 minutes: %s", strings.Join(recovered, ", "))
	}
	return taken
}

// hostOf returns the host and port of an address.
func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return "one without a known address"
	}
	return u.Host
}

// runningAlertmanager is an Alertmanager that responds.
type runningAlertmanager struct {
	client *httpclient.Client
	url    string
}

// get reads a resource of its API; ok is false when it cannot be read.
func (r runningAlertmanager) get(ctx context.Context, path string, into any) (ok bool) {
	a, err := r.client.Get(ctx, r.url+path)
	return err == nil && a.Status == 200 && a.OffSite == "" && json.Unmarshal(a.Body, into) == nil
}

// holds reports whether it has an alert of a rule that Prometheus has loaded.
func (r runningAlertmanager) holds(ctx context.Context, rules promRules) bool {
	alerts, _ := r.alerts(ctx)
	return slices.ContainsFunc(alerts, func(alert amAlert) bool {
		return rules.hasAlert(func(name string, _ map[string]string) bool { return name == alert.Labels["alertname"] })
	})
}

// amAlert is an alert that Alertmanager holds.
type amAlert struct {
	Labels map[string]string `json:"labels"`
	Status struct {
		SilencedBy []string `json:"silencedBy"`
	} `json:"status"`
}

// alerts returns the alerts that it holds; ok is false when they cannot be read.
func (r runningAlertmanager) alerts(ctx context.Context) (all []amAlert, ok bool) {
	ok = r.get(ctx, "/api/v2/alerts", &all)
	return all, ok
}
