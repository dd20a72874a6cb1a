package load

import (
	"github.com/thenexusengine/catalyst_exporter/evidence/report"
	"github.com/thenexusengine/catalyst_exporter/evidence/report/stream"
)

// The machine-readable summary of k6 1.5: {"config":{"duration":…},"metadata":{…},"results":{"checks":{…},"metrics":[…]}}.
// Metrics are a list, and times are in milliseconds as in the others. It has no thresholds: k6's exit status is 99 when
// one was crossed, which the record states.

// k6Results reads a member of its results.
func k6Results(j *stream.JSON, r *report.Report, key string) error {
	switch key {
	case "metrics":
		return j.Array(func() error { return k6Listed(j, r) })
	case "checks":
		return j.Object(func(key string) error {
			if key != "metrics" {
				return j.Skip()
			}
			return j.Array(func() error { return k6Listed(j, r) })
		})
	}
	return j.Skip()
}

// k6Listed reads one metric of the list. Its name may follow its values.
func k6Listed(j *stream.JSON, r *report.Report) error {
	name, v := "", map[string]float64{}
	err := j.Object(func(key string) error {
		switch key {
		case "name":
			return j.String(&name)
		case "values":
			return j.Object(func(key string) error {
				switch key {
				case "p95", "p(95)", "rate", "count":
				default:
					return j.Skip()
				}
				var n float64
				ok, err := j.Number(&n)
				if key == "p95" {
					key = "p(95)"
				}
				if ok {
					v[key] = n
				}
				return err
			})
		}
		return j.Skip()
	})
	if err != nil {
		return err
	}
	if name == "checks_succeeded" {
		k6Checks(r, v)
	}
	return k6Value(j, r, name, v)
}

// k6Seconds reads the duration of the run; scale is its units per second.
func k6Seconds(j *stream.JSON, r *report.Report, scale float64) error {
	var v float64
	ok, err := j.Number(&v)
	if ok && v > 0 {
		r.SetMeasure(report.LoadSeconds, v/scale)
	}
	return err
}

// setLoadRate derives the duration from the requests and their rate, or the rate from the duration, where one is missing.
func setLoadRate(r *report.Report) {
	rate, hasRate := r.Measures[report.RequestRate]
	seconds, hasSeconds := r.Measures[report.LoadSeconds]
	requests := float64(r.Counts.Requests)
	switch {
	case hasRate && !hasSeconds && rate > 0 && requests > 0:
		r.SetMeasure(report.LoadSeconds, requests/rate)
	case hasSeconds && !hasRate && seconds > 0 && requests > 0:
		r.SetMeasure(report.RequestRate, requests/seconds)
	}
}
