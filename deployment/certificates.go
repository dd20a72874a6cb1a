package deployment

// Where the deployment's certificate and key are.

import (
	"errors"
	"path/filepath"
	"slices"
)

// CertificatePair is a certificate with its key, as files of this host.
type CertificatePair struct {
	Cert, Key string // absolute; Cert is "" when only the path in nginx's container is known, Key also when nothing names one
	// Inside is the certificate's path as nginx sees it; "" when nginx does not name it.
	Inside string
	How    string   // Configured or Found
	Origin Origin   // the directive that names it; empty otherwise
	Hosts  []string // server_name of the servers that present it
}

// Certificates says which certificates the deployment presents: the configured one, else those of nginx's TLS servers, else the first pair of known
// names in the folder of certificates, else that of Let's Encrypt for a public host. None is no error; the error tells that nginx's configuration
// is there and cannot be read.
func (v *View) Certificates() ([]CertificatePair, error) {
	d := v.Deployment
	if d.TLS.Cert != "" {
		return []CertificatePair{{Cert: d.Abs(d.TLS.Cert), Key: d.Abs(d.TLS.Key), How: Configured}}, nil
	}
	n, err := v.Nginx()
	if err != nil && !errors.Is(err, ErrNoNginx) {
		return nil, err
	}
	if pairs := n.certificates(); len(pairs) > 0 {
		return pairs, nil
	}
	if dir := v.Place(FactSSL).Path(); dir != "" {
		for _, names := range [][2]string{
			{"server.crt", "server.key"}, {"fullchain.pem", "privkey.pem"}, {"tls.crt", "tls.key"}, {"cert.pem", "key.pem"}, {"server.pem", "server-key.pem"},
		} {
			cert, key := filepath.Join(dir, names[0]), filepath.Join(dir, names[1])
			if exists(cert) {
				return []CertificatePair{{Cert: cert, Key: key, How: Found}}, nil
			}
		}
	}
	hosts, _ := v.PublicHosts() // those that are known; the rest is told where hosts are asked for
	for _, h := range hosts {
		live := filepath.Join(d.hostRoot(), "etc/letsencrypt/live", h.Name)
		if h.Placeholder == "" && exists(filepath.Join(live, "fullchain.pem")) {
			return []CertificatePair{{Cert: filepath.Join(live, "fullchain.pem"), Key: filepath.Join(live, "privkey.pem"), How: Found, Hosts: []string{h.Name}}}, nil
		}
	}
	return nil, nil
}

// certificates are the pairs of all TLS servers, each once.
func (n *Nginx) certificates() []CertificatePair {
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
					Cert: c.Cert.Host, Key: c.Key.Host, Inside: c.Cert.Inside, How: Found, Origin: Origin{File: c.Cert.File, Line: c.Cert.Line, Service: n.Service, Via: "ssl_certificate"},
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
