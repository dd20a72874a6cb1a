package probe

import (
	"sync"
	"time"
)

// How often Docker has started containers again. It keeps one number for a container's whole life (and forgets it when somebody starts the container by
// hand), so what belongs to the last day is what the number rose by while we looked.

// maxRises bounds what is kept of one container; a crash loop rises faster than is of interest.
const maxRises = 256

// restartLedger remembers restart counts between looks. The zero value is ready; safe for concurrent use.
type restartLedger struct {
	mu   sync.Mutex
	seen map[string]*restartRecord // by container id
}

type restartRecord struct {
	first, last time.Time // looks
	count       int       // at the last look
	rises       []restartRise
}

type restartRise struct {
	at time.Time // of the look that saw it
	by int
}

// restartHistory is what was seen of one container within a window.
type restartHistory struct {
	since time.Time // first look at it
	rose  int       // restarts seen within the window
}

// note remembers a container's restart count, and forgets what is older than anybody asks for.
func (l *restartLedger) note(id string, count int, now time.Time, window time.Duration) restartHistory {
	const longest = 720 * time.Hour // the longest window a spec may have
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.seen == nil {
		l.seen = map[string]*restartRecord{}
	}
	for other, r := range l.seen {
		if now.Sub(r.last) > longest {
			delete(l.seen, other)
		}
	}
	r, known := l.seen[id]
	if !known {
		r = &restartRecord{first: now, count: count}
		l.seen[id] = r
	}
	switch by := count - r.count; {
	case by < 0:
		r.rises = nil // started by hand: what was before is over
	case by > 0:
		r.rises = append(r.rises, restartRise{now, by})
		if len(r.rises) > maxRises {
			// The two oldest become one, at the later time: nothing is lost of the sum.
			r.rises[1].by += r.rises[0].by
			r.rises = r.rises[1:]
		}
	}
	r.count, r.last = count, now
	h := restartHistory{since: r.first}
	for _, rise := range r.rises {
		if now.Sub(rise.at) < window {
			h.rose += rise.by
		}
	}
	return h
}

// recentRestarts is how often Docker started a running container again within the window: as seen, or, where it was not watched for that long,
// estimated from its count and age. A last start before the window means none.
func recentRestarts(c *dockerContainer, h restartHistory, now time.Time, window time.Duration) int {
	started, err := time.Parse(time.RFC3339Nano, c.State.StartedAt)
	if c.RestartCount <= 0 || err == nil && now.Sub(started) >= window {
		return 0
	}
	if watched := now.Sub(h.since); watched >= window {
		return h.rose
	}
	created, err := time.Parse(time.RFC3339Nano, c.Created)
	age := now.Sub(created)
	if err != nil || age <= window {
		return c.RestartCount
	}
	estimate := int(float64(c.RestartCount)*float64(window)/float64(age) + 0.5)
	return max(h.rose, estimate, 1) // the start within the window may have been by hand; Docker does not tell
}
