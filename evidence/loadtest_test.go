package evidence

import (
	"strings"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/evidence/report"
)

const (
	k6Export = `{"root_group":{"name":"","checks":{}},"metrics":{
"http_req_duration":{"avg":20,"p(90)":30,"p(95)":45.5,"thresholds":{"p(95)<500":false,"p(99)<900":false}},
"http_req_duration{expected_response:true}":{"p(95)":1},"http_reqs":{"count":6000,"rate":20.5},"http_req_failed":{"passes":6,"fails":5994,"value":0.001,"thresholds":{"rate<0.01":false}}}}`
	k6Handle = `{"options":{"summaryTrendStats":["avg"]},"state":{"testRunDurationMs":300000},"metrics":{
"http_req_duration":{"type":"trend","contains":"time","values":{"avg":20,"p(95)":45.5},"thresholds":{"p(95)<500":{"ok":true},"p(99)<900":{"ok":true}}},
"http_reqs":{"type":"counter","contains":"default","values":{"count":6000,"rate":20.5}},"http_req_failed":{"thresholds":{"rate<0.01":{"ok":true}},"values":{"rate":0.001,"passes":6,"fails":5994}}},"root_group":{"name":""}}`
	vegetaReport = `{"latencies":{"total":1,"mean":2708734,"50th":1660630,"95th":45500000,"99th":66668177},"bytes_in":{"total":6540},"earliest":"2026-11-20T09:00:00Z","latest":"2026-11-20T09:59:59Z","end":"2026-11-20T10:00:00.25Z","duration":950171178,"requests":6000,"rate":20.5,"throughput":20.4,"success":0.999,"status_codes":{"200":5994,"0":6},"errors":[]}`
)

func goodLoadReports() []example {
	return []example{
		{name: "k6 summary export", kind: report.Load, text: k6Export},
		{name: "k6 handleSummary", kind: report.Load, text: k6Handle},
		{name: "vegeta", kind: report.Load, text: vegetaReport + "\n"},
	}
}

func swap(text string, pairs ...string) string { return strings.NewReplacer(pairs...).Replace(text) }

func TestK6(t *testing.T) {
	run(t, report.K6, []example{
		{name: "export", kind: report.Load, text: k6Export, state: Pass, detail: "20.5 requests/s, 0.1 % errors, 95 % of requests within 0.0455 s, 3 thresholds met", counts: &report.Counts{Passed: 3, Requests: 6000}},
		{name: "handleSummary", kind: report.Load, text: k6Handle, state: Pass, detail: "20.5 requests/s, 0.1 % errors, 95 % of requests within 0.0455 s, 3 thresholds met", counts: &report.Counts{Passed: 3, Requests: 6000}},
		{name: "export: true is crossed", kind: report.Load, text: swap(k6Export, `"p(99)<900":false`, `"p(99)<900":true`), state: Fail, reason: report.Threshold, detail: "1 of 3 thresholds not met: http_req_duration p(99)<900"},
		{name: "handleSummary: true is met", kind: report.Load, text: swap(k6Handle, `"p(99)<900":{"ok":true}`, `"p(99)<900":{"ok":false}`), state: Fail, reason: report.Threshold, detail: "1 of 3 thresholds not met: http_req_duration p(99)<900"},
		{name: "both mixed", kind: report.Load, text: swap(k6Handle, `"p(99)<900":{"ok":true}`, `"p(99)<900":false`), state: Unknown, reason: report.Invalid, detail: "ambiguous threshold"},
		{name: "threshold before values", kind: report.Load, text: swap(k6Handle, `"rate<0.01":{"ok":true}`, `"rate<0.01":true`), state: Unknown, reason: report.Invalid, detail: "ambiguous threshold"},
		{name: "threshold that says nothing", kind: report.Load, text: swap(k6Handle, `"p(99)<900":{"ok":true}`, `"p(99)<900":{}`), state: Unknown, reason: report.Invalid, detail: "neither ok nor crossed"},
		{name: "checks that hold", kind: report.Load, text: swap(k6Export, `"http_reqs":`, `"checks":{"passes":60,"fails":0,"value":1},"http_reqs":`), state: Pass},
		{name: "checks that do not", kind: report.Load, text: swap(k6Export, `"http_reqs":`, `"checks":{"passes":0,"fails":60,"value":0},"http_reqs":`), state: Warn, reason: report.Weak, detail: "100 % of the script's checks failed"},
		{name: "checks that do not, in the other summary", kind: report.Load, text: swap(k6Handle, `"http_reqs":`, `"checks":{"type":"rate","values":{"rate":0.75,"passes":45,"fails":15}},"http_reqs":`), state: Warn, reason: report.Weak, detail: "25 % of the script's checks"},
		{name: "checks within their threshold", kind: report.Load, text: swap(k6Export, `"http_reqs":`, `"checks":{"passes":59,"fails":1,"value":0.98,"thresholds":{"rate>0.95":false}},"http_reqs":`), state: Pass, detail: "4 thresholds met"},
		{name: "threshold of a metric of one's own", kind: report.Load, text: swap(k6Export, `"http_reqs":`, `"orders":{"count":0,"thresholds":{"count>5":true}},"http_reqs":`), state: Fail, reason: report.Threshold, detail: "orders count>5"},
		{name: "no thresholds", kind: report.Load, text: swap(k6Export, `thresholds`, `other`), state: Pass, counts: &report.Counts{Requests: 6000}},
		{name: "too slow", kind: report.Load, text: swap(k6Export, `"p(95)":45.5`, `"p(95)":200`), state: Fail, reason: report.Threshold, detail: "95 % of requests within 0.2 s, less than 0.2 s is required"},
		{name: "too many errors", kind: report.Load, text: swap(k6Handle, `"rate":0.001`, `"rate":0.01`), state: Fail, reason: report.Threshold, detail: "1 % errors, less than 1 % is allowed"},
		{name: "too few requests", kind: report.Load, text: swap(k6Handle, `"rate":20.5`, `"rate":14.99`), state: Fail, reason: report.Threshold, detail: "14.99 requests/s, at least 15 are required (1.5 times the expected 10)"},
		{name: "just enough requests", kind: report.Load, text: swap(k6Handle, `"rate":20.5`, `"rate":15`), state: Pass},
		{name: "no requests", kind: report.Load, text: swap(k6Export, `6000`, `0`), state: Fail, reason: report.Empty, detail: "no request was sent"},
		{name: "no web requests at all", kind: report.Load, text: `{"metrics":{"iterations":{"count":5,"rate":1}}}`, state: Fail, reason: report.Empty},
		{name: "not stated, thresholds met", kind: report.Load, text: swap(k6Export, `"p(95)":45.5,`, ``), state: Warn, reason: report.Weak, detail: "missing values: 95th percentile"},
		{name: "not stated, no thresholds", kind: report.Load, text: swap(k6Export, `"p(95)":45.5,`, ``, `thresholds`, `other`), state: Unknown, reason: report.Missing, detail: "missing values: 95th percentile"},
		{name: "share above one", kind: report.Load, text: swap(k6Export, `"value":0.001`, `"value":1.5`), state: Unknown, reason: report.Invalid, detail: "ratio above 1"},
		{name: "negative", kind: report.Load, text: swap(k6Export, `"rate":20.5`, `"rate":-1`), state: Unknown, reason: report.Invalid, detail: "negative number"},
		{name: "cut behind a crossed threshold", kind: report.Load, text: swap(k6Export, `"p(99)<900":false`, `"p(99)<900":true`)[:300], state: Fail, reason: report.Threshold},
	})
}

func TestVegeta(t *testing.T) {
	run(t, report.Vegeta, []example{
		{name: "good", kind: report.Load, text: vegetaReport, state: Pass, detail: "20.5 requests/s, 0.1 % errors, 95 % of requests within 0.0455 s", counts: &report.Counts{Requests: 6000}},
		{name: "too slow", kind: report.Load, text: swap(vegetaReport, `45500000`, `200000000`), state: Fail, reason: report.Threshold},
		{name: "errors", kind: report.Load, text: swap(vegetaReport, `"success":0.999`, `"success":0.9`), state: Fail, reason: report.Threshold, detail: "10 % errors"},
		{name: "no success stated", kind: report.Load, text: swap(vegetaReport, `"success":0.999`, `"success":null`), state: Unknown, reason: report.Missing, detail: "missing values: error ratio"},
		{name: "nothing sent", kind: report.Load, text: `{"latencies":{"95th":0},"earliest":"0001-01-01T00:00:00Z","latest":"0001-01-01T00:00:00Z","end":"0001-01-01T00:00:00Z","requests":0,"rate":0,"success":0}`, state: Fail, reason: report.Empty, detail: "no request was sent"},
		{name: "out of range", kind: report.Load, text: swap(vegetaReport, `"success":0.999`, `"success":99.9`), state: Unknown, reason: report.Invalid, detail: "number out of range"},
		{name: "negative", kind: report.Load, text: swap(vegetaReport, `"requests":6000`, `"requests":-6000`), state: Unknown, reason: report.Invalid},
		{name: "something behind", kind: report.Load, text: vegetaReport + vegetaReport, state: Unknown, reason: report.Invalid, detail: "data after the end"},
	})
	if r := parse(t, report.Load, vegetaReport); !r.Time.Equal(time.Date(2026, 11, 20, 10, 0, 0, 25e7, time.UTC)) {
		t.Errorf("made at %v", r.Time)
	}
}

func TestLoad_JUnit(t *testing.T) {
	run(t, report.JUnit, []example{
		{name: "met", kind: report.Load, text: `<testsuite><testcase name="p95"/></testsuite>`, state: Warn, reason: report.Weak, detail: "missing values: rate, error ratio, 95th percentile"},
		{name: "not met", kind: report.Load, text: `<testsuite name="k6"><testcase name="p95"><failure/></testcase></testsuite>`, state: Fail, reason: report.Threshold, detail: "1 of 1 threshold not met: p95 in k6"},
		{name: "empty", kind: report.Load, text: `<testsuite/>`, state: Fail, reason: report.Empty},
		{name: "skipped", kind: report.Load, text: `<testsuite><testcase name="p95"><skipped/></testcase></testsuite>`, state: Fail, reason: report.Empty},
	})
}

// TestLoad_Policy: an unset value is weak or has a default, a configured one is enforced.
func TestLoad_Policy(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(p *Policy)
		state  State
		reason report.Reason
		detail string
	}{
		{"no expected rate", func(p *Policy) { p.ExpectedRate = 0 }, Warn, report.Weak, "expected production rate is not configured"},
		{"factor", func(p *Policy) { p.RateFactor = 2.06 }, Fail, report.Threshold, "at least 20.6 are required (2.06 times"},
		{"errors", func(p *Policy) { p.MaxErrorRatio = 0.001 }, Fail, report.Threshold, "less than 0.1 % is allowed"},
		{"time", func(p *Policy) { p.MaxP95 = 45 * time.Millisecond }, Fail, report.Threshold, "less than 0.045 s is required"},
		{"more time", func(p *Policy) { p.MaxP95 = time.Second }, Pass, "", ""},
		{"89 days old", func(p *Policy) { p.Now = now.Add(89 * 24 * time.Hour) }, Pass, "", ""},
		{"90 days old", func(p *Policy) { p.Now = now.Add(90 * 24 * time.Hour) }, Fail, report.Stale, "older than 90 days"},
	} {
		p := policy
		tt.change(&p)
		for _, text := range []string{k6Export, k6Handle, vegetaReport} {
			if v := Judge(fresh(report.Load, text), p); v.State != tt.state || v.Reason != tt.reason || !strings.Contains(v.Detail, tt.detail) {
				t.Errorf("%s: %+v", tt.name, v)
			}
		}
	}
}
