package attest

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"github.com/thenexusengine/catalyst_exporter/attest/plain"
	"github.com/thenexusengine/catalyst_exporter/schema"
)

// The content and format of a claim. An incomplete claim (without name, date or end) is invalid.

const (
	maxClaim = 64 << 10 // bytes of a claim's file
	maxNote  = 4 << 10  // bytes of a note
	maxText  = 1 << 10  // bytes of every other text
)

// Claim is a statement that a person attests.
type Claim struct {
	Item       string          `yaml:"item" required:"true" doc:"category/item of the checklist, or only the item" example:"backup/restore_tested"`
	By         string          `yaml:"by" required:"true" doc:"the attesting person: a principal in allowed_signers" example:"someone@example.com"`
	Role       string          `yaml:"role" doc:"role of the person" example:"devops_lead"`
	At         time.Time       `yaml:"at" required:"true" doc:"time of the attestation, with a zone" example:"2026-01-31T12:00:00Z"`
	ValidFor   schema.Duration `yaml:"valid_for" doc:"how long it is valid after at; alternative to until" example:"90d"`
	Until      Deadline        `yaml:"until" doc:"last valid day, or the time at which it expires; alternative to valid_for" example:"2026-12-31"`
	Deployment string          `yaml:"deployment" doc:"the deployment it applies to; when not set, the one whose folder contains it"`
	Release    ReleaseID       `yaml:"release" doc:"the release it applies to"`
	Plan       PlanID          `yaml:"plan" doc:"the plan of the release that it was made for"`
	Subject    Subject         `yaml:"subject" doc:"the document or file it applies to"`
	Basis      Basis           `yaml:"basis" doc:"the critical standing items that passed when it was signed"`
	Drill      Drill           `yaml:"drill" doc:"what a drill showed"`
	Waives     Waives          `yaml:"waives" doc:"what a waiver of the item accepts; the claim then attests nothing"`
	Approves   string          `yaml:"approves" doc:"digest of the file of the waiver that this claim approves; it then attests nothing"`
	Evidence   string          `yaml:"evidence" doc:"link to the evidence"`
	Note       string          `yaml:"note" doc:"free text"`
}

// IsFor reports whether the claim names an item, as category/item or the item alone.
func (c Claim) IsFor(item string) bool { return sameItem(c.Item, item) }

// ReleaseID identifies a release; a sign-off applies to that release only.
type ReleaseID struct {
	Version string `yaml:"version" doc:"version of the release" example:"1.4.0"`
	Commit  string `yaml:"commit" doc:"commit of the build"`
}

// IsZero reports whether no release is set.
func (r ReleaseID) IsZero() bool { return r == ReleaseID{} }

// shortestCommit is the minimum length of an abbreviated commit, as in git.
const shortestCommit = 7

// Same reports whether both identify one release: the same version and the same commit, which may be abbreviated on
// either side. A part that only one of them has is a difference.
// them says is a difference.
func (r ReleaseID) Same(o ReleaseID) bool {
	a, b := strings.ToLower(r.Commit), strings.ToLower(o.Commit)
	if len(a) > len(b) {
		a, b = b, a
	}
	return r.Version == o.Version && (a == b || len(a) >= shortestCommit && strings.HasPrefix(b, a))
}

// String returns "1.4.0 (0a1b2c3)".
func (r ReleaseID) String() string {
	commit := r.Commit[:min(len(r.Commit), shortestCommit)]
	switch {
	case r.IsZero():
		return "none"
	case commit == "":
		return r.Version
	case r.Version == "":
		return commit
	}
	return r.Version + " (" + commit + ")"
}

// Subject is a file at the time of the attestation.
type Subject struct {
	Path   string `yaml:"path" doc:"path below the deployment's folder"`
	SHA256 string `yaml:"sha256" doc:"digest of the whole file, in hexadecimal"`

	// Of a file that was checked when the claim was made, so that the claim holds after the file was deleted.
	Size     int64     `yaml:"size" min:"0" doc:"size of the file in bytes"`
	Finished time.Time `yaml:"finished" doc:"time at which the file was finished"`
}

// Known reports whether the file was checked when the claim was made.
func (s Subject) Known() bool { return s.SHA256 != "" && s.Size > 0 && !s.Finished.IsZero() }

// Values of Drill.Live.
const (
	LiveCompared    = "compared"
	LiveNotCompared = "not_compared"
)

// Values of Drill.Alert.
const (
	AlertSent      = "sent"
	AlertDelivered = "delivered"
)

// Drill is what a drill showed: of a restore, or of an alert.
type Drill struct {
	Alert string `yaml:"alert" enum:"sent,delivered" doc:"sent: a receiver accepted requests; delivered: a person confirmed the code of the alert"`
	Code  string `yaml:"code" doc:"digest of the code of the alert"`
	Live  string `yaml:"live" enum:"compared,not_compared" doc:"whether the restored database was compared with the live one"`
}

// Waives is what a requested waiver accepts.
type Waives struct {
	Reason    string   `yaml:"reason" required:"true" doc:"why it is accepted"`
	Covers    string   `yaml:"covers" doc:"the only reason of a verdict that is accepted; any when not set"`
	Offenders []string `yaml:"offenders" doc:"identifiers of the single things that are accepted"`
}

// OfWaiver reports whether the claim requests or approves a waiver. It attests nothing then.
func (c *Claim) OfWaiver() bool {
	return c.Waives.Reason+c.Waives.Covers+c.Approves != "" || len(c.Waives.Offenders) > 0
}

// Basis is the sorted list of items that a sign-off depends on, with its digest for comparison.
type Basis struct {
	Items  []string `yaml:"items" doc:"items, sorted"`
	SHA256 string   `yaml:"sha256" doc:"digest of the items, each followed by a newline"`

	// For the signer, and to tell an item that was repaired later from one that was added.
	Waived []string `yaml:"waived" doc:"those of the items that were only waived"`
	Open   []string `yaml:"open" doc:"items that were neither passing nor waived"`
}

// PlanID identifies the record of a plan.
type PlanID struct {
	Record int    `yaml:"record" min:"0" doc:"number of the record"`
	SHA256 string `yaml:"sha256" doc:"digest of its file"`
}

// BasisOf creates the basis of items in any order.
func BasisOf(items []string) Basis {
	items = slices.Compact(slices.Sorted(slices.Values(items)))
	if len(items) == 0 {
		return Basis{}
	}
	return Basis{Items: items, SHA256: digest([]byte(strings.Join(items, "\n") + "\n"))}
}

// Expires returns when the claim expires; zero means with its release.
func (c *Claim) Expires() time.Time {
	if c.ValidFor > 0 {
		return c.At.Add(c.ValidFor.Std())
	}
	return c.Until.Time
}

// Marshal encodes the claim: the bytes that are signed.
func Marshal(c Claim) []byte {
	var p page
	p.text("item", c.Item)
	p.text("by", c.By)
	p.text("role", c.Role)
	p.time("at", c.At)
	if c.ValidFor != 0 {
		p.line("valid_for", c.ValidFor.String())
	}
	p.time("until", c.Until.Time)
	p.text("deployment", c.Deployment)
	p.in("release", c.Release.write)
	p.in("plan", func(p *page) {
		p.number("record", int64(c.Plan.Record))
		p.text("sha256", c.Plan.SHA256)
	})
	p.in("subject", func(p *page) {
		p.text("path", c.Subject.Path)
		p.text("sha256", c.Subject.SHA256)
		p.number("size", c.Subject.Size)
		p.time("finished", c.Subject.Finished)
	})
	p.in("drill", func(p *page) {
		p.text("alert", c.Drill.Alert)
		p.text("code", c.Drill.Code)
		p.text("live", c.Drill.Live)
	})
	p.in("basis", func(p *page) {
		p.text("sha256", c.Basis.SHA256)
		p.texts("items", c.Basis.Items)
		p.texts("waived", c.Basis.Waived)
		p.texts("open", c.Basis.Open)
	})
	p.in("waives", func(p *page) {
		p.text("reason", c.Waives.Reason)
		p.text("covers", c.Waives.Covers)
		p.texts("offenders", c.Waives.Offenders)
	})
	p.text("approves", c.Approves)
	p.text("evidence", c.Evidence)
	p.text("note", c.Note)
	return p.bytes()
}

func (r ReleaseID) write(p *page) {
	p.text("version", r.Version)
	p.text("commit", r.Commit)
}

// Parse parses a claim's file; name is for messages. All problems are returned at once with their lines
// (schema.Problems); the claim then contains the valid parts.
func Parse(name string, data []byte) (Claim, error) {
	var c Claim
	return c, decode(name, data, &c)
}

// decode decodes YAML strictly into v.
func decode(name string, data []byte, v any) error {
	root, err := schema.Parse(name, data)
	if err != nil {
		return err
	}
	return schema.Decode(name, root, v).Err()
}

// Validate checks the claim as a whole; schema.Decode calls it.
func (c *Claim) Validate() []error {
	var w findings
	w.item("item", c.Item)
	w.principal("by", c.By)
	w.word("role", c.Role)
	w.moment("at", c.At)
	w.require("valid_for", c.ValidFor >= 0, "must not be negative")
	switch end := c.Expires(); {
	case c.ValidFor != 0 && !c.Until.IsZero():
		w.require("until", false, "must not be set together with valid_for: remove one")
	case end.IsZero() && c.Release.IsZero():
		w.require("at", false, "a claim without a release requires an end: set valid_for or until")
	case !end.IsZero() && !end.After(c.At):
		w.require("until", false, "must be after at")
	}
	w.release(c.Release)
	if c.Subject != (Subject{}) {
		w.text("subject.path", c.Subject.Path)
		w.require("subject", c.Subject.Path != "", "path is missing")
		w.digest("subject.sha256", c.Subject.SHA256)
		w.require("subject.finished", !c.Subject.Finished.After(c.At.Add(Skew)), "must not be after the claim was made")
	}
	if c.Plan != (PlanID{}) {
		w.digest("plan.sha256", c.Plan.SHA256)
	}
	for _, item := range slices.Concat(c.Basis.Waived, c.Basis.Open) {
		w.item("basis", item)
	}
	for _, item := range c.Basis.Items {
		w.item("basis.items", item)
	}
	want := BasisOf(c.Basis.Items)
	w.require("basis.items", slices.Equal(want.Items, c.Basis.Items), "must be sorted without duplicates")
	w.require("basis.sha256", want.SHA256 == c.Basis.SHA256, "is not the digest of the items")
	if c.OfWaiver() {
		w.text("waives.reason", c.Waives.Reason)
		w.word("waives.covers", c.Waives.Covers)
		w.require("waives", c.Approves == "" || c.Waives.Reason == "", "must not be set together with approves")
		w.require("until", !c.Expires().IsZero() && c.Release.IsZero(), "a waiver requires an end and is of no release")
		if c.Approves != "" {
			w.digest("approves", c.Approves)
		}
	}
	w.text("deployment", c.Deployment)
	w.text("evidence", c.Evidence)
	w.require("note", len(c.Note) <= maxNote && plain.Printable(c.Note, true), "must be text of at most 4 KiB without control characters")
	return w.errs
}

// digest returns the SHA-256 of data in hexadecimal.
func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
