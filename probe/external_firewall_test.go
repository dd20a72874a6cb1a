package probe

import (
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/deployment"
)

func TestExternalFirewall(t *testing.T) {
	const spec = "{item: security/firewall_rules, max_age: 180d}"
	external := deployment.Settings{Firewall: deployment.Firewall{External: true}}
	expect(t, look(t, newPass(t, nil, deployment.Settings{}), externalFirewallKind(), spec), StateSkip, ReasonNotConfigured, "no external firewall")
	expect(t, look(t, newPass(t, nil, external), externalFirewallKind(), spec), StateFail, ReasonMissing, "")
	at := func(age time.Duration) folder {
		return folder{".catalyst/attestations/20260101T000000Z-x.yaml": "item: security/firewall_rules\nby: a@b.c\nvalid_for: 400d\nat: " + time.Now().Add(-age).UTC().Format(time.RFC3339) + "\n"}
	}
	expect(t, look(t, newPass(t, at(time.Hour), external), externalFirewallKind(), spec), StateWarn, ReasonUnsigned, "")
	expect(t, look(t, newPass(t, at(200*24*time.Hour), external), externalFirewallKind(), spec), StateFail, ReasonLapsed, "")
}
