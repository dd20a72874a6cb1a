package schema

// Rules of this file: lists and maps. What is written replaces what the caller filled in, all of it.

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
	v.Set(out) // also what is good beside a bad entry, so that the caller can go on and find what else is wrong
}

// mapping decodes a mapping with free keys.
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
			d.problem(c, key, "", "a key must be a word, not %s", describe(key))
		case strings.TrimSpace(key.Value) == "" || key.Tag == "!!null":
			d.problem(c, key, "", "a key is empty")
		case out.MapIndex(k).IsValid():
			d.problem(c, key, "remove one", "key %s is written twice", quote(key.Value))
		default:
			entry := reflect.New(t.Elem()).Elem()
			d.value(c.child(key, node, Field(c.path, key.Value)), entry, r.ofEntries())
			out.SetMapIndex(k, entry)
		}
	}
	v.Set(out)
}
