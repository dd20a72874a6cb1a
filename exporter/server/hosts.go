package server

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// Requests of browsers. A page of a stranger can let its own host name resolve to a loopback address and then read the
// exporter as its own site. Such a request has the stranger's name in Host, so on loopback other names are refused.

// dockerHost is the name of the host in Docker's containers.
const dockerHost = "host.docker.internal"

// hostRules decides by which names the exporter may be requested.
type hostRules struct {
	names    []string // lower case, without port
	loopback []string // addresses of the listeners on loopback
	cross    *http.CrossOriginProtection
	external *url.URL // nil when none is configured
}

func newHostRules(f Options) (*hostRules, error) {
	h := &hostRules{names: []string{"localhost", dockerHost}, cross: http.NewCrossOriginProtection()}
	for _, list := range f.AllowedHosts {
		for name := range strings.SplitSeq(list, ",") {
			host := hostName(strings.TrimSpace(name))
			if host == "" || strings.ContainsAny(name, "/*@") {
				return nil, fmt.Errorf("--web.allowed-hosts: %q is not a host name", name)
			}
			h.names = append(h.names, host)
		}
	}
	if f.ExternalURL == "" {
		return h, nil
	}
	u, err := url.Parse(f.ExternalURL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil {
		return nil, fmt.Errorf("--web.external-url: expected a URL like https://readiness.example.com/, without a user")
	}
	origin := strings.ToLower(u.Scheme + "://" + u.Host) // as browsers send it, without the default port
	origin = strings.TrimSuffix(origin, map[string]string{"http": ":80", "https": ":443"}[u.Scheme])
	if err := h.cross.AddTrustedOrigin(origin); err != nil {
		return nil, fmt.Errorf("--web.external-url: %w", err)
	}
	h.names = append(h.names, hostName(u.Host))
	h.external = u
	return h, nil
}

// listens adds a listener.
func (h *hostRules) listens(at net.Addr) {
	if a, ok := at.(*net.TCPAddr); ok && a.IP.IsLoopback() {
		h.loopback = append(h.loopback, a.String())
	}
}

// hostName returns the name in a Host header, in lower case and without port and final dot.
func hostName(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	return strings.TrimSuffix(strings.ToLower(host), ".")
}

// own reports whether a Host header names this exporter for certain.
func (h *hostRules) own(host string) bool {
	name := hostName(host)
	_, err := netip.ParseAddr(name)
	return err == nil || slices.Contains(h.names, name)
}

// refused reports whether a request must be refused. Without a Host it is not from a browser.
func (h *hostRules) refused(r *http.Request) bool {
	return r.Host != "" && !h.own(r.Host) && slices.Contains(h.loopback, localAddress(r))
}

// localAddress returns the address at which the connection arrived.
func localAddress(r *http.Request) string {
	at, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if !ok {
		return ""
	}
	return at.String()
}

// target returns the address under which Prometheus reaches this exporter: that of the request, unless a stranger may own
// its name. A name without dots is of the local network, and a name in TLS is one that the client has verified.
func (h *hostRules) target(r *http.Request) string {
	name := hostName(r.Host)
	local := name != "" && !strings.ContainsAny(name, "./\\@<>\"' ")
	if h.own(r.Host) || local || r.TLS != nil && strings.EqualFold(r.TLS.ServerName, name) {
		return r.Host
	}
	return localAddress(r)
}

// guard refuses requests under a foreign name, and requests by pages of other sites that change anything.
func (h *hostRules) guard(next http.Handler) http.Handler {
	same := h.cross.Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if h.refused(r) {
			http.Error(w, "the Host of this request is not allowed on a loopback address: start with --web.allowed-hosts", http.StatusForbidden)
			return
		}
		same.ServeHTTP(w, r)
	})
}
