package schema

// Lists and maps. A value in the document replaces the caller's default completely.

import (
	"reflect"
	"strings"

	"go.yaml.in/yaml/v3"
)

// list decodes a list, or one scalar as a list of one string.
func (d *decoder) list(c place, v reflect.Value, r rules) {
	t := v.Type()
	var entries []*Node
	switch {
	case IsNull(c.node):
		if r.required {
			d.problem(c, c.at(), "", "required, but empty")
		}
		return
	case c.node.Kind == yaml.SequenceNode:
		entries = c.node.Content
	case c.node.Kind == yaml.ScalarNode && sortOf(t.Elem()) == sortString:
		one := reflect.MakeSlice(t, 1, 1)
		if d.value(c, one.Index(0), r.ofOne()) {
			v.Set(one)
		}
		return
	default:
		d.problem(c, c.node, "", "expected a list, found %s", describe(c.node))
		return
	}
	out := reflect.MakeSlice(t, len(entries), len(entries))
	for i, entry := range entries {
		d.value(c.child(nil, entry, Index(c.path, i)), out.Index(i), r.ofEntries())
	}
	v.Set(out) // keep valid entries next to an invalid one, so that the caller can find further problems
}

// mapping decodes a mapping with arbitrary keys.
func (d *decoder) mapping(c place, v reflect.Value, r rules) {
	t := v.Type()
	switch {
	case IsNull(c.node):
		if r.required {
			d.problem(c, c.at(), "", "required, but empty")
		}
		return
	case c.node.Kind != yaml.MappingNode:
		d.problem(c, c.node, "", "expected a mapping, found %s", describe(c.node))
		return
	}
	out := reflect.MakeMap(t)
	for key, node := range Pairs(c.node) {
		if d.full() {
			return
		}
		key = plain(key)
		k := reflect.ValueOf(key.Value).Convert(t.Key())
		switch {
		case key.Kind != yaml.ScalarNode:
			d.problem(c, key, "", "key must be a string, not %s", describe(key))
		case strings.TrimSpace(key.Value) == "" || key.Tag == "!!null":
			d.problem(c, key, "", "key is empty")
		case out.MapIndex(k).IsValid():
			d.problem(c, key, "remove one", "duplicate key %s", quote(key.Value))
		default:
			entry := reflect.New(t.Elem()).Elem()
			d.value(c.child(key, node, Field(c.path, key.Value)), entry, r.ofEntries())
			out.SetMapIndex(k, entry)
		}
	}
	v.Set(out)
}
