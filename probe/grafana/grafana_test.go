package grafana

import (
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/parts"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

func TestGrafana(t *testing.T) {
	token := parts.Secret()
	guarded := func(body string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") != "Bearer "+token {
				w.WriteHeader(401)
				return
			}
			if status, err := strconv.Atoi(body); err == nil {
				w.WriteHeader(status)
			}
			_, _ = w.Write([]byte(body))
		}
	}
	well := `{"commit":"x","database":"ok","version":"11"}`
	tests := []struct {
		name, health, sources, source, boards string
		status                                int
		token                                 string
		wanted                                []string
		state                                 probe.State
		reason                                probe.Reason
		detail                                string
	}{
		{"health alone", well, "", "", "", 200, "", nil, probe.StatePass, "", "without deployment.grafana.token_file"},
		{"dashboards wanted without a token", well, "", "", "", 200, "", []string{"x"}, probe.StateUnknown, probe.ReasonPermissionDenied, ""},
		{"database failing", `{"database":"failing"}`, "", "", "", 503, "", nil, probe.StateFail, probe.ReasonUnhealthy, `"failing"`},
		{"another service", "<html>", "", "", "", 200, "", nil, probe.StateFail, probe.ReasonInvalid, ""},
		{"empty object", "{}", "", "", "", 200, "", nil, probe.StateFail, probe.ReasonInvalid, ""},
		{"everything", well, `[{"uid":"p","name":"Prometheus","type":"prometheus"}]`, `{"status":"OK"}`, `[{"uid":"c","title":"Catalyst"}]`, 200, token, []string{"Catalyst", "c"}, probe.StatePass, "", ""},
		{"no health check", well, `[{"uid":"p","name":"P"}]`, "404", `[{"uid":"c","title":"C"}]`, 200, token, nil, probe.StatePass, "", "1 datasource without a health check"},
		{"more datasources than are checked", well, "[" + strings.Repeat(`{"uid":"p","name":"P"},`, 24) + `{"uid":"p","name":"P"}]`, `{"status":"OK"}`, `[{"uid":"c","title":"C"}]`, 200, token, nil, probe.StatePass, "", "5 of 25 datasources were not checked"},
		{"a dashboard missing", well, `[{"uid":"p","name":"P"}]`, `{"status":"OK"}`, `[{"uid":"c","title":"Catalyst"}]`, 200, token, []string{"Other"}, probe.StateFail, probe.ReasonMissing, `"Other"`},
		{"no dashboard", well, `[{"uid":"p","name":"P"}]`, `{"status":"OK"}`, `[]`, 200, token, nil, probe.StateFail, probe.ReasonMissing, "no dashboard"},
		{"no datasource", well, `[]`, "", `[{"uid":"c","title":"C"}]`, 200, token, nil, probe.StateFail, probe.ReasonMissing, "no datasource"},
		{"datasource unwell", well, `[{"uid":"p","name":"P"}]`, `{"status":"ERROR"}`, `[{"uid":"c","title":"C"}]`, 200, token, nil, probe.StateFail, probe.ReasonUnhealthy, `datasource "P"`},
		{"wrong token", well, `[]`, "", "", 200, "wrong-mark", nil, probe.StateUnknown, probe.ReasonPermissionDenied, ""},
		{"behind a guard", "", "", "", "", 401, "", nil, probe.StateUnknown, probe.ReasonPermissionDenied, "/api/health of Grafana returned 401"},
		{"a token that may not query", well, `[{"uid":"p","name":"P"}]`, "403", `[{"uid":"c","title":"C"}]`, 200, token, nil, probe.StateUnknown, probe.ReasonPermissionDenied, `datasource "P"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := probetest.Site(t, map[string]http.HandlerFunc{"/api/health": probetest.Says(tt.status, tt.health), "/api/datasources": guarded(tt.sources), "/api/datasources/uid/p/health": guarded(tt.source), "/api/search": guarded(tt.boards)})
			root := probetest.Folder{"token": tt.token + "\n"}.Write(t)
			g := deployment.Grafana{URL: s.URL, Dashboards: tt.wanted}
			if tt.token != "" {
				g.TokenFile = "token"
			}
			r := probetest.Look(t, probetest.NewPass(t, nil, deployment.Settings{Root: root, Grafana: g}), HealthKind(), "{}")
			probetest.Expect(t, r, tt.state, tt.reason, tt.detail)
			if strings.Contains(r.Detail, token) || strings.Contains(r.Detail, "wrong-mark") {
				t.Error("the token shows")
			}
		})
	}
	probetest.Expect(t, probetest.Look(t, probetest.NewPass(t, nil, deployment.Settings{Grafana: deployment.Grafana{TokenFile: "absent"}}), HealthKind(), "{}"), probe.StateUnknown, probe.ReasonError, "absent")
}

func TestLokiLines(t *testing.T) {
	tests := []struct {
		name, body string
		status     int
		state      probe.State
		reason     probe.Reason
	}{
		{"lines", `{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"12"]}]}}`, 200, probe.StatePass, ""},
		{"no line", `{"status":"success","data":{"resultType":"vector","result":[]}}`, 200, probe.StateFail, probe.ReasonStale},
		{"another service", `<html>`, 200, probe.StateFail, probe.ReasonInvalid},
		{"bad selector", `parse error`, 400, probe.StateUnknown, probe.ReasonInvalid},
		{"not allowed", ``, 401, probe.StateUnknown, probe.ReasonPermissionDenied},
		{"asked too often", `too many outstanding requests`, 429, probe.StateUnknown, probe.ReasonThreshold},
		{"no number", `{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"NaN"]}]}}`, 200, probe.StateFail, probe.ReasonStale},
		{"starting", `Ingester not ready`, 503, probe.StateFail, probe.ReasonUnhealthy},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := probetest.Site(t, map[string]http.HandlerFunc{"/loki/api/v1/query": func(w http.ResponseWriter, r *http.Request) {
				if q := r.URL.Query().Get("query"); q != `sum(count_over_time({app="x"}[900s]))` || r.Header.Get("X-Scope-OrgID") != "team" {
					t.Errorf("asked %s as %s", q, r.Header.Get("X-Scope-OrgID"))
				}
				probetest.Says(tt.status, tt.body)(w, r)
			}})
			settings := deployment.Settings{Loki: deployment.Loki{URL: s.URL, Selector: `{app="x"}`, Tenant: "team"}}
			probetest.Expect(t, probetest.Look(t, probetest.NewPass(t, nil, settings), LokiLinesKind(), "{}"), tt.state, tt.reason, "")
		})
	}
	probetest.Expect(t, probetest.Look(t, probetest.NewPass(t, nil, deployment.Settings{}), LokiLinesKind(), "{}"), probe.StateSkip, probe.ReasonNotConfigured, "")
}
