package tlscheck

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/deployment/find"
	"github.com/thenexusengine/catalyst_exporter/deployment/nginx"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/phrase"
)

// Locations of certificates and keys: as configured; as in the nginx configuration; otherwise the first of server.crt
// and fullchain.pem in the certificates folder, and Let's Encrypt's folder for a public host.

// tlsPair is a certificate with its key.
type tlsPair struct {
	cert, key string // absolute; key is "" if nginx has none
	at        string // where nginx names the pair; "" if it was found by name
	hosts     []string
}

// tlsPlaces are the locations found.
type tlsPlaces struct {
	pairs  []tlsPair
	anyOf  []string      // public hosts that at least one pair must cover
	unseen []string      // where nginx names certificates outside the deployment's files
	nginx  *nginx.Config // nil without an nginx configuration
}

// findPairs locates the pairs for the public hosts. The error is Skip when the certificates are not accessible here.
func findPairs(p *probe.Pass, hosts []string) (tlsPlaces, error) {
	if t := p.Deployment.TLS; t.Cert != "" {
		return tlsPlaces{pairs: []tlsPair{{cert: p.Deployment.Abs(t.Cert), key: p.Deployment.Abs(t.Key), hosts: hosts}}}, nil
	}
	if at := p.Deployment.Public.TerminatedAt; at != "origin" {
		return tlsPlaces{}, probe.Skip("deployment.tls.cert", "TLS ends at the %s (deployment.public.terminated_at), so only its endpoint counts", strings.ReplaceAll(at, "_", " "))
	}
	n, err := p.View.Nginx()
	switch {
	case err == nil:
		places := nginxPairs(n, hosts)
		if len(places.pairs) > 0 || len(places.unseen) > 0 || len(bareServers(n)) > 0 {
			if len(places.pairs) == 0 && len(places.unseen) > 0 {
				return places, probe.Skip("deployment.tls.cert", "nginx's certificate (%s) is not among the deployment's files", phrase.List(places.unseen))
			}
			return places, nil
		}
	case errors.Is(err, fs.ErrPermission):
		return tlsPlaces{}, probe.PermissionError("nginx's certificates are unknown", err)
	}
	places, err := foundPairs(p, hosts)
	places.nginx = n
	return places, err
}

// foundPairs searches for pairs by their usual names.
func foundPairs(p *probe.Pass, hosts []string) (tlsPlaces, error) {
	for _, names := range [][2]string{{"server.crt", "server.key"}, {"fullchain.pem", "privkey.pem"}} {
		dir := p.View.Place(find.FactSSL).Path()
		if dir == "" {
			break
		}
		pair := tlsPair{cert: filepath.Join(dir, names[0]), key: filepath.Join(dir, names[1]), hosts: hosts}
		switch _, err := os.Lstat(pair.cert); {
		case err == nil:
			return tlsPlaces{pairs: []tlsPair{pair}}, nil
		case errors.Is(err, fs.ErrPermission):
			return tlsPlaces{}, probe.PermissionError("certificates may be in "+p.Deployment.Rel(dir), err)
		}
	}
	return letsEncrypt(p, hosts)
}

// letsEncrypt searches the folder of Let's Encrypt's client: each host may have its own certificate, and one may cover
// several hosts.
func letsEncrypt(p *probe.Pass, hosts []string) (tlsPlaces, error) {
	var places tlsPlaces
	live := filepath.Join(p.Deployment.Abs(p.Deployment.Firewall.HostRoot), "etc/letsencrypt/live")
	for _, host := range hosts {
		dir := filepath.Join(live, filepath.Base(host))
		cert := filepath.Join(dir, "fullchain.pem")
		switch _, err := os.Stat(cert); {
		case err == nil:
			places.pairs = append(places.pairs, tlsPair{cert: cert, key: filepath.Join(dir, "privkey.pem"), hosts: []string{host}})
		case errors.Is(err, fs.ErrPermission):
			return places, probe.PermissionError("certificates may be in "+live, err)
		default:
			places.anyOf = append(places.anyOf, host)
		}
	}
	return places, nil
}

// nginxPairs returns the certificates of nginx's servers, each with the public hosts it serves.
func nginxPairs(n *nginx.Config, hosts []string) tlsPlaces {
	places := tlsPlaces{nginx: n}
	named := map[string]bool{}
	bare := bareServers(n)
	for _, s := range n.Servers {
		if !s.TLS() {
			continue
		}
		if n.Hidden && slices.ContainsFunc(bare, func(b nginx.Server) bool { return b.File == s.File && b.Line == s.Line }) {
			places.unseen = append(places.unseen, fmt.Sprintf("%s:%d", s.File, s.Line)) // possibly in an included file
		}
		var own []string
		for _, h := range hosts {
			if slices.ContainsFunc(s.Names, func(name string) bool { return serverNameFits(name, h) }) {
				own, named[h] = append(own, h), true
			}
		}
		for _, c := range s.Certificates {
			at := fmt.Sprintf("%s:%d", c.Cert.File, c.Cert.Line)
			if c.Cert.Host == "" || c.Key.Host == "" && c.Key.Inside != "" {
				if !slices.Contains(places.unseen, at) {
					places.unseen = append(places.unseen, at)
				}
				continue
			}
			i := slices.IndexFunc(places.pairs, func(p tlsPair) bool { return p.cert == c.Cert.Host && p.key == c.Key.Host })
			if i < 0 {
				i, places.pairs = len(places.pairs), append(places.pairs, tlsPair{cert: c.Cert.Host, key: c.Key.Host, at: at})
			}
			for _, h := range own {
				if !slices.Contains(places.pairs[i].hosts, h) {
					places.pairs[i].hosts = append(places.pairs[i].hosts, h)
				}
			}
		}
	}
	for _, h := range hosts {
		if !named[h] {
			places.anyOf = append(places.anyOf, h)
		}
	}
	return places
}

// serverNameFits reports whether an nginx server name matches a host. Regular expressions are not evaluated.
func serverNameFits(name, host string) bool {
	name = strings.ToLower(name)
	if rest, ok := strings.CutPrefix(name, "."); ok {
		return host == rest || strings.HasSuffix(host, name)
	}
	if rest, ok := strings.CutPrefix(name, "*"); ok {
		return strings.HasPrefix(rest, ".") && strings.HasSuffix(host, rest)
	}
	return name == host
}
