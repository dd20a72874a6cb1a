package tlscheck

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
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

func TestTLSFiles(t *testing.T) {
	now := time.Now()
	hosts := []string{adsHost}
	root := parts.CA(t)
	between := root.Intermediate(t)
	good := between.Leaf(t, hosts)
	expired := between.Leaf(t, hosts, parts.ValidFrom(now.Add(-90*day)), parts.ValidUntil(now.Add(-time.Hour)))
	api := between.Leaf(t, []string{"api.catalyst-test.net"}, parts.ValidUntil(now.Add(40*day)), parts.ValidFrom(now.Add(-day)))
	pair := func(cert, key string, c *parts.Cert) probetest.Folder {
		return probetest.Folder{cert: string(c.ChainPEM()), key: string(c.KeyPEM())}
	}
	ssl := func() probetest.Folder { return pair("ssl/server.crt", "ssl/server.key", good) }
	const serverTLS = "server { listen 443 ssl; server_name ads.catalyst-test.net; ssl_certificate /etc/nginx/ssl/ads.pem; ssl_certificate_key /etc/nginx/ssl/ads.key; }\n"
	const mounts = "services:\n  nginx:\n    image: nginx\n    volumes: ['./nginx.conf:/etc/nginx/nginx.conf:ro', './certs:/etc/nginx/ssl:ro']\n"
	nginx := func(servers string) probetest.Folder {
		return pair("certs/ads.pem", "certs/ads.key", good).With("docker-compose.yml", mounts).With("nginx.conf", "events {}\nhttp {\n"+servers+"}\n")
	}
	const serverAPI = "server { listen 443 ssl; server_name api.catalyst-test.net; ssl_certificate ssl/api.pem; ssl_certificate_key ssl/api.key; }\n"
	twoServers := func(c *parts.Cert) probetest.Folder {
		return nginx(serverTLS+serverAPI).With("certs/api.pem", string(c.ChainPEM())).With("certs/api.key", string(c.KeyPEM()))
	}
	public := func(names ...string) deployment.Public { return deployment.Public{Hosts: names} }
	ads := public(adsHost)
	tests := []struct {
		name     string
		files    probetest.Folder
		settings deployment.Settings
		state    probe.State
		reason   probe.Reason
		detail   string
		end      *parts.Cert // whose end is measured; nil for none
	}{
		{"server.crt", ssl(), deployment.Settings{Public: ads}, probe.StatePass, probe.ReasonNone, "ssl/server.crt: valid until", good},
		{"fullchain.pem", pair("ssl/fullchain.pem", "ssl/privkey.pem", good), deployment.Settings{Public: ads}, probe.StatePass, probe.ReasonNone, "ssl/fullchain.pem", good},
		{"server.crt before fullchain.pem", ssl().With("ssl/fullchain.pem", "x"), deployment.Settings{Public: ads}, probe.StatePass, probe.ReasonNone, "ssl/server.crt", good},
		{"in deployment/", pair("deployment/ssl/server.crt", "deployment/ssl/server.key", good), deployment.Settings{Public: ads}, probe.StatePass, probe.ReasonNone, "deployment/ssl/server.crt", good},
		{"configured", pair("a/x.pem", "a/y.pem", good).With("ssl/server.crt", "x"), deployment.Settings{Public: ads, TLS: deployment.TLS{Cert: "a/x.pem", Key: "a/y.pem"}}, probe.StatePass, probe.ReasonNone, "a/x.pem", good},
		{"another folder", pair("tls/server.crt", "tls/server.key", good), deployment.Settings{Public: ads, SSL: "tls"}, probe.StatePass, probe.ReasonNone, "tls/server.crt", good},
		{"Let's Encrypt", pair("host/etc/letsencrypt/live/ads.catalyst-test.net/fullchain.pem", "host/etc/letsencrypt/live/ads.catalyst-test.net/privkey.pem", good),
			deployment.Settings{Public: ads, Firewall: deployment.Firewall{HostRoot: "host"}}, probe.StatePass, probe.ReasonNone, "live/ads.catalyst-test.net", good},
		{"Let's Encrypt for one of two hosts", pair("host/etc/letsencrypt/live/ads.catalyst-test.net/fullchain.pem", "host/etc/letsencrypt/live/ads.catalyst-test.net/privkey.pem", good),
			deployment.Settings{Public: public(adsHost, "api.catalyst-test.net"), Firewall: deployment.Firewall{HostRoot: "host"}}, probe.StateFail, probe.ReasonMismatch, "no certificate covers api.catalyst-test.net", good},

		{"nginx", nginx(serverTLS).With("ssl/server.crt", "x"), deployment.Settings{Public: ads}, probe.StatePass, probe.ReasonNone, "certs/ads.pem", good},
		{"nginx's two servers", twoServers(api), deployment.Settings{}, probe.StatePass, probe.ReasonNone, "certs/ads.pem, certs/api.pem", api},
		{"one of nginx's servers", twoServers(good), deployment.Settings{}, probe.StateFail, probe.ReasonMismatch, "certs/api.pem is not for api.catalyst-test.net", good},
		{"a host of neither server", twoServers(api), deployment.Settings{Public: public("www.catalyst-test.net")}, probe.StateFail, probe.ReasonMismatch, "no certificate covers www.catalyst-test.net", api},
		{"a host of neither server, covered", twoServers(api), deployment.Settings{Public: ads}, probe.StatePass, probe.ReasonNone, "", api},
		{"nginx's file is missing", nginx(serverTLS).Lacks("certs/ads.pem"), deployment.Settings{Public: ads}, probe.StateFail, probe.ReasonMissing, "certs/ads.pem, named at nginx.conf:3", nil},
		{"nginx's key is missing", nginx(serverTLS).Lacks("certs/ads.key"), deployment.Settings{Public: ads}, probe.StateFail, probe.ReasonMissing, "certs/ads.key, named at nginx.conf:3", good},
		{"nginx names no key", nginx(strings.ReplaceAll(serverTLS, "ssl_certificate_key /etc/nginx/ssl/ads.key;", "")), deployment.Settings{Public: ads}, probe.StateFail, probe.ReasonMissing, "has no ssl_certificate_key", good},
		{"nginx's certificate is out of sight", nginx(strings.ReplaceAll(serverTLS, "/etc/nginx/ssl/", "/run/tls/")), deployment.Settings{Public: ads}, probe.StateUnknown, probe.ReasonNotConfigured, "nginx.conf:3 is not among the deployment's files: it is in the image of service nginx", nil},
		{"one of nginx's certificates is out of sight", nginx(serverTLS + strings.ReplaceAll(serverAPI, "ssl/api", "/run/tls/api")), deployment.Settings{Public: ads}, probe.StateWarn, probe.ReasonNotConfigured, "nginx.conf:4", good},
		{"nginx without TLS", ssl().With("docker-compose.yml", mounts).With("nginx.conf", "http { server { listen 80; server_name ads.catalyst-test.net; } }"), deployment.Settings{Public: ads}, probe.StateWarn, probe.ReasonMismatch, "no server in nginx.conf listens with ssl", good},
		{"nginx without TLS, with a certificate for all", ssl().With("docker-compose.yml", mounts).With("nginx.conf", "http { ssl_certificate ssl/no.pem; ssl_certificate_key ssl/no.key; server { listen 80; } }"), deployment.Settings{Public: ads}, probe.StateWarn, probe.ReasonMismatch, "no server in nginx.conf listens with ssl", good},
		{"nginx without TLS behind traefik", ssl().With("docker-compose.yml", mounts+"  edge: {image: 'traefik:v3'}\n").With("nginx.conf", "http { server { listen 80; } }"), deployment.Settings{Public: ads}, probe.StatePass, probe.ReasonNone, "ssl/server.crt", good},
		{"nginx without TLS as far as is seen", ssl().With("docker-compose.yml", mounts).With("nginx.conf", "http { server { listen 80; } include sites/tls.conf; }"), deployment.Settings{Public: ads}, probe.StateWarn, probe.ReasonNotConfigured, "no TLS server was read: included file is in the image of service nginx: tls.conf", good},
		{"nginx has no certificate", ssl().With("docker-compose.yml", mounts).With("nginx.conf", "http { include mime.types; server { listen 443 ssl; } }"), deployment.Settings{Public: ads}, probe.StateFail, probe.ReasonMissing, "nginx.conf:1: the server listens with ssl but has no ssl_certificate", nil},
		{"one of nginx's servers has none", nginx(serverTLS + "server { listen 443 ssl; server_name x.catalyst-test.net; }\n"), deployment.Settings{Public: ads}, probe.StateFail, probe.ReasonMissing, "nginx.conf:4: the server listens with ssl", good},
		{"one of nginx's servers rejects", nginx(serverTLS + "server { listen 443 ssl default_server; ssl_reject_handshake on; }\n"), deployment.Settings{Public: ads}, probe.StatePass, probe.ReasonNone, "certs/ads.pem", good},
		{"all of nginx's servers reject but one", nginx("ssl_reject_handshake on;\nserver { listen 443 ssl; }\n" + strings.Replace(serverTLS, "ssl;", "ssl; ssl_reject_handshake off;", 1)), deployment.Settings{Public: ads}, probe.StatePass, probe.ReasonNone, "certs/ads.pem", good},
		{"nginx's certificate may be in what is not seen", ssl().With("docker-compose.yml", mounts).With("nginx.conf", "http { server { listen 443 ssl; include snippets/tls.conf; } }"), deployment.Settings{Public: ads}, probe.StateUnknown, probe.ReasonNotConfigured, "it is in an include that was not read", nil},
		{"nginx's include is not there", nginx(serverTLS + "include ssl/more.conf;\n"), deployment.Settings{Public: ads}, probe.StateWarn, probe.ReasonInvalid, "nginx.conf:4: nginx rejects this configuration and keeps the previous one or does not start: included file does not exist: certs/more.conf", good},
		{"nginx's file does not end", nginx(serverTLS + "server {\n"), deployment.Settings{Public: ads}, probe.StateWarn, probe.ReasonInvalid, "unexpected end of file inside a block", good},
		{"nginx speaks old versions too", nginx("ssl_protocols TLSv1 TLSv1.1 TLSv1.2;\n" + serverTLS), deployment.Settings{Public: ads}, probe.StateWarn, probe.ReasonWeak, "the server at nginx.conf:4 still supports TLSv1, TLSv1.1", good},
		{"nginx speaks old versions alone", nginx("ssl_protocols TLSv1.1;\n" + serverTLS), deployment.Settings{Public: ads}, probe.StateFail, probe.ReasonWeak, "nothing newer than TLSv1.1", good},

		{"nothing", nil, deployment.Settings{Public: ads, Firewall: deployment.Firewall{HostRoot: "host"}}, probe.StateFail, probe.ReasonMissing, "deployment.tls.cert", nil},
		{"an empty folder", probetest.Folder{"ssl/README": ""}, deployment.Settings{Public: ads, Firewall: deployment.Firewall{HostRoot: "host"}}, probe.StateFail, probe.ReasonMissing, "deployment.tls.cert", nil},
		{"a proxy with its own", probetest.Compose("  proxy:\n    image: traefik:v3\n"), deployment.Settings{Public: ads, Firewall: deployment.Firewall{HostRoot: "host"}}, probe.StateSkip, probe.ReasonNotConfigured, "service proxy", nil},
		{"TLS ends at a CDN", ssl(), deployment.Settings{Public: deployment.Public{Hosts: hosts, TerminatedAt: "cdn"}}, probe.StateSkip, probe.ReasonNotConfigured, "ends at the cdn", nil},
		{"TLS ends at a CDN, configured", ssl(), deployment.Settings{Public: deployment.Public{Hosts: hosts, TerminatedAt: "load_balancer"}, TLS: deployment.TLS{Cert: "ssl/server.crt", Key: "ssl/server.key"}}, probe.StatePass, probe.ReasonNone, "", good},
		{"configured and missing", nil, deployment.Settings{Public: ads, TLS: deployment.TLS{Cert: "x.pem", Key: "y.pem"}}, probe.StateFail, probe.ReasonMissing, "x.pem", nil},

		{"another key", ssl().With("ssl/server.key", string(api.KeyPEM())), deployment.Settings{Public: ads}, probe.StateFail, probe.ReasonMismatch, "ssl/server.key does not match ssl/server.crt", good},
		{"intermediate first", ssl().With("ssl/server.crt", string(between.PEM())+string(good.PEM())), deployment.Settings{Public: ads}, probe.StateFail, probe.ReasonInvalid, "the server's certificate is number 2", good},
		{"missing intermediate", ssl().With("ssl/server.crt", string(good.PEM())), deployment.Settings{Public: ads}, probe.StateFail, probe.ReasonMissing, "intermediate", good},
		{"expired, its end is kept", pair("ssl/server.crt", "ssl/server.key", expired), deployment.Settings{Public: ads}, probe.StateFail, probe.ReasonExpired, "expired on", expired},
		{"for another host", ssl(), deployment.Settings{Public: public("api.catalyst-test.net")}, probe.StateFail, probe.ReasonMismatch, "is not for api.catalyst-test.net", good},
		{"no public host", ssl(), deployment.Settings{}, probe.StateWarn, probe.ReasonUnpinned, "deployment.public.hosts", good},
		{"no public host but examples", ssl(), deployment.Settings{Public: public("ads.example.com")}, probe.StateWarn, probe.ReasonUnpinned, "", good},
		{"no key", ssl().Lacks("ssl/server.key"), deployment.Settings{Public: ads}, probe.StateFail, probe.ReasonMissing, "ssl/server.key", good},

		{"empty", ssl().With("ssl/server.crt", "\n"), deployment.Settings{Public: ads}, probe.StateFail, probe.ReasonEmpty, "ssl/server.crt is empty", nil},
		{"binary", ssl().With("ssl/server.crt", string(good.Certificate.Raw)), deployment.Settings{Public: ads}, probe.StateFail, probe.ReasonInvalid, "not a PEM file", nil},
		{"cut", ssl().With("ssl/server.crt", string(good.ChainPEM()[:len(good.ChainPEM())-40])), deployment.Settings{Public: ads}, probe.StateFail, probe.ReasonInvalid, "truncated or damaged", nil},
		{"a key in its place", ssl().With("ssl/server.crt", string(good.KeyPEM())), deployment.Settings{Public: ads}, probe.StateFail, probe.ReasonInvalid, "contains no certificate", nil},
		{"a certificate in the key's place", ssl().With("ssl/server.key", string(good.PEM())), deployment.Settings{Public: ads}, probe.StateFail, probe.ReasonInvalid, "contains no private key", good},
		{"both in one file", ssl().With("ssl/both.pem", string(good.KeyPEM())+string(good.ChainPEM())), deployment.Settings{Public: ads, TLS: deployment.TLS{Cert: "ssl/both.pem", Key: "ssl/both.pem"}}, probe.StatePass, probe.ReasonNone, "", good},
		{"a broken certificate", ssl().With("ssl/server.crt", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("x")}))), deployment.Settings{Public: ads}, probe.StateFail, probe.ReasonInvalid, "invalid certificate at position 1", nil},
		{"a broken key", ssl().With("ssl/server.key", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("x")}))), deployment.Settings{Public: ads}, probe.StateFail, probe.ReasonInvalid, "invalid private key", good},
		{"a directory", ssl().Lacks("ssl/server.crt").With("ssl/server.crt/x", ""), deployment.Settings{Public: ads}, probe.StateFail, probe.ReasonInvalid, "not a regular file", nil},
		{"too many", ssl().With("ssl/server.crt", strings.Repeat(string(good.PEM()), maxCertificates+1)), deployment.Settings{Public: ads}, probe.StateFail, probe.ReasonInvalid, "more than 20 certificates", nil},
		{"an own authority", ssl().With("ca.pem", string(root.PEM())), deployment.Settings{Public: ads, TLS: deployment.TLS{CAFile: "ca.pem"}}, probe.StatePass, probe.ReasonNone, "", good},
		{"another authority", ssl().With("ca.pem", string(parts.CA(t).PEM())), deployment.Settings{Public: ads, TLS: deployment.TLS{CAFile: "ca.pem"}}, probe.StateFail, probe.ReasonMissing, "authority of your own", good},
		{"no authority in its file", ssl().With("ca.pem", "x"), deployment.Settings{Public: ads, TLS: deployment.TLS{CAFile: "ca.pem"}}, probe.StateUnknown, probe.ReasonInvalid, "deployment.tls.ca_file", nil},
		{"an encrypted key", ssl().With("ssl/server.key", encryptedPEM("ENCRYPTED PRIVATE KEY", nil)), deployment.Settings{Public: ads}, probe.StateUnknown, probe.ReasonNotConfigured, "ssl/server.key is encrypted", good},
		{"an encrypted key of old", ssl().With("ssl/server.key", encryptedPEM("RSA PRIVATE KEY", map[string]string{"Proc-Type": "4,ENCRYPTED"})), deployment.Settings{Public: ads}, probe.StateUnknown, probe.ReasonNotConfigured, "encrypted", good},
		{"an encrypted key and another fault", pair("ssl/server.crt", "x", expired).With("ssl/server.key", encryptedPEM("ENCRYPTED PRIVATE KEY", nil)), deployment.Settings{Public: ads}, probe.StateFail, probe.ReasonExpired, "", expired},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := probetest.NewPass(t, tt.files, tt.settings)
			p.Roots = root.Pool()
			r := probetest.Look(t, p, FilesKind(), "{}")
			probetest.Expect(t, r, tt.state, tt.reason, tt.detail)
			if strings.Contains(r.Detail, "is not for") && strings.Contains(r.Detail, "no certificate covers") {
				t.Errorf("a host is told twice: %s", r.Detail)
			}
			end, ok := probetest.Measured(r, CertificateNotAfter, "file")
			if ok != (tt.end != nil) || ok && int64(end) != tt.end.Certificate.NotAfter.Unix() {
				t.Errorf("measured %v %v", end, ok)
			}
		})
	}
}

// encryptedPEM looks like an encrypted key and holds none.
func encryptedPEM(kind string, headers map[string]string) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Headers: headers, Bytes: []byte("sealed")}))
}

func TestTLSFilesModes(t *testing.T) {
	good := parts.TLS(t, []string{adsHost})
	for mode, state := range map[os.FileMode]probe.State{0o600: probe.StatePass, 0o640: probe.StatePass, 0o660: probe.StatePass, 0o644: probe.StateWarn, 0o602: probe.StateWarn} {
		p := probetest.NewPass(t, probetest.Folder{"ssl/server.crt": string(good.ChainPEM()), "ssl/server.key": string(good.KeyPEM())}, deployment.Settings{Public: deployment.Public{Hosts: []string{adsHost}}})
		p.Roots = good.Pool()
		if err := os.Chmod(filepath.Join(p.Deployment.Root, "ssl/server.key"), mode); err != nil {
			t.Fatal(err)
		}
		r := probetest.Look(t, p, FilesKind(), "{}")
		if r.State != state || state == probe.StateWarn && r.Reason != probe.ReasonExposed {
			t.Errorf("%04o: %v (%s) %s", mode, r.State, r.Reason, r.Detail)
		}
	}
}

func TestTLSFilesWithoutPermission(t *testing.T) {
	good := parts.TLS(t, []string{adsHost})
	expired := parts.TLS(t, []string{adsHost}, parts.ValidFrom(time.Now().Add(-90*day)), parts.ValidUntil(time.Now().Add(-day)))
	for _, tt := range []struct {
		name   string
		cert   *parts.Cert
		hidden string
		state  probe.State
		reason probe.Reason
	}{
		{"the key", good, "ssl/server.key", probe.StateUnknown, probe.ReasonPermissionDenied},
		{"the certificate", good, "ssl/server.crt", probe.StateUnknown, probe.ReasonPermissionDenied},
		{"the key of what is expired", expired, "ssl/server.key", probe.StateFail, probe.ReasonExpired},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := probetest.NewPass(t, probetest.Folder{"ssl/server.crt": string(tt.cert.ChainPEM()), "ssl/server.key": string(tt.cert.KeyPEM())}, deployment.Settings{Public: deployment.Public{Hosts: []string{adsHost}}})
			p.Roots = tt.cert.Pool()
			if err := os.Chmod(filepath.Join(p.Deployment.Root, tt.hidden), 0); err != nil {
				t.Fatal(err)
			}
			var r probe.Result
			probetest.Unprivileged(t, func() { r = probetest.Look(t, p, FilesKind(), "{}") })
			probetest.Expect(t, r, tt.state, tt.reason, "")
		})
	}
}

// Let's Encrypt's folder is root's alone.
func TestTLSFilesWithoutPermissionForLetsEncrypt(t *testing.T) {
	p := probetest.NewPass(t, probetest.Folder{"host/etc/letsencrypt/live/x": ""}, deployment.Settings{Public: deployment.Public{Hosts: []string{adsHost}}, Firewall: deployment.Firewall{HostRoot: "host"}})
	if err := os.Chmod(filepath.Join(p.Deployment.Root, "host/etc/letsencrypt/live"), 0); err != nil {
		t.Fatal(err)
	}
	var r probe.Result
	probetest.Unprivileged(t, func() { r = probetest.Look(t, p, FilesKind(), "{}") })
	probetest.Expect(t, r, probe.StateUnknown, probe.ReasonPermissionDenied, "letsencrypt/live")
}

func TestTLSFilesKeepNoKey(t *testing.T) {
	good := parts.TLS(t, []string{adsHost})
	p := probetest.NewPass(t, probetest.Folder{"ssl/server.crt": string(good.ChainPEM()), "ssl/server.key": string(good.KeyPEM())}, deployment.Settings{})
	key, err := loadKey(p, filepath.Join(p.Deployment.Root, "ssl/server.key"))
	if err != nil {
		t.Fatal(err)
	}
	if _, public := key.key.(*ecdsa.PublicKey); !public {
		t.Errorf("what is kept is a %T", key.key)
	}
}

func TestParseKey(t *testing.T) {
	rsaKey := parts.CA(t, parts.RSA(2048)).Key.(*rsa.PrivateKey)
	ecKey := parts.CA(t).Key.(*ecdsa.PrivateKey)
	ec, err := x509.MarshalECPrivateKey(ecKey)
	if err != nil {
		t.Fatal(err)
	}
	block := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	for name, tt := range map[string]struct {
		text string
		want any
	}{
		"PKCS #1":               {block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsaKey)), rsaKey.Public()},
		"SEC 1":                 {block("EC PRIVATE KEY", ec), ecKey.Public()},
		"behind its parameters": {block("EC PARAMETERS", []byte{6, 1, 1}) + block("EC PRIVATE KEY", ec), ecKey.Public()},
		"with text around":      {"Bag Attributes\n" + block("EC PRIVATE KEY", ec) + "\nend\n", ecKey.Public()},
		"PKCS #8":               {string(parts.CA(t, parts.WithKey(ecKey)).KeyPEM()), ecKey.Public()},
	} {
		got, err := parseKey([]byte(tt.text))
		if err != nil || !samePublicKey(got, tt.want) {
			t.Errorf("%s: %T, %v", name, got, err)
		}
	}
	if _, err := parseKey([]byte(block("OPENSSH PRIVATE KEY", ec))); err == nil || strings.Contains(err.Error(), hex.EncodeToString(ec[:8])) {
		t.Errorf("a key for SSH: %v", err)
	}
	if samePublicKey(rsaKey.Public(), ecKey.Public()) {
		t.Error("keys of two kinds are the same")
	}
}

func TestNameRank(t *testing.T) {
	for _, tt := range []struct {
		name, host string
		want       bool
	}{
		{"ads.tne.io", "ads.tne.io", true}, {"ADS.tne.io", "ads.tne.io", true}, {"ads.tne.io", "x.ads.tne.io", false},
		{"*.tne.io", "ads.tne.io", true}, {"*.tne.io", "tne.io", false}, {".tne.io", "tne.io", true}, {".tne.io", "ads.tne.io", true}, {".tne.io", "badtne.io", false},
		{"_", "ads.tne.io", false}, {"~^ads", "ads.tne.io", true}, {`~^(?<sub>.+)\.tne\.io$`, "ads.tne.io", true}, {"~^www", "ads.tne.io", false}, {"ads.*", "ads.tne.io", true}, {"*", "ads.tne.io", false}, {"", "ads.tne.io", false}, {"*tne.io", "ads.tne.io", false},
	} {
		if got := (nameRank(tt.name, tt.host) > 0); got != tt.want {
			t.Errorf("%q for %q: %v", tt.name, tt.host, got)
		}
	}
}

func TestTLSFilesSpec(t *testing.T) {
	k := FilesKind()
	if _, problems := probetest.Decode(k, "{warn: 1d, fail: 2d}"); len(problems) == 0 {
		t.Error("fail before warn loads")
	}
}

func FuzzPEM(f *testing.F) {
	c := parts.TLS(f, []string{adsHost})
	f.Add(c.ChainPEM())
	f.Add(c.KeyPEM())
	f.Add([]byte("-----BEGIN CERTIFICATE-----\n"))
	f.Add([]byte(encryptedPEM("RSA PRIVATE KEY", map[string]string{"Proc-Type": "4,ENCRYPTED"})))
	f.Fuzz(func(t *testing.T, data []byte) {
		if chain, err := parseChain(data); err == nil {
			if len(chain) == 0 || len(chain) > maxCertificates {
				t.Errorf("a chain of %d", len(chain))
			}
			var findings probe.ResultBuilder
			_, _ = judgeChain("it", chain, certificateTerms{now: time.Now(), hosts: []string{adsHost}, roots: c.Pool()}, &findings)
		}
		if key, err := parseKey(data); err == nil && key == nil {
			t.Error("neither a key nor an error")
		}
	})
}

// Let's Encrypt's links lead from live/ to archive/: where that is not mounted, nginx finds nothing.
func TestTLSFilesBehindLinks(t *testing.T) {
	root := parts.CA(t)
	good := root.Leaf(t, []string{adsHost})
	const conf = "http { server { listen 443 ssl; server_name ads.catalyst-test.net; ssl_certificate /etc/letsencrypt/live/a/fullchain.pem; ssl_certificate_key /etc/letsencrypt/live/a/privkey.pem; } }"
	for mount, want := range map[string]struct {
		state  probe.State
		reason probe.Reason
		detail string
	}{
		"./le:/etc/letsencrypt":           {probe.StatePass, probe.ReasonNone, "le/live/a/fullchain.pem"},
		"./le/live:/etc/letsencrypt/live": {probe.StateFail, probe.ReasonMissing, "nginx.conf:1: le/live/a/fullchain.pem is a link to a file that is not mounted into service nginx"},
		"./le/live:/etc/letsencrypt/live', './le/archive:/etc/letsencrypt/archive": {probe.StatePass, probe.ReasonNone, "le/live/a/fullchain.pem"},
	} {
		t.Run(mount, func(t *testing.T) {
			p := probetest.NewPass(t, probetest.Folder{
				"docker-compose.yml": "services:\n  nginx:\n    image: nginx\n    volumes: ['./nginx.conf:/etc/nginx/nginx.conf:ro', '" + mount + "']\n", "nginx.conf": conf,
				"le/archive/a/fullchain1.pem": string(good.ChainPEM()), "le/archive/a/privkey1.pem": string(good.KeyPEM()), "le/live/a/README": "x",
			}, deployment.Settings{Public: deployment.Public{Hosts: []string{adsHost}}})
			p.Roots = root.Pool()
			for _, name := range []string{"fullchain", "privkey"} {
				if err := os.Symlink("../../archive/a/"+name+"1.pem", filepath.Join(p.Deployment.Root, "le/live/a", name+".pem")); err != nil {
					t.Fatal(err)
				}
				if err := os.Chmod(filepath.Join(p.Deployment.Root, "le/archive/a", name+"1.pem"), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			probetest.Expect(t, probetest.Look(t, p, FilesKind(), "{}"), want.state, want.reason, want.detail)
		})
	}
}
