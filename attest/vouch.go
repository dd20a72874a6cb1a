package attest

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/thenexusengine/catalyst_exporter/files"
)

// Selects the claim that decides an item. In each role the best claim decides, the newest of equals: a file added to
// the folder can improve the result, never worsen it.

// Voucher is the result for one role of an item.
type Voucher struct {
	Item    string // category/item of the policy
	Role    string // "" when the policy names none
	Claim   *Claim // the deciding claim; nil when there is none
	Key     string // fingerprint of the key that signed it
	Expires time.Time
	Judgement
}

// JudgeItem judges all claims on the policy's item, with one voucher per role in the policy's order. signers are as for
// Check; if they are set, a signature is required.
func JudgeItem(claims []*Attestation, signers *Signers, p Policy, f Facts, now time.Time) []Voucher {
	p.Signed = p.Signed || signers != nil
	claims = slices.DeleteFunc(slices.Clone(claims), func(a *Attestation) bool { return a.Claim.OfWaiver() })
	roles := p.Roles
	if len(roles) == 0 {
		roles = []Role{{}}
	}
	vouchers := make([]Voucher, len(roles))
	for i, r := range roles {
		vouchers[i] = judgeRole(claims, signers, p, r.Name, f, now)
	}
	for i, detail := range TwoRoles(vouchers) {
		if vouchers[i].Level == Holds {
			vouchers[i].Judgement = Judgement{Weak, Reused, detail}
		}
	}
	return vouchers
}

func judgeRole(claims []*Attestation, signers *Signers, p Policy, role string, f Facts, now time.Time) Voucher {
	best := Voucher{Item: p.Item, Role: role}
	for _, a := range claims {
		if !sameItem(a.Claim.Item, p.Item) || len(p.Roles) > 0 && a.Claim.Role != role {
			continue
		}
		v := a.judge(signers, p, f, now)
		v.Item, v.Role = p.Item, role
		if best.Level == 0 || v.Level < best.Level || v.Level == best.Level && !v.Claim.At.Before(best.Claim.At) {
			best = v
		}
	}
	if best.Level == 0 {
		best.Judgement = nobody(claims, p, role)
	}
	if best.Level == Fails {
		best.Judgement = amongUnread(claims, best.Judgement)
	}
	return best
}

func (a *Attestation) judge(signers *Signers, p Policy, f Facts, now time.Time) Voucher {
	v := Voucher{Claim: &a.Claim, Expires: a.Claim.end(p)}
	switch {
	case a.Err == nil:
		seal := a.Seal(signers)
		v.Key, v.Judgement = seal.Key, Judge(a.Claim, seal, p, f, now)
	case unread(a.Err):
		v.Judgement = unreadable(a)
	default:
		v.Judgement = fails(Invalid, "%s", firstLine(a.Err))
	}
	return v
}

// nobody returns the judgement for a role without a claim. A claim in a role that is not required may have been
// intended for it.
func nobody(claims []*Attestation, p Policy, role string) Judgement {
	name := p.Item[strings.IndexByte(p.Item, '/')+1:]
	if role == "" {
		return fails(Missing, "attestation is missing: run catalyst_exporter attest %s", name)
	}
	j := fails(Missing, "attestation as %s is missing: run catalyst_exporter attest %s --role=%s", role, name, role)
	for _, a := range claims {
		if sameItem(a.Claim.Item, p.Item) && a.Err == nil && !slices.ContainsFunc(p.Roles, func(r Role) bool { return r.Name == a.Claim.Role }) {
			as := "as " + a.Claim.Role
			if a.Claim.Role == "" {
				as = "without a role"
			}
			j.Detail += fmt.Sprintf(" (%s attested %s)", a.Claim.By, as)
			break
		}
	}
	return j
}

// amongUnread considers unreadable files: one of them may be the missing claim. If the operating system denied reading,
// the result is unknown; invalid files are reported.
func amongUnread(claims []*Attestation, j Judgement) Judgement {
	for _, a := range claims {
		if a.Err != nil && a.Claim.Item == "" && unread(a.Err) {
			return unreadable(a)
		}
	}
	for _, a := range claims {
		if a.Err != nil && a.Claim.Item == "" && j.Reason == Missing {
			j.Detail += fmt.Sprintf(" (the folder contains an invalid claim: %s)", firstLine(a.Err))
			break
		}
	}
	return j
}

// unread reports whether the operating system prevented reading, rather than an invalid text.
func unread(err error) bool {
	var path *fs.PathError
	return errors.As(err, &path) && !errors.Is(err, files.ErrTooLarge) && !errors.Is(err, files.ErrNotRegular)
}

func unreadable(a *Attestation) Judgement {
	reason := Unreadable
	if errors.Is(a.Err, fs.ErrPermission) {
		reason = PermissionDenied
	}
	return Judgement{Unknown, reason, fmt.Sprintf("claim cannot be read: %s: allow the exporter to read %s",
		firstLine(a.Err), a.Name)}
}

func firstLine(err error) string {
	line, rest, _ := strings.Cut(err.Error(), "\n")
	if rest != "" {
		line += " (and more)"
	}
	return line
}

// TwoRoles finds vouchers of one person in two roles, by name or by key, and returns a message per index. The vouchers
// may be of several items; invalid ones are ignored. Several roles of one item, or several sign-offs with one role
// each, must be different people.
func TwoRoles(vouchers []Voucher) map[int]string {
	out := make(map[int]string)
	for i, v := range vouchers {
		var others []string
		for j, w := range vouchers {
			if i != j && v.stands() && w.stands() && v.Role != w.Role && samePerson(v, w) && !slices.Contains(others, w.Role) {
				others = append(others, w.Role)
			}
		}
		if len(others) > 0 {
			out[i] = fmt.Sprintf("%s attested as %s and as %s: ask a second person", v.Claim.By, v.Role, strings.Join(others,
				" and "))
		}
	}
	return out
}

func (v *Voucher) stands() bool { return v.Claim != nil && (v.Level == Holds || v.Level == Weak) }

func samePerson(v, w Voucher) bool {
	return strings.EqualFold(v.Claim.By, w.Claim.By) || v.Key != "" && v.Key == w.Key
}
