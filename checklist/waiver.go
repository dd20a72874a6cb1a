package checklist

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/phrase"
	"github.com/thenexusengine/catalyst_exporter/schema"
)

// WaiverDocument accepts an item as it is until a date.
type WaiverDocument struct {
	Item    string          `yaml:"item" required:"true" doc:"the item, as item or category/item"`
	Reason  string          `yaml:"reason" required:"true" doc:"why it is accepted; shown wherever the item is shown"`
	By      string          `yaml:"by" required:"true" doc:"who accepts it"`
	Since   string          `yaml:"since" pattern:"^[0-9]{4}-[0-9]{2}-[0-9]{2}$" doc:"first day of validity, YYYY-MM-DD in UTC; without it the waiver is valid from now on"`
	Expires string          `yaml:"expires" required:"true" pattern:"^[0-9]{4}-[0-9]{2}-[0-9]{2}$" doc:"last day of validity, YYYY-MM-DD in UTC"`
	Covers  *CoversDocument `yaml:"covers" doc:"what is accepted; without it, any failure of the item"`
}

// CoversDocument limits a waiver to what it was given for.
type CoversDocument struct {
	Reason    probe.Reason `yaml:"reason" required:"true" doc:"reason of the verdict that is accepted, e.g. weak; another reason fails in spite of the waiver"`
	Offenders []string     `yaml:"offenders" doc:"identifiers of the single things that are accepted, as check --format=json lists them; another one fails in spite of the waiver"`
}

// Validate checks the reason; schema.Decode calls it.
func (d *CoversDocument) Validate() []error {
	if d.Reason == "" || slices.Contains(probe.Reasons(), d.Reason) {
		return nil
	}
	message := fmt.Sprintf("%q is not a reason of a verdict", d.Reason)
	var names []string
	for _, r := range probe.Reasons() {
		names = append(names, string(r))
	}
	if near := schema.Nearest(string(d.Reason), names); near != "" {
		message += fmt.Sprintf(" (did you mean %q?)", near)
	}
	return []error{schema.FieldError{Field: "reason", Err: errors.New(message)}}
}

// Waiver accepts an item as it is until it expires.
type Waiver struct {
	Item   string
	Reason string
	By     string
	// ApprovedBy is who approved a requested waiver; empty for one of the configuration.
	ApprovedBy string
	Since      time.Time // zero when not stated
	Expires    time.Time
	Problem    string       // why it is not in force, and the remedy; empty for none
	Covers     probe.Reason // the only reason that is accepted; "": any

	// Offenders are the identifiers of what is accepted; empty: everything with the reason.
	Offenders []string
}

// Active reports whether the waiver is in force.
func (w *Waiver) Active(now time.Time) bool {
	return w != nil && w.Problem == "" && now.Before(w.Expires) && !now.Before(w.Since)
}

// Who returns who accepts the item: the author of the waiver, and who approved it.
func (w *Waiver) Who() string {
	if w.ApprovedBy != "" {
		return w.By + ", approved by " + w.ApprovedBy
	}
	return w.By
}

// LastDay returns the last day of validity.
func (w *Waiver) LastDay() string { return LastDay(w.Expires) }

// accepts reports whether the waiver was given for a result.
func (w *Waiver) accepts(r probe.Result) bool {
	switch {
	case r.State == probe.StatePass, r.State == probe.StateWarn:
		return true
	case r.Reason != w.Covers:
		return false
	case len(w.Offenders) == 0:
		return true
	}
	return !r.Unnamed && len(r.Offenders) > 0 && len(w.others(r)) == 0
}

// others lists the offenders of a result that the waiver does not name.
func (w *Waiver) others(r probe.Result) (ids []string) {
	for _, o := range r.Offenders {
		if !slices.Contains(w.Offenders, o.ID) && !slices.Contains(ids, o.ID) {
			ids = append(ids, o.ID)
		}
	}
	return ids
}

// covers reports whether the waiver was given for a verdict: it accepts the result of every probe.
func (w *Waiver) covers(v *Verdict) bool {
	if w.Covers == "" {
		return true
	}
	if v.State != probe.StatePass && v.State != probe.StateWarn && v.Reason != w.Covers {
		return false
	}
	return !slices.ContainsFunc(v.Outcomes, func(o Outcome) bool { return o.Result.State.Answered() && !w.accepts(o.Result) })
}

// Waive sets whether the verdict is waived at a time. A waiver in force that was given for something else is mentioned in
// the detail.
func (v *Verdict) Waive(now time.Time) {
	v.Waived = v.WaivedAt(now)
	w := v.Waiver
	if w != nil && w.Problem != "" && now.Before(w.Expires) && !v.State.OK() {
		v.Detail += fmt.Sprintf(" (the waiver by %s until %s is not in force: %s)", w.By, w.LastDay(), w.Problem)
	}
	if v.Waived || !w.Active(now) {
		return
	}
	only, more := fmt.Sprintf("covers only the reason %s", w.Covers), []string(nil)
	for _, o := range v.Outcomes {
		if len(w.Offenders) > 0 && o.Result.State.Answered() && o.Result.Reason == w.Covers && !w.accepts(o.Result) {
			if more = append(more, w.others(o.Result)...); o.Result.Unnamed || len(o.Result.Offenders) == 0 {
				more = append(more, "a finding without an identifier")
			}
		}
	}
	if len(more) > 0 {
		only = fmt.Sprintf("covers only %s, not %s", phrase.List(w.Offenders), phrase.List(more))
	}
	v.Detail += fmt.Sprintf(" (the waiver by %s until %s %s)", w.By, w.LastDay(), only)
}

// WaivedAt reports whether a waiver covers the verdict at a time.
func (v *Verdict) WaivedAt(now time.Time) bool { return v.Waiver.Active(now) && v.Waiver.covers(v) }

// DefaultMaxWaiver is how long an item of severity critical may be waived before config check warns.
const DefaultMaxWaiver = 90 * 24 * time.Hour

// farWaiver is how long any other item may be waived: a date beyond is probably a mistake.
const farWaiver = 366 * 24 * time.Hour

// WaiverWarnings returns what is doubtful about the waivers at a time, one line each. longest is the limit for critical items.
func (c *Checklist) WaiverWarnings(now time.Time, longest time.Duration) []string {
	out := slices.Clone(c.unused)
	for _, it := range c.Items() {
		w := it.Waiver
		if w == nil {
			continue
		}
		warn := func(format string, args ...any) {
			out = append(out, fmt.Sprintf("waiver of %s ", it.ID())+fmt.Sprintf(format, args...))
		}
		from, limit := w.Since, farWaiver
		if from.IsZero() {
			from = now
		}
		if it.Severity == Critical {
			limit = longest
		}
		switch {
		case !now.Before(w.Expires):
			warn("ended on %s: remove it", w.LastDay())
			continue
		case w.Problem != "":
			warn("by %s is not in force: %s", w.By, w.Problem)
			continue
		case !w.Since.Before(w.Expires):
			warn("is never in force: since is after expires")
			continue
		case now.Before(w.Since):
			warn("is not in force before %s", w.Since.Format(time.DateOnly))
		}
		if length := w.Expires.Sub(from); length > limit {
			warn("lasts %d days, until %s: the limit for an item of severity %s is %d days", int(length.Hours()/24), w.LastDay(), it.Severity,
				int(limit.Hours()/24))
		}
		if w.Covers == "" {
			warn("accepts any failure of the item: set covers: {reason: …}")
		}
	}
	return out
}

// Waivable reports whether a waiver of the item can be in force.
func (it *Item) Waivable() bool { return it.Category != signOffs }
