package dnscheck

import (
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/parts"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// zoneFile serves records, with aliases, NXDOMAIN and empty responses as an authoritative server has them. edit changes
// each response.
func zoneFile(t *testing.T, edit func(*dns.Msg), lines ...string) func(dns.ResponseWriter, *dns.Msg) {
	t.Helper()
	var all []dns.RR
	for _, line := range lines {
		rr, err := dns.NewRR(line)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, rr)
	}
	return func(w dns.ResponseWriter, q *dns.Msg) {
		m := new(dns.Msg)
		m.SetReply(q)
		m.Authoritative, m.Rcode = true, dns.RcodeNameError
		name := q.Question[0].Name
		for range all {
			next := ""
			for _, rr := range all {
				if !strings.EqualFold(rr.Header().Name, name) {
					continue
				}
				m.Rcode = dns.RcodeSuccess
				if alias, ok := rr.(*dns.CNAME); rr.Header().Rrtype == q.Question[0].Qtype || ok {
					m.Answer = append(m.Answer, rr)
					if ok && q.Question[0].Qtype != dns.TypeCNAME {
						next = alias.Target
					}
				}
			}
			if next == "" {
				break
			}
			name = next
		}
		if edit != nil {
			edit(m)
		}
		_ = w.WriteMsg(m)
	}
}

func TestDNSRecord_Verdicts(t *testing.T) {
	mark := parts.Secret()
	lines := []string{
		"shop.catalyst-test.net. 300 IN A 192.0.2.1", "shop.catalyst-test.net. 300 IN A 192.0.2.2",
		"shop.catalyst-test.net. 300 IN AAAA 2001:DB8::1",
		"www.catalyst-test.net. 60 IN CNAME Shop.catalyst-test.net.",
		"shop.catalyst-test.net. 3600 IN MX 10 Mail.Catalyst-test.net.", "shop.catalyst-test.net. 3600 IN MX 20 mail2.catalyst-test.net.",
		`shop.catalyst-test.net. 3600 IN CAA 0 issue "letsencrypt.org"`, `shop.catalyst-test.net. 3600 IN CAA 0 iodef "mailto:a@catalyst-test.net"`,
		`shop.catalyst-test.net. 0 IN TXT "v=spf1 -all"`, `shop.catalyst-test.net. 300 IN TXT "token=` + mark + `" " \"quoted\" \195\164"`,
		`_dmarc.shop.catalyst-test.net. 300 IN TXT "v=DMARC1; p=none; rua=mailto:` + mark + `"`,
		"_sip._tcp.shop.catalyst-test.net. 300 IN SRV 1 2 5060 sip.catalyst-test.net.",
		"catalyst-test.net. 300 IN NS ns1.catalyst-test.net.", "catalyst-test.net. 300 IN NS ns2.catalyst-test.net.",
		"catalyst-test.net. 300 IN MX 0 .",
		"1.2.0.192.in-addr.arpa. 300 IN PTR shop.catalyst-test.net.",
	}
	resolver := probetest.Resolver(t, zoneFile(t, nil, lines...))
	for name, test := range map[string]struct {
		spec   string
		reason probe.Reason // "" for a pass
		detail string
	}{
		"exists":                    {"name: shop.catalyst-test.net, type: A", "", "are as required"},
		"all values":                {"name: shop.catalyst-test.net, type: A, equals: [192.0.2.2, 192.0.2.1]", "", ""},
		"address in another form":   {"name: shop.catalyst-test.net, type: AAAA, equals: ['2001:db8:0::1']", "", ""},
		"alias followed":            {"name: www.catalyst-test.net, type: A, contains: [192.0.2.2]", "", ""},
		"alias itself":              {"name: www.catalyst-test.net, type: CNAME, equals: [SHOP.catalyst-test.net.]", "", ""},
		"MX":                        {"name: '{host}', type: MX, equals: [20 mail2.catalyst-test.net, 10 MAIL.catalyst-test.net.]", "", ""},
		"null MX":                   {"name: catalyst-test.net, type: MX, equals: [0 .]", "", ""},
		"CAA":                       {`name: '{host}', type: CAA, contains: ['0 issue "letsencrypt.org"'], matches: ['^0 issue "letsencrypt\.org']`, "", ""},
		"SPF":                       {"name: '{host}', type: TXT, matches: ['^v=spf1 .*-all$']", "", ""},
		"text in pieces":            {"name: '{host}', type: txt, matches: ['^token=[0-9A-Za-z]+ \"quoted\" ä$']", "", ""},
		"SRV":                       {"name: '_sip._tcp.{host}', type: SRV, equals: [1 2 5060 sip.catalyst-test.net]", "", ""},
		"PTR":                       {"name: 192.0.2.1, type: PTR, equals: [shop.catalyst-test.net]", "", ""},
		"NS, each":                  {"name: catalyst-test.net, type: NS, each_matches: '^ns[12]\\.catalyst-test\\.net$'", "", ""},
		"no record of the type":     {"name: catalyst-test.net, type: AAAA, absent: true", "", "has no AAAA record, as required"},
		"no name, absent":           {"name: old.catalyst-test.net, type: A, absent: true", "", ""},
		"time to live":              {"name: shop.catalyst-test.net, type: A, ttl_at_least: 300s, ttl_at_most: 5m", "", ""},
		"no such name":              {"name: old.catalyst-test.net, type: A", probe.ReasonMissing, "does not exist"},
		"no data":                   {"name: shop.catalyst-test.net, type: SRV", probe.ReasonMissing, "has no SRV record"},
		"alias to nothing":          {"name: www.catalyst-test.net, type: SRV", probe.ReasonMissing, "has no SRV record"},
		"one value too few":         {"name: shop.catalyst-test.net, type: A, equals: [192.0.2.1]", probe.ReasonMismatch, "not the values"},
		"one value too many":        {"name: shop.catalyst-test.net, type: A, equals: [192.0.2.1, 192.0.2.2, 192.0.2.3]", probe.ReasonMismatch, ""},
		"other priority":            {"name: '{host}', type: MX, contains: [30 mail2.catalyst-test.net]", probe.ReasonMissing, "value 1 of contains"},
		"text in another case":      {"name: '{host}', type: TXT, contains: ['V=spf1 -all']", probe.ReasonMissing, ""},
		"policy too weak":           {"name: '_dmarc.{host}', type: TXT, matches: ['p=(quarantine|reject)']", probe.ReasonMismatch, "no TXT record of _dmarc.shop.catalyst-test.net"},
		"matches what it must not":  {"name: '_dmarc.{host}', type: TXT, lacks: ['p=none']", probe.ReasonInvalid, "must not"},
		"one does not match":        {"name: '{host}', type: CAA, each_matches: 'letsencrypt'", probe.ReasonMismatch, "a CAA record"},
		"present, must be absent":   {"name: '{host}', type: TXT, absent: true", probe.ReasonExposed, "must have none"},
		"alias must be absent":      {"name: www.catalyst-test.net, type: CNAME, absent: true", probe.ReasonExposed, ""},
		"time to live too long":     {"name: '{host}', type: MX, ttl_at_most: 5m", probe.ReasonThreshold, "more than 5m"},
		"time to live too short":    {"name: www.catalyst-test.net, type: A, ttl_at_least: 2m", probe.ReasonThreshold, "less than 2m"},
		"time to live of one is 0":  {"name: '{host}', type: TXT, ttl_at_least: 1m", probe.ReasonThreshold, "less than 1m"},
		"name of an address, as is": {"name: 192.0.2.2, type: PTR", probe.ReasonMissing, "does not exist"},
	} {
		t.Run(name, func(t *testing.T) {
			settings := deployment.Settings{Public: deployment.Public{Hosts: []string{"shop.catalyst-test.net"}}, DNS: deployment.DNS{Resolvers: []string{resolver}}}
			got := probetest.Look(t, probetest.NewPass(t, nil, settings), RecordKind(), "{"+test.spec+"}")
			state := probe.StatePass
			if test.reason != "" {
				state = probe.StateFail
			}
			probetest.Expect(t, got, state, test.reason, test.detail)
			probetest.HasNot(t, got, mark)
		})
	}
}

// A resolver that fails is unknown, whether a record is required or must be absent.
func TestDNSRecord_Resolvers(t *testing.T) {
	mark := parts.Secret()
	record := "shop.catalyst-test.net. 300 IN TXT " + mark
	good := zoneFile(t, nil, record)
	edited := func(edit func(*dns.Msg)) func(dns.ResponseWriter, *dns.Msg) { return zoneFile(t, edit, record) }
	code := func(rcode int) func(dns.ResponseWriter, *dns.Msg) {
		return edited(func(m *dns.Msg) { m.Rcode, m.Answer = rcode, nil })
	}
	tooLong := edited(func(m *dns.Msg) { m.Truncated, m.Answer = true, nil })
	referral := edited(func(m *dns.Msg) {
		m.Authoritative, m.Answer = false, nil
		m.Ns = []dns.RR{&dns.NS{Hdr: dns.RR_Header{Name: "net.", Rrtype: dns.TypeNS, Class: dns.ClassINET}, Ns: "ns.net."}}
	})
	silent := func(dns.ResponseWriter, *dns.Msg) {}
	loop := edited(func(m *dns.Msg) {
		m.Rcode = dns.RcodeSuccess
		m.Answer = []dns.RR{
			&dns.CNAME{Hdr: dns.RR_Header{Name: m.Question[0].Name, Rrtype: dns.TypeCNAME, Class: dns.ClassINET}, Target: "a." + m.Question[0].Name},
		}
	})
	foreign := edited(func(m *dns.Msg) { m.Answer[0].Header().Name = "other.catalyst-test.net." })
	cache := edited(func(m *dns.Msg) { m.Authoritative, m.RecursionAvailable = false, true })
	type servers = []func(dns.ResponseWriter, *dns.Msg)
	for name, test := range map[string]struct {
		resolvers servers
		rules     string
		state     probe.State
		reason    probe.Reason
		detail    string
	}{
		"SERVFAIL":                 {servers{code(dns.RcodeServerFailure)}, "", probe.StateUnknown, probe.ReasonError, "SERVFAIL"},
		"SERVFAIL, absent":         {servers{code(dns.RcodeServerFailure)}, "absent: true", probe.StateUnknown, probe.ReasonError, "SERVFAIL"},
		"REFUSED, absent":          {servers{code(dns.RcodeRefused)}, "absent: true", probe.StateUnknown, probe.ReasonError, "REFUSED"},
		"silent, absent":           {servers{silent}, "absent: true", probe.StateUnknown, probe.ReasonTimeout, ""},
		"one of two is silent":     {servers{good, silent}, "matches: ['.']", probe.StateUnknown, probe.ReasonTimeout, ""},
		"one of two fails":         {servers{good, code(dns.RcodeNameError)}, "", probe.StateFail, probe.ReasonMissing, "does not exist"},
		"truncated, absent":        {servers{tooLong}, "absent: true", probe.StateUnknown, probe.ReasonTruncated, ""},
		"referral, absent":         {servers{referral}, "absent: true", probe.StateUnknown, probe.ReasonInvalid, "referral"},
		"endless aliases, absent":  {servers{loop}, "absent: true", probe.StateUnknown, probe.ReasonInvalid, "aliases"},
		"record of another name":   {servers{foreign}, "", probe.StateFail, probe.ReasonMissing, "has no TXT"},
		"cache, long enough":       {servers{cache}, "ttl_at_least: 1m", probe.StatePass, "", ""},
		"cache, less is left":      {servers{cache}, "ttl_at_least: 1h", probe.StateUnknown, probe.ReasonNotConfigured, "left in a cache"},
		"cache, short":             {servers{cache}, "ttl_at_most: 1h", probe.StateUnknown, probe.ReasonNotConfigured, "left in a cache"},
		"cache, too long in there": {servers{cache}, "ttl_at_most: 1m", probe.StateFail, probe.ReasonThreshold, "more than"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var settings deployment.Settings
			var named []string
			for _, r := range test.resolvers {
				named = append(named, fmt.Sprintf("%q", probetest.Resolver(t, r)))
			}
			settings.DNS.Resolvers = []string{"127.0.0.1:1"} // not used
			ctx, cancel := probetest.ContextFor(t, test.reason == probe.ReasonTimeout)
			defer cancel()
			spec := "{name: shop.catalyst-test.net, type: TXT, at: [" + strings.Join(named, ", ") + "], " + test.rules + "}"
			got := probe.Run(ctx, probetest.Load(t, RecordKind(), strings.ReplaceAll(spec, ", }", "}")), probetest.NewPass(t, nil, settings))
			probetest.Expect(t, got, test.state, test.reason, test.detail)
			probetest.HasNot(t, got, mark)
		})
	}
}

// A TXT record that does not fit into a packet is read over TCP, whole.
func TestDNSRecord_OverTCP(t *testing.T) {
	whole := zoneFile(t, nil, "shop.catalyst-test.net. 300 IN TXT "+strings.Repeat(strings.Repeat("x", 250)+" ", 20)+"end")
	resolver := probetest.Resolver(t, func(w dns.ResponseWriter, q *dns.Msg) {
		if _, udp := w.RemoteAddr().(*net.UDPAddr); udp {
			m := new(dns.Msg)
			m.SetReply(q)
			m.Truncated = true
			_ = w.WriteMsg(m)
			return
		}
		whole(w, q)
	})
	p := probetest.NewPass(t, nil, deployment.Settings{DNS: deployment.DNS{Resolvers: []string{resolver}}})
	probetest.Expect(t, probetest.Look(t, p, RecordKind(), "{name: shop.catalyst-test.net, type: TXT, matches: ['^x{1000}.*end$']}"), probe.StatePass, "", "")
}

func TestDNSRecord_Refused(t *testing.T) {
	for spec, want := range map[string]string{
		"{name: a.test, type: ANY}":                                  "not a type",
		"{name: a.test, type: AXFR}":                                 "not a type",
		"{name: a.test, type: X}":                                    "not a type",
		"{name: 'https://a.test/', type: A}":                         "not a domain name",
		"{name: '{env.HOST}', type: A}":                              "only {host}",
		"{name: 'a..test', type: A}":                                 "not a domain name",
		"{name: a.test, type: A, equals: [shop]}":                    "not a value of type A",
		"{name: a.test, type: MX, contains: [mail.test]}":            "not a value",
		"{name: a.test, type: A, matches: ['(']}":                    "missing closing",
		"{name: a.test, type: A, absent: true, lacks: [a]}":          "no other rules",
		"{name: a.test, type: A, ttl_at_least: 2m, ttl_at_most: 1m}": "less than",
		"{type: A}": "name",
		`{name: a.test, type: CAA, equals: ["0 issue \"a\"\n$INCLUDE /x"]}`: "not a value",
	} {
		if _, problems := probetest.Decode(RecordKind(), spec); len(problems) == 0 || !strings.Contains(problems.Error(), want) {
			t.Errorf("%s: %v; want %q", spec, problems, want)
		}
	}
}
