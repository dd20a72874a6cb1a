package criteria

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/promapi"
)

// How much counters grew in a window. increase() of PromQL leaves out the first value of a series that appears in the
// window: a counter of errors often appears with the first error, or after several. Its first value counts when the
// process started in the window, when the counter was created in it, or when its target was scraped before without it.
// Otherwise the value may be older than the window, and only bounds are known.

// grown is the growth of the counters with the same labels.
type grown struct {
	labels   map[string]string
	low, top float64
}

// growth returns the growth of a family in a job by labels; instance is always one of them.
func (m *measuring) growth(ctx context.Context, c carrier, by ...string) ([]grown, error) {
	all, err := promapi.Query(ctx, m.pass, m.growthQuery(c, by), m.window.at)
	if err != nil {
		return nil, err
	}
	sums := map[string]*grown{}
	var order []string
	for _, v := range promapi.Real(all) {
		part := v.Metric["catalyst_part"]
		delete(v.Metric, "catalyst_part")
		key := fmt.Sprint(v.Metric)
		g := sums[key]
		if g == nil {
			g = &grown{labels: v.Metric}
			sums[key] = g
			order = append(order, key)
		}
		switch part {
		case "certain":
			g.low += v.Number
			g.top += v.Number
		case "appeared":
			g.low += v.Number
			g.top += v.Number
		case "first":
			g.low -= v.Number
		}
	}
	list := make([]grown, 0, len(order))
	for _, key := range order {
		g := *sums[key]
		g.low = max(g.low, 0)
		list = append(list, g)
	}
	return list, nil
}

// growthQuery returns the sums of three parts: what grew for certain, what series grew and began with that appeared
// without a known beginning, and what of this they began with.
func (m *measuring) growthQuery(c carrier, by []string) string {
	created := selector(strings.TrimSuffix(strings.TrimSuffix(c.family, "_total"), "_bucket")+"_created", c.job)
	grid := min(max(m.window.length/100, time.Second), time.Minute)
	r := strings.NewReplacer(
		"SERIES", selector(c.family, c.job), "CREATED", created, "UP", selector("up", c.job),
		"START", selector("process_start_time_seconds", c.job), "WINDOW", seconds(m.window.length), "GRID", seconds(grid),
		"LONGER", seconds(m.window.length+2*grid), "BY", strings.Join(append([]string{"instance"}, by...), ", "))
	const (
		grew     = `((last_over_time(SERIES[WINDOW]) and resets(SERIES[WINDOW]) == 0) or (increase(SERIES[WINDOW]) + min_over_time(SERIES[WINDOW])))`
		appeared = `(` + grew + ` unless SERIES offset WINDOW)`
		began    = `((last_over_time(SERIES[WINDOW]) and on (job, instance) (max by (job, instance) (last_over_time(START[WINDOW])) >= time() - WINDOWSECONDS))` +
			` or (min_over_time(timestamp(SERIES)[WINDOW:GRID]) > on (job, instance) group_left ()` +
			` (min by (job, instance) (min_over_time((timestamp(UP) and UP == 1)[LONGER:GRID]))))` +
			` or (last_over_time(CREATED[WINDOW]) >= time() - WINDOWSECONDS))`
		sum = `label_replace(sum by (BY) (`
	)
	query := sum + `(increase(SERIES[WINDOW]) and SERIES offset WINDOW) or (` + appeared + ` and ` + began + `)), "catalyst_part", "certain", "", "")` +
		` or ` + sum + appeared + ` unless ` + began + `), "catalyst_part", "appeared", "", "")` +
		` or ` + sum + `(min_over_time(SERIES[WINDOW]) unless SERIES offset WINDOW) unless ` + began + `), "catalyst_part", "first", "", "")`
	query = strings.ReplaceAll(query, "WINDOWSECONDS", fmt.Sprintf("%d", int(m.window.length.Seconds())))
	return r.Replace(query)
}

func (m *measuring) increase(ctx context.Context) (probe.Result, error) {
	return m.each(ctx, m.Increase, func(c carrier) (judged, error) {
		series, err := m.growth(ctx, c)
		if err != nil {
			return judged{}, err
		}
		var low, top float64
		for _, g := range series {
			low, top = low+g.low, top+g.top
		}
		of := fmt.Sprintf(" (%s in job %q)", c.family, c.job)
		switch {
		case m.holds(low) && m.holds(top), !m.holds(low) && !m.holds(top):
			r := m.judge(top)
			r.Detail += of
			return judged{result: r, value: top, found: true}, nil
		}
		return judged{result: probe.NotChecked(probe.Needs("process_start_time_seconds in the application's metrics",
			probe.Unknownf(probe.ReasonUnpinned, "the increase is between %.4g and %.4g: a counter appeared in the window, and its first value may be older%s", low, top, of)))}, nil
	})
}
