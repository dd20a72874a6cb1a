package dnscheck

import (
	"net"
	"net/netip"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/miekg/dns"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// zone answers A and AAAA queries with the addresses, and others with an empty response.
func zone(addresses ...string) func(dns.ResponseWriter, *dns.Msg) {
	return func(w dns.ResponseWriter, q *dns.Msg) { _ = w.WriteMsg(probetest.Records(q, addresses...)) }
}

// expect returns the expectation of addresses, sorted.
func expect(addresses ...string) deployment.DNSExpected {
	var e deployment.DNSExpected
	for _, a := range addresses {
		e.Addresses = append(e.Addresses, netip.MustParseAddr(a))
	}
	slices.SortFunc(e.Addresses, netip.Addr.Compare)
	return e
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
		state     probe.State
		reason    probe.Reason
		detail    string
	}{
		{"as expected", []func(dns.ResponseWriter, *dns.Msg){good, good}, []string{"2001:db8::10", "192.0.2.10"}, probe.StatePass, "", "2 resolvers"},
		{"unpinned", []func(dns.ResponseWriter, *dns.Msg){good}, nil, probe.StateWarn, probe.ReasonUnpinned, "192.0.2.10, 2001:db8::10"},
		{"another address", []func(dns.ResponseWriter, *dns.Msg){zone("192.0.2.66")}, []string{"192.0.2.10"}, probe.StateFail,
			probe.ReasonMismatch, "resolves to 192.0.2.66"},
		{"extra address", []func(dns.ResponseWriter, *dns.Msg){zone("192.0.2.10", "192.0.2.66")}, []string{"192.0.2.10"},
			probe.StateFail, probe.ReasonMismatch, ""},
		{"resolvers disagree", []func(dns.ResponseWriter, *dns.Msg){zone("192.0.2.10"), zone("192.0.2.66")}, []string{"192.0.2.10"}, probe.StateFail, probe.ReasonMismatch, ""},
		{"no such name", []func(dns.ResponseWriter, *dns.Msg){code(dns.RcodeNameError)}, nil, probe.StateFail, probe.ReasonMissing, "does not exist"},
		{"no address", []func(dns.ResponseWriter, *dns.Msg){zone()}, nil, probe.StateFail, probe.ReasonMissing, "no address"},
		{"server failure", []func(dns.ResponseWriter, *dns.Msg){code(dns.RcodeServerFailure)}, nil, probe.StateUnknown, probe.ReasonError, "SERVFAIL"},
		{"no response", []func(dns.ResponseWriter, *dns.Msg){func(dns.ResponseWriter, *dns.Msg) {}}, nil, probe.StateUnknown,
			probe.ReasonTimeout, ""},
		{"one of two does not respond", []func(dns.ResponseWriter, *dns.Msg){good, func(dns.ResponseWriter, *dns.Msg) {}},
			[]string{"2001:db8::10", "192.0.2.10"}, probe.StateUnknown, probe.ReasonTimeout, ""},
		{"another id", []func(dns.ResponseWriter, *dns.Msg){func(w dns.ResponseWriter, q *dns.Msg) {
			m := probetest.Records(q, "192.0.2.10")
			m.Id++
			_ = w.WriteMsg(m)
		}}, nil, probe.StateUnknown, probe.ReasonTimeout, ""},
		{"another question", []func(dns.ResponseWriter, *dns.Msg){func(w dns.ResponseWriter, q *dns.Msg) {
			m := probetest.Records(q, "192.0.2.10")
			m.Question[0].Name = "evil.invalid."
			_ = w.WriteMsg(m)
		}}, nil, probe.StateUnknown, probe.ReasonInvalid, "another question"},
		{"garbage", []func(dns.ResponseWriter, *dns.Msg){func(w dns.ResponseWriter, q *dns.Msg) { _, _ = w.Write([]byte("no DNS")) }}, nil, probe.StateUnknown, probe.ReasonInvalid, ""},
		{"truncated over UDP", []func(dns.ResponseWriter, *dns.Msg){func(w dns.ResponseWriter, q *dns.Msg) {
			if _, ok := w.RemoteAddr().(*net.UDPAddr); ok {
				m := new(dns.Msg)
				m.SetReply(q)
				m.Truncated = true
				_ = w.WriteMsg(m)
				return
			}
			overTCP.Add(1)
			_ = w.WriteMsg(probetest.Records(q, "192.0.2.10"))
		}}, []string{"192.0.2.10"}, probe.StatePass, "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			settings := deployment.Settings{Public: deployment.Public{Hosts: []string{"ads.catalyst-test.net"}}, DNS: deployment.DNS{Expected: expect(tt.expected...)}}
			for _, r := range tt.resolvers {
				settings.DNS.Resolvers = append(settings.DNS.Resolvers, probetest.Resolver(t, r))
			}
			p := probetest.NewPass(t, nil, settings)
			ctx, cancel := probetest.ContextFor(t, tt.reason == probe.ReasonTimeout)
			defer cancel()
			r := probe.Run(ctx, probetest.Load(t, RecordsKind(), "{}"), p)
			probetest.Expect(t, r, tt.state, tt.reason, tt.detail)
			if ttl, ok := probetest.Measured(r, DNSTTL); tt.state == probe.StatePass && (!ok || ttl != 60) {
				t.Errorf("TTL %v, %v", ttl, ok)
			}
		})
	}
	if overTCP.Load() == 0 {
		t.Error("no query over TCP")
	}
	if r := probetest.Look(t, probetest.NewPass(t, nil, deployment.Settings{}), RecordsKind(), "{}"); r.State != probe.StateSkip {
		t.Errorf("without a host: %+v", r)
	}
	if r := probetest.Look(t, probetest.NewPass(t, nil, deployment.Settings{Public: deployment.Public{Hosts: []string{"ads.catalyst-test.net"}}, DNS: deployment.DNS{Resolvers: []string{"127.0.0.1:1"}}}), RecordsKind(), "{}"); r.Reason != probe.ReasonUnreachable && r.Reason != probe.ReasonTimeout {
		t.Errorf("refused connection: %+v", r)
	}
}
