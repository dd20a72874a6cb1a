package tlscheck

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/probe"
)

// TestTrustIsRememberedOnlyWhileItHolds sees that a path is used again for the same chain, roots and dates, and for nothing else.
func TestTrustIsRememberedOnlyWhileItHolds(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	issue := func(name string, lasts time.Duration, parent *x509.Certificate, by *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey) {
		t.Helper()
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(lasts)}
		if parent == nil {
			parent, by, c.IsCA, c.BasicConstraintsValid = c, key, true, true
		}
		der, err := x509.CreateCertificate(rand.Reader, c, parent, key.Public(), by)
		if err != nil {
			t.Fatal(err)
		}
		if c, err = x509.ParseCertificate(der); err != nil {
			t.Fatal(err)
		}
		return c, key
	}
	root, rootKey := issue("root", 5*time.Minute, nil, nil)
	other, _ := issue("other", time.Hour, nil, nil)
	leaf, _ := issue("leaf", time.Hour, root, rootKey)
	twin, _ := issue("leaf", time.Hour, root, rootKey)
	again, err := x509.ParseCertificate(leaf.Raw) // as a new handshake presents it
	if err != nil {
		t.Fatal(err)
	}
	pool := func(c *x509.Certificate) *x509.CertPool {
		p := x509.NewCertPool()
		p.AddCert(c)
		return p
	}
	roots := pool(root)
	for name, test := range map[string]struct {
		leaf  *x509.Certificate
		roots *x509.CertPool
		after time.Duration
		want  bool
	}{
		"the same":                 {leaf, roots, time.Minute, true},
		"read again":               {again, roots, time.Minute, true},
		"another certificate":      {twin, roots, time.Minute, false},
		"other roots":              {leaf, pool(other), time.Minute, false},
		"the root is past its end": {leaf, roots, 6 * time.Minute, false},
		"the clock was set back":   {leaf, roots, -time.Second, false},
		"not valid yet":            {leaf, roots, -2 * time.Hour, false},
	} {
		memory := &trust{}
		if _, fault, err := memory.verify([]*x509.Certificate{leaf}, certificateTerms{now: now, roots: roots}); err != nil || fault.Reason != probe.ReasonNone {
			t.Fatal(fault, err)
		}
		if got := memory.holds([]*x509.Certificate{test.leaf}, certificateTerms{now: now.Add(test.after), roots: test.roots}); got != test.want {
			t.Errorf("%s: remembered %v, want %v", name, got, test.want)
		}
	}
	lasting, lastingKey := issue("lasting", time.Hour, nil, nil)
	below, _ := issue("below", time.Hour, lasting, lastingKey)
	memory := &trust{}
	terms := certificateTerms{now: now, roots: pool(lasting)}
	if _, _, err := memory.verify([]*x509.Certificate{below}, terms); err != nil {
		t.Fatal(err)
	}
	for after, want := range map[time.Duration]bool{9 * time.Minute: true, 10 * time.Minute: false} {
		terms.now = now.Add(after)
		if got := memory.holds([]*x509.Certificate{below}, terms); got != want {
			t.Errorf("after %v: remembered %v, want %v", after, got, want)
		}
	}
	memory = &trust{}
	for range 2 { // distrust is found anew each time
		if _, fault, err := memory.verify([]*x509.Certificate{leaf}, certificateTerms{now: now, roots: pool(other)}); err != nil || fault.Reason == probe.ReasonNone || memory.path != nil {
			t.Errorf("a chain to no trusted root: %v, %v, remembered %v", fault, err, memory.path != nil)
		}
	}
}

func TestUnchanged(t *testing.T) {
	p := &probe.Pass{Deps: &probe.Deps{Kept: &probe.Kept{}}}
	made := 0
	type key struct{}
	get := func(of ...string) int {
		return probe.Unchanged(p, key{}, of, func() int { made++; return made })
	}
	for i, test := range []struct {
		of   []string
		want int
	}{{[]string{"a"}, 1}, {[]string{"a"}, 1}, {[]string{"b"}, 2}, {[]string{"a"}, 3}, {[]string{"a", "a"}, 4}, {nil, 5}, {nil, 5}} {
		if got := get(test.of...); got != test.want {
			t.Errorf("%d: %d, want %d", i, got, test.want)
		}
	}
	p.Kept.Close()
	if a, b := get(), get(); a != 6 || b != 7 {
		t.Errorf("after the end %d and %d: something is kept", a, b)
	}
}
