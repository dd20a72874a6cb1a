package probe

import (
	"context"

	"github.com/thenexusengine/catalyst_exporter/schema"
)

// external_firewall: where a firewall outside the host guards it, which no probe sees, does somebody vouch for its rules?

func externalFirewallKind() Kind {
	return Kind{
		Name:     "external_firewall",
		Question: "Where an external firewall guards the host, does somebody vouch for its rules, and does that still hold?",
		Example:  "{item: security/firewall_rules, max_age: 180d}",
		Layer:    LayerAttested,
		Reads:    "the attestations, their signatures and allowed_signers, where deployment.firewall.external is set; needs to read them",
		Values:   []*Value{AttestationExpiry},
		New:      func() any { return &externalFirewallClaim{} },
	}
}

type externalFirewallClaim struct {
	Item   string           `yaml:"item" required:"true" doc:"the item that the claim names, as category/item"`
	Roles  []string         `yaml:"roles" doc:"roles each of which must vouch; anybody when not set"`
	MaxAge *schema.Duration `yaml:"max_age" min:"1h" doc:"how long a claim holds at most, whatever it says itself"`
}

func (s *externalFirewallClaim) claim() *attestation {
	return &attestation{Item: s.Item, Roles: s.Roles, MaxAge: s.MaxAge}
}

func (s *externalFirewallClaim) Probe(ctx context.Context, p *Pass) (Result, error) {
	if !p.Deployment.Firewall.External {
		return Result{}, Skip("deployment.firewall.external", "no external firewall is configured: the host's own rules are looked at")
	}
	return s.claim().Probe(ctx, p)
}

// Wants implements Claimed.
func (s *externalFirewallClaim) Wants(v Verdicts) (Wants, error) { return s.claim().Wants(v) }
