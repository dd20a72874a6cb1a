package exporter

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// requestAs requests a path under a Host, with further headers.
func requestAs(t *testing.T, method, url, host string, headers ...string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = host
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(body)
}

// TestHost_OnLoopback requests a loopback listener under names of its own and of strangers.
func TestHost_OnLoopback(t *testing.T) {
	r := serve(t, "--deployment.root="+t.TempDir(), "--web.external-url=https://Readiness.example.com/board", "--web.route-prefix=/", "--web.allowed-hosts=a.example,b.example:8080",
		"--web.allowed-hosts=c.example")
	for host, want := range map[string]int{
		"127.0.0.1:10460": 200, "127.0.0.1": 200, "10.1.2.3:80": 200, "[::1]:10460": 200, "[::1]": 200, "localhost": 200, "LocalHost:10460": 200,
		"localhost.": 200, "host.docker.internal:10460": 200, "readiness.example.com": 200, "READINESS.example.com:443": 200, "a.example": 200,
		"b.example": 200, "c.example:1": 200,
		"evil.example": 403, "evil.example:10460": 403, "127.0.0.1.evil.example": 403, "localhost.evil.example": 403, "a.example.evil": 403,
		"xa.example": 403, "docker.internal": 403, "0x7f.1": 403, "exporter": 403,
	} {
		for _, path := range []string{"/-/healthy", "/sd", "/nope"} {
			wanted := want
			if path == "/nope" && want == 200 {
				wanted = 404
			}
			status, body := requestAs(t, http.MethodGet, r.url+path, host)
			if status != wanted && (status != http.StatusBadRequest || want == 200) {
				t.Errorf("Host %q, %s: status %d, want %d", host, path, status, wanted)
			}
			if want == 403 && strings.Contains(body, host) {
				t.Errorf("Host %q, %s: the response contains it", host, path)
			}
		}
	}
}

// TestHost_OnOtherAddresses requests a listener on all interfaces: it is served, and /sd repeats only names that no stranger owns.
func TestHost_OnOtherAddresses(t *testing.T) {
	r := serve(t, "--deployment.root="+t.TempDir(), "--web.listen-address=[::]:0", "--web.allowed-hosts=ours.example")
	wide := <-r.more
	url := "http://127.0.0.1" + wide[strings.LastIndexByte(wide, ':'):]
	for host, echoed := range map[string]bool{
		"exporter:10460": true, "ours.example:10460": true, "192.0.2.1:10460": true, "localhost:10460": true,
		"evil.example:10460": false, "evil.example": false, "sub.ours.example:1": false,
	} {
		status, body := requestAs(t, http.MethodGet, url+"/sd", host)
		if status != http.StatusOK || strings.Contains(body, `"`+host+`"`) != echoed {
			t.Errorf("Host %q: %d %s", host, status, body)
		}
		if !echoed && (strings.Contains(body, "evil") || !strings.Contains(body, strings.TrimPrefix(url, "http://"))) {
			t.Errorf("Host %q: %s, want the address of the connection", host, body)
		}
	}
}

// TestReload_RefusesOtherSites reloads as a command, as pages of the exporter's own site and of others.
func TestReload_RefusesOtherSites(t *testing.T) {
	config := write(t, t.TempDir(), "c.yml", "{}\n")
	r := serve(t, "--deployment.root="+t.TempDir(), "--config.file="+config, "--web.enable-lifecycle", "--web.external-url=https://board.example:443/")
	own := strings.TrimPrefix(r.url, "http://")
	for name, tt := range map[string]struct {
		headers []string
		want    int
	}{
		"no browser":         {nil, 200},
		"own page":           {[]string{"Sec-Fetch-Site", "same-origin", "Origin", r.url}, 200},
		"own page, old":      {[]string{"Origin", r.url}, 200},
		"typed by the user":  {[]string{"Sec-Fetch-Site", "none"}, 200},
		"behind a proxy":     {[]string{"Origin", "https://board.example", "Sec-Fetch-Site", "cross-site"}, 200},
		"other site":         {[]string{"Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"}, 403},
		"other site, old":    {[]string{"Origin", "https://evil.example"}, 403},
		"same site":          {[]string{"Sec-Fetch-Site", "same-site", "Origin", "http://127.0.0.1:1"}, 403},
		"sandboxed":          {[]string{"Origin", "null"}, 403},
		"other site, hidden": {[]string{"Sec-Fetch-Site", "cross-site"}, 403},
	} {
		if status, body := requestAs(t, http.MethodPost, r.url+"/-/reload", own, tt.headers...); status != tt.want {
			t.Errorf("%s: status %d, want %d: %s", name, status, tt.want, body)
		}
	}
}

// TestHostFlags_Invalid refuses values that would allow nothing, or everything.
func TestHostFlags_Invalid(t *testing.T) {
	ended, end := context.WithCancel(t.Context())
	end()
	for _, flag := range []string{"--web.allowed-hosts=*", "--web.allowed-hosts=", "--web.allowed-hosts=https://a.example", "--web.external-url=board.example",
		"--web.external-url=ftp://board.example/", "--web.external-url=https://user@board.example/", "--web.external-url=https:///x",
		"--web.external-url=https://board.example/a b", "--web.external-url=https://board.example/a/../b", "--web.route-prefix=readiness",
		"--web.route-prefix=/a?b", "--web.route-prefix=/{x}", "--web.route-prefix=/a//b", "--web.route-prefix=/%2e"} {
		var errs lockedBuffer
		code := Main([]string{"serve", "--web.listen-address=127.0.0.1:0", flag}, System{Context: ended, Stdout: io.Discard, Stderr: &errs, Now: time.Now,
			Getenv: func(string) (string, bool) { return "", false }})
		name, _, _ := strings.Cut(flag, "=")
		if code != ExitUsage || !strings.Contains(errs.String(), name) {
			t.Errorf("%s: exit code %d, %s", flag, code, errs.String())
		}
	}
}
