package tlscheck

import (
	"context"
	"crypto/tls"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

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
