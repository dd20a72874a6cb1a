package attest

// Rules of this file: a waiver says that an item which does not hold is borne, by whom, why and until when. It never makes an item ok, and a sign-off
// cannot be waived: a signature that is not there cannot be stood in for.

import (
	"fmt"
	"strings"
	"time"
)

// Waiver lets an item be as it is until its last day.
type Waiver struct {
	Item    string   `yaml:"item" required:"true" doc:"category/item, or the item alone" example:"infrastructure/cdn"`
	Reason  string   `yaml:"reason" required:"true" doc:"why it is borne; shown in the report under known issues"`
	By      string   `yaml:"by" required:"true" doc:"who decided"`
	Expires Deadline `yaml:"expires" required:"true" doc:"last day on which it counts, in UTC" example:"2026-12-31"`
}

// Validate tells what is wrong with the waiver by itself; schema.Decode calls it.
func (v *Waiver) Validate() []error {
	var w findings
	w.item("item", v.Item)
	w.text("reason", v.Reason)
	w.text("by", v.By)
	w.moment("expires", v.Expires.Time)
	return w.errs
}

// WaiverState is how a waiver stands.
type WaiverState string

// The states.
const (
	WaiverActive  WaiverState = "active"  // bears an item that does not hold
	WaiverUnused  WaiverState = "unused"  // the item is ok without it: it can go
	WaiverLapsed  WaiverState = "lapsed"  // its time is over: it bears nothing
	WaiverRefused WaiverState = "refused" // bears nothing: no such item, a sign-off, a second one for the item
)

// WaiverJudgement is what became of a waiver.
type WaiverJudgement struct {
	Waiver Waiver
	Item   string // category/item; "" where there is no such item
	State  WaiverState
	Detail string
}

// signOff is the category whose items cannot be waived.
const signOff = "sign_off"

// JudgeWaivers says how each waiver stands at now. Find returns the items that a name means, as category/item, and whether each is ok without a waiver.
func JudgeWaivers(waivers []Waiver, find func(name string) map[string]bool, now time.Time) []WaiverJudgement {
	out := make([]WaiverJudgement, len(waivers))
	waived := make(map[string]bool)
	for i, w := range waivers {
		out[i] = w.judge(find(w.Item), waived, now)
	}
	return out
}

func (v Waiver) judge(items, waived map[string]bool, now time.Time) WaiverJudgement {
	j := WaiverJudgement{Waiver: v, State: WaiverRefused}
	if len(items) != 1 {
		j.Detail = fmt.Sprintf("%s is no item of the checklist", v.Item)
		if len(items) > 1 {
			j.Detail = fmt.Sprintf("%s is an item of several categories: write category/%s", v.Item, v.Item)
		}
		return j
	}
	ok := false
	for j.Item, ok = range items {
	}
	switch category, _, _ := strings.Cut(j.Item, "/"); {
	case category == signOff:
		j.Detail = "a sign-off cannot be waived: have it signed"
	case waived[j.Item]:
		j.Detail = fmt.Sprintf("%s is waived twice: remove one", j.Item)
	case !now.Before(v.Expires.Time):
		j.State, j.Detail = WaiverLapsed, fmt.Sprintf("lapsed at %s: mend %s, or decide again", stamp(v.Expires.Time), j.Item)
	case ok:
		j.State, j.Detail = WaiverUnused, fmt.Sprintf("%s is ok without it: remove the waiver", j.Item)
	default:
		j.State, j.Detail = WaiverActive, fmt.Sprintf("%s (%s, until %s)", v.Reason, v.By, stamp(v.Expires.Time))
	}
	waived[j.Item] = true
	return j
}
