// Package statement writes the verdict on a gate as a signed statement that others can verify: an in-toto Statement v1 in a DSSE
// envelope with an ed25519 signature. docs/pipeline.md documents the predicate.
//
// A statement says what was judged, not more: unknown stays unknown, and a closed gate is a statement that it did not pass. It
// is about one full commit, and it ends.
package statement

import (
	"fmt"
	"time"

	"github.com/prometheus/common/version"

	"github.com/thenexusengine/catalyst_exporter/attest"
	"github.com/thenexusengine/catalyst_exporter/checklist"
	"github.com/thenexusengine/catalyst_exporter/collector"
	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// Types of the statement and its predicate.
const (
	Type          = "https://in-toto.io/Statement/v1"
	PredicateType = "https://github.com/thenexusengine/catalyst_exporter/gate/v1"
)

// Statement is an in-toto Statement v1.
type Statement struct {
	Type          string    `json:"_type"`
	Subject       []Subject `json:"subject"`
	PredicateType string    `json:"predicateType"`
	Predicate     Predicate `json:"predicate"`
}

// Subject is what a statement is about.
type Subject struct {
	Name   string            `json:"name"`
	Digest map[string]string `json:"digest"`
}

// Predicate is the verdict on a gate. The names are API.
type Predicate struct {
	Gate            string            `json:"gate"`
	Passed          bool              `json:"passed"`
	Optional        bool              `json:"optionalItemsCount"` // whether optional items decide too
	Deployment      string            `json:"deployment,omitempty"`
	Release         Release           `json:"release"`
	CheckedAt       time.Time         `json:"checkedAt"`
	Expires         time.Time         `json:"expires"`
	ExporterVersion string            `json:"exporterVersion"`
	Checklist       map[string]string `json:"checklistDigest"`
	Config          map[string]string `json:"configDigest"`
	Items           []Item            `json:"items"`
}

// Release is the release that the gate is about.
type Release struct {
	Version string `json:"version"`
	Commit  string `json:"commit"`
}

// Item is the verdict on an item of the gate.
type Item struct {
	Item     string      `json:"item"`
	Required bool        `json:"required"`
	Severity string      `json:"severity"`
	State    probe.State `json:"state"`
	Reason   string      `json:"reason,omitempty"`
	Controls []string    `json:"controls,omitempty"`
	Waiver   *Waiver     `json:"waiver,omitempty"` // only if it is in force and covers the verdict
}

// Waiver is a waiver in force.
type Waiver struct {
	By         string    `json:"by"`
	ApprovedBy string    `json:"approvedBy,omitempty"`
	Reason     string    `json:"reason"`
	Expires    time.Time `json:"expires"`
}

// Gate is what a statement is made from.
type Gate struct {
	Report     *collector.Report
	Gate       *checklist.Gate
	Passed     bool
	Optional   bool
	Deployment string
	Config     string // SHA-256 of the configuration file
	ValidFor   time.Duration
}

var fullCommit = lazyregexp.New(`^(?:[0-9a-f]{40}|[0-9a-f]{64})$`)

// IsFullCommit reports whether a text is a commit that is not abbreviated.
func IsFullCommit(text string) bool { return fullCommit.MatchString(text) }

// Of makes the statement. It is an error if the release has no full commit: whoever verifies could not tell what was checked.
func Of(g Gate) (Statement, error) {
	release := releaseOf(g.Report)
	if release == nil {
		return Statement{}, fmt.Errorf("no release is planned or recorded: run deploy plan --commit=FULL_COMMIT first")
	}
	commit := release.Release.Commit
	if !IsFullCommit(commit) {
		return Statement{}, fmt.Errorf("the release has the commit %q, which is not a full one: run deploy plan --commit=$(git rev-parse HEAD)", commit)
	}
	at := g.Report.Time.UTC().Truncate(time.Second)
	p := Predicate{
		Gate: g.Gate.Name, Passed: g.Passed, Optional: g.Optional, Deployment: g.Deployment, Release: Release{release.Release.Version, commit},
		CheckedAt: at, Expires: at.Add(g.ValidFor), ExporterVersion: version.Version,
		Checklist: map[string]string{"sha256": g.Report.Checklist.Digest}, Config: map[string]string{"sha256": g.Config}, Items: []Item{},
	}
	for i := range g.Report.Verdicts {
		v := &g.Report.Verdicts[i]
		if !g.Gate.Has(v.Item) {
			continue
		}
		it := Item{Item: v.ID(), Required: v.Required, Severity: v.Severity, State: v.State, Reason: string(v.Reason), Controls: v.Controls}
		if v.Waived {
			it.Waiver = &Waiver{v.Waiver.By, v.Waiver.ApprovedBy, v.Waiver.Reason, v.Waiver.Expires.UTC()}
			if !v.State.OK() && v.Waiver.Expires.Before(p.Expires) { // without the waiver, the gate would be closed
				p.Expires = v.Waiver.Expires.UTC()
			}
		}
		p.Items = append(p.Items, it)
	}
	subject := Subject{Name: "commit", Digest: map[string]string{"gitCommit": commit}}
	return Statement{Type: Type, Subject: []Subject{subject}, PredicateType: PredicateType, Predicate: p}, nil
}

// releaseOf returns the release that gates are about: the planned one, else the recorded one.
func releaseOf(r *collector.Report) *attest.Release {
	if r.Planned != nil {
		return r.Planned
	}
	return r.Recorded
}

// Wanted is what a verifier requires of a statement.
type Wanted struct{ Commit, Gate, Deployment string }

// Refuse returns why a verified statement does not say that the wanted commit passed the wanted gate now; nil if it does.
func (s *Statement) Refuse(w Wanted, now time.Time) error {
	p := &s.Predicate
	switch {
	case s.Type != Type || s.PredicateType != PredicateType:
		return fmt.Errorf("not a statement about a gate: _type %q, predicateType %q", s.Type, s.PredicateType)
	case len(s.Subject) != 1 || s.Subject[0].Digest["gitCommit"] != w.Commit || p.Release.Commit != w.Commit:
		return fmt.Errorf("the statement is about another commit than %s", w.Commit)
	case p.Gate != w.Gate:
		return fmt.Errorf("the statement is about gate %s, not %s", p.Gate, w.Gate)
	case p.Deployment != w.Deployment:
		return fmt.Errorf("the statement is about deployment %q, not %q", p.Deployment, w.Deployment)
	case p.CheckedAt.IsZero() || p.CheckedAt.After(now.Add(attest.Skew)):
		return fmt.Errorf("the statement is dated in the future (%s): check the clocks", p.CheckedAt.Format(time.RFC3339))
	case !now.Before(p.Expires):
		return fmt.Errorf("the statement expired at %s: check the gate again", p.Expires.Format(time.RFC3339))
	case !p.Passed:
		return fmt.Errorf("the gate was closed at %s: %s", p.CheckedAt.Format(time.RFC3339), p.closedBy())
	case len(p.Items) == 0:
		return fmt.Errorf("the statement has no items")
	}
	return nil
}

// closedBy names the items that closed the gate.
func (p *Predicate) closedBy() string {
	var text string
	for _, it := range p.Items {
		if it.Waiver != nil || it.State.OK() && it.State != probe.StatePending || !it.Required && !p.Optional {
			continue
		}
		if text != "" {
			text += ", "
		}
		text += it.Item + " " + it.State.String()
	}
	return text
}
