package monitoring

import (
	"context"
	"errors"
	"io/fs"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/release"
	"github.com/thenexusengine/catalyst_exporter/schema"
)

// prometheus_query: is a value in Prometheus within its bound?
//
// Several queries may be given for services that name their metrics differently: the first with data counts. The worst
// of several series decides. No data, or data that is not a number, is unknown; existing but idle counters are pending.

func PrometheusQueryKind() probe.Kind {
	return probe.Kind{
		Name:       "prometheus_query",
		Services:   []deployment.Service{deployment.PrometheusService},
		Question:   "Is the value of the query within its bound?",
		Example:    "{queries: ['vector(0)'], below: 0.01}",
		Layer:      probe.LayerLive,
		Reads:      "GET on Prometheus (deployment.prometheus): an instant query",
		Permission: "network access to it",
		Values:     []*probe.Value{CriterionValue, CriterionThreshold},
		Timeout:    10 * time.Second,
		New:        func() any { return &prometheusQuery{} },
	}
}

type prometheusQuery struct {
	Queries []string         `yaml:"queries" required:"true" doc:"PromQL; the first query with data counts. ${job} is the scrape job, ${service} the application's compose service, ${cpus} and ${memory} its limits in CPUs and bytes; a query with an unknown placeholder is skipped"`
	Below   *float64         `yaml:"below" doc:"the value must be less than this"`
	AtMost  *float64         `yaml:"at_most" doc:"the value must be this or less"`
	Above   *float64         `yaml:"above" doc:"the value must be more than this"`
	AtLeast *float64         `yaml:"at_least" doc:"the value must be this or more"`
	Traffic []string         `yaml:"traffic" doc:"queries for the amount of traffic: where the value is not a number and the first of these with data is 0, the item is pending"`
	Release *schema.Duration `yaml:"after_release" min:"1m" doc:"evaluate the query this long after the release was recorded: pending until then, skipped without a release"`
	Buckets []string         `yaml:"buckets" doc:"histograms that the value is estimated from: a bound that is not one of their le values is a warning, since the estimate is inaccurate there"`
}

func (s *prometheusQuery) Validate() []error {
	bounds := 0
	for _, b := range []*float64{s.Below, s.AtMost, s.Above, s.AtLeast} {
		if b != nil {
			bounds++
		}
	}
	if bounds != 1 {
		return []error{errors.New("exactly one of below, at_most, above and at_least is required")}
	}
	return nil
}

// bound returns the threshold, in words and as a number, and whether good values are under it.
func (s *prometheusQuery) bound() (words string, number float64, under bool) {
	switch {
	case s.Below != nil:
		return "below", *s.Below, true
	case s.AtMost != nil:
		return "at most", *s.AtMost, true
	case s.Above != nil:
		return "above", *s.Above, false
	}
	return "at least", *s.AtLeast, false
}

// holds reports whether a value is within the bound.
func (s *prometheusQuery) holds(value float64) bool {
	switch {
	case s.Below != nil:
		return value < *s.Below
	case s.AtMost != nil:
		return value <= *s.AtMost
	case s.Above != nil:
		return value > *s.Above
	}
	return value >= *s.AtLeast
}

func (s *prometheusQuery) Probe(ctx context.Context, p *probe.Pass) (probe.Result, error) {
	_, number, _ := s.bound()
	threshold := CriterionThreshold.Of(number)
	at, wait, err := s.moment(p)
	if err != nil || wait.State != 0 {
		return wait.With(threshold), err
	}
	value, found, err := s.first(ctx, p, s.Queries, at)
	if err != nil {
		r, err := promUnasked(p, "the query", err, false)
		return r.With(threshold), err
	}
	if !found {
		if err := s.closed(p); err != nil {
			return probe.Result{Samples: []probe.Sample{threshold}}, err
		}
		idle, err := s.idle(ctx, p, at)
		if err != nil {
			r, err := promUnasked(p, "the query", err, false)
			return r.With(threshold), err
		}
		if idle {
			return probe.Pending(probe.ReasonInProgress, "no traffic to measure yet").With(threshold), nil
		}
		return probe.Result{Samples: []probe.Sample{threshold}}, probe.Needs(deployment.PrometheusService.Setting("job")+", or custom queries", probe.Unknownf(probe.ReasonEmpty, "Prometheus has no data for the queries (job %q)", promJob(p)))
	}
	r := s.judge(value)
	if r.State == probe.StatePass {
		if odd, err := s.between(ctx, p); err != nil {
			r, err := promUnasked(p, "the histogram's buckets", err, false)
			return r.With(CriterionValue.Of(value), threshold), err
		} else if odd {
			r = probe.Warned(probe.ReasonThreshold, "within the threshold, but only by estimate: the histogram has no bucket boundary at %v", number)
		}
	}
	return r.With(CriterionValue.Of(value), threshold), nil
}

// moment returns the evaluation time; the zero time is now. While a release's window is open, the result is pending.
func (s *prometheusQuery) moment(p *probe.Pass) (time.Time, probe.Result, error) {
	if s.Release == nil {
		return time.Time{}, probe.Result{}, nil
	}
	c, err := release.Chain(p)
	if err != nil {
		return time.Time{}, probe.Result{}, err
	}
	r := c.Recorded()
	if r == nil {
		return time.Time{}, probe.Result{}, probe.SkipRelease()
	}
	at := r.Since.Add(s.Release.Std())
	if p.Time.Before(at) {
		return at, probe.Pending(probe.ReasonInProgress, "measured until %s", at.UTC().Format(time.RFC3339)), nil
	}
	return at, probe.Result{}, nil
}

func (s *prometheusQuery) judge(value float64) probe.Result {
	shown := strconv.FormatFloat(value, 'g', 4, 64)
	side, number, _ := s.bound()
	if !s.holds(value) {
		return probe.Failed(probe.ReasonThreshold, "value is %s, must be %s %v", shown, side, number)
	}
	return probe.Passed("value is %s, %s %v", shown, side, number)
}

// fill expands the placeholders of a query; false when one is unknown.
func (s *prometheusQuery) fill(p *probe.Pass, query string) (string, bool) {
	if strings.Contains(query, "${job}") {
		query = strings.ReplaceAll(query, "${job}", promJob(p))
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

// first returns the worst value of the first query with data.
func (s *prometheusQuery) first(ctx context.Context, p *probe.Pass, queries []string, at time.Time) (value float64, found bool, err error) {
	_, _, under := s.bound()
	for _, q := range queries {
		q, known := s.fill(p, q)
		if !known {
			continue
		}
		all, err := promQuery(ctx, p, q, at)
		if err != nil {
			return 0, false, err
		}
		for _, v := range realSamples(all) {
			if !found || under && v.Number > value || !under && v.Number < value {
				value, found = v.Number, true
			}
		}
		if found {
			return value, true, nil
		}
	}
	return 0, false, nil
}

// idle reports whether the traffic counters exist and have not moved.
func (s *prometheusQuery) idle(ctx context.Context, p *probe.Pass, at time.Time) (bool, error) {
	value, found, err := s.first(ctx, p, s.Traffic, at)
	return found && value == 0, err
}

// between reports whether the bound is inside a bucket of the first histogram with data.
func (s *prometheusQuery) between(ctx context.Context, p *probe.Pass) (bool, error) {
	_, bound, _ := s.bound()
	for _, metric := range s.Buckets {
		metric, known := s.fill(p, metric)
		if !known {
			continue
		}
		all, err := promQuery(ctx, p, "count by (le) ("+metric+")", time.Time{})
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

var CriterionValue = &probe.Value{Name: "catalyst_criterion_value", Help: "Measured value of a success criterion, in the unit of its threshold.", Labels: nil}

var CriterionThreshold = &probe.Value{Name: "catalyst_criterion_threshold", Help: "Threshold of a success criterion.", Labels: nil}
