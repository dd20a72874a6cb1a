package tlscheck

import (
	"context"
	"crypto/tls"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/parts"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// presents serves TLS handshakes with a certificate.
func presents(t *testing.T, cert *parts.Cert, versions ...uint16) string {
	conf := &tls.Config{Certificates: []tls.Certificate{cert.Server()}}
	if len(versions) > 0 {
		conf.MinVersion, conf.MaxVersion = versions[0], versions[len(versions)-1]
	}
	return probetest.Listener(t, func(c net.Conn) {
		server := tls.Server(c, conf)
		_ = server.HandshakeContext(t.Context())
		_ = server.Close()
	})
}

func TestTLSEndpoint(t *testing.T) {
	const host = "ads.catalyst-test.net"
	now := time.Now()
	good := parts.TLS(t, []string{host})
	day := 24 * time.Hour
	between := parts.CA(t).Intermediate(t)
	short := between.Leaf(t, []string{host})
	tests := []struct {
		name    string
		cert    *parts.Cert
		address string
		disk    *parts.Cert
		ends    string
		state   probe.State
		reason  probe.Reason
		detail  string
		end     bool
	}{
		{"good", good, "", good, "origin", probe.StatePass, "", "presents a trusted certificate", true},
		{"nothing on disk", good, "", nil, "origin", probe.StatePass, "", "", true},
		{"another than on disk", good, "", good.Issuer().Leaf(t, []string{host}), "origin", probe.StateFail, probe.ReasonDrift, "reload the server", true},
		{"another than on disk behind a CDN", good, "", good.Issuer().Leaf(t, []string{host}), "cdn", probe.StatePass, "", "", true},
		{"another name", parts.TLS(t, []string{"other.test"}), "", nil, "origin", probe.StateFail, probe.ReasonMismatch, "is not for " + host, true},
		{"expired", parts.TLS(t, []string{host}, parts.ValidFrom(now.Add(-90*day)), parts.ValidUntil(now.Add(-day))), "", nil, "origin", probe.StateFail, probe.ReasonExpired, "expired on", true},
		{"expiring", parts.TLS(t, []string{host}, parts.ValidFrom(now.Add(-80*day)), parts.ValidUntil(now.Add(10*day))), "", nil, "origin", probe.StateWarn, probe.ReasonExpiring, "", true},
		{"fresh, of six days", parts.TLS(t, []string{host}, parts.ValidFrom(now.Add(-time.Hour)), parts.ValidUntil(now.Add(6*day))), "", nil, "origin", probe.StatePass, "", "", true},
		{"not yet valid", parts.TLS(t, []string{host}, parts.ValidFrom(now.Add(day)), parts.ValidUntil(now.Add(90*day))), "", nil, "origin", probe.StateFail, probe.ReasonInvalid, "not valid before", true},
		{"self-signed", parts.SelfSigned(t, []string{host}), "", nil, "origin", probe.StateFail, "", "", true},
		{"refused", nil, parts.Refusing(t), nil, "origin", probe.StateFail, probe.ReasonUnreachable, "", false},
		{"no TLS", nil, probetest.Listener(t, func(c net.Conn) { _, _ = c.Write([]byte("220 mark ESMTP\r\n")) }), nil, "origin", probe.StateFail, probe.ReasonMismatch, "", false},
		{"old protocol", good, presents(t, good, tls.VersionTLS11), nil, "origin", probe.StateFail, probe.ReasonWeak, "at most TLS 1.1", true},
		{"old protocols beside new ones", good, presents(t, good, tls.VersionTLS10, tls.VersionTLS13), nil, "origin", probe.StateWarn, probe.ReasonWeak, "still accepts TLS 1.1", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			address := tt.address
			if address == "" {
				address = presents(t, tt.cert)
			}
			root := t.TempDir()
			settings := deployment.Settings{Root: root, Public: deployment.Public{Hosts: []string{host}, TerminatedAt: tt.ends}, TLS: deployment.TLS{Endpoint: address}}
			if tt.disk != nil {
				chain, key, _ := tt.disk.Write(t, root)
				settings.TLS.Cert, settings.TLS.Key = chain, key
			}
			p := probetest.NewPass(t, nil, settings)
			p.Roots = good.Pool()
			if tt.cert != nil && tt.name != "self-signed" {
				p.Roots = tt.cert.Pool()
			}
			r := probetest.Look(t, p, EndpointKind(), "{}")
			probetest.Expect(t, r, tt.state, r.Reason, tt.detail)
			if tt.reason != "" && r.Reason != tt.reason || tt.state == probe.StatePass && r.Reason != "" || strings.Contains(r.Detail, "mark") {
				t.Errorf("got %+v", r)
			}
			if _, ok := probetest.Measured(r, CertificateNotAfter, "endpoint"); ok != tt.end {
				t.Errorf("the end is measured: %v", ok)
			}
		})
	}
	t.Run("missing intermediate", func(t *testing.T) {
		bare := probetest.Listener(t, func(c net.Conn) {
			cert := short.Server()
			cert.Certificate = cert.Certificate[:1]
			server := tls.Server(c, &tls.Config{Certificates: []tls.Certificate{cert}})
			_ = server.HandshakeContext(t.Context())
			_ = server.Close()
		})
		p := probetest.NewPass(t, nil, deployment.Settings{Public: deployment.Public{Hosts: []string{host}}, TLS: deployment.TLS{Endpoint: bare}})
		p.Roots = short.Pool()
		if r := probetest.Look(t, p, EndpointKind(), "{}"); r.State != probe.StateFail || !strings.Contains(r.Detail, "intermediate") {
			t.Errorf("got %+v", r)
		}
	})
	t.Run("silent", func(t *testing.T) {
		block := make(chan struct{})
		t.Cleanup(func() { close(block) })
		p := probetest.NewPass(t, nil, deployment.Settings{Public: deployment.Public{Hosts: []string{host}}, TLS: deployment.TLS{Endpoint: probetest.Listener(t, func(net.Conn) { <-block })}})
		ctx, cancel := probetest.ContextFor(t, true)
		defer cancel()
		probetest.Expect(t, probe.Run(ctx, probetest.Load(t, EndpointKind(), "{}"), p), probe.StateUnknown, probe.ReasonTimeout, "")
	})
	probetest.Expect(t, probetest.Look(t, probetest.NewPass(t, nil, deployment.Settings{}), EndpointKind(), "{}"), probe.StateSkip, probe.ReasonNotConfigured, "")
}

// TestTLSEndpointOfSeveralHosts: one host with another's certificate is enough to fail, and one that was not seen to be no pass.
func TestTLSEndpointOfSeveralHosts(t *testing.T) {
	const first, second = "ads.catalyst-test.net", "api.catalyst-test.net"
	now := time.Now()
	authority := parts.CA(t)
	leaf := func(host string, days int) *parts.Cert {
		return authority.Leaf(t, []string{host}, parts.ValidFrom(now.Add(-time.Hour)), parts.ValidUntil(now.Add(time.Duration(days)*24*time.Hour)))
	}
	own, longer := leaf(first, 60), leaf(second, 90)
	byName := func(ofSecond *parts.Cert) string {
		conf := &tls.Config{GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			cert := own.Server()
			if hello.ServerName == second {
				cert = ofSecond.Server()
			}
			return &cert, nil
		}}
		return probetest.Listener(t, func(c net.Conn) {
			server := tls.Server(c, conf)
			_ = server.HandshakeContext(t.Context())
			_ = server.Close()
		})
	}
	asked := func(settings deployment.Settings, ports map[string]string) probe.Result {
		p := probetest.NewPass(t, nil, settings)
		p.Roots = own.Pool()
		p.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			if ports != nil {
				address = ports[address]
			}
			return (&net.Dialer{}).DialContext(ctx, network, address)
		}
		return probetest.Look(t, p, EndpointKind(), "{}")
	}
	public := deployment.Public{Hosts: []string{first, second}}
	end := float64(now.Add(60 * 24 * time.Hour).Unix())

	good := byName(longer)
	r := asked(deployment.Settings{Public: public, TLS: deployment.TLS{Endpoint: good}}, nil)
	probetest.Expect(t, r, probe.StatePass, probe.ReasonNone, first+", "+second)
	if got, ok := probetest.Measured(r, CertificateNotAfter, "endpoint"); !ok || got != end {
		t.Errorf("the first to end is %v (%v), want %v", got, ok, end)
	}
	r = asked(deployment.Settings{Public: public, TLS: deployment.TLS{Endpoint: byName(own)}}, nil)
	probetest.Expect(t, r, probe.StateFail, probe.ReasonMismatch, "is not for "+second)

	// Each at its own address: the second is broken, away, or was only guessed.
	refusing := parts.Refusing(t)
	r = asked(deployment.Settings{Public: public}, map[string]string{first + ":443": good, second + ":443": byName(own)})
	probetest.Expect(t, r, probe.StateFail, probe.ReasonMismatch, "is not for "+second)
	r = asked(deployment.Settings{Public: public}, map[string]string{first + ":443": good, second + ":443": refusing})
	probetest.Expect(t, r, probe.StateFail, probe.ReasonUnreachable, second+":443")
	guessed := deployment.Settings{Root: t.TempDir()}
	if err := os.WriteFile(filepath.Join(guessed.Root, ".env.production"), []byte("HOST="+first+"\nPBS_HOST_URL=https://"+second+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r = asked(guessed, map[string]string{first + ":443": good, second + ":443": refusing})
	probetest.Expect(t, r, probe.StateUnknown, probe.ReasonUnreachable, second+":443")
	r = asked(guessed, map[string]string{first + ":443": refusing, second + ":443": refusing})
	probetest.Expect(t, r, probe.StateSkip, probe.ReasonNotConfigured, first+":443")
}

// TestTLSEndpoint_EachAddress serves a name with two addresses by two servers.
func TestTLSEndpoint_EachAddress(t *testing.T) {
	const site = "ads.catalyst-test.net"
	resolver := probetest.Resolver(t, func(w dns.ResponseWriter, q *dns.Msg) { _ = w.WriteMsg(probetest.Records(q, "127.0.0.1", "::1")) })
	good := parts.TLS(t, []string{site})
	for name, tt := range map[string]struct {
		second *parts.Cert // at ::1; nil: nothing listens
		state  probe.State
		reason probe.Reason
		detail string
	}{
		"the same":    {good, probe.StatePass, "", "presents a trusted certificate for " + site},
		"nothing":     {nil, probe.StatePass, "", "not checked: 1 of the 2 addresses"},
		"expired":     {good.Issuer().Leaf(t, []string{site}, parts.ValidFrom(time.Now().Add(-90*24*time.Hour)), parts.ValidUntil(time.Now().Add(-time.Hour))), probe.StateFail, probe.ReasonExpired, "[::1]:"},
		"other site":  {good.Issuer().Leaf(t, []string{"other.test"}), probe.StateFail, probe.ReasonMismatch, "is not for " + site},
		"self-signed": {parts.SelfSigned(t, []string{site}), probe.StateFail, probe.ReasonUntrusted, "self-signed"},
	} {
		t.Run(name, func(t *testing.T) {
			address := presents(t, good)
			_, port, _ := net.SplitHostPort(address)
			if tt.second != nil {
				listener, err := net.Listen("tcp6", "[::1]:"+port)
				if err != nil {
					parts.Missing(t, "an IPv6 loopback interface")
				}
				server := tls.NewListener(listener, &tls.Config{Certificates: []tls.Certificate{tt.second.Server()}})
				var serving sync.WaitGroup
				t.Cleanup(serving.Wait)
				t.Cleanup(func() { _ = listener.Close() })
				serving.Go(func() {
					for c, err := server.Accept(); err == nil; c, err = server.Accept() {
						serving.Go(func() { _ = c.(*tls.Conn).HandshakeContext(t.Context()); _ = c.Close() })
					}
				})
			}
			p := probetest.NewPass(t, nil, deployment.Settings{Public: deployment.Public{Hosts: []string{site}},
				TLS: deployment.TLS{Endpoint: site + ":" + port}, DNS: deployment.DNS{Resolvers: []string{resolver}}})
			p.Roots = good.Pool()
			probetest.Expect(t, probetest.Look(t, p, EndpointKind(), "{}"), tt.state, tt.reason, tt.detail)
		})
	}
}

// TestTLSEndpoint_CipherSuites serves only suites that clients do not offer by themselves.
func TestTLSEndpoint_CipherSuites(t *testing.T) {
	good := parts.TLS(t, []string{"ads.catalyst-test.net"}, parts.RSA(2048))
	for name, tt := range map[string]struct {
		least, most uint16
		suite       uint16
		state       probe.State
		detail      string
	}{
		"modern":                     {tls.VersionTLS12, tls.VersionTLS12, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, probe.StatePass, ""},
		"RSA key exchange":           {tls.VersionTLS12, tls.VersionTLS12, tls.TLS_RSA_WITH_AES_128_CBC_SHA, probe.StateWarn, "supports only weak cipher suites, such as TLS_RSA_WITH_AES_128_CBC_SHA"},
		"3DES":                       {tls.VersionTLS12, tls.VersionTLS12, tls.TLS_RSA_WITH_3DES_EDE_CBC_SHA, probe.StateWarn, "weak cipher suites"},
		"TLS 1.0 with the weak ones": {tls.VersionTLS10, tls.VersionTLS13, tls.TLS_RSA_WITH_AES_128_CBC_SHA, probe.StateWarn, "still accepts TLS 1.1"},
		"only TLS 1.0 with them":     {tls.VersionTLS10, tls.VersionTLS10, tls.TLS_RSA_WITH_AES_128_CBC_SHA, probe.StateFail, "at most TLS 1.0"},
	} {
		t.Run(name, func(t *testing.T) {
			address := probetest.Listener(t, func(c net.Conn) {
				server := tls.Server(c, &tls.Config{Certificates: []tls.Certificate{good.Server()}, MinVersion: tt.least, MaxVersion: tt.most, CipherSuites: []uint16{tt.suite}})
				_ = server.HandshakeContext(t.Context())
				_ = server.Close()
			})
			p := probetest.NewPass(t, nil, deployment.Settings{Public: deployment.Public{Hosts: []string{"ads.catalyst-test.net"}}, TLS: deployment.TLS{Endpoint: address}})
			p.Roots = good.Pool()
			reason := probe.ReasonNone
			if tt.state != probe.StatePass {
				reason = probe.ReasonWeak
			}
			probetest.Expect(t, probetest.Look(t, p, EndpointKind(), "{}"), tt.state, reason, tt.detail)
		})
	}
}
