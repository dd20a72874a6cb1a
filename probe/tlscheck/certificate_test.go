package tlscheck

import (
	"crypto/elliptic"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/internal/parts"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

const (
	adsHost = "ads.catalyst-test.net"
	day     = 24 * time.Hour
)

func TestCertificateTerms_Dates(t *testing.T) {
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	tests := []struct {
		name     string
		lifetime time.Duration
		left     time.Duration
		state    probe.State
		reason   probe.Reason
		detail   string
	}{
		{"90 days, fresh", 90 * day, 90 * day, probe.StatePass, probe.ReasonNone, "valid until 2026-05-30 12:00 UTC"},
		{"90 days, a quarter left", 90 * day, 540 * time.Hour, probe.StatePass, probe.ReasonNone, ""},
		{"90 days, less than a quarter", 90 * day, 540*time.Hour - time.Second, probe.StateWarn, probe.ReasonExpiring, "in 22d11h"},
		{"90 days, exactly a week", 90 * day, 7 * day, probe.StateWarn, probe.ReasonExpiring, "in 1w"},
		{"90 days, less than a week", 90 * day, 7*day - time.Second, probe.StateFail, probe.ReasonExpired, "in 6d23h"},
		{"90 days, its last second", 90 * day, 0, probe.StateFail, probe.ReasonExpired, "expires on"},
		{"90 days, past", 90 * day, -time.Second, probe.StateFail, probe.ReasonExpired, "expired on 2026-05-30"},
		{"6 days, fresh", 160 * time.Hour, 160 * time.Hour, probe.StatePass, probe.ReasonNone, ""},
		{"6 days, a quarter left", 160 * time.Hour, 40 * time.Hour, probe.StatePass, probe.ReasonNone, ""},
		{"6 days, less than a quarter", 160 * time.Hour, 40*time.Hour - time.Second, probe.StateWarn, probe.ReasonExpiring, ""},
		{"6 days, a twelfth left", 160 * time.Hour, 800 * time.Minute, probe.StateWarn, probe.ReasonExpiring, "in 13h"},
		{"6 days, less than a twelfth", 160 * time.Hour, 800*time.Minute - time.Second, probe.StateFail, probe.ReasonExpired, ""},
		{"a year, 30 days left", 398 * day, 30 * day, probe.StatePass, probe.ReasonNone, ""},
		{"a year, less than 30 days", 398 * day, 30*day - time.Second, probe.StateWarn, probe.ReasonExpiring, ""},
		{"a year, exactly a week", 398 * day, 7 * day, probe.StateWarn, probe.ReasonExpiring, ""},
		{"a year, minutes left", 398 * day, 100 * time.Minute, probe.StateFail, probe.ReasonExpired, "in 1h40m"},
		{"not yet valid", 90 * day, 90*day + time.Second, probe.StateFail, probe.ReasonInvalid, "not valid before 2026-03-01"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := &x509.Certificate{NotBefore: start, NotAfter: start.Add(tt.lifetime)}
			terms := certificateTerms{now: c.NotAfter.Add(-tt.left), warn: expiringSoon, fail: expiringNow}
			probetest.Expect(t, terms.dates("it", c), tt.state, tt.reason, tt.detail)
		})
	}
}

// with changes a certificate before it is made.
func with(change func(*x509.Certificate)) parts.CertOption { return parts.Template(change) }

func TestJudgeChain_Verdicts(t *testing.T) {
	now := time.Now()
	hosts := []string{adsHost}
	root := parts.CA(t)
	between := root.Intermediate(t)
	good := between.Leaf(t, hosts)
	other := parts.CA(t).Leaf(t, []string{"other.catalyst-test.net"})
	self := parts.SelfSigned(t, hosts)
	old := root.Intermediate(t, parts.ValidFrom(now.Add(-300*day)), parts.ValidUntil(now.Add(-day)))
	underOld := old.Leaf(t, hosts, parts.ValidFrom(now.Add(-30*day)), parts.ValidUntil(now.Add(60*day)))
	ending := root.Intermediate(t, parts.ValidFrom(now.Add(-300*day)), parts.ValidUntil(now.Add(20*day)))
	underEnding := ending.Leaf(t, hosts)
	brief := parts.CA(t, parts.ValidUntil(now.Add(2*day)))
	of := func(certs ...*parts.Cert) []*x509.Certificate {
		var chain []*x509.Certificate
		for _, c := range certs {
			chain = append(chain, c.Certificate)
		}
		return chain
	}
	leaf := func(options ...parts.CertOption) []*x509.Certificate {
		return of(between.Leaf(t, hosts, options...), between)
	}
	tests := []struct {
		name   string
		chain  []*x509.Certificate
		hosts  []string
		roots  *parts.Cert
		state  probe.State
		reason probe.Reason
		detail string
		end    time.Time // zero: the first certificate's
	}{
		{"good", of(good, between), hosts, root, probe.StatePass, probe.ReasonNone, "", time.Time{}},
		{"with its root", of(good, between, root), hosts, root, probe.StatePass, probe.ReasonNone, "", time.Time{}},
		{"signed by a root", of(root.Leaf(t, hosts)), hosts, root, probe.StatePass, probe.ReasonNone, "", time.Time{}},
		{"trusted itself", of(self), hosts, self, probe.StatePass, probe.ReasonNone, "", time.Time{}},
		{"for a wildcard", of(between.Leaf(t, []string{"*.catalyst-test.net"}), between), hosts, root, probe.StatePass, probe.ReasonNone, "", time.Time{}},
		{"for an address", of(between.Leaf(t, []string{"192.0.2.1"}), between), []string{"192.0.2.1"}, root, probe.StatePass, probe.ReasonNone, "", time.Time{}},
		{"RSA", leaf(parts.RSA(2048)), hosts, root, probe.StatePass, probe.ReasonNone, "", time.Time{}},
		{"P-384", leaf(parts.ECDSA(elliptic.P384())), hosts, root, probe.StatePass, probe.ReasonNone, "", time.Time{}},
		{"Ed25519", leaf(parts.Ed25519()), hosts, root, probe.StatePass, probe.ReasonNone, "", time.Time{}},

		{"another host", of(good, between), []string{"api.catalyst-test.net"}, root, probe.StateFail, probe.ReasonMismatch, "not for api.catalyst-test.net", time.Time{}},
		{"one of two hosts", of(good, between), []string{adsHost, "api.catalyst-test.net"}, root, probe.StateFail, probe.ReasonMismatch, "not for api.", time.Time{}},
		{"a wildcard is one label", of(between.Leaf(t, []string{"*.catalyst-test.net"}), between), []string{"a.ads.catalyst-test.net"}, root, probe.StateFail, probe.ReasonMismatch, "", time.Time{}},
		{"a wildcard is not its own domain", of(between.Leaf(t, []string{"*.catalyst-test.net"}), between), []string{"catalyst-test.net"}, root, probe.StateFail, probe.ReasonMismatch, "", time.Time{}},
		{"a common name alone", leaf(with(func(c *x509.Certificate) { c.DNSNames, c.Subject = nil, pkix.Name{CommonName: adsHost} })), hosts, root, probe.StateFail, probe.ReasonMismatch, "", time.Time{}},

		{"missing intermediate", of(good), hosts, root, probe.StateFail, probe.ReasonMissing, "an intermediate certificate is missing", time.Time{}},
		{"another authority's intermediate", of(good, other), hosts, root, probe.StateFail, probe.ReasonMissing, "", time.Time{}},
		{"root in its place", of(good, root), hosts, root, probe.StateFail, probe.ReasonMissing, "", time.Time{}},
		{"self-signed", of(self), hosts, root, probe.StateFail, probe.ReasonUntrusted, "self-signed", time.Time{}},
		{"an unknown root", of(good, between, root), hosts, other, probe.StateFail, probe.ReasonUntrusted, "its root", time.Time{}},
		{"an unknown root that is not in it", of(good, between), hosts, other, probe.StateFail, probe.ReasonMissing, "authority of your own", time.Time{}},
		{"an unknown root that ends first", of(brief.Leaf(t, hosts), brief), hosts, root, probe.StateFail, probe.ReasonUntrusted, "its root", time.Time{}},
		{"out of order", of(good, root, between), hosts, root, probe.StateWarn, probe.ReasonInvalid, "certificate 2 of the chain is not the issuer", time.Time{}},
		{"with an unrelated certificate", of(good, between, other), hosts, root, probe.StateWarn, probe.ReasonInvalid, "certificate 3 of the chain", time.Time{}},

		{"expired", leaf(parts.ValidFrom(now.Add(-90*day)), parts.ValidUntil(now.Add(-time.Hour))), hosts, root, probe.StateFail, probe.ReasonExpired, "the certificate expired", time.Time{}},
		{"not yet valid", leaf(parts.ValidFrom(now.Add(time.Hour)), parts.ValidUntil(now.Add(90*day))), hosts, root, probe.StateFail, probe.ReasonInvalid, "not valid before", time.Time{}},
		{"expiring", leaf(parts.ValidFrom(now.Add(-80*day)), parts.ValidUntil(now.Add(10*day))), hosts, root, probe.StateWarn, probe.ReasonExpiring, "expires on", time.Time{}},
		{"expired and for another host", leaf(parts.ValidFrom(now.Add(-90*day)), parts.ValidUntil(now.Add(-time.Hour))), []string{"api.catalyst-test.net"}, root, probe.StateFail, probe.ReasonMismatch, "expired on", time.Time{}},
		{"expired and without its intermediate", leaf(parts.ValidFrom(now.Add(-90*day)), parts.ValidUntil(now.Add(-time.Hour)))[:1], hosts, root, probe.StateFail, probe.ReasonMissing, "expired on", time.Time{}},
		{"expired intermediate", of(underOld, old), hosts, root, probe.StateFail, probe.ReasonExpired, "certificate 2 of the chain expired", old.Certificate.NotAfter},
		{"intermediate that expires first", of(underEnding, ending), hosts, root, probe.StateWarn, probe.ReasonExpiring, "certificate 2 of the chain expires", ending.Certificate.NotAfter},

		{"short RSA", leaf(parts.RSA(1024)), hosts, root, probe.StateFail, probe.ReasonWeak, "RSA key of 1024 bits", time.Time{}},
		{"short elliptic", leaf(parts.ECDSA(elliptic.P224())), hosts, root, probe.StateFail, probe.ReasonWeak, "elliptic curve key of 224 bits", time.Time{}},
		{"not for servers", leaf(with(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageEmailProtection} })), hosts, root, probe.StateFail, probe.ReasonInvalid, "not a server certificate", time.Time{}},
		{"outside of its authority's names", of(narrow(t, root, hosts)...), hosts, root, probe.StateFail, probe.ReasonInvalid, "violates a constraint", time.Time{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var f probe.ResultBuilder
			end, err := judgeChain("it", tt.chain, certificateTerms{now: now, hosts: tt.hosts, roots: tt.roots.Pool(), warn: expiringSoon, fail: expiringNow}, &f)
			if err != nil {
				t.Fatal(err)
			}
			probetest.Expect(t, f.Result("well"), tt.state, tt.reason, tt.detail)
			if tt.end.IsZero() {
				tt.end = tt.chain[0].NotAfter
			}
			if !end.Equal(tt.end) {
				t.Errorf("first end is %v, want %v", end, tt.end)
			}
		})
	}
}

// narrow returns a chain whose intermediate may sign for other names only.
func narrow(t *testing.T, root *parts.Cert, hosts []string) []*parts.Cert {
	between := root.Intermediate(t, with(func(c *x509.Certificate) {
		c.PermittedDNSDomainsCritical, c.PermittedDNSDomains = true, []string{"elsewhere.net"}
	}))
	return []*parts.Cert{between.Leaf(t, hosts), between}
}

// Of two paths to a trusted root the longest valid one counts: an old authority that cross-signed the new one may
// expire.
func TestJudgeChain_PrefersLongestValidPath(t *testing.T) {
	now := time.Now()
	oldRoot, newRoot := parts.CA(t), parts.CA(t, with(func(c *x509.Certificate) { c.Subject.CommonName = "New Root" }))
	crossed := oldRoot.Intermediate(t, parts.WithKey(newRoot.Key), parts.ValidFrom(now.Add(-99*day)), parts.ValidUntil(now.Add(2*day)),
		with(func(c *x509.Certificate) { c.Subject.CommonName = "New Root" }))
	leaf := newRoot.Leaf(t, []string{adsHost})
	roots := x509.NewCertPool()
	roots.AddCert(oldRoot.Certificate)
	roots.AddCert(newRoot.Certificate)
	var f probe.ResultBuilder
	end, err := judgeChain("it", []*x509.Certificate{leaf.Certificate, crossed.Certificate}, certificateTerms{now: now, roots: roots, warn: expiringSoon, fail: expiringNow}, &f)
	if err != nil || !end.Equal(leaf.Certificate.NotAfter) {
		t.Errorf("first end is %v, %v", end, err)
	}
	probetest.Expect(t, f.Result("well"), probe.StatePass, probe.ReasonNone, "")
}

func TestJudgeChain_WeakSignatures(t *testing.T) {
	root := parts.CA(t, parts.RSA(2048))
	leaf := root.Leaf(t, []string{adsHost}, with(func(c *x509.Certificate) { c.SignatureAlgorithm = x509.SHA1WithRSA }))
	var f probe.ResultBuilder
	_, err := judgeChain("it", []*x509.Certificate{leaf.Certificate}, certificateTerms{now: time.Now(), roots: root.Pool(), warn: expiringSoon, fail: expiringNow}, &f)
	if err != nil {
		t.Fatal(err)
	}
	probetest.Expect(t, f.Result("well"), probe.StateFail, probe.ReasonWeak, "the certificate is signed with SHA1-RSA")
	if strings.Contains(f.Result("").Detail, "missing") {
		t.Error("a weak signature is reported as a missing intermediate")
	}
	for algorithm, want := range map[x509.SignatureAlgorithm]bool{
		x509.MD5WithRSA: true, x509.ECDSAWithSHA1: true, x509.SHA256WithRSA: false, x509.ECDSAWithSHA384: false, x509.PureEd25519: false,
	} {
		c := *leaf.Certificate
		c.SignatureAlgorithm = algorithm
		if got := weakness(&c, false) != ""; got != want {
			t.Errorf("%v: %v", algorithm, got)
		}
		if weakness(&c, true) != "" {
			t.Errorf("%v of a root", algorithm)
		}
	}
	if weakness(&x509.Certificate{}, false) == "" {
		t.Error("a key of an unknown type is not reported")
	}
}

// Without trusted authorities the path is unknown, and everything else is judged.
func TestJudgeChain_WithoutRoots(t *testing.T) {
	chain := []*x509.Certificate{parts.CA(t).Leaf(t, []string{adsHost}).Certificate}
	var f probe.ResultBuilder
	end, err := judgeChain("it", chain, certificateTerms{now: time.Now(), hosts: []string{"api.catalyst-test.net"}, roots: x509.NewCertPool()}, &f)
	if !errors.Is(err, errNoRoots) || !end.Equal(chain[0].NotAfter) {
		t.Errorf("%v, %v", end, err)
	}
	probetest.Expect(t, f.Result("well"), probe.StateFail, probe.ReasonMismatch, "not for api.")
}
