package deployment

// What was chosen is kept for as long as the directories it was chosen from list the same.

import (
	"io/fs"
	"slices"
	"sync"
)

// same reports whether a directory lists what it did: the index gives the very entries again for one that has not changed. Entries that are links may
// have come to lead elsewhere.
func (s seenDir) same(before seenDir) bool {
	if s.whole != before.whole || len(s.names) != len(before.names) {
		return false
	}
	return len(s.names) == 0 || &s.names[0] == &before.names[0] && !slices.ContainsFunc(s.names, func(e fs.DirEntry) bool { return e.Type()&fs.ModeSymlink != 0 })
}

// chosen keeps what was chosen among the entries of directories until one of them lists something else. The zero value is ready; safe for concurrent use.
type chosen struct {
	mu          sync.Mutex
	dirs, order []string
	lists       []seenDir // in order
	places      map[string]Place
}

// find returns what was chosen before when it would be chosen again, else nil.
func (c *chosen) find(p *places) map[string]Place {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.places == nil || !slices.Equal(c.dirs, p.dirs) {
		return nil
	}
	for i, dir := range c.order {
		if !p.see(dir).same(c.lists[i]) {
			return nil
		}
	}
	return c.places
}

// keep notes what was chosen.
func (c *chosen) keep(p *places, places map[string]Place) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p.mu.Lock() // others go on looking
	defer p.mu.Unlock()
	c.dirs, c.order, c.lists = slices.Clone(p.dirs), slices.Clone(p.order), make([]seenDir, len(p.order))
	for i, dir := range p.order {
		c.lists[i] = p.lists[dir]
	}
	c.places = places
}
