package httpcheck

import (
	"crypto/tls"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/parts"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

func TestHTTPHealthFaults(t *testing.T) {
	for _, f := range probetest.Faults(t) {
		t.Run(f.Name, func(t *testing.T) {
			s := probetest.APIAt("http://" + f.Address)
			s.API.Timeout = probetest.Patience(f.Reason)
			r := probetest.Look(t, probetest.NewPass(t, nil, s), HealthKind(), "{paths: [/health]}")
			probetest.Expect(t, r, f.State, f.Reason, "")
			if strings.Contains(r.Detail, "mark") {
				t.Errorf("the detail holds what the server sent: %s", r.Detail)
			}
		})
	}
	t.Run("TLS to a plain port", func(t *testing.T) {
		s := probetest.Site(t, nil)
		probetest.Expect(t, probetest.Look(t, probetest.NewPass(t, nil, probetest.APIAt("https://"+strings.TrimPrefix(s.URL, "http://"))), HealthKind(), "{paths: [/health]}"), probe.StateFail, probe.ReasonMismatch, "does not speak TLS")
	})
	t.Run("unknown authority", func(t *testing.T) {
		probetest.Expect(t, probetest.Look(t, probetest.NewPass(t, nil, probetest.APIAt(probetest.HttptestTLS(t).URL)), HealthKind(), "{paths: [/health]}"), probe.StateFail, probe.ReasonMismatch, "unknown authority")
	})
}

// TestHTTPCredentials calls a server that asks for everything: its own authority, a client certificate, and a user or a token.
func TestHTTPCredentials(t *testing.T) {
	server, client := parts.TLS(t, nil), parts.TLS(t, []string{"exporter"})
	secret, token := parts.Secret(), parts.Secret()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		if user == "exporter" && password == secret || r.Header.Get("Authorization") == "Bearer "+token {
			_, _ = w.Write([]byte("ok"))
			return
		}
		w.WriteHeader(http.StatusUnauthorized)
	}))
	s.TLS = &tls.Config{Certificates: []tls.Certificate{server.Server()}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: client.Pool()}
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	root := probetest.Folder{"ca.pem": string(server.Root().PEM()), "client.pem": string(client.ChainPEM()), "client.key": string(client.KeyPEM()), "password": secret + "\n", "token": token, "wrong": "wrong-mark"}.Write(t)
	all := deployment.HTTP{CAFile: "ca.pem", CertFile: "client.pem", KeyFile: "client.key", Username: "exporter", PasswordFile: "password", Timeout: probetest.Patience(probe.ReasonNone)}
	tests := []struct {
		name   string
		change func(*deployment.HTTP)
		state  probe.State
		reason probe.Reason
	}{
		{"user and password", func(*deployment.HTTP) {}, probe.StatePass, ""},
		{"token", func(h *deployment.HTTP) { h.Username, h.PasswordFile, h.BearerTokenFile = "", "", "token" }, probe.StatePass, ""},
		{"wrong password", func(h *deployment.HTTP) { h.PasswordFile = "wrong" }, probe.StateUnknown, probe.ReasonPermissionDenied},
		{"no authority", func(h *deployment.HTTP) { h.CAFile = "" }, probe.StateFail, probe.ReasonMismatch},
		{"no client certificate", func(h *deployment.HTTP) { h.CertFile, h.KeyFile = "", "" }, probe.StateFail, ""},
		{"no pair", func(h *deployment.HTTP) { h.KeyFile = "password" }, probe.StateUnknown, probe.ReasonInvalid},
		{"absent file", func(h *deployment.HTTP) { h.PasswordFile = "absent" }, probe.StateUnknown, probe.ReasonError},
		{"authority without certificate", func(h *deployment.HTTP) { h.CAFile = "token" }, probe.StateUnknown, probe.ReasonInvalid},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := all
			tt.change(&h)
			r := probetest.Look(t, probetest.NewPass(t, nil, deployment.Settings{Root: root, API: deployment.API{URL: s.URL, HTTP: h}}), HealthKind(), "{paths: [/health]}")
			if r.State != tt.state || tt.reason != "" && r.Reason != tt.reason {
				t.Errorf("got %+v", r)
			}
			for _, mark := range []string{secret, token, "wrong-mark"} {
				if strings.Contains(r.Detail, mark) {
					t.Errorf("a credential shows: %s", r.Detail)
				}
			}
		})
	}
}

func TestHTTPHealth(t *testing.T) {
	compose := probetest.Folder{"docker-compose.yml": "services: {catalyst: {image: c}, postgres: {image: 'postgres:16'}, redis: {image: 'redis:7'}, backup: {image: 'postgres:16'}}"}
	tests := []struct {
		name, health, ready string
		status              int
		files               probetest.Folder
		spec                string
		state               probe.State
		reason              probe.Reason
		detail              string
	}{
		{"all well", "ok", `{"status":"ready","checks":{"database":{"status":"healthy"},"redis":"ok"}}`, 200, compose, "{}", probe.StatePass, "", ""},
		{"other names", `{"status":"UP"}`, `{"components":[{"name":"PostgreSQL","status":"up"},{"name":"cache","healthy":true}]}`, 200, compose, "{}", probe.StatePass, "", ""},
		{"disabled", "ok", `{"status":"ready","checks":{"database":{"status":"disabled"},"redis":"ok"}}`, 200, compose, "{}", probe.StateFail, probe.ReasonUnhealthy, `database is "disabled"`},
		{"degraded in one of two", `{"database":"degraded"}`, `{"database":"ok","redis":"ok"}`, 200, compose, "{}", probe.StateFail, probe.ReasonUnhealthy, `"degraded"`},
		{"absent", "ok", `{"status":"ready","checks":{"database":"ok"}}`, 200, compose, "{}", probe.StateFail, probe.ReasonMissing, "no endpoint reports redis"},
		{"no compose file, nothing expected", "ok", "ok", 200, nil, "{}", probe.StatePass, "", ""},
		{"configured component", "ok", `{"status":"ok"}`, 200, nil, "{components: [queue]}", probe.StateFail, probe.ReasonMissing, "queue"},
		{"the whole is degraded", "ok", `{"status":"degraded","database":"ok","redis":"ok"}`, 200, compose, "{}", probe.StateFail, probe.ReasonUnhealthy, `/health/ready reports status "degraded"`},
		{"odd word", "ok", `{"status":"mark-word"}`, 200, nil, "{}", probe.StateFail, probe.ReasonUnhealthy, "another value"},
		{"not ready by boolean", "ok", `{"ready":false}`, 200, nil, "{}", probe.StateFail, probe.ReasonUnhealthy, "ready is false"},
		{"503", "ok", "{}", 503, nil, "{}", probe.StateFail, probe.ReasonUnhealthy, "/health/ready returned 503"},
		{"HTML with 200", "ok", "<html><h1>502 Bad Gateway</h1>", 200, nil, "{}", probe.StateFail, probe.ReasonInvalid, ""},
		{"nothing with 200", "ok", "", 200, nil, "{}", probe.StateWarn, probe.ReasonEmpty, ""},
		{"empty object", "ok", "{}", 200, nil, "{}", probe.StateWarn, probe.ReasonEmpty, ""},
		{"not ready by text", "ok", `{"ready":"false"}`, 200, nil, "{}", probe.StateFail, probe.ReasonUnhealthy, "ready is false"},
		{"not ready by null", "ok", `{"ready":null}`, 200, nil, "{}", probe.StateFail, probe.ReasonUnhealthy, "ready is null"},
		{"in capitals", "ok", `{"Ready":true,"Checks":{"Database":{"Status":"Healthy"},"Redis":{"Status":"Healthy"}}}`, 200, compose, "{}", probe.StatePass, "", ""},
		{"down in capitals", "ok", `{"Ready":true,"Checks":{"Database":{"Status":"Down"},"Redis":{"Status":"Healthy"}}}`, 200, compose, "{}", probe.StateFail, probe.ReasonUnhealthy, `database is "down"`},
		{"in lists by what is measured", "ok", `{"status":"pass","checks":{"postgres:connections":[{"status":"pass"}],"redis:ping":[{"status":"pass"}]}}`, 200, compose, "{}", probe.StatePass, "", ""},
		{"down in a list", "ok", `{"status":"pass","checks":{"postgres:connections":[{"status":"pass"},{"status":"fail"}],"redis:ping":[{"status":"pass"}]}}`, 200, compose, "{}", probe.StateFail, probe.ReasonUnhealthy, `database is "fail"`},
		{"another component is down", "ok", `{"ready":true,"checks":{"database":"ok","redis":"ok","queue":{"status":"down"}}}`, 200, compose, "{}", probe.StateWarn, probe.ReasonUnhealthy, `unexpected component queue is "down"`},
		{"another component is disabled", "ok", `{"ready":true,"checks":{"database":"ok","redis":"ok","queue":{"status":"disabled"}}}`, 200, compose, "{}", probe.StatePass, "", ""},
		{"another component of an odd name", "ok", `{"ready":true,"<b>":{"status":"down"}}`, 200, nil, "{}", probe.StateWarn, probe.ReasonUnhealthy, `unexpected component (name hidden) is "down"`},
		{"a setting called as a fault is", "ok", `{"ready":true,"log_level":"error"}`, 200, nil, "{}", probe.StatePass, "", ""},
		{"a database that others run", "ok", `{"ready":true}`, 200, probetest.Folder{".env": "DB_HOST=db.cluster.internal\n"}, "{}", probe.StateFail, probe.ReasonMissing, "no endpoint reports database"},
		{"Redis that others run", "ok", `{"ready":true,"db":"ok"}`, 200, probetest.Folder{".env": "DATABASE_URL=postgres://db.cluster.internal/x\nREDIS_URL=redis://cache.internal\n"}, "{}", probe.StateFail, probe.ReasonMissing, "no endpoint reports redis"},
		{"a number", "ok", "7", 200, nil, "{}", probe.StateFail, probe.ReasonInvalid, ""},
		{"invalid UTF-8", "ok", "\xff\xfe\x00", 200, nil, "{}", probe.StateFail, probe.ReasonInvalid, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := probetest.Site(t, map[string]http.HandlerFunc{"/health": probetest.Says(200, tt.health), "/health/ready": probetest.Says(tt.status, tt.ready)})
			settings := probetest.APIAt(s.URL)
			settings.Root = tt.files.Write(t)
			probetest.Expect(t, probetest.Look(t, probetest.NewPass(t, nil, settings), HealthKind(), tt.spec), tt.state, tt.reason, tt.detail)
		})
	}
}

func TestWebPage(t *testing.T) {
	policy := "<html><head><title>Privacy policy</title></head><body><h1>Privacy</h1><p>" + varied("we keep your privacy and your data safe. ", 60) + "</p></body></html>"
	shell := `<html><head><title>App</title><script src=/app.js></script></head><body><div id=root></div></body></html>`
	pages := map[string]http.HandlerFunc{
		"/privacy":  probetest.Says(200, policy),
		"/plain":    probetest.Says(200, varied("The privacy of you is our aim. ", 60)),
		"/gone":     probetest.Says(404, policy),
		"/soft":     probetest.Says(200, "<title>Page not found</title>"+policy),
		"/shell":    probetest.Says(200, shell),
		"/short":    probetest.Says(200, "<h1>Privacy</h1><p>soon</p>"),
		"/terms":    probetest.Says(200, "<title>Terms</title><p>"+varied("terms of service apply here to all. ", 60)),
		"/form":     probetest.Says(200, policy+"<input TYPE=Password name=p>"),
		"/login":    probetest.Says(200, policy),
		"/to-login": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/login", http.StatusFound) },
		"/away": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://privacy.invalid/x", http.StatusFound)
		},
		"/moved": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/privacy", http.StatusMovedPermanently)
		},
		"/scripted":  probetest.Says(200, "<script>"+strings.Repeat("privacy ", 500)+"</script><body>x"),
		"/lorem":     probetest.Says(200, strings.Replace(policy, "<p>", "<p>Lorem ipsum dolor sit amet. ", 1)),
		"/template":  probetest.Says(200, strings.Replace(policy, "<p>", "<p>[COMPANY NAME] asks for little. ", 1)),
		"/todo":      probetest.Says(200, strings.Replace(policy, "<p>", "<p>TODO: ask legal. ", 1)),
		"/todo-list": probetest.Says(200, strings.Replace(policy, "<p>", "<p>Our todo list is your own. ", 1)),
		"/malformed": probetest.Says(200, "<<<<\xff<a<b <p"+strings.Repeat("<", 5000)),
	}
	tests := []struct {
		path   string
		state  probe.State
		reason probe.Reason
		detail string
	}{
		{"/privacy", probe.StatePass, "", "words"},
		{"/plain", probe.StatePass, "", ""},
		{"/moved", probe.StatePass, "", ""},
		{"/gone", probe.StateFail, probe.ReasonNotPublished, "404"},
		{"/soft", probe.StateFail, probe.ReasonNotPublished, "error page"},
		{"/shell", probe.StateFail, probe.ReasonNotPublished, "script shell"},
		{"/short", probe.StateFail, probe.ReasonNotPublished, "2 words"},
		{"/terms", probe.StateFail, probe.ReasonMismatch, `does not mention "privacy"`},
		{"/form", probe.StateFail, probe.ReasonNotPublished, "login form"},
		{"/to-login", probe.StateFail, probe.ReasonNotPublished, "login page"},
		{"/away", probe.StateFail, probe.ReasonNotPublished, "another site"},
		{"/absent", probe.StateFail, probe.ReasonNotPublished, "404"},
		{"/lorem", probe.StateFail, probe.ReasonPlaceholder, "has 1 placeholder in its text"},
		{"/template", probe.StateFail, probe.ReasonPlaceholder, ""},
		{"/todo", probe.StateFail, probe.ReasonPlaceholder, ""},
		{"/todo-list", probe.StatePass, "", ""},
		{"/scripted", probe.StateFail, probe.ReasonNotPublished, "shell"},
		{"/malformed", probe.StateFail, probe.ReasonNotPublished, "words"},
	}
	s := probetest.Site(t, pages)
	for _, tt := range tests {
		t.Run(tt.path, func(t *testing.T) {
			p := probetest.NewPass(t, nil, deployment.Settings{Public: deployment.Public{URL: s.URL}})
			probetest.Expect(t, probetest.Look(t, p, WebPageKind(), "{path: "+tt.path+", mentions: [privacy]}"), tt.state, tt.reason, tt.detail)
		})
	}
	t.Run("the same page for every path", func(t *testing.T) {
		all := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write([]byte(policy + r.URL.Path)) }))
		t.Cleanup(all.Close)
		p := probetest.NewPass(t, nil, deployment.Settings{Public: deployment.Public{URL: all.URL}})
		probetest.Expect(t, probetest.Look(t, p, WebPageKind(), "{path: /privacy, mentions: [privacy]}"), probe.StateFail, probe.ReasonNotPublished, "does not exist")
	})
}
