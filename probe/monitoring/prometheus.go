// Package monitoring checks Prometheus, its rules and queries, Alertmanager, Grafana and Loki.
package monitoring

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/fault"
	"github.com/thenexusengine/catalyst_exporter/probe/httpclient"
	"github.com/thenexusengine/catalyst_exporter/probe/phrase"
)

// Access to the Prometheus that monitors the deployment. The API is called directly, since only a few fields are
// needed.

// "deployment.prometheus.bearer_token_file or username" are the settings for its credentials.

// promAsk requests data from the API.
func promAsk[T any](ctx context.Context, p *probe.Pass, path string, query url.Values) (T, error) {
	var data T
	w, err := httpclient.For(p, "prometheus", p.Deployment.Prometheus.HTTP)
	if err != nil {
		return data, err
	}
	target := p.Deployment.Prometheus.Address().URL + path
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	a, err := w.Get(ctx, target)
	if err != nil {
		return data, err
	}
	if err := httpclient.Rejected(path, a, deployment.PrometheusService.Setting("bearer_token_file")+" or username"); err != nil {
		return data, err
	}
	switch {
	case a.Status != 200 && a.Status != 400 && a.Status != 422:
		return data, probe.Unknownf(probe.ReasonUnhealthy, "%s returned %d", path, a.Status)
	}
	var envelope struct {
		Status    string          `json:"status"`
		ErrorType string          `json:"errorType"`
		Data      json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal(a.Body, &envelope); err != nil || envelope.Status == "" {
		return data, fmt.Errorf("%s: %w", path, errNotPrometheus)
	}
	if envelope.Status != "success" {
		return data, probe.Unknownf(probe.ReasonInvalid, "%s rejects the query (%s)", path, phrase.Known(envelope.ErrorType, "bad_data", "execution", "timeout", "canceled", "unavailable"))
	}
	if err := json.Unmarshal(envelope.Data, &data); err != nil {
		return data, fmt.Errorf("%s: %w", path, errNotPrometheus)
	}
	return data, nil
}

// errNotPrometheus is the error for a response of another service.
const errNotPrometheus = fault.OtherService("response is not from the Prometheus API")

// promUnasked classifies an access error.
func promUnasked(p *probe.Pass, what string, err error, claim bool) (probe.Result, error) {
	return httpclient.JudgeError(what, err, p.Deployment.Prometheus.Address(), deployment.PrometheusService.Setting("url"), claim)
}

// promSample is one value of an instant query.
type promSample struct {
	Metric map[string]string
	Number float64
}

func (s *promSample) UnmarshalJSON(data []byte) error {
	var raw struct {
		Metric map[string]string `json:"metric"`
		Value  [2]any            `json:"value"`
	}
	if err := json.Unmarshal(data, &raw); err != nil {
		return err
	}
	text, _ := raw.Value[1].(string)
	n, err := strconv.ParseFloat(text, 64)
	s.Metric, s.Number = raw.Metric, n
	return err
}

// promQuery runs an instant query and returns its vector; a scalar is a vector of one.
func promQuery(ctx context.Context, p *probe.Pass, query string, at time.Time) ([]promSample, error) {
	params := url.Values{"query": {query}}
	if !at.IsZero() {
		params.Set("time", strconv.FormatFloat(float64(at.UnixMilli())/1000, 'f', 3, 64))
	}
	data, err := promAsk[struct {
		ResultType string          `json:"resultType"`
		Result     json.RawMessage `json:"result"`
	}](ctx, p, "/api/v1/query", params)
	if err != nil {
		return nil, err
	}
	switch data.ResultType {
	case "vector":
		var v []promSample
		if err := json.Unmarshal(data.Result, &v); err != nil {
			return nil, errNotPrometheus
		}
		return v, nil
	case "scalar":
		var pair [2]any
		text := ""
		if err := json.Unmarshal(data.Result, &pair); err == nil {
			text, _ = pair[1].(string)
		}
		n, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return nil, errNotPrometheus
		}
		return []promSample{{Number: n}}, nil
	}
	return nil, probe.Unknownf(probe.ReasonInvalid, "the query returned %s, expected a vector or scalar", phrase.Known(data.ResultType, "matrix", "string"))
}

// realSamples drops NaN (0/0) and infinities.
func realSamples(all []promSample) []promSample {
	return slices.DeleteFunc(all, func(s promSample) bool { return math.IsNaN(s.Number) || math.IsInf(s.Number, 0) })
}

// promJob returns the application's scrape job: configured, otherwise named like its service.
func promJob(p *probe.Pass) string {
	if job := p.Deployment.Prometheus.Job; job != "" {
		return job
	}
	if app, err := p.View.AppService(); err == nil && app.Name != "" {
		return app.Name
	}
	return "catalyst"
}

func PrometheusJobKind() probe.Kind {
	return probe.Kind{
		Name:       "prometheus_job",
		Services:   []deployment.Service{deployment.PrometheusService},
		Question:   "Is Prometheus ready, and does it see every target of the deployment's scrape job up?",
		Example:    "{}",
		Layer:      probe.LayerLive,
		Reads:      "GET on Prometheus (deployment.prometheus): readiness and targets",
		Permission: "network access to it",
		Timeout:    10 * time.Second,
		Alone:      true,
		New:        func() any { return &prometheusJob{} },
	}
}

// prometheusJob checks targets as well: a Prometheus that runs but scrapes nothing monitors nothing.
type prometheusJob struct{}

type promTargets struct {
	ActiveTargets []struct {
		ScrapePool string            `json:"scrapePool"`
		Labels     map[string]string `json:"labels"`
		Health     string            `json:"health"`
	} `json:"activeTargets"`
}

func (s *prometheusJob) Probe(ctx context.Context, p *probe.Pass) (probe.Result, error) {
	w, err := httpclient.For(p, "prometheus", p.Deployment.Prometheus.HTTP)
	if err != nil {
		return probe.Result{}, err
	}
	for _, path := range []string{"/-/healthy", "/-/ready"} {
		a, err := w.Get(ctx, p.Deployment.Prometheus.Address().URL+path)
		if err != nil {
			return promUnasked(p, path, err, true)
		}
		if err := httpclient.Rejected(path+" of Prometheus", a, deployment.PrometheusService.Setting("bearer_token_file")+" or username"); err != nil {
			return probe.Result{}, err
		}
		if a.OffSite != "" {
			return probe.Failed(probe.ReasonMismatch, "%s of Prometheus redirects to another host", path), nil
		}
		if a.Status != 200 {
			return probe.Failed(probe.ReasonUnhealthy, "%s of Prometheus returned %d", path, a.Status), nil
		}
	}
	targets, err := promAsk[promTargets](ctx, p, "/api/v1/targets", url.Values{"state": {"active"}})
	if err != nil {
		return promUnasked(p, "targets", err, true)
	}
	return judgeTargets(targets, promJob(p)), nil
}

// judgeTargets checks the targets of one job.
func judgeTargets(targets promTargets, job string) probe.Result {
	up, down := 0, 0
	var others []string
	for _, t := range targets.ActiveTargets {
		switch {
		case t.Labels["job"] != job && t.ScrapePool != job:
			if name := t.Labels["job"]; !slices.Contains(others, name) {
				others = append(others, name)
			}
		case t.Health == "up":
			up++
		default:
			down++
		}
	}
	slices.Sort(others)
	switch {
	case up+down == 0 && len(others) == 0:
		return probe.Failed(probe.ReasonEmpty, "Prometheus has no scrape targets")
	case up+down == 0:
		return probe.Failed(probe.ReasonMissing, "Prometheus has no scrape job %q; its jobs are %s. Set deployment.prometheus.job to the right one", job, strings.Join(others[:min(len(others), 10)], ", "))
	case down > 0:
		return probe.Failed(probe.ReasonUnhealthy, "%d of %d targets of job %q are not up", down, up+down, job)
	}
	return probe.Passed("all targets of job %q are up (%d)", job, up)
}
