package probe

import (
	"context"
	"slices"
	"time"

	"github.com/thenexusengine/catalyst_exporter/attest"
)

// The release records and attestations of a deployment, as seen by a pass.

// Trust configures whose attestations count.
type Trust struct {
	AllowedSigners string        `yaml:"allowed_signers" doc:"allowed_signers file in the format of ssh-keygen(1); when set, every attestation must be signed by a key in it"`
	Roles          []attest.Role `yaml:"roles" doc:"who may attest in which role; a role that is not listed is open to all of allowed_signers"`
}

// role returns the definition of a role.
func (t Trust) role(name string) attest.Role {
	for _, r := range t.Roles {
		if r.Name == name {
			return r
		}
	}
	return attest.Role{Name: name}
}

// ReleaseChain returns the release records. Its error is Unknown: records that cannot be read or were tampered with are not
// used.
func ReleaseChain(p *Pass) (*attest.Chain, error) {
	return Once(context.Background(), p, chainKey{}, func(context.Context) (*attest.Chain, error) { return openChain(p) })
}

type chainKey struct{}

func openChain(p *Pass) (*attest.Chain, error) {
	c, err := attest.OpenChain(p.Deployment.ReleasesDir(), p.Files)
	if err != nil {
		return nil, Needs("permission to read "+p.Deployment.Rel(p.Deployment.ReleasesDir()), Unknown(reasonOf(err), err))
	}
	if err := c.Err(); err != nil {
		return nil, Needs("repairing the release records (`git log` shows who changed them)", Unknown(ReasonInvalid, err))
	}
	return c, nil
}

// releasePlanned reports whether a release is planned: then running state may differ from declared state, since the deployment
// itself will fix that.
func releasePlanned(p *Pass) bool {
	c, err := ReleaseChain(p)
	return err == nil && c.Planned() != nil
}

// current returns the release that verdicts are about: the planned one, else the recorded one; nil without any.
func current(c *attest.Chain) *attest.Release {
	if r := c.Planned(); r != nil {
		return r
	}
	return c.Recorded()
}

// releaseClaims returns the attestations and the allowed signers (nil: not configured).
func releaseClaims(p *Pass) ([]*attest.Attestation, *attest.Signers, error) {
	all, err := attest.Load(p.Deployment.AttestationsDir())
	if err != nil {
		return nil, nil, Needs("permission to read "+p.Deployment.Rel(p.Deployment.AttestationsDir()), Unknown(reasonOf(err), err))
	}
	if p.Trust.AllowedSigners == "" {
		return all, nil, nil
	}
	signers, err := attest.LoadSigners(p.Deployment.Abs(p.Trust.AllowedSigners), time.UTC)
	if signers == nil {
		return nil, nil, Needs("attestations.allowed_signers", Unknown(reasonOf(err), err))
	}
	return all, signers, nil // invalid lines are ignored here; config check reports them
}

// vouched converts a judgement to a result.
func vouched(v attest.Voucher) Result {
	r := Result{Reason: Reason(v.Reason), Detail: v.Detail}
	switch v.Level {
	case attest.Holds:
		r.State = StatePass
	case attest.Weak:
		r.State = StateWarn
	case attest.Unknown:
		r.State = StateUnknown
	default:
		r.State = StateFail
	}
	if v.Role != "" {
		r.Detail = v.Role + ": " + r.Detail
	}
	if v.Claim != nil && !v.Expires.IsZero() {
		role := v.Role
		if role == "" {
			role = "any"
		}
		r.Samples = append(r.Samples, AttestationExpiry.Of(float64(v.Expires.Unix()), role))
	}
	return r
}

// roles returns the definitions of the named roles.
func (t Trust) roles(names []string) []attest.Role {
	var all []attest.Role
	for _, n := range names {
		all = append(all, t.role(n))
	}
	return slices.Clip(all)
}
