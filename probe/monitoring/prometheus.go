// Package monitoring checks Prometheus, its rules, and Alertmanager.
package monitoring

import (
	"context"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/httpclient"
	"github.com/thenexusengine/catalyst_exporter/probe/promapi"
)

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
			return promapi.JudgeError(p, path, err, true)
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
	targets, err := promapi.Get[promTargets](ctx, p, "/api/v1/targets", url.Values{"state": {"active"}})
	if err != nil {
		return promapi.JudgeError(p, "targets", err, true)
	}
	return judgeTargets(targets, promapi.Job(p)), nil
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
