// Package attestcheck checks what people attest: signed claims, sign-offs and the review of an external firewall.
package attestcheck

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"time"

	"github.com/thenexusengine/catalyst_exporter/attest"
	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/deployment/find"
	"github.com/thenexusengine/catalyst_exporter/files"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/release"
	"github.com/thenexusengine/catalyst_exporter/schema"
)

// attestation: has an authorized person attested what cannot be checked automatically, and is the claim still valid?

func AttestationKind() probe.Kind {
	return probe.Kind{
		Name:       "attestation",
		Question:   "Has an authorized person attested it, and is the attestation still valid?",
		Example:    "{item: backup/disaster_recovery_plan, document: disaster_recovery_plan, max_age: 180d}",
		OwnItem:    true,
		Layer:      probe.LayerAttested,
		Reads:      "the attestations, their signatures, allowed_signers, the release records and the attested document",
		Permission: "read permission",
		Values:     []*probe.Value{probe.AttestationExpiry},
		Breakages:  func(spec any, view *deployment.View) []probe.Breakage { return spec.(*attestation).breakages(view) },
		Timeout:    time.Hour, // for the digest of a large backup
		New:        func() any { return &attestation{} },
	}
}

type attestation struct {
	Item       string           `yaml:"item" required:"true" doc:"item that the attestation names, as category/item; in a checklist, by default the item of the probe"`
	Roles      []string         `yaml:"roles" doc:"roles that must each attest; anybody when unset"`
	Document   string           `yaml:"document" enum:"disaster_recovery_plan,runbook,architecture_diagram,changelog" doc:"document whose current content the claim must refer to"`
	OfFile     bool             `yaml:"of_file" default:"false" doc:"the claim must carry the digest of the file it is about, such as a backup that was restored"`
	AlertDrill bool             `yaml:"alert_drill" default:"false" doc:"the claim must be of drill alert: one that somebody confirmed; one that was only sent is a warn"`
	MaxAge     *schema.Duration `yaml:"max_age" min:"1h" doc:"maximum validity of a claim, even if the claim itself states more"`
	Window     *schema.Duration `yaml:"window" min:"1m" doc:"time after the recording that the claim is about: it counts if it is made after its end"`
	After      *schema.Duration `yaml:"after" min:"0s" doc:"time after the recording of a release from which a claim that names this release is required; pending until then"`
}

func (s *attestation) Probe(ctx context.Context, p *probe.Pass) (probe.Result, error) {
	policy := attest.Policy{Item: s.Item, Roles: p.Trust.RolesNamed(s.Roles), Deployment: p.Deployment.Name}
	if s.MaxAge != nil {
		policy.MaxAge = s.MaxAge.Std()
	}
	facts := attest.Facts{}
	due := time.Time{}
	if s.After != nil {
		c, err := release.Chain(p)
		if err != nil {
			return probe.Result{}, err
		}
		r := c.Recorded()
		if r == nil {
			return probe.Result{}, probe.SkipRelease()
		}
		policy.OfRelease, facts.Release, due = true, r.Release, r.Since.Add(s.After.Std())
		facts.Asked = r.At
		if s.Window != nil {
			facts.Over = r.Since.Add(s.Window.Std())
		}
	}
	if s.Document != "" {
		policy.OfSubject = true
		var err error
		if facts.Subject, err = documentDigest(p, s.Document); err != nil {
			return probe.Unreadable("the document cannot be read", err)
		}
	}
	claims, signers, err := release.Claims(p)
	if err != nil {
		return probe.Result{}, err
	}
	policy.Signed = signers != nil
	var f probe.ResultBuilder
	var held []string // who attested, when and for how long
	judge := func(claims []*attest.Attestation) []attest.Voucher {
		return attest.JudgeItem(claims, signers, policy, facts, p.Time)
	}
	if s.AlertDrill {
		judge = drilled(judge)
	}
	for _, v := range judge(claims) {
		r := overdue(release.ResultOf(v), s.After != nil, p.Time, due)
		if s.OfFile && r.State.OK() && v.Claim != nil && v.Claim.Subject.SHA256 == "" {
			r = probe.Failed(probe.ReasonInvalid,
				"the claim does not name the file it is about. Attest again with --subject").With(r.Samples...)
		}
		if s.AlertDrill {
			r = judgeAlert(r, v, s.Item)
		}
		if r.State == probe.StatePass {
			held = append(held, r.Detail)
		}
		if s.OfFile && r.State.OK() && v.Claim != nil && v.Claim.Drill.Live == attest.LiveNotCompared {
			f.Warn(probe.ReasonWeak, "the drill of %s did not compare the restored database with the live one. Repeat it with access to the live database", v.Claim.By)
		}
		if s.OfFile && r.State.OK() && v.Claim != nil && v.Claim.Subject.SHA256 != "" && !v.Claim.Subject.Known() {
			known, err := isKnownFile(ctx, p, v.Claim.Subject)
			if err != nil {
				return probe.Result{}, err
			}
			if !known {
				f.Warn(probe.ReasonMismatch, "%s has attested a file with the digest %.12s…, but neither %s, the files next to it nor the release"+
					" records have it. Attest again with --subject", v.Claim.By, v.Claim.Subject.SHA256, v.Claim.Subject.Path)
			}
		}
		f.Add(r)
	}
	return f.Result("%s", strings.Join(held, "; ")), nil
}

// overdue makes a missing claim pending until it is due. A claim about an earlier release is no fault of this one.
func overdue(r probe.Result, timed bool, now, due time.Time) probe.Result {
	earlier := r.State == probe.StateFail && r.Reason == probe.ReasonOutdated
	if !timed || r.Reason != probe.ReasonMissing && !earlier {
		return r
	}
	if earlier && !now.Before(due) {
		return r
	}
	if now.Before(due) {
		return probe.Pending(probe.ReasonInProgress, "attestation is due by %s", due.UTC().Format(time.RFC3339)).With(r.Samples...)
	}
	return probe.Failed(probe.ReasonOverdue, "attestation due by %s is missing", due.UTC().Format(time.RFC3339)).With(r.Samples...)
}

// documentFact returns the fact that locates a document of the settings.
func documentFact(name string) string {
	switch name {
	case "disaster_recovery_plan":
		return find.FactRecovery
	case "architecture_diagram":
		return find.FactDiagrams
	case "changelog":
		return find.FactChangelog
	}
	return find.FactRunbook
}

// maxDigested bounds what is hashed, in bytes.
const maxDigested = 64 << 20

// documentDigest returns the SHA-256 of a document's current content; "" when it does not exist.
func documentDigest(p *probe.Pass, name string) (string, error) {
	path := p.View.Place(documentFact(name)).Path()
	if path == "" {
		return "", nil
	}
	digest, err := files.Load(p.Files, path, "sha256", maxDigested, func(data []byte, _ fs.FileInfo) (string, error) {
		sum := sha256.Sum256(data)
		return hex.EncodeToString(sum[:]), nil
	})
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return digest, err
}

// FileDigest returns the SHA-256 of a file of any size, for claims about it.
func FileDigest(path string) (string, error) {
	f, _, err := files.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// Wants is what a claim for an item must carry.
type Wants struct {
	Roles        []string
	Release      attest.ReleaseID
	Subject      attest.Subject
	NeedsSubject bool // a file that only the person who attests can name
	AlertDrill   bool // only drill alert makes it
	Plan         attest.PlanID
	Basis        []string // items that were ok or waived
	Waived, Open []string // of these the waived ones, and items that were neither
}

// Claimed is implemented by probes that people attest.
type Claimed interface {
	// Wants returns what a claim made now must carry.
	Wants(v probe.Verdicts) (Wants, error)
}

// Wants implements Claimed.
func (s *attestation) Wants(v probe.Verdicts) (Wants, error) {
	p := v.Pass
	w := Wants{Roles: s.Roles, NeedsSubject: s.OfFile, AlertDrill: s.AlertDrill}
	if s.After != nil {
		c, err := release.Chain(p)
		if err != nil {
			return w, err
		}
		if c.Recorded() == nil {
			return w, errors.New("no release is recorded yet: run deploy record first")
		}
		w.Release = c.Recorded().Release
	}
	if s.Document == "" {
		return w, nil
	}
	path := p.View.Place(documentFact(s.Document)).Path()
	if path == "" {
		return w, fmt.Errorf("the document that the claim refers to was not found: %s", s.Document)
	}
	digest, err := FileDigest(path)
	w.Subject = attest.Subject{Path: p.Deployment.Rel(path), SHA256: digest}
	return w, err
}
