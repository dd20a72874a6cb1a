package board

import (
	"fmt"
	"strings"
	"time"

	"github.com/thenexusengine/catalyst_exporter/probe"
)

// The past of the verdicts: since when one stands, and a strip of what it was before.

// Change is a verdict that differs from the one before it.
type Change struct {
	At     time.Time
	State  probe.State
	Reason probe.Reason
}

// History knows how verdicts changed. Implementations are safe for concurrent use and return at once.
type History interface {
	// Changes returns the changes of an item ("category/item"), oldest first; the first one is the first known verdict, not
	// a change. The item "" is the deployment: it passes when it is ready and fails otherwise.
	Changes(item string) []Change
	// Origin says from when on the changes are known: "the exporter's start".
	Origin() string
}

// since says how long a verdict has stood.
type since struct {
	At      time.Time // zero when unknown
	AtLeast string    // when the beginning is not known: what At is
}

func sinceOf(h History, item string, now time.Time) since {
	if h == nil {
		return since{}
	}
	changes := h.Changes(item)
	if len(changes) == 0 {
		return since{}
	}
	// A change of the reason alone does not change the state.
	last := len(changes) - 1
	for last > 0 && changes[last-1].State == changes[last].State {
		last--
	}
	s := since{At: changes[last].At}
	if s.At.After(now) {
		return since{}
	}
	if last == 0 {
		if now.Sub(s.At) < time.Minute {
			return since{} // it says nothing yet
		}
		s.AtLeast = h.Origin()
	}
	return s
}

// strip is the past of an item as cells of equal length in time, neighbours of the same state joined.
type strip struct {
	Cells []cell
	From  time.Time
	Text  string // the same in words, for screen readers
}

// cell is a part of a strip: its state and how many of the stripCells it covers.
type cell struct {
	State probe.State
	Width int
}

const (
	stripCells = 30
	stripWords = 4 // changes that the text of a strip lists
)

// stripOf makes the strip of an item. Each cell shows the worst state in its time. A strip needs at least one change.
func stripOf(h History, item string, now time.Time) strip {
	if h == nil {
		return strip{}
	}
	changes := h.Changes(item)
	if len(changes) < 2 || !changes[0].At.Before(now) {
		return strip{}
	}
	s := strip{From: changes[0].At}
	step := now.Sub(s.From) / stripCells
	for i := range stripCells {
		from, to := s.From.Add(time.Duration(i)*step), s.From.Add(time.Duration(i+1)*step)
		if i == stripCells-1 {
			to = now.Add(1) // rounding must not hide the current state
		}
		state := worstBetween(changes, from, to)
		if n := len(s.Cells); n > 0 && s.Cells[n-1].State == state {
			s.Cells[n-1].Width++
		} else {
			s.Cells = append(s.Cells, cell{state, 1})
		}
	}
	var words []string
	for i := len(changes) - 1; i >= 0 && len(words) < stripWords; i-- {
		words = append(words, fmt.Sprintf("%s from %s", changes[i].State, changes[i].At.UTC().Format("2006-01-02 15:04 UTC")))
	}
	s.Text = strings.Join(words, ", before that ")
	return s
}

// worstBetween returns the worst state of a period: the one at its beginning and those that began in it.
func worstBetween(changes []Change, from, to time.Time) probe.State {
	worst := changes[0].State
	for i, c := range changes {
		switch {
		case !c.At.Before(to):
		case !c.At.After(from):
			worst = c.State
		case i > 0 && c.State > worst:
			worst = c.State
		}
	}
	return worst
}

// Relative says how far a time is from now: "3 min ago", "in 2 d".
func Relative(at, now time.Time) string {
	d := now.Sub(at)
	form := "%d %s ago"
	if d < 0 {
		d, form = -d, "in %d %s"
	}
	switch {
	case d < time.Second:
		return "now"
	case d < time.Minute:
		return fmt.Sprintf(form, int(d/time.Second), "s")
	case d < time.Hour:
		return fmt.Sprintf(form, int(d/time.Minute), "min")
	case d < 48*time.Hour:
		return fmt.Sprintf(form, int(d/time.Hour), "h")
	}
	return fmt.Sprintf(form, int(d/(24*time.Hour)), "d")
}
