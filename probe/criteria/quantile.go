package criteria

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/promapi"
)

// The 95th percentile of a duration. A classic histogram tells only in which bucket it is: the estimate inside of a
// bucket, and that above the highest one, can be on the wrong side of the threshold. A native histogram is fine enough
// for its estimate.

const wantedQuantile = 0.95

func (m *measuring) quantile(ctx context.Context) (probe.Result, error) {
	var families []string
	for _, name := range m.P95 {
		families = append(families, name+"_bucket", name)
	}
	return m.each(ctx, families, func(c carrier) (judged, error) {
		if !strings.HasSuffix(c.family, "_bucket") {
			return m.native(ctx, c)
		}
		series, err := m.growth(ctx, c, "le")
		if err != nil {
			return judged{}, err
		}
		return m.judgeBuckets(c, series), nil
	})
}

// bucket counts the observations up to a bound.
type bucket struct{ bound, count float64 }

// bucketsOf sums the buckets of instances. Only bounds that all of them have are comparable.
func bucketsOf(series []grown) (sum []bucket, instances map[string][]bucket) {
	instances = map[string][]bucket{}
	for _, g := range series {
		bound, err := strconv.ParseFloat(g.labels["le"], 64)
		if err != nil {
			continue
		}
		name := g.labels["instance"]
		if i := slices.IndexFunc(instances[name], func(b bucket) bool { return b.bound == bound }); i >= 0 {
			instances[name][i].count += g.low // le="1" and le="1.0"
			continue
		}
		instances[name] = append(instances[name], bucket{bound, g.low})
	}
	shared := map[float64]int{}
	counts := map[float64]float64{}
	for _, buckets := range instances {
		slices.SortFunc(buckets, func(a, b bucket) int { return compare(a.bound, b.bound) })
		for _, b := range buckets {
			shared[b.bound]++
			counts[b.bound] += b.count
		}
	}
	for bound, n := range shared {
		if n == len(instances) {
			sum = append(sum, bucket{bound, counts[bound]})
		}
	}
	slices.SortFunc(sum, func(a, b bucket) int { return compare(a.bound, b.bound) })
	return sum, instances
}

func compare(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// place returns the bounds of the bucket that holds a quantile, an estimate inside of it, and the number of
// observations.
func place(buckets []bucket, q float64) (low, high, estimate, total float64) {
	if len(buckets) == 0 || !math.IsInf(buckets[len(buckets)-1].bound, 1) {
		return 0, 0, 0, 0
	}
	total = buckets[len(buckets)-1].count
	rank := q * total
	before := 0.0
	for i, b := range buckets {
		if b.count < rank && i < len(buckets)-1 {
			low, before = b.bound, max(before, b.count)
			continue
		}
		high = b.bound
		break
	}
	estimate = low
	for _, b := range buckets {
		if b.bound == high && !math.IsInf(high, 1) && b.count > before {
			estimate = low + (high-low)*(rank-before)/(b.count-before)
		}
	}
	return low, high, estimate, total
}

func (m *measuring) judgeBuckets(c carrier, series []grown) judged {
	sum, instances := bucketsOf(series)
	_, threshold := m.bound()
	low, high, estimate, total := place(sum, wantedQuantile)
	of := fmt.Sprintf("%s in job %q", strings.TrimSuffix(c.family, "_bucket"), c.job)
	switch {
	case total == 0:
		return judged{result: m.noTraffic(), idle: true}
	case total < m.MinTraffic:
		return judged{result: m.littleTraffic(total), idle: true}
	case low >= threshold: // the percentile is above the lower bound of its bucket
		r := probe.Failed(probe.ReasonThreshold, "the 95th percentile is above %v, must be %s (%s)", low, m.limit(), of)
		return judged{result: r, value: max(low, estimate), found: true}
	case high > threshold:
		what := fmt.Sprintf("between %v and %v", low, high)
		if math.IsInf(high, 1) {
			what = fmt.Sprintf("above %v, the highest bucket", low)
		}
		return judged{value: estimate, found: true, result: probe.NotChecked(probe.Needs(fmt.Sprintf("a bucket boundary at %v in the application's histogram", threshold),
			probe.Unknownf(probe.ReasonThreshold, "the buckets are too coarse: the 95th percentile is %s, must be %s (%s)", what, m.limit(), of)))}
	}
	over := 0
	for _, buckets := range instances {
		if l, _, _, n := place(buckets, wantedQuantile); n >= m.MinTraffic && l >= threshold {
			over++
		}
	}
	r := m.judge(estimate)
	if r.State == probe.StatePass {
		r.Detail += " (" + of + ")"
	}
	if over > 0 {
		r = probe.Warned(probe.ReasonThreshold, "%d of %d instances exceed the threshold, their sum does not: 95th percentile of %s", over, len(instances), of)
	}
	return judged{result: r, value: estimate, found: true}
}

// limit returns the bound in words.
func (m *measuring) limit() string {
	words, _ := m.bound()
	return words
}

// native judges a native histogram.
func (m *measuring) native(ctx context.Context, c carrier) (judged, error) {
	sum := fmt.Sprintf("increase(%s[%s])", selector(c.family, c.job), seconds(m.window.length))
	query := fmt.Sprintf(`label_replace(histogram_quantile(%[1]v, sum(%[2]s)), "part", "all", "", "")`+
		` or label_replace(histogram_count(sum(%[2]s)), "part", "count", "", "")`+
		` or label_replace(histogram_quantile(%[1]v, sum by (instance) (%[2]s)) and histogram_count(sum by (instance) (%[2]s)) >= %[3]v, "part", "instance", "", "")`,
		wantedQuantile, sum, m.MinTraffic)
	all, err := promapi.Query(ctx, m.pass, query, m.window.at)
	if err != nil {
		return judged{}, err
	}
	var value, count float64
	found, over, instances := false, 0, 0
	for _, v := range promapi.Real(all) {
		switch v.Metric["part"] {
		case "all":
			value, found = v.Number, true
		case "count":
			count = v.Number
		case "instance":
			instances++
			if !m.holds(v.Number) {
				over++
			}
		}
	}
	of := fmt.Sprintf("%s in job %q", c.family, c.job)
	switch {
	case !found && count == 0 && len(all) == 0:
		return judged{result: probe.NotChecked(probe.Needs("a histogram, or custom queries ("+deployment.PrometheusService.Setting("job")+" names the job)",
			probe.Unknownf(probe.ReasonMismatch, "%s is not a histogram", of)))}, nil
	case count == 0:
		return judged{result: m.noTraffic(), idle: true}, nil
	case count < m.MinTraffic:
		return judged{result: m.littleTraffic(count), idle: true}, nil
	}
	r := m.judge(value)
	r.Detail += " (" + of + ")"
	if r.State == probe.StatePass && over > 0 {
		r = probe.Warned(probe.ReasonThreshold, "%d of %d instances exceed the threshold, their sum does not: 95th percentile of %s", over, instances, of)
	}
	return judged{result: r, value: value, found: true}, nil
}
