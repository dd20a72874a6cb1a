package probe

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/schema"
)

// tls_files: are the certificates that the servers load well, and will they be for a while?
//
// Each pair of certificate and key is judged: that the two belong together and servers will load them, the chain up to a trusted root, dates, names
// and strength. A proxy that gets its certificates by itself keeps them where it likes: its endpoint is judged.

func tlsFilesKind() Kind {
	return Kind{
		Name:     "tls_files",
		Question: "Do certificate and key belong together, lead to a trusted root, cover the public hosts and last?",
		Example:  "{warn: 30d, fail: 7d}",
		Layer:    LayerDeclared,
		Reads:    "the certificates and keys that are configured, that nginx's configuration names, or that lie in ssl/ or /etc/letsencrypt/live; needs to read them",
		Values:   []*Value{CertificateNotAfter},
		Alone:    true,
		New:      func() any { return &tlsFiles{Warn: schema.Duration(expiringSoon), Fail: schema.Duration(expiringNow)} },
	}
}

type tlsFiles struct {
	Warn schema.Duration `yaml:"warn" min:"0s" default:"30d" doc:"time left under which a certificate is weak; a quarter of its lifetime where that is less"`
	Fail schema.Duration `yaml:"fail" min:"0s" default:"7d" doc:"time left under which it fails; a twelfth of its lifetime where that is less"`
}

func (s *tlsFiles) Validate() []error {
	if s.Fail > s.Warn {
		return []error{errors.New("fail is a longer time than warn")}
	}
	return nil
}

func (s *tlsFiles) Probe(_ context.Context, p *Pass) (Result, error) {
	hosts, hostsErr := publicNames(p)
	places, err := findPairs(p, hosts)
	if err != nil {
		return Result{}, err
	}
	if len(places.pairs) == 0 && (places.nginx == nil || len(bareServers(places.nginx)) == 0) {
		return s.none(p)
	}
	roots, err := tlsRoots(p)
	if err != nil {
		return Result{}, err
	}
	terms := certificateTerms{now: p.Now(), roots: roots, warn: s.Warn.Std(), fail: s.Fail.Std()}
	var f Findings
	if places.nginx != nil {
		judgeNginxTLS(p, places, &f)
	}
	var unknown error // what could not be looked at, where nothing is seen to be wrong
	var leaves []*x509.Certificate
	var first time.Time
	for _, pair := range places.pairs {
		end, leaf, err := judgePair(p, pair, terms, &f)
		if err != nil && unknown == nil {
			unknown = err
		}
		if leaf != nil {
			leaves = append(leaves, leaf)
		}
		if !end.IsZero() && (first.IsZero() || end.Before(first)) {
			first = end
		}
	}
	if !first.IsZero() {
		f.Measure(CertificateNotAfter.Of(seconds(first), "file"))
	}
	for _, host := range places.anyOf {
		if len(leaves) > 0 && !slices.ContainsFunc(leaves, func(c *x509.Certificate) bool { return c.VerifyHostname(host) == nil }) {
			f.Fail(ReasonUntrusted, "no certificate is for %s", host)
		}
	}
	if len(places.unseen) > 0 {
		f.Warn(ReasonNotConfigured, "not among the deployment's files: nginx's certificate at %s", someOf(places.unseen))
	}
	switch {
	case len(hosts) > 0:
	case hostsErr != nil && unknown == nil:
		unknown = Unknown(reasonOf(hostsErr), fmt.Errorf("the public hosts are not known: %w", hostsErr))
	default:
		f.Warn(ReasonUnpinned, "no public host is known to compare the names with: set deployment.public.hosts")
	}
	r := f.Result("%s: valid until %s, for %s", shownPairs(p, places.pairs), first.UTC().Format(time.DateOnly), someOf(hosts))
	if unknown != nil && r.State != StateFail {
		return Result{Samples: r.Samples}, unknown
	}
	return r, nil
}

// none judges that there is no certificate anywhere.
func (s *tlsFiles) none(p *Pass) (Result, error) {
	if name := ownCertificates(p); name != "" {
		return Result{}, Skip("deployment.tls.cert", "service %s gets its certificates by itself", name)
	}
	return notFound(p, p.View.Place(deployment.FactSSL), "certificate (ssl/server.crt, ssl/fullchain.pem)", "deployment.tls.cert")
}

// publicNames are the public hosts that certificates must be for.
func publicNames(p *Pass) ([]string, error) {
	all, err := p.View.PublicHosts()
	var names []string
	for _, h := range all {
		if h.Placeholder == "" {
			names = append(names, h.Name)
		}
	}
	return names, err
}

// judgePair judges one certificate with its key. The error tells what could not be looked at.
func judgePair(p *Pass, pair tlsPair, terms certificateTerms, f *Findings) (end time.Time, leaf *x509.Certificate, err error) {
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
	if key.key != nil {
		i := slices.IndexFunc(chain, func(c *x509.Certificate) bool { return samePublicKey(c.PublicKey, key.key) })
		switch {
		case i < 0:
			f.Fail(ReasonMismatch, "%s does not belong to %s: the key is another one's", p.Deployment.Rel(pair.key), cert)
		case i > 0:
			f.Fail(ReasonInvalid, "%s: the server's certificate is number %d, and servers take the first: put it first", cert, i+1)
			chain = append([]*x509.Certificate{chain[i]}, slices.Delete(slices.Clone(chain), i, i+1)...)
		}
	}
	terms.hosts, terms.trust = pair.hosts, trustOf(p, pair.cert)
	end, err = judgeChain(cert, chain, terms, f)
	if err != nil {
		err = Needs("the ca-certificates package, or deployment.tls.ca_file", Unknown(ReasonError, err))
	}
	if unread != nil {
		err = unread
	}
	return end, chain[0], err
}

// judgeKey judges a private key by itself.
func judgeKey(p *Pass, pair tlsPair, named string, f *Findings) (publicKey, error) {
	if pair.key == "" {
		f.Fail(ReasonMissing, "no ssl_certificate_key belongs to the ssl_certificate at %s", pair.at)
		return publicKey{}, nil
	}
	shown := p.Deployment.Rel(pair.key)
	key, err := loadKey(p, pair.key)
	if errors.Is(err, errEncryptedKey) {
		return publicKey{}, Needs("a look at the endpoint, or a key without passphrase", Unknownf(ReasonNotConfigured, "%s is encrypted, so that it cannot be held against the certificate", shown))
	}
	if err != nil {
		return publicKey{}, unloaded(shown+named, err, f)
	}
	if key.mode.Perm()&0o007 != 0 {
		f.Warn(ReasonExposed, "%s has mode %04o: others may use it; chmod 600", shown, key.mode.Perm())
	}
	return key, nil
}

// unloaded judges a PEM file that gave nothing. The error is what could not be looked at.
func unloaded(what string, err error, f *Findings) error {
	if errors.Is(err, errEmptyPEM) {
		f.Fail(ReasonEmpty, "%s is empty", what)
		return nil
	}
	var file *fs.PathError
	if !errors.As(err, &file) {
		f.Fail(ReasonInvalid, "%s %v", what, err)
		return nil
	}
	r, err := unreadable(what, err)
	if err == nil {
		f.Add(r)
	}
	return err
}

// shownPairs names the certificates.
func shownPairs(p *Pass, pairs []tlsPair) string {
	var names []string
	for _, pair := range pairs {
		names = append(names, p.Deployment.Rel(pair.cert))
	}
	return strings.Join(names, ", ")
}
