package probe

import (
	"bufio"
	"compress/gzip"
	"context"
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/parts"
	"github.com/thenexusengine/catalyst_exporter/schema"
)

// site serves paths with fixed answers.
func site(t *testing.T, pages map[string]http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := pages[r.URL.Path]
		if h == nil {
			h = pages["*"]
		}
		if h != nil {
			h(w, r)
			return
		}
		http.NotFound(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func says(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status); _, _ = w.Write([]byte(body)) }
}

// listener accepts connections and hands each to serve; it ends with the test.
func listener(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				stop := context.AfterFunc(ctx, func() { _ = c.Close() })
				defer stop()
				defer func() { _ = c.Close() }()
				serve(c)
			}()
		}
	}()
	t.Cleanup(func() { cancel(); _ = l.Close(); <-done })
	return l.Addr().String()
}

// faults are what a port can do instead of answering. Each names the reason it must lead to for a configured address where reachability is the
// claim, and elsewhere.
func faults(t *testing.T) []fault {
	t.Helper()
	block := make(chan struct{})
	t.Cleanup(func() { close(block) })
	head := func(c net.Conn) { _, _ = http.ReadRequest(bufio.NewReader(c)) }
	return []fault{
		{"refused", parts.Refusing(t), StateFail, ReasonUnreachable},
		{"silent", listener(t, func(c net.Conn) { <-block }), StateFail, ReasonTimeout},
		{"reset", listener(t, func(c net.Conn) { head(c); _ = c.(*net.TCPConn).SetLinger(0) }), StateFail, ReasonUnreachable},
		{"garbage", listener(t, func(c net.Conn) { head(c); _, _ = c.Write([]byte("SSH-2.0-mark\r\n\x00\xff")) }), StateFail, ReasonInvalid},
		{"breaks off", listener(t, func(c net.Conn) {
			head(c)
			_, _ = c.Write([]byte("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nmark"))
		}), StateFail, ReasonInvalid},
		{"drips", listener(t, func(c net.Conn) {
			head(c)
			_, _ = c.Write([]byte("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"))
			for {
				if _, err := c.Write([]byte("x")); err != nil {
					return
				}
				time.Sleep(50 * time.Millisecond)
			}
		}), StateFail, ReasonTimeout},
		{"endless", strings.TrimPrefix(site(t, map[string]http.HandlerFunc{"*": endless}).URL, "http://"), StateFail, ReasonInvalid},
		{"gzip bomb", strings.TrimPrefix(site(t, map[string]http.HandlerFunc{"*": bomb}).URL, "http://"), StateFail, ReasonInvalid},
		{"circle", strings.TrimPrefix(site(t, map[string]http.HandlerFunc{"*": circle}).URL, "http://"), StateFail, ReasonInvalid},
		{"TLS port", strings.TrimPrefix(httptestTLS(t).URL, "https://"), StateFail, ReasonUnhealthy},
	}
}

type fault struct {
	name, address string
	state         State
	reason        Reason
}

func endless(w http.ResponseWriter, r *http.Request) {
	chunk := []byte(strings.Repeat("mark ", 20000))
	for range 100 {
		if _, err := w.Write(chunk); err != nil {
			return
		}
	}
}

// bomb is small on the wire and more than is read when it is unpacked.
func bomb(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Encoding", "gzip")
	z, _ := gzip.NewWriterLevel(w, gzip.BestSpeed)
	zeros := make([]byte, 1<<20)
	for range 4 {
		_, _ = z.Write(zeros)
		_ = z.Flush()
	}
	_ = z.Close()
}

func circle(w http.ResponseWriter, r *http.Request) {
	http.Redirect(w, r, r.URL.Path, http.StatusFound)
}

func httptestTLS(t *testing.T) *httptest.Server {
	s := httptest.NewTLSServer(says(200, "ok"))
	s.Config.ErrorLog = nil
	t.Cleanup(s.Close)
	return s
}

// patience is how long a probe may wait for a server: shortly where the verdict is that it waited too long, else longer than any machine needs.
func patience(verdict Reason) schema.Duration {
	if verdict == ReasonTimeout {
		return schema.Duration(500 * time.Millisecond)
	}
	return schema.Duration(parts.Patience)
}

func apiAt(url string) deployment.Settings {
	return deployment.Settings{API: deployment.API{URL: url, HTTP: deployment.HTTP{Timeout: patience(ReasonNone)}}}
}

func TestHTTPHealthFaults(t *testing.T) {
	for _, f := range faults(t) {
		t.Run(f.name, func(t *testing.T) {
			s := apiAt("http://" + f.address)
			s.API.Timeout = patience(f.reason)
			r := look(t, newPass(t, nil, s), httpHealthKind(), "{paths: [/health]}")
			expect(t, r, f.state, f.reason, "")
			if strings.Contains(r.Detail, "mark") {
				t.Errorf("the detail holds what the server sent: %s", r.Detail)
			}
		})
	}
	t.Run("TLS to a plain port", func(t *testing.T) {
		s := site(t, nil)
		expect(t, look(t, newPass(t, nil, apiAt("https://"+strings.TrimPrefix(s.URL, "http://"))), httpHealthKind(), "{paths: [/health]}"), StateFail, ReasonMismatch, "does not speak TLS")
	})
	t.Run("unknown authority", func(t *testing.T) {
		expect(t, look(t, newPass(t, nil, apiAt(httptestTLS(t).URL)), httpHealthKind(), "{paths: [/health]}"), StateFail, ReasonMismatch, "unknown authority")
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
	root := folder{"ca.pem": string(server.Root().PEM()), "client.pem": string(client.ChainPEM()), "client.key": string(client.KeyPEM()), "password": secret + "\n", "token": token, "wrong": "wrong-mark"}.write(t)
	all := deployment.HTTP{CAFile: "ca.pem", CertFile: "client.pem", KeyFile: "client.key", Username: "exporter", PasswordFile: "password", Timeout: patience(ReasonNone)}
	tests := []struct {
		name   string
		change func(*deployment.HTTP)
		state  State
		reason Reason
	}{
		{"user and password", func(*deployment.HTTP) {}, StatePass, ""},
		{"token", func(h *deployment.HTTP) { h.Username, h.PasswordFile, h.BearerTokenFile = "", "", "token" }, StatePass, ""},
		{"wrong password", func(h *deployment.HTTP) { h.PasswordFile = "wrong" }, StateUnknown, ReasonPermissionDenied},
		{"no authority", func(h *deployment.HTTP) { h.CAFile = "" }, StateFail, ReasonMismatch},
		{"no client certificate", func(h *deployment.HTTP) { h.CertFile, h.KeyFile = "", "" }, StateFail, ""},
		{"no pair", func(h *deployment.HTTP) { h.KeyFile = "password" }, StateUnknown, ReasonInvalid},
		{"absent file", func(h *deployment.HTTP) { h.PasswordFile = "absent" }, StateUnknown, ReasonError},
		{"authority without certificate", func(h *deployment.HTTP) { h.CAFile = "token" }, StateUnknown, ReasonInvalid},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := all
			tt.change(&h)
			r := look(t, newPass(t, nil, deployment.Settings{Root: root, API: deployment.API{URL: s.URL, HTTP: h}}), httpHealthKind(), "{paths: [/health]}")
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

// TestWebFaults puts every fault in the place of every service that is asked over HTTP. Where being reachable is the claim the verdict is that of
// the health endpoints, elsewhere the same faults blind the probe.
func TestWebFaults(t *testing.T) {
	kinds := []struct {
		kind, spec string
		claim      bool
		at         func(url string, h deployment.HTTP) deployment.Settings
	}{
		{"web_page", "{path: /health, mentions: [privacy]}", true, func(u string, h deployment.HTTP) deployment.Settings {
			return deployment.Settings{Public: deployment.Public{URL: u}}
		}},
		{"openapi", "{paths: [/health]}", true, func(u string, h deployment.HTTP) deployment.Settings {
			return deployment.Settings{API: deployment.API{URL: u, HTTP: h}}
		}},
		{"gdpr_refusal", "{path: /health}", false, func(u string, h deployment.HTTP) deployment.Settings {
			return deployment.Settings{API: deployment.API{URL: u, HTTP: h}}
		}},
		{"grafana", "{}", true, func(u string, h deployment.HTTP) deployment.Settings {
			return deployment.Settings{Grafana: deployment.Grafana{URL: u, HTTP: h}}
		}},
		{"loki_lines", "{}", true, func(u string, h deployment.HTTP) deployment.Settings {
			return deployment.Settings{Loki: deployment.Loki{URL: u, Selector: "{a=\"b\"}", HTTP: h}}
		}},
		{"prometheus_job", "{}", true, func(u string, h deployment.HTTP) deployment.Settings {
			return deployment.Settings{Prometheus: deployment.Prometheus{URL: u, HTTP: h}}
		}},
		{"prometheus_rules", "{}", false, func(u string, h deployment.HTTP) deployment.Settings {
			return deployment.Settings{Prometheus: deployment.Prometheus{URL: u, HTTP: h}}
		}},
		{"prometheus_query", "{queries: [up], below: 1}", false, func(u string, h deployment.HTTP) deployment.Settings {
			return deployment.Settings{Prometheus: deployment.Prometheus{URL: u, HTTP: h}}
		}},
	}
	for _, f := range faults(t) {
		if f.name == "TLS port" {
			continue // answers 400 to plain HTTP, which each kind has its own word for
		}
		for _, k := range kinds {
			t.Run(k.kind+" "+f.name, func(t *testing.T) {
				t.Parallel()
				r := look(t, newPass(t, nil, k.at("http://"+f.address, deployment.HTTP{Timeout: patience(f.reason)})), webKindNamed(k.kind), k.spec)
				want := StateUnknown
				if k.claim {
					want = f.state
				}
				expect(t, r, want, f.reason, "")
				if strings.Contains(r.Detail, "mark") {
					t.Errorf("the detail holds what the server sent: %s", r.Detail)
				}
			})
		}
	}
}

func TestHTTPHealth(t *testing.T) {
	compose := folder{"docker-compose.yml": "services: {catalyst: {image: c}, postgres: {image: 'postgres:16'}, redis: {image: 'redis:7'}, backup: {image: 'postgres:16'}}"}
	tests := []struct {
		name, health, ready string
		status              int
		files               folder
		spec                string
		state               State
		reason              Reason
		detail              string
	}{
		{"all well", "ok", `{"status":"ready","checks":{"database":{"status":"healthy"},"redis":"ok"}}`, 200, compose, "{}", StatePass, "", ""},
		{"other names", `{"status":"UP"}`, `{"components":[{"name":"PostgreSQL","status":"up"},{"name":"cache","healthy":true}]}`, 200, compose, "{}", StatePass, "", ""},
		{"disabled", "ok", `{"status":"ready","checks":{"database":{"status":"disabled"},"redis":"ok"}}`, 200, compose, "{}", StateFail, ReasonUnhealthy, `database is "disabled"`},
		{"degraded in one of two", `{"database":"degraded"}`, `{"database":"ok","redis":"ok"}`, 200, compose, "{}", StateFail, ReasonUnhealthy, `"degraded"`},
		{"absent", "ok", `{"status":"ready","checks":{"database":"ok"}}`, 200, compose, "{}", StateFail, ReasonMissing, "no endpoint reports redis"},
		{"no compose file, nothing expected", "ok", "ok", 200, nil, "{}", StatePass, "", ""},
		{"configured component", "ok", `{"status":"ok"}`, 200, nil, "{components: [queue]}", StateFail, ReasonMissing, "queue"},
		{"the whole is degraded", "ok", `{"status":"degraded","database":"ok","redis":"ok"}`, 200, compose, "{}", StateFail, ReasonUnhealthy, `/health/ready reports status "degraded"`},
		{"odd word", "ok", `{"status":"mark-word"}`, 200, nil, "{}", StateFail, ReasonUnhealthy, "another value"},
		{"not ready by boolean", "ok", `{"ready":false}`, 200, nil, "{}", StateFail, ReasonUnhealthy, "ready is false"},
		{"503", "ok", "{}", 503, nil, "{}", StateFail, ReasonUnhealthy, "/health/ready returned 503"},
		{"HTML with 200", "ok", "<html><h1>502 Bad Gateway</h1>", 200, nil, "{}", StateFail, ReasonInvalid, ""},
		{"nothing with 200", "ok", "", 200, nil, "{}", StateWarn, ReasonEmpty, ""},
		{"empty object", "ok", "{}", 200, nil, "{}", StateWarn, ReasonEmpty, ""},
		{"not ready by text", "ok", `{"ready":"false"}`, 200, nil, "{}", StateFail, ReasonUnhealthy, "ready is false"},
		{"not ready by null", "ok", `{"ready":null}`, 200, nil, "{}", StateFail, ReasonUnhealthy, "ready is null"},
		{"in capitals", "ok", `{"Ready":true,"Checks":{"Database":{"Status":"Healthy"},"Redis":{"Status":"Healthy"}}}`, 200, compose, "{}", StatePass, "", ""},
		{"down in capitals", "ok", `{"Ready":true,"Checks":{"Database":{"Status":"Down"},"Redis":{"Status":"Healthy"}}}`, 200, compose, "{}", StateFail, ReasonUnhealthy, `database is "down"`},
		{"in lists by what is measured", "ok", `{"status":"pass","checks":{"postgres:connections":[{"status":"pass"}],"redis:ping":[{"status":"pass"}]}}`, 200, compose, "{}", StatePass, "", ""},
		{"down in a list", "ok", `{"status":"pass","checks":{"postgres:connections":[{"status":"pass"},{"status":"fail"}],"redis:ping":[{"status":"pass"}]}}`, 200, compose, "{}", StateFail, ReasonUnhealthy, `database is "fail"`},
		{"another component is down", "ok", `{"ready":true,"checks":{"database":"ok","redis":"ok","queue":{"status":"down"}}}`, 200, compose, "{}", StateWarn, ReasonUnhealthy, `unexpected component queue is "down"`},
		{"another component is disabled", "ok", `{"ready":true,"checks":{"database":"ok","redis":"ok","queue":{"status":"disabled"}}}`, 200, compose, "{}", StatePass, "", ""},
		{"another component of an odd name", "ok", `{"ready":true,"<b>":{"status":"down"}}`, 200, nil, "{}", StateWarn, ReasonUnhealthy, `unexpected component (name hidden) is "down"`},
		{"a setting called as a fault is", "ok", `{"ready":true,"log_level":"error"}`, 200, nil, "{}", StatePass, "", ""},
		{"a database that others run", "ok", `{"ready":true}`, 200, folder{".env": "DB_HOST=db.cluster.internal\n"}, "{}", StateFail, ReasonMissing, "no endpoint reports database"},
		{"Redis that others run", "ok", `{"ready":true,"db":"ok"}`, 200, folder{".env": "DATABASE_URL=postgres://db.cluster.internal/x\nREDIS_URL=redis://cache.internal\n"}, "{}", StateFail, ReasonMissing, "no endpoint reports redis"},
		{"a number", "ok", "7", 200, nil, "{}", StateFail, ReasonInvalid, ""},
		{"invalid UTF-8", "ok", "\xff\xfe\x00", 200, nil, "{}", StateFail, ReasonInvalid, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := site(t, map[string]http.HandlerFunc{"/health": says(200, tt.health), "/health/ready": says(tt.status, tt.ready)})
			settings := apiAt(s.URL)
			settings.Root = tt.files.write(t)
			expect(t, look(t, newPass(t, nil, settings), httpHealthKind(), tt.spec), tt.state, tt.reason, tt.detail)
		})
	}
}

func TestWebPage(t *testing.T) {
	policy := "<html><head><title>Privacy policy</title></head><body><h1>Privacy</h1><p>" + strings.Repeat("we keep your privacy and your data safe. ", 60) + "</p></body></html>"
	shell := `<html><head><title>App</title><script src=/app.js></script></head><body><div id=root></div></body></html>`
	pages := map[string]http.HandlerFunc{
		"/privacy":  says(200, policy),
		"/plain":    says(200, strings.Repeat("privacy text ", 200)),
		"/gone":     says(404, policy),
		"/soft":     says(200, "<title>Page not found</title>"+policy),
		"/shell":    says(200, shell),
		"/short":    says(200, "<h1>Privacy</h1><p>soon</p>"),
		"/terms":    says(200, "<title>Terms</title><p>"+strings.Repeat("terms of service apply here to all. ", 60)),
		"/form":     says(200, policy+"<input TYPE=Password name=p>"),
		"/login":    says(200, policy),
		"/to-login": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/login", http.StatusFound) },
		"/away": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://privacy.invalid/x", http.StatusFound)
		},
		"/moved": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/privacy", http.StatusMovedPermanently)
		},
		"/scripted":  says(200, "<script>"+strings.Repeat("privacy ", 500)+"</script><body>x"),
		"/lorem":     says(200, strings.Replace(policy, "<p>", "<p>Lorem ipsum dolor sit amet. ", 1)),
		"/template":  says(200, strings.Replace(policy, "<p>", "<p>[COMPANY NAME] asks for little. ", 1)),
		"/todo":      says(200, strings.Replace(policy, "<p>", "<p>TODO: ask legal. ", 1)),
		"/todo-list": says(200, strings.Replace(policy, "<p>", "<p>Our todo list is your own. ", 1)),
		"/malformed": says(200, "<<<<\xff<a<b <p"+strings.Repeat("<", 5000)),
	}
	tests := []struct {
		path   string
		state  State
		reason Reason
		detail string
	}{
		{"/privacy", StatePass, "", "words"},
		{"/plain", StatePass, "", ""},
		{"/moved", StatePass, "", ""},
		{"/gone", StateFail, ReasonNotPublished, "404"},
		{"/soft", StateFail, ReasonNotPublished, "error page"},
		{"/shell", StateFail, ReasonNotPublished, "script shell"},
		{"/short", StateFail, ReasonNotPublished, "2 words"},
		{"/terms", StateFail, ReasonMismatch, `does not mention "privacy"`},
		{"/form", StateFail, ReasonNotPublished, "login form"},
		{"/to-login", StateFail, ReasonNotPublished, "login page"},
		{"/away", StateFail, ReasonNotPublished, "another site"},
		{"/absent", StateFail, ReasonNotPublished, "404"},
		{"/lorem", StateFail, ReasonPlaceholder, "has 1 placeholder in its text"},
		{"/template", StateFail, ReasonPlaceholder, ""},
		{"/todo", StateFail, ReasonPlaceholder, ""},
		{"/todo-list", StatePass, "", ""},
		{"/scripted", StateFail, ReasonNotPublished, "shell"},
		{"/malformed", StateFail, ReasonNotPublished, "words"},
	}
	s := site(t, pages)
	for _, tt := range tests {
		t.Run(tt.path, func(t *testing.T) {
			p := newPass(t, nil, deployment.Settings{Public: deployment.Public{URL: s.URL}})
			expect(t, look(t, p, webPageKind(), "{path: "+tt.path+", mentions: [privacy]}"), tt.state, tt.reason, tt.detail)
		})
	}
	t.Run("the same page for every path", func(t *testing.T) {
		all := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write([]byte(policy + r.URL.Path)) }))
		t.Cleanup(all.Close)
		p := newPass(t, nil, deployment.Settings{Public: deployment.Public{URL: all.URL}})
		expect(t, look(t, p, webPageKind(), "{path: /privacy, mentions: [privacy]}"), StateFail, ReasonNotPublished, "does not exist")
	})
}

// webKindNamed is the kind of that name among those that these tests run.
func webKindNamed(name string) Kind {
	return map[string]Kind{
		"gdpr_refusal":     gdprRefusalKind(),
		"grafana":          grafanaKind(),
		"loki_lines":       lokiLinesKind(),
		"openapi":          openAPIKind(),
		"prometheus_job":   prometheusJobKind(),
		"prometheus_query": prometheusQueryKind(),
		"prometheus_rules": prometheusRulesKind(),
		"web_page":         webPageKind(),
	}[name]
}
