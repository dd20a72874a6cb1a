package tlscheck

import (
	"fmt"
	"slices"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/deployment/compose"
	"github.com/thenexusengine/catalyst_exporter/deployment/nginx"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// TLS in the nginx configuration: whether each TLS server has a certificate, whether nginx finds it in its container,
// and which protocol versions are enabled. A good certificate that no server loads protects nothing.

// bareServers lists the TLS servers without a certificate.
func bareServers(n *nginx.Config) []nginx.Server {
	return slices.DeleteFunc(slices.Clone(n.Servers), func(s nginx.Server) bool {
		return !s.TLS() || s.Rejects || len(s.Certificates) > 0
	})
}

// judgeNginxTLS checks the configuration.
func judgeNginxTLS(p *probe.Pass, places tlsPlaces, f *probe.ResultBuilder) {
	n := places.nginx
	for _, problem := range n.Problems {
		f.Warn(probe.ReasonInvalid, "%s:%d: nginx rejects this configuration and keeps the previous one or does not start: %s", problem.File, problem.Line, problem.Text)
	}
	talking := false
	for _, s := range n.Servers {
		if !s.TLS() {
			continue
		}
		talking = true
		at := fmt.Sprintf("%s:%d", s.File, s.Line)
		for _, c := range s.Certificates {
			for _, path := range []nginx.Path{c.Cert, c.Key} {
				if path.Astray {
					f.Fail(probe.ReasonMissing, "%s:%d: %s is a link to a file that is not mounted into service %s: mount the folder that contains both the link and its target",
						path.File, path.Line, p.Deployment.Rel(path.Host), n.Service)
				}
			}
		}
		judgeProtocols(s, at, f)
	}
	if n.Hidden {
		return // files that are not visible may set it
	}
	for _, s := range bareServers(n) {
		f.Fail(probe.ReasonMissing, "%s:%d: the server listens with ssl but has no ssl_certificate", s.File, s.Line)
	}
	if !talking && len(n.Servers) > 0 && len(places.pairs) > 0 && ownCertificates(p) == "" {
		f.Warn(probe.ReasonMismatch, "no server in %s listens with ssl, so nginx does not use the certificate: set deployment.public.terminated_at if TLS ends elsewhere", n.Servers[0].File)
	}
}

// judgeProtocols checks the protocol versions of a server. nginx's default is fine.
func judgeProtocols(s nginx.Server, at string, f *probe.ResultBuilder) {
	var old []string
	for _, version := range s.Protocols {
		if slices.Contains([]string{"SSLv2", "SSLv3", "TLSv1", "TLSv1.0", "TLSv1.1"}, version) {
			old = append(old, version)
		}
	}
	switch {
	case len(old) == 0:
	case len(old) == len(s.Protocols):
		f.Fail(probe.ReasonWeak, "the server at %s supports nothing newer than %s: set ssl_protocols TLSv1.2 TLSv1.3", at, strings.Join(old, ", "))
	default:
		f.Warn(probe.ReasonWeak, "the server at %s still supports %s: set ssl_protocols TLSv1.2 TLSv1.3", at, strings.Join(old, ", "))
	}
}

// ownCertificates returns the service that obtains its certificates itself, "" for none.
func ownCertificates(p *probe.Pass) string {
	c, err := p.View.Compose()
	if err != nil {
		return ""
	}
	for _, name := range c.Services() {
		if compose.RunsImage(c.Project.Services[name], []string{"traefik", "caddy", "caddy-docker-proxy", "nginx-proxy/acme-companion", "jwilder/nginx-proxy"}) {
			return name
		}
	}
	return ""
}
