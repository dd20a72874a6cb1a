package schema

// Rules of this file: how nodes become structs, lists and maps. Nothing stops at the first problem: a value that has
// one keeps what the caller filled in (a list's entry is then zero), so that callers can go on and look for more.

import (
	"encoding"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Decode fills the struct that into points to from n (of Parse; nil is an empty mapping) and returns everything wrong with it, sorted by line.
func Decode(file string, n *Node, into any) Problems { return DecodeAt(file, "", n, into) }

// DecodeAt is Decode for a part of a document, whose path is that of n. A struct with tagged fields is decoded by them even if it is
// an Unmarshaler, so that UnmarshalNode may call it on its receiver. Pointers to other types than structs are fine too.
func DecodeAt(file, path string, n *Node, into any) Problems {
	return new(Tags).DecodeAt(file, path, n, into)
}

// Tags are what the tags of structs ask for, read once for all that is decoded with them: a checklist holds thousands of probes of few kinds. The zero
// value is ready; not safe for concurrent use.
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

// DecodeAt is the function of that name.
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

// place is what is decoded: a node, the key it stands under (nil for none), its path, and whether its text must not show.
type place struct {
	key, node *Node
	path      string
	hidden    bool
}

// at is where problems of the whole belong: the key's line, for the first line of a mapping's content is the line below.
func (c place) at() *Node {
	if c.key != nil {
		return c.key
	}
	return c.node
}

func (c place) child(key, node *Node, path string) place {
	return place{key: key, node: plain(node), path: path, hidden: c.hidden}
}

// show quotes the value if it may be quoted, else says what it is.
func (c place) show() string {
	if c.hidden {
		return describe(c.node)
	}
	return Quote(c.node)
}

// plain follows what Parse would have written out, in trees of another origin.
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

// value decodes c into v and holds the result to r. It reports whether all is well.
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
		if good || to.Elem().Kind() == reflect.Struct { // a part of a struct is something to go on with
			v.Set(to)
		}
		return good // r was held to what it points to
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
		return // not written
	}
	if scalar && (s == sortString || s == sortText || s == sortCustom) {
		if len(r.enum) > 0 && !slices.Contains(r.enum, c.node.Value) {
			hint := ""
			if !c.hidden && !Expanded(c.node) { // the nearest word would tell
				hint = didYouMean(c.node.Value, r.enum, "")
			}
			d.problem(c, c.node, hint, "%s is not one of %s", c.show(), among(r.enum))
		}
		if r.pattern != nil && !r.pattern.MatchString(c.node.Value) {
			d.problem(c, c.node, "", "does not match the pattern %s", r.pattern)
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

// measured names the value that is out of bounds, or its length.
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

// text decodes a type of the standard library's TextUnmarshaler kind.
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
