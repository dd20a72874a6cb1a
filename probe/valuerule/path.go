package valuerule

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// step is one element of a path: a key, an index, or every one.
type step struct {
	key   string
	index int
	kind  stepKind
}

type stepKind int

const (
	byKey stepKind = iota
	byIndex
	every
)

// splitPath parses engines.node, services[0].image, scripts["test:unit"] and jobs.*.timeout-minutes. A leading $. is optional;
// $ alone is the whole text.
func splitPath(path string) ([]step, error) {
	if path == "$" {
		return nil, nil
	}
	rest := path
	if strings.HasPrefix(path, "$.") || strings.HasPrefix(path, "$[") { // otherwise it is a key such as $schema
		rest = path[1:]
	}
	rest = strings.TrimPrefix(rest, ".")
	var steps []step
	for rest != "" {
		if inner, ok := strings.CutPrefix(rest, "["); ok {
			s, after, err := bracket(inner)
			if err != nil {
				return nil, fmt.Errorf("%q: %w", path, err)
			}
			steps, rest = append(steps, s), strings.TrimPrefix(after, ".")
			continue
		}
		end := strings.IndexAny(rest, ".[")
		if end < 0 {
			end = len(rest)
		}
		key := rest[:end]
		if rest = rest[end:]; strings.HasPrefix(rest, ".") {
			if rest = rest[1:]; rest == "" {
				return nil, fmt.Errorf("%q ends in a dot", path)
			}
		}
		switch key {
		case "":
			return nil, fmt.Errorf("%q has an empty key", path)
		case "*":
			steps = append(steps, step{kind: every})
		default:
			steps = append(steps, step{key: key})
		}
	}
	if len(steps) == 0 {
		return nil, errors.New("the path is empty")
	}
	return steps, nil
}

// bracket parses 0], *] and "key"].
func bracket(text string) (step, string, error) {
	if strings.HasPrefix(text, `"`) || strings.HasPrefix(text, "'") {
		end := strings.Index(text[1:], text[:1]+"]")
		if end < 0 {
			return step{}, "", errors.New("a quote is not closed")
		}
		return step{key: text[1 : 1+end]}, text[end+3:], nil
	}
	inner, after, ok := strings.Cut(text, "]")
	if !ok {
		return step{}, "", errors.New("a bracket is not closed")
	}
	if inner == "*" {
		return step{kind: every}, after, nil
	}
	n, err := strconv.Atoi(inner)
	if err != nil || n < 0 {
		return step{}, "", fmt.Errorf("[%s] is neither an index, * nor a quoted key", inner)
	}
	return step{index: n, kind: byIndex}, after, nil
}

// gap stands for an entry below a * that does not have the rest of the path.
type gap struct{}

// lookUp returns all values at a path. Every entry below a * must have the rest of it; one that does not is a gap.
func lookUp(v any, steps []step) []any {
	if all, ok := v.(documents); ok {
		var found []any
		for _, v := range all {
			found = append(found, lookUp(v, steps)...)
		}
		return found
	}
	if len(steps) == 0 {
		return []any{v}
	}
	if steps[0].kind == every {
		var found []any
		for _, inner := range entries(v) {
			if values := lookUp(inner, steps[1:]); len(values) > 0 {
				found = append(found, values...)
			} else {
				found = append(found, gap{})
			}
		}
		return found
	}
	if inner, ok := entry(v, steps[0]); ok {
		return lookUp(inner, steps[1:])
	}
	return nil
}

// entries returns all entries of a list or mapping.
func entries(v any) (all []any) {
	switch v := v.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			all = append(all, v[key])
		}
	case map[any]any: // YAML keys that are not text
		for _, inner := range v {
			all = append(all, inner)
		}
	case []any:
		all = v
	}
	return all
}

// entry returns one entry.
func entry(v any, s step) (any, bool) {
	switch v := v.(type) {
	case map[string]any:
		inner, ok := v[s.key]
		return inner, ok && s.kind == byKey
	case map[any]any:
		for key, inner := range v {
			if s.kind == byKey && fmt.Sprint(key) == s.key {
				return inner, true
			}
		}
	case []any:
		if s.kind == byIndex && s.index < len(v) {
			return v[s.index], true
		}
	}
	return nil, false
}
