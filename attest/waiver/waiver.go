// Package waiver judges waivers that people request and approve with signed claims.
//
// A request is a claim with `waives`. It is in force while a second person approves exactly this file: a claim with `approves`
// holds its digest. Both must be signed by keys that allowed_signers lists, because an unsigned name proves nothing: one person
// could write both. Two names with one key are one person.
package waiver

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/thenexusengine/catalyst_exporter/attest"
)

// Waiver is a requested waiver.
type Waiver struct {
	attest.Claim
	Digest     string // SHA-256 of the request's file, in hexadecimal: what an approval signs
	ApprovedBy string // "" for none
	Since      time.Time
	Expires    time.Time
	InForce    bool   // now
	Problem    string // why it cannot come into force as it is, and the remedy; "" for none
}

// Pending reports whether the waiver only lacks its approval.
func (w *Waiver) Pending(now time.Time) bool {
	return w.Problem == notApproved(w.Item) && now.Before(w.Expires)
}

func notApproved(item string) string {
	return "not approved: run catalyst_exporter waive " + item[strings.IndexByte(item, '/')+1:] + " --approve"
}

// Any reports whether any claim requests a waiver.
func Any(claims []*attest.Attestation) bool {
	return slices.ContainsFunc(claims, func(a *attest.Attestation) bool { return a.Claim.OfWaiver() })
}

// Judge returns the requested waivers of a deployment at a time, sorted so that of several for an item the last is in force or
// nearest to it. Invalid files are left out: they waive nothing. Signers are nil when not configured.
func Judge(claims []*attest.Attestation, signers *attest.Signers, deployment string, now time.Time) []Waiver {
	var all []Waiver
	for _, a := range claims {
		if a.Err != nil || a.Claim.Waives.Reason == "" {
			continue
		}
		w := Waiver{Claim: a.Claim, Digest: digest(a.Data), Since: a.Claim.At, Expires: a.Claim.Expires()}
		w.judge(a, claims, signers, deployment, now)
		w.InForce = w.Problem == "" && now.Before(w.Expires)
		all = append(all, w)
	}
	slices.SortStableFunc(all, func(a, b Waiver) int { return cmp.Or(order(a.InForce)-order(b.InForce), a.Expires.Compare(b.Expires)) })
	return all
}

func order(inForce bool) int {
	if inForce {
		return 1
	}
	return 0
}

// judge finds the approval of a request.
func (w *Waiver) judge(request *attest.Attestation, claims []*attest.Attestation, signers *attest.Signers, deployment string, now time.Time) {
	if signers == nil {
		w.Problem = "the signatures cannot be checked: set attestations.allowed_signers"
		return
	}
	requester, problem := sealed(request, signers, deployment, now)
	if problem != "" {
		w.Problem = problem
		return
	}
	w.Problem = notApproved(w.Item)
	for _, a := range claims {
		if a.Err != nil || a.Claim.Approves != w.Digest || a.Claim.Item != w.Item {
			continue
		}
		approver, problem := sealed(a, signers, deployment, now)
		switch {
		case problem != "":
			w.Problem = "approval is not valid: " + problem
		case strings.EqualFold(a.Claim.By, w.By):
			w.Problem = fmt.Sprintf("%s requested and approved it: ask a second person", w.By)
		case approver == requester:
			w.Problem = fmt.Sprintf("%s and %s signed with the same key: ask a second person", w.By, a.Claim.By)
		case a.Claim.At.Before(w.At.Add(-attest.Skew)):
			w.Problem = fmt.Sprintf("approval by %s is dated before the request: approve again", a.Claim.By)
		default:
			w.Problem, w.ApprovedBy, w.Since = "", a.Claim.By, a.Claim.At
			if end := a.Claim.Expires(); end.Before(w.Expires) {
				w.Expires = end
			}
			return
		}
	}
}

// sealed returns the key that signed a claim, or why the claim does not count. The end of the claim is left to the caller.
func sealed(a *attest.Attestation, signers *attest.Signers, deployment string, now time.Time) (key, problem string) {
	if end := a.Claim.Expires(); !now.Before(end) {
		now = end.Add(-time.Second)
	}
	seal := a.Seal(signers)
	j := attest.Judge(a.Claim, seal, attest.Policy{Item: a.Claim.Item, Signed: true, Deployment: deployment}, attest.Facts{}, now)
	if j.Level != attest.Holds {
		return "", j.Detail
	}
	return seal.Key, ""
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
