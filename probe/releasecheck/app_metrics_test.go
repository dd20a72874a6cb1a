package releasecheck

import (
	"net/http"
	"strings"
	"testing"

	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

func TestOpenMetricsEnd(t *testing.T) {
	const own = "# TYPE pbs_requests counter\npbs_requests_total 3\n"
	for _, tt := range []struct {
		kind, body string
		state      probe.State
		reason     probe.Reason
	}{
		{"application/openmetrics-text; version=1.0.0; charset=utf-8", own + "# EOF\n", probe.StatePass, ""},
		{"application/openmetrics-text; version=1.0.0", own + "# EOF", probe.StatePass, ""},
		{"application/openmetrics-text; version=1.0.0", own, probe.StateFail, probe.ReasonTruncated},
		{"application/openmetrics-text; version=1.0.0", own + "# EOF\npbs_other_total 3\n", probe.StateFail, probe.ReasonTruncated},
		{"application/openmetrics-text; version=1.0.0", own + "# EOF\n# EOF\n", probe.StateFail, probe.ReasonTruncated},
		{"text/plain; version=0.0.4", own, probe.StatePass, ""},
		{"", own, probe.StatePass, ""},
	} {
		s := probetest.Site(t, map[string]http.HandlerFunc{"/metrics": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", tt.kind)
			_, _ = w.Write([]byte(tt.body))
		}})
		probetest.Expect(t, probetest.Look(t, probetest.NewPass(t, nil, probetest.APIAt(s.URL)), AppMetricsKind(), "{}"), tt.state, tt.reason, "")
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
		state    probe.State
		reason   probe.Reason
		detail   string
	}{
		"the application's":        {200, own + "go_goroutines 7\n", nil, probe.StatePass, "", "1 metrics of the application, 2 in total"},
		"catalyst_":                {200, "catalyst_http_requests_total 1\n", nil, probe.StatePass, "", ""},
		"another prefix":           {200, own, []string{"ads_"}, probe.StateFail, probe.ReasonMissing, "none begins with ads_"},
		"declared, without sample": {200, "# HELP pbs_x x\n# TYPE pbs_x counter\n", nil, probe.StateFail, probe.ReasonEmpty, "no sample"},
		"this exporter":            {200, ours, nil, probe.StateFail, probe.ReasonMismatch, "served by this exporter"},
		"a measured value of ours": {200, "catalyst_backup_size_bytes 1\n", nil, probe.StateFail, probe.ReasonMismatch, ""},
		"both":                     {200, ours + own, nil, probe.StatePass, "", "1 metrics of"},
		"somebody else's":          {200, "go_goroutines 7\n", nil, probe.StateFail, probe.ReasonMissing, "none begins with pbs_ or catalyst_"},
		"a page":                   {200, "<!doctype html>pbs_x 1\n", nil, probe.StateFail, probe.ReasonMismatch, "a page"},
		"JSON":                     {200, `{"pbs_x": 1}`, nil, probe.StateFail, probe.ReasonInvalid, "line 1"},
		"a fault further down":     {200, own + "marked text\n", nil, probe.StateFail, probe.ReasonInvalid, "line 4"},
		"nothing":                  {200, " \n", nil, probe.StateFail, probe.ReasonEmpty, ""},
		"404":                      {404, "no", nil, probe.StateFail, probe.ReasonNotPublished, ""},
		"500":                      {500, own, nil, probe.StateFail, probe.ReasonUnhealthy, ""},
		"403":                      {403, own, nil, probe.StateUnknown, probe.ReasonPermissionDenied, ""},
		"429":                      {429, own, nil, probe.StateUnknown, probe.ReasonThreshold, ""},
		"long":                     {200, own + many, nil, probe.StatePass, "", ""},
		"long, without":            {200, many, nil, probe.StateUnknown, probe.ReasonTruncated, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := probetest.APIAt(probetest.Site(t, map[string]http.HandlerFunc{"/metrics": probetest.Says(tt.status, tt.body)}).URL)
			s.App.MetricPrefixes = tt.prefixes
			r := probetest.Look(t, probetest.NewPass(t, nil, s), AppMetricsKind(), "{}")
			probetest.Expect(t, r, tt.state, tt.reason, tt.detail)
			probetest.HasNot(t, r, "marked")
		})
	}
	away := probetest.Site(t, map[string]http.HandlerFunc{"/metrics": func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://elsewhere.invalid/metrics", http.StatusFound)
	}})
	probetest.Expect(t, probetest.Look(t, probetest.NewPass(t, nil, probetest.APIAt(away.URL)), AppMetricsKind(), "{}"), probe.StateFail, probe.ReasonMismatch, "another host")
	for _, f := range probetest.Faults(t) {
		t.Run(f.Name, func(t *testing.T) {
			ctx, cancel := probetest.ContextFor(t, true)
			defer cancel()
			r := probe.Run(ctx, probetest.Load(t, AppMetricsKind(), "{}"), probetest.NewPass(t, nil, probetest.APIAt("http://"+f.Address)))
			if r.State == probe.StatePass {
				t.Errorf("%+v", r)
			}
		})
	}
}
