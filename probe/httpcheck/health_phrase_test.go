package httpcheck

import (
	"net/http"
	"testing"

	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// TestHTTPHealth_Formats covers the formats of frameworks, each well and broken.
func TestHTTPHealth_Formats(t *testing.T) {
	const both = "{paths: [/health], components: [database, redis]}"
	const none = "{paths: [/health], components: []}"
	for _, tt := range []struct {
		name, spec, body string
		state            probe.State
		reason           probe.Reason
		detail           string
	}{
		{"text: available: no", none, "available: no", probe.StateFail, probe.ReasonUnhealthy, "available is false"},
		{"text: online 0/3", none, "online 0/3", probe.StateFail, probe.ReasonUnhealthy, "partly available"},
		{"text: restricted", none, "up but read-only", probe.StateFail, probe.ReasonUnhealthy, `"up" with "but"`},
		{"text: unknown addition", none, "ok mark-secret", probe.StateWarn, probe.ReasonUnhealthy, "unknown addition"},
		{"text lines", both, "database: ok\nredis: connected\n", probe.StatePass, "", ""},
		{"text lines, down", both, "database: ok\nredis: down\n", probe.StateFail, probe.ReasonUnhealthy, `redis is "down"`},
		{"text with measure", none, "OK: 3 ms", probe.StatePass, "", ""},
		{"available: no in JSON", both, `{"database":{"available":"no"},"redis":"ok"}`, probe.StateFail, probe.ReasonUnhealthy, "database is false"},
		{"online 0/3 in JSON", both, `{"database":"online 0/3","redis":"ok"}`, probe.StateFail, probe.ReasonUnhealthy, "database is only partly available"},
		{"online: 0/3", both, `{"database":{"status":"ok","online":"0/3"},"redis":"ok"}`, probe.StateFail, probe.ReasonUnhealthy, "database is only partly"},
		{"read-only", both, `{"status":"ok","database":"up but read-only","redis":"up"}`, probe.StateFail, probe.ReasonUnhealthy, "database is"},
		{"component with an addition", both, `{"database":"ok (mark-secret)","redis":"ok"}`, probe.StateWarn, probe.ReasonUnhealthy, "database is \"ok\" with an unknown addition"},
		{"up: 0", none, `{"up":0}`, probe.StateFail, probe.ReasonUnhealthy, "up is false"},
		{"up: 1", none, `{"up":1}`, probe.StatePass, "", ""},

		{"errors since the start", none, `{"status":"ok","errors":12}`, probe.StateWarn, probe.ReasonUnhealthy, "errors"},
		{"no errors since the start", none, `{"status":"ok","errors":0,"failed_checks":0}`, probe.StatePass, "", ""},
		{"counts by kind", none, `{"status":"ok","errors":{"redis":0,"http":4}}`, probe.StateWarn, probe.ReasonUnhealthy, "errors"},
		{"zero counts by kind", none, `{"status":"ok","errors":{"redis":0,"http":0}}`, probe.StatePass, "", ""},
		{"errors of a component", both, `{"database":{"status":"ok","error_count":3},"redis":"ok"}`, probe.StateWarn, probe.ReasonUnhealthy, "error_count"},
		{"unhealthy parts", none, `{"status":"ok","unhealthy":1,"healthy":4}`, probe.StateWarn, probe.ReasonUnhealthy, "unhealthy"},
		{"errors that are words", none, `{"status":"ok","errors":["mark-secret"]}`, probe.StateFail, probe.ReasonUnhealthy, "fault (errors)"},

		{"duplicate key, bad first", none, `{"status":"down","status":"ok"}`, probe.StateFail, probe.ReasonUnhealthy, `"down"`},
		{"duplicate key, bad last", none, `{"status":"ok","status":"down"}`, probe.StateFail, probe.ReasonUnhealthy, `"down"`},
		{"duplicate component", both, `{"database":{"status":"down"},"database":{"status":"ok"},"redis":"ok"}`, probe.StateFail, probe.ReasonUnhealthy, `database is "down"`},
		{"duplicate in another case", none, `{"Status":"fail","status":"pass"}`, probe.StateFail, probe.ReasonUnhealthy, `"fail"`},
		{"duplicate, both well", none, `{"status":"ok","status":"up"}`, probe.StatePass, "", ""},

		{"one level down", both, `{"status":"ok","checks":{"database":{"primary":{"status":"ok"}},"redis":{"main":"ok"}}}`, probe.StatePass, "", ""},
		{"one level down, broken", both, `{"status":"ok","checks":{"database":{"primary":{"status":"down"}},"redis":{"main":"ok"}}}`, probe.StateFail, probe.ReasonUnhealthy, `database is "down"`},
		{"two levels down, broken", both, `{"status":"ok","storage":{"relational":{"database":{"status":"down"}},"memory":{"redis":{"status":"ok"}}}}`, probe.StateFail, probe.ReasonUnhealthy, `database is "down"`},
		{"two levels below it, broken", both, `{"database":{"shards":{"a":{"healthy":false}}},"redis":"ok"}`, probe.StateFail, probe.ReasonUnhealthy, "database is false"},
		{"its own status counts", both, `{"database":{"status":"ok","replicas":{"b":{"status":"down"}}},"redis":"ok"}`, probe.StateWarn, probe.ReasonUnhealthy, "unexpected component b"},
		{"wrapped components", both, `{"data":{"services":{"backend":{"database":"down","redis":"ok"}}}}`, probe.StateFail, probe.ReasonUnhealthy, `database is "down"`},

		{"list with status", both, `{"checks":[{"name":"database","status":"ok"},{"name":"redis","status":"ok"}]}`, probe.StatePass, "", ""},
		{"list with result", both, `[{"name":"database","result":"ok"},{"name":"redis","result":"failed"}]`, probe.StateFail, probe.ReasonUnhealthy, `redis is "failed"`},
		{"list with result, well", both, `{"results":[{"name":"database","result":"pass"},{"name":"redis","result":"pass"}]}`, probe.StatePass, "", ""},
		{"result of the whole", none, `{"result":"ok"}`, probe.StatePass, "", ""},
		{"bad result of the whole", none, `{"result":"fail"}`, probe.StateFail, probe.ReasonUnhealthy, `"fail"`},
		{"only expected components fail", "{paths: [/health], components: [database]}", `{"status":"ok","checks":[{"name":"database","status":"ok"},{"name":"smtp","status":"down"}]}`,
			probe.StateWarn, probe.ReasonUnhealthy, "unexpected component smtp"},
		{"a plain unexpected component", none, `{"status":"ok","queue":"unreachable"}`, probe.StateWarn, probe.ReasonUnhealthy, "unexpected component queue"},
		{"Kubernetes, unexpected", "{paths: [/health], components: [database]}", "[+]database ok\n[-]smtp failed: reason withheld\n", probe.StateWarn, probe.ReasonUnhealthy, "unexpected component smtp"},

		{"Actuator", both, `{"status":"UP","components":{"db":{"status":"UP","components":{"main":{"status":"UP"}}},"redis":{"status":"UP"},"discoveryComposite":{"status":"UNKNOWN"}},"groups":["liveness"]}`, probe.StatePass, "", ""},
		{"Actuator, unknown", both, `{"status":"UP","components":{"db":{"status":"UNKNOWN"},"redis":{"status":"UP"}}}`, probe.StateFail, probe.ReasonMissing, "no endpoint reports database"},
		{"Actuator, only unknown", none, `{"status":"UNKNOWN"}`, probe.StateWarn, probe.ReasonEmpty, "without a health status"},
		{"unknown in words", none, `{"status":"unknown"}`, probe.StateFail, probe.ReasonUnhealthy, `"unknown"`},
		{"gosundheit", both, `{"database":{"message":"ok","timestamp":"2026-11-29T10:00:00Z","contiguousFailures":0,"timeOfFirstFailure":null},"redis":{"timestamp":"t","contiguousFailures":0,"timeOfFirstFailure":null}}`, probe.StatePass, "", ""},
		{"gosundheit, failing", both, `{"database":{"error":{"message":"mark-secret"},"contiguousFailures":3,"timeOfFirstFailure":"2026-11-29T10:00:00Z"},"redis":{"contiguousFailures":0}}`, probe.StateFail, probe.ReasonUnhealthy, "database is"},
		{"gosundheit, short", both, `{"database":"PASS","redis":"FAIL"}`, probe.StateFail, probe.ReasonUnhealthy, `redis is "fail"`},
		{"ASP.NET", both, `{"status":"Healthy","totalDuration":"00:00:00.01","entries":{"npgsql":{"data":{},"duration":"00:00:00.01","status":"Healthy","tags":[]},"redis":{"status":"Healthy"}}}`, probe.StatePass, "", ""},
		{"ASP.NET, degraded", both, `{"status":"Healthy","totalDuration":"00:00:00.01","entries":{"npgsql":{"status":"Degraded","description":null},"redis":{"status":"Healthy"}}}`, probe.StateFail, probe.ReasonUnhealthy, `database is "degraded"`},
		{"ASP.NET in numbers", both, `{"Status":2,"TotalDuration":"00:00:00.01","Entries":{"npgsql":{"Status":2},"redis":{"Status":2}}}`, probe.StatePass, "", ""},
		{"ASP.NET in numbers, unhealthy", both, `{"Status":2,"TotalDuration":"00:00:00.01","Entries":{"npgsql":{"Status":0},"redis":{"Status":2}}}`, probe.StateFail, probe.ReasonUnhealthy, `database is "unhealthy"`},
		{"health+json", both, `{"status":"pass","releaseId":"1","checks":{"postgres:connections":[{"componentType":"datastore","observedValue":12,"status":"pass"}],"redis:responseTime":[{"status":"pass","observedValue":3}]}}`, probe.StatePass, "", ""},
		{"health+json, warn", both, `{"status":"warn","releaseId":"1","checks":{"postgres:connections":[{"status":"warn"}],"redis:responseTime":[{"status":"pass"}]}}`, probe.StateWarn, probe.ReasonUnhealthy, "with concerns"},
		{"health+json, fail", both, `{"status":"pass","checks":{"postgres:connections":[{"status":"pass"},{"status":"fail"}],"redis:responseTime":[{"status":"pass"}]}}`, probe.StateFail, probe.ReasonUnhealthy, `database is "fail"`},
		{"Terminus", both, `{"status":"ok","info":{"database":{"status":"up"},"redis":{"status":"up"}},"error":{},"details":{"database":{"status":"up"},"redis":{"status":"up"}}}`, probe.StatePass, "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := probetest.Site(t, map[string]http.HandlerFunc{"/health": probetest.Says(200, tt.body)})
			r := probetest.Look(t, probetest.NewPass(t, nil, probetest.APIAt(s.URL)), HealthKind(), tt.spec)
			probetest.Expect(t, r, tt.state, tt.reason, tt.detail)
			noMark(t, r)
		})
	}
}

func TestHTTPHealth_Cache(t *testing.T) {
	for _, tt := range []struct {
		name, value string
		cached      bool
	}{
		{"Age", "12", true}, {"Age", "0", false}, {"X-Cache", "HIT", true}, {"X-Cache", "MISS, HIT", true}, {"X-Cache", "Hit from cloudfront", true},
		{"X-Cache", "Miss from cloudfront", false}, {"Cf-Cache-Status", "HIT", true}, {"Cf-Cache-Status", "DYNAMIC", false}, {"Cf-Cache-Status", "STALE", true},
		{"X-Cache-Status", "HIT", true}, {"X-Cache-Status", "BYPASS", false}, {"X-Proxy-Cache", "HIT", true}, {"Cache-Status", "nginx; hit; ttl=3", true},
		{"Cache-Status", "nginx; fwd=stale; stored", false}, {"X-Cache-Hits", "0, 2", true}, {"X-Cache-Hits", "0", false}, {"X-Varnish", "12 9", true},
		{"X-Varnish", "12", false}, {"X-Cache", "TCP_MEM_HIT", true}, {"Cache-Control", "max-age=60", false}, {"X-Cache-Key", "/hit", false},
	} {
		t.Run(tt.name+" "+tt.value, func(t *testing.T) {
			s := probetest.Site(t, map[string]http.HandlerFunc{"/health": func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set(tt.name, tt.value)
				_, _ = w.Write([]byte(`{"status":"ok"}`))
			}})
			r := probetest.Look(t, probetest.NewPass(t, nil, probetest.APIAt(s.URL)), HealthKind(), "{paths: [/health], components: []}")
			if tt.cached {
				probetest.Expect(t, r, probe.StateWarn, probe.ReasonStale, "returned by a cache ("+tt.name+")")
			} else {
				probetest.Expect(t, r, probe.StatePass, "", "")
			}
		})
	}
}
