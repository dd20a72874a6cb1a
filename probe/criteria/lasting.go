package criteria

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/phrase"
	"github.com/thenexusengine/catalyst_exporter/probe/promapi"
	"github.com/thenexusengine/catalyst_exporter/probe/secretvalue"
)

// Own queries with `for`: the value of every series must have been within the bound all the time. Time without a value is
// unknown: of a series, and of Prometheus as a whole, since functions over a range, such as rate, bridge a pause.
//
// A value counts for five minutes unless the series ends with a scrape. Prometheus from 2.43 on takes a shorter time with the
// query; from all versions, the time of a sample is read where the query is a single selector.

const (
	evaluations = 120 // of a query over the time
	minStep     = 15 * time.Second
)

// steps returns the times at which queries are evaluated.
func (m *measuring) steps() promapi.Range {
	length := m.For.Std()
	step := max(length/evaluations, minStep).Truncate(time.Second)
	count := (length + step - 1) / step
	end := m.pass.Now().Truncate(time.Second)
	return promapi.Range{Start: end.Add(-count * step), End: end, Step: step, Lookback: max(m.MaxGap.Std(), step)}
}

func (m *measuring) lasting(ctx context.Context) (probe.Result, error) {
	p, times := m.pass, m.steps()
	for _, query := range m.Queries {
		query, known := m.fill(p, query)
		if !known {
			continue
		}
		all, err := promapi.QueryRange(ctx, p, query, times)
		if err != nil {
			return promapi.JudgeError(p, "the query", err, false)
		}
		if len(all) == 0 {
			continue
		}
		if err := m.dropOld(ctx, query, all, times); err != nil {
			return promapi.JudgeError(p, "the query", err, false)
		}
		r := m.judgeSeries(all, times)
		if r.State != probe.StatePass {
			return r, nil
		}
		if paused, err := m.paused(ctx, times); err != nil {
			r, err := promapi.JudgeError(p, "the scrapes", err, false)
			return r, err
		} else if paused {
			return probe.Result{}, probe.Unknownf(probe.ReasonStale, "Prometheus scraped nothing for a part of the last %s", m.For)
		}
		return r, nil
	}
	if err := m.closed(p); err != nil {
		return probe.Result{}, err
	}
	return probe.Result{}, probe.Needs(deployment.PrometheusService.Setting("job")+" or jobs, or custom queries",
		probe.Unknownf(probe.ReasonEmpty, "Prometheus has no data of the last %s for the queries (job %q)", m.For, promapi.Job(p)))
}

// plainSelector matches a query that is a single selector with the name of a metric.
var plainSelector = lazyregexp.New(`^\s*[a-zA-Z_:][a-zA-Z0-9_:]*\s*(\{[^{}]*\})?\s*$`)

// dropOld drops values that were taken from samples older than max_gap.
func (m *measuring) dropOld(ctx context.Context, query string, all []promapi.Series, times promapi.Range) error {
	if !plainSelector.MatchString(query) {
		return nil
	}
	taken, err := promapi.QueryRange(ctx, m.pass, "timestamp("+query+")", times)
	if err != nil {
		return err
	}
	byLabels := map[string]map[int64]float64{}
	for _, series := range taken {
		byLabels[identity(series.Metric)] = series.Points
	}
	for _, series := range all {
		seconds := byLabels[identity(series.Metric)]
		for at := range series.Points {
			if taken, ok := seconds[at]; !ok || float64(at)/1000-taken > times.Lookback.Seconds() {
				delete(series.Points, at)
			}
		}
	}
	return nil
}

// identity is all labels except the name of the metric, which functions drop.
func identity(metric map[string]string) string {
	labels := maps.Clone(metric)
	delete(labels, "__name__")
	return fmt.Sprintf("%q", labels)
}

// judgeSeries judges every series at every time. A value outside of the bound fails, even where others are missing.
func (m *measuring) judgeSeries(all []promapi.Series, times promapi.Range) probe.Result {
	var f probe.ResultBuilder
	worst, measured := 0.0, false
	words, _ := m.bound()
	for _, series := range all {
		gap, seen, value := false, false, 0.0 // value is the worst of the series
		for at := times.Start; !at.After(times.End); at = at.Add(times.Step) {
			n, there := series.Points[at.UnixMilli()]
			if !there || math.IsNaN(n) || math.IsInf(n, 0) {
				gap = true
				continue
			}
			if !seen || m.worse(n, value) {
				value, seen = n, true
			}
		}
		if seen && (!measured || m.worse(value, worst)) {
			worst, measured = value, true
		}
		switch {
		case seen && !m.holds(value):
			f.Fail(probe.ReasonThreshold, "value%s was %.4g in the last %s, must be %s", named(series.Metric, len(all)), value, m.For, words)
		case gap:
			f.Add(probe.NotChecked(probe.Unknownf(probe.ReasonStale, "value%s is missing for a part of the last %s", named(series.Metric, len(all)), m.For)))
		}
	}
	if measured {
		f.Measure(CriterionValue.Of(worst))
	}
	return f.Result("value was %s for the last %s", words, m.For)
}

// paused reports whether Prometheus scraped no target at all for a part of the time. A store without the series up cannot
// tell.
func (m *measuring) paused(ctx context.Context, times promapi.Range) (bool, error) {
	query := fmt.Sprintf("count(count_over_time(up[%s]))", seconds(times.Lookback))
	all, err := promapi.QueryRange(ctx, m.pass, query, times)
	if err != nil || len(all) == 0 {
		return false, err
	}
	for at := times.Start; !at.After(times.End); at = at.Add(times.Step) {
		if _, there := all[0].Points[at.UnixMilli()]; !there {
			return true, nil
		}
	}
	return false, nil
}

const (
	maxLabels = 4
	maxLabel  = 40 // characters of a label value
)

// named names a series by its labels; nothing if it is the only one. Labels that are named like secrets are left out.
func named(metric map[string]string, of int) string {
	var labels []string
	for _, name := range slices.Sorted(maps.Keys(metric)) {
		if name == "__name__" || secretvalue.HoldsSecret(name) {
			continue
		}
		if len(labels) == maxLabels {
			labels = append(labels, "…")
			break
		}
		value := []rune(phrase.Printable(metric[name]))
		if len(value) > maxLabel {
			value = append(value[:maxLabel], '…')
		}
		labels = append(labels, fmt.Sprintf("%s=%q", name, string(value)))
	}
	if of < 2 || len(labels) == 0 {
		return ""
	}
	return " of {" + strings.Join(labels, ", ") + "}"
}
