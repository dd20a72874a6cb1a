// Package promapi queries the Prometheus that monitors the deployment.
package promapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/url"
	"slices"
	"strconv"
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

// Get requests data from the API.
func Get[T any](ctx context.Context, p *probe.Pass, path string, query url.Values) (T, error) {
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
		return data, fmt.Errorf("%s: %w", path, ErrOtherService)
	}
	if envelope.Status != "success" {
		return data, probe.Unknownf(probe.ReasonInvalid, "%s rejects the query (%s)", path, phrase.Known(envelope.ErrorType, "bad_data", "execution", "timeout", "canceled", "unavailable"))
	}
	if err := json.Unmarshal(envelope.Data, &data); err != nil {
		return data, fmt.Errorf("%s: %w", path, ErrOtherService)
	}
	return data, nil
}

// ErrOtherService is the error for a response of another service.
const ErrOtherService = fault.OtherService("response is not from the Prometheus API")

// JudgeError classifies an access error.
func JudgeError(p *probe.Pass, what string, err error, claim bool) (probe.Result, error) {
	return httpclient.JudgeError(what, err, p.Deployment.Prometheus.Address(), deployment.PrometheusService.Setting("url"), claim)
}

// Sample is one value of an instant query.
type Sample struct {
	Metric map[string]string
	Number float64
}

func (s *Sample) UnmarshalJSON(data []byte) error {
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

// Query runs an instant query and returns its vector; a scalar is a vector of one.
func Query(ctx context.Context, p *probe.Pass, query string, at time.Time) ([]Sample, error) {
	params := url.Values{"query": {query}}
	if !at.IsZero() {
		params.Set("time", strconv.FormatFloat(float64(at.UnixMilli())/1000, 'f', 3, 64))
	}
	data, err := Get[struct {
		ResultType string          `json:"resultType"`
		Result     json.RawMessage `json:"result"`
	}](ctx, p, "/api/v1/query", params)
	if err != nil {
		return nil, err
	}
	switch data.ResultType {
	case "vector":
		var v []Sample
		if err := json.Unmarshal(data.Result, &v); err != nil {
			return nil, ErrOtherService
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
			return nil, ErrOtherService
		}
		return []Sample{{Number: n}}, nil
	}
	return nil, probe.Unknownf(probe.ReasonInvalid, "the query returned %s, expected a vector or scalar", phrase.Known(data.ResultType, "matrix", "string"))
}

// Real drops NaN (0/0) and infinities.
func Real(all []Sample) []Sample {
	return slices.DeleteFunc(all, func(s Sample) bool { return math.IsNaN(s.Number) || math.IsInf(s.Number, 0) })
}

// Job returns the application's scrape job: configured, otherwise named like its service.
func Job(p *probe.Pass) string {
	if job := p.Deployment.Prometheus.Job; job != "" {
		return job
	}
	if app, err := p.View.AppService(); err == nil && app.Name != "" {
		return app.Name
	}
	return "catalyst"
}

// Series is one series of a range query.
type Series struct {
	Metric map[string]string
	Points map[int64]float64 // by time in milliseconds
}

func (s *Series) UnmarshalJSON(data []byte) error {
	var raw struct {
		Metric map[string]string    `json:"metric"`
		Values [][2]json.RawMessage `json:"values"`
	}
	if err := json.Unmarshal(data, &raw); err != nil {
		return err
	}
	s.Metric, s.Points = raw.Metric, make(map[int64]float64, len(raw.Values))
	for _, pair := range raw.Values {
		var at float64
		var text string
		if err := errors.Join(json.Unmarshal(pair[0], &at), json.Unmarshal(pair[1], &text)); err != nil {
			return err
		}
		n, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return err
		}
		s.Points[int64(math.Round(at*1000))] = n
	}
	return nil
}

// Range is the evaluation of a query at several times.
type Range struct {
	Start, End time.Time // both of whole seconds, and a multiple of Step apart
	Step       time.Duration
	Lookback   time.Duration // age up to which a sample counts at a time
}

// QueryRange runs a range query and returns its series.
func QueryRange(ctx context.Context, p *probe.Pass, query string, r Range) ([]Series, error) {
	seconds := func(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', -1, 64) }
	data, err := Get[struct {
		ResultType string   `json:"resultType"`
		Result     []Series `json:"result"`
	}](ctx, p, "/api/v1/query_range", url.Values{
		"query": {query}, "start": {strconv.FormatInt(r.Start.Unix(), 10)}, "end": {strconv.FormatInt(r.End.Unix(), 10)},
		"step": {seconds(r.Step)}, "lookback_delta": {seconds(r.Lookback)},
	})
	if err == nil && data.ResultType != "matrix" {
		err = ErrOtherService
	}
	return data.Result, err
}
