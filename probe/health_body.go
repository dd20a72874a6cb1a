package probe

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// What the body of a health endpoint says. There is no one form, so the common ones are read: of the whole {"status": "ok"} or {"ready": true}; of its
// parts {"database": "ok"}, {"checks": {"database": {"status": "ok"}}}, [{"name": "database", "status": "ok"}],
// {"checks": {"postgres:connections": [{"status": "pass"}]}}. Keys and words count in any case of letters.

// overall judges what a body says of the whole.
func overall(body any, path string, f *Findings) {
	switch v := body.(type) {
	case map[string]any:
		for key, value := range v {
			key = strings.ToLower(key)
			switch {
			case slices.Contains([]string{"status", "state", "health"}, key):
				if word, ok := value.(string); ok && !healthy(word) {
					f.Fail(ReasonUnhealthy, "%s says it is %s", path, shownHealth(word))
				}
			case slices.Contains([]string{"ready", "healthy", "ok", "alive"}, key):
				switch value := value.(type) {
				case string:
					if !healthy(value) {
						f.Fail(ReasonUnhealthy, "%s says %s is %s", path, key, shownHealth(value))
					}
				case bool:
					if !value {
						f.Fail(ReasonUnhealthy, "%s says %s is false", path, key)
					}
				case nil:
					f.Fail(ReasonUnhealthy, "%s says %s is null", path, key)
				}
			}
		}
		if len(v) == 0 {
			f.Warn(ReasonEmpty, "%s answers an empty object", path)
		}
	case string:
		if !healthy(v) {
			f.Fail(ReasonUnhealthy, "%s says it is %s", path, shownHealth(v))
		}
	case bool:
		if !v {
			f.Fail(ReasonUnhealthy, "%s says false", path)
		}
	default:
		f.Fail(ReasonInvalid, "%s answers JSON that says nothing about health", path)
	}
}

// component is what was said of one part, the worst of it.
type component struct {
	word   string
	object bool // as {"status": word}: just a key with a word may be a setting as well
}

// components are the parts by name, in small letters.
type components map[string]component

// maxHealthDepth bounds how deep a body is followed.
const maxHealthDepth = 8

// read notes what a body says of its parts; name is the part that it belongs to.
func (c components) read(body any, name string, depth int) {
	if depth > maxHealthDepth {
		return
	}
	switch v := body.(type) {
	case string:
		c.note(name, component{word: v})
	case bool:
		c.note(name, component{word: fmt.Sprint(v)})
	case []any:
		for _, e := range v {
			part := name
			if m, ok := e.(map[string]any); ok {
				for _, key := range []string{"component", "name"} {
					if s, ok := m[key].(string); ok && s != "" {
						part = partName(s)
					}
				}
			}
			c.read(e, part, depth+1)
		}
	case map[string]any:
		for key, value := range v {
			if key = strings.ToLower(key); !slices.Contains([]string{"status", "state", "health", "healthy", "ok", "up"}, key) {
				c.read(value, partName(key), depth+1)
				continue
			}
			switch w := value.(type) {
			case string:
				c.note(name, component{w, true})
			case bool:
				c.note(name, component{fmt.Sprint(w), true})
			default:
				c.read(value, partName(key), depth+1)
			}
		}
	}
}

// partName is a part's name without what is measured of it: postgres:connections.
func partName(text string) string {
	name, _, _ := strings.Cut(strings.ToLower(text), ":")
	return name
}

var plainPart = regexp.MustCompile(`^[a-z][a-z0-9_.-]{0,30}$`)

func (c components) note(name string, said component) {
	if before, known := c[name]; name != "" && (!known || healthy(before.word)) {
		c[name] = said
	}
}

// named finds a component under any of its names; of several the one that is not well.
func (c components) named(name string) (found component, named bool) {
	for _, n := range componentNames(name) {
		if said, ok := c[n]; ok && (!named || healthy(found.word)) {
			found, named = said, true
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
		if !said.object || slices.Contains(asked, name) || !slices.Contains(downWords(), strings.ToLower(said.word)) {
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

// healthy reports whether a word says that all is well.
func healthy(word string) bool { return slices.Contains(healthWords(), strings.ToLower(word)) }

func healthWords() []string {
	return []string{"healthy", "ok", "up", "pass", "passing", "ready", "true", "alive", "connected", "green", "available", "running", "operational"}
}

// shownHealth shows a word when it is one that health endpoints use.
func shownHealth(word string) string {
	return known(word, append(healthWords(), append(downWords(), "disabled", "degraded", "false", "not_ready", "not ready", "yellow", "warn", "warning", "unknown", "starting",
		"not_configured")...)...)
}

// downWords say that something does not work; what is disabled or degraded may be meant so.
func downWords() []string {
	return []string{"unhealthy", "down", "error", "fail", "failed", "failing", "unavailable", "disconnected", "red", "stopped", "timeout"}
}

// componentNames are what one component is called.
func componentNames(name string) []string {
	for _, same := range [][]string{{"database", "postgres", "postgresql", "db", "pg"}, {"redis", "cache", "valkey"}} {
		if slices.Contains(same, strings.ToLower(name)) {
			return same
		}
	}
	return []string{strings.ToLower(name)}
}
