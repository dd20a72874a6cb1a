package probe

import (
	"context"
	"errors"
	"io/fs"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/thenexusengine/catalyst_exporter/schema"
)

// prometheus_query: is a value that Prometheus knows within its bound?
//
// Several queries may be given, for services that name their metrics differently: the first that has data counts. Of several series the worst
// decides. No data, or data that is not a number, leaves the question open; counters that are there but idle are still pending.

func prometheusQueryKind() Kind {
	return Kind{
		Name:     "prometheus_query",
		Question: "Is the value of the query within its bound?",
		Example:  "{queries: ['vector(0)'], below: 0.01}",
		Layer:    LayerLive,
		Reads:    "GET on Prometheus (deployment.prometheus): an instant query; needs to reach it",
		Values:   []*Value{CriterionValue, CriterionThreshold},
		Timeout:  10 * time.Second,
		New:      func() any { return &prometheusQuery{} },
	}
}

type prometheusQuery struct {
	Queries []string         `yaml:"queries" required:"true" doc:"PromQL; the first that has data counts. ${job} stands for the scrape job, ${service} for the application's compose service, ${cpus} and ${memory} for its limits in CPUs and bytes; a query whose placeholder is not known is passed over"`
	Below   *float64         `yaml:"below" doc:"the value must be less than this"`
	AtMost  *float64         `yaml:"at_most" doc:"the value must be this or less"`
	Above   *float64         `yaml:"above" doc:"the value must be more than this"`
	AtLeast *float64         `yaml:"at_least" doc:"the value must be this or more"`
	Traffic []string         `yaml:"traffic" doc:"queries that tell whether there is traffic at all: where the value is not a number and the first of these that has data is 0, the item is pending"`
	Release *schema.Duration `yaml:"after_release" min:"1m" doc:"ask for the moment so long after the release was recorded: pending until then, skipped without a release"`
	Buckets []string         `yaml:"buckets" doc:"histograms that the value is estimated from: a bound that is none of their le is told as a warning, since the estimate is a guess there"`
}

func (s *prometheusQuery) Validate() []error {
	bounds := 0
	for _, b := range []*float64{s.Below, s.AtMost, s.Above, s.AtLeast} {
		if b != nil {
			bounds++
		}
	}
	if bounds != 1 {
		return []error{errors.New("exactly one of below, at_most, above and at_least")}
	}
	return nil
}

// bound is the threshold, in words and as a number, and whether values under it are the good ones.
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

func (s *prometheusQuery) Probe(ctx context.Context, p *Pass) (Result, error) {
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
			return Result{Samples: []Sample{threshold}}, err
		}
		idle, err := s.idle(ctx, p, at)
		if err != nil {
			r, err := promUnasked(p, "the query", err, false)
			return r.With(threshold), err
		}
		if idle {
			return Pending(ReasonInProgress, "there has been no traffic to measure yet").With(threshold), nil
		}
		return Result{Samples: []Sample{threshold}}, Needs("deployment.prometheus.job, or queries of one's own", Unknownf(ReasonEmpty, "Prometheus has no data for it (job %q)", promJob(p)))
	}
	r := s.judge(value)
	if r.State == StatePass {
		if odd, err := s.between(ctx, p); err != nil {
			r, err := promUnasked(p, "the histogram's buckets", err, false)
			return r.With(CriterionValue.Of(value), threshold), err
		} else if odd {
			r = Warned(ReasonThreshold, "within the threshold, but only by estimate: %v is not a bucket boundary of the histogram", number)
		}
	}
	return r.With(CriterionValue.Of(value), threshold), nil
}

// moment is the time to ask for: the zero time is now. While a release's window is open the result says so.
func (s *prometheusQuery) moment(p *Pass) (time.Time, Result, error) {
	if s.Release == nil {
		return time.Time{}, Result{}, nil
	}
	c, err := p.Chain()
	if err != nil {
		return time.Time{}, Result{}, err
	}
	r := c.Recorded()
	if r == nil {
		return time.Time{}, Result{}, SkipRelease()
	}
	at := r.Since.Add(s.Release.Std())
	if p.Time.Before(at) {
		return at, Pending(ReasonInProgress, "measured until %s", at.UTC().Format(time.RFC3339)), nil
	}
	return at, Result{}, nil
}

func (s *prometheusQuery) judge(value float64) Result {
	shown := strconv.FormatFloat(value, 'g', 4, 64)
	side, number, _ := s.bound()
	if !s.holds(value) {
		return Failed(ReasonThreshold, "%s, and it must be %s %v", shown, side, number)
	}
	return Passed("%s, %s %v", shown, side, number)
}

// fill puts what is known of the deployment into a query; false when a placeholder is not known.
func (s *prometheusQuery) fill(p *Pass, query string) (string, bool) {
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

// closed is the error of a query that could not be asked since the files that fill it may not be read; nil when that is not why.
func (s *prometheusQuery) closed(p *Pass) error {
	for _, query := range s.Queries {
		if _, known := s.fill(p, query); known {
			continue
		}
		_, errApp := p.View.AppService()
		_, errCompose := p.View.Compose()
		if err := errors.Join(errApp, errCompose); errors.Is(err, fs.ErrPermission) {
			return notPermitted("which service to ask for, and its limits, are not known", err)
		}
	}
	return nil
}

// limitsOf are a compose service's limits in CPUs and bytes; 0 where there is none.
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

// first returns the worst value of the first query that has data.
func (s *prometheusQuery) first(ctx context.Context, p *Pass, queries []string, at time.Time) (value float64, found bool, err error) {
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

// idle reports whether the counters are there and have not moved.
func (s *prometheusQuery) idle(ctx context.Context, p *Pass, at time.Time) (bool, error) {
	value, found, err := s.first(ctx, p, s.Traffic, at)
	return found && value == 0, err
}

// between reports whether the bound lies inside a bucket of the first histogram that has data.
func (s *prometheusQuery) between(ctx context.Context, p *Pass) (bool, error) {
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
