package httpcheck

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/parts"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

func TestHTTPResponse_Verdicts(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("/ok", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Strict-Transport-Security", "Max-Age=31536000; includeSubDomains")
		w.Header()["X-Frame-Options"] = []string{"DENY", "SAMEORIGIN"}
		w.Header().Set("Server", "nginx/1.27.2")
		w.Header().Set("X-Empty", "")
		w.Header().Add("Set-Cookie", "session=hidden-value; Secure; HttpOnly; SameSite=Lax")
		if r.Header.Get("Origin") != "" {
			w.Header().Set("Access-Control-Allow-Origin", "*")
		}
		_, _ = w.Write([]byte(`{"status":"ok","queue":{"depth":7},"note":"hidden-value"}`))
	})
	mux.HandleFunc("/loose", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Add("Set-Cookie", "a=hidden-value; Secure; HttpOnly; SameSite=Lax")
		w.Header().Add("Set-Cookie", "b=hidden-value; SameSite=None")
		_, _ = w.Write([]byte("Traceback (most recent call last): hidden-value"))
	})
	mux.HandleFunc("/broken", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) })
	mux.HandleFunc("/gone", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(404) })
	mux.HandleFunc("/to", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, r.URL.Query().Get("u"), http.StatusFound)
	})
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	at := deployment.Settings{Public: deployment.Public{URL: s.URL}}
	for name, test := range map[string]struct {
		spec   string
		reason probe.Reason // "" for a pass
		detail string
	}{
		"status":            {"{path: /ok}", "", "/ok returned 200"},
		"other status":      {"{path: /gone}", probe.ReasonMismatch, "returned 404"},
		"server error":      {"{path: /broken}", probe.ReasonUnhealthy, "returned 503"},
		"wanted 404":        {"{path: /gone, status: [404, 410]}", "", ""},
		"not the wanted":    {"{path: /ok, status: [404, 410]}", probe.ReasonMismatch, "returned 200"},
		"full URL":          {"{url: '" + s.URL + "/ok?token=hidden-value'}", "", ""},
		"HEAD":              {"{path: /ok, method: HEAD, headers: [{name: server}]}", "", ""},
		"HSTS":              {"{path: /ok, headers: [{name: strict-transport-security, matches: 'max-age=[1-9][0-9]{7}'}]}", "", ""},
		"HSTS, short":       {"{path: /ok, headers: [{name: Strict-Transport-Security, matches: 'max-age=[1-9][0-9]{8}'}]}", probe.ReasonMismatch, "Strict-Transport-Security does not match"},
		"no CSP":            {"{path: /ok, headers: [{name: Content-Security-Policy}]}", probe.ReasonMissing, "Content-Security-Policy is missing"},
		"empty header":      {"{path: /ok, headers: [{name: X-Empty}]}", probe.ReasonMissing, "X-Empty"},
		"one of two values": {"{path: /ok, headers: [{name: X-Frame-Options, matches: '^DENY$'}]}", probe.ReasonMismatch, "X-Frame-Options"},
		"version told":      {"{path: /ok, headers: [{name: Server, lacks: '[0-9]'}]}", probe.ReasonInvalid, "Server matches"},
		"header forbidden":  {"{path: /ok, headers: [{name: Server, absent: true}]}", probe.ReasonExposed, "Server must not"},
		"header absent":     {"{path: /ok, headers: [{name: X-Powered-By, absent: true}]}", "", ""},
		"CORS":              {"{path: /ok, send: {Origin: 'https://elsewhere.example'}, headers: [{name: Access-Control-Allow-Origin, absent: true}]}", probe.ReasonExposed, "Access-Control-Allow-Origin"},
		"CORS by rule":      {"{path: /ok, send: {Origin: 'https://elsewhere.example'}, headers: [{name: Access-Control-Allow-Origin, lacks: '^[*]$'}]}", probe.ReasonInvalid, "matches"},
		"nothing to lack":   {"{path: /ok, headers: [{name: Access-Control-Allow-Origin, lacks: '^[*]$'}]}", "", ""},
		"must match, gone":  {"{path: /ok, headers: [{name: X-None, matches: a, lacks: b}]}", probe.ReasonMissing, ""},
		"no CORS":           {"{path: /ok, headers: [{name: Access-Control-Allow-Origin, absent: true}]}", "", ""},
		"cookies":           {"{path: /ok, cookies: [secure, http_only, same_site]}", "", ""},
		"no cookie":         {"{path: /gone, status: [404], cookies: [secure]}", "", "it sets no cookie"},
		"loose cookie":      {"{path: /loose, cookies: [secure]}", probe.ReasonMissing, "lacks the attribute secure"},
		"SameSite None":     {"{path: /loose, cookies: [same_site]}", probe.ReasonMissing, "same_site"},
		"body":              {"{path: /ok, matches: ['\"status\":\\s*\"ok\"']}", "", ""},
		"body lacks it":     {"{path: /loose, matches: ['^ok']}", probe.ReasonMissing, "does not match"},
		"stack trace":       {"{path: /loose, lacks: ['Traceback|at [a-z.]+\\(']}", probe.ReasonExposed, "which it must not"},
		"value":             {"{path: /ok, values: [{at: status, equals: ok}, {at: queue.depth, at_most: 10}]}", "", ""},
		"value too large":   {"{path: /ok, values: [{at: queue.depth, at_most: 5}]}", probe.ReasonThreshold, "queue.depth"},
		"no JSON":           {"{path: /loose, values: [{at: status}]}", probe.ReasonInvalid, "not valid JSON"},
		"redirect":          {"{path: '/to?u=https://127.0.0.1/x', redirects_to: 'https://{host}/'}", "", ""},
		"redirect, host":    {"{path: '/to?u=https://127.0.0.1.evil.example/', redirects_to: 'https://{host}'}", probe.ReasonMismatch, "another target"},
		"redirect to http":  {"{path: '/to?u=http://127.0.0.1/x', redirects_to: 'https://{host}/'}", probe.ReasonMismatch, "another target"},
		"no redirect":       {"{path: /ok, redirects_to: 'https://{host}/'}", probe.ReasonMismatch, "returned 200"},
		"unfollowed":        {"{path: '/to?u=/ok'}", probe.ReasonMismatch, "returned 302"},
		"followed":          {"{path: '/to?u=/ok', follow: true}", "", "returned 200"},
		"followed to 404":   {"{path: '/to?u=/gone', follow: true}", probe.ReasonMismatch, "returned 404"},
		"other host":        {"{path: '/to?u=http://elsewhere.example/', follow: true}", probe.ReasonMismatch, "returned 302"},
	} {
		t.Run(name, func(t *testing.T) {
			got := probetest.Look(t, probetest.NewPass(t, nil, at), ResponseKind(), test.spec)
			state := probe.StateFail
			if test.reason == "" {
				state = probe.StatePass
			}
			probetest.Expect(t, got, state, test.reason, test.detail)
			probetest.HasNot(t, got, "hidden-value")
		})
	}
	t.Run("refused", func(t *testing.T) {
		got := probetest.Look(t, probetest.NewPass(t, nil, at), ResponseKind(), "{url: 'http://"+parts.Refusing(t)+"/'}")
		probetest.Expect(t, got, probe.StateUnknown, probe.ReasonUnreachable, "")
		if !strings.Contains(got.Remedy, "url of the checklist") {
			t.Errorf("remedy %q", got.Remedy)
		}
	})
	t.Run("no site", func(t *testing.T) {
		got := probetest.Look(t, probetest.NewPass(t, nil, deployment.Settings{}), ResponseKind(), "{path: /}")
		if got.State == probe.StatePass || got.State == probe.StateFail {
			t.Errorf("%+v", got)
		}
	})
}

// The time limit is by the clock of the pass, which moves one second per look at it here.
func TestHTTPResponse_Within(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(s.Close)
	for within, want := range map[string]probe.State{"5s": probe.StatePass, "500ms": probe.StateFail} {
		p := probetest.NewPass(t, nil, deployment.Settings{Public: deployment.Public{URL: s.URL}})
		var seconds atomic.Int64
		p.Now = func() time.Time { return time.Unix(seconds.Add(1), 0) }
		if got := probetest.Look(t, p, ResponseKind(), "{path: /, within: "+within+"}"); got.State != want {
			t.Errorf("within %s: %+v", within, got)
		}
	}
}

func TestHTTPResponse_Invalid(t *testing.T) {
	for spec, want := range map[string]string{
		"{path: /a, url: 'http://a/'}":                              "either path or url",
		"{status: [200]}":                                           "either path or url",
		"{url: 'ftp://a/'}":                                         "http or https URL",
		"{url: 'http://u:p@a/'}":                                    "without a user",
		"{path: /, send: {authorization: x}}":                       "Authorization is not sent",
		"{path: /, method: POST}":                                   "",
		"{path: /, matches: ['(']}":                                 "error parsing regexp",
		"{path: /, method: HEAD, matches: [x]}":                     "no body",
		"{path: /, follow: true, redirects_to: 'https://a/'}":       "not seen",
		"{path: /, headers: [{name: a, absent: true, matches: x}]}": "no other rules",
		"{path: /, values: [{at: 'a['}]}":                           "not closed",
	} {
		_, problems := probetest.Decode(ResponseKind(), spec)
		if len(problems) == 0 || !strings.Contains(problems.Error(), want) {
			t.Errorf("%s: %v", spec, problems)
		}
	}
}
