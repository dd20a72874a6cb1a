package history

import (
	"slices"
	"time"

	"github.com/thenexusengine/catalyst_exporter/ledger"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// Past is what the state directory knows about a deployment, for the board and the API.
type Past struct {
	First, Last time.Time // of the observations; zero for none
	Notes       []string  // what was lost or damaged, or why nothing is written
	Items       map[string]Item
	ready       []Change // of the deployment
	made        time.Time
}

// Item is the past of one item.
type Item struct {
	Since   time.Time // when it got its present state; zero if unknown
	Exact   bool      // the change was observed; otherwise the state may be older
	Day     ledger.Sums
	Month   ledger.Sums // of thirty days
	changes []Change    // of ninety days
}

const (
	// pastAge is how long the sums are reused: making them reads the whole file.
	pastAge = 30 * time.Second
	// stripDays is how far the strips of the board reach.
	stripDays = 90
	day       = 24 * time.Hour
)

// Past returns what is known now; nil without a state directory.
func (k *Keeper) Past() *Past {
	if k == nil {
		return nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.store.now()
	l := k.open()
	if l == nil {
		return &Past{Notes: []string{"the state directory cannot be made"}}
	}
	if k.past == nil || now.Sub(k.past.made) >= pastAge || now.Before(k.past.made) {
		k.past = &Past{Items: map[string]Item{}, made: now}
		k.past.First, k.past.Last = l.Watched()
		all := l.Histories(now.Add(-stripDays*day), now)
		for id, spans := range all {
			k.past.Items[id] = Item{Day: ledger.SumSince(spans, now.Add(-day)), Month: ledger.SumSince(spans, now.Add(-30*day)), changes: changesOf(spans)}
		}
		k.past.ready = readiness(all, k.required, now)
	}
	p := &Past{First: k.past.First, Last: k.past.Last, Notes: slices.Clone(l.Notes()), Items: map[string]Item{}, ready: k.past.ready}
	for id, it := range k.past.Items {
		it.Since, it.Exact = l.Since(id)
		p.Items[id] = it
	}
	return p
}

// Since returns when the item got its present state; it is exact if the change was observed. The item "" is the
// deployment.
func (p *Past) Since(item string) (at time.Time, exact bool) {
	if item == "" {
		return sinceOf(p.ready)
	}
	return p.Items[item].Since, p.Items[item].Exact
}

// Changes returns the changes of an item within ninety days, oldest first.
func (p *Past) Changes(item string) []Change {
	if item == "" {
		return p.ready
	}
	return p.Items[item].changes
}

// Origin says what the time is of a state whose beginning was not observed.
func (p *Past) Origin() string { return "its first observation" }

// Source says where the changes come from.
func (p *Past) Source() string { return "from the state directory" }

// changesOf turns spans into changes.
func changesOf(spans []ledger.Span) []Change {
	var all []Change
	for _, s := range spans {
		c := Change{At: s.From}
		if s.Watched() {
			_ = c.State.UnmarshalText([]byte(s.State)) // the ledger holds no other words
			c.Reason = probe.Reason(s.Reason)
		}
		all = append(all, c)
	}
	return observed(all, spans[len(spans)-1].To)
}

// observed removes what is not known because nothing was observed yet, or not again since the last observation.
func observed(all []Change, now time.Time) []Change {
	for len(all) > 0 && all[0].State == 0 {
		all = all[1:]
	}
	if n := len(all); n > 0 && all[n-1].State == 0 && now.Sub(all[n-1].At) <= ledger.MaxGap {
		all = all[:n-1]
	}
	return all
}

// readiness returns the changes of the deployment: it is not ready while one of the required items is not. Nothing is
// known while none of them was observed.
func readiness(all map[string][]ledger.Span, required []string, now time.Time) []Change {
	type edge struct {
		item int
		ledger.Span
	}
	var edges []edge
	for i, id := range required {
		for _, s := range all[id] {
			edges = append(edges, edge{i, s})
		}
	}
	slices.SortStableFunc(edges, func(a, b edge) int { return a.From.Compare(b.From) })
	current := make([]ledger.Span, len(required))
	var changes []Change
	for i, e := range edges {
		current[e.item] = e.Span
		if i+1 < len(edges) && edges[i+1].From.Equal(e.From) {
			continue
		}
		c := Change{At: e.From}
		for _, s := range current {
			switch skipped := s.State == probe.StateSkip.String(); {
			case s.NotReady() || skipped && !s.Waived && s.Reason != string(probe.ReasonNoRelease):
				c.State = probe.StateFail
			case s.Watched() && c.State == 0:
				c.State = probe.StatePass
			}
		}
		if n := len(changes); n == 0 || changes[n-1].State != c.State {
			changes = append(changes, c)
		}
	}
	return observed(changes, now)
}
