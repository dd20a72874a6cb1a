package board

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/thenexusengine/catalyst_exporter/exporter/history"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// The past of the verdicts: since when one stands, and a strip of what it was before.

// History knows since when verdicts stand. Implementations are safe for concurrent use and return at once.
type History interface {
	// Since returns when an item ("category/item") got its present state; it is exact if the change was observed. The item
	// "" is the deployment. The time is zero when it is not known.
	Since(item string) (at time.Time, exact bool)
	// Origin says what the time is when it is not exact: "the exporter's start".
	Origin() string
}

// Strips knows how verdicts changed.
type Strips interface {
	// Changes returns the changes of an item, oldest first; the first one is the first known verdict, not a change.
	Changes(item string) []history.Change
	// Source says where they come from: "from Prometheus".
	Source() string
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
	at, exact := h.Since(item)
	s := since{At: at}
	if at.IsZero() || at.After(now) {
		return since{}
	}
	if !exact {
		if now.Sub(at) < time.Minute {
			return since{} // it says nothing yet
		}
		s.AtLeast = h.Origin()
	}
	return s
}

// strip is the past of an item as cells of equal length in time, neighbours of the same state joined.
type strip struct {
	Cells  []cell
	From   time.Time
	Text   string // the same in words, for screen readers
	Source string
}

// cell is a part of a strip: its state and how many of the stripCells it covers.
type cell struct {
	State probe.State // zero: nothing was observed
	Width int
}

// Class is the class of the cell in the style sheet.
func (c cell) Class() string { return stateWord(c.State, "none") }

func stateWord(s probe.State, none string) string {
	if s == 0 {
		return none
	}
	return s.String()
}

const (
	stripCells = 30
	stripWords = 4 // changes that the text of a strip lists
)

// stripOf makes the strip of an item whose state is now the given one. Each cell shows the worst state in its time. A
// strip needs at least one change.
func stripOf(h Strips, item string, state probe.State, now time.Time) strip {
	if h == nil {
		return strip{}
	}
	changes := h.Changes(item)
	if len(changes) == 0 || !changes[0].At.Before(now) {
		return strip{}
	}
	if changes[len(changes)-1].State != state { // it changed after the history was read
		changes = append(slices.Clone(changes), history.Change{At: now, State: state})
	}
	if len(changes) < 2 {
		return strip{}
	}
	s := strip{From: changes[0].At, Source: h.Source()}
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
		words = append(words, fmt.Sprintf("%s from %s", stateWord(changes[i].State, "not observed"), changes[i].At.UTC().Format("2006-01-02 15:04 UTC")))
	}
	s.Text = strings.Join(words, ", before that ")
	return s
}

// worstBetween returns the worst state of a period: the one at its beginning and those that began in it.
func worstBetween(changes []history.Change, from, to time.Time) probe.State {
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
