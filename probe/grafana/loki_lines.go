package grafana

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/httpclient"
	"github.com/thenexusengine/catalyst_exporter/schema"
)

// loki_lines: has Loki received recent log lines of the application?

func LokiLinesKind() probe.Kind {
	return probe.Kind{
		Name:       "loki_lines",
		Services:   []deployment.Service{deployment.LokiService},
		Question:   "Has Loki received recent log lines of the application?",
		Example:    "{within: 15m}",
		Layer:      probe.LayerLive,
		Reads:      "GET on Loki (deployment.loki): an instant query",
		Permission: "network access to it",
		MaxAge:     30 * time.Second,
		Timeout:    10 * time.Second,
		Alone:      true,
		New:        func() any { return &lokiLines{Within: schema.Duration(15 * time.Minute)} },
	}
}

type lokiLines struct {
	Within schema.Duration `yaml:"within" default:"15m" min:"1m" doc:"maximum age of the newest line"`
}

func (s *lokiLines) Probe(ctx context.Context, p *probe.Pass) (probe.Result, error) {
	loki := p.Deployment.Loki
	at := loki.Address()
	if at.URL == "" {
		return probe.Result{}, probe.Skip(deployment.LokiService.Setting("url"), "no Loki is configured")
	}
	selector := loki.Selector
	if selector == "" {
		app, err := p.View.AppService()
		if err != nil || app.Name == "" {
			return probe.Result{}, probe.Skip(deployment.LokiService.Setting("selector"),
				"no selector is configured, and no compose service found to derive one from")
		}
		selector = fmt.Sprintf("{compose_service=%q}", app.Name)
	}
	w, err := httpclient.For(p, "loki", loki.HTTP)
	if err != nil {
		return probe.Result{}, err
	}
	header := http.Header{}
	if loki.Tenant != "" {
		header.Set("X-Scope-OrgID", loki.Tenant)
	}
	query := url.Values{"query": {fmt.Sprintf("sum(count_over_time(%s[%ds]))", selector, int(s.Within.Std().Seconds()))}}
	a, err := w.Do(ctx, http.MethodGet, at.URL+"/loki/api/v1/query?"+query.Encode(), header, nil)
	if err != nil {
		return httpclient.JudgeError("the query to Loki", err, at, deployment.LokiService.Setting("url"), true)
	}
	return s.judge(a)
}

func (s *lokiLines) judge(a httpclient.Response) (probe.Result, error) {
	if err := httpclient.Rejected("Loki", a, deployment.LokiService.Setting("bearer_token_file")+", username or tenant"); err != nil {
		return probe.Result{}, err
	}
	switch {
	case a.Status == 400:
		return probe.Result{}, probe.Needs(deployment.LokiService.Setting("selector"), probe.Unknownf(probe.ReasonInvalid, "Loki rejected the selector"))
	case a.Status != 200:
		return probe.Failed(probe.ReasonUnhealthy, "Loki returned %d", a.Status), nil
	}
	var body struct {
		Status string `json:"status"`
		Data   struct {
			Result []struct {
				Value [2]any `json:"value"`
			} `json:"result"`
		} `json:"data"`
	}
	if err := json.Unmarshal(a.Body, &body); err != nil || body.Status != "success" {
		return probe.Failed(probe.ReasonInvalid, "response is not from Loki"), nil
	}
	lines := 0.0
	for _, r := range body.Data.Result {
		text, _ := r.Value[1].(string)
		n, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return probe.Failed(probe.ReasonInvalid, "response is not from Loki"), nil
		}
		lines += n
	}
	if lines > 0 { // false for NaN
		return probe.Passed("Loki has lines of the application from the last %v", s.Within.Std()), nil
	}
	return probe.Failed(probe.ReasonStale, "Loki has no line of the application from the last %v", s.Within.Std()), nil
}
