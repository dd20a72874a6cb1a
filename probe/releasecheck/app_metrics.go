package releasecheck

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/fault"
	"github.com/thenexusengine/catalyst_exporter/probe/httpclient"
	"github.com/thenexusengine/catalyst_exporter/probe/openmetrics"
)

// app_metrics: does the application serve metrics of its own?
//
// The whole response must be in Prometheus' text format and contain samples of the application's families. Samples of
// this exporter do not count, though their names begin alike: it may listen at that address or be forwarded there.

func AppMetricsKind() probe.Kind {
	return probe.Kind{
		Name:       "app_metrics",
		Services:   []deployment.Service{deployment.APIService},
		Question:   "Does the application serve valid metrics with families of its own?",
		Example:    "{path: /metrics}",
		Layer:      probe.LayerLive,
		Reads:      "GET on the application's address (deployment.api)",
		Permission: "to reach it",
		Timeout:    15 * time.Second,
		Alone:      true,
		New:        func() any { return &appMetrics{Path: "/metrics"} },
	}
}

type appMetrics struct {
	Path string `yaml:"path" default:"/metrics" pattern:"^/" doc:"path below the application's address"`
}

// Probe implements Probe.
func (s *appMetrics) Probe(ctx context.Context, p *probe.Pass) (probe.Result, error) {
	setting := deployment.APIService.Setting("url")
	api := p.Deployment.API
	w, err := httpclient.For(p, "api", api.HTTP)
	if err != nil {
		return probe.Result{}, err
	}
	a, err := w.Get(ctx, api.Address().URL+s.Path)
	long := errors.Is(err, fault.ErrTooLong) // many series: the part that was read is judged
	if err != nil && !long {
		return httpclient.JudgeError(s.Path, err, api.Address(), setting, true)
	}
	return s.judge(a, long, p.Deployment.App.Prefixes())
}

// judge judges a response; cut reports that it is longer than what was read.
func (s *appMetrics) judge(a httpclient.Response, cut bool, prefixes []string) (probe.Result, error) {
	if err := httpclient.Rejected(s.Path, a, deployment.APIService.Setting("bearer_token_file")); err != nil {
		return probe.Result{}, err
	}
	text := string(a.Body)
	switch {
	case a.OffSite != "":
		return probe.Failed(probe.ReasonMismatch, "%s redirects to another host", s.Path), nil
	case a.Status == 404:
		return probe.Failed(probe.ReasonNotPublished, "%s returned 404", s.Path), nil
	case a.Status != 200:
		return probe.Failed(probe.ReasonUnhealthy, "%s returned %d", s.Path, a.Status), nil
	case strings.TrimSpace(text) == "":
		return probe.Failed(probe.ReasonEmpty, "%s returned 200 with an empty body", s.Path), nil
	case strings.HasPrefix(strings.TrimSpace(text), "<"):
		return probe.Failed(probe.ReasonMismatch, "%s returned a page, not metrics", s.Path), nil
	}
	if cut {
		text = text[:strings.LastIndexByte(text, '\n')+1]
	}
	names, line := openmetrics.SampleNames(text)
	if line > 0 {
		return probe.Failed(probe.ReasonInvalid, "%s did not return Prometheus text format: line %d is invalid", s.Path, line), nil
	}
	if strings.HasPrefix(a.Header.Get("Content-Type"), "application/openmetrics-text") && !cut && !openmetrics.EndsOpenMetrics(text) {
		return probe.Failed(probe.ReasonTruncated,
			"%s does not end with # EOF as OpenMetrics requires: Prometheus rejects the whole response", s.Path), nil
	}
	own, ours := 0, 0
	for name := range names {
		switch {
		case openmetrics.OfExporter(name):
			ours++
		case openmetrics.HasPrefix(name, prefixes):
			own++
		}
	}
	switch {
	case own > 0:
		return probe.Passed("%s has %d metrics of the application, %d in total", s.Path, own, len(names)), nil
	case cut:
		return probe.Result{}, probe.Needs(deployment.APIService.Setting("url"), probe.Unknownf(probe.ReasonTruncated,
			"%s: no metric of the application in the first MiB. The rest is not read", s.Path))
	case ours > 0:
		return probe.Failed(probe.ReasonMismatch, "%s is served by this exporter, not by the application", s.Path), nil
	case len(names) == 0:
		return probe.Failed(probe.ReasonEmpty, "%s has no samples", s.Path), nil
	}
	return probe.Failed(probe.ReasonMissing, "%s has %d metrics, but none begins with %s (deployment.app.metric_prefixes)",
		s.Path, len(names), strings.Join(prefixes, " or ")), nil
}
