package probe

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/thenexusengine/catalyst_exporter/deployment"
)

func TestOpenMetricsEnd(t *testing.T) {
	const own = "# TYPE pbs_requests counter\npbs_requests_total 3\n"
	for _, tt := range []struct {
		kind, body string
		state      State
		reason     Reason
	}{
		{"application/openmetrics-text; version=1.0.0; charset=utf-8", own + "# EOF\n", StatePass, ""},
		{"application/openmetrics-text; version=1.0.0", own + "# EOF", StatePass, ""},
		{"application/openmetrics-text; version=1.0.0", own, StateFail, ReasonTruncated},
		{"application/openmetrics-text; version=1.0.0", own + "# EOF\npbs_other_total 3\n", StateFail, ReasonTruncated},
		{"application/openmetrics-text; version=1.0.0", own + "# EOF\n# EOF\n", StateFail, ReasonTruncated},
		{"text/plain; version=0.0.4", own, StatePass, ""},
		{"", own, StatePass, ""},
	} {
		s := site(t, map[string]http.HandlerFunc{"/metrics": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", tt.kind)
			_, _ = w.Write([]byte(tt.body))
		}})
		expect(t, look(t, newPass(t, nil, apiAt(s.URL)), appMetricsKind(), "{}"), tt.state, tt.reason, "")
	}
}

func TestAppMetrics(t *testing.T) {
	own := "# HELP pbs_requests_total x\n# TYPE pbs_requests_total counter\npbs_requests_total{code=\"200\"} 3\n"
	ours := "catalyst_check_ok{category=\"a\",item=\"b\"} 1\ncatalyst_ready 1\ngo_goroutines 7\n"
	many := strings.Repeat("other_metric{a=\"b\"} 1\n", 60000)
	for name, tt := range map[string]struct {
		status   int
		body     string
		prefixes []string
		state    State
		reason   Reason
		detail   string
	}{
		"the application's":        {200, own + "go_goroutines 7\n", nil, StatePass, "", "1 metrics of the application, 2 in total"},
		"catalyst_":                {200, "catalyst_http_requests_total 1\n", nil, StatePass, "", ""},
		"another prefix":           {200, own, []string{"ads_"}, StateFail, ReasonMissing, "none begins with ads_"},
		"declared, without sample": {200, "# HELP pbs_x x\n# TYPE pbs_x counter\n", nil, StateFail, ReasonEmpty, "no sample"},
		"this exporter":            {200, ours, nil, StateFail, ReasonMismatch, "served by this exporter"},
		"a measured value of ours": {200, "catalyst_backup_size_bytes 1\n", nil, StateFail, ReasonMismatch, ""},
		"both":                     {200, ours + own, nil, StatePass, "", "1 metrics of"},
		"somebody else's":          {200, "go_goroutines 7\n", nil, StateFail, ReasonMissing, "none begins with pbs_ or catalyst_"},
		"a page":                   {200, "<!doctype html>pbs_x 1\n", nil, StateFail, ReasonMismatch, "a page"},
		"JSON":                     {200, `{"pbs_x": 1}`, nil, StateFail, ReasonInvalid, "line 1"},
		"a fault further down":     {200, own + "marked text\n", nil, StateFail, ReasonInvalid, "line 4"},
		"nothing":                  {200, " \n", nil, StateFail, ReasonEmpty, ""},
		"404":                      {404, "no", nil, StateFail, ReasonNotPublished, ""},
		"500":                      {500, own, nil, StateFail, ReasonUnhealthy, ""},
		"403":                      {403, own, nil, StateUnknown, ReasonPermissionDenied, ""},
		"429":                      {429, own, nil, StateUnknown, ReasonThreshold, ""},
		"long":                     {200, own + many, nil, StatePass, "", ""},
		"long, without":            {200, many, nil, StateUnknown, ReasonTruncated, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := apiAt(site(t, map[string]http.HandlerFunc{"/metrics": says(tt.status, tt.body)}).URL)
			s.App.MetricPrefixes = tt.prefixes
			r := look(t, newPass(t, nil, s), appMetricsKind(), "{}")
			expect(t, r, tt.state, tt.reason, tt.detail)
			hasNot(t, r, "marked")
		})
	}
	away := site(t, map[string]http.HandlerFunc{"/metrics": func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://elsewhere.invalid/metrics", http.StatusFound)
	}})
	expect(t, look(t, newPass(t, nil, apiAt(away.URL)), appMetricsKind(), "{}"), StateFail, ReasonMismatch, "another host")
	for _, f := range faults(t) {
		t.Run(f.name, func(t *testing.T) {
			ctx, cancel := contextFor(t, true)
			defer cancel()
			r := Look(ctx, load(t, appMetricsKind(), "{}"), newPass(t, nil, apiAt("http://"+f.address)))
			if r.State == StatePass {
				t.Errorf("%+v", r)
			}
		})
	}
}

func TestSampleName(t *testing.T) {
	for line, want := range map[string]string{
		`a 1`:                                  "a",
		`a:b_c9 1.5e3 1700000000000`:           "a:b_c9",
		`a{} NaN`:                              "a",
		`a {b="c"} +Inf`:                       "a",
		`a{b="c",} 1`:                          "a",
		`a{b="}\" ,",c="\\"} 1`:                "a",
		`a{ b = "c" , d="" } 1`:                "a",
		`a_bucket{le="1"} 1 # {trace="x"} 0.5`: "a_bucket",
		`a`:                                    "",
		`a x`:                                  "",
		`a 1 2 3`:                              "",
		`a 0x10`:                               "",
		`9a 1`:                                 "",
		`a-b 1`:                                "",
		`a{b=c} 1`:                             "",
		`a{b="c} 1`:                            "",
		`a{b="c"d="e"} 1`:                      "",
		`a{b:c="d"} 1`:                         "",
		`a{="d"} 1`:                            "",
		`a{b="c"}`:                             "",
		`"a" 1`:                                "",
		`{"a"} 1`:                              "",
	} {
		name, ok := sampleName(line)
		if ok != (want != "") || ok && name != want {
			t.Errorf("%s: %q %v", line, name, ok)
		}
	}
}

func FuzzSampleNames(f *testing.F) {
	f.Add("# HELP a b\na{b=\"c\"} 1 2\n")
	f.Add("a{b=\"\\\"} 1\n\xff")
	f.Fuzz(func(t *testing.T, text string) {
		names, line := sampleNames(text)
		if line > 0 && names != nil || line < 0 || names[""] {
			t.Errorf("%v %d", names, line)
		}
	})
}

func TestAuctionRefusal(t *testing.T) {
	for status, want := range map[int]struct {
		state  State
		reason Reason
	}{
		200: {StateFail, ReasonOpen}, 204: {StateFail, ReasonOpen},
		302: {StateUnknown, ReasonMismatch},
		400: {StatePass, ""}, 422: {StatePass, ""}, 499: {StatePass, ""},
		401: {StateUnknown, ReasonPermissionDenied}, 403: {StateUnknown, ReasonPermissionDenied}, 407: {StateUnknown, ReasonPermissionDenied},
		404: {StateUnknown, ReasonMissing}, 405: {StateUnknown, ReasonMissing},
		408: {StateUnknown, ReasonTimeout}, 429: {StateUnknown, ReasonThreshold},
		500: {StateFail, ReasonUnhealthy}, 503: {StateFail, ReasonUnhealthy},
	} {
		s := site(t, map[string]http.HandlerFunc{"/openrtb2/auction": says(status, "")})
		expect(t, look(t, newPass(t, nil, apiAt(s.URL)), auctionRefusalKind(), "{}"), want.state, want.reason, "")
	}
	k := auctionRefusalKind()
	if !k.Active {
		t.Error("it does more than read, and is on without being asked for")
	}
}

func TestAuctionRefusalIsRecognisable(t *testing.T) {
	var asked atomic.Int32
	s := site(t, map[string]http.HandlerFunc{"/bid": func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		data, _ := io.ReadAll(r.Body)
		var body struct {
			Test int
			Imp  []any
		}
		if err := json.Unmarshal(data, &body); err != nil || body.Test != 1 || len(body.Imp) != 0 || r.Method != http.MethodPost || r.Header.Get("X-Catalyst-Exporter") != "test" ||
			!strings.HasPrefix(r.UserAgent(), "catalyst_exporter") {
			t.Errorf("%s %s %v", r.Method, data, r.Header)
		}
		w.WriteHeader(http.StatusBadRequest)
	}})
	expect(t, look(t, newPass(t, nil, apiAt(s.URL)), auctionRefusalKind(), "{path: /bid}"), StatePass, "", "refused an invalid bid request with 400")
	if n := asked.Load(); n != 1 {
		t.Errorf("asked %d times", n)
	}
}

func TestAuctionRefusalDropped(t *testing.T) {
	dropped := listener(t, func(c net.Conn) { _, _ = c.Read(make([]byte, 1)) })
	expect(t, look(t, newPass(t, nil, apiAt("http://"+dropped)), auctionRefusalKind(), "{}"), StateFail, ReasonUnhealthy, "drops the connection")
	cut := site(t, map[string]http.HandlerFunc{"/openrtb2/auction": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		w.WriteHeader(http.StatusBadRequest)
		_, _ = w.Write([]byte("half"))
	}})
	expect(t, look(t, newPass(t, nil, apiAt(cut.URL)), auctionRefusalKind(), "{}"), StateFail, ReasonUnhealthy, "drops the connection")
	expect(t, look(t, newPass(t, nil, apiAt("http://127.0.0.1:1")), auctionRefusalKind(), "{}"), StateFail, ReasonUnreachable, "")
}

// It asks again when a release is recorded, not when one is planned.
func TestAuctionRefusalKey(t *testing.T) {
	p := newPass(t, nil, deployment.Settings{})
	s := &auctionRefusal{}
	before := s.Key(p)
	p = released(t, p, planned("1.0", commitOne))
	if s.Key(p) != before {
		t.Error("planning changes it")
	}
	p = released(t, p, recorded("1.0", commitOne))
	if s.Key(p) == before {
		t.Error("recording does not change it")
	}
	if s.Key(p) != s.Key(again(p)) {
		t.Error("it changes by itself")
	}
}
