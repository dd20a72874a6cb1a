package reach_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/deployment/find"
	"github.com/thenexusengine/catalyst_exporter/internal/parts"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/fault"
	"github.com/thenexusengine/catalyst_exporter/probe/reach"
)

func TestMain(m *testing.M) { parts.Main(m) }

func TestGuard_Check(t *testing.T) {
	p := probetest.NewPass(t, probetest.Compose(
		"  db: {image: postgres, ports: ['15432:5432']}\n  cache: {image: redis, ports: ['127.0.0.2:16379:6379', '20000-20002:1-3', '5353:53/udp']}"), deployment.Settings{})
	for address, allowed := range map[string]bool{
		"169.254.169.254:80":          false,
		"169.254.170.2:80":            false,
		"[::ffff:169.254.169.254]:80": false,
		"[::ffff:a9fe:a9fe]:80":       false,
		"[::169.254.169.254]:80":      false,
		"[64:ff9b::a9fe:a9fe]:80":     false,
		"[64:ff9b:1::a9fe:a9fe]:80":   false,
		"[2002:a9fe:a9fe::1]:80":      false,
		"[fe80::a9fe:a9fe%eth0]:80":   false,
		"[fd00:ec2::254]:80":          false,
		"[fd20:ce::254]:80":           false,
		"100.100.100.200:80":          false,
		"[::ffff:100.100.100.200]:80": false,
		"168.63.129.16:80":            false,
		"192.0.0.192:80":              false,
		"224.0.0.1:80":                false,
		"[ff02::1]:80":                false,
		"127.0.0.1:2375":              false,
		"127.1.2.3:2375":              false,
		"[::1]:2375":                  false,
		"[::ffff:127.0.0.1]:2375":     false,
		"[64:ff9b::127.0.0.1]:2375":   false,
		"0.0.0.0:2375":                false,
		"[::]:2375":                   false,
		"127.0.0.1:16379":             false, // published at another address
		"127.0.0.1:20003":             false,
		"127.0.0.1:5353":              false, // UDP
		"127.0.0.1:15432":             true,
		"[::1]:15432":                 true,
		"127.0.0.2:16379":             true,
		"127.0.0.1:20002":             true,
		"127.0.0.1:5432":              true,
		"127.0.0.1:6379":              true,
		"[::1]:443":                   true,
		"10.0.0.5:5432":               true,
		"192.168.1.1:2375":            true,
		"100.64.0.1:80":               true,
		"[fd00:1::1]:5432":            true,
		"203.0.113.10:443":            true,
		"[2001:db8::1]:443":           true,
	} {
		err := reach.GuardOf(p).Check(netip.MustParseAddrPort(address))
		if (err == nil) != allowed {
			t.Errorf("%s: allowed is %v, want %v", address, err == nil, allowed)
		}
		if err != nil && (probe.ReasonOf(err) != probe.ReasonNotConfigured) {
			t.Errorf("%s: reason %s", address, probe.ReasonOf(err))
		}
	}
	if err := (reach.Guard{}).Check(netip.MustParseAddrPort("127.0.0.1:15432")); err == nil {
		t.Error("a port of this host is allowed without a compose file")
	}
}

// TestGiven_Dial checks that the production dialer consults the guard after the resolution of a name, and only then.
func TestGiven_Dial(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	closed := probetest.NewPass(t, nil, deployment.Settings{})
	open := probetest.NewPass(t, probetest.Compose("  db: {image: postgres, ports: ['"+port+":5432']}"), deployment.Settings{})
	for _, host := range []string{"localhost", "127.0.0.1", "0.0.0.0"} {
		address := net.JoinHostPort(host, port)
		conn, err := closed.Dial(reach.Given(t.Context(), closed), "tcp", address)
		var not fault.NotDialled
		if !errors.As(err, &not) {
			t.Errorf("%s: %v", host, err)
		}
		if err == nil {
			_ = conn.Close()
		}
		if conn, err = open.Dial(reach.Given(t.Context(), open), "tcp", address); err != nil {
			t.Errorf("%s, published: %v", host, err)
		} else {
			_ = conn.Close()
		}
		if conn, err = closed.Dial(t.Context(), "tcp", address); err != nil {
			t.Errorf("%s, not guarded: %v", host, err)
		} else {
			_ = conn.Close()
		}
	}
}

// TestGiven_Attacks calls a service of this host that the deployment does not publish, by every name and address that
// leads there, through the transport that the probes use.
func TestGiven_Attacks(t *testing.T) {
	l, err := net.Listen("tcp", ":0") //nolint:gosec // every address of this host is the point
	if err != nil {
		t.Fatal(err)
	}
	var hit atomic.Bool
	victim := &http.Server{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { hit.Store(true) })} //nolint:gosec // of this test
	go func() { _ = victim.Serve(l) }()
	defer func() { _ = victim.Close() }()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	published := httptest.NewServer(http.RedirectHandler("http://127.0.0.1:"+port+"/", http.StatusFound))
	defer published.Close()
	_, open, _ := net.SplitHostPort(published.Listener.Addr().String())
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:"+port)
	t.Setenv("http_proxy", "http://127.0.0.1:"+port)
	p := probetest.NewPass(t, probetest.Compose("  web: {image: nginx, ports: ['"+open+":80']}"), deployment.Settings{})
	hosts := []string{"localhost", "localhost.", "LOCALHOST", "127.0.0.1", "127.1", "127.0.1", "2130706433", "0177.0.0.1", "0x7f.0.0.1", "0x7f000001",
		"127.255.255.254", "0", "0.0.0.0", "::1", "::", "::ffff:127.0.0.1", "::ffff:7f00:1", "0:0:0:0:0:ffff:127.0.0.1", "64:ff9b::7f00:1", "user:word@127.0.0.1"}
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range addresses {
		if own, err := netip.ParsePrefix(a.String()); err == nil && !own.Addr().IsLinkLocalUnicast() {
			hosts = append(hosts, own.Addr().String())
		}
	}
	get := func(ctx context.Context, target string) error {
		client := &http.Client{Transport: &http.Transport{DialContext: p.Dial, DisableKeepAlives: true}}
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Do(req)
		if err == nil {
			_ = resp.Body.Close()
		}
		return err
	}
	for _, host := range hosts {
		at := "http://" + net.JoinHostPort(host, port) + "/"
		if strings.Contains(host, "@") {
			at = "http://" + host + ":" + port + "/"
		}
		ctx, cancel := context.WithTimeout(reach.Given(t.Context(), p), 5*time.Second) // forms that no resolver knows
		if err := get(ctx, at); err == nil || hit.Load() {
			t.Errorf("%s is called", host)
		}
		cancel()
		hit.Store(false)
	}
	if err := get(reach.Given(t.Context(), p), published.URL); err == nil || hit.Load() {
		t.Error("a redirect of a published service to another port is followed")
	}
	if err := get(t.Context(), published.URL); err != nil || !hit.Load() {
		t.Errorf("not guarded: %v, called %v", err, hit.Load())
	}
}

func TestCredential(t *testing.T) {
	configured, given := deployment.Value{Key: "deployment.database.password"}, deployment.Value{Key: "DB_PASSWORD"}
	if err := reach.Credential(true, configured, "deployment.database.host"); probe.ReasonOf(err) != probe.ReasonNotConfigured {
		t.Errorf("a configured password, an address of the files: %v", err)
	}
	for _, err := range []error{reach.Credential(true, given, ""), reach.Credential(false, configured, ""), reach.Credential(false, given, "")} {
		if err != nil {
			t.Error(err)
		}
	}
	for how, want := range map[string]bool{"": false, find.Default: false, "DB_HOST at .env:3": true} {
		if reach.IsGiven(deployment.Reach{How: how}) != want {
			t.Errorf("%q: want %v", how, want)
		}
	}
	if reach.IsGiven(deployment.Reach{How: "configured", Configured: true}) {
		t.Error("a configured address is not given by the files")
	}
}
