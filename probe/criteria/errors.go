package criteria

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// The share of errors among requests. Which label tells an error from a success depends on the application; without such
// a label the share is unknown. A word that is neither known as an error nor as a success may be either.

// outcomeLabels are the labels that may hold the outcome of a request.
func outcomeLabels() []string {
	return []string{"code", "status_code", "status", "http_status", "http_status_code", "http_response_status_code", "response_code",
		"status_class", "outcome", "result"}
}

var (
	statusCode = lazyregexp.New(`^[1-5](?:[0-9]{2}|xx)$`)
	errorWords = lazyregexp.New(`^(?:errors?|err|failed|failures?|fail|(?:server|internal|network)[_-]?err(?:or)?|internal|unavailable|unknown|` +
		`unimplemented|deadline_?exceeded|resource_?exhausted|data_?loss|aborted|panic|exception|crash(?:ed)?|time_?(?:d_?)?out|false)$`)
	successWords = lazyregexp.New(`^(?:ok|success(?:ful)?|succeeded|completed|done|true|hit|miss|no_?content|redirect(?:ed)?|cached|` +
		`bad_?(?:input|request)|invalid(?:_?argument)?|not_?found|already_?exists|permission_?denied|unauthenticated|unauthorized|forbidden|` +
		`failed_?precondition|out_?of_?range|cancell?ed|client_?err(?:or)?|blacklisted(?:_?(?:app|acct))?|blocked(?:_?app)?|account_?config_?err(?:or)?)$`)
)

// outcome is what a request ended with.
type outcome int

const (
	unclear outcome = iota
	succeeded
	erred
)

// outcomeOf judges the value of an outcome label.
func outcomeOf(value string) outcome {
	value = strings.ToLower(value)
	switch {
	case statusCode.MatchString(value) && value[0] == '5', errorWords.MatchString(value):
		return erred
	case statusCode.MatchString(value), successWords.MatchString(value):
		return succeeded
	}
	return unclear
}

// requests counts requests and errors between two bounds.
type requests struct {
	low, top       float64 // all
	lowBad, topBad float64
	lowOK, topOK   float64 // certain to be no errors
}

func (r *requests) add(g grown, o outcome) {
	r.low, r.top = r.low+g.low, r.top+g.top
	switch o {
	case erred:
		r.lowBad, r.topBad = r.lowBad+g.low, r.topBad+g.top
	case succeeded:
		r.lowOK, r.topOK = r.lowOK+g.low, r.topOK+g.top
	default:
		r.topBad, r.topOK = r.topBad+g.top, r.topOK+g.top
	}
}

// shares returns the bounds of the share of errors.
func (r requests) shares() (low, top float64) {
	return share(r.lowBad, r.topOK), share(r.topBad, r.lowOK)
}

func share(bad, ok float64) float64 {
	if bad+ok == 0 {
		return 0
	}
	return bad / (bad + ok)
}

func (m *measuring) errors(ctx context.Context) (probe.Result, error) {
	return m.each(ctx, m.Errors, func(c carrier) (judged, error) {
		series, err := m.growth(ctx, c, outcomeLabels()...)
		if err != nil {
			return judged{}, err
		}
		return m.judgeErrors(c, series), nil
	})
}

// judgeErrors judges the share of errors in a job: the sum decides, an instance over the threshold is a warning.
func (m *measuring) judgeErrors(c carrier, series []grown) judged {
	var labels []string
	var sum requests
	instances := map[string]*requests{}
	for _, g := range series {
		o := unclear
		for _, label := range outcomeLabels() {
			value := g.labels[label]
			if value == "" {
				continue
			}
			if !slices.Contains(labels, label) {
				labels = append(labels, label)
			}
			o = max(o, outcomeOf(value))
		}
		sum.add(g, o)
		one := instances[g.labels["instance"]]
		if one == nil {
			one = &requests{}
			instances[g.labels["instance"]] = one
		}
		one.add(g, o)
	}
	low, top := sum.shares()
	of := fmt.Sprintf("of %s in job %q", c.family, c.job)
	switch {
	case sum.top == 0:
		return judged{result: m.noTraffic(), idle: true}
	case len(labels) == 0:
		return judged{result: probe.NotChecked(probe.Needs("a label code, status_code or status on "+c.family+", or custom queries",
			probe.Unknownf(probe.ReasonMissing, "no label %s tells errors from successes", of)))}
	case sum.top < m.MinTraffic:
		return judged{result: m.littleTraffic(sum.top), idle: true}
	}
	by := fmt.Sprintf("%s by label %s", of, strings.Join(labels, " and "))
	if !m.holds(low) && !m.holds(top) {
		r := m.judge(low)
		r.Detail += " (errors " + by + ")"
		return judged{result: r, value: low, found: true}
	}
	if m.holds(low) != m.holds(top) {
		return judged{result: probe.NotChecked(probe.Needs("process_start_time_seconds and known words in the label (200, ok, error)",
			probe.Unknownf(probe.ReasonUnpinned, "the share of errors %s is between %.4g and %.4g: the outcome of some requests or the first value of some counters is unknown",
				by, low, top)))}
	}
	over := 0
	for _, one := range instances {
		if least, _ := one.shares(); one.low >= m.MinTraffic && !m.holds(least) {
			over++
		}
	}
	r := m.judge(top)
	r.Detail += " (errors " + by + ")"
	if over > 0 {
		r = probe.Warned(probe.ReasonThreshold, "%d of %d instances exceed the threshold, their sum does not: errors %s", over, len(instances), by)
	}
	return judged{result: r, value: top, found: true}
}

// littleTraffic is the result of too few requests to judge.
func (m *measuring) littleTraffic(n float64) probe.Result {
	if m.window.closed {
		return probe.Warned(probe.ReasonEmpty, "only %.0f requests in the window: too few to judge (at least %v)", n, m.MinTraffic)
	}
	return probe.Pending(probe.ReasonInProgress, "only %.0f requests so far: too few to judge (at least %v)", n, m.MinTraffic)
}
