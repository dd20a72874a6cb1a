package attest

// Derives the state from a sequence of records: the planned release, the one in force, its predecessor, and frozen
// verdicts. The same rules decide which record may come next, so a chain written by them never contradicts itself.

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// Release is a planned release, or one that is or was in force.
type Release struct {
	Record           // the record that planned or recorded it
	First  int       // number of the first plan of this release: of the same commit and images, with no other in between; 0: none
	Asked  time.Time // when that plan was made
	Since  time.Time // start of validity: for a reinstated release the time of the rollback, for a planned one the time of the plan
}

// history is the state after a number of records.
type history struct {
	planned  *Release
	latest   *Release   // the last plan since a release was recorded, even if it was cancelled
	stack    []*Release // releases in force: the last is current, the one below it is the target of a rollback
	recorded map[int]*Release
	frozen   map[int]map[string]Verdict
}

func newHistory() *history {
	return &history{recorded: make(map[int]*Release), frozen: make(map[int]map[string]Verdict)}
}

// fill sets the fields of a new record that refer to earlier ones.
func (h *history) fill(r *Record) {
	switch now := h.at(0); {
	case r.Phase == PhaseRecorded && h.planned != nil:
		r.Of = h.planned.Number
	case r.Phase == PhaseCancelled && h.planned != nil:
		r.Of, r.Release = h.planned.Number, h.planned.Release
	case r.Phase == PhaseRolledBack && now != nil:
		r.Of = now.Number
		if before := h.at(1); before != nil {
			r.Reinstates, r.Release = before.Number, before.Release
		}
	case r.Phase == PhaseFrozen && r.Of == 0 && now != nil:
		r.Of = now.Number
	}
	if of := h.recorded[r.Of]; r.Phase == PhaseFrozen && of != nil {
		r.Release = of.Release
	}
}

// at returns the release in force back steps before.
func (h *history) at(back int) *Release {
	if len(h.stack) <= back {
		return nil
	}
	return h.stack[len(h.stack)-1-back]
}

// check returns why r cannot come next.
func (h *history) check(r *Record) error {
	switch r.Phase {
	case PhaseRecorded:
		return h.checkRecorded(r)
	case PhaseCancelled:
		if h.planned == nil {
			return errors.New("no release is planned")
		}
		return agree(r, h.planned, "the planned release")
	case PhaseRolledBack:
		return h.checkRollback(r)
	case PhaseFrozen:
		of := h.recorded[r.Of]
		if of == nil {
			return fmt.Errorf("record %d is not a recorded release: its verdicts cannot be frozen", r.Of)
		}
		if err := agree(r, of, "the frozen release"); err != nil {
			return err
		}
		for _, v := range r.Frozen {
			if _, ok := h.frozen[r.Of][v.Item]; ok {
				return fmt.Errorf("%s of release %s is already frozen", v.Item, r.Release)
			}
		}
	}
	return nil
}

func (h *history) checkRecorded(r *Record) error {
	if h.planned == nil {
		if r.Of != 0 {
			return fmt.Errorf("record %d is no longer a planned release", r.Of)
		}
		return nil
	}
	if !r.Release.Same(h.planned.Release) {
		return fmt.Errorf("planned release is %s, not %s: plan that release first", h.planned.Release, r.Release)
	}
	if r.Of != h.planned.Number {
		return fmt.Errorf("the planned release is record %d, not %d", h.planned.Number, r.Of)
	}
	return nil
}

func (h *history) checkRollback(r *Record) error {
	now, before := h.at(0), h.at(1)
	if now == nil {
		return errors.New("no release is recorded: there is nothing to roll back")
	}
	if before == nil {
		return fmt.Errorf("%s has no previous release: there is nothing to roll back to", now.Release)
	}
	if r.Of != now.Number {
		return fmt.Errorf("the release in force is record %d, not %d", now.Number, r.Of)
	}
	if r.Reinstates != before.Number {
		return fmt.Errorf("the previous release is record %d, not %d", before.Number, r.Reinstates)
	}
	if r.Release != before.Release {
		return fmt.Errorf("the previous release is %s, not %s", before.Release, r.Release)
	}
	return nil
}

func agree(r *Record, of *Release, what string) error {
	if r.Of != of.Number || r.Release != of.Release {
		return fmt.Errorf("%s is %s (record %d), not %s (record %d)", what, of.Release, of.Number, r.Release, r.Of)
	}
	return nil
}

// apply adds r to the state. If r contradicts it (a record between may be lost), r's own statement is used.
func (h *history) apply(r *Record) {
	switch r.Phase {
	case PhasePlanned:
		h.planned = h.plan(r)
		h.latest = h.planned
	case PhaseCancelled:
		h.planned = nil
	case PhaseRecorded:
		release := &Release{Record: *r, Since: r.At}
		if plan := h.planned; plan != nil {
			release.First, release.Asked = plan.First, plan.Asked
		}
		h.latest = nil
		h.planned, h.recorded[r.Number] = nil, release
		h.stack = append(h.stack, release)
		h.freeze(r.Number, r)
	case PhaseRolledBack:
		h.rollBack(r)
	case PhaseFrozen:
		h.freeze(r.Of, r)
	}
}

// plan returns the release of a plan. A plan of the same commit and images as the one before continues it: sign-offs stay.
func (h *history) plan(r *Record) *Release {
	if before := h.latest; before != nil && before.Release.Same(r.Release) && slices.Equal(before.Images, r.Images) {
		return &Release{Record: *r, First: before.First, Asked: before.Asked, Since: r.At}
	}
	return &Release{Record: *r, First: r.Number, Asked: r.At, Since: r.At}
}

func (h *history) rollBack(r *Record) {
	if len(h.stack) > 0 {
		h.stack = h.stack[:len(h.stack)-1]
	}
	back := &Release{Record: Record{Number: r.Reinstates, Phase: PhaseRecorded, At: r.At, Release: r.Release}} // its own record is lost
	if known := h.recorded[r.Reinstates]; known != nil {
		back.Record, back.First, back.Asked = known.Record, known.First, known.Asked
	}
	back.Since = r.At
	h.thaw(back)
	if top := h.at(0); top != nil && top.Number == r.Reinstates {
		h.stack[len(h.stack)-1] = back
	} else {
		h.stack = append(h.stack, back)
	}
}

// thaw drops the verdicts that were frozen after the record of a release: what is observed after a release is observed
// again after a rollback to it. Those of the record itself stay.
func (h *history) thaw(back *Release) {
	for item, v := range h.frozen[back.Number] {
		if v.At.After(back.At) {
			delete(h.frozen[back.Number], item)
		}
	}
}

// freeze keeps the first verdict on a moment.
func (h *history) freeze(release int, r *Record) {
	if h.frozen[release] == nil {
		h.frozen[release] = make(map[string]Verdict)
	}
	for _, v := range r.Frozen {
		if v.At.IsZero() {
			v.At = r.At
		}
		if _, ok := h.frozen[release][v.Item]; !ok {
			h.frozen[release][v.Item] = v
		}
	}
}
