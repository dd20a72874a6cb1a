package httpcheck

import (
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

func TestCDN(t *testing.T) {
	alias := probetest.Resolver(t, func(w dns.ResponseWriter, q *dns.Msg) {
		m := probetest.Records(q, "127.0.0.1")
		if strings.HasPrefix(q.Question[0].Name, "aliased.") {
			m.Answer = append(m.Answer, &dns.CNAME{Hdr: dns.RR_Header{Name: q.Question[0].Name, Rrtype: dns.TypeCNAME, Class: dns.ClassINET, Ttl: 5}, Target: "d111.cloudfront.net."})
		}
		_ = w.WriteMsg(m)
	})
	header := func(name, value string) string { return probetest.CDNSite(t, name, value) }
	tests := []struct {
		name, url, wanted string
		state             probe.State
		reason            probe.Reason
	}{
		{"none expected", header("X", "y"), "none", probe.StateSkip, probe.ReasonNotConfigured},
		{"cloudflare", header("CF-RAY", "8a-FRA"), "cloudflare", probe.StatePass, ""},
		{"other than expected", header("CF-RAY", "8a-FRA"), "fastly", probe.StateFail, probe.ReasonMissing},
		{"any", header("X-Amz-Cf-Id", "abc"), "any", probe.StatePass, ""},
		{"Via of nginx", header("Via", "1.1 nginx"), "any", probe.StateFail, probe.ReasonMissing},
		{"own X-Served-By", header("X-Served-By", "web-1"), "any", probe.StateFail, probe.ReasonMissing},
		{"alias", "http://aliased.invalid", "cloudfront", probe.StatePass, ""},
		{"alias of another CDN", "http://aliased.invalid", "cloudflare", probe.StateUnknown, probe.ReasonUnreachable},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			settings := deployment.Settings{Public: deployment.Public{URL: tt.url, CDN: tt.wanted}, DNS: deployment.DNS{Resolvers: []string{alias}}}
			probetest.Expect(t, probetest.Look(t, probetest.NewPass(t, nil, settings), CDNKind(), "{}"), tt.state, tt.reason, "")
		})
	}
}
