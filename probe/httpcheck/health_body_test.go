package httpcheck

import (
	"net/http"
	"strings"
	"testing"

	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// TestHealthBodies covers healthy and unhealthy bodies of common frameworks.
func TestHTTPHealth_Bodies(t *testing.T) {
	const both = "{paths: [/health], components: [database, redis]}"
	const none = "{paths: [/health], components: []}"
	tests := []struct {
		name, spec, body string
		state            probe.State
		reason           probe.Reason
		detail           string
	}{
		{"details of a component are not components", both, `{"status":"UP","components":{"db":{"status":"UP","details":{"database":"PostgreSQL"}},"redis":{"status":"UP"}}}`, probe.StatePass, "", ""},
		{"component down, with details", both, `{"status":"UP","components":{"db":{"status":"DOWN","details":{"database":"PostgreSQL"}},"redis":{"status":"UP"}}}`, probe.StateFail, probe.ReasonUnhealthy, `database is "down"`},
		{"out of service", none, `{"status":"OUT_OF_SERVICE"}`, probe.StateFail, probe.ReasonUnhealthy, `"out_of_service"`},
		{"named by the driver", both, `{"status":"Healthy","entries":{"npgsql":{"status":"Healthy"},"redis":{"status":"Healthy"}}}`, probe.StatePass, "", ""},
		{"names of several words", both, `{"status":"UP","checks":[{"name":"Database connections health check","status":"UP"},{"name":"Redis connection health check","status":"UP"}]}`, probe.StatePass, "", ""},
		{"name of several words, down", both, `{"status":"UP","checks":[{"name":"Database connections health check","status":"DOWN"},{"name":"Redis connection health check","status":"UP"}]}`, probe.StateFail, probe.ReasonUnhealthy, `database is "down"`},
		{"class names", both, `{"DatabaseBackend":"working","RedisHealthCheck":"working"}`, probe.StatePass, "", ""},
		{"class names, unhealthy", both, `{"DatabaseBackend":"unavailable: mark-secret","RedisHealthCheck":"working"}`, probe.StateFail, probe.ReasonUnhealthy, `database is "unavailable"`},
		{"exact name before a longer name", both, `{"database":"ok","redis":"ok","redis_rate_limiter":{"status":"disabled"}}`, probe.StatePass, "", ""},
		{"setting is not a component", both, `{"status":"ok","database":"ok","redis_url_from":"file"}`, probe.StateFail, probe.ReasonMissing, "no endpoint reports redis"},
		{"other keys for names", both, `{"services":[{"service":"postgres","status":"ok"},{"type":"redis","healthy":true}]}`, probe.StatePass, "", ""},
		{"connected", both, `{"database":{"connected":true},"redis":{"connected":true}}`, probe.StatePass, "", ""},
		{"status ok but not connected", both, `{"database":{"status":"ok","connected":false},"redis":"ok"}`, probe.StateFail, probe.ReasonUnhealthy, "database is false"},
		{"error and good word", both, `{"database":{"ok":true,"error":"mark-secret"},"redis":"ok"}`, probe.StateFail, probe.ReasonUnhealthy, `database is "error"`},
		{"an empty error", both, `{"database":{"ok":true,"error":""},"redis":{"ok":true,"error":null}}`, probe.StatePass, "", ""},
		{"a component called errors", none, `{"status":"ok","errors":{"status":"ok"}}`, probe.StatePass, "", ""},
		{"word with a figure", both, `{"status":"ok","database":"ok (3ms)","redis":"ok"}`, probe.StatePass, "", ""},
		{"good word with a worse word", both, `{"status":"ok","database":"ok (degraded)","redis":"ok"}`, probe.StateFail, probe.ReasonUnhealthy, `database is "degraded"`},
		{"nested status", both, `{"status":"ok","database":{"health":{"status":"down"}},"redis":"ok"}`, probe.StateFail, probe.ReasonUnhealthy, `database is "down"`},
		{"unexpected component unhealthy", none, `{"deadlocks":{"healthy":false},"disk":{"healthy":true}}`, probe.StateWarn, probe.ReasonUnhealthy, "unexpected component deadlocks is false"},

		{"no success", none, `{"success":false}`, probe.StateFail, probe.ReasonUnhealthy, "success is false"},
		{"not up", none, `{"up":false}`, probe.StateFail, probe.ReasonUnhealthy, "up is false"},
		{"degraded by boolean", none, `{"status":"ok","degraded":true}`, probe.StateFail, probe.ReasonUnhealthy, "reports a fault (degraded)"},
		{"HTTP status", none, `{"status":503}`, probe.StateFail, probe.ReasonUnhealthy, `"error"`},
		{"good HTTP status", none, `{"status":200}`, probe.StatePass, "", ""},
		{"only an error", none, `{"error":"mark-secret"}`, probe.StateFail, probe.ReasonUnhealthy, "reports a fault (error)"},
		{"failures and good word", none, `{"status":"OK","failures":{"redis":"mark-secret"}}`, probe.StateFail, probe.ReasonUnhealthy, "reports a fault (failures)"},
		{"no failures", none, `{"status":"OK","failures":{},"errors":[],"error":false}`, probe.StatePass, "", ""},
		{"wrapped", none, `{"data":{"status":"down"}}`, probe.StateFail, probe.ReasonUnhealthy, `reports status "down"`},
		{"wrapped twice", none, `{"status":"success","data":{"health":{"status":"down"}}}`, probe.StateFail, probe.ReasonUnhealthy, `reports status "down"`},
		{"a list of components", both, `[{"name":"database","status":"ok"},{"name":"redis","status":"fail"}]`, probe.StateFail, probe.ReasonUnhealthy, `redis is "fail"`},
		{"healthy list", both, `[{"name":"database","status":"ok"},{"name":"redis","status":"ok"}]`, probe.StatePass, "", ""},
		{"empty list", none, `[]`, probe.StateFail, probe.ReasonInvalid, "returned JSON without a health status"},
		{"only a version", none, `{"version":"1.2"}`, probe.StateWarn, probe.ReasonEmpty, "returned 200 without a health status"},

		{"Kubernetes' form", both, "[+]ping ok\n[+]database ok\n[+]redis ok\nreadyz check passed\n", probe.StatePass, "", ""},
		{"Kubernetes' form, unhealthy", both, "[+]ping ok\n[-]database failed: reason withheld\n[+]redis ok\nreadyz check failed\n", probe.StateFail, probe.ReasonUnhealthy, `reports status "failed"`},
		{"Kubernetes' form, database missing", "{paths: [/health], components: [database]}", "[+]ping ok\n", probe.StateFail,
			probe.ReasonMissing, "no endpoint reports database"},
		{"a bad word as text", none, "Degraded", probe.StateFail, probe.ReasonUnhealthy, `reports status "degraded"`},
		{"a sentence", none, "Prometheus Server is Healthy.\n", probe.StatePass, "", ""},
		{"negated sentence", none, "Service is not ready", probe.StateFail, probe.ReasonUnhealthy, `"not ready"`},
		{"unrelated sentence", none, "mark-secret welcomes you", probe.StateFail, probe.ReasonInvalid,
			"neither JSON nor a health status"},
		{"a byte order mark", none, "\ufeff{\"status\":\"ok\"}", probe.StatePass, "", ""},
		{"truncated JSON", none, `{"status":"ok"`, probe.StateFail, probe.ReasonInvalid, "neither JSON nor a health status"},
		{"truncated list", none, `["ok"`, probe.StateFail, probe.ReasonInvalid, "neither JSON nor a health status"},
		{"a page", none, "<p>ok</p>", probe.StateFail, probe.ReasonInvalid, "an HTML page"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := probetest.Site(t, map[string]http.HandlerFunc{"/health": probetest.Says(200, tt.body)})
			r := probetest.Look(t, probetest.NewPass(t, nil, probetest.APIAt(s.URL)), HealthKind(), tt.spec)
			probetest.Expect(t, r, tt.state, tt.reason, tt.detail)
			noMark(t, r)
		})
	}
}

// TestHTTPHealth_Statuses covers results that do not depend on the body.
func TestHTTPHealth_Statuses(t *testing.T) {
	s := probetest.Site(t, map[string]http.HandlerFunc{
		"/ok":    probetest.Says(200, `{"status":"ok"}`),
		"/down":  probetest.Says(200, `{"status":"down"}`),
		"/204":   probetest.Says(204, ""),
		"/401":   probetest.Says(401, "mark-secret"),
		"/429":   probetest.Says(429, "mark-secret"),
		"/login": probetest.Says(200, `{"status":"ok"}`),
		"/guarded": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/login", http.StatusFound)
		},
	})
	for _, tt := range []struct {
		spec   string
		state  probe.State
		reason probe.Reason
		detail string
	}{
		{"{paths: [/204]}", probe.StateWarn, probe.ReasonEmpty, "returned 204"},
		{"{paths: [/401, /ok]}", probe.StateUnknown, probe.ReasonPermissionDenied, "/401 returned 401"},
		{"{paths: [/401, /down]}", probe.StateFail, probe.ReasonUnhealthy, "/down reports"},
		{"{paths: [/429]}", probe.StateUnknown, probe.ReasonThreshold, "too many requests"},
		{"{paths: [/ok, /401], components: [database]}", probe.StateUnknown, probe.ReasonPermissionDenied,
			""}, // the guarded one may report it
		{"{paths: [/guarded]}", probe.StateFail, probe.ReasonMismatch, "redirects to a login page"},
		{"{paths: [/login]}", probe.StatePass, "", ""},
	} {
		r := probetest.Look(t, probetest.NewPass(t, nil, probetest.APIAt(s.URL)), HealthKind(), tt.spec)
		probetest.Expect(t, r, tt.state, tt.reason, tt.detail)
		noMark(t, r)
	}
}

// noMark fails when a detail contains text of the server other than known words.
func noMark(t *testing.T, r probe.Result) {
	t.Helper()
	if strings.Contains(r.Detail, "mark-") {
		t.Errorf("detail contains server text: %s", r.Detail)
	}
}
