package probe

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/files"
)

// TLS towards PostgreSQL, by libpq's words for it, and the certificate authorities that databases are configured with.

// postgresTLS is what is tried: first, and where that is refused, the other way. A nil configuration is without TLS.
type postgresTLS struct {
	first, other *tls.Config
	second       bool   // other is tried
	print        string // changes with the authorities
}

func newPostgresTLS(a deployment.DatabaseAccess, roots *x509.CertPool) (postgresTLS, error) {
	var t postgresTLS
	roots, pem, err := authorities(a.CAFile, "deployment.database.ca_file", roots)
	if err != nil {
		return t, err
	}
	t.print = pem
	name := a.Host
	if inside, _, err := net.SplitHostPort(a.Inside); err == nil {
		name = inside // the certificate is for the name that the application uses, not for the published port's address
	}
	// libpq verifies nothing with prefer and require; it is for the TLS items to judge that.
	blind := &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12} //nolint:gosec // as sslmode says
	switch a.SSLMode {
	case "disable":
	case "allow":
		t.second, t.other = true, blind
	case "prefer":
		t.first, t.second = blind, true
	case "require", "verify-ca":
		t.first = blind
		if a.SSLMode == "verify-ca" || a.CAFile != "" { // with an authority, require is verify-ca
			t.first = &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12, VerifyConnection: chainOf(roots)} //nolint:gosec // the chain is verified, any name will do
		}
	case "verify-full":
		t.first = &tls.Config{RootCAs: roots, ServerName: name, MinVersion: tls.VersionTLS12}
	default:
		return t, Needs("deployment.database.sslmode", Unknownf(ReasonInvalid, "the database's sslmode is none of disable, allow, prefer, require, verify-ca, verify-full"))
	}
	return t, nil
}

// chainOf verifies the chain whatever the name.
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

// authorities are the certificate authorities of a file, or those given; pem is what the file holds.
func authorities(path, setting string, given *x509.CertPool) (pool *x509.CertPool, pem string, err error) {
	if path == "" {
		return given, "", nil
	}
	data, _, err := files.Read(path, maxCredential)
	if err != nil {
		return nil, "", Needs(setting, Unknown(reasonOf(err), fmt.Errorf("%s: %w", setting, err)))
	}
	pool = x509.NewCertPool()
	if !pool.AppendCertsFromPEM(data) {
		return nil, "", Needs(setting, Unknown(ReasonInvalid, errors.New(setting+" holds no certificate")))
	}
	return pool, string(data), nil
}
