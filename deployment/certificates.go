package deployment

import (
	"errors"
	"path/filepath"
	"slices"

	"github.com/thenexusengine/catalyst_exporter/deployment/find"
	"github.com/thenexusengine/catalyst_exporter/deployment/nginx"
	"github.com/thenexusengine/catalyst_exporter/deployment/source"
)

// Finds the deployment's certificate and key.

// CertificatePair is a certificate and its key, as files on this host.
type CertificatePair struct {
	// Absolute paths. Cert is "" when only the path inside nginx's container is known; Key is also "" when no directive
	// names it.
	Cert, Key string
	// Inside is the certificate's path as nginx sees it; "" when nginx does not name it.
	Inside string
	How    string        // Configured or Found
	Origin source.Origin // the directive that names it; empty otherwise
	Hosts  []string      // server_name of the servers that present it
}

// Certificates returns the certificates that the deployment presents: the configured one, else those of nginx's TLS
// servers, else the first pair of well-known names in the certificate folder, else Let's Encrypt's for a public host.
// No certificate is not an error. The error reports an nginx configuration that cannot be read.
func (v *View) Certificates() ([]CertificatePair, error) {
	d := v.Deployment
	if d.TLS.Cert != "" {
		return []CertificatePair{{Cert: d.Abs(d.TLS.Cert), Key: d.Abs(d.TLS.Key), How: find.Configured}}, nil
	}
	n, err := v.Nginx()
	if err != nil && !errors.Is(err, nginx.ErrNoFile) {
		return nil, err
	}
	if pairs := certificatesOf(n); len(pairs) > 0 {
		return pairs, nil
	}
	if dir := v.Place(find.FactSSL).Path(); dir != "" {
		for _, names := range [][2]string{
			{"server.crt", "server.key"}, {"fullchain.pem", "privkey.pem"}, {"tls.crt", "tls.key"}, {"cert.pem", "key.pem"}, {"server.pem", "server-key.pem"},
		} {
			cert, key := filepath.Join(dir, names[0]), filepath.Join(dir, names[1])
			if source.Exists(cert) {
				return []CertificatePair{{Cert: cert, Key: key, How: find.Found}}, nil
			}
		}
	}
	// The error is reported where hosts are checked.
	hosts, _ := v.PublicHosts()
	for _, h := range hosts {
		live := filepath.Join(d.Abs(d.Firewall.HostRoot), "etc/letsencrypt/live", h.Name)
		if h.Placeholder == "" && source.Exists(filepath.Join(live, "fullchain.pem")) {
			return []CertificatePair{{Cert: filepath.Join(live, "fullchain.pem"), Key: filepath.Join(live, "privkey.pem"), How: find.Found, Hosts: []string{h.Name}}}, nil
		}
	}
	return nil, nil
}

// certificatesOf returns the pairs of all TLS servers, without duplicates.
func certificatesOf(n *nginx.Config) []CertificatePair {
	if n == nil {
		return nil
	}
	var pairs []CertificatePair
	for _, s := range n.Servers {
		if !s.TLS() {
			continue
		}
		for _, c := range s.Certificates {
			i := slices.IndexFunc(pairs, func(p CertificatePair) bool { return p.Inside == c.Cert.Inside })
			if i < 0 {
				pairs = append(pairs, CertificatePair{
					Cert: c.Cert.Host, Key: c.Key.Host, Inside: c.Cert.Inside, How: find.Found, Origin: source.Origin{File: c.Cert.File, Line: c.Cert.Line, Service: n.Service, Via: "ssl_certificate"},
				})
				i = len(pairs) - 1
			}
			for _, name := range s.Names {
				if !slices.Contains(pairs[i].Hosts, name) {
					pairs[i].Hosts = append(pairs[i].Hosts, name)
				}
			}
		}
	}
	return pairs
}
