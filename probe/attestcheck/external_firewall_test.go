package attestcheck

import (
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

func TestExternalFirewall(t *testing.T) {
	const spec = "{item: security/firewall_rules, max_age: 180d}"
	external := deployment.Settings{Firewall: deployment.Firewall{External: true}}
	probetest.Expect(t, probetest.Look(t, probetest.NewPass(t, nil, deployment.Settings{}), ExternalFirewallKind(), spec), probe.StateSkip, probe.ReasonNotConfigured, "no external firewall")
	probetest.Expect(t, probetest.Look(t, probetest.NewPass(t, nil, external), ExternalFirewallKind(), spec), probe.StateFail, probe.ReasonMissing, "")
	at := func(age time.Duration) probetest.Folder {
		return probetest.Folder{".catalyst/attestations/20260101T000000Z-x.yaml": "item: security/firewall_rules\nby: a@b.c\nvalid_for: 400d\nat: " + time.Now().Add(-age).UTC().Format(time.RFC3339) + "\n"}
	}
	probetest.Expect(t, probetest.Look(t, probetest.NewPass(t, at(time.Hour), external), ExternalFirewallKind(), spec), probe.StateWarn, probe.ReasonUnsigned, "")
	probetest.Expect(t, probetest.Look(t, probetest.NewPass(t, at(200*24*time.Hour), external), ExternalFirewallKind(), spec), probe.StateFail, probe.ReasonLapsed, "")
}
