package httpcheck

import (
	"fmt"
	"slices"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// Parses the bodies of health endpoints. There is no standard format, so the common ones are supported: for the whole
// service {"status": "ok"}, {"ready": true} or {"data": {"status": "ok"}}; for components {"database": "ok"},
// {"checks": {"database": {"status": "ok"}}}, [{"name": "database", "status": "ok"}],
// {"checks": {"postgres:connections": [{"status": "pass"}]}}; and the lines of Kubernetes' verbose format,
// [+]database ok. Components may be nested. Case does not matter. Keys: health_words.go; words: health_phrase.go.

// healthReport is the parsed content of one or more bodies.
type healthReport struct {
	whole    []statusWord
	parts    components
	counts   []string             // keys of counters of faults that are not zero
	remarks  []string             // keys of texts about a failure next to the status
	cached   bool                 // the service says that it returns a stored result
	children map[string]component // the worst status below a component that may have none of its own
	shape    bodyShape
}

// bodyShape is what the members of the outermost object show about its format.
type bodyShape struct {
	ietf   bool // health+json, where warn means healthy with concerns
	aspnet bool // ASP.NET Core, where a status may be a number
}

// statusWord is one status word of the whole service and its key.
type statusWord struct{ key, word string }

// component is the worst status reported for one component.
type component struct {
	word   string
	object bool // as {"status": word}; a plain key and word may be a setting
	mild   bool // healthy with concerns
}

// components are the components by name, in lower case.
type components map[string]component

// maxHealthDepth bounds the nesting depth of a body.
const maxHealthDepth = 10

func newHealthReport() *healthReport {
	return &healthReport{parts: components{}, children: map[string]component{}}
}

// read adds the content of a body.
func (r *healthReport) read(body any) {
	switch v := body.(type) {
	case string, bool:
		r.whole = append(r.whole, statusWord{"", fmt.Sprint(v)})
	case object:
		r.shape = shapeOf(v)
		r.walk(v, nil, true, 0)
	default:
		r.walk(body, nil, true, 0)
	}
	r.adopt()
}

func shapeOf(o object) (s bodyShape) {
	for _, key := range []string{"releaseid", "serviceid", "notes", "output", "links"} {
		_, has := o.get(key)
		s.ietf = s.ietf || has
	}
	checks, _ := o.get("checks")
	if groups, ok := checks.(object); ok {
		s.ietf = s.ietf || slices.ContainsFunc(groups, func(m member) bool { _, list := m.value.([]any); return list })
	}
	_, took := o.get("totalduration")
	_, entries := o.get("entries")
	s.aspnet = took || entries
	return s
}

// adopt gives components without a status of their own the worst one below them: {"database": {"primary": "down"}}.
func (r *healthReport) adopt() {
	for name, worst := range r.children {
		if own, known := r.parts[name]; !known || own.weight() == 0 {
			worst.object = false // it is reported under its own name
			r.parts[name] = worst
		}
	}
}

// note adds the status of the last component of a path.
func (r *healthReport) note(path []string, said component) {
	if len(path) == 0 {
		return
	}
	if r.shape.ietf && strings.EqualFold(said.word, "warn") {
		said.mild = true
	}
	r.parts.note(path[len(path)-1], said)
	if !said.object && !countsAsStatus(path[len(path)-1], said.word) {
		return
	}
	for _, above := range path[:len(path)-1] {
		components(r.children).note(above, said)
	}
}

// walk adds the status in a value to its component, or to the whole service. The path names the components around it.
func (r *healthReport) walk(body any, path []string, whole bool, depth int) {
	if depth > maxHealthDepth {
		return
	}
	switch v := body.(type) {
	case string:
		r.note(path, component{word: v})
	case bool:
		r.note(path, component{word: fmt.Sprint(v)})
	case float64: // a gauge, 1 is up, or the status of a request
		if (v == 1 || v == 200 || v == 204) && !slices.ContainsFunc(path[:max(0, len(path)-1)], func(above string) bool { return !isGroup(above) }) {
			r.note(path, component{word: "true"})
		}
	case []any:
		for _, e := range v {
			part, named := path, false
			if m, ok := e.(object); ok {
				part, named = elementPath(m, path)
			}
			r.walk(e, part, whole && !named, depth+1)
		}
	case object:
		if word, says := countedStatus(v); says {
			r.says("status", word, path, whole)
		}
		for _, m := range statusFirst(v) {
			r.member(m, path, whole, depth)
		}
	}
}

// member adds one member of an object.
func (r *healthReport) member(m member, path []string, whole bool, depth int) {
	small := strings.ToLower(m.key)
	word, says := healthStatus(small, m.value)
	if n, number := m.value.(float64); number && r.shape.aspnet && small == "status" && n >= 0 && n <= 2 {
		word, says = [...]string{"unhealthy", "degraded", "healthy"}[int(n)], true
	}
	if !says {
		word, says = flaw(m.key, m.value)
	}
	if !says {
		if part, key, ok := splitKey(m.key, m.value); ok {
			word, _ = healthStatus(key, m.value)
			if part == "" {
				r.says(key, word, path, whole)
			} else {
				r.says(key, word, append(slices.Clip(path), part), false)
			}
			return
		}
	}
	if says {
		r.says(small, word, path, whole)
	}
	if whole && !says {
		r.remark(m)
	}
	if !says && countsFaults(small, m.value) {
		r.counts = append(r.counts, small)
		return
	}
	switch {
	case isStatusKey(small): // {"status": {"database": "ok"}} is still about the same component
		if list, ok := m.value.([]any); ok { // {"status": ["ok", "fail"]}
			for _, e := range list {
				if text, ok := e.(string); ok {
					r.says(small, text, path, whole)
				}
			}
		}
		if deeper(m.value) {
			r.walk(m.value, path, whole, depth+1)
		}
	case isPastKey(m.key) && !deeper(m.value):
	case (isFaultKey(small) || isRunCount(small) || isResultKey(small)) && !deeper(m.value):
	case whole && isWrapper(small):
		_, inside := m.value.(object)
		r.walk(m.value, append(slices.Clip(path), small), inside, depth+1)
	default:
		r.walk(m.value, append(slices.Clip(path), partName(m.key)), false, depth+1)
	}
}

// says adds a status of the whole service or of the last component of a path.
func (r *healthReport) says(key, word string, path []string, whole bool) {
	if whole {
		r.whole = append(r.whole, statusWord{key, word})
	} else {
		r.note(path, component{word: word, object: true})
	}
}

// statusFirst returns the members of an object with status keys first, so that the most specific bad word is reported.
func statusFirst(o object) object {
	return slices.SortedStableFunc(slices.Values(o), func(a, b member) int {
		first, second := isStatusKey(strings.ToLower(a.key)), isStatusKey(strings.ToLower(b.key))
		switch {
		case first && !second:
			return -1
		case second && !first:
			return 1
		}
		return strings.Compare(a.key, b.key)
	})
}

// deeper reports whether a value is an object or a list.
func deeper(value any) bool {
	switch value.(type) {
	case object, []any:
		return true
	}
	return false
}

// elementPath returns the path of a list element.
func elementPath(element object, path []string) (inside []string, named bool) {
	for _, key := range []string{"name", "component", "componentname", "service", "servicename", "dependency", "check", "checkname", "componentid", "key", "target", "type", "id"} {
		if value, _ := element.get(key); value != nil {
			if s, ok := value.(string); ok && s != "" {
				return append(slices.Clip(path), partName(s)), true
			}
		}
	}
	return path, false
}

// partName returns a component name without its measurement: postgres for postgres:connections.
func partName(text string) string {
	name, _, _ := strings.Cut(strings.ToLower(text), ":")
	return name
}

// judge evaluates the status of the whole service at a path.
func (r *healthReport) judge(path string, f *probe.ResultBuilder) {
	reported := map[statusWord]bool{}
	for _, s := range r.whole {
		if reported[s] {
			continue
		}
		reported[s] = true
		p := judgeStatus(s.word)
		if s.key == sentence {
			p = judgeSentence(s.word)
		}
		switch {
		case p.good():
		case r.shape.ietf && strings.EqualFold(s.word, "warn"):
			f.Warn(probe.ReasonUnhealthy, "%s reports status \"warn\": healthy, with concerns", path)
		case p.standing == unclear:
			f.Warn(probe.ReasonUnhealthy, "%s reports status %s", path, p.shown)
		case isFaultKey(s.key), isFlawKey(s.key), isAbilityKey(s.key), isFaultList(s.key):
			f.Fail(probe.ReasonUnhealthy, "%s reports a fault (%s)", path, s.key)
		case s.key == "" || s.key == sentence || isResultKey(s.key) || isRunCount(s.key) || slices.Contains([]string{"status", "state", "health"}, s.key):
			f.Fail(probe.ReasonUnhealthy, "%s reports status %s", path, p.shown)
		default:
			f.Fail(probe.ReasonUnhealthy, "%s reports that %s is %s", path, s.key, p.shown)
		}
	}
	for _, key := range r.remarks {
		f.Warn(probe.ReasonUnhealthy, "%s reports a failure in its %s, next to a good status", path, key)
	}
	if r.cached {
		f.Warn(probe.ReasonStale, "%s reports a stored result, which may be older than a failure", path)
	}
	slices.Sort(r.counts)
	for _, key := range slices.Compact(r.counts) {
		f.Warn(probe.ReasonUnhealthy, "%s reports a number of %s that is not zero. If it counts since the start, report the current state instead", path, key)
	}
}

// hasStatus reports whether the bodies contain any health status.
func (r *healthReport) hasStatus() bool {
	if len(r.whole) > 0 {
		return true
	}
	for _, said := range r.parts {
		if said.weight() > 0 {
			return true
		}
	}
	return false
}

var plainPart = lazyregexp.New(`^[a-z][a-z0-9_.-]{0,30}$`)

// weight ranks statuses of a component: unhealthy before healthy, and both before a word unrelated to health (a
// database may have the value "PostgreSQL").
func (c component) weight() int {
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

func (c components) note(name string, said component) {
	if before, known := c[name]; name != "" && (!known || said.weight() > before.weight()) {
		c[name] = said
	}
}

// add merges another report.
func (c components) add(other components) {
	for name, said := range other {
		c.note(name, said)
	}
}

// named finds a component under any of its names; of several, the one with the highest weight. Without an exact match a
// longer name that contains it counts: DatabaseBackend, redis connection.
func (c components) named(name string) (found component, named bool) {
	take := func(said component) {
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

// unexpectedDown describes unexpected components that are down. Unusual names are hidden.
func (c components) unexpectedDown(expected []string) []string {
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
