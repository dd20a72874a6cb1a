package probe

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
)

// presents serves TLS handshakes with a certificate.
func presents(t *testing.T, cert *parts.Cert, versions ...uint16) string {
	conf := &tls.Config{Certificates: []tls.Certificate{cert.Server()}}
	if len(versions) > 0 {
		conf.MinVersion, conf.MaxVersion = versions[0], versions[len(versions)-1]
	}
	return listener(t, func(c net.Conn) {
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
		state   State
		reason  Reason
		detail  string
		end     bool
	}{
		{"good", good, "", good, "origin", StatePass, "", "presents a trusted certificate", true},
		{"nothing on disk", good, "", nil, "origin", StatePass, "", "", true},
		{"another than on disk", good, "", good.Issuer().Leaf(t, []string{host}), "origin", StateFail, ReasonDrift, "reload the server", true},
		{"another than on disk behind a CDN", good, "", good.Issuer().Leaf(t, []string{host}), "cdn", StatePass, "", "", true},
		{"another name", parts.TLS(t, []string{"other.test"}), "", nil, "origin", StateFail, ReasonUntrusted, "is not for " + host, true},
		{"expired", parts.TLS(t, []string{host}, parts.ValidFrom(now.Add(-90*day)), parts.ValidUntil(now.Add(-day))), "", nil, "origin", StateFail, ReasonExpired, "expired on", true},
		{"expiring", parts.TLS(t, []string{host}, parts.ValidFrom(now.Add(-80*day)), parts.ValidUntil(now.Add(10*day))), "", nil, "origin", StateWarn, ReasonExpiring, "", true},
		{"fresh, of six days", parts.TLS(t, []string{host}, parts.ValidFrom(now.Add(-time.Hour)), parts.ValidUntil(now.Add(6*day))), "", nil, "origin", StatePass, "", "", true},
		{"not yet valid", parts.TLS(t, []string{host}, parts.ValidFrom(now.Add(day)), parts.ValidUntil(now.Add(90*day))), "", nil, "origin", StateFail, ReasonInvalid, "not valid before", true},
		{"self-signed", parts.SelfSigned(t, []string{host}), "", nil, "origin", StateFail, "", "", true},
		{"refused", nil, parts.Refusing(t), nil, "origin", StateFail, ReasonUnreachable, "", false},
		{"no TLS", nil, listener(t, func(c net.Conn) { _, _ = c.Write([]byte("220 mark ESMTP\r\n")) }), nil, "origin", StateFail, ReasonMismatch, "", false},
		{"old protocol", good, presents(t, good, tls.VersionTLS11), nil, "origin", StateFail, ReasonWeak, "at most TLS 1.1", true},
		{"old protocols beside new ones", good, presents(t, good, tls.VersionTLS10, tls.VersionTLS13), nil, "origin", StateWarn, ReasonWeak, "still accepts TLS 1.1", true},
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
			p := newPass(t, nil, settings)
			p.Roots = good.Pool()
			if tt.cert != nil && tt.name != "self-signed" {
				p.Roots = tt.cert.Pool()
			}
			r := look(t, p, tlsEndpointKind(), "{}")
			expect(t, r, tt.state, r.Reason, tt.detail)
			if tt.reason != "" && r.Reason != tt.reason || tt.state == StatePass && r.Reason != "" || strings.Contains(r.Detail, "mark") {
				t.Errorf("got %+v", r)
			}
			if _, ok := measured(r, CertificateNotAfter, "endpoint"); ok != tt.end {
				t.Errorf("the end is measured: %v", ok)
			}
		})
	}
	t.Run("missing intermediate", func(t *testing.T) {
		bare := listener(t, func(c net.Conn) {
			cert := short.Server()
			cert.Certificate = cert.Certificate[:1]
			server := tls.Server(c, &tls.Config{Certificates: []tls.Certificate{cert}})
			_ = server.HandshakeContext(t.Context())
			_ = server.Close()
		})
		p := newPass(t, nil, deployment.Settings{Public: deployment.Public{Hosts: []string{host}}, TLS: deployment.TLS{Endpoint: bare}})
		p.Roots = short.Pool()
		if r := look(t, p, tlsEndpointKind(), "{}"); r.State != StateFail || !strings.Contains(r.Detail, "intermediate") {
			t.Errorf("got %+v", r)
		}
	})
	t.Run("silent", func(t *testing.T) {
		block := make(chan struct{})
		t.Cleanup(func() { close(block) })
		p := newPass(t, nil, deployment.Settings{Public: deployment.Public{Hosts: []string{host}}, TLS: deployment.TLS{Endpoint: listener(t, func(net.Conn) { <-block })}})
		ctx, cancel := contextFor(t, true)
		defer cancel()
		expect(t, Look(ctx, load(t, tlsEndpointKind(), "{}"), p), StateUnknown, ReasonTimeout, "")
	})
	expect(t, look(t, newPass(t, nil, deployment.Settings{}), tlsEndpointKind(), "{}"), StateSkip, ReasonNotConfigured, "")
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
		return listener(t, func(c net.Conn) {
			server := tls.Server(c, conf)
			_ = server.HandshakeContext(t.Context())
			_ = server.Close()
		})
	}
	asked := func(settings deployment.Settings, ports map[string]string) Result {
		p := newPass(t, nil, settings)
		p.Roots = own.Pool()
		p.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			if ports != nil {
				address = ports[address]
			}
			return (&net.Dialer{}).DialContext(ctx, network, address)
		}
		return look(t, p, tlsEndpointKind(), "{}")
	}
	public := deployment.Public{Hosts: []string{first, second}}
	end := float64(now.Add(60 * 24 * time.Hour).Unix())

	good := byName(longer)
	r := asked(deployment.Settings{Public: public, TLS: deployment.TLS{Endpoint: good}}, nil)
	expect(t, r, StatePass, ReasonNone, first+", "+second)
	if got, ok := measured(r, CertificateNotAfter, "endpoint"); !ok || got != end {
		t.Errorf("the first to end is %v (%v), want %v", got, ok, end)
	}
	r = asked(deployment.Settings{Public: public, TLS: deployment.TLS{Endpoint: byName(own)}}, nil)
	expect(t, r, StateFail, ReasonUntrusted, "is not for "+second)

	// Each at its own address: the second is broken, away, or was only guessed.
	refusing := parts.Refusing(t)
	r = asked(deployment.Settings{Public: public}, map[string]string{first + ":443": good, second + ":443": byName(own)})
	expect(t, r, StateFail, ReasonUntrusted, "is not for "+second)
	r = asked(deployment.Settings{Public: public}, map[string]string{first + ":443": good, second + ":443": refusing})
	expect(t, r, StateFail, ReasonUnreachable, second+":443")
	guessed := deployment.Settings{Root: t.TempDir()}
	if err := os.WriteFile(filepath.Join(guessed.Root, ".env.production"), []byte("HOST="+first+"\nPBS_HOST_URL=https://"+second+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r = asked(guessed, map[string]string{first + ":443": good, second + ":443": refusing})
	expect(t, r, StateUnknown, ReasonUnreachable, second+":443")
	r = asked(guessed, map[string]string{first + ":443": refusing, second + ":443": refusing})
	expect(t, r, StateSkip, ReasonNotConfigured, first+":443")
}
