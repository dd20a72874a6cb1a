package probe

import (
	"net/http"
	"strings"
	"testing"
)

// TestHealthBodies covers healthy and unhealthy bodies of common frameworks.
func TestHTTPHealth_Bodies(t *testing.T) {
	const both = "{paths: [/health], components: [database, redis]}"
	const none = "{paths: [/health], components: []}"
	tests := []struct {
		name, spec, body string
		state            State
		reason           Reason
		detail           string
	}{
		{"details of a component are not components", both, `{"status":"UP","components":{"db":{"status":"UP","details":{"database":"PostgreSQL"}},"redis":{"status":"UP"}}}`, StatePass, "", ""},
		{"component down, with details", both, `{"status":"UP","components":{"db":{"status":"DOWN","details":{"database":"PostgreSQL"}},"redis":{"status":"UP"}}}`, StateFail, ReasonUnhealthy, `database is "down"`},
		{"out of service", none, `{"status":"OUT_OF_SERVICE"}`, StateFail, ReasonUnhealthy, `"out_of_service"`},
		{"named by the driver", both, `{"status":"Healthy","entries":{"npgsql":{"status":"Healthy"},"redis":{"status":"Healthy"}}}`, StatePass, "", ""},
		{"names of several words", both, `{"status":"UP","checks":[{"name":"Database connections health check","status":"UP"},{"name":"Redis connection health check","status":"UP"}]}`, StatePass, "", ""},
		{"name of several words, down", both, `{"status":"UP","checks":[{"name":"Database connections health check","status":"DOWN"},{"name":"Redis connection health check","status":"UP"}]}`, StateFail, ReasonUnhealthy, `database is "down"`},
		{"class names", both, `{"DatabaseBackend":"working","RedisHealthCheck":"working"}`, StatePass, "", ""},
		{"class names, unhealthy", both, `{"DatabaseBackend":"unavailable: mark-secret","RedisHealthCheck":"working"}`, StateFail, ReasonUnhealthy, `database is "unavailable"`},
		{"exact name before a longer name", both, `{"database":"ok","redis":"ok","redis_rate_limiter":{"status":"disabled"}}`, StatePass, "", ""},
		{"setting is not a component", both, `{"status":"ok","database":"ok","redis_url_from":"file"}`, StateFail, ReasonMissing, "no endpoint reports redis"},
		{"other keys for names", both, `{"services":[{"service":"postgres","status":"ok"},{"type":"redis","healthy":true}]}`, StatePass, "", ""},
		{"connected", both, `{"database":{"connected":true},"redis":{"connected":true}}`, StatePass, "", ""},
		{"status ok but not connected", both, `{"database":{"status":"ok","connected":false},"redis":"ok"}`, StateFail, ReasonUnhealthy, "database is false"},
		{"error and good word", both, `{"database":{"ok":true,"error":"mark-secret"},"redis":"ok"}`, StateFail, ReasonUnhealthy, `database is "error"`},
		{"an empty error", both, `{"database":{"ok":true,"error":""},"redis":{"ok":true,"error":null}}`, StatePass, "", ""},
		{"a component called errors", none, `{"status":"ok","errors":{"status":"ok"}}`, StatePass, "", ""},
		{"word with a figure", both, `{"status":"ok","database":"ok (3ms)","redis":"ok"}`, StatePass, "", ""},
		{"good word with a worse word", both, `{"status":"ok","database":"ok (degraded)","redis":"ok"}`, StateFail, ReasonUnhealthy, `database is "degraded"`},
		{"nested status", both, `{"status":"ok","database":{"health":{"status":"down"}},"redis":"ok"}`, StateFail, ReasonUnhealthy, `database is "down"`},
		{"unexpected component unhealthy", none, `{"deadlocks":{"healthy":false},"disk":{"healthy":true}}`, StateWarn, ReasonUnhealthy, "unexpected component deadlocks is false"},

		{"no success", none, `{"success":false}`, StateFail, ReasonUnhealthy, "success is false"},
		{"not up", none, `{"up":false}`, StateFail, ReasonUnhealthy, "up is false"},
		{"degraded by boolean", none, `{"status":"ok","degraded":true}`, StateFail, ReasonUnhealthy, "reports a fault (degraded)"},
		{"HTTP status", none, `{"status":503}`, StateFail, ReasonUnhealthy, `"error"`},
		{"good HTTP status", none, `{"status":200}`, StatePass, "", ""},
		{"only an error", none, `{"error":"mark-secret"}`, StateFail, ReasonUnhealthy, "reports a fault (error)"},
		{"failures and good word", none, `{"status":"OK","failures":{"redis":"mark-secret"}}`, StateFail, ReasonUnhealthy, "reports a fault (failures)"},
		{"no failures", none, `{"status":"OK","failures":{},"errors":[],"error":false}`, StatePass, "", ""},
		{"wrapped", none, `{"data":{"status":"down"}}`, StateFail, ReasonUnhealthy, `reports status "down"`},
		{"wrapped twice", none, `{"status":"success","data":{"health":{"status":"down"}}}`, StateFail, ReasonUnhealthy, `reports status "down"`},
		{"a list of components", both, `[{"name":"database","status":"ok"},{"name":"redis","status":"fail"}]`, StateFail, ReasonUnhealthy, `redis is "fail"`},
		{"healthy list", both, `[{"name":"database","status":"ok"},{"name":"redis","status":"ok"}]`, StatePass, "", ""},
		{"empty list", none, `[]`, StateFail, ReasonInvalid, "returned JSON without a health status"},
		{"only a version", none, `{"version":"1.2"}`, StateWarn, ReasonEmpty, "returned 200 without a health status"},

		{"Kubernetes' form", both, "[+]ping ok\n[+]database ok\n[+]redis ok\nreadyz check passed\n", StatePass, "", ""},
		{"Kubernetes' form, unhealthy", both, "[+]ping ok\n[-]database failed: reason withheld\n[+]redis ok\nreadyz check failed\n", StateFail, ReasonUnhealthy, `reports status "failed"`},
		{"Kubernetes' form, database missing", "{paths: [/health], components: [database]}", "[+]ping ok\n", StateFail,
			ReasonMissing, "no endpoint reports database"},
		{"a bad word as text", none, "Degraded", StateFail, ReasonUnhealthy, `reports status "degraded"`},
		{"a sentence", none, "Prometheus Server is Healthy.\n", StatePass, "", ""},
		{"negated sentence", none, "Service is not ready", StateFail, ReasonUnhealthy, `"not ready"`},
		{"unrelated sentence", none, "mark-secret welcomes you", StateFail, ReasonInvalid,
			"neither JSON nor a health status"},
		{"a byte order mark", none, "\ufeff{\"status\":\"ok\"}", StatePass, "", ""},
		{"truncated JSON", none, `{"status":"ok"`, StateFail, ReasonInvalid, "neither JSON nor a health status"},
		{"truncated list", none, `["ok"`, StateFail, ReasonInvalid, "neither JSON nor a health status"},
		{"a page", none, "<p>ok</p>", StateFail, ReasonInvalid, "an HTML page"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := site(t, map[string]http.HandlerFunc{"/health": says(200, tt.body)})
			r := look(t, newPass(t, nil, apiAt(s.URL)), httpHealthKind(), tt.spec)
			expect(t, r, tt.state, tt.reason, tt.detail)
			noMark(t, r)
		})
	}
}

// TestHTTPHealth_Statuses covers results that do not depend on the body.
func TestHTTPHealth_Statuses(t *testing.T) {
	s := site(t, map[string]http.HandlerFunc{
		"/ok":    says(200, `{"status":"ok"}`),
		"/down":  says(200, `{"status":"down"}`),
		"/204":   says(204, ""),
		"/401":   says(401, "mark-secret"),
		"/429":   says(429, "mark-secret"),
		"/login": says(200, `{"status":"ok"}`),
		"/guarded": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/login", http.StatusFound)
		},
	})
	for _, tt := range []struct {
		spec   string
		state  State
		reason Reason
		detail string
	}{
		{"{paths: [/204]}", StateWarn, ReasonEmpty, "returned 204"},
		{"{paths: [/401, /ok]}", StateUnknown, ReasonPermissionDenied, "/401 returned 401"},
		{"{paths: [/401, /down]}", StateFail, ReasonUnhealthy, "/down reports"},
		{"{paths: [/429]}", StateUnknown, ReasonThreshold, "too many requests"},
		{"{paths: [/ok, /401], components: [database]}", StateUnknown, ReasonPermissionDenied,
			""}, // the guarded one may report it
		{"{paths: [/guarded]}", StateFail, ReasonMismatch, "redirects to a login page"},
		{"{paths: [/login]}", StatePass, "", ""},
	} {
		r := look(t, newPass(t, nil, apiAt(s.URL)), httpHealthKind(), tt.spec)
		expect(t, r, tt.state, tt.reason, tt.detail)
		noMark(t, r)
	}
}

// noMark fails when a detail contains text of the server other than known words.
func noMark(t *testing.T, r Result) {
	t.Helper()
	if strings.Contains(r.Detail, "mark-") {
		t.Errorf("detail contains server text: %s", r.Detail)
	}
}
