package attest

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"github.com/thenexusengine/catalyst_exporter/schema"
)

// Rules of this file: what a claim says, and how it is written. A claim that says too little to be judged (no name, no date, no end) is not read.

const (
	maxClaim = 64 << 10 // bytes of a claim's file
	maxNote  = 4 << 10  // bytes of a note
	maxText  = 1 << 10  // bytes of every other text
)

// Claim is what a person vouches for.
type Claim struct {
	Item       string          `yaml:"item" required:"true" doc:"category/item of the checklist, or the item alone" example:"backup/restore_tested"`
	By         string          `yaml:"by" required:"true" doc:"who vouches: the principal in allowed_signers" example:"someone@example.com"`
	Role       string          `yaml:"role" doc:"role in which the person speaks" example:"devops_lead"`
	At         time.Time       `yaml:"at" required:"true" doc:"when, with a zone" example:"2026-01-31T12:00:00Z"`
	ValidFor   schema.Duration `yaml:"valid_for" doc:"how long after at it holds; or until" example:"90d"`
	Until      Deadline        `yaml:"until" doc:"last day on which it holds, or the moment it stops to; or valid_for" example:"2026-12-31"`
	Deployment string          `yaml:"deployment" doc:"the deployment it speaks of; none: the one whose folder it is in"`
	Release    ReleaseID       `yaml:"release" doc:"the release it speaks of"`
	Subject    Subject         `yaml:"subject" doc:"the document or file it speaks of"`
	Basis      Basis           `yaml:"basis" doc:"the critical standing items that were ok when it was signed"`
	Evidence   string          `yaml:"evidence" doc:"link to what was seen"`
	Note       string          `yaml:"note" doc:"free text"`
}

// ReleaseID names a release; a sign-off holds for the one it names.
type ReleaseID struct {
	Version string `yaml:"version" doc:"version of the release" example:"1.4.0"`
	Commit  string `yaml:"commit" doc:"commit it is built from"`
}

// IsZero reports whether no release is named.
func (r ReleaseID) IsZero() bool { return r == ReleaseID{} }

// shortestCommit is how far a commit may be abbreviated: as git does.
const shortestCommit = 7

// Same reports whether both name one release: the same version, and the same commit, which may be abbreviated on either side. What only one of
// them says is a difference.
func (r ReleaseID) Same(o ReleaseID) bool {
	a, b := strings.ToLower(r.Commit), strings.ToLower(o.Commit)
	if len(a) > len(b) {
		a, b = b, a
	}
	return r.Version == o.Version && (a == b || len(a) >= shortestCommit && strings.HasPrefix(b, a))
}

// String is "1.4.0 (0a1b2c3)".
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

// Subject is a file as it was when somebody spoke of it.
type Subject struct {
	Path   string `yaml:"path" doc:"path below the deployment's folder"`
	SHA256 string `yaml:"sha256" doc:"digest of the whole file, in hexadecimal"`
}

// Basis is the list of items a sign-off rests on, sorted, with its digest: what people compare, on a screen or on paper.
type Basis struct {
	Items  []string `yaml:"items" doc:"items, sorted"`
	SHA256 string   `yaml:"sha256" doc:"digest of the items, each ended by a newline"`
}

// BasisOf makes the basis of items in any order.
func BasisOf(items []string) Basis {
	items = slices.Compact(slices.Sorted(slices.Values(items)))
	if len(items) == 0 {
		return Basis{}
	}
	return Basis{items, digest([]byte(strings.Join(items, "\n") + "\n"))}
}

// Expires is when the claim stops to hold; zero is with its release.
func (c *Claim) Expires() time.Time {
	if c.ValidFor > 0 {
		return c.At.Add(c.ValidFor.Std())
	}
	return c.Until.Time
}

// Marshal writes the claim: the bytes a signature is made over.
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
	p.in("subject", func(p *page) {
		p.text("path", c.Subject.Path)
		p.text("sha256", c.Subject.SHA256)
	})
	p.in("basis", func(p *page) {
		p.text("sha256", c.Basis.SHA256)
		p.texts("items", c.Basis.Items)
	})
	p.text("evidence", c.Evidence)
	p.text("note", c.Note)
	return p.bytes()
}

func (r ReleaseID) write(p *page) {
	p.text("version", r.Version)
	p.text("commit", r.Commit)
}

// Parse reads a claim's file, name for messages. All that is wrong is told at once, with its line (schema.Problems); the claim then holds what could
// be read.
func Parse(name string, data []byte) (Claim, error) {
	var c Claim
	return c, decode(name, data, &c)
}

// decode reads YAML strictly into v.
func decode(name string, data []byte, v any) error {
	root, err := schema.Parse(name, data)
	if err != nil {
		return err
	}
	return schema.Decode(name, root, v).Err()
}

// Validate tells what is wrong with the claim as a whole; schema.Decode calls it.
func (c *Claim) Validate() []error {
	var w findings
	w.item("item", c.Item)
	w.principal("by", c.By)
	w.word("role", c.Role)
	w.moment("at", c.At)
	w.require("valid_for", c.ValidFor >= 0, "must not be negative")
	switch end := c.Expires(); {
	case c.ValidFor != 0 && !c.Until.IsZero():
		w.require("until", false, "is there beside valid_for: say one of them")
	case end.IsZero() && c.Release.IsZero():
		w.require("at", false, "a claim that is not of a release needs an end: say valid_for or until")
	case !end.IsZero() && !end.After(c.At):
		w.require("until", false, "is not after at")
	}
	w.release(c.Release)
	if c.Subject != (Subject{}) {
		w.text("subject.path", c.Subject.Path)
		w.require("subject", c.Subject.Path != "", "path is missing")
		w.digest("subject.sha256", c.Subject.SHA256)
	}
	for _, item := range c.Basis.Items {
		w.item("basis.items", item)
	}
	want := BasisOf(c.Basis.Items)
	w.require("basis.items", slices.Equal(want.Items, c.Basis.Items), "must be sorted, each once")
	w.require("basis.sha256", want.SHA256 == c.Basis.SHA256, "is not the digest of the items")
	w.text("deployment", c.Deployment)
	w.text("evidence", c.Evidence)
	w.require("note", len(c.Note) <= maxNote && plainText(c.Note, true), "must be text of at most 4 KiB without control characters")
	return w.errs
}

// digest is the SHA-256 of data in hexadecimal.
func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
