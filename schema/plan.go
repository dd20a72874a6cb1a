package schema

// Parses struct tags. An invalid tag is a programming error and panics at the first use.

import (
	"cmp"
	"encoding"
	"fmt"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// sort classifies Go types by how their values are written.
type sort int

const (
	sortNode sort = iota
	sortCustom
	sortDuration
	sortBytes
	sortTime
	sortText
	sortString
	sortBool
	sortInt
	sortUint
	sortFloat
	sortList
	sortMap
	sortStruct
	sortPointer
)

// Secret is implemented by types whose values must not be shown. Messages never quote them.
type Secret interface{ Secret() bool }

func implements[T any](t reflect.Type) bool {
	want := reflect.TypeFor[T]()
	return t.Implements(want) || reflect.PointerTo(t).Implements(want)
}

// isSecret calls the method on a zero value of t.
func isSecret(t reflect.Type) bool {
	if !implements[Secret](t) || t.Kind() == reflect.Interface {
		return false
	}
	s, ok := reflect.New(t).Interface().(Secret)
	return ok && s.Secret()
}

func sortOf(t reflect.Type) sort {
	switch {
	case t == reflect.TypeFor[Node](), t == reflect.TypeFor[*Node]():
		return sortNode
	case t == reflect.TypeFor[Duration]():
		return sortDuration
	case t == reflect.TypeFor[Bytes]():
		return sortBytes
	case t == reflect.TypeFor[time.Time]():
		return sortTime
	case t.Kind() == reflect.Pointer:
		return sortPointer
	case reflect.PointerTo(t).Implements(reflect.TypeFor[Unmarshaler]()):
		return sortCustom
	case reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()):
		return sortText
	}
	switch t.Kind() {
	case reflect.String:
		return sortString
	case reflect.Bool:
		return sortBool
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		if t == reflect.TypeFor[time.Duration]() {
			panic("schema: use schema.Duration for time.Duration")
		}
		return sortInt
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return sortUint
	case reflect.Float32, reflect.Float64:
		return sortFloat
	case reflect.Slice:
		return sortList
	case reflect.Map:
		if t.Key().Kind() != reflect.String {
			panic(fmt.Sprintf("schema: %s: map keys must be strings", t))
		}
		return sortMap
	case reflect.Struct:
		return sortStruct
	}
	panic(fmt.Sprintf("schema: values of type %s are not supported", t))
}

// rules are the constraints that the tags set for one value.
type rules struct {
	required bool
	enum     []string
	pattern  *regexp.Regexp
	min, max *bound
}

// ofEntries returns the rules that apply to the entries of a list or map.
func (r rules) ofEntries() rules { return rules{enum: r.enum, pattern: r.pattern} }

// ofOne returns the rules for a scalar in place of a list.
func (r rules) ofOne() rules { return rules{required: r.required, enum: r.enum, pattern: r.pattern} }

// bound is a minimum or maximum. side returns -1 for a value below it, 0 for an equal one, 1 for one above.
type bound struct {
	text  string
	value any // for JSON; nil if it can only be described in words
	side  func(v reflect.Value) int
}

// field is one key of a struct.
type field struct {
	name, doc, example string
	fallback           *string // the default tag
	index              []int
	typ                reflect.Type
	rules              rules
}

// fieldsOf parses the tags of t, including those of inlined structs, in order.
func fieldsOf(t reflect.Type) []field {
	var out []field
	seen := map[string]bool{}
	for i := range t.NumField() {
		sf := t.Field(i)
		tag, tagged := sf.Tag.Lookup("yaml")
		name, _, _ := strings.Cut(tag, ",")
		wrong := func(format string, args ...any) {
			panic(fmt.Sprintf("schema: %s.%s: ", t, sf.Name) + fmt.Sprintf(format, args...))
		}
		inline := sf.Tag.Get("inline") == "true"
		var found []field
		switch {
		case name == "-":
		case inline:
			if sf.Type.Kind() != reflect.Struct || !sf.IsExported() && !sf.Anonymous {
				wrong("only an exported or embedded struct can be inlined")
			}
			found = fieldsOf(sf.Type)
			for j := range found {
				found[j].index = append([]int{i}, found[j].index...)
			}
		case !sf.IsExported() && !tagged:
		case !sf.IsExported():
			wrong("an unexported field cannot be set")
		case name == "":
			wrong(`no yaml:"name" tag; yaml:"-" omits the field`)
		default:
			found = []field{newField(sf, name, wrong)}
		}
		for _, f := range found {
			if seen[f.name] {
				wrong("duplicate field name %q", f.name)
			}
			seen[f.name] = true
		}
		out = append(out, found...)
	}
	return out
}

// hasTags reports whether t has fields to decode.
func hasTags(t reflect.Type) bool {
	for i := range t.NumField() {
		if tag := t.Field(i).Tag; tag.Get("yaml") != "" || tag.Get("inline") == "true" {
			return true
		}
	}
	return false
}

func newField(sf reflect.StructField, name string, wrong func(string, ...any)) field {
	f := field{name: name, doc: sf.Tag.Get("doc"), example: sf.Tag.Get("example"), index: sf.Index, typ: sf.Type}
	if text, ok := sf.Tag.Lookup("default"); ok {
		f.fallback = &text
	}
	f.rules.required = sf.Tag.Get("required") == "true"
	inner := sf.Type // the type that min and max apply to
	for sortOf(inner) == sortPointer {
		inner = inner.Elem()
	}
	entry := inner // the type that enum and pattern apply to
	for s := sortOf(entry); s == sortPointer || s == sortList || s == sortMap; s = sortOf(entry) {
		entry = entry.Elem()
	}
	words := sortOf(entry) == sortString || sortOf(entry) == sortText || sortOf(entry) == sortCustom
	if text, ok := sf.Tag.Lookup("enum"); ok {
		if !words || text == "" {
			wrong("enum applies to strings and requires at least one word")
		}
		f.rules.enum = strings.Split(text, ",")
	}
	if text, ok := sf.Tag.Lookup("pattern"); ok {
		re, err := regexp.Compile(text)
		if err != nil || !words {
			wrong("pattern must be a regular expression and applies to strings")
		}
		f.rules.pattern = re
	}
	for name, to := range map[string]**bound{"min": &f.rules.min, "max": &f.rules.max} {
		if text, ok := sf.Tag.Lookup(name); ok {
			b, err := newBound(inner, text)
			if err != nil {
				wrong("%s: %v", name, err)
			}
			*to = b
		}
	}
	return f
}

// newBound parses a min or max tag in the format of t's values. Strings, lists and maps are bounded by their length.
func newBound(t reflect.Type, text string) (*bound, error) {
	b := &bound{text: text}
	var err error
	ints := func(n int64, of func(reflect.Value) int64) {
		b.side = func(v reflect.Value) int { return cmp.Compare(of(v), n) }
	}
	switch sortOf(t) {
	case sortDuration:
		var d Duration
		d, err = ParseDuration(text)
		ints(int64(d), reflect.Value.Int)
	case sortBytes:
		var n Bytes
		n, err = ParseBytes(text)
		ints(int64(n), reflect.Value.Int)
	case sortInt:
		var n int64
		n, err = strconv.ParseInt(text, 10, 64)
		b.value = n
		ints(n, reflect.Value.Int)
	case sortUint:
		var n uint64
		n, err = strconv.ParseUint(text, 10, 64)
		b.value = n
		b.side = func(v reflect.Value) int { return cmp.Compare(v.Uint(), n) }
	case sortFloat:
		var n float64
		n, err = strconv.ParseFloat(text, 64)
		b.value = n
		b.side = func(v reflect.Value) int { return cmp.Compare(v.Float(), n) }
	case sortString:
		var n int64
		n, err = strconv.ParseInt(text, 10, 32)
		b.value = n
		ints(n, func(v reflect.Value) int64 { return int64(utf8.RuneCountInString(v.String())) })
	case sortList, sortMap:
		var n int64
		n, err = strconv.ParseInt(text, 10, 32)
		b.value = n
		ints(n, func(v reflect.Value) int64 { return int64(v.Len()) })
	default:
		err = fmt.Errorf("values of type %s have no order", t)
	}
	return b, err
}

// describe returns a node's type for display.
func describe(n *Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	}
	switch {
	case n.Tag == "!!null":
		return "nothing"
	case n.Tag == "!!int" || n.Tag == "!!float":
		return "a number"
	case n.Tag == "!!bool":
		return "true or false"
	case n.Tag == "!!timestamp":
		return "a date"
	}
	return "text"
}
