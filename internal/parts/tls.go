// Certificates created at run time: authorities, intermediates and leaves with any names, dates and keys. None is
// stored in the repository, so none can expire or look like a leaked key.

package parts

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"path/filepath"
	"testing"
	"time"
)

// CertOption changes a certificate before its creation.
type CertOption func(*certSetup)

type certSetup struct {
	template *x509.Certificate
	makeKey  func() (crypto.Signer, error)
}

// ValidFrom and ValidUntil set the dates. The default is from an hour ago until 90 days from now.
func ValidFrom(at time.Time) CertOption  { return func(s *certSetup) { s.template.NotBefore = at } }
func ValidUntil(at time.Time) CertOption { return func(s *certSetup) { s.template.NotAfter = at } }

// RSA gives the certificate an RSA key of that many bits (1024 and more; ECDSA P-256 is the default, as it is fast).
func RSA(bits int) CertOption {
	return func(s *certSetup) {
		s.makeKey = func() (crypto.Signer, error) { return rsa.GenerateKey(rand.Reader, bits) }
	}
}

// ECDSA gives the certificate a key on the given curve.
func ECDSA(curve elliptic.Curve) CertOption {
	return func(s *certSetup) {
		s.makeKey = func() (crypto.Signer, error) { return ecdsa.GenerateKey(curve, rand.Reader) }
	}
}

// Ed25519 gives the certificate an Ed25519 key.
func Ed25519() CertOption {
	return func(s *certSetup) {
		s.makeKey = func() (crypto.Signer, error) {
			_, key, err := ed25519.GenerateKey(rand.Reader)
			return key, err
		}
	}
}

// WithKey uses an existing key, for renewals and cross-signing.
func WithKey(key crypto.Signer) CertOption {
	return func(s *certSetup) { s.makeKey = func() (crypto.Signer, error) { return key, nil } }
}

// Template changes any other field of the certificate: signature algorithm, key usage, constraints, serial number.
func Template(change func(*x509.Certificate)) CertOption {
	return func(s *certSetup) { change(s.template) }
}

// Cert is a certificate with its key and its issuers.
type Cert struct {
	Certificate *x509.Certificate
	Key         crypto.Signer
	issuer      *Cert // nil for a self-signed one
}

// CA creates a self-signed authority.
func CA(t testing.TB, options ...CertOption) *Cert {
	t.Helper()
	return makeCert(t, nil, authority("Test Root"), options)
}

// Intermediate creates an authority signed by this one.
func (c *Cert) Intermediate(t testing.TB, options ...CertOption) *Cert {
	t.Helper()
	return makeCert(t, c, authority("Test Intermediate"), options)
}

// Leaf creates a server certificate for hosts (DNS names or addresses), signed by this one.
func (c *Cert) Leaf(t testing.TB, hosts []string, options ...CertOption) *Cert {
	t.Helper()
	return makeCert(t, c, leaf(hosts), options)
}

// SelfSigned creates a self-signed server certificate.
func SelfSigned(t testing.TB, hosts []string, options ...CertOption) *Cert {
	t.Helper()
	return makeCert(t, nil, leaf(hosts), options)
}

// TLS creates a typical server certificate: a leaf for the hosts (by default 127.0.0.1, ::1 and localhost), signed by
// an intermediate, signed by a root.
func TLS(t testing.TB, hosts []string, options ...CertOption) *Cert {
	t.Helper()
	if len(hosts) == 0 {
		hosts = []string{"127.0.0.1", "::1", "localhost"}
	}
	return CA(t).Intermediate(t).Leaf(t, hosts, options...)
}

func authority(name string) *x509.Certificate {
	return &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		NotAfter: time.Now().AddDate(10, 0, 0), // authorities outlive their leaves
	}
}

func leaf(hosts []string) *x509.Certificate {
	template := &x509.Certificate{
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		NotAfter:    time.Now().AddDate(0, 0, 90),
	}
	for _, host := range hosts {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	if len(hosts) > 0 {
		template.Subject = pkix.Name{CommonName: hosts[0]}
	}
	return template
}

func makeCert(t testing.TB, issuer *Cert, template *x509.Certificate, options []CertOption) *Cert {
	t.Helper()
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		t.Fatalf("certificate: %v", err)
	}
	template.SerialNumber = serial
	template.NotBefore = time.Now().Add(-time.Hour)
	setup := certSetup{template: template}
	ECDSA(elliptic.P256())(&setup)
	for _, option := range options {
		option(&setup)
	}
	key, err := setup.makeKey()
	if err != nil {
		t.Fatalf("certificate: make a key: %v", err)
	}
	parent, signer := template, key
	if issuer != nil {
		parent, signer = issuer.Certificate, issuer.Key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		t.Fatalf("certificate: %v", err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatalf("certificate: %v", err)
	}
	return &Cert{Certificate: certificate, Key: key, issuer: issuer}
}

// Root returns the authority at the end of the chain.
func (c *Cert) Root() *Cert {
	for c.issuer != nil {
		c = c.issuer
	}
	return c
}

// Issuer returns the certificate that signed this one, nil for a self-signed one.
func (c *Cert) Issuer() *Cert { return c.issuer }

// PEM returns only this certificate.
func (c *Cert) PEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate.Raw})
}

// ChainPEM returns what a server sends: this certificate and its intermediates, without the root.
func (c *Cert) ChainPEM() []byte {
	chain := c.PEM()
	for up := c.issuer; up != nil && up.issuer != nil; up = up.issuer {
		chain = append(chain, up.PEM()...)
	}
	return chain
}

// KeyPEM returns the private key in PKCS #8.
func (c *Cert) KeyPEM() []byte {
	der, err := x509.MarshalPKCS8PrivateKey(c.Key)
	if err != nil {
		panic(err) // only for a key type that this file does not create
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

// Pool returns a pool with the root, for a client that trusts this certificate.
func (c *Cert) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(c.Root().Certificate)
	return pool
}

// Server returns the chain and key for a TLS server in the test itself.
func (c *Cert) Server() tls.Certificate {
	chain := [][]byte{c.Certificate.Raw}
	for up := c.issuer; up != nil && up.issuer != nil; up = up.issuer {
		chain = append(chain, up.Certificate.Raw)
	}
	return tls.Certificate{Certificate: chain, PrivateKey: c.Key, Leaf: c.Certificate}
}

// Write writes server.crt (the chain), server.key (mode 0600) and ca.crt (the root) into dir and returns their paths.
func (c *Cert) Write(t testing.TB, dir string) (chain, key, root string) {
	t.Helper()
	chain, key, root = filepath.Join(dir, "server.crt"), filepath.Join(dir, "server.key"), filepath.Join(dir, "ca.crt")
	WriteFile(t, chain, string(c.ChainPEM()), 0o644)
	WriteFile(t, key, string(c.KeyPEM()), 0o600)
	WriteFile(t, root, string(c.Root().PEM()), 0o644)
	return chain, key, root
}

// readinessTLS is used to check whether a server responds at all. It accepts any certificate, because a test may use an
// expired one or one for another host.
func readinessTLS(c *Cert) *tls.Config {
	if c == nil {
		return nil
	}
	return &tls.Config{InsecureSkipVerify: true} //nolint:gosec // see above
}
