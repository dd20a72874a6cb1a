package attestcheck

import (
	"errors"
	"slices"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/attest"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/release"
)

// sign_off: has the role signed off the planned release, and are the items it signed for still ok?
//
// A sign-off is bound to the release and to the list of critical standing items that were ok when it was given. It is
// judged in the second stage, since it depends on the current state of those items.

func SignOffKind() probe.Kind {
	return probe.Kind{
		Name:       "sign_off",
		Question:   "Has the role signed off the planned release, and is every item it signed for still ok?",
		Example:    "{item: sign_off/devops_lead, role: devops_lead}",
		OwnItem:    true,
		Layer:      probe.LayerAttested,
		Reads:      "the attestations, their signatures, allowed_signers and the release records",
		Permission: "read permission",
		Values:     []*probe.Value{probe.AttestationExpiry},
		New:        func() any { return &signOff{} },
	}
}

type signOff struct {
	Item  string   `yaml:"item" required:"true" doc:"item that the attestation names, as category/item; in a checklist, by default the item of the probe"`
	Role  string   `yaml:"role" required:"true" doc:"role that must sign"`
	Other []string `yaml:"other" doc:"sign-off items of other roles, as category/item: one person in two roles is a warning"`
}

// Judge implements Derived.
func (s *signOff) Judge(v probe.Verdicts) probe.Result {
	p := v.Pass
	c, err := release.Chain(p)
	if err != nil {
		return probe.NotChecked(err)
	}
	r := release.Current(c)
	if r == nil {
		return probe.NotChecked(probe.SkipRelease())
	}
	claims, signers, err := release.Claims(p)
	if err != nil {
		return probe.NotChecked(err)
	}
	if c.Planned() == nil { // the verdict was frozen when the release was recorded
		if g, ok := c.Gate(r.Number, s.Item); ok {
			return release.Frozen(g)
		}
		if r.Unplanned {
			return probe.Failed(probe.ReasonMissing, "%s was recorded without a plan: nobody signed it off", r.Release)
		}
	}
	judge := func(item, role string) []attest.Voucher {
		return attest.JudgeItem(claims, signers, attest.Policy{Item: item, Roles: p.Trust.RolesNamed([]string{role}), Signed: signers != nil, OfRelease: true, OfBasis: true, Deployment: p.Deployment.Name},
			attest.Facts{
				Release: r.Release, Asked: r.Asked, Plans: func(plan attest.PlanID) bool { return planOf(c, r, plan) },
				Holds: func(id string) bool { return stillHolds(v, id) }, Items: standing(v, func(probe.Verdict) bool { return true }),
			}, p.Time)
	}
	own := judge(s.Item, s.Role)
	var f probe.ResultBuilder
	all := own
	var held []string // the signatures, shown in reports
	for _, voucher := range own {
		result := release.ResultOf(voucher)
		if result.State == probe.StatePass {
			held = append(held, result.Detail)
		}
		f.Add(result)
	}
	for _, other := range s.Other {
		all = append(all, judge(other, lastPart(other))...)
	}
	for i, detail := range attest.TwoRoles(all) {
		if i < len(own) {
			f.Warn(probe.ReasonReused, "%s", detail)
		}
	}
	result := f.Result("%s", strings.Join(held, "; "))
	if result.State == probe.StateWarn && len(held) > 0 {
		result.Detail += "; " + strings.Join(held, "; ")
	}
	return result
}

// Wants implements Claimed.
func (s *signOff) Wants(v probe.Verdicts) (Wants, error) {
	c, err := release.Chain(v.Pass)
	if err != nil {
		return Wants{}, err
	}
	if c.Planned() == nil {
		return Wants{}, errors.New("no release is planned: run deploy plan first")
	}
	plan := c.Planned()
	return Wants{
		Roles: []string{s.Role}, Release: plan.Release, Plan: attest.PlanID{Record: plan.Number, SHA256: c.Digest(plan.Number)},
		Basis:  standing(v, func(it probe.Verdict) bool { return it.State.OK() || it.Waived }),
		Waived: standing(v, func(it probe.Verdict) bool { return it.Waived && !it.State.OK() }),
		Open:   standing(v, func(it probe.Verdict) bool { return !it.Waived && !it.State.OK() }),
	}, nil
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
func stillHolds(v probe.Verdicts, id string) bool {
	return slices.ContainsFunc(v.Items, func(it probe.Verdict) bool { return it.Category+"/"+it.Item == id && (it.State.OK() || it.Waived) })
}

// standing lists the critical standing items that are as wanted: the basis of a sign-off are those that are ok or waived.
func standing(v probe.Verdicts, as func(probe.Verdict) bool) []string {
	var all []string
	for _, it := range v.Items {
		if it.Severity == "critical" && it.Scope == "standing" && as(it) {
			all = append(all, it.Category+"/"+it.Item)
		}
	}
	return all
}

// planOf reports whether a plan is one of the release: from its first one on, none of another release came in between.
func planOf(c *attest.Chain, r *attest.Release, plan attest.PlanID) bool {
	return plan.Record >= r.First && plan.Record <= r.Number && c.Digest(plan.Record) == plan.SHA256
}
