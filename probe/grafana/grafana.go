// Package grafana checks Grafana and its log store Loki.
package grafana

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/fault"
	"github.com/thenexusengine/catalyst_exporter/probe/httpclient"
	"github.com/thenexusengine/catalyst_exporter/probe/phrase"
)

// grafana: is Grafana healthy, and does it have the expected dashboards and datasources?
//
// Without a token only its health is checked, and the detail says so.

func HealthKind() probe.Kind {
	return probe.Kind{
		Name:     "grafana",
		Services: []deployment.Service{deployment.GrafanaService},
		Question: "Is Grafana healthy, with healthy datasources and the expected dashboards?",
		Example:  "{}",
		Layer:    probe.LayerLive,
		Reads:    "GET on Grafana (deployment.grafana): health; with a token (datasources:read, datasources:query, dashboards:read) datasources and dashboards",
		MaxAge:   30 * time.Second,
		Timeout:  15 * time.Second,
		Alone:    true,
		New:      func() any { return &grafana{} },
	}
}

type grafana struct{}

func (s *grafana) Probe(ctx context.Context, p *probe.Pass) (probe.Result, error) {
	set := p.Deployment.Grafana
	call := set.HTTP
	if set.TokenFile != "" {
		call.BearerTokenFile = set.TokenFile
	}
	w, err := httpclient.For(p, "grafana", call)
	if err != nil {
		return probe.Result{}, err
	}
	at := set.Address()
	a, err := w.Get(ctx, at.URL+"/api/health")
	if err != nil {
		return httpclient.JudgeError("/api/health of Grafana", err, at, deployment.GrafanaService.Setting("url"), true)
	}
	if err := httpclient.Rejected("/api/health of Grafana", a, deployment.GrafanaService.Setting("token_file")+" or username"); err != nil {
		return probe.Result{}, err
	}
	if r := judgeGrafanaHealth(a); r.State != probe.StatePass || call.BearerTokenFile == "" && call.Username == "" {
		if r.State == probe.StatePass && len(set.Dashboards) > 0 {
			return probe.Result{}, probe.Needs(deployment.GrafanaService.Setting("token_file"), probe.Unknownf(probe.ReasonPermissionDenied,
				"Grafana is healthy, but the expected dashboards cannot be checked without a token"))
		}
		return r, nil
	}
	g := grafanaAsk{w, at.URL}
	var f probe.ResultBuilder
	unchecked, err := g.datasources(ctx, &f)
	if err != nil {
		return httpclient.JudgeError("datasources of Grafana", err, at, deployment.GrafanaService.Setting("token_file"), false)
	}
	if err := g.dashboards(ctx, set.Dashboards, &f); err != nil {
		return httpclient.JudgeError("dashboards of Grafana", err, at, deployment.GrafanaService.Setting("token_file"), false)
	}
	return f.Result("Grafana and its datasources are healthy, and the expected dashboards exist%s", unchecked), nil
}

func judgeGrafanaHealth(a httpclient.Response) probe.Result {
	var health struct {
		Database string `json:"database"`
	}
	switch err := json.Unmarshal(a.Body, &health); {
	case a.OffSite != "" || err != nil && a.Status == 200 || health.Database == "" && a.Status == 200:
		return probe.Failed(probe.ReasonInvalid, "/api/health did not return a Grafana health status")
	case health.Database != "" && health.Database != "ok":
		return probe.Failed(probe.ReasonUnhealthy, "Grafana reports that its database is %s", phrase.Known(health.Database, "failing"))
	case a.Status != 200:
		return probe.Failed(probe.ReasonUnhealthy, "/api/health of Grafana returned %d", a.Status)
	}
	return probe.Passed("Grafana is healthy; its dashboards are not checked without deployment.grafana.token_file")
}

// "deployment.grafana.token_file of a service account with datasources:read, datasources:query and dashboards:read" is the remedy for missing access to datasources and dashboards.

type grafanaAsk struct {
	w   *httpclient.Client
	url string
}

// json fetches a list or an object; a status other than 200 is an error.
func (g grafanaAsk) json(ctx context.Context, path string, into any) error {
	a, err := g.w.Get(ctx, g.url+path)
	switch {
	case err != nil:
		return err
	case httpclient.Rejected("Grafana", a, "deployment.grafana.token_file of a service account with datasources:read, datasources:query and dashboards:read") != nil:
		return httpclient.Rejected("Grafana", a, "deployment.grafana.token_file of a service account with datasources:read, datasources:query and dashboards:read")
	case a.Status != 200:
		return probe.Unknownf(probe.ReasonUnhealthy, "Grafana returned %d", a.Status)
	}
	if err := json.Unmarshal(a.Body, into); err != nil {
		return fault.ErrNotHTTP
	}
	return nil
}

// maxDatasources bounds the datasource health checks per run.
const maxDatasources = 20

// datasources checks the health of datasources, and returns what was not checked, for the detail.
func (g grafanaAsk) datasources(ctx context.Context, f *probe.ResultBuilder) (unchecked string, err error) {
	var all []struct{ UID, Name, Type string }
	if err := g.json(ctx, "/api/datasources", &all); err != nil {
		return "", err
	}
	silent := 0
	if len(all) == 0 {
		f.Fail(probe.ReasonMissing, "Grafana has no datasource")
	}
	for _, d := range all[:min(len(all), maxDatasources)] {
		a, err := g.w.Get(ctx, g.url+"/api/datasources/uid/"+url.PathEscape(d.UID)+"/health")
		var health struct {
			Status string `json:"status"`
		}
		switch {
		case err != nil:
			return "", err
		case httpclient.Rejected("Grafana", a, "deployment.grafana.token_file of a service account with datasources:read, datasources:query and dashboards:read") != nil:
			return "", fmt.Errorf("health of datasource %q: %w", d.Name, httpclient.Rejected("Grafana", a, "deployment.grafana.token_file of a service account with datasources:read, datasources:query and dashboards:read"))
		case a.Status == 404 || a.Status == 501: // the plugin has no health check
			silent++
		case json.Unmarshal(a.Body, &health) != nil || a.Status != 200 || !strings.EqualFold(health.Status, "ok"):
			f.Fail(probe.ReasonUnhealthy, "datasource %q is not healthy", d.Name)
		}
	}
	if silent > 0 {
		unchecked = fmt.Sprintf("; %s without a health check", phrase.Count(silent, "datasource"))
	}
	if rest := len(all) - maxDatasources; rest > 0 {
		unchecked += fmt.Sprintf("; %d of %d datasources were not checked", rest, len(all))
	}
	return unchecked, nil
}

// dashboards checks that every expected dashboard exists, by UID or title.
func (g grafanaAsk) dashboards(ctx context.Context, wanted []string, f *probe.ResultBuilder) error {
	var all []struct{ UID, Title string }
	if err := g.json(ctx, "/api/search?type=dash-db&limit=5000", &all); err != nil {
		return err
	}
	if len(all) == 0 {
		f.Fail(probe.ReasonMissing, "Grafana has no dashboard")
		return nil
	}
	for _, w := range wanted {
		if !slices.ContainsFunc(all, func(d struct{ UID, Title string }) bool { return d.UID == w || d.Title == w }) {
			f.Fail(probe.ReasonMissing, "Grafana has no dashboard %q", w)
		}
	}
	return nil
}
