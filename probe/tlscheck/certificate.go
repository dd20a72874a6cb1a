// Package tlscheck checks certificates in files and at endpoints.
package tlscheck

import (
	"bytes"
	"cmp"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/schema"
)

// Judgement of certificates, read from a file or presented by a server: pure functions of a chain, a time, names and
// roots.
//
// Each fault is reported on its own: an expired certificate is also compared with the names, and its signatures are
// verified at a time when it was valid. How much remaining time is too little depends on the lifetime, since
// certificates of six days and of a year are renewed at different times: a warning under 30 days or a quarter of the
// lifetime, whichever is less; a failure under 7 days or a twelfth.

// certificateTerms is what a chain is judged against.
type certificateTerms struct {
	now   time.Time
	hosts []string       // names that clients use
	roots *x509.CertPool // nil: the system's
	// warn and fail are the remaining times below which a long-lived certificate is weak and failing.
	warn, fail time.Duration
	trust      *trust // remembered verifications of this chain; nil for none
	usage      string // server (also if empty), client or any
	anyRoot    bool   // the chain may end at any authority
}

const (
	expiringSoon = 30 * 24 * time.Hour
	expiringNow  = 7 * 24 * time.Hour

	minRSABits = 2048
	minECBits  = 256
)

// errNoRoots means that this host trusts no authority, so that no chain can be verified.
var errNoRoots = errors.New("this host has no trusted authorities: install the ca-certificates package, or set deployment.tls.ca_file")

// judgeChain judges a chain that begins with the server's certificate. what names the chain in messages. notAfter is
// the end of the certificate that expires first, of those that a client needs. The error is errNoRoots; everything else
// is judged even then.
func judgeChain(what string, chain []*x509.Certificate, terms certificateTerms, f *probe.ResultBuilder) (notAfter time.Time, err error) {
	leaf := chain[0]
	weak := false
	for i, c := range chain {
		if problem := weakness(c, i > 0 && forgeable(c) && selfSigned(c)); problem != "" {
			f.Fail(probe.ReasonWeak, "%s: %s %s", what, place(i), problem)
			weak = true
		}
	}
	for _, host := range terms.hosts {
		if leaf.VerifyHostname(host) != nil {
			f.Fail(probe.ReasonMismatch, "%s is not for %s", what, host)
		}
	}
	var path []*x509.Certificate
	if terms.anyRoot {
		terms.judgeUntrusted(what, chain, f)
	} else if !weak { // a path over forgeable signatures proves nothing
		trusted, fault, e := terms.trust.verify(chain, terms)
		switch {
		case e != nil:
			err = e
		case fault.Reason != probe.ReasonNone:
			f.Fail(fault.Reason, "%s: %s", what, fault.Detail)
		default:
			path = trusted
		}
	}
	if path == nil {
		path = issuers(chain)
	}
	for i := 1; i < len(chain); i++ {
		if !bytes.Equal(chain[i-1].RawIssuer, chain[i].RawSubject) {
			f.Warn(probe.ReasonInvalid,
				"%s: %s is not the issuer of the previous one. Put the server's certificate first, each followed by its issuer",
				what, place(i))
			break
		}
	}
	for _, c := range path {
		f.Add(terms.dates(fmt.Sprintf("%s: %s", what, place(slices.Index(chain, c))), c))
		if notAfter.IsZero() || c.NotAfter.Before(notAfter) {
			notAfter = c.NotAfter
		}
	}
	return notAfter, err
}

// usages returns what the certificate must be for, as Verify takes it.
func (terms certificateTerms) usages() []x509.ExtKeyUsage {
	switch terms.usage {
	case "client":
		return []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	case "any":
		return []x509.ExtKeyUsage{x509.ExtKeyUsageAny}
	}
	return []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
}

// judgeUntrusted judges what a verification up to a trusted root would find in the chain itself.
func (terms certificateTerms) judgeUntrusted(what string, chain []*x509.Certificate, f *probe.ResultBuilder) {
	leaf, wanted := chain[0], terms.usages()[0]
	allows := len(leaf.ExtKeyUsage)+len(leaf.UnknownExtKeyUsage) == 0 || slices.Contains(leaf.ExtKeyUsage, wanted) || slices.Contains(leaf.ExtKeyUsage, x509.ExtKeyUsageAny)
	if !allows && wanted != x509.ExtKeyUsageAny {
		f.Fail(probe.ReasonInvalid, "%s: it is not a %s certificate (extended key usage)", what, cmp.Or(terms.usage, "server"))
	}
	for i := 1; i < len(chain); i++ {
		if !forgeable(chain[i-1]) && bytes.Equal(chain[i-1].RawIssuer, chain[i].RawSubject) && chain[i-1].CheckSignatureFrom(chain[i]) != nil {
			f.Fail(probe.ReasonInvalid, "%s: %s has the name of the issuer of the previous one, but did not sign it", what, place(i))
		}
	}
}

// place names a certificate by its position in the chain.
func place(i int) string {
	if i == 0 {
		return "the certificate"
	}
	return fmt.Sprintf("certificate %d of the chain", i+1)
}

// dates judges the validity of one certificate at a time.
func (terms certificateTerms) dates(what string, c *x509.Certificate) probe.Result {
	lifetime := c.NotAfter.Sub(c.NotBefore)
	left := c.NotAfter.Sub(terms.now)
	day := func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 MST") }
	switch {
	case terms.now.Before(c.NotBefore):
		return probe.Failed(probe.ReasonInvalid, "%s is not valid before %s", what, day(c.NotBefore))
	case left < 0:
		return probe.Failed(probe.ReasonExpired, "%s expired on %s", what, day(c.NotAfter))
	case left < min(terms.fail, lifetime/12):
		return probe.Failed(probe.ReasonExpired, "%s expires on %s, in %s: renewal has failed", what, day(c.NotAfter), formatRemaining(left))
	case left < min(terms.warn, lifetime/4):
		return probe.Warned(probe.ReasonExpiring, "%s expires on %s, in %s", what, day(c.NotAfter), formatRemaining(left))
	}
	return probe.Passed("%s is valid until %s", what, day(c.NotAfter))
}

// formatRemaining formats a remaining time for messages: to the hour, in the last hours to the minute.
func formatRemaining(d time.Duration) string {
	if d > 3*time.Hour {
		return schema.Duration(d.Truncate(time.Hour)).String()
	}
	return schema.Duration(d.Truncate(time.Minute)).String()
}

// weakness describes a weak key or signature; "" for none. The signature of a root proves nothing and is not checked.
func weakness(c *x509.Certificate, root bool) string {
	switch key := c.PublicKey.(type) {
	case *rsa.PublicKey:
		if bits := key.N.BitLen(); bits < minRSABits {
			return fmt.Sprintf("has an RSA key of %d bits, at least %d are required", bits, minRSABits)
		}
	case *ecdsa.PublicKey:
		if bits := key.Curve.Params().BitSize; bits < minECBits {
			return fmt.Sprintf("has an elliptic curve key of %d bits, at least %d are required", bits, minECBits)
		}
	case ed25519.PublicKey:
	default:
		return "has a key that is neither RSA, ECDSA nor Ed25519"
	}
	if forgeable(c) && !root {
		return fmt.Sprintf("is signed with %s, which can be forged", c.SignatureAlgorithm)
	}
	return ""
}

// forgeable reports whether a certificate is signed with an algorithm that is broken.
func forgeable(c *x509.Certificate) bool {
	switch c.SignatureAlgorithm {
	case x509.MD2WithRSA, x509.MD5WithRSA, x509.SHA1WithRSA, x509.DSAWithSHA1, x509.ECDSAWithSHA1:
		return true
	}
	return false
}

// verify finds the path to a trusted root; of several the one that stays valid longest. Without one, fault is the
// reason. The error is errNoRoots.
func verify(chain []*x509.Certificate, terms certificateTerms) (path []*x509.Certificate, fault probe.Result, err error) {
	leaf, roots := chain[0], terms.roots
	if roots == nil {
		if roots, err = x509.SystemCertPool(); err != nil {
			return nil, probe.Result{}, errNoRoots
		}
	}
	if roots.Equal(x509.NewCertPool()) {
		return nil, probe.Result{}, errNoRoots
	}
	between := x509.NewCertPool()
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	at := terms.now
	if at.Before(leaf.NotBefore) {
		at = leaf.NotBefore
	} else if at.After(leaf.NotAfter) {
		at = leaf.NotAfter
	}
	paths, err := leaf.Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, CurrentTime: at, KeyUsages: terms.usages()})
	if err != nil {
		return nil, untrustedReason(chain, err, cmp.Or(terms.usage, "server")), nil
	}
	best := slices.MaxFunc(paths, func(a, b []*x509.Certificate) int { return firstEnd(needed(a)).Compare(firstEnd(needed(b))) })
	return best, probe.Result{}, nil
}

// needed returns a verified path without its root, which every client has. A certificate that is trusted itself stays.
func needed(path []*x509.Certificate) []*x509.Certificate { return path[:max(1, len(path)-1)] }

// firstEnd returns the end of the certificate that expires first.
func firstEnd(path []*x509.Certificate) time.Time {
	return slices.MinFunc(path, func(a, b *x509.Certificate) int { return a.NotAfter.Compare(b.NotAfter) }).NotAfter
}

// issuers returns the path from the server's certificate through its issuers in the chain, without a root.
func issuers(chain []*x509.Certificate) []*x509.Certificate {
	path := chain[:1:1]
	for range chain {
		last := path[len(path)-1]
		i := slices.IndexFunc(chain, func(c *x509.Certificate) bool { return last.CheckSignatureFrom(c) == nil })
		if i < 0 || slices.Contains(path, chain[i]) || selfSigned(chain[i]) {
			break
		}
		path = append(path, chain[i])
	}
	return path
}

// untrustedReason explains why a chain leads to no trusted root.
func untrustedReason(chain []*x509.Certificate, err error, usage string) probe.Result {
	var invalid x509.CertificateInvalidError
	var unknown x509.UnknownAuthorityError
	path := issuers(chain)
	last := path[len(path)-1]
	switch {
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return probe.Failed(probe.ReasonExpired, "a certificate between it and the trusted root has expired, or is not valid yet")
	case errors.As(err, &invalid) && invalid.Reason == x509.IncompatibleUsage:
		return probe.Failed(probe.ReasonInvalid, "it is not a %s certificate (extended key usage)", usage)
	case !errors.As(err, &unknown):
		return probe.Failed(probe.ReasonInvalid, "its chain violates a constraint of one of its authorities "+
			"(usage, length, name constraints, a critical extension)")
	case selfSigned(chain[0]):
		return probe.Failed(probe.ReasonUntrusted,
			"it is self-signed and not trusted. If that is intended, set deployment.tls.ca_file to it")
	case slices.ContainsFunc(chain, func(c *x509.Certificate) bool { return selfSigned(c) && last.CheckSignatureFrom(c) == nil }):
		return probe.Failed(probe.ReasonUntrusted, "its root is not trusted. For an authority of your own, set deployment.tls.ca_file")
	}
	return probe.Failed(probe.ReasonMissing, "an intermediate certificate is missing. "+
		"Append it to the file, or set deployment.tls.ca_file for an authority of your own")
}

// selfSigned reports whether a certificate is signed with its own key. Signatures of outdated algorithms are not
// verified.
func selfSigned(c *x509.Certificate) bool {
	if !bytes.Equal(c.RawSubject, c.RawIssuer) {
		return false
	}
	err := c.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature)
	var old x509.InsecureAlgorithmError
	return err == nil || errors.As(err, &old)
}

// samePublicKey reports whether two public keys are the same.
func samePublicKey(a, b crypto.PublicKey) bool {
	key, ok := a.(interface{ Equal(crypto.PublicKey) bool })
	return ok && key.Equal(b)
}

var CertificateNotAfter = &probe.Value{Name: "catalyst_tls_certificate_not_after_timestamp_seconds", Help: "Expiry of the certificate that expires first, by source.", Labels: []string{"source"}}
