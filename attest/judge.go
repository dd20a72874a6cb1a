package attest

// Rules of this file: whether one claim holds, judged from what was read and the time given, nothing else.
//
// The first thing that is wrong decides, in this order: what the claim is (invalid), who made it (unsigned, untrusted), what it speaks of (outdated,
// missing), how long it holds (lapsed). Only a claim that stands all of these can be weak: its basis changed (outdated), nobody can say whose
// the signature is (untrusted), there is none (unsigned). Those are warnings.

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Level is how a claim stands.
type Level int

// The levels, worst last. The zero value is none of them, so that a forgotten judgement never holds.
const (
	Holds   Level = iota + 1
	Weak          // holds, with a warning
	Unknown       // could not look
	Fails
)

// Reason is a word of the project's closed list; "" for what holds.
type Reason string

// The reasons a judgement gives.
const (
	Lapsed           Reason = "lapsed"            // its time is over
	NotSigned        Reason = "unsigned"          // no signature
	Untrusted        Reason = "untrusted"         // not by somebody who may say so, or not to be told
	Outdated         Reason = "outdated"          // of another release, of a document that changed, on a basis that broke
	Missing          Reason = "missing"           // nobody has said so
	Invalid          Reason = "invalid"           // says too little, or something impossible
	Reused           Reason = "reused"            // one person in two roles
	PermissionDenied Reason = "permission_denied" // may not look
	Unreadable       Reason = "error"             // the look itself went wrong
)

// Judgement is what became of a claim. Detail is for people and ends, where it does not hold, with what to do.
type Judgement struct {
	Level  Level
	Reason Reason
	Detail string
}

// Role is who may speak in a role.
type Role struct {
	Name       string   `yaml:"role" required:"true" doc:"name of the role" example:"devops_lead"`
	Principals []string `yaml:"principals" doc:"who may speak in it, as patterns of ssh_config(5); none: everybody in allowed_signers"`
}

// Validate tells what is wrong with a role; schema.Decode calls it.
func (r *Role) Validate() []error {
	var w findings
	w.word("role", r.Name)
	if len(r.Principals) > 0 {
		err := checkPatterns(strings.Join(r.Principals, ","))
		if err != nil {
			w.require("principals", false, err.Error())
		}
	}
	return w.errs
}

// Policy is what an item asks of the claims that vouch for it.
type Policy struct {
	Item       string        // category/item; a claim may leave the category out
	Roles      []Role        // in each of them somebody must vouch; none: somebody, in whatever role
	Signed     bool          // a signature is required: wherever allowed_signers is configured
	OfRelease  bool          // the claim must name the release of Facts
	OfSubject  bool          // the claim must carry the digest of Facts
	OfBasis    bool          // the claim must rest on items
	MaxAge     time.Duration // a claim holds at most so long, whatever it says itself; 0: as it says
	Deployment string        // a claim that names a deployment must name this one; "": none is compared
}

// Facts are what is so today.
type Facts struct {
	Release ReleaseID              // the release in question; zero: there is none
	Subject string                 // digest of the document as it is; "": it is not there
	Holds   func(item string) bool // whether an item of a basis is ok now; nil: none is
}

// Skew is how far the clocks of two machines may be apart: a claim dated later than that is from the future.
const Skew = 5 * time.Minute

// Judge says whether the claim c, whose signature was found to be seal, holds under the policy p at the time now.
func Judge(c Claim, seal Seal, p Policy, f Facts, now time.Time) Judgement {
	for _, judge := range []func() Judgement{
		func() Judgement { return c.judgeForm(p, now) },
		func() Judgement { return c.judgePerson(seal, p) },
		func() Judgement { return c.judgeSubject(p, f) },
		func() Judgement { return c.judgeTime(p, now) },
		func() Judgement { return c.judgeBasis(p, f) },
		func() Judgement { return judgeSeal(seal) },
	} {
		if j := judge(); j.Level != 0 {
			return j
		}
	}
	detail := "vouched for by " + c.By
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

// judgeForm: is it a claim on this item at all, and does it say what the policy asks for?
func (c *Claim) judgeForm(p Policy, now time.Time) Judgement {
	switch {
	case !sameItem(c.Item, p.Item):
		return fails(Invalid, "the claim speaks of %s, not of %s", c.Item, p.Item)
	case c.By == "" || c.At.IsZero():
		return fails(Invalid, "the claim does not say who vouched and when")
	case c.At.After(now.Add(Skew)):
		return fails(Invalid, "the claim is from the future: it is dated %s, now is %s; set the clock and attest again", stamp(c.At), stamp(now))
	case p.OfRelease && c.Release.IsZero():
		return fails(Invalid, "the claim does not say of which release it is: attest again")
	case p.OfSubject && c.Subject.SHA256 == "":
		return fails(Invalid, "the claim does not carry the digest of the document it speaks of: attest again")
	case p.OfBasis && len(c.Basis.Items) == 0:
		return fails(Invalid, "the claim does not list the items it rests on: attest again")
	case c.end(p).IsZero() && !p.OfRelease: // the end of a release that is not compared would never come
		return fails(Invalid, "the claim has no end: attest again, saying how long it holds")
	}
	return Judgement{}
}

// judgePerson: did somebody say so who may?
func (c *Claim) judgePerson(seal Seal, p Policy) Judgement {
	switch {
	case seal.Trust == Refused:
		return fails(Untrusted, "the claim of %s is not to be trusted: %s", c.By, seal.Detail)
	case seal.Trust == Unsigned && p.Signed:
		return fails(NotSigned, "the claim of %s is not signed, and allowed_signers asks for it: attest again with --sign-with", c.By)
	case seal.Trust == Unchecked && p.Signed:
		return fails(Untrusted, "the claim of %s is signed with %s, but nothing says whose key that is: configure allowed_signers", c.By, seal.Key)
	case p.Deployment != "" && c.Deployment != "" && c.Deployment != p.Deployment:
		return fails(Untrusted, "the claim of %s was made for the deployment %s, not for %s", c.By, c.Deployment, p.Deployment)
	case len(p.Roles) == 0:
		return Judgement{}
	}
	for _, r := range p.Roles {
		if r.Name != c.Role {
			continue
		}
		if len(r.Principals) == 0 || matchList(strings.Join(r.Principals, ","), c.By) {
			return Judgement{}
		}
		return fails(Untrusted, "%s may not vouch as %s: ask one of %s", c.By, r.Name, strings.Join(r.Principals, ", "))
	}
	if c.Role == "" {
		return fails(Untrusted, "%s does not say in which role: attest again with --role", c.By)
	}
	return fails(Untrusted, "%s vouches as %s, a role that is not asked for", c.By, c.Role)
}

// judgeSubject: does it speak of what is there now?
func (c *Claim) judgeSubject(p Policy, f Facts) Judgement {
	switch {
	case p.OfRelease && !c.Release.Same(f.Release):
		return fails(Outdated, "the claim of %s is of release %s, the release in question is %s: attest again", c.By, c.Release, f.Release)
	case p.OfSubject && f.Subject == "":
		return fails(Missing, "what the claim of %s speaks of, %s, is not there", c.By, c.Subject.Path)
	case p.OfSubject && c.Subject.SHA256 != f.Subject:
		return fails(Outdated, "%s changed since %s vouched for it on %s: review it and attest again", c.Subject.Path, c.By, c.At.UTC().Format(time.DateOnly))
	}
	return Judgement{}
}

// judgeTime: does it still hold? At the moment of its end it no longer does.
func (c *Claim) judgeTime(p Policy, now time.Time) Judgement {
	if end := c.end(p); !end.IsZero() && !now.Before(end) {
		return fails(Lapsed, "what %s vouched for on %s held until %s: look again and attest", c.By, c.At.UTC().Format(time.DateOnly), stamp(end))
	}
	return Judgement{}
}

// judgeBasis: is what it rests on still so?
func (c *Claim) judgeBasis(p Policy, f Facts) Judgement {
	if !p.OfBasis {
		return Judgement{}
	}
	broken := slices.DeleteFunc(slices.Clone(c.Basis.Items), func(item string) bool { return f.Holds != nil && f.Holds(item) })
	if len(broken) == 0 {
		return Judgement{}
	}
	const most = 5
	names := strings.Join(broken[:min(len(broken), most)], ", ")
	if len(broken) > most {
		names += fmt.Sprintf(" and %d more", len(broken)-most)
	}
	return Judgement{Weak, Outdated, fmt.Sprintf("%s signed when all of it was ok, and no longer is: %s; mend it or sign again", c.By, names)}
}

// judgeSeal: what a claim without a checked signature is worth where none is required.
func judgeSeal(seal Seal) Judgement {
	switch seal.Trust {
	case Unsigned:
		return Judgement{Weak, NotSigned, "not signed: anybody who can write the file could have made the claim; configure allowed_signers and attest with --sign-with"}
	case Unchecked:
		return Judgement{Weak, Untrusted, "signed with " + seal.Key + ", but nothing says whose key that is: configure allowed_signers"}
	case Trusted:
		return Judgement{}
	}
	return fails(Untrusted, "the signature was not checked")
}

// end is when the claim stops to hold under p; zero is with its release.
func (c *Claim) end(p Policy) time.Time {
	end := c.Expires()
	if p.MaxAge > 0 {
		if last := c.At.Add(p.MaxAge); end.IsZero() || last.Before(end) {
			end = last
		}
	}
	return end
}

// sameItem: a claim may name the item without its category.
func sameItem(claim, item string) bool {
	if claim == item {
		return true
	}
	_, name, ok := strings.Cut(item, "/")
	return ok && claim == name
}
