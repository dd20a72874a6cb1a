package tlscheck

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/deployment/find"
	"github.com/thenexusengine/catalyst_exporter/deployment/nginx"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// Locations of certificates and keys: as configured; as in the nginx configuration; otherwise the first of server.crt
// and fullchain.pem in the certificates folder, and Let's Encrypt's folder for a public host.

// tlsPair is a certificate with its key.
type tlsPair struct {
	cert, key string // absolute; key is "" if nginx has none
	at        string // where nginx names the pair; "" if it was found by name
	hosts     []string
	// catchAll reports that only servers without a name of their own present it.
	catchAll bool
}

// tlsPlaces are the locations found.
type tlsPlaces struct {
	pairs  []tlsPair
	anyOf  []string      // public hosts that at least one pair must cover
	unseen []unseenPair  // certificates that nginx names outside the deployment's files
	nginx  *nginx.Config // nil without an nginx configuration
	// unnamed are the public hosts that no TLS server of nginx has in its names.
	unnamed []unnamedHost
}

// unseenPair is a certificate that nginx names and that cannot be read here.
type unseenPair struct {
	at, place string // place says where it lies; "" when unknown
	public    bool   // a public host is served with it
}

// unnamedHost is a public host that no TLS server names: the default server presents its certificates.
type unnamedHost struct {
	host  string
	certs []string // of the default server
	plain string   // where a server without TLS has the name; "" for none
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
		if len(places.pairs) == 0 && len(places.unseen) > 0 && len(plainServers(n)) == 0 {
			return places, elsewhere(p, places.unseen)
		}
		if len(places.pairs) > 0 || len(places.unseen) > 0 || len(bareServers(n)) > 0 {
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
