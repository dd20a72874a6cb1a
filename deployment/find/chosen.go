package find

import (
	"io/fs"
	"slices"
	"sync"
)

// Caches the chosen places until a directory they were chosen from lists different entries.

// same reports whether a directory lists the same entries as before. The index returns the identical slice for an
// unchanged directory. Symbolic links never count as unchanged: their target may have changed.
func (s seenDir) same(before seenDir) bool {
	if s.whole != before.whole || len(s.names) != len(before.names) {
		return false
	}
	return len(s.names) == 0 || &s.names[0] == &before.names[0] && !slices.ContainsFunc(s.names, func(e fs.DirEntry) bool { return e.Type()&fs.ModeSymlink != 0 })
}

// Chosen caches the places chosen among directory entries until one of the directories changes. The zero value is ready
// to use. Safe for concurrent use.
type Chosen struct {
	mu          sync.Mutex
	dirs, order []string
	lists       []seenDir // in order
	byFact      map[string]Place
}

// Folders returns the places that choose returns, by fact, and calls it only when a directory has changed. Places
// without a path get the folders that could not be listed.
func (c *Chosen) Folders(p *Folders, choose func() []Place) map[string]Place {
	if kept := c.find(p); kept != nil {
		return kept
	}
	byFact := map[string]Place{}
	for _, place := range choose() {
		if len(place.Paths) == 0 {
			place.Unseen = p.Unseen()
		}
		byFact[place.Fact] = place
	}
	c.keep(p, byFact)
	return byFact
}

// find returns the cached places, or nil when a directory has changed.
func (c *Chosen) find(p *Folders) map[string]Place {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byFact == nil || !slices.Equal(c.dirs, p.dirs) {
		return nil
	}
	for i, dir := range c.order {
		if !p.see(dir).same(c.lists[i]) {
			return nil
		}
	}
	return c.byFact
}

// keep stores the chosen places.
func (c *Chosen) keep(p *Folders, places map[string]Place) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p.mu.Lock() // p is still in use by other goroutines
	defer p.mu.Unlock()
	c.dirs, c.order, c.lists = slices.Clone(p.dirs), slices.Clone(p.order), make([]seenDir, len(p.order))
	for i, dir := range p.order {
		c.lists[i] = p.lists[dir]
	}
	c.byFact = places
}
