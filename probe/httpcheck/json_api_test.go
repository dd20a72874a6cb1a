package httpcheck

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/parts"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

func TestJSONAPI_Verdicts(t *testing.T) {
	mark := parts.Secret()
	const body = `{"status":"ok","ready":true,"queue":{"depth":7,"max":"1e3"},"error":null,"note":"","workers":[{"state":"up"},{"state":"up"}],
		"peers":[{"state":"up"},{"id":2}],"$schema":"v1","none":[],"token":"MARK","big":12345678901234567890}`
	var seen atomic.Value
	pages := map[string]http.HandlerFunc{
		"/ok": func(w http.ResponseWriter, r *http.Request) {
			seen.Store(r.Header.Clone())
			_, _ = w.Write([]byte(strings.ReplaceAll(body, "MARK", mark)))
		},
		"/list":      probetest.Says(200, `[{"id":1},{"id":2},{"id":3}]`),
		"/text":      probetest.Says(200, `"up"`),
		"/bom":       probetest.Says(200, "\xef\xbb\xbf{\"status\":\"ok\"}"),
		"/html":      probetest.Says(200, "<html>"+mark),
		"/empty":     probetest.Says(200, ""),
		"/half":      probetest.Says(200, `{"status":"ok","queue":{"depth":`),
		"/two":       probetest.Says(200, `{"status":"ok"}{"status":"down"}`),
		"/sick":      probetest.Says(503, `{"status":"ok"}`),
		"/gone":      probetest.Says(404, `{"status":"ok"}`),
		"/teapot":    probetest.Says(418, `{"status":"ok"}`),
		"/forbidden": probetest.Says(403, `{"status":"ok"}`),
		"/login":     probetest.Says(401, `{"status":"ok"}`),
		"/busy":      probetest.Says(429, `{"status":"ok"}`),
		"/metadata": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://169.254.169.254/latest", http.StatusFound)
		},
		"/moved": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/ok", http.StatusMovedPermanently) },
	}
	site := probetest.Site(t, pages)
	for name, test := range map[string]struct {
		spec   string
		state  probe.State
		reason probe.Reason
		detail string
	}{
		"equals":                     {"path: /ok, at: status, equals: ok", probe.StatePass, "", "/ok: status is as required"},
		"equals a boolean":           {"path: /ok, at: ready, equals: 'true'", probe.StatePass, "", ""},
		"byte order mark":            {"path: /bom, at: status, equals: ok", probe.StatePass, "", ""},
		"number as text":             {"path: /ok, at: queue.max, at_least: 1000", probe.StatePass, "", ""},
		"bounds":                     {"path: /ok, at: queue.depth, at_least: 1, at_most: 7", probe.StatePass, "", ""},
		"large number":               {"path: /ok, at: big, equals: '12345678901234567890'", probe.StatePass, "", ""},
		"every entry":                {"path: /ok, at: 'workers[*].state', equals: up", probe.StatePass, "", ""},
		"length of a list":           {"path: /ok, at: workers, length: 2", probe.StatePass, "", ""},
		"length of the response":     {"path: /list, at: $, length_at_least: 3", probe.StatePass, "", ""},
		"the whole response":         {"path: /text, at: $, equals: up", probe.StatePass, "", ""},
		"entry of a top-level list":  {"path: /list, at: '[1].id', equals: '2'", probe.StatePass, "", ""},
		"key with a dollar":          {"path: /ok, at: $schema, equals: v1", probe.StatePass, "", ""},
		"path with a dollar":         {"path: /ok, at: $.queue.depth, equals: '7'", probe.StatePass, "", ""},
		"absent":                     {"path: /ok, at: failure, absent: true", probe.StatePass, "", ""},
		"null is absent":             {"path: /ok, at: error, absent: true", probe.StatePass, "", ""},
		"exists":                     {"path: /ok, at: token, exists: true", probe.StatePass, "", ""},
		"503 is accepted":            {"path: /sick, at: status, equals: ok, status: [200, 503]", probe.StatePass, "", ""},
		"redirect followed":          {"path: /moved, at: status, equals: ok, follow: true", probe.StatePass, "", ""},
		"other value":                {"path: /ok, at: token, equals: x", probe.StateFail, probe.ReasonMismatch, "token is not the value"},
		"does not match":             {"path: /ok, at: token, matches: '^x$'", probe.StateFail, probe.ReasonMismatch, "does not match"},
		"matches what it must not":   {"path: /ok, at: token, lacks: '.'", probe.StateFail, probe.ReasonInvalid, "must not"},
		"none of":                    {"path: /ok, at: token, one_of: [a, b]", probe.StateFail, probe.ReasonMismatch, "none of"},
		"too much":                   {"path: /ok, at: queue.depth, at_most: 6.9", probe.StateFail, probe.ReasonThreshold, "more than"},
		"too little":                 {"path: /ok, at: queue.depth, at_least: 8", probe.StateFail, probe.ReasonThreshold, "less than"},
		"not a number":               {"path: /ok, at: token, at_least: 1", probe.StateFail, probe.ReasonInvalid, "not a number"},
		"missing":                    {"path: /ok, at: queue.size, at_most: 9", probe.StateFail, probe.ReasonMissing, "does not set"},
		"null does not exist":        {"path: /ok, at: error, exists: true", probe.StateFail, probe.ReasonEmpty, "nothing"},
		"one entry lacks it":         {"path: /ok, at: 'peers.*.state', equals: up", probe.StateFail, probe.ReasonMissing, "everywhere"},
		"one entry lacks the length": {"path: /ok, at: 'peers.*.state', length: 2", probe.StateFail, probe.ReasonMissing, "everywhere"},
		"no entries":                 {"path: /ok, at: 'none.*.state', equals: up", probe.StateFail, probe.ReasonMissing, ""},
		"present, must be absent":    {"path: /ok, at: token, absent: true", probe.StateFail, probe.ReasonInvalid, "must not be set"},
		"length of a number":         {"path: /ok, at: queue.depth, length: 1", probe.StateFail, probe.ReasonInvalid, "no length"},
		"short list":                 {"path: /ok, at: workers, length_at_least: 3", probe.StateFail, probe.ReasonThreshold, "length of workers is less"},
		"long list":                  {"path: /ok, at: workers, length_at_most: 1", probe.StateFail, probe.ReasonThreshold, "length of workers is more"},
		"other length":               {"path: /ok, at: status, length: 3", probe.StateFail, probe.ReasonMismatch, "length of status is not 3"},
		"length and value":           {"path: /ok, at: status, length: 2, equals: no", probe.StateFail, probe.ReasonMismatch, "not the value"},
		"list instead of a value":    {"path: /ok, at: workers, equals: up", probe.StateFail, probe.ReasonInvalid, "not a single value"},
		"HTML":                       {"path: /html, at: status, equals: ok", probe.StateFail, probe.ReasonInvalid, "not valid JSON"},
		"HTML, absent":               {"path: /html, at: error, absent: true", probe.StateFail, probe.ReasonInvalid, "not valid JSON"},
		"empty body":                 {"path: /empty, at: error, absent: true", probe.StateFail, probe.ReasonInvalid, "not valid JSON"},
		"cut body":                   {"path: /half, at: status, equals: ok", probe.StateFail, probe.ReasonInvalid, "not valid JSON"},
		"two texts":                  {"path: /two, at: status, equals: ok", probe.StateFail, probe.ReasonInvalid, "follows the end"},
		"server error":               {"path: /sick, at: status, equals: ok", probe.StateFail, probe.ReasonUnhealthy, "503"},
		"not found":                  {"path: /gone, at: error, absent: true", probe.StateFail, probe.ReasonMissing, "404"},
		"other status":               {"path: /teapot, at: status, equals: ok", probe.StateFail, probe.ReasonMismatch, "418"},
		"200 is not accepted":        {"path: /ok, at: status, equals: ok, status: [503]", probe.StateFail, probe.ReasonMismatch, "200"},
		"redirect":                   {"path: /moved, at: status, equals: ok", probe.StateFail, probe.ReasonMismatch, "redirect 301"},
		"redirect to metadata":       {"path: /metadata, at: status, equals: ok, follow: true", probe.StateFail, probe.ReasonMismatch, "redirect 302"},
		"denied":                     {"path: /forbidden, at: status, equals: ok", probe.StateUnknown, probe.ReasonPermissionDenied, "403"},
		"login":                      {"path: /login, at: error, absent: true", probe.StateUnknown, probe.ReasonPermissionDenied, "401"},
		"rate limit":                 {"path: /busy, at: status, equals: ok", probe.StateUnknown, probe.ReasonThreshold, "429"},
	} {
		t.Run(name, func(t *testing.T) {
			p := probetest.NewPass(t, nil, deployment.Settings{Public: deployment.Public{URL: site.URL}})
			got := probetest.Look(t, p, JSONKind(), "{"+test.spec+"}")
			probetest.Expect(t, got, test.state, test.reason, test.detail)
			probetest.HasNot(t, got, mark)
		})
	}
	for _, name := range []string{"Authorization", "Cookie"} {
		if h := seen.Load().(http.Header); h.Get(name) != "" {
			t.Errorf("sent: %s", name)
		}
	}
	got := probetest.Look(t, probetest.NewPass(t, nil, deployment.Settings{}), JSONKind(), "{url: '"+site.URL+"/ok?key="+mark+"', at: status, equals: down}")
	probetest.Expect(t, got, probe.StateFail, probe.ReasonMismatch, "/ok: status is not")
	probetest.HasNot(t, got, mark)
}

// The site of the deployment's files is not called at an address where no site is, and a server without an end is left.
func TestJSONAPI_Hostile(t *testing.T) {
	t.Parallel()
	files := probetest.Folder{"docker-compose.yml": "services:\n  a: {image: a, environment: {PUBLIC_URL: 'http://169.254.169.254/'}}\n"}
	r := probetest.Look(t, probetest.NewPass(t, files, deployment.Settings{}), JSONKind(), "{path: /latest, at: a, absent: true}")
	if r.State == probe.StatePass || r.State == probe.StateFail {
		t.Errorf("metadata service: %+v", r)
	}
	for _, fault := range probetest.Faults(t) {
		if fault.Name == "TLS port" || fault.Name == "circle" {
			continue // judged by status
		}
		t.Run(fault.Name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), parts.Patience)
			if fault.Reason == probe.ReasonTimeout {
				ctx, cancel = context.WithTimeout(t.Context(), 500*time.Millisecond)
			}
			defer cancel()
			p := probetest.NewPass(t, nil, deployment.Settings{Public: deployment.Public{URL: "http://" + fault.Address}})
			got := probe.Run(ctx, probetest.Load(t, JSONKind(), "{path: /x, at: a, absent: true}"), p)
			probetest.Expect(t, got, probe.StateUnknown, fault.Reason, "")
			probetest.HasNot(t, got, "mark")
		})
	}
}

func TestJSONAPI_Refused(t *testing.T) {
	for spec, want := range map[string]string{
		"{path: /x, at: a}":  "is required",
		"{at: a, equals: b}": "either path or url",
		"{path: /x, url: 'http://a/', at: a, exists: true}": "either path or url",
		"{path: /x, equals: a}":                             "at",
		"{path: /x, at: a, exists: true, absent: true}":     "contradict",
		"{path: /x, at: a, absent: true, length: 1}":        "no other rules",
		"{path: /x, at: 'a[', exists: true}":                "not closed",
		"{path: /x, at: a, matches: '('}":                   "missing closing",
		"{path: /x, at: a, length: 1, length_at_most: 2}":   "contradict",
		"{path: /x, at: a, at_least: 2, at_most: 1}":        "less than",
		"{url: 'http://u:p@a/', at: a, exists: true}":       "without a user",
		"{url: 'file:///etc/passwd', at: a, exists: true}":  "http or https",
		"{path: /x, at: a, length: -1}":                     "length",
	} {
		if _, problems := probetest.Decode(JSONKind(), spec); len(problems) == 0 || !strings.Contains(problems.Error(), want) {
			t.Errorf("%s: %v; want %q", spec, problems, want)
		}
	}
}
