package criteria

import (
	"context"
	"fmt"
	"io"
	"math"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/internal/parts"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// TestLasting asks a real Prometheus about the last minutes of a recorded history.
func TestLasting(t *testing.T) {
	h := &history{now: time.Now().Truncate(interval), families: map[string][]string{}}
	mark := parts.Secret()
	between := func(from, to float64, inside, outside func(time.Duration) float64) func(time.Duration) float64 {
		return func(ago time.Duration) float64 {
			if m := ago.Minutes(); m <= from && m >= to {
				return inside(ago)
			}
			return outside(ago)
		}
	}
	none := constant(math.NaN())
	h.job("app", constant(1))
	h.series(`depth{queue="mail"}`, 30, constant(3))
	h.series(`depth{queue="jobs"}`, 30, constant(5))
	h.series(`peak{queue="mail"}`, 30, constant(3))
	h.series(`peak{queue="jobs",api_token="`+mark+`"}`, 30, between(6, 5, constant(50), constant(5)))
	h.series(`early{queue="a"}`, 30, between(25, 20, constant(50), constant(5)))
	h.series(`pause{queue="a"}`, 30, between(7, 4, none, constant(1)))
	h.series(`pause{queue="b"}`, 30, constant(1))
	h.series(`ended{queue="a"}`, 30, between(4, -2, none, constant(1)))
	h.series(`young{queue="a"}`, 30, since(4, constant(1)))
	h.series(`both{queue="a"}`, 30, between(7, 4, none, constant(1)))
	h.series(`both{queue="b"}`, 30, constant(9))
	h.series(`requests_total{job="app"}`, 30, steady(10))
	server := parts.PrometheusHistory(t, h.text())
	for name, test := range map[string]struct {
		spec   string
		state  probe.State
		reason probe.Reason
		detail string
	}{
		"held":                     {"queries: [depth], below: 6, for: 10m", probe.StatePass, "", "below 6 for the last 10m"},
		"both bounds":              {"queries: [depth], at_least: 3, at_most: 5, for: 10m", probe.StatePass, "", ""},
		"the first with data":      {"queries: [nothing_here, depth], below: 6, for: 10m", probe.StatePass, "", ""},
		"rate":                     {"queries: ['rate(requests_total[2m])'], above: 5, for: 10m", probe.StatePass, "", ""},
		"before the time":          {"queries: [early], below: 6, for: 10m", probe.StatePass, "", ""},
		"a longer pause allowed":   {"queries: [pause], below: 6, for: 10m, max_gap: 5m", probe.StatePass, "", ""},
		"constant":                 {"queries: ['vector(1)'], below: 6, for: 10m", probe.StatePass, "", ""},
		"one of two outside":       {"queries: [depth], below: 4, for: 10m", probe.StateFail, probe.ReasonThreshold, `value of {queue="jobs"} was 5 in the last 10m`},
		"all outside":              {"queries: [depth], below: 1, for: 10m", probe.StateFail, probe.ReasonThreshold, `{queue="mail"}`},
		"a peak":                   {"queries: [peak], below: 6, for: 10m", probe.StateFail, probe.ReasonThreshold, `value of {queue="jobs"} was 50`},
		"too little":               {"queries: [depth], at_least: 4, for: 10m", probe.StateFail, probe.ReasonThreshold, `value of {queue="mail"} was 3`},
		"the only series":          {"queries: [early], below: 6, for: 26m", probe.StateFail, probe.ReasonThreshold, "value was 50"},
		"outside, other has a gap": {"queries: [both], below: 6, for: 10m", probe.StateFail, probe.ReasonThreshold, `{queue="b"}`},
		"a gap":                    {"queries: [pause], below: 6, for: 10m", probe.StateUnknown, probe.ReasonStale, `value of {queue="a"} is missing`},
		"ended":                    {"queries: [ended], below: 6, for: 10m", probe.StateUnknown, probe.ReasonStale, "missing"},
		"too young":                {"queries: [young], below: 6, for: 10m", probe.StateUnknown, probe.ReasonStale, "missing"},
		"not a number":             {"queries: ['depth / 0 * 0'], below: 6, for: 10m", probe.StateUnknown, probe.ReasonStale, "missing"},
		"not finite":               {"queries: ['depth / 0'], above: 6, for: 10m", probe.StateUnknown, probe.ReasonStale, "missing"},
		"sometimes nothing":        {"queries: ['depth > 4'], above: 4, for: 10m", probe.StatePass, "", ""},
		"filter hides the fault":   {"queries: ['peak{queue=\"jobs\"} < 6'], below: 6, for: 10m", probe.StateUnknown, probe.ReasonStale, "missing"},
		"no data":                  {"queries: [nothing_here], below: 6, for: 10m", probe.StateUnknown, probe.ReasonEmpty, "no data"},
		"syntax":                   {"queries: ['up{'], below: 6, for: 10m", probe.StateUnknown, probe.ReasonInvalid, "rejects the query"},
		"range vector":             {"queries: ['up[5m]'], below: 6, for: 10m", probe.StateUnknown, probe.ReasonInvalid, "rejects the query"},
		"instant, several series":  {"queries: [depth], below: 4", probe.StateFail, probe.ReasonThreshold, `value of {queue="jobs"} is 5, must be below 4`},
	} {
		t.Run(name, func(t *testing.T) {
			p := probetest.NewPass(t, nil, settingsAt(server.URL, "app"))
			p.Now = func() time.Time { return h.now }
			got := probetest.Look(t, p, PrometheusQueryKind(), "{"+test.spec+"}")
			probetest.Expect(t, got, test.state, test.reason, test.detail)
			probetest.HasNot(t, got, mark)
		})
	}
}

// While Prometheus itself was down, functions over a range have values of time that nobody saw.
func TestLasting_PrometheusDown(t *testing.T) {
	h := &history{now: time.Now().Truncate(interval), families: map[string][]string{}}
	down := func(value func(time.Duration) float64) func(time.Duration) float64 {
		return func(ago time.Duration) float64 {
			if m := ago.Minutes(); m < 7 && m > 4 {
				return math.NaN()
			}
			return value(ago)
		}
	}
	h.job("app", down(constant(1)))
	h.counter("errors_total", "app", "", down(constant(0)))
	server := parts.PrometheusHistory(t, h.text())
	p := probetest.NewPass(t, nil, settingsAt(server.URL, "app"))
	p.Now = func() time.Time { return h.now }
	const query = "{queries: ['rate(errors_total[10m])'], at_most: 0, for: "
	probetest.Expect(t, probetest.Look(t, p, PrometheusQueryKind(), query+"10m}"), probe.StateUnknown, probe.ReasonStale, "scraped nothing")
	probetest.Expect(t, probetest.Look(t, p, PrometheusQueryKind(), query+"3m}"), probe.StatePass, "", "")
}

// What is not the response to a range query is unknown.
func TestLasting_Faults(t *testing.T) {
	t.Parallel()
	const spec = "{queries: [depth], below: 6, for: 10m}"
	for name, body := range map[string]string{
		"HTML": "<html>", "empty": "", "null": `{"status":"success","data":null}`, "cut": `{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[1,"1"]`,
		"vector":      `{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"1"]}]}}`,
		"text":        `{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[1,"mark"]]}]}}`,
		"number":      `{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[1,1]]}]}}`,
		"odd":         `{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[],["mark"]]}]}}`,
		"nothing":     `{"status":"success","data":{"resultType":"matrix","result":[]}}`,
		"no values":   `{"status":"success","data":{"resultType":"matrix","result":[{"metric":{}}]}}`,
		"other times": `{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[1,"1"],[1.5,"1"]]}]}}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := probetest.Site(t, map[string]http.HandlerFunc{"*": probetest.Says(200, body)})
			got := probetest.Look(t, probetest.NewPass(t, nil, settingsAt(s.URL, "app")), PrometheusQueryKind(), spec)
			if got.State != probe.StateUnknown || strings.Contains(got.Detail, "mark") {
				t.Errorf("%+v", got)
			}
		})
	}
	for _, fault := range probetest.Faults(t) {
		if fault.Name == "TLS port" {
			continue // judged by status
		}
		t.Run(fault.Name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), parts.Patience)
			if fault.Reason == probe.ReasonTimeout {
				ctx, cancel = context.WithTimeout(t.Context(), 500*time.Millisecond)
			}
			defer cancel()
			p := probetest.NewPass(t, nil, settingsAt("http://"+fault.Address, "app"))
			got := probe.Run(ctx, probetest.Load(t, PrometheusQueryKind(), spec), p)
			probetest.Expect(t, got, probe.StateUnknown, fault.Reason, "")
		})
	}
}

// A store without the series up does not tell whether it was scraped; its own series do.
func TestLasting_WithoutUp(t *testing.T) {
	now := time.Now().Truncate(interval)
	s := probetest.Site(t, map[string]http.HandlerFunc{"*": func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.FormValue("query"), "up[") {
			_, _ = io.WriteString(w, `{"status":"success","data":{"resultType":"matrix","result":[]}}`)
			return
		}
		var values []string
		for at := now.Add(-10 * time.Minute); !at.After(now); at = at.Add(minStep) {
			value := "1"
			if strings.HasPrefix(r.FormValue("query"), "timestamp(") {
				value = strconv.FormatInt(at.Unix(), 10)
			}
			values = append(values, fmt.Sprintf(`[%d,%q]`, at.Unix(), value))
		}
		_, _ = io.WriteString(w, `{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[`+strings.Join(values, ",")+`]}]}}`)
	}})
	p := probetest.NewPass(t, nil, settingsAt(s.URL, "app"))
	p.Now = func() time.Time { return now }
	probetest.Expect(t, probetest.Look(t, p, PrometheusQueryKind(), "{queries: [depth], below: 6, for: 10m}"), probe.StatePass, "", "")
}

func TestLasting_Refused(t *testing.T) {
	for _, spec := range []string{
		"{errors: [a], below: 1, for: 10m}", "{queries: [a], below: 1, for: 10m, after_release: 1h}", "{queries: [a], below: 1, for: 10m, traffic: [b]}",
		"{queries: [a], below: 1, for: 10m, buckets: [b]}", "{queries: [a], for: 10m}", "{queries: [a], below: 1, for: 1s}", "{queries: [a], below: 1, max_gap: 1s}",
	} {
		if _, problems := probetest.Decode(PrometheusQueryKind(), spec); len(problems) == 0 {
			t.Errorf("%s loads", spec)
		}
	}
}
