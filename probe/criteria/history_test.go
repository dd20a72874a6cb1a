package criteria

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/attest"
	"github.com/thenexusengine/catalyst_exporter/internal/parts"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// history is what a Prometheus recorded: samples every 15 seconds, by family.
type history struct {
	now      time.Time
	families map[string][]string
}

const interval = 15 * time.Second

// series records a value over the minutes before now. NaN records no sample.
func (h *history) series(name string, minutes int, value func(ago time.Duration) float64) {
	family, _, _ := strings.Cut(name, "{")
	for ago := time.Duration(minutes) * time.Minute; ago >= -time.Minute; ago -= interval {
		if v := value(ago); !math.IsNaN(v) {
			h.families[family] = append(h.families[family], fmt.Sprintf("%s %v %d", name, v, h.now.Add(-ago).Unix()))
		}
	}
}

func (h *history) text() string {
	var b strings.Builder
	for _, f := range slices.Sorted(func(yield func(string) bool) {
		for f := range h.families {
			if !yield(f) {
				return
			}
		}
	}) {
		fmt.Fprintf(&b, "# TYPE %s unknown\n%s\n", f, strings.Join(h.families[f], "\n"))
	}
	return b.String() + "# EOF\n"
}

// steady grows by a rate per second, from a value 100 hours ago.
func steady(rate float64) func(time.Duration) float64 {
	return func(ago time.Duration) float64 { return math.Round(rate * (360000 - ago.Seconds())) }
}

// since begins a while ago.
func since(minutes float64, value func(time.Duration) float64) func(time.Duration) float64 {
	return func(ago time.Duration) float64 {
		if ago.Minutes() > minutes {
			return math.NaN()
		}
		return value(ago)
	}
}

func constant(v float64) func(time.Duration) float64 { return func(time.Duration) float64 { return v } }

// job records scrapes of one instance.
func (h *history) job(name string, up func(time.Duration) float64) {
	h.series(fmt.Sprintf(`up{job=%q,instance="a"}`, name), 30, up)
}

func (h *history) counter(family, job, labels string, value func(time.Duration) float64) {
	h.series(fmt.Sprintf(`%s{job=%q,instance="a"%s}`, family, job, labels), 30, value)
}

func (h *history) buckets(job string, instance string, rate float64, shares map[string]float64) {
	for le, share := range shares {
		h.series(fmt.Sprintf(`lat_bucket{job=%q,instance=%q,le=%q}`, job, instance, le), 30, steady(rate*share))
	}
}

// TestMeasurements measures what a real Prometheus recorded. Each case has a job of its own.
func TestMeasurements(t *testing.T) {
	const (
		shares  = "{errors: [req_total, other_total], below: 0.01}"
		latency = "{p95: [lat], below: 0.2}"
		dbs     = "{increase: [db_total], at_most: 0}"
		backups = "{age: [backup_time], below: 93600}"
	)
	start := func(h *history, job string, ago float64) {
		h.counter("process_start_time_seconds", job, "", constant(float64(h.now.Unix())-ago*60))
	}
	type recorded func(h *history, job string)
	tests := []struct {
		name, spec string
		record     recorded
		state      probe.State
		reason     probe.Reason
		detail     string
	}{
		{"sound", shares, func(h *history, j string) {
			h.counter("req_total", j, `,code="200"`, steady(10))
			h.counter("req_total", j, `,code="500"`, steady(0.01))
		}, probe.StatePass, "", "by label code"},
		{"a fifth are errors", shares, func(h *history, j string) {
			h.counter("req_total", j, `,code="200"`, steady(8))
			h.counter("req_total", j, `,code="503"`, steady(2))
		}, probe.StateFail, probe.ReasonThreshold, "by label code"},
		{"the label is status_code", shares, func(h *history, j string) {
			h.counter("req_total", j, `,status_code="200"`, steady(8))
			h.counter("req_total", j, `,status_code="500"`, steady(2))
		}, probe.StateFail, probe.ReasonThreshold, "by label status_code"},
		{"words", shares, func(h *history, j string) {
			h.counter("req_total", j, `,status="ok"`, steady(8))
			h.counter("req_total", j, `,status="err"`, steady(2))
		}, probe.StateFail, probe.ReasonThreshold, "by label status"},
		{"no label tells errors", shares, func(h *history, j string) { h.counter("req_total", j, `,path="/"`, steady(8)) },
			probe.StateUnknown, probe.ReasonMissing, "no label"},
		{"unknown words", shares, func(h *history, j string) {
			h.counter("req_total", j, `,status="A"`, steady(8))
			h.counter("req_total", j, `,status="B"`, steady(2))
		}, probe.StateUnknown, probe.ReasonUnpinned, "between 0 and 1"},
		{"unknown words of little traffic", shares, func(h *history, j string) {
			h.counter("req_total", j, `,status="ok"`, steady(100))
			h.counter("req_total", j, `,status="B"`, steady(0.1))
		}, probe.StatePass, "", ""},
		{"another family fails", shares, func(h *history, j string) {
			h.counter("req_total", j, `,code="200"`, steady(8))
			h.counter("other_total", j, `,code="200"`, steady(8))
			h.counter("other_total", j, `,code="500"`, steady(2))
		}, probe.StateFail, probe.ReasonThreshold, "other_total"},
		{"another family is idle", shares, func(h *history, j string) {
			h.counter("req_total", j, `,code="200"`, steady(8))
			h.counter("other_total", j, `,code="200"`, constant(8))
		}, probe.StatePass, "", ""},
		{"idle", shares, func(h *history, j string) { h.counter("req_total", j, `,code="200"`, constant(800)) },
			probe.StatePending, probe.ReasonInProgress, "no traffic"},
		{"too little traffic", shares, func(h *history, j string) {
			h.counter("req_total", j, `,code="200"`, steady(0.015))
			h.counter("req_total", j, `,code="500"`, steady(0.004))
		}, probe.StatePending, probe.ReasonInProgress, "too few"},
		{"errors appear with their first value, scraped before", shares, func(h *history, j string) {
			h.counter("req_total", j, `,code="200"`, steady(1))
			h.counter("req_total", j, `,code="500"`, since(3, constant(100)))
		}, probe.StateFail, probe.ReasonThreshold, ""},
		{"an instance of several", shares, func(h *history, j string) {
			h.counter("req_total", j, `,code="200"`, steady(1000))
			h.series(fmt.Sprintf(`req_total{job=%q,instance="b",code="200"}`, j), 30, steady(1))
			h.series(fmt.Sprintf(`req_total{job=%q,instance="b",code="500"}`, j), 30, steady(1))
		}, probe.StateWarn, probe.ReasonThreshold, "1 of 2 instances"},
		{"scraped for two minutes only", shares, func(h *history, j string) { h.counter("req_total", j, `,code="200"`, since(2, steady(10))) },
			probe.StateUnknown, probe.ReasonStale, "has data of job"},
		{"scrapes fail", shares, func(h *history, j string) { h.counter("req_total", j, `,code="200"`, steady(10)) },
			probe.StateFail, probe.ReasonUnhealthy, "of the scrapes"},
		{"started with the window", shares, func(h *history, j string) {
			start(h, j, 3)
			h.counter("req_total", j, `,code="200"`, since(3, steady(0.01)))
			h.counter("req_total", j, `,code="500"`, since(3, constant(50)))
		}, probe.StateFail, probe.ReasonThreshold, ""},
		{"appeared with the target, of unknown age", shares, func(h *history, j string) {
			start(h, j, 300)
			h.counter("req_total", j, `,code="200"`, since(3, steady(10)))
			h.counter("req_total", j, `,code="500"`, since(3, constant(50)))
		}, probe.StateUnknown, probe.ReasonUnpinned, "first value"},

		{"database errors", dbs, func(h *history, j string) { h.counter("db_total", j, "", steady(0.1)) }, probe.StateFail, probe.ReasonThreshold, "db_total"},
		{"no database error", dbs, func(h *history, j string) { h.counter("db_total", j, "", constant(7)) }, probe.StatePass, "", ""},
		{"the first database error", dbs, func(h *history, j string) { h.counter("db_total", j, "", since(2, constant(1))) },
			probe.StateFail, probe.ReasonThreshold, ""},
		{"no such counter", dbs, func(h *history, j string) {}, probe.StateUnknown, probe.ReasonNotConfigured, "only other jobs"},

		{"fast", latency, func(h *history, j string) {
			h.buckets(j, "a", 10, map[string]float64{"0.1": 0.96, "0.5": 1, "+Inf": 1})
		}, probe.StatePass, "", ""},
		{"slow", latency, func(h *history, j string) {
			h.buckets(j, "a", 10, map[string]float64{"0.1": 0.5, "0.2": 0.9, "0.5": 1, "+Inf": 1})
		},
			probe.StateFail, probe.ReasonThreshold, "above 0.2"},
		{"slower than the highest bucket", latency, func(h *history, j string) {
			h.buckets(j, "a", 10, map[string]float64{"0.1": 0.5, "0.2": 0.5, "+Inf": 1})
		},
			probe.StateFail, probe.ReasonThreshold, ""},
		{"slower than the highest bucket, which is below the threshold", latency, func(h *history, j string) {
			h.buckets(j, "a", 10, map[string]float64{"0.05": 0.5, "0.1": 0.5, "+Inf": 1})
		}, probe.StateUnknown, probe.ReasonThreshold, "highest bucket"},
		{"coarse", latency, func(h *history, j string) { h.buckets(j, "a", 10, map[string]float64{"0.1": 0.5, "0.5": 1, "+Inf": 1}) },
			probe.StateUnknown, probe.ReasonThreshold, "too coarse"},
		{"a slow instance", latency, func(h *history, j string) {
			h.buckets(j, "a", 1000, map[string]float64{"0.1": 1, "0.2": 1, "+Inf": 1})
			h.buckets(j, "b", 1, map[string]float64{"0.1": 0.1, "0.2": 0.5, "+Inf": 1})
		}, probe.StateWarn, probe.ReasonThreshold, "1 of 2 instances"},

		{"recent backup", backups, func(h *history, j string) { h.counter("backup_time", j, "", constant(float64(h.now.Unix()-3600))) }, probe.StatePass, "", ""},
		{"old backup", backups, func(h *history, j string) { h.counter("backup_time", j, "", constant(float64(h.now.Unix()-360000))) }, probe.StateFail, probe.ReasonThreshold, ""},
		{"never", backups, func(h *history, j string) { h.counter("backup_time", j, "", constant(0)) }, probe.StateFail, probe.ReasonThreshold, ""},
		{"milliseconds", backups, func(h *history, j string) { h.counter("backup_time", j, "", constant(float64(h.now.UnixMilli()))) }, probe.StateUnknown, probe.ReasonInvalid, "milliseconds"},
		{"the future", backups, func(h *history, j string) { h.counter("backup_time", j, "", constant(float64(h.now.Unix()+7200))) }, probe.StateUnknown, probe.ReasonInvalid, "future"},
		{"an age", backups, func(h *history, j string) { h.counter("backup_time", j, "", constant(3600)) }, probe.StateUnknown, probe.ReasonInvalid, "not a Unix time"},
		{"one of two old", backups, func(h *history, j string) {
			h.counter("backup_time", j, `,db="a"`, constant(float64(h.now.Unix()-3600)))
			h.counter("backup_time", j, `,db="b"`, constant(float64(h.now.Unix()-360000)))
		}, probe.StateWarn, probe.ReasonStale, "1 of 2"},
	}
	h := &history{now: time.Now(), families: map[string][]string{}}
	for i, tt := range tests {
		job := fmt.Sprintf("job-%d", i)
		switch tt.name {
		case "scraped for two minutes only":
			h.job(job, since(2, constant(1)))
		case "started with the window", "appeared with the target, of unknown age":
			h.job(job, since(3, constant(1)))
		case "scrapes fail":
			h.job(job, func(ago time.Duration) float64 { return float64(int(ago.Minutes()) % 2) })
		default:
			h.job(job, constant(1))
		}
		tt.record(h, job)
	}
	server := parts.PrometheusHistory(t, h.text())
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := probetest.NewPass(t, nil, settingsAt(server.URL, fmt.Sprintf("job-%d", i)))
			r := probetest.Look(t, p, PrometheusQueryKind(), tt.spec)
			probetest.Expect(t, r, tt.state, tt.reason, tt.detail)
			if r.State == probe.StateUnknown && r.Remedy == "" {
				t.Errorf("unknown without a remedy: %+v", r)
			}
		})
	}
}

// TestMeasurements_OfOtherJobs has a staging job in the same Prometheus.
func TestMeasurements_OfOtherJobs(t *testing.T) {
	h := &history{now: time.Now(), families: map[string][]string{}}
	for _, job := range []string{"app", "staging"} {
		h.job(job, constant(1))
	}
	h.counter("req_total", "app", `,code="200"`, steady(8))
	h.counter("req_total", "app", `,code="500"`, steady(2))
	h.counter("req_total", "staging", `,code="200"`, steady(5000))
	h.counter("only_total", "staging", `,code="200"`, steady(5))
	h.counter("both_total", "staging", `,code="200"`, steady(5))
	h.counter("both_total", "test", `,code="200"`, steady(5))
	h.counter("saved", "backup", ``, constant(float64(h.now.Unix()-360000)))
	h.counter("saved", "staging", ``, constant(float64(h.now.Unix()-60)))
	server := parts.PrometheusHistory(t, h.text())
	look := func(job, spec string) probe.Result {
		return probetest.Look(t, probetest.NewPass(t, nil, settingsAt(server.URL, job)), PrometheusQueryKind(), spec)
	}
	probetest.Expect(t, look("app", "{errors: [req_total], below: 0.01}"), probe.StateFail, probe.ReasonThreshold, `job "app"`)
	probetest.Expect(t, look("staging", "{errors: [req_total], below: 0.01}"), probe.StatePass, "", `job "staging"`)
	probetest.Expect(t, look("app", "{errors: [only_total], below: 0.01}"), probe.StateUnknown, probe.ReasonNotConfigured, `"staging"`)
	probetest.Expect(t, look("", "{errors: [only_total], below: 0.01}"), probe.StateWarn, probe.ReasonUnpinned, `measured in job "staging"`)
	probetest.Expect(t, look("", "{errors: [both_total], below: 0.01}"), probe.StateUnknown, probe.ReasonNotConfigured, `"staging", "test"`)
	probetest.Expect(t, look("app", "{errors: [absent_total], below: 0.01}"), probe.StateUnknown, probe.ReasonEmpty, "no data of absent_total")
	probetest.Expect(t, look("app", "{age: [saved], below: 93600}"), probe.StateFail, probe.ReasonThreshold, `job "backup"`)
}

// TestMeasurements_AfterRelease covers the hour after the release record.
func TestMeasurements_AfterRelease(t *testing.T) {
	now := time.Now()
	h := &history{now: now, families: map[string][]string{}}
	record := func(job string, up func(time.Duration) float64, ok, bad func(time.Duration) float64) {
		h.series(fmt.Sprintf(`up{job=%q,instance="a"}`, job), 90, up)
		h.series(fmt.Sprintf(`req_total{job=%q,instance="a",code="200"}`, job), 90, ok)
		h.series(fmt.Sprintf(`req_total{job=%q,instance="a",code="500"}`, job), 90, bad)
	}
	between := func(from, to float64, inside, outside float64) func(time.Duration) float64 {
		return func(ago time.Duration) float64 {
			if ago.Minutes() <= from && ago.Minutes() >= to {
				return inside
			}
			return outside
		}
	}
	record("sound", constant(1), steady(10), steady(0.001))
	record("bad", constant(1), steady(10), steady(1))
	record("down", between(40, 25, 0, 1), steady(10), steady(0.001))
	record("gap", between(40, 25, math.NaN(), 1), steady(10), steady(0.001))
	record("idle", constant(1), constant(5), constant(0))
	record("settling", between(70, 66, 0, 1), steady(10), steady(0.001))
	server := parts.PrometheusHistory(t, h.text())
	for job, tt := range map[string]struct {
		ago    time.Duration // of the record
		state  probe.State
		reason probe.Reason
		detail string
	}{
		"sound":    {70 * time.Minute, probe.StatePass, "", ""},
		"bad":      {70 * time.Minute, probe.StateFail, probe.ReasonThreshold, ""},
		"down":     {70 * time.Minute, probe.StateFail, probe.ReasonUnhealthy, "of the scrapes"},
		"gap":      {70 * time.Minute, probe.StateUnknown, probe.ReasonStale, "needs 90 %"},
		"idle":     {70 * time.Minute, probe.StateWarn, probe.ReasonEmpty, "no traffic"},
		"settling": {70 * time.Minute, probe.StatePass, "", ""},
	} {
		t.Run(job, func(t *testing.T) {
			r := probetest.Recorded("1", probetest.CommitOne)
			r.At = now.Add(-tt.ago)
			p := probetest.Released(t, probetest.NewPass(t, nil, settingsAt(server.URL, job)), []attest.Record{r}...)
			probetest.Expect(t, probetest.Look(t, p, PrometheusQueryKind(), "{errors: [req_total], below: 0.01, after_release: 1h}"), tt.state, tt.reason, tt.detail)
		})
	}
	r := probetest.Recorded("1", probetest.CommitOne)
	r.At = now.Add(-30 * time.Minute)
	p := probetest.Released(t, probetest.NewPass(t, nil, settingsAt(server.URL, "bad")), r)
	probetest.Expect(t, probetest.Look(t, p, PrometheusQueryKind(), "{errors: [req_total], below: 0.01, after_release: 1h}"), probe.StatePending, probe.ReasonInProgress, "measured until")
}

// TestMeasurements_OfTargets holds the targets that are up against the replicas of the compose file.
func TestMeasurements_OfTargets(t *testing.T) {
	h := &history{now: time.Now(), families: map[string][]string{}}
	up := func(job, instance string, value func(time.Duration) float64) {
		h.series(fmt.Sprintf(`up{job=%q,instance=%q}`, job, instance), 30, value)
	}
	gone := func(ago time.Duration) float64 {
		if ago.Minutes() < 10 {
			return math.NaN()
		}
		return 1
	}
	for _, instance := range []string{"a", "b"} {
		for _, job := range []string{"three", "two", "gone"} {
			up(job, instance, constant(1))
		}
	}
	up("three", "c", constant(1))
	up("gone", "c", gone)
	up("down", "a", constant(1))
	up("down", "b", constant(0))
	up("one", "a", constant(1))
	server := parts.PrometheusHistory(t, h.text())
	compose := func(replicas int) probetest.Folder {
		return probetest.Folder{"compose.yaml": fmt.Sprintf("services: {catalyst: {image: a, deploy: {replicas: %d}}}\n", replicas)}
	}
	for _, tt := range []struct {
		job    string
		files  probetest.Folder
		state  probe.State
		reason probe.Reason
		detail string
	}{
		{"three", compose(3), probe.StatePass, "", "3 of 3"},
		{"three", compose(2), probe.StatePass, "", ""},
		{"one", nil, probe.StatePass, "", "1 of 1"},
		{"two", compose(3), probe.StateWarn, probe.ReasonMissing, "2 of 3"},
		{"gone", compose(3), probe.StateFail, probe.ReasonThreshold, "2 of 3"},
		{"down", compose(2), probe.StateFail, probe.ReasonThreshold, "1 of 2"},
		{"down", nil, probe.StateFail, probe.ReasonThreshold, "1 of 2"},
		{"nothing", compose(1), probe.StateUnknown, probe.ReasonEmpty, "no targets"},
	} {
		p := probetest.NewPass(t, tt.files, settingsAt(server.URL, tt.job))
		probetest.Expect(t, probetest.Look(t, p, PrometheusQueryKind(), "{targets: true, at_least: 1}"), tt.state, tt.reason, tt.detail)
	}
}

// TestMeasurements_AfterRollback: the hour starts anew, and what the release that was rolled back did does not count.
func TestMeasurements_AfterRollback(t *testing.T) {
	now := time.Now()
	h := &history{now: now, families: map[string][]string{}}
	burst := func(ago time.Duration) float64 { // ten errors a second from 170 to 80 minutes ago
		return 10 * min(max(170*60-ago.Seconds(), 0), 90*60)
	}
	h.series(`up{job="app",instance="a"}`, 240, constant(1))
	h.series(`req_total{job="app",instance="a",code="200"}`, 240, steady(10))
	h.series(`req_total{job="app",instance="a",code="500"}`, 240, burst)
	server := parts.PrometheusHistory(t, h.text())
	const spec = "{errors: [req_total], below: 0.01, after_release: 1h}"
	at := func(r attest.Record, minutes int) attest.Record {
		r.At = now.Add(-time.Duration(minutes) * time.Minute)
		return r
	}
	first, second := at(probetest.Recorded("1", probetest.CommitOne), 230), at(probetest.Recorded("2", probetest.CommitTwo), 160)
	back := func(minutes int) attest.Record {
		return at(attest.Record{Phase: attest.PhaseRolledBack, Release: first.Release, Of: 2, Reinstates: 1}, minutes)
	}
	for name, tt := range map[string]struct {
		records []attest.Record
		state   probe.State
		reason  probe.Reason
	}{
		"the bad release":      {[]attest.Record{first, second}, probe.StateFail, probe.ReasonThreshold},
		"rolled back, over":    {[]attest.Record{first, second, back(75)}, probe.StatePass, ""},
		"rolled back just now": {[]attest.Record{first, second, back(20)}, probe.StatePending, probe.ReasonInProgress},
	} {
		t.Run(name, func(t *testing.T) {
			p := probetest.Released(t, probetest.NewPass(t, nil, settingsAt(server.URL, "app")), tt.records...)
			probetest.Expect(t, probetest.Look(t, p, PrometheusQueryKind(), spec), tt.state, tt.reason, "")
		})
	}
}
