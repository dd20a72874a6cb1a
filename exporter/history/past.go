package history

import (
	"slices"
	"time"

	"github.com/thenexusengine/catalyst_exporter/ledger"
)

// Past is what is known about the past of a deployment, for the board and the API.
type Past struct {
	First, Last time.Time // of the observations; zero for none
	Notes       []string  // what was lost or damaged, or why nothing is written
	Items       map[string]Item
	made        time.Time
}

// Item is the past of one item.
type Item struct {
	Since time.Time // when it got its present state; zero if unknown
	Exact bool      // the change was observed; otherwise the state may be older
	Day   ledger.Sums
	Month ledger.Sums // of thirty days
}

// pastAge is how long the sums are reused: making them reads the whole file.
const pastAge = 30 * time.Second

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
		day, month := l.Histories(now.Add(-24*time.Hour), now), l.Histories(now.Add(-30*24*time.Hour), now)
		for id, spans := range month {
			k.past.Items[id] = Item{Day: ledger.Sum(day[id]), Month: ledger.Sum(spans)}
		}
	}
	p := &Past{First: k.past.First, Last: k.past.Last, Notes: slices.Clone(l.Notes()), Items: map[string]Item{}}
	for id, it := range k.past.Items {
		it.Since, it.Exact = l.Since(id)
		p.Items[id] = it
	}
	return p
}
