// Package load reads the results of load tests: k6 and vegeta.
package load

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/thenexusengine/catalyst_exporter/evidence/report"
	"github.com/thenexusengine/catalyst_exporter/evidence/report/stream"
)

// K6 parses the summaries of k6: the machine-readable one of version 1.5 (k6_machine.go), and the two older ones, in which thresholds have opposite meanings:
//   - --summary-export: a metric contains its numbers directly, and "thresholds":{"p(95)<500":true} means that the
//     threshold was crossed.
//   - handleSummary's data: numbers are in "values", and "thresholds":{"p(95)<500":{"ok":true}} means that it was met.
//
// A bare true next to "values" is ambiguous and rejected. Times are in milliseconds. http_req_failed is the ratio of
// failed requests.
func K6(in *stream.Input, r *report.Report) error {
	r.Tool = "k6"
	j := stream.NewJSON(in.Reader)
	metrics := 0
	err := j.Object(func(key string) error {
		switch key {
		case "metrics":
		case "results":
			return j.Object(func(key string) error { return k6Results(j, r, key) })
		case "config":
			return j.Object(func(key string) error {
				if key != "duration" {
					return j.Skip()
				}
				return k6Seconds(j, r, 1)
			})
		case "state":
			return j.Object(func(key string) error {
				if key != "testRunDurationMs" {
					return j.Skip()
				}
				return k6Seconds(j, r, 1000)
			})
		case "metadata":
			return j.Object(func(key string) error {
				if key != "generated_at" {
					return j.Skip()
				}
				text := ""
				err := j.String(&text)
				if t, err := time.Parse(time.RFC3339Nano, text); err == nil {
					r.SetTime(t)
				}
				return err
			})
		default:
			return j.Skip() // root_group, options, setup_data: names and parameters of tests
		}
		return j.Object(func(name string) error {
			metrics++
			return k6Metric(j, r, name)
		})
	})
	if err != nil {
		return err
	}
	setLoadRate(r)
	return j.End()
}

func k6Metric(j *stream.JSON, r *report.Report, name string) error {
	flat, inner := map[string]float64{}, map[string]float64{}
	values := false
	crossed, bare := map[string]bool{}, false
	number := func(into map[string]float64, key string) error {
		switch key {
		case "p(95)", "rate", "value", "count":
			var v float64
			ok, err := j.Number(&v)
			if ok {
				into[key] = v
			}
			return err
		}
		return j.Skip()
	}
	err := j.Object(func(key string) error {
		switch key {
		case "values":
			values = true
			return j.Object(func(key string) error { return number(inner, key) })
		case "thresholds":
			return j.Object(func(expression string) error {
				is, plain, err := k6Threshold(j)
				if len(crossed) >= report.MaxPackages {
					return j.Invalid("more than %d thresholds in one metric", report.MaxPackages)
				}
				crossed[report.Name(expression)] = is || crossed[report.Name(expression)]
				bare = bare || plain
				return err
			})
		}
		return number(flat, key)
	})
	if err != nil {
		return err
	}
	if bare && values {
		return j.Invalid("ambiguous threshold: true means met in one k6 summary format and crossed in the other")
	}
	for _, expression := range slices.Sorted(maps.Keys(crossed)) {
		if !crossed[expression] {
			r.Counts.Passed++
			continue
		}
		r.Counts.Failed++
		r.List(report.Finding{Rule: report.Name(name) + " " + expression})
	}
	if values {
		flat = inner
	}
	if name == "checks" && len(crossed) == 0 {
		k6Checks(r, flat)
	}
	return k6Value(j, r, name, flat)
}

// k6Threshold parses true (crossed) or {"ok":true} (met).
func k6Threshold(j *stream.JSON) (crossed, bare bool, err error) {
	c, err := j.Next()
	if err != nil {
		return false, false, j.Cut(err)
	}
	if c == 't' || c == 'f' {
		err = j.Bool(&crossed)
		return crossed, true, err
	}
	said, ok := false, false
	err = j.Object(func(key string) error {
		if key != "ok" {
			return j.Skip()
		}
		said = true
		return j.Bool(&ok)
	})
	if err == nil && !said {
		err = j.Invalid("threshold is neither ok nor crossed")
	}
	return !ok, false, err
}

// k6Checks evaluates the script's checks. k6 itself does not fail because of them, unless a threshold requires it.
func k6Checks(r *report.Report, v map[string]float64) {
	rate, ok := v["rate"] // handleSummary
	if !ok {
		rate, ok = v["value"]
	}
	if ok && rate < 1 {
		r.Doubt(report.Incurable, fmt.Sprintf("%.4g %% of the script's checks failed", 100*(1-rate)))
	}
}

// k6Value stores the values of k6's built-in metrics.
func k6Value(j *stream.JSON, r *report.Report, name string, v map[string]float64) error {
	for _, n := range v {
		if n < 0 {
			return j.Invalid("negative number")
		}
	}
	switch name {
	case "http_reqs":
		if count, ok := v["count"]; ok && count < math.MaxInt64/2 {
			r.Counts.Requests = int64(count)
		}
		if rate, ok := v["rate"]; ok {
			r.SetMeasure(report.RequestRate, rate)
		}
	case "http_req_duration":
		if p, ok := v["p(95)"]; ok {
			r.SetMeasure(report.P95Seconds, p/1000)
		}
	case "http_req_failed":
		share, ok := v["rate"] // handleSummary
		if !ok {
			share, ok = v["value"]
		}
		if ok && share > 1 {
			return j.Invalid("ratio above 1")
		}
		if ok {
			r.SetMeasure(report.ErrorRatio, share)
		}
	}
	return nil
}

// Vegeta parses `vegeta report -type json`: latencies in nanoseconds, success as the ratio of 2xx and 3xx responses.
func Vegeta(in *stream.Input, r *report.Report) error {
	r.Tool = "vegeta"
	j := stream.NewJSON(in.Reader)
	var p95, rate, success float64
	var hasP95, hasRate, hasSuccess bool
	var end, latest string
	err := j.Object(func(key string) (err error) {
		switch key {
		case "requests":
			return j.Integer(&r.Counts.Requests)
		case "rate":
			hasRate, err = j.Number(&rate)
			return err
		case "success":
			hasSuccess, err = j.Number(&success)
			return err
		case "end":
			return j.String(&end)
		case "latest":
			return j.String(&latest)
		case "latencies":
			return j.Object(func(key string) (err error) {
				if key != "95th" {
					return j.Skip()
				}
				hasP95, err = j.Number(&p95)
				return err
			})
		}
		return j.Skip()
	})
	if err == nil {
		err = j.End()
	}
	if err == nil && (r.Counts.Requests < 0 || rate < 0 || p95 < 0 || success < 0 || success > 1) {
		err = j.Invalid("number out of range")
	}
	if err != nil {
		r.Counts.Requests = 0
		return err
	}
	for _, text := range []string{latest, end} {
		if t, err := time.Parse(time.RFC3339Nano, text); err == nil && t.Year() > 1 { // vegeta writes year 1 if nothing was sent
			r.SetTime(t)
		}
	}
	if hasRate {
		r.SetMeasure(report.RequestRate, rate)
	}
	setLoadRate(r)
	if hasSuccess {
		r.SetMeasure(report.ErrorRatio, 1-success)
	}
	if hasP95 {
		r.SetMeasure(report.P95Seconds, p95/1e9)
	}
	return nil
}
