// Package healthbody reads what the bodies of health endpoints say about a service and its components.
package healthbody

import (
	"fmt"
	"slices"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/probe"
)

// Parses the bodies of health endpoints. There is no standard format, so the common ones are supported: for the whole
// service {"status": "ok"}, {"ready": true} or {"data": {"status": "ok"}}; for components {"database": "ok"},
// {"checks": {"database": {"status": "ok"}}}, [{"name": "database", "status": "ok"}],
// {"checks": {"postgres:connections": [{"status": "pass"}]}}; and the lines of Kubernetes' verbose format,
// [+]database ok. Components may be nested. Case does not matter. Keys: words.go; words: phrase.go.

// Report is the parsed content of one or more bodies.
type Report struct {
	whole     []statusWord
	parts     Components
	counts    []string             // keys of counters of faults that are not zero
	remarks   []string             // keys of texts about a failure next to the status
	troubles  []string             // keys with a word of trouble
	exceeded  []string             // keys of figures beyond a limit in the body
	unlimited []string             // keys of figures without one
	cached    bool                 // the service says that it returns a stored result
	children  map[string]Component // the worst status below a component that may have none of its own
	shape     bodyShape
}

// bodyShape is what the members of the outermost object show about its format.
type bodyShape struct {
	ietf   bool // health+json, where warn means healthy with concerns
	aspnet bool // ASP.NET Core, where a status may be a number
}

// statusWord is one status word of the whole service and its key.
type statusWord struct{ key, word string }

// maxHealthDepth bounds the nesting depth of a body.
const maxHealthDepth = 10

func newReport() *Report {
	return &Report{parts: Components{}, children: map[string]Component{}}
}

// Parse reads a body. isObject reports whether it is a JSON object; ok is false for what is neither JSON nor a text about
// health.
func Parse(text string) (r *Report, isObject, ok bool) {
	r = newReport()
	body, err := decodeJSON(text)
	if err != nil {
		return r, false, r.readText(text)
	}
	r.read(body)
	_, isObject = body.(object)
	return r, isObject, true
}

// Components returns the components that the body reports.
func (r *Report) Components() Components { return r.parts }

// read adds the content of a body.
func (r *Report) read(body any) {
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
func (r *Report) adopt() {
	for name, worst := range r.children {
		if own, known := r.parts[name]; !known || own.weight() == 0 {
			worst.object = false // it is reported under its own name
			r.parts[name] = worst
		}
	}
}

// note adds the status of the last component of a path.
func (r *Report) note(path []string, said Component) {
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
		Components(r.children).note(above, said)
	}
}

// walk adds the status in a value to its component, or to the whole service. The path names the components around it.
func (r *Report) walk(body any, path []string, whole bool, depth int) {
	if depth > maxHealthDepth {
		return
	}
	switch v := body.(type) {
	case string:
		r.note(path, Component{word: v})
	case bool:
		r.note(path, Component{word: fmt.Sprint(v)})
	case float64: // a gauge, 1 is up, or the status of a request
		if (v == 1 || v == 200 || v == 204) && !slices.ContainsFunc(path[:max(0, len(path)-1)], func(above string) bool { return !isGroup(above) }) {
			r.note(path, Component{word: "true"})
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
			r.figure(m, v, path)
		}
	}
}

// member adds one member of an object.
func (r *Report) member(m member, path []string, whole bool, depth int) {
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
func (r *Report) says(key, word string, path []string, whole bool) {
	if whole {
		r.whole = append(r.whole, statusWord{key, word})
	} else {
		r.note(path, Component{word: word, object: true})
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

// Judge evaluates the status of the whole service at a path.
func (r *Report) Judge(path string, f *probe.ResultBuilder) {
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
	for _, key := range unique(r.troubles) {
		f.Warn(probe.ReasonUnhealthy, "%s reports trouble with %s", path, key)
	}
	for _, key := range unique(r.exceeded) {
		f.Warn(probe.ReasonUnhealthy, "%s reports %s beyond the limit in its body", path, key)
	}
	for _, key := range unique(r.counts) {
		f.Warn(probe.ReasonUnhealthy, "%s reports a number of %s that is not zero. If it counts since the start, report the current state instead", path, key)
	}
}

// Unlimited returns the keys of figures that the body gives no limit for, so that they were not judged.
func (r *Report) Unlimited() []string { return unique(r.unlimited) }

func unique(list []string) []string { return slices.Compact(slices.Sorted(slices.Values(list))) }

// HasStatus reports whether the bodies contain any health status.
func (r *Report) HasStatus() bool {
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
