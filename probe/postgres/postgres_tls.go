package postgres

import (
	"crypto/tls"
	"crypto/x509"
	"net"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/access"
)

// TLS to PostgreSQL by libpq's sslmode, and the certificate authorities configured for databases.

// postgresTLS are the attempts: first, then other. A nil configuration is plain TCP.
type postgresTLS struct {
	first, other *tls.Config
	second       bool   // other is tried after first
	print        string // fingerprint of the authorities
}

func newPostgresTLS(a deployment.DatabaseAccess, roots *x509.CertPool) (postgresTLS, error) {
	var t postgresTLS
	roots, pem, err := access.Authorities(a.CAFile, deployment.DatabaseService.Setting("ca_file"), roots)
	if err != nil {
		return t, err
	}
	t.print = pem
	name := a.Host
	if inside, _, err := net.SplitHostPort(a.Inside); err == nil {
		name = inside // the certificate is valid for the application's host name, not for the published port's address
	}
	// libpq does not verify with prefer and require; the TLS items check that.
	blind := &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12} //nolint:gosec // as sslmode says
	switch a.SSLMode {
	case "disable":
	case "allow":
		t.second, t.other = true, blind
	case "prefer":
		t.first, t.second = blind, true
	case "require", "verify-ca":
		t.first = blind
		if a.SSLMode == "verify-ca" || a.CAFile != "" { // with a CA file, require means verify-ca
			t.first = &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12, VerifyConnection: chainOf(roots)} //nolint:gosec // verify-ca verifies the chain but no name
		}
	case "verify-full":
		t.first = &tls.Config{RootCAs: roots, ServerName: name, MinVersion: tls.VersionTLS12}
	default:
		return t, probe.Needs(deployment.DatabaseService.Setting("sslmode"), probe.Unknownf(probe.ReasonInvalid, "invalid sslmode of the database: use disable, allow, prefer, require, verify-ca or verify-full"))
	}
	return t, nil
}

// chainOf verifies the chain but not the name.
func chainOf(roots *x509.CertPool) func(tls.ConnectionState) error {
	return func(s tls.ConnectionState) error {
		if len(s.PeerCertificates) == 0 {
			return x509.UnknownAuthorityError{}
		}
		o := x509.VerifyOptions{Roots: roots, Intermediates: x509.NewCertPool()}
		for _, c := range s.PeerCertificates[1:] {
			o.Intermediates.AddCert(c)
		}
		_, err := s.PeerCertificates[0].Verify(o)
		return err
	}
}
