package probe

import (
	"net/http"
	"strings"
	"testing"
)

// TestHealthBodies reads what frameworks answer, well and not, each at the one path that is asked.
func TestHealthBodies(t *testing.T) {
	const both = "{paths: [/health], components: [database, redis]}"
	const none = "{paths: [/health], components: []}"
	tests := []struct {
		name, spec, body string
		state            State
		reason           Reason
		detail           string
	}{
		{"details of a component name no other", both, `{"status":"UP","components":{"db":{"status":"UP","details":{"database":"PostgreSQL"}},"redis":{"status":"UP"}}}`, StatePass, "", ""},
		{"a component that is down, with details", both, `{"status":"UP","components":{"db":{"status":"DOWN","details":{"database":"PostgreSQL"}},"redis":{"status":"UP"}}}`, StateFail, ReasonUnhealthy, `database is "down"`},
		{"out of service", none, `{"status":"OUT_OF_SERVICE"}`, StateFail, ReasonUnhealthy, `"out_of_service"`},
		{"under the driver's name", both, `{"status":"Healthy","entries":{"npgsql":{"status":"Healthy"},"redis":{"status":"Healthy"}}}`, StatePass, "", ""},
		{"names of several words", both, `{"status":"UP","checks":[{"name":"Database connections health check","status":"UP"},{"name":"Redis connection health check","status":"UP"}]}`, StatePass, "", ""},
		{"a name of several words, down", both, `{"status":"UP","checks":[{"name":"Database connections health check","status":"DOWN"},{"name":"Redis connection health check","status":"UP"}]}`, StateFail, ReasonUnhealthy, `database is "down"`},
		{"names of classes", both, `{"DatabaseBackend":"working","RedisHealthCheck":"working"}`, StatePass, "", ""},
		{"names of classes, not well", both, `{"DatabaseBackend":"unavailable: mark-secret","RedisHealthCheck":"working"}`, StateFail, ReasonUnhealthy, `database is "unavailable"`},
		{"a longer name gives way to the name itself", both, `{"database":"ok","redis":"ok","redis_rate_limiter":{"status":"disabled"}}`, StatePass, "", ""},
		{"a setting is no component", both, `{"status":"ok","database":"ok","redis_url_from":"file"}`, StateFail, ReasonMissing, "no endpoint names redis"},
		{"other keys for names", both, `{"services":[{"service":"postgres","status":"ok"},{"type":"redis","healthy":true}]}`, StatePass, "", ""},
		{"connected", both, `{"database":{"connected":true},"redis":{"connected":true}}`, StatePass, "", ""},
		{"not connected, though said to be ok", both, `{"database":{"status":"ok","connected":false},"redis":"ok"}`, StateFail, ReasonUnhealthy, "database is false"},
		{"an error beside a good word", both, `{"database":{"ok":true,"error":"mark-secret"},"redis":"ok"}`, StateFail, ReasonUnhealthy, `database is "error"`},
		{"an empty error", both, `{"database":{"ok":true,"error":""},"redis":{"ok":true,"error":null}}`, StatePass, "", ""},
		{"a component called errors", none, `{"status":"ok","errors":{"status":"ok"}}`, StatePass, "", ""},
		{"a figure behind the word", both, `{"status":"ok","database":"ok (3ms)","redis":"ok"}`, StatePass, "", ""},
		{"a worse word behind the good one", both, `{"status":"ok","database":"ok (degraded)","redis":"ok"}`, StateFail, ReasonUnhealthy, `database is "degraded"`},
		{"the state under the state", both, `{"status":"ok","database":{"health":{"status":"down"}},"redis":"ok"}`, StateFail, ReasonUnhealthy, `database is "down"`},
		{"an unexpected component is not well", none, `{"deadlocks":{"healthy":false},"disk":{"healthy":true}}`, StateWarn, ReasonUnhealthy, "deadlocks, which nobody waits for, is false"},

		{"no success", none, `{"success":false}`, StateFail, ReasonUnhealthy, "success is false"},
		{"not up", none, `{"up":false}`, StateFail, ReasonUnhealthy, "up is false"},
		{"degraded by boolean", none, `{"status":"ok","degraded":true}`, StateFail, ReasonUnhealthy, "tells of a fault (degraded)"},
		{"a status as in HTTP", none, `{"status":503}`, StateFail, ReasonUnhealthy, `"error"`},
		{"a good status as in HTTP", none, `{"status":200}`, StatePass, "", ""},
		{"an error alone", none, `{"error":"mark-secret"}`, StateFail, ReasonUnhealthy, "tells of a fault (error)"},
		{"failures beside a good word", none, `{"status":"OK","failures":{"redis":"mark-secret"}}`, StateFail, ReasonUnhealthy, "tells of a fault (failures)"},
		{"no failures", none, `{"status":"OK","failures":{},"errors":[],"error":false}`, StatePass, "", ""},
		{"wrapped", none, `{"data":{"status":"down"}}`, StateFail, ReasonUnhealthy, `says it is "down"`},
		{"wrapped twice", none, `{"status":"success","data":{"health":{"status":"down"}}}`, StateFail, ReasonUnhealthy, `says it is "down"`},
		{"a list of components", both, `[{"name":"database","status":"ok"},{"name":"redis","status":"fail"}]`, StateFail, ReasonUnhealthy, `redis is "fail"`},
		{"a list that is well", both, `[{"name":"database","status":"ok"},{"name":"redis","status":"ok"}]`, StatePass, "", ""},
		{"a list of nothing", none, `[]`, StateFail, ReasonInvalid, "says nothing about health"},
		{"a version alone", none, `{"version":"1.2"}`, StateWarn, ReasonEmpty, "nothing that says how it is"},

		{"Kubernetes' form", both, "[+]ping ok\n[+]database ok\n[+]redis ok\nreadyz check passed\n", StatePass, "", ""},
		{"Kubernetes' form, not well", both, "[+]ping ok\n[-]database failed: reason withheld\n[+]redis ok\nreadyz check failed\n", StateFail, ReasonUnhealthy, `says it is "failed"`},
		{"Kubernetes' form, the database alone", "{paths: [/health], components: [database]}", "[+]ping ok\n", StateFail, ReasonMissing, "no endpoint names database"},
		{"a bad word as text", none, "Degraded", StateFail, ReasonUnhealthy, `says it is "degraded"`},
		{"a sentence", none, "Prometheus Server is Healthy.\n", StatePass, "", ""},
		{"a sentence that denies it", none, "Service is not ready", StateFail, ReasonUnhealthy, `"not ready"`},
		{"a sentence on something else", none, "mark-secret welcomes you", StateFail, ReasonInvalid, "something else than JSON"},
		{"a byte order mark", none, "\ufeff{\"status\":\"ok\"}", StatePass, "", ""},
		{"JSON that breaks off", none, `{"status":"ok"`, StateFail, ReasonInvalid, "something else than JSON"},
		{"a list that breaks off", none, `["ok"`, StateFail, ReasonInvalid, "something else than JSON"},
		{"a page", none, "<p>ok</p>", StateFail, ReasonInvalid, "a page"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := site(t, map[string]http.HandlerFunc{"/health": says(200, tt.body)})
			r := look(t, newPass(t, nil, apiAt(s.URL)), "http_health", tt.spec)
			expect(t, r, tt.state, tt.reason, tt.detail)
			noMark(t, r)
		})
	}
}

// TestHealthAnswers covers what is told by the answer's head.
func TestHealthAnswers(t *testing.T) {
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
		{"{paths: [/204]}", StateWarn, ReasonEmpty, "answers 204"},
		{"{paths: [/401, /ok]}", StateUnknown, ReasonPermissionDenied, "/401 answers 401"},
		{"{paths: [/401, /down]}", StateFail, ReasonUnhealthy, "/down says"},
		{"{paths: [/429]}", StateUnknown, ReasonThreshold, "too many requests"},
		{"{paths: [/ok, /401], components: [database]}", StateUnknown, ReasonPermissionDenied, ""}, // the one that is guarded may name it
		{"{paths: [/guarded]}", StateFail, ReasonMismatch, "leads to a log-in page"},
		{"{paths: [/login]}", StatePass, "", ""},
	} {
		r := look(t, newPass(t, nil, apiAt(s.URL)), "http_health", tt.spec)
		expect(t, r, tt.state, tt.reason, tt.detail)
		noMark(t, r)
	}
}

// noMark fails when a detail holds what a server said beside the words of the rule.
func noMark(t *testing.T, r Result) {
	t.Helper()
	if strings.Contains(r.Detail, "mark-") {
		t.Errorf("the detail holds what the server said: %s", r.Detail)
	}
}
