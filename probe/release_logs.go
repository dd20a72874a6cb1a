package probe

import (
	"context"
	"errors"
	"time"
)

// release_logs: is the application's log since the deployment free of panics, with few errors?
//
// The share counts only lines with a level, since the lines of a stack trace would hide the error they belong to. Log
// text is never shown, since it may contain anything.

func releaseLogsKind() Kind {
	return Kind{
		Name:     "release_logs",
		Question: "Is the application's log since the deployment free of panics, with few error lines?",
		Example:  "{max_error_share: 0.01}",
		Layer:    LayerRunning,
		Reads:    "the log of the application's containers, with GET on the Docker Engine (deployment.docker), and the release records; needs the engine's socket or address",
		MaxAge:   5 * time.Minute,
		Timeout:  2 * time.Minute, // a day's log
		Alone:    true,

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
func (s *releaseLogs) Probe(ctx context.Context, p *Pass) (Result, error) {
	c, err := ReleaseChain(p)
	if err != nil {
		return Result{}, err
	}
	r := c.Recorded()
	if r == nil {
		return Result{}, SkipRelease()
	}
	service, running, err := applicationRuns(ctx, p)
	if err != nil {
		return Result{}, err
	}
	if len(running) == 0 {
		return Failed(ReasonMissing, "no container of service %s is running", service), nil
	}
	e, err := engineFor(p)
	if err != nil {
		return Result{}, err
	}
	since := r.Since
	if earliest := p.Time.Add(-logWindow); since.Before(earliest) {
		since = earliest
	}
	var total logCount
	cut := false
	for _, container := range running {
		switch err := e.log(ctx, container, since, &total); {
		case errors.Is(err, errLogTooLong):
			cut = true
		case err != nil:
			return Result{}, err
		}
		total.end()
	}
	return s.judge(total, cut, service, p.Time.Sub(r.Since))
}

// judge checks the counts at a time after the deployment. Cut means that the log is longer than was read.
func (s *releaseLogs) judge(l logCount, cut bool, service string, after time.Duration) (Result, error) {
	window := howLong(min(after, logWindow))
	var f Findings
	if l.panics > 0 {
		f.Fail(ReasonUnhealthy, "%s in the log of service %s in the last %s start a panic or a stack trace", count(l.panics, "line"), service, window)
	}
	if share := float64(l.errors) / float64(max(l.levelled, 1)); l.errors > 0 && share > s.Share {
		f.Fail(ReasonThreshold, "%d of %d lines with a level (%.1f %%) in the log of service %s are errors or worse in the last %s, expected at most %v %%",
			l.errors, l.levelled, 100*share, service, window, 100*s.Share)
	}
	if f.worst.State == StateFail {
		return f.Result(""), nil
	}
	switch {
	case l.lines == 0 && after < quiet:
		return Pending(ReasonInProgress, "service %s has logged nothing since the deployment", service), nil
	case l.lines == 0:
		return Result{}, Needs("a logging driver that stores the application's output", Unknownf(ReasonEmpty, "service %s has logged nothing in the last %s", service, window))
	case l.levelled == 0:
		return Result{}, Needs("logs as JSON or logfmt with a level", Unknownf(ReasonInvalid, "none of the %s of service %s has a level, so errors cannot be counted", count(l.lines, "line"), service))
	case cut:
		return Warned(ReasonTruncated, "%d of %d lines are errors and no panic was found, but the log of service %s exceeds the read limit", l.errors, l.levelled, service), nil
	}
	return Passed("%d of %d lines are errors and no panic was found in the log of service %s in the last %s", l.errors, l.levelled, service, window), nil
}
