package probe

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// What the body of a health endpoint says. There is no one form, so the common ones are read: of the whole {"status": "ok"}, {"ready": true} or
// {"data": {"status": "ok"}}; of its parts {"database": "ok"}, {"checks": {"database": {"status": "ok"}}}, [{"name": "database", "status": "ok"}],
// {"checks": {"postgres:connections": [{"status": "pass"}]}}; and the lines of Kubernetes' verbose form, [+]database ok. Keys and words count in any
// case of letters; which words speak of health is in health_words.go.

// healthReport is what one or several bodies say.
type healthReport struct {
	whole []saying
	parts components
}

// saying is one word on the whole and the key that it stood under.
type saying struct{ key, word string }

// component is what was said of one part, the worst of it.
type component struct {
	word   string
	object bool // as {"status": word}: just a key with a word may be a setting as well
}

// components are the parts by name, in small letters.
type components map[string]component

// maxHealthDepth bounds how deep a body is followed.
const maxHealthDepth = 8

// read notes what a body says.
func (r *healthReport) read(body any) {
	switch v := body.(type) {
	case string, bool:
		r.whole = append(r.whole, saying{"", fmt.Sprint(v)})
	default:
		r.walk(body, "", true, 0)
	}
}

// walk notes what a value says of the part that it belongs to, or of the whole.
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
			if word, says := healthSaying(small, value); says && whole {
				r.whole = append(r.whole, saying{small, word})
			} else if says {
				r.parts.note(name, component{word, true})
			}
			switch {
			case isStatusKey(small): // {"status": {"database": "ok"}} goes on speaking of the same
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

// statusFirst are an object's keys, those first that say how it is: of two bad words the plainer is told.
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

// deeper reports whether there is more in a value than a word.
func deeper(value any) bool {
	switch value.(type) {
	case map[string]any, []any:
		return true
	}
	return false
}

// elementName is what an element of a list is called.
func elementName(element map[string]any, otherwise string) (name string, named bool) {
	for _, key := range []string{"name", "component", "service", "dependency", "check", "type", "id"} {
		if s, ok := element[key].(string); ok && s != "" {
			return partName(s), true
		}
	}
	return otherwise, false
}

// partName is a part's name without what is measured of it: postgres:connections.
func partName(text string) string {
	name, _, _ := strings.Cut(strings.ToLower(text), ":")
	return name
}

// kubernetesLine is one check of Kubernetes' verbose form.
var kubernetesLine = regexp.MustCompile(`(?m)^\[([+-])\]([^ \r\n]+) `)

// readText notes what a body says that is no JSON; false when it says nothing.
func (r *healthReport) readText(text string) bool {
	text = strings.TrimSpace(text)
	if lines := kubernetesLine.FindAllStringSubmatch(text, -1); lines != nil {
		for _, l := range lines {
			word := "ok"
			if l[1] == "-" {
				word = "failed"
			}
			r.parts.note(partName(l[2]), component{word, true})
			r.whole = append(r.whole, saying{"", word})
		}
		return true
	}
	if text == "" || strings.ContainsAny(text[:1], `{["<`) { // broken JSON, a page
		return false
	}
	word, says := wordInText(text)
	if says {
		r.whole = append(r.whole, saying{"", word})
	}
	return says
}

// judge judges what was said of the whole at a path.
func (r *healthReport) judge(path string, f *Findings) {
	told := map[saying]bool{}
	for _, s := range r.whole {
		switch {
		case healthy(s.word) || told[s]:
		case s.key == "" || slices.Contains([]string{"status", "state", "health"}, s.key):
			f.Fail(ReasonUnhealthy, "%s says it is %s", path, shownHealth(s.word))
		case isFaultKey(s.key):
			f.Fail(ReasonUnhealthy, "%s tells of a fault (%s)", path, s.key)
		default:
			f.Fail(ReasonUnhealthy, "%s says %s is %s", path, s.key, shownHealth(s.word))
		}
		told[s] = true
	}
}

// speaks reports whether anything was said about health at all.
func (r *healthReport) speaks() bool {
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

// weight orders what may be said of a part: what is not well decides over what is, and both over a plain word that is none for health (of a
// database may be said that it is "PostgreSQL").
func (c component) weight() int {
	switch {
	case healthy(c.word):
		return 1
	case c.object || slices.ContainsFunc(healthTokens(c.word), isSick):
		return 2
	}
	return 0
}

func (c components) note(name string, said component) {
	if before, known := c[name]; name != "" && (!known || said.weight() > before.weight()) {
		c[name] = said
	}
}

// add notes all that another report said.
func (c components) add(other components) {
	for name, said := range other {
		c.note(name, said)
	}
}

// named finds a component under any of its names; of several what weighs most. Where none is called so, a longer name that holds it is taken:
// DatabaseBackend, redis connection.
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

// unwell tells of the parts beside those expected that are said to be down. A name is shown where it is a plain one.
func (c components) unwell(expected []string) []string {
	var asked []string
	for _, e := range expected {
		asked = append(asked, componentNames(e)...)
	}
	var told []string
	for name, said := range c {
		if !said.object || slices.Contains(asked, name) || !isDown(said.word) {
			continue
		}
		if !plainPart.MatchString(name) {
			name = "a component"
		}
		told = append(told, fmt.Sprintf("%s, which nobody waits for, is %s", name, shownHealth(said.word)))
	}
	slices.Sort(told)
	return slices.Compact(told)
}

// componentNames are what one component is called.
func componentNames(name string) []string {
	for _, same := range [][]string{{"database", "postgres", "postgresql", "npgsql", "db", "pg"}, {"redis", "cache", "valkey"}} {
		if slices.Contains(same, strings.ToLower(name)) {
			return same
		}
	}
	return []string{strings.ToLower(name)}
}
