package server

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"strings"
)

// Addresses of the exporter: the path below which it serves, and what /sd tells Prometheus to scrape.

// routePrefix returns the path below which everything is served, without a final slash: the given one, else that of the
// external URL.
func routePrefix(given string, external *url.URL) (string, error) {
	prefix := given
	if prefix == "" && external != nil {
		prefix = external.Path
	}
	if prefix != "" && (prefix[0] != '/' || strings.ContainsAny(prefix, "?#{}% ") || path.Clean(prefix) != strings.TrimSuffix(prefix, "/") && prefix != "/") {
		flag := "--web.route-prefix"
		if given == "" {
			flag = "--web.external-url"
		}
		return "", fmt.Errorf("%s: expected a path like /readiness, without escapes", flag)
	}
	return strings.TrimSuffix(prefix, "/"), nil
}

// below serves a handler below the route prefix. The root leads there; health checks need not know the prefix.
func (s *server) below(next http.Handler) http.Handler {
	prefix := s.options.RoutePrefix
	if prefix == "" {
		return next
	}
	mux := http.NewServeMux()
	mux.Handle(prefix+"/", http.StripPrefix(prefix, next))
	mux.Handle("GET /{$}", http.RedirectHandler(prefix+"/", http.StatusFound))
	mux.Handle("GET /-/healthy", next)
	mux.Handle("GET /-/ready", next)
	return mux
}

// group is one group of targets of the HTTP service discovery of Prometheus.
type group struct {
	Targets []string          `json:"targets"`
	Labels  map[string]string `json:"labels"`
}

// discovery serves the HTTP service discovery of Prometheus: one group per target, scraped at /probe, and with targets one
// for the exporter itself, which has no deployment (self=false leaves it out).
func (s *server) discovery(w http.ResponseWriter, r *http.Request) {
	conf, done := s.use()
	defer done()
	groups := []group{}
	for _, t := range conf.Targets {
		g := s.groupAt(r, "/probe")
		g.Labels["deployment"] = t.Name
		if t.Name != "" {
			g.Labels["__param_target"] = t.Name
		} else {
			g = s.groupAt(r, s.options.TelemetryPath)
			g.Labels["deployment"] = "default"
		}
		if t.Deployment.Environment != "" {
			g.Labels["environment"] = t.Deployment.Environment
		}
		groups = append(groups, g)
	}
	if !conf.Single() && r.URL.Query().Get("self") != "false" {
		groups = append(groups, s.groupAt(r, s.options.TelemetryPath))
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(groups)
}

// groupAt returns the group of a path: at the external URL, else at the address of the request. Without either saying
// https, the scrape configuration decides on the scheme, since TLS may end at a proxy.
func (s *server) groupAt(r *http.Request, path string) group {
	g := group{Targets: []string{s.hosts.target(r)}, Labels: map[string]string{"__metrics_path__": s.options.RoutePrefix + path}}
	switch external := s.hosts.external; {
	case external != nil:
		g.Targets[0] = external.Host
		g.Labels["__scheme__"] = external.Scheme
		g.Labels["__metrics_path__"] = strings.TrimSuffix(external.Path, "/") + path
	case r.TLS != nil:
		g.Labels["__scheme__"] = "https"
	}
	return g
}
