package container

import (
	"sync"
	"time"

	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/dockerclient"
)

// How often Docker has restarted containers. The engine keeps one count for a container's whole life (and resets it
// when somebody starts the container by hand), so the restarts of the last day are the increases seen between runs.

// maxIncreases bounds the increases kept for one container; a crash loop causes more than are of interest.
const maxIncreases = 256

// restartLedger remembers restart counts between runs. The zero value is ready; safe for concurrent use.
type restartLedger struct {
	mu   sync.Mutex
	seen map[string]*restartRecord // by container id
}

type restartRecord struct {
	first, last time.Time // runs
	count       int       // at the last run
	rises       []restartIncrease
}

type restartIncrease struct {
	at time.Time // of the run that saw it
	by int
}

// restartHistory is what was seen of one container within a window.
type restartHistory struct {
	since    time.Time // first run that saw it
	increase int       // restarts seen within the window
}

// note records a container's restart count, and forgets containers not seen within the longest window.
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
		r.rises = nil // started by hand: earlier restarts no longer count
	case by > 0:
		r.rises = append(r.rises, restartIncrease{now, by})
		if len(r.rises) > maxIncreases {
			// The two oldest are merged at the later time, so the sum is kept.
			r.rises[1].by += r.rises[0].by
			r.rises = r.rises[1:]
		}
	}
	r.count, r.last = count, now
	h := restartHistory{since: r.first}
	for _, rise := range r.rises {
		if now.Sub(rise.at) < window {
			h.increase += rise.by
		}
	}
	return h
}

// recentRestarts returns how often Docker restarted a running container within the window: as seen, or, when it was not
// watched for that long, estimated from its count and age. A last start before the window means none.
func recentRestarts(c *dockerclient.Container, h restartHistory, now time.Time, window time.Duration) int {
	started, err := time.Parse(time.RFC3339Nano, c.State.StartedAt)
	if c.RestartCount <= 0 || err == nil && now.Sub(started) >= window {
		return 0
	}
	if watched := now.Sub(h.since); watched >= window {
		return h.increase
	}
	created, err := time.Parse(time.RFC3339Nano, c.Created)
	age := now.Sub(created)
	if err != nil || age <= window {
		return c.RestartCount
	}
	estimate := int(float64(c.RestartCount)*float64(window)/float64(age) + 0.5)
	return max(h.increase, estimate, 1) // the last start may have been by hand; Docker does not report that
}

type restartsKey struct{ engine string }

// restartsOf is what is remembered of an engine's containers, as long as the configuration stays.
func restartsOf(p *probe.Pass, e *dockerclient.Engine) *restartLedger {
	l, err := probe.Keep(p.Kept, restartsKey{e.Shown}, "", func() (*restartLedger, func(), error) { return &restartLedger{}, nil, nil })
	if err != nil { // the configuration is being replaced: nothing is kept
		return &restartLedger{}
	}
	return l
}
