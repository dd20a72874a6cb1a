// Package record makes what a release record holds: the verdicts of its gate, what was not judged, what was accepted, and
// the full id of its commit.
package record

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/attest"
	"github.com/thenexusengine/catalyst_exporter/checklist"
	"github.com/thenexusengine/catalyst_exporter/collector"
	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/gitrepo"
)

// Accept completes a record with the waivers in force, the sign-offs that are not required, and the overdue tasks of the
// release before.
func Accept(to *attest.Record, r *collector.Report) {
	for i := range r.Verdicts {
		v := &r.Verdicts[i]
		if w := v.Waiver; v.Waived && w != nil {
			to.Waivers = append(to.Waivers, attest.Waiver{Item: v.ID(), By: w.By, Reason: w.Reason, Expires: w.Expires})
		}
		if v.Reason == probe.ReasonOverdue {
			to.Overdue = append(to.Overdue, v.ID())
		}
		if v.Relaxed() {
			to.NotRequired = append(to.NotRequired, attest.Relaxed{Item: v.ID(), Reason: v.OptionalReason})
		}
	}
}

// Verdicts returns the verdicts to keep in the record: of the gate's items, and of items that freeze at the record.
// Without a plan, what should have been done before the deployment is missing.
func Verdicts(r *collector.Report, gate *checklist.Gate, unplanned bool) []attest.Verdict {
	var all []attest.Verdict
	for i := range r.Verdicts {
		v := &r.Verdicts[i]
		if !gate.Has(v.Item) && !v.Freeze.AtRecord {
			continue
		}
		state := attest.Verdict{Item: v.ID(), State: v.State.String(), Reason: attest.Reason(v.Reason), Detail: v.Detail}
		if unplanned && v.Freeze.AtRecord && v.State != probe.StateFail && v.Disabled == "" {
			state.State, state.Reason = probe.StateFail.String(), attest.Missing
			state.Detail = "the release was recorded without a plan: nothing was attested or verified for it before the deployment"
		}
		all = append(all, state)
	}
	return all
}

// NotJudged returns the items on which the record has no verdict: unknown, or still pending.
func NotJudged(gate []attest.Verdict) []string {
	var all []string
	for _, v := range gate {
		switch v.State {
		case probe.StateUnknown.String(), probe.StatePending.String():
			all = append(all, v.Item)
		case probe.StateSkip.String():
			if v.Reason == attest.Reason(probe.ReasonNoRelease) {
				all = append(all, v.Item)
			}
		}
	}
	return all
}

// fullLength is the number of digits of a full commit id.
const fullLength = 40

// IsFull reports whether a commit id is not abbreviated.
func IsFull(commit string) bool { return len(commit) >= fullLength }

// ErrCommit is the error of a commit that is not in the application's clone.
var ErrCommit = errors.New("unknown commit")

// FullCommit looks a commit up in the application's clone. Without one, or in a shallow one, the commit stays as it is.
func FullCommit(ctx context.Context, d *deployment.Deployment, commit string) (full string, resolved bool, err error) {
	if d.Source == "" {
		return commit, IsFull(commit), nil
	}
	source := &deployment.Deployment{Settings: d.Settings}
	source.Repository.Path = d.Abs(d.Source)
	git, err := source.View(nil).Git()
	if err != nil {
		return "", false, fmt.Errorf("%w: deployment.source: %w", ErrCommit, err)
	}
	g := gitrepo.Repository{Repository: git}
	out, _, err := g.Text(ctx, 1<<10, "", "rev-parse", "--verify", "--quiet", "--end-of-options", commit+"^{commit}")
	if full = strings.TrimSpace(out); err == nil && IsFull(full) {
		return full, true, nil
	}
	shallow, _, err := g.Text(ctx, 1<<10, "", "rev-parse", "--is-shallow-repository")
	switch {
	case err != nil:
		return "", false, fmt.Errorf("deployment.source: %w", err)
	case strings.TrimSpace(shallow) == "true":
		return commit, false, nil
	}
	return "", false, fmt.Errorf("%w %s: it is not in %s; fetch it, or correct --commit", ErrCommit, commit, d.Rel(d.Abs(d.Source)))
}
