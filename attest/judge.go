package attest

// Decides whether a claim is valid, as a pure function of what was read and the given time.
//
// The first fault decides, in this order: the claim's form (invalid), the person (unsigned, untrusted), the subject
// (outdated, missing), the time (lapsed). A claim without these faults can still be weak, which is a warning: its basis
// changed (outdated), the owner of its key is unknown (untrusted), the key's validity has ended (expired), or it has no
// signature (unsigned).

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/thenexusengine/catalyst_exporter/attest/pattern"
)

// Level is the result for a claim.
type Level int

// The levels, worst last. The zero value is none of them, so that a missing verdict never passes.
const (
	Holds   Level = iota + 1
	Weak          // valid, with a warning
	Unknown       // could not be checked
	Fails
)

// Reason is one of the project's closed list; "" for a valid claim.
type Reason string

// The reasons of a judgement.
const (
	Lapsed           Reason = "lapsed"            // expired
	Expired          Reason = "expired"           // signed with a key whose validity has ended
	NotSigned        Reason = "unsigned"          // no signature
	Untrusted        Reason = "untrusted"         // not by an authorised person, or the owner of the key is unknown
	Outdated         Reason = "outdated"          // of another release, of a changed document, or its basis no longer passes
	Missing          Reason = "missing"           // no attestation exists
	Invalid          Reason = "invalid"           // incomplete or inconsistent
	Reused           Reason = "reused"            // one person in two roles
	PermissionDenied Reason = "permission_denied" // no permission to read
	Unreadable       Reason = "error"             // reading failed
)

// Judgement is the result for a claim. Detail is for display and ends with the remedy if the claim is not valid.
type Judgement struct {
	Level  Level
	Reason Reason
	Detail string
}

// Role defines who may act in a role.
type Role struct {
	Name       string   `yaml:"role" required:"true" doc:"name of the role" example:"devops_lead"`
	Principals []string `yaml:"principals" doc:"who may act in the role, as ssh_config(5) patterns; everybody in allowed_signers when not set"`
}

// Validate checks a role; schema.Decode calls it.
func (r *Role) Validate() []error {
	var w findings
	w.word("role", r.Name)
	if len(r.Principals) > 0 {
		err := pattern.Check(strings.Join(r.Principals, ","))
		if err != nil {
			w.require("principals", false, err.Error())
		}
	}
	return w.errs
}

// Policy holds an item's requirements for its claims.
type Policy struct {
	Item       string        // category/item; a claim may omit the category
	Roles      []Role        // each role needs an attestation; none: one attestation in any role
	Signed     bool          // a signature is required: always if allowed_signers is configured
	OfRelease  bool          // the claim must name the release of Facts
	OfSubject  bool          // the claim must carry the digest of Facts
	OfBasis    bool          // the claim must depend on items
	MaxAge     time.Duration // maximum validity, regardless of the claim; 0: as the claim states
	Deployment string        // a claim that names a deployment must name this one; "": not compared
}

// Facts are the current facts.
type Facts struct {
	Release ReleaseID              // the current release; zero: none
	Asked   time.Time              // when the release was planned, or recorded: a claim of before is not about it; zero: not compared
	Plans   func(PlanID) bool      // whether a plan is one of this release; nil: not compared
	Over    time.Time              // end of the window that the claim is about; zero: none
	Subject string                 // digest of the current document; "": it does not exist
	Holds   func(item string) bool // whether an item of a basis passes now; nil: none does
	Items   []string               // all items that a basis may name now; nil: not compared
}

// Skew is the maximum clock difference of two machines: a claim dated later than that is in the future.
const Skew = 5 * time.Minute

// Judge returns whether the claim c, whose signature was checked with the result seal, is valid under the policy p at
// the time now.
func Judge(c Claim, seal Seal, p Policy, f Facts, now time.Time) Judgement {
	for _, judge := range []func() Judgement{
		func() Judgement { return c.judgeForm(p, now) },
		func() Judgement { return c.judgePerson(seal, p) },
		func() Judgement { return c.judgeSubject(p, f) },
		func() Judgement { return c.judgeTime(p, now) },
		func() Judgement { return c.judgeBasis(p, f) },
		func() Judgement { return judgeSeal(seal, now) },
	} {
		if j := judge(); j.Level != 0 {
			return j
		}
	}
	detail := "attested by " + c.By
	if c.Role != "" {
		detail += " as " + c.Role
	}
	detail += " on " + c.At.UTC().Format(time.DateOnly)
	if end := c.end(p); !end.IsZero() {
		detail += ", until " + stamp(end)
	}
	return Judgement{Holds, "", detail}
}

func fails(r Reason, format string, args ...any) Judgement {
	return Judgement{Fails, r, fmt.Sprintf(format, args...)}
}

// judgeForm checks that the claim is for this item and contains what the policy requires.
func (c *Claim) judgeForm(p Policy, now time.Time) Judgement {
	switch {
	case !sameItem(c.Item, p.Item):
		return fails(Invalid, "claim is for %s, not for %s", c.Item, p.Item)
	case c.By == "" || c.At.IsZero():
		return fails(Invalid, "claim has no person or no time")
	case c.At.After(now.Add(Skew)):
		return fails(Invalid, "claim is dated in the future (%s, current time is %s): set the clock and attest again",
			stamp(c.At), stamp(now))
	case p.OfRelease && c.Release.IsZero():
		return fails(Invalid, "claim names no release: attest again")
	case p.OfSubject && c.Subject.SHA256 == "":
		return fails(Invalid, "claim has no digest of its document: attest again")
	case p.OfBasis && len(c.Basis.Items) == 0:
		return fails(Invalid, "claim has no list of items: attest again")
	case c.end(p).IsZero() && !p.OfRelease: // a release that is not compared never ends
		return fails(Invalid, "claim has no end: attest again with a validity period")
	}
	return Judgement{}
}

// judgePerson checks that an authorised person made the claim.
func (c *Claim) judgePerson(seal Seal, p Policy) Judgement {
	switch {
	case seal.Trust == Refused:
		return fails(Untrusted, "claim by %s is not trusted: %s", c.By, seal.Detail)
	case seal.Trust == Unsigned && p.Signed:
		return fails(NotSigned, "claim by %s is not signed, but allowed_signers requires it: attest again with --sign-with",
			c.By)
	case seal.Trust == Unchecked && p.Signed:
		return fails(Untrusted,
			"claim by %s is signed with %s, but the owner of that key is unknown: configure allowed_signers", c.By, seal.Key)
	case p.Deployment != "" && c.Deployment != "" && c.Deployment != p.Deployment:
		return fails(Untrusted, "claim by %s is for deployment %s, not for %s", c.By, c.Deployment, p.Deployment)
	case len(p.Roles) == 0:
		return Judgement{}
	}
	for _, r := range p.Roles {
		if r.Name != c.Role {
			continue
		}
		if len(r.Principals) == 0 || pattern.Match(strings.Join(r.Principals, ","), c.By) {
			return Judgement{}
		}
		return fails(Untrusted, "%s is not authorised for role %s: ask one of %s", c.By, r.Name, strings.Join(r.Principals,
			", "))
	}
	if c.Role == "" {
		return fails(Untrusted, "attestation by %s has no role: attest again with --role", c.By)
	}
	return fails(Untrusted, "%s attested as %s, which is not a required role", c.By, c.Role)
}

// judgeSubject checks that the claim applies to the current release and document.
func (c *Claim) judgeSubject(p Policy, f Facts) Judgement {
	switch {
	case p.OfRelease && !c.Release.Same(f.Release):
		return fails(Outdated, "claim by %s is for release %s, but the current release is %s: attest again", c.By,
			c.Release, f.Release)
	case p.OfRelease && c.Plan.Record > 0 && f.Plans != nil && !f.Plans(c.Plan):
		return fails(Outdated, "claim by %s is for plan %d, and %s was planned anew since: attest again", c.By, c.Plan.Record, f.Release)
	case p.OfRelease && c.At.Before(f.Asked):
		return fails(Outdated, "claim by %s is dated %s, before %s was planned or recorded (%s): attest again", c.By, stamp(c.At),
			f.Release, stamp(f.Asked))
	case c.At.Before(f.Over):
		return fails(Missing, "claim by %s is dated %s, before the end of the time that it is about (%s): attest again after it",
			c.By, stamp(c.At), stamp(f.Over))
	case p.OfSubject && f.Subject == "":
		return fails(Missing, "document of the claim by %s is missing: %s", c.By, c.Subject.Path)
	case p.OfSubject && c.Subject.SHA256 != f.Subject:
		return fails(Outdated, "%s has changed since %s attested it on %s: review it and attest again", c.Subject.Path,
			c.By, c.At.UTC().Format(time.DateOnly))
	}
	return Judgement{}
}

// judgeTime checks that the claim has not expired. It is no longer valid at the exact time of its end.
func (c *Claim) judgeTime(p Policy, now time.Time) Judgement {
	if end := c.end(p); !end.IsZero() && !now.Before(end) {
		return fails(Lapsed, "attestation by %s of %s expired at %s: check again and attest", c.By,
			c.At.UTC().Format(time.DateOnly), stamp(end))
	}
	return Judgement{}
}

// judgeBasis checks that the items of the basis still pass.
func (c *Claim) judgeBasis(p Policy, f Facts) Judgement {
	if !p.OfBasis {
		return Judgement{}
	}
	broken := slices.DeleteFunc(slices.Clone(c.Basis.Items), func(item string) bool { return f.Holds != nil && f.Holds(item) })
	var parts []string
	if len(broken) > 0 {
		parts = append(parts, fmt.Sprintf("items that passed when %s signed no longer pass: %s; fix them or sign again", c.By, short(broken)))
	}
	if c.Plan.Record > 0 { // a claim without a plan does not say which items were open
		added := slices.DeleteFunc(slices.Clone(f.Items), func(item string) bool {
			return slices.Contains(c.Basis.Items, item) || slices.Contains(c.Basis.Open, item)
		})
		if len(added) > 0 {
			parts = append(parts, fmt.Sprintf("items were added since %s signed: %s; sign again", c.By, short(added)))
		}
	}
	if len(parts) == 0 {
		return Judgement{}
	}
	return Judgement{Weak, Outdated, strings.Join(parts, "; ")}
}

// short lists the first items.
func short(items []string) string {
	const most = 5
	names := strings.Join(items[:min(len(items), most)], ", ")
	if len(items) > most {
		names += fmt.Sprintf(" and %d more", len(items)-most)
	}
	return names
}

// judgeSeal rates a claim without a checked signature where none is required, and one by a key that is no longer valid.
func judgeSeal(seal Seal, now time.Time) Judgement {
	switch seal.Trust {
	case Unsigned:
		return Judgement{Weak, NotSigned,
			"not signed: anyone with write access could have made the claim; configure allowed_signers and attest with --sign-with"}
	case Unchecked:
		return Judgement{Weak, Untrusted,
			"signed with " + seal.Key + ", but the owner of that key is unknown: configure allowed_signers"}
	case Trusted:
		if until := seal.valid.until; !until.IsZero() && now.After(until) {
			return Judgement{Weak, Expired, fmt.Sprintf("signed with the key at %s, whose validity ended at %s: its owner can still date claims"+
				" back; attest again with a valid key", seal.valid.place, stamp(until))}
		}
		return Judgement{}
	}
	return fails(Untrusted, "signature was not checked")
}

// end returns when the claim expires under p; zero means with its release.
func (c *Claim) end(p Policy) time.Time {
	end := c.Expires()
	if p.MaxAge > 0 {
		if last := c.At.Add(p.MaxAge); end.IsZero() || last.Before(end) {
			end = last
		}
	}
	return end
}

// sameItem compares items; a claim may omit the category.
func sameItem(claim, item string) bool {
	if claim == item {
		return true
	}
	_, name, ok := strings.Cut(item, "/")
	return ok && claim == name
}
