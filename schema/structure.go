package schema

// Decodes a mapping into a struct. Unknown and missing keys are reported together. Validate is called only for a valid
// struct, so it can rely on its fields.

import (
	"cmp"
	"errors"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// structure decodes a mapping into the fields of a struct.
func (d *decoder) structure(c place, v reflect.Value) {
	if !IsNull(c.node) && c.node.Kind != yaml.MappingNode {
		d.problem(c, c.node, "", "expected a mapping, found %s", describe(c.node))
		return
	}
	before := len(d.problems)
	fields := d.tags.of(v.Type())
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.name
	}
	seen := map[string]bool{}
	for key, node := range Pairs(c.node) {
		if d.full() {
			return
		}
		key = plain(key)
		i := slices.Index(names, key.Value)
		switch {
		case key.Kind != yaml.ScalarNode:
			d.problem(c, key, "", "key must be a string, not %s", describe(key))
		case i < 0:
			d.problem(place{path: c.path}, key, didYouMean(key.Value, names, "known here"), "unknown field %s", quote(nameOf(key.Value)))
		case seen[key.Value]:
			d.problem(c, key, "remove one", "duplicate key %s", quote(key.Value))
		default:
			seen[key.Value] = true
			d.value(c.child(key, node, Field(c.path, key.Value)), v.FieldByIndex(fields[i].index), fields[i].rules)
		}
	}
	for _, f := range fields {
		if f.rules.required && !seen[f.name] {
			hint := ""
			if f.example != "" {
				hint = "for example " + f.name + ": " + f.example
			}
			d.problem(place{path: Field(c.path, f.name)}, c.at(), hint, "required, but missing")
		}
	}
	if len(d.problems) == before {
		d.validate(c, v)
	}
}

// validate calls Validate of the struct and of the structs inlined in it.
func (d *decoder) validate(c place, v reflect.Value) {
	for i := range v.NumField() {
		// Validate of an embedded struct may run twice, because its method may be promoted; sorting removes duplicates.
		if v.Type().Field(i).Tag.Get("inline") == "true" && v.Field(i).CanInterface() {
			d.validate(c, v.Field(i))
		}
	}
	validator, ok := v.Addr().Interface().(Validator)
	if !ok {
		return
	}
	for _, err := range validator.Validate() {
		var problem Problem
		var problems Problems
		var field FieldError
		switch {
		case err == nil:
			continue
		case errors.As(err, &problems):
		case errors.As(err, &problem):
			problems = Problems{problem}
		case errors.As(err, &field):
			at, path := locate(c, field.Field)
			problems = Problems{Problemf(d.file, path, at, "%s", field.Err)}
		default:
			problems = Problems{Problemf(d.file, c.path, c.at(), "%s", err)}
		}
		for _, p := range problems {
			if p.File == "" && p.Line == 0 {
				p.File, p.Line, p.Column, p.Path = d.file, c.at().Line, c.at().Column, cmp.Or(p.Path, c.path)
			}
			p.Message, p.Hint = masked(p.Message, c), masked(p.Hint, c)
			d.add(p)
		}
	}
}

// locate finds a field below a struct's mapping by its key or path (postgres.ports[0]). It returns the deepest existing
// node and the whole path.
func locate(c place, name string) (*Node, string) {
	at, path, node := c.at(), c.path, c.node
	for part := range strings.SplitSeq(strings.ReplaceAll(name, "[", ".["), ".") {
		var below *Node
		if i, err := strconv.Atoi(strings.Trim(part, "[]")); err == nil && strings.HasPrefix(part, "[") {
			path = Index(path, i)
			if node != nil && node.Kind == yaml.SequenceNode && 0 <= i && i < len(node.Content) {
				below = plain(node.Content[i])
				at = below
			}
		} else if part != "" {
			path = Field(path, part)
			for key, value := range Pairs(node) {
				if key.Value == part {
					at, below = key, plain(value)
				}
			}
		}
		node = below
	}
	return at, path
}
