package exporter

import (
	"context"
	"fmt"
	"html"
	"io"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"
	htmlparser "golang.org/x/net/html"

	"github.com/thenexusengine/catalyst_exporter/exporter/server"
	"github.com/thenexusengine/catalyst_exporter/internal/parts"
)

// Security of the HTTP server.

// allPaths returns all paths of the server and some that do not exist.
func allPaths() []string {
	return []string{"/", "/?state=fail", "/metrics", "/metrics?collect[]=security", "/metrics?collect[]=nope", "/probe?target=nope", "/badge.svg", "/badge.svg?item=nope", "/sd", "/api/v1/checks", "/api/v1/ready", "/api/v1/ready?gate=nope", "/api/v1/openapi.json", "/-/healthy", "/-/ready",
		"/nope", "/debug/pprof/", "/debug/pprof/heap", "/debug/pprof/cmdline", "/debug/pprof/goroutine", "/debug/vars", "/../../etc/passwd", "/.env.production"}
}

// TestResponses_HaveSecurityHeaders checks that every response forbids scripts, frames, caching and content sniffing, and that
// only GET and HEAD are accepted.
func TestResponses_HaveSecurityHeaders(t *testing.T) {
	r := serve(t, "--deployment.root="+t.TempDir())
	for _, path := range allPaths() {
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "NONSENSE"} {
			req, err := http.NewRequestWithContext(t.Context(), method, r.url+path, strings.NewReader(strings.Repeat("x", 1<<10)))
			if method == "GET" || method == "HEAD" {
				req, err = http.NewRequestWithContext(t.Context(), method, r.url+path, nil)
			}
			if err != nil {
				t.Fatal(err)
			}
			resp, err := http.DefaultTransport.RoundTrip(req)
			if err != nil {
				t.Errorf("%s %s: %v", method, path, err)
				continue
			}
			body, _ := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			for header, want := range map[string]string{"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Cache-Control": "no-store", "Referrer-Policy": "no-referrer"} {
				if got := resp.Header.Get(header); got != want {
					t.Errorf("%s %s: %s is %q", method, path, header, got)
				}
			}
			sites := "same-origin"
			if strings.HasPrefix(path, "/badge.svg") && (method == "GET" || method == "HEAD") {
				sites = "cross-origin"
			}
			if got := resp.Header.Get("Cross-Origin-Resource-Policy"); got != sites {
				t.Errorf("%s %s: Cross-Origin-Resource-Policy is %q", method, path, got)
			}
			policy := resp.Header.Get("Content-Security-Policy")
			if !strings.Contains(policy, "default-src 'none'") || !strings.Contains(policy, "frame-ancestors 'none'") || strings.Contains(policy, "unsafe") || strings.Contains(policy, "script-src") {
				t.Errorf("%s %s: Content-Security-Policy: %q", method, path, policy)
			}
			if reading := method == "GET" || method == "HEAD"; !reading && resp.StatusCode < 400 && !strings.Contains(path, "..") { // redirects to the clean path
				t.Errorf("%s %s: status %d", method, path, resp.StatusCode)
			}
			if strings.Contains(path, "debug") && resp.StatusCode != http.StatusNotFound && method == "GET" {
				t.Errorf("%s: status %d by default", path, resp.StatusCode)
			}
			if strings.Contains(string(body), "root:") {
				t.Errorf("%s %s: response contains a system file", method, path)
			}
		}
	}
	for what, change := range map[string]func(*http.Request){
		"a long header": func(q *http.Request) { q.Header.Set("X", strings.Repeat("x", 64<<10)) },
		"many headers": func(q *http.Request) {
			for i := range 3000 {
				q.Header.Set(fmt.Sprintf("X-%d", i), "some text")
			}
		},
		"a long query": func(q *http.Request) { q.URL.RawQuery = strings.Repeat("x", 64<<10) },
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.url+"/metrics", nil)
		if err != nil {
			t.Fatal(err)
		}
		change(req)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Errorf("%s: %v", what, err)
			continue
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
			t.Errorf("%s: status %d", what, resp.StatusCode)
		}
	}
}

// TestSlowloris checks that connections without a complete request are closed, and that they do not delay other requests.
func TestSlowloris(t *testing.T) {
	r := serve(t, "--deployment.root="+t.TempDir())
	address := strings.TrimPrefix(r.url, "http://")
	began := time.Now()
	const many = 100
	var cut sync.WaitGroup
	for i := range many {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		begin := "GET /metrics HTTP/1.1\r\nHost: x\r\nX-"
		if i%3 == 0 {
			begin = "POST /-/reload HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n" // without the body
		}
		cut.Go(func() {
			_, err := io.WriteString(conn, begin)
			for err == nil && time.Since(began) < 6*server.HeaderTimeout {
				_ = conn.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
				_, err = conn.Read(make([]byte, 4<<10))
				if fault, ok := err.(net.Error); ok && fault.Timeout() {
					_, err = io.WriteString(conn, "a")
				}
			}
			if err == nil {
				t.Errorf("a connection is still open after %v", time.Since(began))
			}
		})
	}
	if status, body := r.get(t, "/metrics"); status != http.StatusOK || !strings.Contains(body, "catalyst_ready") {
		t.Errorf("concurrent scrape: status %d", status)
	}
	cut.Wait()
}

// TestBoard_EscapesHTML plants HTML in every text of a configuration, a release and a claim.
func TestBoard_EscapesHTML(t *testing.T) {
	t.Setenv("DOCKER_HOST", "unix:///nonexistent.sock")
	root := t.TempDir()
	evil := func(where string) string {
		return where + `</style></title><script>alert("x")</script><img src=x onerror='alert(1)'><a href="javascript:alert(1)">&lt;{{.}}`
	}
	quoted := func(where string) string { return "'" + strings.ReplaceAll(evil(where), "'", "''") + "'" }
	write(t, root, ".env.production", "REDIS_PASSWORD=x\n")
	write(t, root, "docker-compose.yml", "name: x\nservices:\n  catalyst: {image: "+quoted("image")+", labels: {a: "+quoted("label")+"}}\n")
	write(t, root, "RUNBOOK.md", "# "+evil("heading")+"\n")
	write(t, root, "CHANGELOG.md", "# Changelog\n\n## ["+evil("version")+"]\n")
	own := write(t, root, "own.yml", "checklist: "+quoted("name")+"\ncategories:\n  - category: x\n    title: "+quoted("category")+"\n    items:\n      - {item: one, title: "+quoted("title")+", severity: info, scope: standing, fix: "+quoted("fix")+", probes: [{document: {path: RUNBOOK.md}}]}\n"+
		"      - {item: two, title: Two, severity: info, scope: standing, fix: x, probes: [{document: {path: "+quoted("path")+"}}]}\n      - {item: three, title: Three, severity: info, scope: standing, fix: x, probes: [{release_record: {}}]}\n")
	config := write(t, root, "config.yml", "checklist: "+own+"\ntargets:\n  x: {root: "+root+", environment: "+quoted("environment")+"}\n"+
		"overrides: {three: {enabled: false, reason: "+quoted("disabled")+"}}\nwaivers: [{item: two, reason: "+quoted("reason")+", by: "+quoted("by")+", expires: 2999-01-01}]\n")
	if code, errs := commandIn(t, root, "", "deploy", "plan", "--target=x", "--config.file="+config, "--version=1.0.0", "--commit=0a1b2c3d", "--by="+evil("planner")); code != ExitReady {
		t.Logf("no release with such a name: %s", errs)
	}
	r := serve(t, "--config.file="+config)
	_, page := r.get(t, "/?target=x&state="+"%3Cscript%3Ealert(1)%3C/script%3E&category=%22%3E%3Cscript%3E")
	_, whole := r.get(t, "/?target=x")
	for _, where := range []string{"name", "category", "title", "fix", "environment", "disabled", "reason", "by"} {
		if !strings.Contains(whole, where+"&lt;/style") {
			t.Errorf("the %s is not on the board, so the test proves nothing", where)
		}
	}
	for _, text := range []string{page, whole} {
		parsed, err := htmlparser.Parse(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		styles := 0
		for n := range parsed.Descendants() {
			if n.Type != htmlparser.ElementNode {
				continue
			}
			switch n.Data {
			case "script", "img", "iframe", "object", "embed", "form", "base", "svg":
				t.Errorf("the board contains a %s element", n.Data)
			case "style":
				styles++
			}
			for _, a := range n.Attr {
				if strings.HasPrefix(a.Key, "on") || a.Key == "style" || strings.HasPrefix(strings.ToLower(strings.TrimSpace(a.Val)), "javascript:") {
					t.Errorf("the board contains <%s %s=%q>", n.Data, a.Key, a.Val)
				}
			}
		}
		if styles != 1 {
			t.Errorf("%d styles", styles)
		}
	}
	_, answer := r.get(t, "/probe?target="+"%3Cscript%3E")
	if strings.Contains(answer, "<script") {
		t.Errorf("the response echoes the request: %s", answer)
	}
	if _, metrics := r.get(t, "/probe?target=x"); strings.Contains(metrics, "alert(1)") && !strings.Contains(metrics, `title="title</style>`) {
		t.Errorf("the metrics contain more text than the title:\n%s", html.EscapeString(metrics))
	}
}

// TestServe_TLSAndBasicAuth requests the server with curl, over TLS and with a password.
func TestServe_TLSAndBasicAuth(t *testing.T) {
	curl := parts.Need(t, "curl")
	dir := t.TempDir()
	chain, key, root := parts.TLS(t, nil).Write(t, dir)
	password := parts.Secret()
	hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	web := write(t, dir, "web.yml", fmt.Sprintf("tls_server_config: {cert_file: %s, key_file: %s}\nbasic_auth_users: {prometheus: %s}\n", chain, key, hash))
	r := serve(t, "--deployment.root="+t.TempDir(), "--web.config.file="+web, "--web.enable-lifecycle", "--log.level=debug")
	secure := "https" + strings.TrimPrefix(r.url, "http")
	ask := func(args ...string) (code int, out string) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), parts.Patience)
		defer cancel()
		command := exec.CommandContext(ctx, curl, append([]string{"--silent", "--show-error", "--noproxy", "*", "--write-out", "\nstatus %{http_code}\n", "--config", "-"}, args...)...)
		command.Stdin = strings.NewReader("user = \"prometheus:" + password + "\"\n")
		if args[0] == "nobody" {
			command.Args = append([]string{curl, "--silent", "--show-error", "--noproxy", "*", "--write-out", "\nstatus %{http_code}\n"}, args[1:]...)
		}
		text, _ := command.CombinedOutput()
		return command.ProcessState.ExitCode(), string(text)
	}
	const wrongAuthority, noTLS = 60, 35
	for name, tt := range map[string]struct {
		args []string
		code int
		want string
	}{
		"valid request":       {[]string{"--cacert", root, secure + "/metrics"}, 0, "catalyst_ready 0"},
		"HTTP/2":              {[]string{"--cacert", root, "--http2", secure + "/-/ready"}, 0, "status 200"},
		"reload":              {[]string{"--cacert", root, "--request", "POST", secure + "/-/reload"}, 0, "status 200"},
		"no password":         {[]string{"nobody", "--cacert", root, secure + "/metrics"}, 0, "status 401"},
		"no password, reload": {[]string{"nobody", "--cacert", root, "--request", "POST", secure + "/-/reload"}, 0, "status 401"},
		"wrong password":      {[]string{"nobody", "--cacert", root, "--user", "prometheus:wrong", secure + "/metrics"}, 0, "status 401"},
		"another user":        {[]string{"nobody", "--cacert", root, "--user", "root:wrong", secure + "/"}, 0, "status 401"},
		"no TLS":              {[]string{r.url + "/metrics"}, 0, "status 400"},
		"unknown authority":   {[]string{secure + "/metrics"}, wrongAuthority, "certificate"},
		"old TLS":             {[]string{"--cacert", root, "--tls-max", "1.1", secure + "/metrics"}, noTLS, ""},
	} {
		code, out := ask(tt.args...)
		if code != tt.code || !strings.Contains(out, tt.want) {
			t.Errorf("%s: exit code %d: %.300s; want %d, %s", name, code, out, tt.code, tt.want)
		}
		if strings.Contains(out, "status 401") && strings.Contains(out, "catalyst_") {
			t.Errorf("%s: metrics in a response with status 401", name)
		}
	}
	if log := r.stderr.String(); strings.Contains(log, password) || strings.Contains(log, string(hash)) {
		t.Error("the log contains the password")
	}
}
