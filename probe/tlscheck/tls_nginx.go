package tlscheck

import (
	"crypto/x509"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/thenexusengine/catalyst_exporter/deployment/compose"
	"github.com/thenexusengine/catalyst_exporter/deployment/nginx"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// TLS in the nginx configuration: whether each TLS server has a certificate, whether nginx finds it in its container,
// and which protocol versions are enabled. A good certificate that no server loads protects nothing.

// bareServers lists the TLS servers without a certificate.
func bareServers(n *nginx.Config) []nginx.Server {
	return slices.DeleteFunc(slices.Concat(n.Servers, n.Streams), func(s nginx.Server) bool {
		return !s.TLS() || s.Rejects || len(s.Certificates) > 0
	})
}

// plainServers lists the servers that listen on port 443 without TLS. A server of the stream context may pass TLS on.
func plainServers(n *nginx.Config) []nginx.Server {
	return slices.DeleteFunc(slices.Clone(n.Servers), func(s nginx.Server) bool {
		return !slices.ContainsFunc(s.Listen, func(l nginx.Listen) bool {
			return l.Port == 443 && !l.SSL && !l.QUIC && !strings.HasPrefix(l.Host, "127.") && l.Host != "::1"
		})
	})
}

// publishes443 reports whether port 443 of nginx is reached from outside, as far as is known.
func publishes443(p *probe.Pass, n *nginx.Config) bool {
	c, err := p.View.Compose()
	if err != nil || n.Service == "" {
		return true
	}
	s := c.Project.Services[n.Service]
	return s.NetworkMode == "host" || slices.ContainsFunc(s.Ports, func(port types.ServicePortConfig) bool { return port.Target == 443 })
}

// judgeNginxTLS checks the configuration.
func judgeNginxTLS(p *probe.Pass, places tlsPlaces, f *probe.ResultBuilder) {
	n := places.nginx
	for _, problem := range n.Problems {
		f.Warn(probe.ReasonInvalid, "%s:%d: nginx rejects this configuration and keeps the previous one or does not start: %s", problem.File, problem.Line, problem.Text)
	}
	if len(n.Servers)+len(n.Streams) == 0 {
		f.Warn(probe.ReasonNotConfigured, "no server of nginx was read%s, so the certificate that it presents is unknown", notRead(n))
		return
	}
	if own := ownCertificates(p); own == "" {
		judgePlain(p, n, f)
	}
	talking := false
	for _, s := range slices.Concat(n.Servers, n.Streams) {
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
		if !talking && len(places.pairs) > 0 && ownCertificates(p) == "" {
			f.Warn(probe.ReasonNotConfigured, "no TLS server was read%s", notRead(n))
		}
		return // files that are not visible may set it
	}
	for _, s := range bareServers(n) {
		f.Fail(probe.ReasonMissing, "%s:%d: the server listens with ssl but has no ssl_certificate", s.File, s.Line)
	}
	if !talking && len(n.Servers) > 0 && len(places.pairs) > 0 && ownCertificates(p) == "" {
		f.Warn(probe.ReasonMismatch, "no server in %s listens with ssl, so nginx does not use the certificate: set deployment.public.terminated_at if TLS ends elsewhere", n.Servers[0].File)
	}
}

// judgePlain checks that port 443 speaks TLS.
func judgePlain(p *probe.Pass, n *nginx.Config, f *probe.ResultBuilder) {
	for _, s := range plainServers(n) {
		r := probe.Failed(probe.ReasonMismatch, "%s:%d: the server listens on port 443 without ssl, and so does every other server on that address: add ssl to listen", s.File, s.Line)
		if n.Hidden || !publishes443(p, n) {
			r.State = probe.StateWarn
		}
		f.Add(r)
	}
}

// notRead says which part of the configuration was not read; "" for none.
func notRead(n *nginx.Config) string {
	if len(n.Unread) == 0 || !n.Hidden {
		return ""
	}
	return ": " + n.Unread[0].Text
}

// judgeUnnamed checks the public hosts that no TLS server names: the default server presents its certificate for them.
// leaves are the certificates by file.
func judgeUnnamed(places tlsPlaces, leaves map[string]*x509.Certificate, f *probe.ResultBuilder) {
	covers := func(files []string, host string) bool {
		return slices.ContainsFunc(files, func(file string) bool { return leaves[file] != nil && leaves[file].VerifyHostname(host) == nil })
	}
	for _, u := range places.unnamed {
		switch {
		case places.nginx.Hidden:
			f.Warn(probe.ReasonNotConfigured, "the server for %s was not read%s", u.host, notRead(places.nginx))
		case len(leaves) == 0:
		case !covers(slices.Collect(maps.Keys(leaves)), u.host):
			f.Fail(probe.ReasonMismatch, "no certificate covers %s", u.host)
		case !covers(u.certs, u.host):
			f.Warn(probe.ReasonMismatch, "no TLS server has the name %s, and the default server's certificate does not cover it", u.host)
		}
		if u.plain != "" && !places.nginx.Hidden {
			f.Warn(probe.ReasonMismatch, "the server for %s at %s does not listen with ssl", u.host, u.plain)
		}
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
		if compose.RunsImage(c.Project.Services[name], []string{"traefik", "caddy", "caddy-docker-proxy", "nginx-proxy/acme-companion",
			"jwilder/nginx-proxy", "nginxproxy/nginx-proxy", "nginxproxy/acme-companion", "jrcs/letsencrypt-nginx-proxy-companion",
			"linuxserver/swag", "jc21/nginx-proxy-manager", "steveltn/https-portal"}) {
			return name
		}
	}
	return ""
}
