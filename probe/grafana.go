package probe

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
)

// grafana: is Grafana well, and does it have the dashboards and datasources that are wanted?
//
// Without a token only its health can be seen, and that is said.

func grafanaKind() Kind {
	return Kind{
		Name:     "grafana",
		Question: "Is Grafana healthy, with healthy datasources and the wanted dashboards?",
		Example:  "{}",
		Layer:    LayerLive,
		Reads:    "GET on Grafana (deployment.grafana): health; with a token (datasources:read, datasources:query, dashboards:read) datasources and dashboards",
		MaxAge:   30 * time.Second,
		Timeout:  15 * time.Second,
		Alone:    true,
		New:      func() any { return &grafana{} },
	}
}

type grafana struct{}

func (s *grafana) Probe(ctx context.Context, p *Pass) (Result, error) {
	set := p.Deployment.Grafana
	call := set.HTTP
	if set.TokenFile != "" {
		call.BearerTokenFile = set.TokenFile
	}
	w, err := webFor(p, "grafana", call)
	if err != nil {
		return Result{}, err
	}
	at := set.Address()
	a, err := w.get(ctx, at.URL+"/api/health")
	if err != nil {
		return unasked("/api/health of Grafana", err, at, "deployment.grafana.url", true)
	}
	if err := turnedAway("/api/health of Grafana", a, "deployment.grafana.token_file or username"); err != nil {
		return Result{}, err
	}
	if r := judgeGrafanaHealth(a); r.State != StatePass || call.BearerTokenFile == "" && call.Username == "" {
		if r.State == StatePass && len(set.Dashboards) > 0 {
			return Result{}, Needs("deployment.grafana.token_file", Unknownf(ReasonPermissionDenied, "Grafana is healthy, but without a token the wanted dashboards cannot be seen"))
		}
		return r, nil
	}
	g := grafanaAsk{w, at.URL}
	var f Findings
	if err := g.datasources(ctx, &f); err != nil {
		return unasked("datasources of Grafana", err, at, "deployment.grafana.token_file", false)
	}
	if err := g.dashboards(ctx, set.Dashboards, &f); err != nil {
		return unasked("dashboards of Grafana", err, at, "deployment.grafana.token_file", false)
	}
	return f.Result("Grafana is healthy, its datasources too, and the wanted dashboards exist"), nil
}

func judgeGrafanaHealth(a answer) Result {
	var health struct {
		Database string `json:"database"`
	}
	switch err := json.Unmarshal(a.Body, &health); {
	case a.OffSite != "" || err != nil && a.Status == 200 || health.Database == "" && a.Status == 200:
		return Failed(ReasonInvalid, "/api/health does not answer as Grafana does")
	case health.Database != "" && health.Database != "ok":
		return Failed(ReasonUnhealthy, "Grafana says that its database is %s", known(health.Database, "failing"))
	case a.Status != 200:
		return Failed(ReasonUnhealthy, "/api/health of Grafana answers %d", a.Status)
	}
	return Passed("Grafana is healthy; without deployment.grafana.token_file its dashboards are not looked at")
}

// grafanaToken is what lets datasources and dashboards be seen.
const grafanaToken = "deployment.grafana.token_file of a service account with datasources:read, datasources:query and dashboards:read"

type grafanaAsk struct {
	w   *web
	url string
}

// json asks for a list or an object; a status that is no success is an error.
func (g grafanaAsk) json(ctx context.Context, path string, into any) error {
	a, err := g.w.get(ctx, g.url+path)
	switch {
	case err != nil:
		return err
	case turnedAway("Grafana", a, grafanaToken) != nil:
		return turnedAway("Grafana", a, grafanaToken)
	case a.Status != 200:
		return Unknownf(ReasonUnhealthy, "Grafana answers %d", a.Status)
	}
	if err := json.Unmarshal(a.Body, into); err != nil {
		return errNotHTTP
	}
	return nil
}

// maxDatasources bounds the health questions of one look.
const maxDatasources = 20

func (g grafanaAsk) datasources(ctx context.Context, f *Findings) error {
	var all []struct{ UID, Name, Type string }
	if err := g.json(ctx, "/api/datasources", &all); err != nil {
		return err
	}
	if len(all) == 0 {
		f.Fail(ReasonMissing, "Grafana has no datasource")
	}
	for _, d := range all[:min(len(all), maxDatasources)] {
		a, err := g.w.get(ctx, g.url+"/api/datasources/uid/"+url.PathEscape(d.UID)+"/health")
		var health struct {
			Status string `json:"status"`
		}
		switch {
		case err != nil:
			return err
		case turnedAway("Grafana", a, grafanaToken) != nil:
			return fmt.Errorf("health of datasource %q: %w", d.Name, turnedAway("Grafana", a, grafanaToken))
		case a.Status == 404 || a.Status == 501: // the plugin knows no health check
		case json.Unmarshal(a.Body, &health) != nil || a.Status != 200 || !strings.EqualFold(health.Status, "ok"):
			f.Fail(ReasonUnhealthy, "datasource %q is not healthy", d.Name)
		}
	}
	return nil
}

// dashboards looks for every wanted dashboard, by uid or title.
func (g grafanaAsk) dashboards(ctx context.Context, wanted []string, f *Findings) error {
	var all []struct{ UID, Title string }
	if err := g.json(ctx, "/api/search?type=dash-db&limit=5000", &all); err != nil {
		return err
	}
	if len(all) == 0 {
		f.Fail(ReasonMissing, "Grafana has no dashboard")
		return nil
	}
	for _, w := range wanted {
		if !slices.ContainsFunc(all, func(d struct{ UID, Title string }) bool { return d.UID == w || d.Title == w }) {
			f.Fail(ReasonMissing, "Grafana has no dashboard %q", w)
		}
	}
	return nil
}
