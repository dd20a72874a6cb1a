package parts

import (
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"testing"
	"time"
)

func TestTLS(t *testing.T) {
	cert := TLS(t, []string{"shop.test", "192.0.2.1"}, RSA(2048))
	chain := x509.NewCertPool()
	chain.AppendCertsFromPEM(cert.ChainPEM())
	verify := func(name string, at time.Time) error {
		_, err := cert.Certificate.Verify(x509.VerifyOptions{DNSName: name, Roots: cert.Pool(), Intermediates: chain, CurrentTime: at})
		return err
	}
	for _, name := range []string{"shop.test", "192.0.2.1"} {
		if err := verify(name, time.Now()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	var wrongName x509.HostnameError
	if err := verify("other.test", time.Now()); !errors.As(err, &wrongName) {
		t.Errorf("another name: %v", err)
	}
	var invalid x509.CertificateInvalidError
	if err := verify("shop.test", time.Now().AddDate(0, 0, 91)); !errors.As(err, &invalid) || invalid.Reason != x509.Expired {
		t.Errorf("after its end: %v", err)
	}
	if _, err := tls.X509KeyPair(cert.ChainPEM(), cert.KeyPEM()); err != nil {
		t.Errorf("certificate and key: %v", err)
	}
	if key, ok := cert.Key.(*rsa.PrivateKey); !ok || key.N.BitLen() != 2048 {
		t.Errorf("key is %T", cert.Key)
	}
}

func TestCertOptions(t *testing.T) {
	from, until := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2020, 2, 1, 0, 0, 0, 0, time.UTC)
	weak := SelfSigned(t, []string{"a.test"}, ValidFrom(from), ValidUntil(until), RSA(1024),
		Template(func(c *x509.Certificate) { c.SignatureAlgorithm = x509.SHA1WithRSA }))
	if c := weak.Certificate; !c.NotBefore.Equal(from) || !c.NotAfter.Equal(until) || c.SignatureAlgorithm != x509.SHA1WithRSA {
		t.Errorf("from %v until %v, %v", c.NotBefore, c.NotAfter, c.SignatureAlgorithm)
	}
	for want, option := range map[x509.PublicKeyAlgorithm]CertOption{x509.Ed25519: Ed25519(), x509.ECDSA: ECDSA(elliptic.P384())} {
		if got := SelfSigned(t, nil, option).Certificate.PublicKeyAlgorithm; got != want {
			t.Errorf("key %v, want %v", got, want)
		}
	}
	renewed := SelfSigned(t, nil, WithKey(weak.Key))
	if _, err := tls.X509KeyPair(renewed.PEM(), weak.KeyPEM()); err != nil {
		t.Errorf("the same key: %v", err)
	}
}
