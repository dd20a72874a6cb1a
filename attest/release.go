package attest

import (
	"slices"
	"time"

	"github.com/thenexusengine/catalyst_exporter/attest/plain"
	"github.com/thenexusengine/catalyst_exporter/schema"
)

// The content and format of one release record: a YAML file that is never rewritten.

// Phase is what a record states.
type Phase string

// The phases.
const (
	PhasePlanned    Phase = "planned"     // a release is planned; it replaces an earlier plan
	PhaseCancelled  Phase = "cancelled"   // the plan is cancelled
	PhaseRecorded   Phase = "recorded"    // a release is in force, with the verdicts of its gate
	PhaseRolledBack Phase = "rolled_back" // the previous release is in force again
	PhaseFrozen     Phase = "frozen"      // verdicts on a past moment of a release
)

const maxRecord = 1 << 20 // bytes: ten times the size of 75 verdicts with the longest details

// Record is one entry of a chain. Append sets Number, Previous, Of and Reinstates, and Release for every phase except
// planned and recorded.
type Record struct {
	Number       int       `yaml:"number" required:"true" min:"1" doc:"position in the chain, from 1"`
	Phase        Phase     `yaml:"phase" required:"true" enum:"planned,cancelled,recorded,rolled_back,frozen" doc:"what happened"`
	Previous     string    `yaml:"previous" doc:"SHA-256 of the previous record's file; none for the first"`
	At           time.Time `yaml:"at" required:"true" doc:"when"`
	By           string    `yaml:"by" doc:"who"`
	Release      ReleaseID `yaml:"release" required:"true" doc:"the release that is planned, recorded, affected, or in force again"`
	Of           int       `yaml:"of" doc:"number of the affected record: the plan that is recorded or cancelled, the release that is rolled back or frozen"`
	Reinstates   int       `yaml:"reinstates" doc:"rolled_back: number of the recorded release in force again"`
	Images       []string  `yaml:"images" doc:"running images"`
	Issues       []string  `yaml:"issues" doc:"known issues"`
	Note         string    `yaml:"note" doc:"free text"`
	Unresolved   bool      `yaml:"unresolved" doc:"planned: the commit was not looked up, because the application's clone is not configured"`
	Unplanned    bool      `yaml:"unplanned" doc:"recorded: there was no plan"`
	Waivers      []Waiver  `yaml:"waivers" doc:"recorded: the waivers in force"`
	NotRequired  []Relaxed `yaml:"not_required" doc:"recorded: sign-offs that the gate did not require"`
	Overdue      []string  `yaml:"overdue" doc:"recorded: overdue tasks of the release before"`
	Checklist    string    `yaml:"checklist" doc:"SHA-256 of the checklist"`
	Backup       Backup    `yaml:"backup" doc:"recorded: the backup made before the deployment"`
	Gate         []Verdict `yaml:"gate" doc:"recorded: the gate's verdict on each item"`
	Frozen       []Verdict `yaml:"frozen" doc:"final verdicts, which are not judged again"`
	Acknowledged []string  `yaml:"acknowledged" doc:"faults of the chain that this record acknowledges"`
}

// Backup is the backup that a rollback would restore.
type Backup struct {
	Path     string    `yaml:"path" doc:"file, object or path in a container"`
	SHA256   string    `yaml:"sha256" doc:"digest of the whole backup"`
	Size     int64     `yaml:"size" min:"0" doc:"bytes"`
	Finished time.Time `yaml:"finished" doc:"completion time"`
}

// Waiver is an item whose failure somebody accepts.
type Waiver struct {
	Item    string    `yaml:"item" required:"true" doc:"category/item"`
	By      string    `yaml:"by" doc:"who accepts it"`
	Reason  string    `yaml:"reason" doc:"why"`
	Expires time.Time `yaml:"expires" doc:"end"`
}

// Relaxed is a sign-off that the gate does not require.
type Relaxed struct {
	Item   string `yaml:"item" required:"true" doc:"category/item"`
	Reason string `yaml:"reason" doc:"why; none if no reason was given"`
}

// Verdict is the verdict on one item at one time.
type Verdict struct {
	Item   string    `yaml:"item" required:"true" doc:"category/item"`
	State  string    `yaml:"state" required:"true" enum:"pass,warn,pending,fail,unknown,skip" doc:"verdict"`
	Reason Reason    `yaml:"reason" doc:"reason of a verdict other than pass"`
	Detail string    `yaml:"detail" doc:"explanation for display"`
	At     time.Time `yaml:"at" doc:"time of the verdict, if it differs from that of the record"`
}

// marshal encodes the record: the bytes of the next record's digest.
func (r *Record) marshal() []byte {
	var p page
	p.number("number", int64(r.Number))
	p.text("phase", string(r.Phase))
	p.text("previous", r.Previous)
	p.time("at", r.At)
	p.text("by", r.By)
	p.in("release", r.Release.write)
	p.number("of", int64(r.Of))
	p.number("reinstates", int64(r.Reinstates))
	p.texts("images", r.Images)
	p.texts("issues", r.Issues)
	p.text("note", r.Note)
	p.flag("unresolved", r.Unresolved)
	p.flag("unplanned", r.Unplanned)
	p.entries("waivers", len(r.Waivers), func(p *page, i int) {
		p.text("item", r.Waivers[i].Item)
		p.text("by", r.Waivers[i].By)
		p.text("reason", r.Waivers[i].Reason)
		p.time("expires", r.Waivers[i].Expires)
	})
	p.entries("not_required", len(r.NotRequired), func(p *page, i int) {
		p.text("item", r.NotRequired[i].Item)
		p.text("reason", r.NotRequired[i].Reason)
	})
	p.texts("overdue", r.Overdue)
	p.text("checklist", r.Checklist)
	p.in("backup", func(p *page) {
		p.text("path", r.Backup.Path)
		p.text("sha256", r.Backup.SHA256)
		p.number("size", r.Backup.Size)
		p.time("finished", r.Backup.Finished)
	})
	p.verdicts("gate", r.Gate)
	p.verdicts("frozen", r.Frozen)
	p.texts("acknowledged", r.Acknowledged)
	return p.bytes()
}

func (p *page) verdicts(key string, vs []Verdict) {
	p.entries(key, len(vs), func(p *page, i int) {
		p.text("item", vs[i].Item)
		p.text("state", vs[i].State)
		p.text("reason", string(vs[i].Reason))
		p.text("detail", vs[i].Detail)
		p.time("at", vs[i].At)
	})
}

// parseRecord parses a record's file; the error is schema.Problems.
func parseRecord(name string, data []byte) (Record, error) {
	var r Record
	return r, decode(name, data, &r)
}

// normal returns r as it will be parsed again: times in UTC and whole seconds, details on one line and truncated.
func (r Record) normal() Record {
	second := func(t time.Time) time.Time {
		if t.IsZero() {
			return t
		}
		return t.UTC().Truncate(time.Second)
	}
	r.At, r.Backup.Finished = second(r.At), second(r.Backup.Finished)
	r.Waivers = slices.Clone(r.Waivers)
	for i := range r.Waivers {
		w := &r.Waivers[i]
		w.By, w.Reason, w.Expires = plain.Line(w.By, maxText), plain.Line(w.Reason, maxText), second(w.Expires)
	}
	r.NotRequired = slices.Clone(r.NotRequired)
	for i := range r.NotRequired {
		r.NotRequired[i].Reason = plain.Line(r.NotRequired[i].Reason, maxText)
	}
	for _, list := range []*[]Verdict{&r.Gate, &r.Frozen} {
		*list = slices.Clone(*list)
		for i := range *list {
			v := &(*list)[i]
			v.At, v.Detail = second(v.At), plain.Line(v.Detail, maxText)
		}
	}
	return r
}

// Validate checks the record itself; schema.Decode calls it.
func (r *Record) Validate() []error {
	var w findings
	w.moment("at", r.At)
	w.text("by", r.By)
	w.require("previous", r.Number == 1 == (r.Previous == ""), "is required for every record except the first")
	if r.Previous != "" {
		w.digest("previous", r.Previous)
	}
	w.require("release", r.Release.Version != "" || r.Release.Commit != "", "must name a version or a commit")
	w.release(r.Release)
	r.validatePhase(&w)
	for _, s := range r.Images {
		w.text("images", s)
	}
	for _, s := range r.Issues {
		w.text("issues", s)
	}
	for _, s := range r.Overdue {
		w.item("overdue", s)
	}
	for _, s := range r.Acknowledged {
		w.text("acknowledged", s)
	}
	w.require("note", len(r.Note) <= maxNote && plain.Printable(r.Note, true), "must be text of at most 4 KiB without control characters")
	if r.Checklist != "" {
		w.digest("checklist", r.Checklist)
	}
	return w.errs
}

// validatePhase checks the fields required and forbidden by the phase.
func (r *Record) validatePhase(w *findings) {
	only := func(field string, there bool, phases ...Phase) {
		w.require(field, !there || slices.Contains(phases, r.Phase), "is not allowed in this phase")
	}
	only("of", r.Of != 0, PhaseRecorded, PhaseCancelled, PhaseRolledBack, PhaseFrozen)
	only("reinstates", r.Reinstates != 0, PhaseRolledBack)
	only("backup", r.Backup != Backup{}, PhaseRecorded)
	only("unresolved", r.Unresolved, PhasePlanned, PhaseRecorded)
	only("unplanned", r.Unplanned, PhaseRecorded)
	only("waivers", len(r.Waivers) > 0, PhaseRecorded)
	only("not_required", len(r.NotRequired) > 0, PhaseRecorded)
	only("overdue", len(r.Overdue) > 0, PhaseRecorded)
	only("gate", len(r.Gate) > 0, PhaseRecorded)
	only("frozen", len(r.Frozen) > 0, PhaseRecorded, PhaseFrozen)
	w.require("of", r.Of >= 0 && r.Of < r.Number, "must be an earlier record")
	w.require("reinstates", r.Reinstates >= 0 && r.Reinstates < r.Number, "must be an earlier record")
	switch r.Phase {
	case PhaseCancelled, PhaseFrozen:
		w.require("phase", r.Of > 0, "requires of: the affected record")
	case PhaseRolledBack:
		w.require("phase", r.Of > 0 && r.Reinstates > 0,
			"requires of and reinstates: the release rolled back and the one in force again")
	}
	w.require("phase", r.Phase != PhaseFrozen || len(r.Frozen) > 0, "requires frozen verdicts")
	distinct("gate", r.Gate, w)
	distinct("frozen", r.Frozen, w)
}

func distinct(field string, vs []Verdict, w *findings) {
	seen := make(map[string]bool, len(vs))
	for _, v := range vs {
		w.require(field, !seen[v.Item], "contains two verdicts on "+v.Item)
		seen[v.Item] = true
	}
}

// Validate checks a verdict.
func (v *Verdict) Validate() []error {
	var w findings
	w.item("item", v.Item)
	w.word("reason", string(v.Reason))
	w.require("reason", v.Reason != "" || v.State == "pass", "is required for every verdict except a pass")
	w.text("detail", v.Detail)
	return w.errs
}

// Validate checks a waiver.
func (v *Waiver) Validate() []error {
	var w findings
	w.item("item", v.Item)
	w.text("by", v.By)
	w.text("reason", v.Reason)
	return w.errs
}

// Validate checks a sign-off that is not required.
func (v *Relaxed) Validate() []error {
	var w findings
	w.item("item", v.Item)
	w.text("reason", v.Reason)
	return w.errs
}

// Validate checks a backup.
func (b *Backup) Validate() []error {
	var w findings
	if *b == (Backup{}) {
		return nil
	}
	w.text("path", b.Path)
	w.require("path", b.Path != "", "is missing")
	if b.SHA256 != "" {
		w.digest("sha256", b.SHA256)
	}
	return w.errs
}

var _ schema.Validator = (*Record)(nil)
