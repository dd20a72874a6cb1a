package criteria

import (
	"context"
	"fmt"

	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/promapi"
)

// The age of a timestamp. A value that is no Unix time in seconds, or that lies in the future, has no age: subtracted
// from the time it is small or negative, and would hold any upper bound.

const (
	clockSkew    = 300.0 // seconds by which clocks may differ
	earliestTime = 1e9   // 2001
)

func invalidTime(what string) error {
	return probe.Needs("a metric with the Unix time in seconds", probe.Unknownf(probe.ReasonInvalid, "%s", what))
}

func (m *measuring) age(ctx context.Context) (probe.Result, error) {
	return m.each(ctx, m.Age, func(c carrier) (judged, error) {
		of := selector(c.family, c.job)
		all, err := promapi.Query(ctx, m.pass, fmt.Sprintf(`label_replace(time() - %[1]s, "catalyst_part", "age", "", "") or label_replace(%[1]s, "catalyst_part", "time", "", "")`, of), m.window.at)
		if err != nil {
			return judged{}, err
		}
		return m.judgeAges(c, all), nil
	})
}

// judgeAges judges the series of one family: the newest decides, since each instance and each kind of backup may have
// its own; an older one is a warning.
func (m *measuring) judgeAges(c carrier, all []promapi.Sample) judged {
	of := fmt.Sprintf(" (%s in job %q)", c.family, c.job)
	youngest, found, old, series := 0.0, false, 0, 0
	for _, v := range promapi.Real(all) {
		if v.Metric["catalyst_part"] != "age" {
			if v.Number > 0 && v.Number < earliestTime || v.Number < 0 {
				return judged{result: probe.NotChecked(invalidTime("the value is not a Unix time in seconds" + of))}
			}
			continue
		}
		if v.Number < -clockSkew {
			return judged{result: probe.NotChecked(invalidTime("the time is in the future or in milliseconds" + of))}
		}
		series++
		age := max(v.Number, 0)
		if !m.holds(age) {
			old++
		}
		if !found || age < youngest {
			youngest, found = age, true
		}
	}
	if !found {
		return judged{result: probe.NotChecked(probe.Needs("a Prometheus that scrapes the metric", probe.Unknownf(probe.ReasonStale, "Prometheus has no current value%s", of)))}
	}
	r := m.judge(youngest)
	r.Detail += of
	if r.State == probe.StatePass && old > 0 {
		r = probe.Warned(probe.ReasonStale, "%d of %d series are older than the threshold, the newest is not%s", old, series, of)
	}
	return judged{result: r, value: youngest, found: true}
}
