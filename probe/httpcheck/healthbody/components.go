package healthbody

import (
	"fmt"
	"slices"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// Components that bodies report, by name, and the verdict on each.

// Component is the worst status reported for one component.
type Component struct {
	word   string
	object bool // as {"status": word}; a plain key and word may be a setting
	mild   bool // healthy with concerns
}

// Components are the components by name, in lower case.
type Components map[string]Component

// State returns the verdict on a component: pass, warn or fail, and its status for messages.
func (c Component) State() (state probe.State, shown string) {
	p := judgeStatus(c.word)
	switch {
	case c.mild, p.standing == unclear:
		return probe.StateWarn, p.shown
	case !p.good():
		return probe.StateFail, p.shown
	}
	return probe.StatePass, p.shown
}

var plainPart = lazyregexp.New(`^[a-z][a-z0-9_.-]{0,30}$`)

// weight ranks statuses of a component: unhealthy before healthy, and both before a word unrelated to health (a
// database may have the value "PostgreSQL").
func (c Component) weight() int {
	p := judgeStatus(c.word)
	switch {
	case p.good():
		return 1
	case c.mild, p.standing == unclear:
		return 2
	case c.object || slices.ContainsFunc(healthTokens(c.word), isUnhealthyWord) || strings.HasPrefix(p.shown, `"`):
		return 3
	}
	return 0
}

func (c Components) note(name string, said Component) {
	if before, known := c[name]; name != "" && (!known || said.weight() > before.weight()) {
		c[name] = said
	}
}

// Add merges another report.
func (c Components) Add(other Components) {
	for name, said := range other {
		c.note(name, said)
	}
}

// Named finds a component under any of its names; of several, the one with the highest weight. Without an exact match a
// longer name that contains it counts: DatabaseBackend, redis connection.
func (c Components) Named(name string) (found Component, named bool) {
	take := func(said Component) {
		if !named || said.weight() > found.weight() {
			found, named = said, true
		}
	}
	names := componentNames(name)
	for _, n := range names {
		if said, ok := c[n]; ok {
			take(said)
		}
	}
	if named {
		return found, named
	}
	for part, said := range c {
		if said.weight() > 0 && slices.ContainsFunc(names, func(n string) bool { return len(n) >= 5 && strings.Contains(part, n) }) {
			take(said)
		}
	}
	return found, named
}

// UnexpectedDown describes unexpected components that are down. Unusual names are hidden.
func (c Components) UnexpectedDown(expected []string) []string {
	var known []string
	for _, e := range expected {
		known = append(known, componentNames(e)...)
	}
	var down []string
	for name, said := range c {
		if slices.Contains(known, name) || isGroup(name) || !(said.object && (isDown(said.word) || isRestriction(strings.ToLower(said.word)) || isFlawKey(said.word) || strings.HasPrefix(said.word, flawed)) || isClearlyDown(said.word)) {
			continue
		}
		if !plainPart.MatchString(name) {
			name = "(name hidden)"
		}
		down = append(down, fmt.Sprintf("unexpected component %s is %s", name, judgeStatus(said.word).shown))
	}
	slices.Sort(down)
	return slices.Compact(down)
}

// componentNames returns the names of one component.
func componentNames(name string) []string {
	for _, same := range [][]string{{"database", "postgres", "postgresql", "npgsql", "db", "pg", "r2dbc", "datasource", "sql"}, {"redis", "cache", "valkey"}} {
		if slices.Contains(same, strings.ToLower(name)) {
			return same
		}
	}
	return []string{strings.ToLower(name)}
}
