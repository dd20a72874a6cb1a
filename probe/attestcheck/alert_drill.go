package attestcheck

import (
	"slices"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/attest"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// Claims of drill alert. One that somebody confirmed decides. Only where none is valid, one that was merely sent counts, so that
// a later drill that nobody confirmed does not outweigh a confirmed one.

// drilled judges the claims of alert drills.
func drilled(judge func([]*attest.Attestation) []attest.Voucher) func([]*attest.Attestation) []attest.Voucher {
	return func(claims []*attest.Attestation) []attest.Voucher {
		of := func(words ...string) []*attest.Attestation {
			return slices.DeleteFunc(slices.Clone(claims), func(a *attest.Attestation) bool {
				return a.Err == nil && !slices.Contains(words, a.Claim.Drill.Alert)
			})
		}
		confirmed := judge(of(attest.AlertDelivered))
		if slices.ContainsFunc(confirmed, func(v attest.Voucher) bool { return v.Level != attest.Holds && v.Level != attest.Weak }) {
			return judge(of(attest.AlertDelivered, attest.AlertSent))
		}
		return confirmed
	}
}

// judgeAlert adds what is special about the claim of an alert drill.
func judgeAlert(r probe.Result, v attest.Voucher, item string) probe.Result {
	name := item[strings.IndexByte(item, '/')+1:]
	switch {
	case r.State == probe.StateFail && r.Reason == probe.ReasonMissing:
		r.Detail = "no alert drill is attested: run catalyst_exporter drill alert --item=" + name
	case r.State.OK() && v.Claim != nil && v.Claim.Drill.Alert == attest.AlertSent:
		return probe.Warned(probe.ReasonWeak, "the alert of %s was sent, but nobody confirmed that it arrived. Run catalyst_exporter drill alert --item=%s --confirm=CODE"+
			" with the code of the alert", v.Claim.At.UTC().Format("2006-01-02"), name).With(r.Samples...)
	}
	return r
}
