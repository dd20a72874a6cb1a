package dnscheck

import (
	"testing"

	"github.com/miekg/dns"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/schema"
)

const shop, api = "shop.catalyst-test.net", "api.catalyst-test.net"

// records answers each query with the records in zone-file form; those of AAAA queries are separate.
func records(t *testing.T, forA, forAAAA []string) func(dns.ResponseWriter, *dns.Msg) {
	parse := func(lines []string) (all []dns.RR) {
		for _, l := range lines {
			rr, err := dns.NewRR(l)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, rr)
		}
		return all
	}
	a, aaaa := parse(forA), parse(forAAAA)
	return func(w dns.ResponseWriter, q *dns.Msg) {
		m := new(dns.Msg)
		m.SetReply(q)
		if m.Answer = a; q.Question[0].Qtype == dns.TypeAAAA {
			m.Answer = aaaa
		}
		_ = w.WriteMsg(m)
	}
}

func TestDNSRecords_Chains(t *testing.T) {
	for name, tt := range map[string]struct {
		answer func(dns.ResponseWriter, *dns.Msg)
		state  probe.State
		reason probe.Reason
		detail string
	}{
		"an alias":                         {records(t, []string{shop + ". 60 CNAME lb.test.", "lb.test. 60 A 192.0.2.10"}, nil), probe.StatePass, "", ""},
		"aliases in any order and case":    {records(t, []string{"b.test. 60 A 192.0.2.10", "A.test. 60 CNAME B.test.", "SHOP.catalyst-test.net. 60 CNAME a.TEST."}, nil), probe.StatePass, "", ""},
		"an address of another name":       {records(t, []string{shop + ". 60 CNAME lb.test.", "evil.test. 60 A 192.0.2.10"}, nil), probe.StateFail, probe.ReasonMissing, "no address"},
		"another name only":                {records(t, []string{"other.test. 60 A 192.0.2.10"}, nil), probe.StateFail, probe.ReasonMissing, "no address"},
		"an extra address of another name": {records(t, []string{shop + ". 60 A 192.0.2.10", "other.test. 60 A 192.0.2.66"}, nil), probe.StatePass, "", ""},
		"a loop":                           {records(t, []string{shop + ". 60 CNAME a.test.", "a.test. 60 CNAME " + shop + "."}, nil), probe.StateFail, probe.ReasonMissing, "no address"},
		"an alias without its target": {func(w dns.ResponseWriter, q *dns.Msg) {
			records(t, map[string][]string{shop + ".": {shop + ". 60 CNAME lb.test."}, "lb.test.": {"lb.test. 60 A 192.0.2.10"}}[q.Question[0].Name], nil)(w, q)
		}, probe.StatePass, "", ""},
		"endless aliases": {func(w dns.ResponseWriter, q *dns.Msg) {
			records(t, []string{q.Question[0].Name + " 60 CNAME x." + q.Question[0].Name}, nil)(w, q)
		}, probe.StateUnknown, probe.ReasonInvalid, "chain of more than"},
		"NXDOMAIN for AAAA": {func(w dns.ResponseWriter, q *dns.Msg) {
			if q.Question[0].Qtype == dns.TypeAAAA {
				m := new(dns.Msg)
				_ = w.WriteMsg(m.SetRcode(q, dns.RcodeNameError))
				return
			}
			records(t, []string{shop + ". 60 A 192.0.2.10"}, nil)(w, q)
		}, probe.StateWarn, probe.ReasonInvalid, "does not exist there for AAAA"},
		"NXDOMAIN for AAAA, another address": {func(w dns.ResponseWriter, q *dns.Msg) {
			if q.Question[0].Qtype == dns.TypeAAAA {
				m := new(dns.Msg)
				_ = w.WriteMsg(m.SetRcode(q, dns.RcodeNameError))
				return
			}
			records(t, []string{shop + ". 60 A 192.0.2.66"}, nil)(w, q)
		}, probe.StateFail, probe.ReasonMismatch, "192.0.2.66"},
		"bogus": {func(w dns.ResponseWriter, q *dns.Msg) {
			if !q.CheckingDisabled {
				m := new(dns.Msg)
				_ = w.WriteMsg(m.SetRcode(q, dns.RcodeServerFailure))
				return
			}
			records(t, []string{shop + ". 60 A 192.0.2.10"}, nil)(w, q)
		}, probe.StateUnknown, probe.ReasonError, "DNSSEC"},
	} {
		t.Run(name, func(t *testing.T) {
			p := probetest.NewPass(t, nil, deployment.Settings{Public: deployment.Public{Hosts: []string{shop}},
				DNS: deployment.DNS{Expected: expect("192.0.2.10"), Resolvers: []string{probetest.Resolver(t, tt.answer)}}})
			r := probetest.Look(t, p, RecordsKind(), "{}")
			probetest.Expect(t, r, tt.state, tt.reason, tt.detail)
			if r.State == probe.StateUnknown && r.Remedy == "" {
				t.Error("no remedy")
			}
		})
	}
}

// TestDNSRecords_Expected decodes expectations from YAML.
func TestDNSRecords_Expected(t *testing.T) {
	answer := func(w dns.ResponseWriter, q *dns.Msg) {
		_ = w.WriteMsg(probetest.Records(q, map[string]string{shop + ".": "192.0.2.10", api + ".": "192.0.2.20", "xn--bcher-kva.test.": "192.0.2.30"}[q.Question[0].Name]))
	}
	for name, tt := range map[string]struct {
		yaml   string
		hosts  []string
		state  probe.State
		reason probe.Reason
		detail string
	}{
		"one list":          {"expected: [192.0.2.10]", []string{shop}, probe.StatePass, "", ""},
		"one address":       {"expected: 192.0.2.10", []string{shop}, probe.StatePass, "", ""},
		"list for both":     {"expected: [192.0.2.10]", []string{shop, api}, probe.StateFail, probe.ReasonMismatch, api + " resolves to 192.0.2.20"},
		"per host":          {"expected: {" + shop + ": [192.0.2.10], " + api + ": 192.0.2.20}", []string{shop, api}, probe.StatePass, "", ""},
		"per host, swapped": {"expected: {" + shop + ": [192.0.2.20], " + api + ": [192.0.2.10]}", []string{shop, api}, probe.StateFail, probe.ReasonMismatch, ""},
		"one host missing":  {"expected: {" + shop + ": [192.0.2.10]}", []string{shop, api}, probe.StateWarn, probe.ReasonUnpinned, "no entry for it"},
		"any of":            {"expected: {any_of: [192.0.2.10, 192.0.2.11]}", []string{shop}, probe.StatePass, "", ""},
		"none of":           {"expected: {any_of: [192.0.2.11, 192.0.2.12]}", []string{shop}, probe.StateFail, probe.ReasonMismatch, "one or more of"},
		"any of, per host":  {"expected: {" + shop + ": {any_of: [192.0.2.9, 192.0.2.10]}}", []string{shop}, probe.StatePass, "", ""},
		"IDN":               {"expected: {bücher.test: [192.0.2.30]}", []string{"Bücher.test"}, probe.StatePass, "", "xn--bcher-kva.test"},
		"IDN, another":      {"expected: {BÜCHER.test: [192.0.2.31]}", []string{"bücher.test"}, probe.StateFail, probe.ReasonMismatch, ""},
		"a placeholder":     {"expected: [192.0.2.10]", []string{"your-domain.com"}, probe.StateUnknown, probe.ReasonPlaceholder, "the configured host your-domain.com is not checked"},
		"one a placeholder": {"expected: [192.0.2.10]", []string{shop, "ads.example.com"}, probe.StateUnknown, probe.ReasonPlaceholder, "ads.example.com is not checked"},
	} {
		t.Run(name, func(t *testing.T) {
			var conf deployment.DNS
			node, err := schema.Parse("c", []byte(tt.yaml))
			if err != nil {
				t.Fatal(err)
			}
			if problems := schema.Decode("c", node, &conf); len(problems) > 0 {
				t.Fatal(problems)
			}
			conf.Resolvers = []string{probetest.Resolver(t, answer)}
			p := probetest.NewPass(t, nil, deployment.Settings{Public: deployment.Public{Hosts: tt.hosts}, DNS: conf})
			probetest.Expect(t, probetest.Look(t, p, RecordsKind(), "{}"), tt.state, tt.reason, tt.detail)
		})
	}
	for _, bad := range []string{"expected: [shop]", "expected: {}", "expected: {any_of: []}", "expected: {any_of: [192.0.2.1], " + shop + ": 192.0.2.1}",
		"expected: {" + shop + ": {" + api + ": 192.0.2.1}}", "expected: {'a b': 192.0.2.1}", "expected: []"} {
		var conf deployment.DNS
		node, err := schema.Parse("c", []byte(bad))
		if err != nil {
			t.Fatal(err)
		}
		if problems := schema.Decode("c", node, &conf); len(problems) == 0 {
			t.Errorf("%s: no problem: %+v", bad, conf)
		}
	}
	for host, valid := range map[string]bool{shop: true, "bücher.test": true, "https://shop.test/": true, "*.shop.test": true, "a b.test": false, "xn--.test-": false, "bü\u2028cher.test": false} {
		if problems := (deployment.Public{Hosts: []string{host}}).Validate(); (len(problems) == 0) != valid {
			t.Errorf("%s: %v", host, problems)
		}
	}
}
