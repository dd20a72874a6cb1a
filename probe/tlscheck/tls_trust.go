package tlscheck

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"
	"time"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/files"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/fault"
)

// The trusted roots, and a cache of verified chains.
//
// Verifying signatures takes most of the time of a certificate check, and the result does not change. A path to a
// trusted root is reused for the same chain and roots while all its certificates, including the root, are within their
// validity. A chain that is not trusted is never cached.

// tlsRoots returns the authorities that the deployment's certificates must chain to; nil for the system's.
func tlsRoots(p *probe.Pass) (*x509.CertPool, error) {
	if p.Deployment.TLS.CAFile == "" {
		return p.Roots, nil
	}
	return authoritiesIn(p, p.Deployment.TLS.CAFile, deployment.TLSService.Setting("ca_file"))
}

// authoritiesIn returns the authorities in a file, which a setting names.
func authoritiesIn(p *probe.Pass, file, setting string) (*x509.CertPool, error) {
	pool, err := files.Load(p.Files, p.Deployment.Abs(file), "authorities", fault.MaxCredential, func(data []byte, _ fs.FileInfo) (*x509.CertPool, error) {
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(data) {
			return nil, probe.Unknown(probe.ReasonInvalid, errors.New(setting+" contains no certificate"))
		}
		return pool, nil
	})
	switch {
	case err == nil:
		return pool, nil
	case probe.ReasonOf(err) == probe.ReasonInvalid:
		return nil, probe.Needs(setting, err)
	}
	return nil, probe.Needs(setting, probe.Unknown(probe.ReasonOf(err), fmt.Errorf("%s: %w", setting, err)))
}

// trustKey identifies a cached chain in Kept: the file or the endpoint.
type trustKey struct{ of string }

// trustOf returns the cache for a file or an endpoint.
func trustOf(p *probe.Pass, of string) *trust {
	t, err := probe.Keep(p.Kept, trustKey{of}, "", func() (*trust, func(), error) { return &trust{}, nil, nil })
	if err != nil {
		return nil
	}
	return t
}

// trust caches the path from one chain to a trusted root. Safe for concurrent use; nil caches nothing.
type trust struct {
	mu          sync.Mutex
	chain, path []*x509.Certificate
	roots       *x509.CertPool
	verified    time.Time
}

// maxTrust is how long a path is reused: a better one may have become valid meanwhile.
const maxTrust = 10 * time.Minute

// verify is the function verify with a cache. The path excludes its root.
func (t *trust) verify(chain []*x509.Certificate, terms certificateTerms) (path []*x509.Certificate, fault probe.Result, err error) {
	if t != nil {
		t.mu.Lock()
		defer t.mu.Unlock()
		if t.holds(chain, terms) {
			return needed(t.path), probe.Result{}, nil
		}
		t.path = nil
	}
	path, fault, err = verify(chain, terms)
	if err != nil || fault.Reason != probe.ReasonNone {
		return nil, fault, err
	}
	if t != nil {
		t.chain, t.path, t.roots, t.verified = chain, path, terms.roots, terms.now
	}
	return needed(path), probe.Result{}, nil
}

// holds reports whether the cached path is valid for this chain, these roots and this time.
func (t *trust) holds(chain []*x509.Certificate, terms certificateTerms) bool {
	age := terms.now.Sub(t.verified)
	return t.path != nil && age >= 0 && age < maxTrust && t.roots == terms.roots &&
		slices.EqualFunc(t.chain, chain, (*x509.Certificate).Equal) &&
		!slices.ContainsFunc(t.path, func(c *x509.Certificate) bool { return terms.now.Before(c.NotBefore) || terms.now.After(c.NotAfter) })
}
