package tlscheck

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/dnscheck"
	"github.com/thenexusengine/catalyst_exporter/probe/fault"
	"github.com/thenexusengine/catalyst_exporter/probe/phrase"
	"github.com/thenexusengine/catalyst_exporter/probe/reach"
	"github.com/thenexusengine/catalyst_exporter/schema"
)

// tls_endpoint: does the server present the right certificate and use safe protocol versions?
//
// The chain is judged by the same rules as the files. It is fetched without verification, so that an invalid chain is
// measured too. The origin itself must present the leaf on disk: a renewed certificate that was not loaded expires
// unnoticed. Behind a CDN or load balancer the certificate on disk does not matter (deployment.public.terminated_at).

func EndpointKind() probe.Kind {
	return probe.Kind{
		Name:       "tls_endpoint",
		Services:   []deployment.Service{deployment.TLSService},
		Question:   "Does the endpoint present the certificate on disk for each public host, trusted and not about to expire, over TLS 1.2 or newer only?",
		Example:    "{}",
		Layer:      probe.LayerLive,
		Reads:      "TLS handshakes with the public endpoint (deployment.tls.endpoint) for each public host, at each of its addresses (deployment.dns.resolvers), and the certificate files",
		Permission: "network access to it",
		Values:     []*probe.Value{CertificateNotAfter},
		MaxAge:     30 * time.Second,
		Timeout:    12 * time.Second,
		Alone:      true,
		New: func() any {
			return &tlsEndpoint{Warn: schema.Duration(expiringSoon), Fail: schema.Duration(expiringNow)}
		},
	}
}

type tlsEndpoint struct {
	Warn schema.Duration `yaml:"warn" min:"0s" default:"30d" doc:"remaining validity below which a certificate is a warning; a quarter of its lifetime where that is less"`
	Fail schema.Duration `yaml:"fail" min:"0s" default:"7d" doc:"remaining validity below which it fails; a twelfth of its lifetime where that is less"`
}

// handshakeTime bounds one handshake.
const handshakeTime = 5 * time.Second

// maxHandshakes bounds the parallel handshakes.
const maxHandshakes = 8

// tlsTarget is one public host and the address to connect to.
type tlsTarget struct{ address, host string }

func (s *tlsEndpoint) Probe(ctx context.Context, p *probe.Pass) (probe.Result, error) {
	targets, configured, err := tlsTargets(p)
	if err != nil {
		return probe.Result{}, err
	}
	roots, err := tlsRoots(p)
	if err != nil {
		return probe.Result{}, err
	}
	if !configured {
		ctx = reach.Given(ctx, p)
	}
	type seen struct {
		probe.Result
		end time.Time
		err error
	}
	all := make([]seen, len(targets))
	places := make(chan struct{}, maxHandshakes)
	var asking sync.WaitGroup
	for i, t := range targets {
		asking.Go(func() {
			places <- struct{}{}
			defer func() { <-places }()
			all[i].Result, all[i].end, all[i].err = s.askEach(ctx, p, t, configured, roots)
		})
	}
	asking.Wait()
	var f probe.ResultBuilder
	var unseen error
	var end time.Time // of the certificate that expires first
	skipped := 0
	for _, one := range all {
		var none *probe.NotCheckedError
		switch {
		case one.err == nil:
			f.Add(one.Result)
		case errors.As(one.err, &none) && none.Skip:
			skipped++
			if unseen == nil {
				unseen = probe.Needs(deployment.TLSService.Setting("endpoint"), probe.Unknown(probe.ReasonUnreachable, none.Err))
			}
		case unseen == nil:
			unseen = one.err
		}
		if !one.end.IsZero() && (end.IsZero() || one.end.Before(end)) {
			end = one.end
		}
	}
	if skipped == len(all) {
		return probe.Result{}, all[0].err
	}
	if !end.IsZero() {
		f.Measure(CertificateNotAfter.Of(phrase.Seconds(end), "endpoint"))
	}
	hosts := make([]string, len(targets))
	for i, t := range targets {
		hosts[i] = t.host
	}
	r := f.Result("trusted certificates are presented for %s", phrase.List(hosts))
	if len(targets) == 1 {
		r = f.Result("%s", all[0].Detail)
	}
	if unseen != nil && r.State != probe.StateFail {
		return probe.Result{Samples: r.Samples}, unseen
	}
	return r, nil
}

// ask checks the certificate presented for one host. The expiry is returned with an error, too, when only the chain
// could not be judged.
func (s *tlsEndpoint) ask(ctx context.Context, p *probe.Pass, t tlsTarget, configured bool, roots *x509.CertPool) (probe.Result, time.Time, error) {
	address, host := t.address, t.host
	state, err := handshake(ctx, p, t, tls.VersionTLS12, tls.VersionTLS13, nil)
	var f probe.ResultBuilder
	if errors.Is(err, fault.ErrTLS) {
		if weak, weakErr := handshake(ctx, p, t, tls.VersionTLS12, tls.VersionTLS12, allCipherSuites()); weakErr == nil {
			f.Warn(probe.ReasonWeak, "%s supports only weak cipher suites, such as %s: add suites with ECDHE and AES-GCM or ChaCha20", address,
				tls.CipherSuiteName(weak.CipherSuite))
			state, err = weak, nil
		}
	}
	// A second handshake with obsolete versions distinguishes an old server from one without TLS, and detects a new
	// server that still accepts them.
	old, oldErr := tls.ConnectionState{}, error(nil)
	if err == nil || errors.Is(err, fault.ErrTLS) {
		old, oldErr = handshake(ctx, p, t, tls.VersionTLS10, tls.VersionTLS11, allCipherSuites())
	}
	switch {
	case err == nil && oldErr == nil:
		f.Warn(probe.ReasonWeak, "%s still accepts %s: allow only TLS 1.2 and newer", address, tls.VersionName(old.Version))
	case err == nil:
	case errors.Is(err, fault.ErrTLS) && oldErr == nil:
		f.Fail(probe.ReasonWeak, "%s supports at most %s, expected TLS 1.2 or newer", address, tls.VersionName(old.Version))
		state = old
	case !configured && fault.Refused(err):
		return probe.Result{}, time.Time{}, probe.Skip(deployment.TLSService.Setting("endpoint"), "%s: %v", address, err)
	case configured && errors.Is(err, fault.ErrTLS):
		return probe.Failed(probe.ReasonMismatch, "%s: %v", address, err), time.Time{}, nil
	case configured && (fault.Refused(err) || probe.ReasonOf(err) == probe.ReasonUnreachable):
		return probe.Failed(probe.ReasonUnreachable, "%s: %v", address, err), time.Time{}, nil
	default:
		reason := probe.ReasonOf(err)
		if errors.Is(err, fault.ErrTLS) {
			reason = probe.ReasonMismatch
		}
		return probe.Result{}, time.Time{}, probe.Needs(deployment.TLSService.Setting("endpoint"), probe.Unknown(reason, fmt.Errorf("%s: %w", address, err)))
	}
	chain := state.PeerCertificates
	end, chainErr := judgeChain(address, chain, certificateTerms{now: p.Now(), hosts: []string{host}, roots: roots, warn: s.Warn.Std(), fail: s.Fail.Std(),
		trust: trustOf(p, "tcp:"+address)}, &f)
	s.compare(p, host, address, chain[0], &f)
	r := f.Result("%s presents a trusted certificate for %s over %s", address, host, tls.VersionName(state.Version))
	if chainErr != nil && r.State != probe.StateFail {
		return probe.Result{}, end, probe.Needs(deployment.TLSService.Setting("ca_file"), probe.Unknown(probe.ReasonNotConfigured, chainErr))
	}
	return r, end, nil
}

// compare compares the presented leaf with the one on disk, where the origin is checked and its file is readable.
func (s *tlsEndpoint) compare(p *probe.Pass, host, address string, leaf *x509.Certificate, f *probe.ResultBuilder) {
	if at := p.Deployment.Public.TerminatedAt; at != "" && at != "origin" {
		return
	}
	places, err := findPairs(p, []string{host})
	if err != nil || len(places.pairs) == 0 {
		return // tls_files reports faults of the files
	}
	read := 0
	for _, pair := range places.pairs {
		chain, err := loadChain(p, pair.cert)
		if err != nil || len(chain) == 0 {
			continue
		}
		if chain[0].Equal(leaf) {
			return
		}
		if chain[0].VerifyHostname(host) == nil {
			read++
		}
	}
	if read > 0 {
		f.Fail(probe.ReasonDrift, "%s does not present the certificate on disk: reload the server, or set deployment.public.terminated_at if TLS ends before it", address)
	}
}

// tlsTargets lists the TLS endpoints of the public site: each public host at the configured endpoint or at its own port
// 443.
func tlsTargets(p *probe.Pass) (targets []tlsTarget, configured bool, err error) {
	endpoint := p.Deployment.TLS.Endpoint
	hosts, err := dnscheck.PublicHosts(p)
	if endpoint == "" && err != nil {
		return nil, false, probe.Needs(deployment.TLSService.Setting("endpoint"), err)
	}
	if endpoint == "" {
		for _, host := range hosts {
			targets = append(targets, tlsTarget{net.JoinHostPort(host, "443"), host})
		}
		return targets, len(p.Deployment.Public.Hosts) > 0 || p.Deployment.Public.URL != "", nil
	}
	name, _, splitErr := net.SplitHostPort(endpoint)
	if splitErr != nil {
		name, endpoint = endpoint, net.JoinHostPort(strings.Trim(endpoint, "[]"), "443")
	}
	if err != nil {
		hosts = []string{name}
	}
	for _, host := range hosts { // the name that clients request, also when the origin is addressed directly
		targets = append(targets, tlsTarget{endpoint, host})
	}
	return targets, true, nil
}

// allCipherSuites are the cipher suites that crypto/tls knows, including those that it does not offer by itself.
func allCipherSuites() (all []uint16) {
	for _, suite := range slices.Concat(tls.CipherSuites(), tls.InsecureCipherSuites()) {
		all = append(all, suite.ID)
	}
	return all
}

// handshake makes a TLS connection without verification. Its error is a network error or ErrTLS. suites are the cipher
// suites to offer; nil for those of crypto/tls.
func handshake(ctx context.Context, p *probe.Pass, t tlsTarget, least, most uint16, suites []uint16) (tls.ConnectionState, error) {
	ctx, cancel := context.WithTimeout(ctx, handshakeTime)
	defer cancel()
	raw, err := p.Dial(ctx, "tcp", t.address)
	if err != nil {
		return tls.ConnectionState{}, fault.Redact(ctx, err)
	}
	defer func() { _ = raw.Close() }()
	conn := tls.Client(raw, &tls.Config{ServerName: t.host, InsecureSkipVerify: true, MinVersion: least, MaxVersion: most, CipherSuites: suites}) //nolint:gosec // judged by judgeChain, so that an invalid chain is reported and measured
	if err := conn.HandshakeContext(ctx); err != nil {
		var alert *net.OpError
		switch {
		case ctx.Err() != nil:
			return tls.ConnectionState{}, fault.Late{Cause: ctx.Err()}
		case errors.As(err, &alert) && alert.Op == "remote error": // how crypto/tls returns the server's alert
			return tls.ConnectionState{}, fault.TLS("the server rejects the handshake")
		case alert != nil && alert.Op == "local error": // the server's response is not a handshake
			return tls.ConnectionState{}, fault.TLS("TLS handshake failed")
		case probe.ReasonOf(fault.Errno(err)) == probe.ReasonUnreachable:
			return tls.ConnectionState{}, fault.Errno(err)
		case errors.Is(err, io.EOF):
			return tls.ConnectionState{}, fault.TLS("the server closed the connection during the handshake")
		}
		return tls.ConnectionState{}, fault.TLS("TLS handshake failed")
	}
	state := conn.ConnectionState()
	if len(state.PeerCertificates) == 0 {
		return tls.ConnectionState{}, fault.TLS("the server presents no certificate")
	}
	return state, nil
}
