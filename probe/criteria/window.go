package criteria

import (
	"context"
	"fmt"
	"math"
	"net/url"
	"time"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/phrase"
	"github.com/thenexusengine/catalyst_exporter/probe/promapi"
	"github.com/thenexusengine/catalyst_exporter/probe/release"
	"github.com/thenexusengine/catalyst_exporter/schema"
)

// The time over which a value is measured, and whether Prometheus has the data of all of it. A gap in the data, or a
// target that was down, hides errors: the application counts none while it does not run.

// window is a span of time that ends at a moment.
type window struct {
	length  time.Duration
	at      time.Time     // its end; the zero time is now
	covered time.Duration // the part at its end that must have data
	closed  bool          // the window of a release, which is over
}

// seconds formats a duration for PromQL.
func seconds(d time.Duration) string { return fmt.Sprintf("%dms", max(d.Milliseconds(), 1000)) }

// window returns the window of a measurement. While that of a release is open, the result is pending. After a rollback
// it begins with the rollback.
func (s *prometheusQuery) window(p *probe.Pass) (window, probe.Result, error) {
	settle := s.Settle.Std()
	c, err := release.Chain(p)
	if s.Release == nil {
		w := window{length: s.Window.Std(), covered: s.Window.Std()}
		if err != nil {
			return w, probe.Result{}, nil
		}
		if r := c.Recorded(); r != nil {
			w.covered = min(w.covered, max(p.Time.Sub(r.Since)-settle, 0))
		}
		return w, probe.Result{}, nil
	}
	if err != nil {
		return window{}, probe.Result{}, err
	}
	r := c.Recorded()
	if r == nil {
		return window{}, probe.Result{}, probe.SkipRelease()
	}
	length := s.Release.Std() - min(settle, s.Release.Std()/4)
	w := window{length: length, at: r.Since.Add(s.Release.Std()), covered: length, closed: true}
	if p.Time.Before(w.at) {
		return w, probe.Pending(probe.ReasonInProgress, "measured until %s", w.at.UTC().Format(time.RFC3339)), nil
	}
	return w, probe.Result{}, nil
}

// noTraffic is the result without anything to measure: pending, since traffic may come. After the window of a release
// none will come.
func (m *measuring) noTraffic() probe.Result {
	if m.window.closed {
		return probe.Warned(probe.ReasonEmpty, "no traffic in the %s before %s: errors would not have been seen", phrase.Duration(m.window.length),
			m.window.at.UTC().Format(time.RFC3339))
	}
	return probe.Pending(probe.ReasonInProgress, "no traffic to measure yet")
}

// coverage is how much of a window Prometheus has of a job.
type coverage struct {
	share  float64 // of the window, with at least one scrape
	up     float64 // share of the scrapes that succeeded
	failed float64 // number of the scrapes that failed
}

// covered replaces a result by what the coverage of its window says. A failure stands: what was seen is enough.
func (m *measuring) covered(ctx context.Context, r probe.Result, job string) (probe.Result, error) {
	if r.State >= probe.StateUnknown || len(m.Queries) > 0 && m.Release == nil || m.MinCoverage == 0 && m.MinUp == 0 {
		return r, nil
	}
	interval, err := m.scrapeInterval(ctx, job)
	if err != nil {
		return promapi.JudgeError(m.pass, "the coverage", err, false)
	}
	steps := m.window.covered / max(2*interval, m.window.covered/60)
	if steps < 2 {
		return r, nil // just released
	}
	c, err := m.coverage(ctx, job, steps)
	if err != nil {
		return promapi.JudgeError(m.pass, "the coverage", err, false)
	}
	switch {
	case c.share < m.MinCoverage:
		return probe.NotChecked(probe.Needs(fmt.Sprintf("a Prometheus that scrapes job %q without gaps, or %s", job, deployment.PrometheusService.Setting("job")),
			probe.Unknownf(probe.ReasonStale, "Prometheus has data of job %q for %.0f %% of the %s, needs %.0f %%", job, math.Floor(100*c.share),
				phrase.Duration(m.window.covered), 100*m.MinCoverage))), nil
	case c.up < m.MinUp && c.failed > 1:
		return probe.Failed(probe.ReasonUnhealthy, "%.0f %% of the scrapes of job %q succeeded in the %s, must be %.0f %%", math.Floor(100*c.up), job,
			phrase.Duration(m.window.covered), 100*m.MinUp), nil
	}
	return r, nil
}

// coverage divides the window into steps: one without any scrape is a gap.
func (m *measuring) coverage(ctx context.Context, job string, steps time.Duration) (coverage, error) {
	up := selector("up", job)
	span := seconds(m.window.covered)
	query := fmt.Sprintf(`label_replace(sum(count_over_time(group(count_over_time(%[1]s[%[3]s]))[%[2]s:%[3]s])), "part", "steps", "", "")`+
		` or label_replace(sum(count_over_time(%[1]s[%[2]s])), "part", "scrapes", "", "")`+
		` or label_replace(sum(sum_over_time(%[1]s[%[2]s])), "part", "up", "", "")`, up, span, seconds(m.window.covered/steps))
	all, err := promapi.Query(ctx, m.pass, query, m.window.at)
	if err != nil {
		return coverage{}, err
	}
	part := map[string]float64{}
	for _, v := range promapi.Real(all) {
		part[v.Metric["part"]] = v.Number
	}
	c := coverage{share: min(1, part["steps"]/float64(steps))}
	if part["scrapes"] > 0 {
		c.up, c.failed = part["up"]/part["scrapes"], part["scrapes"]-part["up"]
	}
	return c, nil
}

// defaultInterval is Prometheus' own scrape interval without a configured one.
const defaultInterval = time.Minute

// scrapeInterval returns the longest interval at which a job is scraped. Where the targets do not say it, it is taken
// from the samples of the window, or is the default.
func (m *measuring) scrapeInterval(ctx context.Context, job string) (time.Duration, error) {
	intervals, err := probe.Once(ctx, m.pass, intervalsKey{}, func(ctx context.Context) (map[string]time.Duration, error) {
		targets, err := promapi.Get[struct {
			ActiveTargets []struct {
				Labels         map[string]string `json:"labels"`
				ScrapeInterval string            `json:"scrapeInterval"`
			} `json:"activeTargets"`
		}](ctx, m.pass, "/api/v1/targets", url.Values{"state": {"active"}})
		all := map[string]time.Duration{}
		for _, t := range targets.ActiveTargets {
			var d schema.Duration
			if d.UnmarshalText([]byte(t.ScrapeInterval)) == nil {
				all[t.Labels["job"]] = max(all[t.Labels["job"]], d.Std())
			}
		}
		return all, err
	})
	if d := intervals[job]; err == nil && d > 0 {
		return d, nil
	}
	samples, err := promapi.Query(ctx, m.pass, fmt.Sprintf("max(count_over_time(%s[%s]))", selector("up", job), seconds(m.window.covered)), m.window.at)
	for _, v := range promapi.Real(samples) {
		if v.Number > 1 {
			return m.window.covered / time.Duration(v.Number), err
		}
	}
	return defaultInterval, err
}

type intervalsKey struct{}
