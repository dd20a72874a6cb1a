package probe

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/thenexusengine/catalyst_exporter/schema"
)

// loki_lines: has Loki received recent log lines of the application?

func lokiLinesKind() Kind {
	return Kind{
		Name:     "loki_lines",
		Question: "Has Loki received recent log lines of the application?",
		Example:  "{within: 15m}",
		Layer:    LayerLive,
		Reads:    "GET on Loki (deployment.loki): an instant query; needs network access to it",
		MaxAge:   30 * time.Second,
		Timeout:  10 * time.Second,
		Alone:    true,
		New:      func() any { return &lokiLines{Within: schema.Duration(15 * time.Minute)} },
	}
}

type lokiLines struct {
	Within schema.Duration `yaml:"within" default:"15m" min:"1m" doc:"maximum age of the newest line"`
}

func (s *lokiLines) Probe(ctx context.Context, p *Pass) (Result, error) {
	loki := p.Deployment.Loki
	at := loki.Address()
	if at.URL == "" {
		return Result{}, Skip("deployment.loki.url", "no Loki is configured")
	}
	selector := loki.Selector
	if selector == "" {
		app, err := p.View.AppService()
		if err != nil || app.Name == "" {
			return Result{}, Skip("deployment.loki.selector",
				"no selector is configured, and no compose service found to derive one from")
		}
		selector = fmt.Sprintf("{compose_service=%q}", app.Name)
	}
	w, err := webFor(p, "loki", loki.HTTP)
	if err != nil {
		return Result{}, err
	}
	header := http.Header{}
	if loki.Tenant != "" {
		header.Set("X-Scope-OrgID", loki.Tenant)
	}
	query := url.Values{"query": {fmt.Sprintf("sum(count_over_time(%s[%ds]))", selector, int(s.Within.Std().Seconds()))}}
	a, err := w.ask(ctx, http.MethodGet, at.URL+"/loki/api/v1/query?"+query.Encode(), header, nil)
	if err != nil {
		return unasked("the query to Loki", err, at, "deployment.loki.url", true)
	}
	return s.judge(a)
}

func (s *lokiLines) judge(a answer) (Result, error) {
	if err := turnedAway("Loki", a, "deployment.loki.bearer_token_file, username or tenant"); err != nil {
		return Result{}, err
	}
	switch {
	case a.Status == 400:
		return Result{}, Needs("deployment.loki.selector", Unknownf(ReasonInvalid, "Loki rejected the selector"))
	case a.Status != 200:
		return Failed(ReasonUnhealthy, "Loki returned %d", a.Status), nil
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
		return Failed(ReasonInvalid, "response is not from Loki"), nil
	}
	lines := 0.0
	for _, r := range body.Data.Result {
		text, _ := r.Value[1].(string)
		n, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return Failed(ReasonInvalid, "response is not from Loki"), nil
		}
		lines += n
	}
	if lines > 0 { // false for NaN
		return Passed("Loki has lines of the application from the last %v", s.Within.Std()), nil
	}
	return Failed(ReasonStale, "Loki has no line of the application from the last %v", s.Within.Std()), nil
}
