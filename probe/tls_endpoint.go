package probe

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/thenexusengine/catalyst_exporter/schema"
)

// tls_endpoint: does the server present the certificate that was meant, and speak a protocol that is safe?
//
// The chain is judged by the same rules as the files. It is fetched without verification, so that its values show also when it is wrong. Where
// the origin itself is asked it must present the leaf that lies on disk: one that was renewed and not loaded expires unseen. Behind a CDN or load
// balancer the certificate on disk is another matter (deployment.public.terminated_at).

func tlsEndpointKind() Kind {
	return Kind{
		Name:     "tls_endpoint",
		Question: "Does the endpoint present a trusted, lasting certificate for its name, the one on disk, over TLS 1.2 or newer?",
		Example:  "{}",
		Layer:    LayerLive,
		Reads:    "a TLS handshake with the public endpoint (deployment.tls.endpoint), and the certificate files; needs to reach it",
		Values:   []*Value{CertificateNotAfter},
		MaxAge:   30 * time.Second,
		Timeout:  12 * time.Second,
		Alone:    true,
		New: func() any {
			return &tlsEndpoint{Warn: schema.Duration(expiringSoon), Fail: schema.Duration(expiringNow)}
		},
	}
}

type tlsEndpoint struct {
	Warn schema.Duration `yaml:"warn" min:"0s" default:"30d" doc:"time left under which a certificate is weak; a quarter of its lifetime where that is less"`
	Fail schema.Duration `yaml:"fail" min:"0s" default:"7d" doc:"time left under which it fails; a twelfth of its lifetime where that is less"`
}

// handshakeTime bounds one handshake.
const handshakeTime = 5 * time.Second

func (s *tlsEndpoint) Probe(ctx context.Context, p *Pass) (Result, error) {
	address, host, configured, err := tlsAddress(p)
	if err != nil {
		return Result{}, err
	}
	const setting = "deployment.tls.endpoint"
	state, err := handshake(ctx, p, address, host, tls.VersionTLS12)
	var f Findings
	if errors.Is(err, errTLS) {
		// Another try with what is long broken tells an old server from one that speaks no TLS.
		if old, oldErr := handshake(ctx, p, address, host, tls.VersionTLS10); oldErr == nil {
			f.Fail(ReasonWeak, "%s speaks %s at most, TLS 1.2 is wanted", address, tls.VersionName(old.Version))
			state, err = old, nil
		}
	}
	switch {
	case err == nil:
	case !configured && refused(err):
		return Result{}, Skip(setting, "%s: %v", address, err)
	case configured && errors.Is(err, errTLS):
		return Failed(ReasonMismatch, "%s: %v", address, err), nil
	case configured && (refused(err) || reasonOf(err) == ReasonUnreachable):
		return Failed(ReasonUnreachable, "%s: %v", address, err), nil
	default:
		reason := reasonOf(err)
		if errors.Is(err, errTLS) {
			reason = ReasonMismatch
		}
		return Result{}, Needs(setting, Unknown(reason, fmt.Errorf("%s: %w", address, err)))
	}
	roots, err := tlsRoots(p)
	if err != nil {
		return Result{}, err
	}
	chain := state.PeerCertificates
	end, chainErr := judgeChain(address, chain, certificateTerms{now: p.Now(), hosts: []string{host}, roots: roots, warn: s.Warn.Std(), fail: s.Fail.Std(),
		trust: trustOf(p, "tcp:"+address)}, &f)
	if !end.IsZero() {
		f.Measure(CertificateNotAfter.Of(seconds(end), "endpoint"))
	}
	s.compare(p, host, address, chain[0], &f)
	r := f.Result("%s presents a trusted certificate for %s over %s", address, host, tls.VersionName(state.Version))
	if chainErr != nil && r.State != StateFail {
		return Result{Samples: r.Samples}, Needs("deployment.tls.ca_file", Unknown(ReasonNotConfigured, chainErr))
	}
	return r, nil
}

// compare holds the presented leaf to the one on disk, where the origin itself is asked and a file is there to be read.
func (s *tlsEndpoint) compare(p *Pass, host, address string, leaf *x509.Certificate, f *Findings) {
	if at := p.Deployment.Public.TerminatedAt; at != "" && at != "origin" {
		return
	}
	places, err := findPairs(p, []string{host})
	if err != nil || len(places.pairs) == 0 {
		return // tls_files says what is wrong with the files
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
		f.Fail(ReasonDrift, "%s presents another certificate than the one on disk: reload the server, or say in deployment.public.terminated_at that TLS ends before it", address)
	}
}

// tlsAddress is where the public site speaks TLS: configured, or port 443 of the first public host.
func tlsAddress(p *Pass) (address, host string, configured bool, err error) {
	endpoint := p.Deployment.TLS.Endpoint
	hosts, err := publicHosts(p)
	switch {
	case endpoint == "" && err != nil:
		return "", "", false, Needs("deployment.tls.endpoint", err)
	case endpoint == "":
		return net.JoinHostPort(hosts[0], "443"), hosts[0], len(p.Deployment.Public.Hosts) > 0 || p.Deployment.Public.URL != "", nil
	}
	name, _, splitErr := net.SplitHostPort(endpoint)
	if splitErr != nil {
		name, endpoint = endpoint, net.JoinHostPort(strings.Trim(endpoint, "[]"), "443")
	}
	if err == nil {
		name = hosts[0] // what clients ask for, also where the origin is asked by its address
	}
	return endpoint, name, true, nil
}

// handshake makes a TLS connection without verifying anything. Its error is one of the network, or errTLS.
func handshake(ctx context.Context, p *Pass, address, host string, least uint16) (tls.ConnectionState, error) {
	ctx, cancel := context.WithTimeout(ctx, handshakeTime)
	defer cancel()
	raw, err := p.Dial(ctx, "tcp", address)
	if err != nil {
		return tls.ConnectionState{}, plainWebError(ctx, err)
	}
	defer func() { _ = raw.Close() }()
	conn := tls.Client(raw, &tls.Config{ServerName: host, InsecureSkipVerify: true, MinVersion: least}) //nolint:gosec // judged by judgeChain, so that an invalid chain is told and measured
	if err := conn.HandshakeContext(ctx); err != nil {
		var alert *net.OpError
		switch {
		case ctx.Err() != nil:
			return tls.ConnectionState{}, late{ctx.Err()}
		case errors.As(err, &alert) && alert.Op == "remote error": // how crypto/tls hands on the server's alert
			return tls.ConnectionState{}, tlsFault("the server refuses the handshake")
		case alert != nil && alert.Op == "local error": // what the server said is no handshake
			return tls.ConnectionState{}, tlsFault("no handshake")
		case reasonOf(errno(err)) == ReasonUnreachable:
			return tls.ConnectionState{}, errno(err)
		case errors.Is(err, io.EOF):
			return tls.ConnectionState{}, tlsFault("the connection is closed in the handshake")
		}
		return tls.ConnectionState{}, tlsFault("no handshake")
	}
	state := conn.ConnectionState()
	if len(state.PeerCertificates) == 0 {
		return tls.ConnectionState{}, tlsFault("no certificate")
	}
	return state, nil
}
