package exporter

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/thenexusengine/catalyst_exporter/internal/parts"
)

// The exporter behind nginx, with and without a path, and what /sd then tells Prometheus.

// sdGroup is a group of /sd.
type sdGroup struct {
	Targets []string
	Labels  map[string]string
}

// address is where Prometheus scrapes a group.
func (g sdGroup) address() string {
	scheme := g.Labels["__scheme__"]
	if scheme == "" {
		scheme = "http"
	}
	address := scheme + "://" + strings.Join(g.Targets, ",") + g.Labels["__metrics_path__"]
	if name := g.Labels["__param_target"]; name != "" {
		address += "?target=" + name
	}
	return address
}

// TestProxy_ServesBelowAPath requests the exporter through nginx, which keeps the path or removes it.
func TestProxy_ServesBelowAPath(t *testing.T) {
	config := write(t, t.TempDir(), "config.yml", "targets:\n  one: {root: "+t.TempDir()+", environment: staging}\n  two: {root: "+t.TempDir()+"}\n")
	for name, tt := range map[string]struct{ path, pass, prefix string }{
		"keeps the path":   {"/readiness", "", ""},
		"removes the path": {"/readiness", "/", "--web.route-prefix=/"},
		"no path":          {"", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			args := []string{"--config.file=" + config, "--web.external-url=http://front.example" + tt.path + "/"}
			if tt.prefix != "" {
				args = append(args, tt.prefix)
			}
			r := serve(t, args...)
			nginx := parts.Nginx(t, parts.NginxSite{Server: fmt.Sprintf("location %s/ { proxy_set_header Host front.example; proxy_pass %s%s; }", tt.path, r.url, tt.pass)})
			get := func(path string) (int, string) {
				resp, err := http.Get(nginx.URL + path)
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = resp.Body.Close() }()
				body, err := io.ReadAll(resp.Body)
				if err != nil {
					t.Fatal(err)
				}
				return resp.StatusCode, string(body)
			}
			status, body := get(tt.path + "/sd")
			var groups []sdGroup
			if err := json.Unmarshal([]byte(body), &groups); err != nil || status != http.StatusOK {
				t.Fatalf("/sd: %d %v %s", status, err, body)
			}
			var addresses []string
			for _, g := range groups {
				addresses = append(addresses, g.address())
				path := strings.TrimPrefix(g.address(), "http://front.example")
				if status, body := get(path); status != http.StatusOK || !strings.Contains(body, "catalyst_") {
					t.Errorf("%s: %d %.100s", path, status, body)
				}
			}
			base := "http://front.example" + tt.path
			if want := []string{base + "/probe?target=one", base + "/probe?target=two", base + "/metrics"}; !slices.Equal(addresses, want) {
				t.Errorf("%q, want %q", addresses, want)
			}
			for path, want := range map[string]string{"/": "0 of 2 ready", "/?target=one": "Not ready", "/api/v1/checks?target=one": `"items"`, "/-/healthy": "healthy", "/badge.svg?target=one": "<svg"} {
				if status, body := get(tt.path + path); status != http.StatusOK || !strings.Contains(body, want) {
					t.Errorf("%s: %d %.100s, want %s", path, status, body, want)
				}
			}
			if status, _ := r.get(t, "/-/healthy"); status != http.StatusOK {
				t.Errorf("health check without the path: %d", status)
			}
			if status, body := r.get(t, "/"); status != http.StatusOK || !strings.Contains(body, "0 of 2 ready") { // redirected, if need be
				t.Errorf("root: %d", status)
			}
		})
	}
}

// TestDiscovery_WithoutExternalURL: the address is that of the request, and its scheme only where TLS is seen.
func TestDiscovery_WithoutExternalURL(t *testing.T) {
	r := serve(t, "--deployment.root="+t.TempDir(), "--web.route-prefix=/readiness")
	_, body := r.get(t, "/readiness/sd")
	var groups []sdGroup
	if err := json.Unmarshal([]byte(body), &groups); err != nil || len(groups) != 1 {
		t.Fatalf("%v %s", err, body)
	}
	if want := r.url + "/readiness/metrics"; groups[0].address() != want || groups[0].Labels["__scheme__"] != "" {
		t.Errorf("%s, want %s: %s", groups[0].address(), want, body)
	}
	if status, _ := r.get(t, "/sd"); status != http.StatusNotFound {
		t.Errorf("/sd without the prefix: %d", status)
	}
}
