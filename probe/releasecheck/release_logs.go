package releasecheck

import (
	"context"
	"errors"
	"time"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/dockerclient"
	"github.com/thenexusengine/catalyst_exporter/probe/phrase"
	"github.com/thenexusengine/catalyst_exporter/probe/release"
)

// release_logs: is the application's log since the deployment free of panics, with few errors?
//
// The share counts only lines with a level, since the lines of a stack trace would hide the error they belong to. Log
// text is never shown, since it may contain anything.

func LogsKind() probe.Kind {
	return probe.Kind{
		Name:       "release_logs",
		Services:   []deployment.Service{deployment.DockerService},
		Question:   "Is the application's log since the deployment free of panics, with few error lines?",
		Example:    "{max_error_share: 0.01}",
		Layer:      probe.LayerRunning,
		Reads:      "the log of the application's containers, with GET on the Docker Engine (deployment.docker), and the release records",
		Permission: "the engine's socket or address",
		MaxAge:     5 * time.Minute,
		Timeout:    2 * time.Minute, // a day's log
		Alone:      true,

		Background: true,
		New:        func() any { return &releaseLogs{Share: 0.01} },
	}
}

type releaseLogs struct {
	Share float64 `yaml:"max_error_share" default:"0.01" min:"0" max:"1" doc:"highest share of lines of level error or worse among the lines with a level"`
}

const (
	// logWindow bounds how far back a log is read.
	logWindow = 24 * time.Hour
	// quiet is how long after a deployment an empty log is pending.
	quiet = 10 * time.Minute
)

// Probe implements Probe.
func (s *releaseLogs) Probe(ctx context.Context, p *probe.Pass) (probe.Result, error) {
	c, err := release.Chain(p)
	if err != nil {
		return probe.Result{}, err
	}
	r := c.Recorded()
	if r == nil {
		return probe.Result{}, probe.SkipRelease()
	}
	service, running, err := applicationRuns(ctx, p)
	if err != nil {
		return probe.Result{}, err
	}
	if len(running) == 0 {
		return probe.Failed(probe.ReasonMissing, "no container of service %s is running", service), nil
	}
	e, err := dockerclient.For(p)
	if err != nil {
		return probe.Result{}, err
	}
	since := r.Since
	if earliest := p.Time.Add(-logWindow); since.Before(earliest) {
		since = earliest
	}
	var total logCount
	cut := false
	for _, container := range running {
		switch err := e.Log(ctx, container, since, &total); {
		case errors.Is(err, dockerclient.ErrLogTooLong):
			cut = true
		case err != nil:
			return probe.Result{}, err
		}
		total.end()
	}
	return s.judge(total, cut, service, p.Time.Sub(r.Since))
}

// judge checks the counts at a time after the deployment. Cut means that the log is longer than was read.
func (s *releaseLogs) judge(l logCount, cut bool, service string, after time.Duration) (probe.Result, error) {
	window := phrase.Duration(min(after, logWindow))
	var f probe.ResultBuilder
	if l.panics > 0 {
		f.Fail(probe.ReasonUnhealthy, "%s in the log of service %s in the last %s start a panic or a stack trace", phrase.Count(l.panics, "line"), service, window)
	}
	if share := float64(l.errors) / float64(max(l.levelled, 1)); l.errors > 0 && share > s.Share {
		f.Fail(probe.ReasonThreshold, "%d of %d lines with a level (%.1f %%) in the log of service %s are errors or worse in the last %s, expected at most %v %%",
			l.errors, l.levelled, 100*share, service, window, 100*s.Share)
	}
	if f.Worst.State == probe.StateFail {
		return f.Result(""), nil
	}
	switch {
	case l.lines == 0 && after < quiet:
		return probe.Pending(probe.ReasonInProgress, "service %s has logged nothing since the deployment", service), nil
	case l.lines == 0:
		return probe.Result{}, probe.Needs("a logging driver that stores the application's output", probe.Unknownf(probe.ReasonEmpty, "service %s has logged nothing in the last %s", service, window))
	case l.levelled == 0:
		return probe.Result{}, probe.Needs("logs as JSON or logfmt with a level", probe.Unknownf(probe.ReasonInvalid, "none of the %s of service %s has a level, so errors cannot be counted", phrase.Count(l.lines, "line"), service))
	case cut:
		return probe.Warned(probe.ReasonTruncated, "%d of %d lines are errors and no panic was found, but the log of service %s exceeds the read limit", l.errors, l.levelled, service), nil
	}
	return probe.Passed("%d of %d lines are errors and no panic was found in the log of service %s in the last %s", l.errors, l.levelled, service, window), nil
}
