package httpcheck

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

func TestOpenAPI(t *testing.T) {
	three := `{"openapi":"3.0.3","info":{"title":"x","version":"1"},"paths":{"/a":{"get":{"responses":{"200":{"description":"ok"}}}}}}`
	two := `{"swagger":"2.0","info":{"title":"x","version":"1"},"paths":{"/a":{"get":{"responses":{"200":{"description":"ok"}}}}}}`
	tests := []struct {
		name, body string
		status     int
		state      probe.State
		reason     probe.Reason
	}{
		{"OpenAPI 3", three, 200, probe.StatePass, ""},
		{"Swagger 2", two, 200, probe.StatePass, ""},
		{"YAML", "openapi: 3.0.3\ninfo: {title: x, version: '1'}\npaths:\n  /a: {get: {responses: {'200': {description: ok}}}}\n", 200, probe.StatePass, ""},
		{"no path", strings.Replace(three, `"/a":{"get":{"responses":{"200":{"description":"ok"}}}}`, "", 1), 200, probe.StateFail, probe.ReasonEmpty},
		{"no operation", strings.Replace(three, `{"get":{"responses":{"200":{"description":"ok"}}}}`, "{}", 1), 200, probe.StateFail, probe.ReasonEmpty},
		{"Petstore", strings.NewReplacer(`"x"`, `"Swagger Petstore"`, "/a", "/pets").Replace(three), 200, probe.StateFail, probe.ReasonPlaceholder},
		{"Petstore without its title", strings.Replace(three, "/a", "/pet/findByStatus", 1), 200, probe.StateFail, probe.ReasonPlaceholder},
		{"a veterinary", strings.Replace(three, "/a", "/pets", 1), 200, probe.StatePass, ""},
		{"own paths under the sample's title", strings.Replace(three, `"x"`, `"Petstore"`, 1), 200, probe.StatePass, ""},
		{"no title", strings.Replace(three, `"title":"x",`, "", 1), 200, probe.StateFail, probe.ReasonInvalid},
		{"no responses", strings.Replace(three, `"responses":{"200":{"description":"ok"}}`, "", 1), 200, probe.StateFail, probe.ReasonInvalid},
		{"dangling reference", strings.Replace(three, `{"description":"ok"}`, `{"$ref":"#/components/responses/none"}`, 1), 200, probe.StateFail, probe.ReasonInvalid},
		{"reference elsewhere", strings.Replace(three, `{"description":"ok"}`, `{"$ref":"http://127.0.0.1:1/x.json"}`, 1), 200, probe.StateFail, probe.ReasonInvalid},
		{"HTML", "<html>docs</html>", 200, probe.StateFail, probe.ReasonInvalid},
		{"empty", "", 200, probe.StateFail, probe.ReasonInvalid},
		{"404", "", 404, probe.StateFail, probe.ReasonNotPublished},
		{"cut", three[:len(three)-9], 200, probe.StateFail, probe.ReasonInvalid},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := probetest.Site(t, map[string]http.HandlerFunc{"/swagger/doc.json": probetest.Says(tt.status, tt.body)})
			probetest.Expect(t, probetest.Look(t, probetest.NewPass(t, nil, probetest.APIAt(s.URL)), OpenAPIKind(), "{}"), tt.state, tt.reason, "")
		})
	}
	s := probetest.Site(t, map[string]http.HandlerFunc{"/openapi.json": probetest.Says(200, three)})
	probetest.Expect(t, probetest.Look(t, probetest.NewPass(t, nil, probetest.APIAt(s.URL)), OpenAPIKind(), "{}"), probe.StatePass, "", "/openapi.json")
}

func TestRateLimitHeader(t *testing.T) {
	for name, tt := range map[string]struct {
		env, header, value string
		state              probe.State
		reason             probe.Reason
	}{
		"equal":            {"RATE_LIMIT_REQUESTS=100", "X-RateLimit-Limit", "100", probe.StatePass, ""},
		"draft":            {"RATE_LIMIT_REQUESTS=100", "RateLimit", "limit=100, remaining=50, reset=5", probe.StatePass, ""},
		"policy":           {"RATE_LIMIT_REQUESTS=100", "RateLimit-Policy", `"default";q=100;w=60`, probe.StatePass, ""},
		"windows":          {"RATE_LIMIT_REQUESTS=100", "X-RateLimit-Limit", "100, 100;w=60", probe.StatePass, ""},
		"another":          {"RATE_LIMIT_REQUESTS=100", "X-RateLimit-Limit", "1000", probe.StateWarn, probe.ReasonDrift},
		"none":             {"RATE_LIMIT_REQUESTS=100", "X", "1", probe.StateWarn, probe.ReasonDrift},
		"nothing declared": {"A=1", "X-RateLimit-Limit", "100", probe.StateSkip, probe.ReasonNotConfigured},
	} {
		t.Run(name, func(t *testing.T) {
			settings := probetest.APIAt(probetest.CDNSite(t, tt.header, tt.value))
			settings.Root = probetest.Folder{".env.production": tt.env}.Write(t)
			probetest.Expect(t, probetest.Look(t, probetest.NewPass(t, nil, settings), RateLimitHeaderKind(), "{keys: [RATE_LIMIT_REQUESTS]}"), tt.state, tt.reason, "")
		})
	}
}

func TestGDPRRefusal(t *testing.T) {
	tests := []struct {
		name          string
		control, gdpr int
		state         probe.State
		reason        probe.Reason
	}{
		{"refused", 204, 400, probe.StatePass, ""},
		{"let through", 200, 200, probe.StateFail, probe.ReasonOpen},
		{"no bid is let through too", 204, 204, probe.StateFail, probe.ReasonOpen},
		{"refused in another way", 200, 422, probe.StateFail, probe.ReasonMismatch},
		{"both refused", 400, 400, probe.StateUnknown, probe.ReasonInvalid},
		{"may not ask", 401, 401, probe.StateUnknown, probe.ReasonPermissionDenied},
		{"forbidden under the GDPR", 200, 403, probe.StateUnknown, probe.ReasonPermissionDenied},
		{"too many", 429, 429, probe.StateUnknown, probe.ReasonThreshold},
		{"not there", 404, 404, probe.StateUnknown, probe.ReasonMissing},
		{"broken", 200, 500, probe.StateUnknown, probe.ReasonUnhealthy},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var requests atomic.Int32
			s := probetest.Site(t, map[string]http.HandlerFunc{"/openrtb2/auction": func(w http.ResponseWriter, r *http.Request) {
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
			probetest.Expect(t, probetest.Look(t, probetest.NewPass(t, nil, probetest.APIAt(s.URL)), GDPRRefusalKind(), "{}"), tt.state, tt.reason, "")
			if requests.Load() != 2 {
				t.Errorf("%d requests", requests.Load())
			}
		})
	}
}
