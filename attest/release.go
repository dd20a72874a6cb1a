package attest

import (
	"slices"
	"time"

	"github.com/thenexusengine/catalyst_exporter/schema"
)

// Rules of this file: what one record of a release says, and how it is written. A record is one YAML file that is never written twice.

// Phase is what a record does.
type Phase string

// The phases.
const (
	PhasePlanned    Phase = "planned"     // a release is on its way; a planned one before it is given up
	PhaseCancelled  Phase = "cancelled"   // the planned release is given up
	PhaseRecorded   Phase = "recorded"    // a release is in force, with the verdicts of the gate it went through
	PhaseRolledBack Phase = "rolled_back" // the release before is in force again
	PhaseFrozen     Phase = "frozen"      // verdicts on a moment of a release that is past
)

const maxRecord = 1 << 20 // bytes: 75 verdicts with the longest details fit ten times

// Record is one entry of a chain. Append fills Number, Previous, Of and Reinstates, and the release of every phase but planned and recorded.
type Record struct {
	Number       int       `yaml:"number" required:"true" min:"1" doc:"position in the chain, from 1"`
	Phase        Phase     `yaml:"phase" required:"true" enum:"planned,cancelled,recorded,rolled_back,frozen" doc:"what happened"`
	Previous     string    `yaml:"previous" doc:"SHA-256 of the file of the record before; the first has none"`
	At           time.Time `yaml:"at" required:"true" doc:"when"`
	By           string    `yaml:"by" doc:"who"`
	Release      ReleaseID `yaml:"release" required:"true" doc:"the release planned, recorded, spoken of, or in force again"`
	Of           int       `yaml:"of" doc:"number of the record it speaks of: the plan that is recorded or cancelled, the release that is rolled back or frozen"`
	Reinstates   int       `yaml:"reinstates" doc:"rolled_back: number of the recorded release in force again"`
	Images       []string  `yaml:"images" doc:"images that run"`
	Issues       []string  `yaml:"issues" doc:"known issues"`
	Note         string    `yaml:"note" doc:"free text"`
	Checklist    string    `yaml:"checklist" doc:"SHA-256 of the checklist it was judged by"`
	Backup       Backup    `yaml:"backup" doc:"recorded: the backup made before the deployment"`
	Gate         []Verdict `yaml:"gate" doc:"recorded: what the gate said of each of its items"`
	Frozen       []Verdict `yaml:"frozen" doc:"verdicts on past moments, which are not asked again"`
	Acknowledged []string  `yaml:"acknowledged" doc:"what was wrong with the chain when this record was appended all the same"`
}

// Backup is the backup that a rollback would go back to.
type Backup struct {
	Path     string    `yaml:"path" doc:"file, object or path in a container"`
	SHA256   string    `yaml:"sha256" doc:"digest of the whole backup"`
	Size     int64     `yaml:"size" min:"0" doc:"bytes"`
	Finished time.Time `yaml:"finished" doc:"when it was complete"`
}

// Verdict is what was said of one item at a moment.
type Verdict struct {
	Item   string    `yaml:"item" required:"true" doc:"category/item"`
	State  string    `yaml:"state" required:"true" enum:"pass,warn,pending,fail,unknown,skip" doc:"verdict"`
	Reason Reason    `yaml:"reason" doc:"why it is not a pass"`
	Detail string    `yaml:"detail" doc:"for people"`
	At     time.Time `yaml:"at" doc:"the moment, where it is not that of the record"`
}

// marshal writes the record: the bytes that the next record's digest is of.
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

// parseRecord reads a record's file; the error is schema.Problems.
func parseRecord(name string, data []byte) (Record, error) {
	var r Record
	return r, decode(name, data, &r)
}

// normal is r as it will be read again: times in UTC and whole seconds, details on one line that is not too long.
func (r Record) normal() Record {
	second := func(t time.Time) time.Time {
		if t.IsZero() {
			return t
		}
		return t.UTC().Truncate(time.Second)
	}
	r.At, r.Backup.Finished = second(r.At), second(r.Backup.Finished)
	for _, list := range []*[]Verdict{&r.Gate, &r.Frozen} {
		*list = slices.Clone(*list)
		for i := range *list {
			v := &(*list)[i]
			v.At, v.Detail = second(v.At), cleanLine(v.Detail)
		}
	}
	return r
}

// Validate tells what is wrong with the record by itself; schema.Decode calls it.
func (r *Record) Validate() []error {
	var w findings
	w.moment("at", r.At)
	w.text("by", r.By)
	w.require("previous", r.Number == 1 == (r.Previous == ""), "every record but the first, and only those, names the one before")
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
	for _, s := range r.Acknowledged {
		w.text("acknowledged", s)
	}
	w.require("note", len(r.Note) <= maxNote && plainText(r.Note, true), "must be text of at most 4 KiB without control characters")
	if r.Checklist != "" {
		w.digest("checklist", r.Checklist)
	}
	return w.errs
}

// validatePhase tells what the phase lacks or what does not belong to it.
func (r *Record) validatePhase(w *findings) {
	only := func(field string, there bool, phases ...Phase) {
		w.require(field, !there || slices.Contains(phases, r.Phase), "does not belong to the phase")
	}
	only("of", r.Of != 0, PhaseRecorded, PhaseCancelled, PhaseRolledBack, PhaseFrozen)
	only("reinstates", r.Reinstates != 0, PhaseRolledBack)
	only("backup", r.Backup != Backup{}, PhaseRecorded)
	only("gate", len(r.Gate) > 0, PhaseRecorded)
	only("frozen", len(r.Frozen) > 0, PhaseRecorded, PhaseFrozen)
	w.require("of", r.Of >= 0 && r.Of < r.Number, "must be an earlier record")
	w.require("reinstates", r.Reinstates >= 0 && r.Reinstates < r.Number, "must be an earlier record")
	switch r.Phase {
	case PhaseCancelled, PhaseFrozen:
		w.require("phase", r.Of > 0, "needs of: the record it speaks of")
	case PhaseRolledBack:
		w.require("phase", r.Of > 0 && r.Reinstates > 0, "needs of and reinstates: the release rolled back and the one in force again")
	}
	w.require("phase", r.Phase != PhaseFrozen || len(r.Frozen) > 0, "freezes nothing")
	distinct("gate", r.Gate, w)
	distinct("frozen", r.Frozen, w)
}

func distinct(field string, vs []Verdict, w *findings) {
	seen := make(map[string]bool, len(vs))
	for _, v := range vs {
		w.require(field, !seen[v.Item], "says twice what became of "+v.Item)
		seen[v.Item] = true
	}
}

// Validate tells what is wrong with a verdict.
func (v *Verdict) Validate() []error {
	var w findings
	w.item("item", v.Item)
	w.word("reason", string(v.Reason))
	w.require("reason", v.Reason != "" || v.State == "pass", "everything but a pass has a reason")
	w.text("detail", v.Detail)
	return w.errs
}

// Validate tells what is wrong with a backup.
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
