package probe

import (
	"context"

	"github.com/thenexusengine/catalyst_exporter/schema"
)

// external_firewall: are the rules of a firewall outside the host attested? Probes cannot see such a firewall.

func externalFirewallKind() Kind {
	return Kind{
		Name:     "external_firewall",
		Question: "Are the rules of the external firewall covered by a valid attestation?",
		Example:  "{item: security/firewall_rules, max_age: 180d}",
		Layer:    LayerAttested,
		Reads: "the attestations, their signatures and allowed_signers, when deployment.firewall.external is set; " +
			"needs read permission",
		Values: []*Value{AttestationExpiry},
		New:    func() any { return &externalFirewallClaim{} },
	}
}

type externalFirewallClaim struct {
	Item   string           `yaml:"item" required:"true" doc:"attested item, as category/item"`
	Roles  []string         `yaml:"roles" doc:"roles that must each attest; anyone may attest when unset"`
	MaxAge *schema.Duration `yaml:"max_age" min:"1h" doc:"maximum validity of an attestation; overrides a longer validity in the attestation itself"`
}

func (s *externalFirewallClaim) claim() *attestation {
	return &attestation{Item: s.Item, Roles: s.Roles, MaxAge: s.MaxAge}
}

func (s *externalFirewallClaim) Probe(ctx context.Context, p *Pass) (Result, error) {
	if !p.Deployment.Firewall.External {
		return Result{}, Skip("deployment.firewall.external",
			"no external firewall is configured; the host firewall is checked instead")
	}
	return s.claim().Probe(ctx, p)
}

// Wants implements Claimed.
func (s *externalFirewallClaim) Wants(v Verdicts) (Wants, error) { return s.claim().Wants(v) }
