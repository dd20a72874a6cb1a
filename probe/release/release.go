// Package release reads the release records and the claims that people signed.
package release

import (
	"context"
	"time"

	"github.com/thenexusengine/catalyst_exporter/attest"
	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// The release records and attestations of a deployment, as seen by a pass.

// Chain returns the release records. Its error is Unknown: records that cannot be read or were tampered with are not
// used.
func Chain(p *probe.Pass) (*attest.Chain, error) {
	return probe.Once(context.Background(), p, chainKey{}, func(context.Context) (*attest.Chain, error) { return openChain(p) })
}

type chainKey struct{}

func openChain(p *probe.Pass) (*attest.Chain, error) {
	c, err := attest.OpenChain(p.Deployment.ReleasesDir(), p.Files)
	if err != nil {
		return nil, probe.Needs("permission to read "+p.Deployment.Rel(p.Deployment.ReleasesDir()), probe.Unknown(probe.ReasonOf(err), err))
	}
	c.Compare(p.Time)
	if err := Verify(c, p.Trust, p.Deployment); err != nil {
		return nil, err
	}
	if err := c.Err(); err != nil {
		return nil, probe.Needs("repairing the release records (`git log` shows who changed them)", probe.Unknown(probe.ReasonInvalid, err))
	}
	for _, r := range c.Records {
		if r.At.After(p.Time.Add(attest.Skew)) {
			return nil, probe.Needs("a correct clock", probe.Unknownf(probe.ReasonInvalid, "release record %d is dated in the future (%s): check the"+
				" clocks", r.Number, r.At.UTC().Format(time.RFC3339)))
		}
	}
	return c, nil
}

// Verify checks the signature of the newest release record, where the deployment's records are signed.
func Verify(c *attest.Chain, trust probe.Trust, d *deployment.Deployment) error {
	if !trust.SignedReleases && !c.Signed() {
		return nil
	}
	signers, err := allowedSigners(trust, d)
	if err == nil {
		c.Verify(signers, trust.SignedReleases)
	}
	return err
}

// Planned reports whether a release is planned: then running state may differ from declared state, since the deployment
// itself will fix that.
func Planned(p *probe.Pass) bool {
	c, err := Chain(p)
	return err == nil && c.Planned() != nil
}

// Current returns the release that verdicts are about: the planned one, else the recorded one; nil without any.
func Current(c *attest.Chain) *attest.Release {
	if r := c.Planned(); r != nil {
		return r
	}
	return c.Recorded()
}

// Claims returns the attestations and the allowed signers (nil: not configured).
func Claims(p *probe.Pass) ([]*attest.Attestation, *attest.Signers, error) {
	all, err := attest.Load(p.Deployment.AttestationsDir())
	if err != nil {
		return nil, nil, probe.Needs("permission to read "+p.Deployment.Rel(p.Deployment.AttestationsDir()), probe.Unknown(probe.ReasonOf(err), err))
	}
	signers, err := allowedSigners(p.Trust, p.Deployment)
	if err != nil {
		return nil, nil, err
	}
	return all, signers, nil
}

// allowedSigners returns the allowed signers; nil: not configured. Invalid lines are ignored here; config check reports them.
func allowedSigners(trust probe.Trust, d *deployment.Deployment) (*attest.Signers, error) {
	if trust.AllowedSigners == "" {
		return nil, nil
	}
	signers, err := attest.LoadSigners(d.Abs(trust.AllowedSigners), time.UTC)
	if signers == nil {
		return nil, probe.Needs("attestations.allowed_signers", probe.Unknown(probe.ReasonOf(err), err))
	}
	return signers, nil
}

// ResultOf converts a judgement to a result.
func ResultOf(v attest.Voucher) probe.Result {
	r := probe.Result{Reason: probe.Reason(v.Reason), Detail: v.Detail}
	switch v.Level {
	case attest.Holds:
		r.State = probe.StatePass
	case attest.Weak:
		r.State = probe.StateWarn
	case attest.Unknown:
		r.State = probe.StateUnknown
	default:
		r.State = probe.StateFail
	}
	if v.Role != "" {
		r.Detail = v.Role + ": " + r.Detail
	}
	if v.Claim != nil && !v.Expires.IsZero() {
		role := v.Role
		if role == "" {
			role = "any"
		}
		r.Samples = append(r.Samples, probe.AttestationExpiry.Of(float64(v.Expires.Unix()), role))
	}
	return r
}

// Frozen converts a recorded verdict to a result.
func Frozen(v attest.Verdict) probe.Result {
	var s probe.State
	if err := s.UnmarshalText([]byte(v.State)); err != nil {
		return probe.NotChecked(probe.Unknownf(probe.ReasonInvalid, "the release record has an invalid verdict"))
	}
	if s == probe.StatePending || s == probe.StateSkip && probe.Reason(v.Reason) == probe.ReasonNoRelease {
		return probe.NotChecked(probe.Unknownf(probe.ReasonMissing, "was not judged when the release was recorded: %s (%s) then", s, v.Reason))
	}
	r := probe.Result{State: s, Reason: probe.Reason(v.Reason), Detail: v.Detail}
	return probe.ValidateResult(r)
}
