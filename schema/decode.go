package schema

// Converts nodes to structs, lists and maps. Decoding continues after a problem: an invalid value keeps the caller's
// default (or is zero for a list entry), so that callers can find further problems.

import (
	"encoding"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// datePattern is the pattern of dates. Their message gives an example.
const datePattern = "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"

// Decode fills the struct that into points to from n (of Parse; nil is an empty mapping) and returns all problems,
// sorted by line.
func Decode(file string, n *Node, into any) Problems { return DecodeAt(file, "", n, into) }

// DecodeAt is Decode for the part of a document at n's path. It decodes a struct with tagged fields by its fields even
// if it is an Unmarshaler, so that UnmarshalNode may call it on its receiver. into may also point to other types than
// structs.
func DecodeAt(file, path string, n *Node, into any) Problems {
	return new(Tags).DecodeAt(file, path, n, into)
}

// Tags caches the parsed struct tags: a checklist holds thousands of probes of few kinds. The zero value is ready to
// use. Not safe for concurrent use.
type Tags struct{ fields map[reflect.Type][]field }

// of returns the fields of a struct.
func (g *Tags) of(t reflect.Type) []field {
	fields, ok := g.fields[t]
	if !ok {
		fields = fieldsOf(t)
		if g.fields == nil {
			g.fields = map[reflect.Type][]field{}
		}
		g.fields[t] = fields
	}
	return fields
}

// DecodeAt is like the function DecodeAt.
func (g *Tags) DecodeAt(file, path string, n *Node, into any) Problems {
	v := reflect.ValueOf(into)
	if v.Kind() != reflect.Pointer || v.IsNil() {
		panic(fmt.Sprintf("schema: Decode needs a pointer to a struct, not %T", into))
	}
	if n == nil {
		n = emptyDocument()
	}
	d := &decoder{notebook: notebook{file: file}, tags: g}
	c := place{node: n, path: path}
	if v = v.Elem(); v.Kind() == reflect.Struct && sortOf(v.Type()) == sortCustom && hasTags(v.Type()) {
		c.node = plain(n)
		c.hidden = isSecret(v.Type())
		d.structure(c, v)
	} else {
		d.value(c, v, rules{})
	}
	return d.sorted()
}

type decoder struct {
	notebook
	tags  *Tags
	depth int
}

// place is the node being decoded, its key (nil for none), its path, and whether its text is secret.
type place struct {
	key, node *Node
	path      string
	hidden    bool
}

// at returns the node for problems of the whole value: its key, because the first line of a mapping's content is the
// line below the key.
func (c place) at() *Node {
	if c.key != nil {
		return c.key
	}
	return c.node
}

func (c place) child(key, node *Node, path string) place {
	return place{key: key, node: plain(node), path: path, hidden: c.hidden}
}

// show quotes the value if that is allowed, else describes it.
func (c place) show() string {
	if c.hidden {
		return describe(c.node)
	}
	return Quote(c.node)
}

// plain resolves aliases, which Parse has already done, in trees from other sources.
func plain(n *Node) *Node {
	for range maxDepth {
		switch {
		case n.Kind == yaml.AliasNode && n.Alias != nil:
			n = n.Alias
		case n.Kind == yaml.DocumentNode && len(n.Content) == 1:
			n = n.Content[0]
		default:
			return n
		}
	}
	return emptyDocument()
}

func (d *decoder) problem(c place, n *Node, hint, format string, args ...any) {
	p := Problemf(d.file, c.path, n, format, args...)
	p.Hint = hint
	d.add(p)
}

// value decodes c into v and checks the result against r. It reports whether the value is valid.
func (d *decoder) value(c place, v reflect.Value, r rules) bool {
	before := len(d.problems)
	if d.depth++; d.depth > maxDepth {
		d.problem(c, c.node, "", "nested deeper than %d levels", maxDepth)
	}
	defer func() { d.depth-- }()
	if d.depth > maxDepth || d.full() {
		return false
	}
	c.node = plain(c.node)
	t := v.Type()
	c.hidden = c.hidden || isSecret(t)
	s := sortOf(t)
	switch {
	case s == sortNode && t.Kind() == reflect.Pointer:
		v.Set(reflect.ValueOf(c.node))
	case s == sortNode:
		v.Set(reflect.ValueOf(c.node).Elem())
	case s == sortPointer:
		to := v
		if v.IsNil() {
			to = reflect.New(t.Elem())
		}
		good := d.value(c, to.Elem(), r)
		if good || to.Elem().Kind() == reflect.Struct { // keep a partial struct to find further problems
			v.Set(to)
		}
		return good // r was already checked against the pointer's target
	case s == sortCustom:
		ps := v.Addr().Interface().(Unmarshaler).UnmarshalNode(d.file, c.path, c.node)
		for _, p := range ps {
			p.Message, p.Hint = masked(p.Message, c), masked(p.Hint, c)
			d.add(p)
		}
	case s == sortStruct:
		d.structure(c, v)
	case s == sortList:
		d.list(c, v, r)
	case s == sortMap:
		d.mapping(c, v, r)
	case s == sortText:
		d.text(c, v)
	default:
		d.scalar(c, v, s)
	}
	if len(d.problems) > before {
		return false
	}
	d.hold(c, v, s, r)
	return len(d.problems) == before
}

// hold checks a decoded value against the tags.
func (d *decoder) hold(c place, v reflect.Value, s sort, r rules) {
	scalar := c.node.Kind == yaml.ScalarNode
	switch {
	case r.required && (s == sortList || s == sortMap) && v.Len() == 0,
		r.required && scalar && (s == sortString || s == sortText || s == sortCustom) && strings.TrimSpace(c.node.Value) == "":
		d.problem(c, c.at(), "", "required, but empty")
		return
	case (s == sortList || s == sortMap) && IsNull(c.node):
		return // not set
	}
	if scalar && (s == sortString || s == sortText || s == sortCustom) {
		if len(r.enum) > 0 && !slices.Contains(r.enum, c.node.Value) {
			hint := ""
			if !c.hidden && !Expanded(c.node) { // the nearest word would reveal the value
				hint = didYouMean(c.node.Value, r.enum, "")
			}
			d.problem(c, c.node, hint, "%s is not one of %s", c.show(), among(r.enum))
		}
		if r.pattern != nil && !r.pattern.MatchString(c.node.Value) {
			if r.pattern.String() == datePattern {
				d.problem(c, c.node, "", "is not a date; write it like 2026-01-31")
			} else {
				d.problem(c, c.node, "", "does not match the pattern %s", r.pattern)
			}
		}
	}
	switch {
	case r.min != nil && r.min.side(v) < 0:
		d.problem(c, c.node, "", "%s, must be %s", d.measured(c, v, s), limits(r))
	case r.max != nil && r.max.side(v) > 0:
		d.problem(c, c.node, "", "%s, must be %s", d.measured(c, v, s), limits(r))
	case r.min == nil && s == sortDuration && v.Int() < 0:
		d.problem(c, c.node, "", "%s is negative", c.show())
	}
}

// measured describes the value that is out of bounds, or its length.
func (d *decoder) measured(c place, v reflect.Value, s sort) string {
	switch s {
	case sortList, sortMap:
		return fmt.Sprintf("has %d entries", v.Len())
	case sortString:
		if c.hidden {
			return "has the wrong number of characters"
		}
		return fmt.Sprintf("has %d characters", len([]rune(v.String())))
	}
	return c.show() + " is out of bounds"
}

func limits(r rules) string {
	switch {
	case r.max == nil:
		return "at least " + r.min.text
	case r.min == nil:
		return "at most " + r.max.text
	}
	return "between " + r.min.text + " and " + r.max.text
}

// text decodes a type that implements encoding.TextUnmarshaler.
func (d *decoder) text(c place, v reflect.Value) {
	s, ps := Text(d.file, c.path, c.node)
	if d.add(ps...); len(ps) > 0 {
		return
	}
	if err := v.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(s)); err != nil {
		message := err.Error()
		if c.hidden || s != "" && strings.Contains(message, s) {
			message = "not a valid value"
		}
		d.problem(c, c.node, "", "%s", message)
	}
}
