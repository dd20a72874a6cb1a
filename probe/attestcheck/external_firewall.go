package attestcheck

import (
	"context"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/schema"
)

// external_firewall: are the rules of a firewall outside the host attested? Probes cannot see such a firewall.

func ExternalFirewallKind() probe.Kind {
	return probe.Kind{
		Name:       "external_firewall",
		Question:   "Are the rules of the external firewall covered by a valid attestation?",
		Example:    "{item: security/firewall_rules, max_age: 180d}",
		OwnItem:    true,
		Layer:      probe.LayerAttested,
		Reads:      "the attestations, their signatures and allowed_signers, when deployment.firewall.external is set",
		Permission: "read permission",
		Values:     []*probe.Value{probe.AttestationExpiry},
		Breakages: func(spec any, view *deployment.View) []probe.Breakage {
			return spec.(*externalFirewallAttestation).claim().breakages(view)
		},
		New: func() any { return &externalFirewallAttestation{} },
	}
}

type externalFirewallAttestation struct {
	Item   string           `yaml:"item" required:"true" doc:"item that the attestation names, as category/item; in a checklist, by default the item of the probe"`
	Roles  []string         `yaml:"roles" doc:"roles that must each attest; anyone may attest when unset"`
	MaxAge *schema.Duration `yaml:"max_age" min:"1h" doc:"maximum validity of an attestation; overrides a longer validity in the attestation itself"`
}

func (s *externalFirewallAttestation) claim() *attestation {
	return &attestation{Item: s.Item, Roles: s.Roles, MaxAge: s.MaxAge}
}

func (s *externalFirewallAttestation) Probe(ctx context.Context, p *probe.Pass) (probe.Result, error) {
	if !p.Deployment.Firewall.External {
		return probe.Result{}, probe.Skip("deployment.firewall.external",
			"no external firewall is configured; the host firewall is checked instead")
	}
	return s.claim().Probe(ctx, p)
}

// Wants implements Claimed.
func (s *externalFirewallAttestation) Wants(v probe.Verdicts) (Wants, error) {
	return s.claim().Wants(v)
}
