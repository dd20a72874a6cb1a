// Package criteria measures success criteria in Prometheus.
package criteria

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/schema"
)

// prometheus_query: is a value in Prometheus within its bound?
//
// What is measured is one of: the share of errors, the 95th percentile of a duration, the increase of counters, the age
// of a timestamp, targets that are up, or own queries. All but own queries are bound to the scrape jobs of the
// deployment, since a Prometheus may monitor a staging installation as well. Each job and each metric family is judged
// alone, and the worst decides. What cannot be told apart is unknown: no data, data that does not cover the window, a
// counter whose first value may be older than the window.

func PrometheusQueryKind() probe.Kind {
	return probe.Kind{
		Name:       "prometheus_query",
		Services:   []deployment.Service{deployment.PrometheusService},
		Question:   "Is the value of the query within its bound?",
		Example:    "{queries: ['vector(0)'], below: 0.01}",
		Layer:      probe.LayerLive,
		Reads:      "GET on Prometheus (deployment.prometheus): queries and targets",
		Permission: "network access to it",
		Values:     []*probe.Value{CriterionValue, CriterionThreshold},
		Timeout:    10 * time.Second,
		New: func() any {
			return &prometheusQuery{
				Window: schema.Duration(5 * time.Minute), MinTraffic: 10, MinCoverage: 0.9, MinUp: 0.95, Settle: schema.Duration(5 * time.Minute),
				MaxGap: schema.Duration(2 * time.Minute),
			}
		},
	}
}

type prometheusQuery struct {
	Errors      []string         `yaml:"errors" doc:"counters of requests; their share of errors is measured. The label code, status_code or status tells errors"`
	P95         []string         `yaml:"p95" doc:"histograms (without _bucket); their 95th percentile is measured"`
	Increase    []string         `yaml:"increase" doc:"counters; their increase is measured"`
	Age         []string         `yaml:"age" doc:"Unix timestamps in seconds; their age in seconds is measured"`
	Targets     bool             `yaml:"targets" doc:"the share of the application's instances that are up is measured"`
	Queries     []string         `yaml:"queries" doc:"own PromQL, instead of the measurements above; the first query with data counts. ${job} is the scrape job, ${jobs} a regular expression of all jobs of the deployment, ${service} the application's compose service, ${project} its compose project, ${cpus} and ${memory} its limits in CPUs and bytes; a query with an unknown placeholder is skipped"`
	Below       *float64         `yaml:"below" doc:"the value must be less than this"`
	AtMost      *float64         `yaml:"at_most" doc:"the value must be this or less"`
	Above       *float64         `yaml:"above" doc:"the value must be more than this"`
	AtLeast     *float64         `yaml:"at_least" doc:"the value must be this or more"`
	Traffic     []string         `yaml:"traffic" doc:"for queries: queries for the amount of traffic: where the value is not a number and the first of these with data is 0, the item is pending"`
	Release     *schema.Duration `yaml:"after_release" min:"1m" doc:"measure from the release record until this long after it: pending until then, skipped without a release"`
	Buckets     []string         `yaml:"buckets" doc:"for queries: histograms that the value is estimated from: a bound that is not one of their le values is a warning, since the estimate is inaccurate there"`
	For         *schema.Duration `yaml:"for" min:"1m" max:"31d" doc:"for queries: the value of every series must have been within the bound for at least this long; time without a value is unknown"`
	MaxGap      schema.Duration  `yaml:"max_gap" default:"2m" min:"15s" doc:"with for: time without a sample from which on a value is missing; more than the scrape interval"`
	Window      schema.Duration  `yaml:"window" default:"5m" min:"1m" doc:"time over which errors, p95 and increase are measured without after_release"`
	MinTraffic  float64          `yaml:"min_traffic" default:"10" doc:"requests in the window below which errors and p95 are not judged"`
	MinCoverage float64          `yaml:"min_coverage" default:"0.9" doc:"share of the window for which Prometheus must have data of the job; less is unknown. Queries need it with after_release only"`
	MinUp       float64          `yaml:"min_up" default:"0.95" doc:"share of the scrapes in the window that must succeed; less is a failure. Queries need it with after_release only"`
	Settle      schema.Duration  `yaml:"settle" default:"5m" min:"0s" doc:"time after the release record that is not measured, while containers are replaced"`
}

// measurements counts the kinds of measurement that are set.
func (s *prometheusQuery) measurements() int {
	n := 0
	for _, set := range []bool{len(s.Errors) > 0, len(s.P95) > 0, len(s.Increase) > 0, len(s.Age) > 0, s.Targets} {
		if set {
			n++
		}
	}
	return n
}

func (s *prometheusQuery) Validate() []error {
	var wrong []error
	if n := s.measurements(); n > 1 || n == 0 && len(s.Queries) == 0 {
		wrong = append(wrong, errors.New("exactly one of errors, p95, increase, age, targets and queries is required"))
	}
	upper, lower := 0, 0
	for b, count := range map[*float64]*int{s.Below: &upper, s.AtMost: &upper, s.Above: &lower, s.AtLeast: &lower} {
		if b != nil {
			*count++
		}
	}
	switch {
	case upper > 1 || lower > 1 || upper+lower == 0:
		wrong = append(wrong, errors.New("one of below and at_most, or one of above and at_least, is required; one of each at most"))
	case upper == 0 && len(s.Queries) == 0 && !s.Targets:
		wrong = append(wrong, errors.New("below or at_most is required"))
	}
	if s.For != nil && (len(s.Queries) == 0 || s.Release != nil || len(s.Traffic)+len(s.Buckets) > 0) {
		wrong = append(wrong, errors.New("for: is for queries, without after_release, traffic and buckets"))
	}
	if s.MinCoverage < 0 || s.MinCoverage > 1 || s.MinUp < 0 || s.MinUp > 1 {
		wrong = append(wrong, errors.New("min_coverage and min_up must be between 0 and 1"))
	}
	return wrong
}

// bound returns the bounds in words, and the threshold as a number: with two bounds the upper one.
func (s *prometheusQuery) bound() (words string, number float64) {
	var all []string
	for _, side := range []struct {
		words string
		bound *float64
	}{{"above", s.Above}, {"at least", s.AtLeast}, {"below", s.Below}, {"at most", s.AtMost}} {
		if side.bound != nil {
			all = append(all, fmt.Sprintf("%s %v", side.words, *side.bound))
			number = *side.bound
		}
	}
	return strings.Join(all, " and "), number
}

// holds reports whether a value is within the bound.
func (s *prometheusQuery) holds(value float64) bool {
	return (s.Below == nil || value < *s.Below) && (s.AtMost == nil || value <= *s.AtMost) &&
		(s.Above == nil || value > *s.Above) && (s.AtLeast == nil || value >= *s.AtLeast)
}

func (s *prometheusQuery) Probe(ctx context.Context, p *probe.Pass) (probe.Result, error) {
	_, number := s.bound()
	threshold := CriterionThreshold.Of(number)
	w, wait, err := s.window(p)
	if err != nil || wait.State != 0 {
		return wait.With(threshold), err
	}
	m := &measuring{prometheusQuery: s, pass: p, window: w}
	var r probe.Result
	switch {
	case s.For != nil:
		r, err = m.lasting(ctx)
	case len(s.Queries) > 0:
		r, err = m.queries(ctx)
	case s.Targets:
		r, err = m.targets(ctx)
	case len(s.Age) > 0:
		r, err = m.age(ctx)
	case len(s.P95) > 0:
		r, err = m.quantile(ctx)
	case len(s.Increase) > 0:
		r, err = m.increase(ctx)
	default:
		r, err = m.errors(ctx)
	}
	return r.With(threshold), err
}

// measuring is one run of a measurement.
type measuring struct {
	*prometheusQuery
	pass   *probe.Pass
	window window
}

func (s *prometheusQuery) judge(value float64) probe.Result {
	shown := strconv.FormatFloat(value, 'g', 4, 64)
	words, _ := s.bound()
	if !s.holds(value) {
		return probe.Failed(probe.ReasonThreshold, "value is %s, must be %s", shown, words)
	}
	return probe.Passed("value is %s, %s", shown, words)
}

var CriterionValue = &probe.Value{Name: "catalyst_criterion_value", Help: "Measured value of a success criterion, in the unit of its threshold.", Labels: nil}

var CriterionThreshold = &probe.Value{Name: "catalyst_criterion_threshold", Help: "Threshold of a success criterion.", Labels: nil}
