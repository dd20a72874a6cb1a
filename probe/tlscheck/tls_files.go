package tlscheck

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/deployment/find"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/phrase"
	"github.com/thenexusengine/catalyst_exporter/schema"
)

// tls_files: are the certificates that servers load valid, and not about to expire?
//
// Each pair of certificate and key is checked: that they match and servers will load them, the chain up to a trusted
// root, dates, names and strength. A proxy that obtains its certificates itself stores them in its own place: its
// endpoint is checked instead.

func FilesKind() probe.Kind {
	return probe.Kind{
		Name:       "tls_files",
		Question:   "Do certificate and key match, chain to a trusted root, cover the public hosts and not expire soon?",
		Example:    "{warn: 30d, fail: 7d}",
		Layer:      probe.LayerDeclared,
		Reads:      "the certificates and keys that are configured, named in the nginx configuration, or found in ssl/ or /etc/letsencrypt/live",
		Permission: "read permission",
		Values:     []*probe.Value{CertificateNotAfter},
		Alone:      true,
		Breakages:  func(spec any, view *deployment.View) []probe.Breakage { return spec.(*tlsFiles).breakages(view) },
		New:        func() any { return &tlsFiles{Warn: schema.Duration(expiringSoon), Fail: schema.Duration(expiringNow)} },
	}
}

type tlsFiles struct {
	Warn schema.Duration `yaml:"warn" min:"0s" default:"30d" doc:"remaining validity below which a certificate is a warning; a quarter of its lifetime where that is less"`
	Fail schema.Duration `yaml:"fail" min:"0s" default:"7d" doc:"remaining validity below which it fails; a twelfth of its lifetime where that is less"`
}

func (s *tlsFiles) Validate() []error {
	if s.Fail > s.Warn {
		return []error{errors.New("fail must not be longer than warn")}
	}
	return nil
}

func (s *tlsFiles) Probe(_ context.Context, p *probe.Pass) (probe.Result, error) {
	hosts, hostsErr := publicNames(p)
	places, err := findPairs(p, hosts)
	if err != nil {
		return probe.Result{}, err
	}
	if len(places.pairs) == 0 && (places.nginx == nil || len(bareServers(places.nginx))+len(plainServers(places.nginx)) == 0) {
		return s.none(p)
	}
	roots, err := tlsRoots(p)
	if err != nil {
		return probe.Result{}, err
	}
	terms := certificateTerms{now: p.Now(), roots: roots, warn: s.Warn.Std(), fail: s.Fail.Std()}
	var f probe.ResultBuilder
	if places.nginx != nil {
		judgeNginxTLS(p, places, &f)
	}
	var unknown error                        // the first error, returned unless something fails
	leaves := map[string]*x509.Certificate{} // by file
	var first time.Time
	for _, pair := range places.pairs {
		var one probe.ResultBuilder
		end, leaf, err := judgePair(p, pair, terms, &one)
		r := one.Result("")
		if pair.catchAll && len(hosts) > 0 && len(pair.hosts) == 0 && !places.standsIn(pair.cert) && r.State == probe.StateFail {
			r.State = probe.StateWarn // no public host is served with it
		}
		f.Add(r)
		if err != nil && unknown == nil {
			unknown = err
		}
		if leaf != nil {
			leaves[pair.cert] = leaf
		}
		if !end.IsZero() && (first.IsZero() || end.Before(first)) {
			first = end
		}
	}
	if !first.IsZero() {
		f.Measure(CertificateNotAfter.Of(phrase.Seconds(first), "file"))
	}
	for _, host := range places.anyOf {
		covers := func(c *x509.Certificate) bool { return c.VerifyHostname(host) == nil }
		if len(leaves) > 0 && !slices.ContainsFunc(slices.Collect(maps.Values(leaves)), covers) {
			f.Fail(probe.ReasonMismatch, "no certificate covers %s", host)
		}
	}
	judgeUnnamed(places, leaves, &f)
	if len(places.unseen) > 0 {
		f.Warn(probe.ReasonNotConfigured, "nginx's certificate at %s", shownUnseen(p, places.unseen))
		if unknown == nil && slices.ContainsFunc(places.unseen, func(u unseenPair) bool { return u.public }) {
			unknown = elsewhere(p, places.unseen)
		}
	}
	switch {
	case len(hosts) > 0:
	case hostsErr != nil && unknown == nil:
		unknown = probe.Unknown(probe.ReasonOf(hostsErr), fmt.Errorf("public hosts are unknown: %w", hostsErr))
	default:
		f.Warn(probe.ReasonUnpinned, "no public host is known to check the names against: set deployment.public.hosts")
	}
	r := f.Result("%s: valid until %s, for %s", shownPairs(p, places.pairs), first.UTC().Format(time.DateOnly), phrase.List(hosts))
	if unknown != nil && r.State != probe.StateFail {
		return probe.Result{Samples: r.Samples}, unknown
	}
	return r, nil
}

// none is the result when no certificate is found.
func (s *tlsFiles) none(p *probe.Pass) (probe.Result, error) {
	if name := ownCertificates(p); name != "" {
		return probe.Result{}, probe.Skip("deployment.tls.cert", "service %s obtains its certificates itself", name)
	}
	return probe.NotFound(p, p.View.Place(find.FactSSL), "certificate (ssl/server.crt, ssl/fullchain.pem)", "deployment.tls.cert")
}

// publicNames returns the public hosts that certificates must cover.
func publicNames(p *probe.Pass) ([]string, error) {
	all, err := p.View.PublicHosts()
	var names []string
	for _, h := range all {
		if h.Placeholder == "" {
			names = append(names, h.Name)
		}
	}
	return names, err
}

// judgePair checks one certificate with its key. The error is for files that could not be read.
func judgePair(p *probe.Pass, pair tlsPair, terms certificateTerms, f *probe.ResultBuilder) (end time.Time, leaf *x509.Certificate, err error) {
	cert := p.Deployment.Rel(pair.cert)
	named := ""
	if pair.at != "" {
		named = ", named at " + pair.at
	}
	chain, err := loadChain(p, pair.cert)
	if err != nil {
		return end, nil, unloaded(cert+named, err, f)
	}
	key, unread := judgeKey(p, pair, named, f)
	matchKey(p.Deployment.Rel(pair.key), cert, key, &chain, f)
	terms.hosts, terms.trust = pair.hosts, trustOf(p, pair.cert)
	end, err = judgeChain(cert, chain, terms, f)
	if err != nil {
		err = probe.Needs("the ca-certificates package, or deployment.tls.ca_file", probe.Unknown(probe.ReasonError, err))
	}
	if unread != nil {
		err = unread
	}
	return end, chain[0], err
}

// matchKey compares a key with a chain, and moves the certificate of the key to its beginning.
func matchKey(keyFile, cert string, key publicKey, chain *[]*x509.Certificate, f *probe.ResultBuilder) {
	if key.key == nil {
		return
	}
	all := *chain
	switch i := slices.IndexFunc(all, func(c *x509.Certificate) bool { return samePublicKey(c.PublicKey, key.key) }); {
	case i < 0:
		f.Fail(probe.ReasonMismatch, "%s does not match %s: it is the key of another certificate", keyFile, cert)
	case i > 0:
		f.Fail(probe.ReasonInvalid, "%s: the server's certificate is number %d, but servers use the first: move it to the top", cert, i+1)
		*chain = append([]*x509.Certificate{all[i]}, slices.Delete(slices.Clone(all), i, i+1)...)
	}
}

// judgeKey checks a private key.
func judgeKey(p *probe.Pass, pair tlsPair, named string, f *probe.ResultBuilder) (publicKey, error) {
	if pair.key == "" {
		f.Fail(probe.ReasonMissing, "ssl_certificate at %s has no ssl_certificate_key", pair.at)
		return publicKey{}, nil
	}
	shown := p.Deployment.Rel(pair.key)
	key, err := loadKey(p, pair.key)
	if errors.Is(err, errEncryptedKey) {
		return publicKey{}, probe.Needs("the tls_endpoint probe, or a key without passphrase", probe.Unknownf(probe.ReasonNotConfigured, "%s is encrypted, so it cannot be compared with the certificate", shown))
	}
	if err != nil {
		return publicKey{}, unloaded(shown+named, err, f)
	}
	if key.mode.Perm()&0o007 != 0 {
		f.Warn(probe.ReasonExposed, "%s has mode %04o and is accessible to other users: run chmod 600", shown, key.mode.Perm())
	}
	return key, nil
}

// unloaded classifies the error of a PEM file. The returned error is for a file that could not be read.
func unloaded(what string, err error, f *probe.ResultBuilder) error {
	if errors.Is(err, errEmptyPEM) {
		f.Fail(probe.ReasonEmpty, "%s is empty", what)
		return nil
	}
	var file *fs.PathError
	if !errors.As(err, &file) {
		f.Fail(probe.ReasonInvalid, "%s %v", what, err)
		return nil
	}
	r, err := probe.Unreadable(what, err)
	if err == nil {
		f.Add(r)
	}
	return err
}

// shownPairs lists the certificates.
func shownPairs(p *probe.Pass, pairs []tlsPair) string {
	var names []string
	for _, pair := range pairs {
		names = append(names, p.Deployment.Rel(pair.cert))
	}
	return strings.Join(names, ", ")
}
