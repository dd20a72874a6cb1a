package probe

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// contextFor returns the test's context, with a short end where the test waits for a timeout.
func contextFor(t *testing.T, short bool) (context.Context, context.CancelFunc) {
	if short {
		return context.WithTimeout(t.Context(), 300*time.Millisecond)
	}
	return context.WithCancel(t.Context())
}

func cdnSite(t *testing.T, name, value string) string {
	return site(t, map[string]http.HandlerFunc{"/": func(w http.ResponseWriter, _ *http.Request) { w.Header().Set(name, value) }}).URL
}

func TestOpenAPI(t *testing.T) {
	three := `{"openapi":"3.0.3","info":{"title":"x","version":"1"},"paths":{"/a":{"get":{"responses":{"200":{"description":"ok"}}}}}}`
	two := `{"swagger":"2.0","info":{"title":"x","version":"1"},"paths":{"/a":{"get":{"responses":{"200":{"description":"ok"}}}}}}`
	tests := []struct {
		name, body string
		status     int
		state      State
		reason     Reason
	}{
		{"OpenAPI 3", three, 200, StatePass, ""},
		{"Swagger 2", two, 200, StatePass, ""},
		{"YAML", "openapi: 3.0.3\ninfo: {title: x, version: '1'}\npaths:\n  /a: {get: {responses: {'200': {description: ok}}}}\n", 200, StatePass, ""},
		{"no path", strings.Replace(three, `"/a":{"get":{"responses":{"200":{"description":"ok"}}}}`, "", 1), 200, StateFail, ReasonEmpty},
		{"no title", strings.Replace(three, `"title":"x",`, "", 1), 200, StateFail, ReasonInvalid},
		{"no responses", strings.Replace(three, `"responses":{"200":{"description":"ok"}}`, "", 1), 200, StateFail, ReasonInvalid},
		{"dangling reference", strings.Replace(three, `{"description":"ok"}`, `{"$ref":"#/components/responses/none"}`, 1), 200, StateFail, ReasonInvalid},
		{"reference elsewhere", strings.Replace(three, `{"description":"ok"}`, `{"$ref":"http://127.0.0.1:1/x.json"}`, 1), 200, StateFail, ReasonInvalid},
		{"HTML", "<html>docs</html>", 200, StateFail, ReasonInvalid},
		{"empty", "", 200, StateFail, ReasonInvalid},
		{"404", "", 404, StateFail, ReasonNotPublished},
		{"cut", three[:len(three)-9], 200, StateFail, ReasonInvalid},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := site(t, map[string]http.HandlerFunc{"/swagger/doc.json": says(tt.status, tt.body)})
			expect(t, look(t, newPass(t, nil, apiAt(s.URL)), openAPIKind(), "{}"), tt.state, tt.reason, "")
		})
	}
	s := site(t, map[string]http.HandlerFunc{"/openapi.json": says(200, three)})
	expect(t, look(t, newPass(t, nil, apiAt(s.URL)), openAPIKind(), "{}"), StatePass, "", "/openapi.json")
}

func TestRateLimitHeader(t *testing.T) {
	for name, tt := range map[string]struct {
		env, header, value string
		state              State
		reason             Reason
	}{
		"equal":            {"RATE_LIMIT_REQUESTS=100", "X-RateLimit-Limit", "100", StatePass, ""},
		"draft":            {"RATE_LIMIT_REQUESTS=100", "RateLimit", "limit=100, remaining=50, reset=5", StatePass, ""},
		"policy":           {"RATE_LIMIT_REQUESTS=100", "RateLimit-Policy", `"default";q=100;w=60`, StatePass, ""},
		"windows":          {"RATE_LIMIT_REQUESTS=100", "X-RateLimit-Limit", "100, 100;w=60", StatePass, ""},
		"another":          {"RATE_LIMIT_REQUESTS=100", "X-RateLimit-Limit", "1000", StateWarn, ReasonDrift},
		"none":             {"RATE_LIMIT_REQUESTS=100", "X", "1", StateWarn, ReasonDrift},
		"nothing declared": {"A=1", "X-RateLimit-Limit", "100", StateSkip, ReasonNotConfigured},
	} {
		t.Run(name, func(t *testing.T) {
			settings := apiAt(cdnSite(t, tt.header, tt.value))
			settings.Root = folder{".env.production": tt.env}.write(t)
			expect(t, look(t, newPass(t, nil, settings), rateLimitHeaderKind(), "{keys: [RATE_LIMIT_REQUESTS]}"), tt.state, tt.reason, "")
		})
	}
}

func TestGDPRRefusal(t *testing.T) {
	tests := []struct {
		name          string
		control, gdpr int
		state         State
		reason        Reason
	}{
		{"refused", 204, 400, StatePass, ""},
		{"let through", 200, 200, StateFail, ReasonOpen},
		{"no bid is let through too", 204, 204, StateFail, ReasonOpen},
		{"refused in another way", 200, 422, StateFail, ReasonMismatch},
		{"both refused", 400, 400, StateUnknown, ReasonInvalid},
		{"may not ask", 401, 401, StateUnknown, ReasonPermissionDenied},
		{"forbidden under the GDPR", 200, 403, StateUnknown, ReasonPermissionDenied},
		{"too many", 429, 429, StateUnknown, ReasonThreshold},
		{"not there", 404, 404, StateUnknown, ReasonMissing},
		{"broken", 200, 500, StateUnknown, ReasonUnhealthy},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var requests atomic.Int32
			s := site(t, map[string]http.HandlerFunc{"/openrtb2/auction": func(w http.ResponseWriter, r *http.Request) {
				requests.Add(1)
				body, _ := io.ReadAll(r.Body)
				var bid struct {
					Test int
					Regs *struct{ GDPR int }
				}
				if err := json.Unmarshal(body, &bid); err != nil || bid.Test != 1 || r.Method != http.MethodPost || r.Header.Get("X-Catalyst-Exporter") != "test" || !strings.HasPrefix(r.UserAgent(), "catalyst_exporter/") {
					t.Errorf("the request is not recognisable: %s %v", body, r.Header)
				}
				if bid.Regs != nil && bid.Regs.GDPR == 1 {
					w.WriteHeader(tt.gdpr)
				} else {
					w.WriteHeader(tt.control)
				}
			}})
			expect(t, look(t, newPass(t, nil, apiAt(s.URL)), gdprRefusalKind(), "{}"), tt.state, tt.reason, "")
			if requests.Load() != 2 {
				t.Errorf("%d requests", requests.Load())
			}
		})
	}
}
