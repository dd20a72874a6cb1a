package criteria

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/promapi"
)

// Own queries. Several may be given for services that name their metrics differently: the first with data counts, and
// the worst of its series decides. No data, or data that is not a number, is unknown; existing but idle counters are
// pending.

func (m *measuring) queries(ctx context.Context) (probe.Result, error) {
	p := m.pass
	w, err := m.first(ctx, p, m.Queries, m.window.at)
	if err != nil {
		return promapi.JudgeError(p, "the query", err, false)
	}
	if !w.found {
		if err := m.closed(p); err != nil {
			return probe.Result{}, err
		}
		idle, err := m.idle(ctx, p, m.window.at)
		if err != nil {
			return promapi.JudgeError(p, "the query", err, false)
		}
		if idle {
			return m.covered(ctx, m.noTraffic(), promapi.Job(p))
		}
		return probe.Result{}, probe.Needs(deployment.PrometheusService.Setting("job")+" or jobs, or custom queries",
			probe.Unknownf(probe.ReasonEmpty, "Prometheus has no data for the queries (job %q)", promapi.Job(p)))
	}
	measured := CriterionValue.Of(w.value)
	if w.negative {
		return probe.Result{Samples: []probe.Sample{measured}}, invalidTime("an age is negative: the timestamp is in the future or in milliseconds")
	}
	r := m.judge(w.value)
	if r.State != probe.StatePass {
		r.Detail = strings.Replace(r.Detail, "value", "value"+w.series, 1)
	}
	if r.State == probe.StatePass {
		odd, err := m.between(ctx, p)
		if err != nil {
			r, err := promapi.JudgeError(p, "the histogram's buckets", err, false)
			return r.With(measured), err
		}
		if _, number := m.bound(); odd {
			r = probe.Warned(probe.ReasonThreshold, "within the threshold, but only by estimate: the histogram has no bucket boundary at %v", number)
		}
	}
	r, err = m.covered(ctx, r, promapi.Job(p))
	return r.With(measured), err
}

// fill expands the placeholders of a query; false when one is unknown.
func (s *prometheusQuery) fill(p *probe.Pass, query string) (string, bool) {
	if strings.Contains(query, "${job}") {
		query = strings.ReplaceAll(query, "${job}", promapi.Job(p))
	}
	if strings.Contains(query, "${jobs}") {
		var all []string
		for _, job := range append([]string{promapi.Job(p)}, p.Deployment.Prometheus.Jobs...) {
			all = append(all, regexp.QuoteMeta(job))
		}
		pattern := strconv.Quote(strings.Join(all, "|"))
		query = strings.ReplaceAll(query, "${jobs}", pattern[1:len(pattern)-1])
	}
	if !strings.Contains(query, "${") {
		return query, true
	}
	app, err := p.View.AppService()
	if err != nil || app.Name == "" {
		return "", false
	}
	query = strings.ReplaceAll(query, "${service}", app.Name)
	c, err := p.View.Compose()
	if err != nil {
		return "", false
	}
	if project := cmp.Or(p.Deployment.Docker.Project, c.Project.Name); project != "" {
		query = strings.ReplaceAll(query, "${project}", project)
	}
	cpus, memory := limitsOf(c.Project.Services[app.Name])
	if cpus > 0 {
		query = strings.ReplaceAll(query, "${cpus}", strconv.FormatFloat(cpus, 'f', -1, 64))
	}
	if memory > 0 {
		query = strings.ReplaceAll(query, "${memory}", strconv.FormatInt(memory, 10))
	}
	return query, !strings.Contains(query, "${")
}

// closed is the error for queries that cannot be expanded for lack of read permission; nil when that is not the cause.
func (s *prometheusQuery) closed(p *probe.Pass) error {
	for _, query := range s.Queries {
		if _, known := s.fill(p, query); known {
			continue
		}
		_, errApp := p.View.AppService()
		_, errCompose := p.View.Compose()
		if err := errors.Join(errApp, errCompose); errors.Is(err, fs.ErrPermission) {
			return probe.PermissionError("application's service and its limits are unknown", err)
		}
	}
	return nil
}

// limitsOf returns a compose service's limits in CPUs and bytes; 0 where unset.
func limitsOf(s types.ServiceConfig) (cpus float64, memory int64) {
	cpus, memory = float64(s.CPUS), int64(s.MemLimit)
	if s.Deploy != nil && s.Deploy.Resources.Limits != nil {
		l := s.Deploy.Resources.Limits
		if n := float64(l.NanoCPUs.Value()); n > 0 {
			cpus = n
		}
		if l.MemoryBytes > 0 {
			memory = int64(l.MemoryBytes)
		}
	}
	return cpus, memory
}

// worst is the worst value of a query.
type worst struct {
	value    float64
	found    bool
	series   string // the series of the value, if there are several
	negative bool   // one of the values of a query that subtracts from the time is negative
}

// first returns the worst value of the first query with data.
func (s *prometheusQuery) first(ctx context.Context, p *probe.Pass, queries []string, at time.Time) (worst, error) {
	var w worst
	for _, q := range queries {
		q, known := s.fill(p, q)
		if !known {
			continue
		}
		all, err := promapi.Query(ctx, p, q, at)
		if err != nil {
			return w, err
		}
		age := strings.HasPrefix(strings.ReplaceAll(q, " ", ""), "time()-")
		for _, v := range promapi.Real(all) {
			if !w.found || s.worse(v.Number, w.value) {
				w.value, w.found, w.series = v.Number, true, named(v.Metric, len(all))
			}
			w.negative = w.negative || age && v.Number < -clockSkew
		}
		if w.found {
			return w, nil
		}
	}
	return w, nil
}

// worse reports whether a value is worse than another: it is outside of the bounds, or nearer to the threshold.
func (s *prometheusQuery) worse(a, b float64) bool {
	if s.holds(a) != s.holds(b) {
		return !s.holds(a)
	}
	under := s.Below != nil || s.AtMost != nil
	return under && a > b || !under && a < b
}

// idle reports whether the traffic counters exist and have not moved.
func (s *prometheusQuery) idle(ctx context.Context, p *probe.Pass, at time.Time) (bool, error) {
	w, err := s.first(ctx, p, s.Traffic, at)
	return w.found && w.value == 0, err
}

// between reports whether the bound is inside a bucket of the first histogram with data.
func (s *prometheusQuery) between(ctx context.Context, p *probe.Pass) (bool, error) {
	_, bound := s.bound()
	for _, metric := range s.Buckets {
		metric, known := s.fill(p, metric)
		if !known {
			continue
		}
		all, err := promapi.Query(ctx, p, "count by (le) ("+metric+")", time.Time{})
		if err != nil || len(all) == 0 {
			if err != nil {
				return false, err
			}
			continue
		}
		for _, v := range all {
			if le, err := strconv.ParseFloat(v.Metric["le"], 64); err == nil && math.Abs(le-bound) < 1e-9 {
				return false, nil
			}
		}
		return true, nil
	}
	return false, nil
}
