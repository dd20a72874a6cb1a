package httpcheck

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/probe"
)

// Parses the bodies of health endpoints. There is no standard format, so the common ones are supported: for the whole
// service {"status": "ok"}, {"ready": true} or {"data": {"status": "ok"}}; for components {"database": "ok"},
// {"checks": {"database": {"status": "ok"}}}, [{"name": "database", "status": "ok"}],
// {"checks": {"postgres:connections": [{"status": "pass"}]}}; and the lines of Kubernetes' verbose format,
// [+]database ok. Keys and words are case-insensitive; health_words.go lists the words.

// healthReport is the parsed content of one or more bodies.
type healthReport struct {
	whole []statusWord
	parts components
}

// statusWord is one status word of the whole service and its key.
type statusWord struct{ key, word string }

// component is the worst status reported for one component.
type component struct {
	word   string
	object bool // as {"status": word}; a plain key and word may be a setting
}

// components are the components by name, in lower case.
type components map[string]component

// maxHealthDepth bounds the nesting depth of a body.
const maxHealthDepth = 8

// read adds the content of a body.
func (r *healthReport) read(body any) {
	switch v := body.(type) {
	case string, bool:
		r.whole = append(r.whole, statusWord{"", fmt.Sprint(v)})
	default:
		r.walk(body, "", true, 0)
	}
}

// walk adds the status in a value to its component, or to the whole service.
func (r *healthReport) walk(body any, name string, whole bool, depth int) {
	if depth > maxHealthDepth {
		return
	}
	switch v := body.(type) {
	case string:
		r.parts.note(name, component{word: v})
	case bool:
		r.parts.note(name, component{word: fmt.Sprint(v)})
	case []any:
		for _, e := range v {
			part, named := name, false
			if m, ok := e.(map[string]any); ok {
				part, named = elementName(m, name)
			}
			r.walk(e, part, whole && !named, depth+1)
		}
	case map[string]any:
		for _, key := range statusFirst(v) {
			value, small := v[key], strings.ToLower(key)
			if word, says := healthStatus(small, value); says && whole {
				r.whole = append(r.whole, statusWord{small, word})
			} else if says {
				r.parts.note(name, component{word, true})
			}
			switch {
			case isStatusKey(small): // {"status": {"database": "ok"}} is still about the same component
				if deeper(value) {
					r.walk(value, name, whole, depth+1)
				}
			case isFaultKey(small) && !deeper(value):
			default:
				_, object := value.(map[string]any)
				r.walk(value, partName(key), whole && object && isWrapper(small), depth+1)
			}
		}
	}
}

// statusFirst returns the keys of an object with status keys first, so that the most specific bad word is reported.
func statusFirst(object map[string]any) []string {
	return slices.SortedFunc(maps.Keys(object), func(a, b string) int {
		first, second := isStatusKey(strings.ToLower(a)), isStatusKey(strings.ToLower(b))
		switch {
		case first && !second:
			return -1
		case second && !first:
			return 1
		}
		return strings.Compare(a, b)
	})
}

// deeper reports whether a value is an object or a list.
func deeper(value any) bool {
	switch value.(type) {
	case map[string]any, []any:
		return true
	}
	return false
}

// elementName returns the name of a list element.
func elementName(element map[string]any, otherwise string) (name string, named bool) {
	for _, key := range []string{"name", "component", "service", "dependency", "check", "type", "id"} {
		if s, ok := element[key].(string); ok && s != "" {
			return partName(s), true
		}
	}
	return otherwise, false
}

// partName returns a component name without its measurement: postgres for postgres:connections.
func partName(text string) string {
	name, _, _ := strings.Cut(strings.ToLower(text), ":")
	return name
}

// kubernetesLine matches one check of Kubernetes' verbose format.
var kubernetesLine = regexp.MustCompile(`(?m)^\[([+-])\]([^ \r\n]+) `)

// readText adds the content of a body that is not JSON; false when it has no status.
func (r *healthReport) readText(text string) bool {
	text = strings.TrimSpace(text)
	if lines := kubernetesLine.FindAllStringSubmatch(text, -1); lines != nil {
		for _, l := range lines {
			word := "ok"
			if l[1] == "-" {
				word = "failed"
			}
			r.parts.note(partName(l[2]), component{word, true})
			r.whole = append(r.whole, statusWord{"", word})
		}
		return true
	}
	if text == "" || strings.ContainsAny(text[:1], `{["<`) { // broken JSON or HTML
		return false
	}
	word, says := wordInText(text)
	if says {
		r.whole = append(r.whole, statusWord{"", word})
	}
	return says
}

// judge evaluates the status of the whole service at a path.
func (r *healthReport) judge(path string, f *probe.ResultBuilder) {
	reported := map[statusWord]bool{}
	for _, s := range r.whole {
		switch {
		case healthy(s.word) || reported[s]:
		case s.key == "" || slices.Contains([]string{"status", "state", "health"}, s.key):
			f.Fail(probe.ReasonUnhealthy, "%s reports status %s", path, formatStatus(s.word))
		case isFaultKey(s.key):
			f.Fail(probe.ReasonUnhealthy, "%s reports a fault (%s)", path, s.key)
		default:
			f.Fail(probe.ReasonUnhealthy, "%s reports that %s is %s", path, s.key, formatStatus(s.word))
		}
		reported[s] = true
	}
}

// speaks reports whether the bodies contain any health status.
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

var plainPart = regexp.MustCompile(`^[a-z][a-z0-9_.-]{0,30}$`)

// weight ranks statuses of a component: unhealthy before healthy, and both before a word unrelated to health (a
// database may have the value "PostgreSQL").
func (c component) weight() int {
	switch {
	case healthy(c.word):
		return 1
	case c.object || slices.ContainsFunc(healthTokens(c.word), isUnhealthyWord):
		return 2
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

// unwell describes unexpected components that are down. Unusual names are hidden.
func (c components) unexpectedDown(expected []string) []string {
	var known []string
	for _, e := range expected {
		known = append(known, componentNames(e)...)
	}
	var down []string
	for name, said := range c {
		if !said.object || slices.Contains(known, name) || !isDown(said.word) {
			continue
		}
		if !plainPart.MatchString(name) {
			name = "(name hidden)"
		}
		down = append(down, fmt.Sprintf("unexpected component %s is %s", name, formatStatus(said.word)))
	}
	slices.Sort(down)
	return slices.Compact(down)
}

// componentNames returns the names of one component.
func componentNames(name string) []string {
	for _, same := range [][]string{{"database", "postgres", "postgresql", "npgsql", "db", "pg"}, {"redis", "cache", "valkey"}} {
		if slices.Contains(same, strings.ToLower(name)) {
			return same
		}
	}
	return []string{strings.ToLower(name)}
}
