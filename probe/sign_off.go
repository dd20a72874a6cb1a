package probe

import (
	"errors"
	"slices"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/attest"
)

// sign_off: has the role signed off the planned release, and are the items it signed for still ok?
//
// A sign-off is bound to the release and to the list of critical standing items that were ok when it was given. It is
// judged in the second stage, since it depends on the current state of those items.

func signOffKind() Kind {
	return Kind{
		Name:     "sign_off",
		Question: "Has the role signed off the planned release, and is every item it signed for still ok?",
		Example:  "{item: sign_off/devops_lead, role: devops_lead}",
		Layer:    LayerAttested,
		Reads:    "the attestations, their signatures, allowed_signers and the release records; needs read access to them",
		Values:   []*Value{AttestationExpiry},
		New:      func() any { return &signOff{} },
	}
}

type signOff struct {
	Item  string   `yaml:"item" required:"true" doc:"item named in the attestation, as category/item"`
	Role  string   `yaml:"role" required:"true" doc:"role that must sign"`
	Other []string `yaml:"other" doc:"sign-off items of other roles, as category/item: one person in two roles is a warning"`
}

// Judge implements Derived.
func (s *signOff) Judge(v Verdicts) Result {
	p := v.Pass
	c, err := ReleaseChain(p)
	if err != nil {
		return unanswered(err)
	}
	r := current(c)
	if r == nil {
		return unanswered(SkipRelease())
	}
	claims, signers, err := releaseClaims(p)
	if err != nil {
		return unanswered(err)
	}
	if c.Planned() == nil { // the verdict was frozen when the release was recorded
		if g, ok := c.Gate(r.Number, s.Item); ok {
			return frozen(g)
		}
	}
	judge := func(item, role string) []attest.Voucher {
		return attest.JudgeItem(claims, signers, attest.Policy{Item: item, Roles: p.Trust.roles([]string{role}), Signed: signers != nil, OfRelease: true, OfBasis: true, Deployment: p.Deployment.Name},
			attest.Facts{Release: r.Release, Holds: func(id string) bool { return stillHolds(v, id) }}, p.Time)
	}
	own := judge(s.Item, s.Role)
	var f Findings
	all := own
	var held []string // the signatures, shown in reports
	for _, voucher := range own {
		result := vouched(voucher)
		if result.State == StatePass {
			held = append(held, result.Detail)
		}
		if result.State == StateFail && (result.Reason == ReasonOutdated && voucher.Claim != nil && voucher.Claim.Release.Same(r.Release)) {
			result.State = StateWarn // the drifted item raises the alert itself
		}
		f.Add(result)
	}
	for _, other := range s.Other {
		all = append(all, judge(other, lastPart(other))...)
	}
	for i, detail := range attest.TwoRoles(all) {
		if i < len(own) {
			f.Warn(ReasonReused, "%s", detail)
		}
	}
	result := f.Result("%s", strings.Join(held, "; "))
	if result.State == StateWarn && len(held) > 0 {
		result.Detail += "; " + strings.Join(held, "; ")
	}
	return result
}

// Wants implements Claimed.
func (s *signOff) Wants(v Verdicts) (Wants, error) {
	c, err := ReleaseChain(v.Pass)
	if err != nil {
		return Wants{}, err
	}
	if c.Planned() == nil {
		return Wants{}, errors.New("no release is planned: run deploy plan first")
	}
	return Wants{Roles: []string{s.Role}, Release: c.Planned().Release, Basis: basisOf(v)}, nil
}

// lastPart returns the item of category/item.
func lastPart(id string) string {
	for i := len(id) - 1; i >= 0; i-- {
		if id[i] == '/' {
			return id[i+1:]
		}
	}
	return id
}

// stillHolds reports whether an item is ok or waived now.
func stillHolds(v Verdicts, id string) bool {
	return slices.ContainsFunc(v.Items, func(it Verdict) bool { return it.Category+"/"+it.Item == id && (it.State.OK() || it.Waived) })
}

// Basis lists the critical standing items that are ok, which a sign-off is based on.
func basisOf(v Verdicts) []string {
	var all []string
	for _, it := range v.Items {
		if it.Severity == "critical" && it.Scope == "standing" && (it.State.OK() || it.Waived) {
			all = append(all, it.Category+"/"+it.Item)
		}
	}
	return all
}

// frozen converts a recorded verdict to a result.
func frozen(v attest.Verdict) Result {
	var s State
	if err := s.UnmarshalText([]byte(v.State)); err != nil {
		return unanswered(Unknownf(ReasonInvalid, "the release record has an invalid verdict"))
	}
	r := Result{State: s, Reason: Reason(v.Reason), Detail: v.Detail}
	return sound(r)
}
