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

// Rules of this file: which of many claims speaks for an item. In each role the best one does, the newest of equals: a claim that somebody drops into
// the folder can add to what is known, never take from it.

// Voucher is what is known of one role of an item.
type Voucher struct {
	Item    string // category/item of the policy
	Role    string // "" where the policy names none
	Claim   *Claim // the claim that decides; nil where nobody has vouched
	Key     string // fingerprint of the key that signed it
	Expires time.Time
	Judgement
}

// JudgeItem judges all claims on the policy's item, one voucher per role in the policy's order. Signers are as for Check; where there are some, a
// signature is required.
func JudgeItem(claims []*Attestation, signers *Signers, p Policy, f Facts, now time.Time) []Voucher {
	p.Signed = p.Signed || signers != nil
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

// nobody is the judgement where no claim speaks in the role. One in a role that nobody asked for may have been meant for it.
func nobody(claims []*Attestation, p Policy, role string) Judgement {
	name := p.Item[strings.IndexByte(p.Item, '/')+1:]
	if role == "" {
		return fails(Missing, "nobody has vouched for it: run catalyst_exporter attest %s", name)
	}
	j := fails(Missing, "nobody has vouched for it as %s: run catalyst_exporter attest %s --role=%s", role, name, role)
	for _, a := range claims {
		if sameItem(a.Claim.Item, p.Item) && a.Err == nil && !slices.ContainsFunc(p.Roles, func(r Role) bool { return r.Name == a.Claim.Role }) {
			as := "as " + a.Claim.Role
			if a.Claim.Role == "" {
				as = "in no role"
			}
			j.Detail += fmt.Sprintf(" (%s vouched %s)", a.Claim.By, as)
			break
		}
	}
	return j
}

// amongUnread takes into account the files that could not be read as claims at all: the missing one may be among them. Where the system kept us from
// reading, nothing is known; where the text is wrong, that is told.
func amongUnread(claims []*Attestation, j Judgement) Judgement {
	for _, a := range claims {
		if a.Err != nil && a.Claim.Item == "" && unread(a.Err) {
			return unreadable(a)
		}
	}
	for _, a := range claims {
		if a.Err != nil && a.Claim.Item == "" && j.Reason == Missing {
			j.Detail += fmt.Sprintf(" (a file of the folder is no claim: %s)", firstLine(a.Err))
			break
		}
	}
	return j
}

// unread reports whether the system kept us from reading, as against a text that is wrong.
func unread(err error) bool {
	var path *fs.PathError
	return errors.As(err, &path) && !errors.Is(err, files.ErrTooLarge) && !errors.Is(err, files.ErrNotRegular)
}

func unreadable(a *Attestation) Judgement {
	reason := Unreadable
	if errors.Is(a.Err, fs.ErrPermission) {
		reason = PermissionDenied
	}
	return Judgement{Unknown, reason, fmt.Sprintf("a claim could not be read: %s: let the exporter read %s", firstLine(a.Err), a.Name)}
}

func firstLine(err error) string {
	line, rest, _ := strings.Cut(err.Error(), "\n")
	if rest != "" {
		line += " (and more)"
	}
	return line
}

// TwoRoles finds vouchers of one person in two roles, by name or by key, and says so by the index of each. The vouchers may be of several items; those
// that do not hold are left out. What one item asks of several roles, or several sign-offs of one role each, is meant to be several people.
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
			out[i] = fmt.Sprintf("%s vouches as %s and as %s: ask a second person", v.Claim.By, v.Role, strings.Join(others, " and "))
		}
	}
	return out
}

func (v *Voucher) stands() bool { return v.Claim != nil && (v.Level == Holds || v.Level == Weak) }

func samePerson(v, w Voucher) bool {
	return strings.EqualFold(v.Claim.By, w.Claim.By) || v.Key != "" && v.Key == w.Key
}
