package probe

import (
	"fmt"
	"slices"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/deployment"
)

// What nginx's configuration says of TLS beside the certificates themselves: whether a server that talks TLS has one, whether nginx finds it where
// it runs, and which versions are spoken. A good certificate that no server loads protects nobody.

// bareServers are the servers that talk TLS and name no certificate.
func bareServers(n *deployment.Nginx) []deployment.NginxServer {
	return slices.DeleteFunc(slices.Clone(n.Servers), func(s deployment.NginxServer) bool {
		return !s.TLS() || s.Rejects || len(s.Certificates) > 0
	})
}

// judgeNginxTLS judges the configuration whose certificates were looked for.
func judgeNginxTLS(p *Pass, places tlsPlaces, f *Findings) {
	n := places.nginx
	for _, problem := range n.Problems {
		f.Warn(ReasonInvalid, "%s:%d: nginx refuses this, and goes on with what it loaded before or does not start: %s", problem.File, problem.Line, problem.Text)
	}
	talking := false
	for _, s := range n.Servers {
		if !s.TLS() {
			continue
		}
		talking = true
		at := fmt.Sprintf("%s:%d", s.File, s.Line)
		for _, c := range s.Certificates {
			for _, path := range []deployment.NginxPath{c.Cert, c.Key} {
				if path.Astray {
					f.Fail(ReasonMissing, "%s:%d: %s is a link out of what service %s has mounted, so that nginx does not find it: mount the folder that holds both the link and its target",
						path.File, path.Line, p.Deployment.Rel(path.Host), n.Service)
				}
			}
		}
		judgeProtocols(s, at, f)
	}
	if n.Hidden {
		return // what is not seen may say it
	}
	for _, s := range bareServers(n) {
		f.Fail(ReasonMissing, "%s:%d: the server listens with ssl and has no ssl_certificate", s.File, s.Line)
	}
	if !talking && len(n.Servers) > 0 && len(places.pairs) > 0 && ownCertificates(p) == "" {
		f.Warn(ReasonMismatch, "no server of %s listens with ssl, so that nginx does not use the certificate: where TLS ends elsewhere, say so in deployment.public.terminated_at", n.Servers[0].File)
	}
}

// judgeProtocols judges the versions that a server speaks. Where nothing is said, nginx' own default is good.
func judgeProtocols(s deployment.NginxServer, at string, f *Findings) {
	var old []string
	for _, version := range s.Protocols {
		if slices.Contains([]string{"SSLv2", "SSLv3", "TLSv1", "TLSv1.0", "TLSv1.1"}, version) {
			old = append(old, version)
		}
	}
	switch {
	case len(old) == 0:
	case len(old) == len(s.Protocols):
		f.Fail(ReasonWeak, "the server at %s speaks nothing newer than %s: set ssl_protocols TLSv1.2 TLSv1.3", at, strings.Join(old, ", "))
	default:
		f.Warn(ReasonWeak, "the server at %s still speaks %s: set ssl_protocols TLSv1.2 TLSv1.3", at, strings.Join(old, ", "))
	}
}

// ownCertificates is the service that gets its certificates by itself, "" for none.
func ownCertificates(p *Pass) string {
	c, err := p.View.Compose()
	if err != nil {
		return ""
	}
	for _, name := range c.Services() {
		if isNamed(c.Project.Services[name], []string{"traefik", "caddy", "caddy-docker-proxy", "nginx-proxy/acme-companion", "jwilder/nginx-proxy"}) {
			return name
		}
	}
	return ""
}
