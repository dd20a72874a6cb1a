package probe

import (
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/miekg/dns"

	"github.com/thenexusengine/catalyst_exporter/deployment"
)

// resolver runs a DNS server on a free port, over UDP and TCP, and returns its address.
func resolver(t *testing.T, answer func(w dns.ResponseWriter, q *dns.Msg)) string {
	t.Helper()
	var udp net.PacketConn
	var tcp net.Listener
	for try := 0; tcp == nil; try++ { // a port that is free for both
		var err error
		if udp, err = net.ListenPacket("udp", "127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
		if tcp, err = net.Listen("tcp", udp.LocalAddr().String()); err != nil {
			_ = udp.Close()
			if try == 20 {
				t.Fatal(err)
			}
		}
	}
	for _, s := range []*dns.Server{{PacketConn: udp, Handler: dns.HandlerFunc(answer)}, {Listener: tcp, Handler: dns.HandlerFunc(answer)}} {
		started := make(chan struct{})
		s.NotifyStartedFunc = func() { close(started) }
		ended := make(chan struct{})
		go func() { defer close(ended); _ = s.ActivateAndServe() }()
		<-started
		t.Cleanup(func() { _ = s.Shutdown(); <-ended })
	}
	return udp.LocalAddr().String()
}

// zone answers A and AAAA queries with the addresses, and others with an empty response.
func zone(addresses ...string) func(dns.ResponseWriter, *dns.Msg) {
	return func(w dns.ResponseWriter, q *dns.Msg) { _ = w.WriteMsg(records(q, addresses...)) }
}

func records(q *dns.Msg, addresses ...string) *dns.Msg {
	m := new(dns.Msg)
	m.SetReply(q)
	for _, a := range addresses {
		ip := net.ParseIP(a)
		h := dns.RR_Header{Name: q.Question[0].Name, Class: dns.ClassINET, Ttl: 60}
		switch {
		case ip.To4() != nil && q.Question[0].Qtype == dns.TypeA:
			h.Rrtype = dns.TypeA
			m.Answer = append(m.Answer, &dns.A{Hdr: h, A: ip})
		case ip.To4() == nil && q.Question[0].Qtype == dns.TypeAAAA:
			h.Rrtype = dns.TypeAAAA
			m.Answer = append(m.Answer, &dns.AAAA{Hdr: h, AAAA: ip})
		}
	}
	return m
}

func TestDNSRecords(t *testing.T) {
	code := func(rcode int) func(dns.ResponseWriter, *dns.Msg) {
		return func(w dns.ResponseWriter, q *dns.Msg) { m := new(dns.Msg); m.SetRcode(q, rcode); _ = w.WriteMsg(m) }
	}
	var overTCP atomic.Int32
	good := zone("192.0.2.10", "2001:db8::10")
	tests := []struct {
		name      string
		resolvers []func(dns.ResponseWriter, *dns.Msg)
		expected  []string
		state     State
		reason    Reason
		detail    string
	}{
		{"as expected", []func(dns.ResponseWriter, *dns.Msg){good, good}, []string{"2001:db8::10", "192.0.2.10"}, StatePass, "", "2 resolvers"},
		{"unpinned", []func(dns.ResponseWriter, *dns.Msg){good}, nil, StateWarn, ReasonUnpinned, "192.0.2.10, 2001:db8::10"},
		{"another address", []func(dns.ResponseWriter, *dns.Msg){zone("192.0.2.66")}, []string{"192.0.2.10"}, StateFail,
			ReasonMismatch, "resolves to 192.0.2.66"},
		{"extra address", []func(dns.ResponseWriter, *dns.Msg){zone("192.0.2.10", "192.0.2.66")}, []string{"192.0.2.10"},
			StateFail, ReasonMismatch, ""},
		{"resolvers disagree", []func(dns.ResponseWriter, *dns.Msg){zone("192.0.2.10"), zone("192.0.2.66")}, []string{"192.0.2.10"}, StateFail, ReasonMismatch, ""},
		{"no such name", []func(dns.ResponseWriter, *dns.Msg){code(dns.RcodeNameError)}, nil, StateFail, ReasonMissing, "does not exist"},
		{"no address", []func(dns.ResponseWriter, *dns.Msg){zone()}, nil, StateFail, ReasonMissing, "no address"},
		{"server failure", []func(dns.ResponseWriter, *dns.Msg){code(dns.RcodeServerFailure)}, nil, StateUnknown, ReasonError, "SERVFAIL"},
		{"no response", []func(dns.ResponseWriter, *dns.Msg){func(dns.ResponseWriter, *dns.Msg) {}}, nil, StateUnknown,
			ReasonTimeout, ""},
		{"one of two does not respond", []func(dns.ResponseWriter, *dns.Msg){good, func(dns.ResponseWriter, *dns.Msg) {}},
			[]string{"2001:db8::10", "192.0.2.10"}, StateUnknown, ReasonTimeout, ""},
		{"another id", []func(dns.ResponseWriter, *dns.Msg){func(w dns.ResponseWriter, q *dns.Msg) { m := records(q, "192.0.2.10"); m.Id++; _ = w.WriteMsg(m) }}, nil, StateUnknown, ReasonTimeout, ""},
		{"another question", []func(dns.ResponseWriter, *dns.Msg){func(w dns.ResponseWriter, q *dns.Msg) {
			m := records(q, "192.0.2.10")
			m.Question[0].Name = "evil.invalid."
			_ = w.WriteMsg(m)
		}}, nil, StateUnknown, ReasonInvalid, "another question"},
		{"garbage", []func(dns.ResponseWriter, *dns.Msg){func(w dns.ResponseWriter, q *dns.Msg) { _, _ = w.Write([]byte("no DNS")) }}, nil, StateUnknown, ReasonInvalid, ""},
		{"truncated over UDP", []func(dns.ResponseWriter, *dns.Msg){func(w dns.ResponseWriter, q *dns.Msg) {
			if _, ok := w.RemoteAddr().(*net.UDPAddr); ok {
				m := new(dns.Msg)
				m.SetReply(q)
				m.Truncated = true
				_ = w.WriteMsg(m)
				return
			}
			overTCP.Add(1)
			_ = w.WriteMsg(records(q, "192.0.2.10"))
		}}, []string{"192.0.2.10"}, StatePass, "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			settings := deployment.Settings{Public: deployment.Public{Hosts: []string{"ads.catalyst-test.net"}}, DNS: deployment.DNS{Expected: tt.expected}}
			for _, r := range tt.resolvers {
				settings.DNS.Resolvers = append(settings.DNS.Resolvers, resolver(t, r))
			}
			p := newPass(t, nil, settings)
			ctx, cancel := contextFor(t, tt.reason == ReasonTimeout)
			defer cancel()
			r := Look(ctx, load(t, dnsRecordsKind(), "{}"), p)
			expect(t, r, tt.state, tt.reason, tt.detail)
			if ttl, ok := measured(r, DNSTTL); tt.state == StatePass && (!ok || ttl != 60) {
				t.Errorf("TTL %v, %v", ttl, ok)
			}
		})
	}
	if overTCP.Load() == 0 {
		t.Error("no query over TCP")
	}
	if r := look(t, newPass(t, nil, deployment.Settings{}), dnsRecordsKind(), "{}"); r.State != StateSkip {
		t.Errorf("without a host: %+v", r)
	}
	if r := look(t, newPass(t, nil, deployment.Settings{Public: deployment.Public{Hosts: []string{"ads.catalyst-test.net"}}, DNS: deployment.DNS{Resolvers: []string{"127.0.0.1:1"}}}), dnsRecordsKind(), "{}"); r.Reason != ReasonUnreachable && r.Reason != ReasonTimeout {
		t.Errorf("refused connection: %+v", r)
	}
}

func TestCDN(t *testing.T) {
	alias := resolver(t, func(w dns.ResponseWriter, q *dns.Msg) {
		m := records(q, "127.0.0.1")
		if strings.HasPrefix(q.Question[0].Name, "aliased.") {
			m.Answer = append(m.Answer, &dns.CNAME{Hdr: dns.RR_Header{Name: q.Question[0].Name, Rrtype: dns.TypeCNAME, Class: dns.ClassINET, Ttl: 5}, Target: "d111.cloudfront.net."})
		}
		_ = w.WriteMsg(m)
	})
	header := func(name, value string) string { return cdnSite(t, name, value) }
	tests := []struct {
		name, url, wanted string
		state             State
		reason            Reason
	}{
		{"none expected", header("X", "y"), "none", StateSkip, ReasonNotConfigured},
		{"cloudflare", header("CF-RAY", "8a-FRA"), "cloudflare", StatePass, ""},
		{"other than expected", header("CF-RAY", "8a-FRA"), "fastly", StateFail, ReasonMissing},
		{"any", header("X-Amz-Cf-Id", "abc"), "any", StatePass, ""},
		{"Via of nginx", header("Via", "1.1 nginx"), "any", StateFail, ReasonMissing},
		{"own X-Served-By", header("X-Served-By", "web-1"), "any", StateFail, ReasonMissing},
		{"alias", "http://aliased.invalid", "cloudfront", StatePass, ""},
		{"alias of another CDN", "http://aliased.invalid", "cloudflare", StateUnknown, ReasonUnreachable},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			settings := deployment.Settings{Public: deployment.Public{URL: tt.url, CDN: tt.wanted}, DNS: deployment.DNS{Resolvers: []string{alias}}}
			expect(t, look(t, newPass(t, nil, settings), cdnKind(), "{}"), tt.state, tt.reason, "")
		})
	}
}
