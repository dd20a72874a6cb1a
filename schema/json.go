package schema

// The JSON Schema (draft 2020-12) of a struct describes the rules of Decode as far as a schema can, so that editors can
// check them.

import (
	"fmt"
	"maps"
	"reflect"
	"strconv"
	"strings"
)

// JSON returns the JSON Schema of the struct v (or that v points to), made of maps, []any, strings, numbers and
// booleans. The root is described by its fields even if it is Described.
func JSON(v any) map[string]any {
	t := reflect.TypeOf(v)
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t == nil || t.Kind() != reflect.Struct {
		panic(fmt.Sprintf("schema: JSON needs a struct, not %T", v))
	}
	w := &writer{names: map[reflect.Type]string{}, defs: map[string]any{}, active: map[reflect.Type]bool{}, circular: map[reflect.Type]bool{}}
	w.findCircles(t)
	root := w.object(t)
	if w.circular[t] {
		root = w.structure(t)
	}
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	if t.Name() != "" {
		root["title"] = t.Name()
	}
	if len(w.defs) > 0 {
		root["$defs"] = w.defs
	}
	return root
}

// writer builds one schema. Recursive types go to $defs, all others are written inline.
type writer struct {
	names    map[reflect.Type]string
	defs     map[string]any
	active   map[reflect.Type]bool
	circular map[reflect.Type]bool
}

// findCircles marks the recursive struct types.
func (w *writer) findCircles(t reflect.Type) {
	switch sortOf(t) {
	case sortPointer, sortList, sortMap:
		w.findCircles(t.Elem())
	case sortCustom:
		if len(w.active) == 0 || w.active[t] { // the root describes itself
			w.circle(t)
		}
	case sortStruct:
		w.circle(t)
	}
}

func (w *writer) circle(t reflect.Type) {
	if t.Kind() != reflect.Struct {
		return
	}
	if w.active[t] {
		w.circular[t] = true
		return
	}
	w.active[t] = true
	for _, f := range fieldsOf(t) {
		w.findCircles(f.typ)
	}
	delete(w.active, t)
}

// structure returns an object schema or a reference to it.
func (w *writer) structure(t reflect.Type) map[string]any {
	if !w.circular[t] {
		return w.object(t)
	}
	name, ok := w.names[t]
	if !ok {
		name = t.String()
		for i := 2; w.defs[name] != nil; i++ {
			name = t.String() + strconv.Itoa(i)
		}
		w.names[t] = name
		w.defs[name] = true // reserves the name during the recursion
		w.defs[name] = w.object(t)
	}
	return map[string]any{"$ref": "#/$defs/" + name}
}

func (w *writer) object(t reflect.Type) map[string]any {
	properties := map[string]any{}
	var required []any
	for _, f := range fieldsOf(t) {
		properties[f.name] = w.field(f)
		if f.rules.required {
			required = append(required, f.name)
		}
	}
	out := map[string]any{"type": "object", "properties": properties, "additionalProperties": false}
	if len(required) > 0 {
		out["required"] = required
	}
	return out
}

func (w *writer) field(f field) map[string]any {
	out := w.value(f.typ, f.rules)
	if f.doc != "" {
		out["description"] = f.doc
	}
	if f.fallback != nil {
		out["default"] = tagValue(f, *f.fallback)
	}
	if f.example != "" {
		out["examples"] = []any{exampleValue(f)}
	}
	inner := f.typ
	for inner.Kind() == reflect.Pointer {
		inner = inner.Elem()
	}
	if b := f.rules; (b.min != nil && b.min.value == nil) || (b.max != nil && b.max.value == nil) {
		// A schema cannot compare durations and sizes, so the description states the limits.
		out["description"] = strings.TrimSpace(fmt.Sprintf("%s (%s)", f.doc, limits(b)))
	}
	return out
}

// value returns the schema of a type with the rules r.
func (w *writer) value(t reflect.Type, r rules) map[string]any {
	var out map[string]any
	s := sortOf(t)
	if w.circular[t] {
		return w.structure(t)
	}
	if s != sortPointer && s != sortNode && implements[Described](t) {
		return w.described(t, r)
	}
	switch s {
	case sortPointer:
		return w.value(t.Elem(), r)
	case sortNode:
		return map[string]any{}
	case sortCustom:
		out = map[string]any{}
		if isSecret(t) || len(r.enum) > 0 || r.pattern != nil {
			out["type"] = "string"
		}
	case sortDuration:
		out = map[string]any{"type": "string", "pattern": durationJSON}
		if r.min == nil || !strings.HasPrefix(r.min.text, "-") {
			out["pattern"] = strings.Replace(durationJSON, "-?", "", 1)
		}
	case sortBytes:
		out = map[string]any{"type": "string", "pattern": bytesPattern}
	case sortTime:
		out = map[string]any{"type": "string", "pattern": timePattern}
	case sortText, sortString:
		out = map[string]any{"type": "string"}
		lengths(out, "minLength", "maxLength", r)
	case sortBool:
		out = map[string]any{"type": "boolean"}
	case sortInt, sortUint:
		out = map[string]any{"type": "integer"}
		if s == sortUint {
			out["minimum"] = 0
		}
		numbers(out, r)
	case sortFloat:
		out = map[string]any{"type": "number"}
		numbers(out, r)
	case sortStruct:
		out = w.structure(t)
	case sortList:
		list := map[string]any{"type": "array", "items": w.value(t.Elem(), r.ofEntries())}
		lengths(list, "minItems", "maxItems", r)
		out = list
		if sortOf(t.Elem()) == sortString {
			out = map[string]any{"anyOf": []any{list, w.value(t.Elem(), r.ofOne())}}
			if r.min != nil && r.min.value.(int64) > 1 || r.max != nil && r.max.value.(int64) < 1 {
				out = list // a single value has too few entries, or too many
			}
		}
		return out
	case sortMap:
		out = map[string]any{
			"type": "object", "additionalProperties": w.value(t.Elem(), r.ofEntries()),
			"propertyNames": map[string]any{"pattern": `\S`},
		}
		lengths(out, "minProperties", "maxProperties", r)
		return out
	}
	words(out, r)
	return out
}

const durationJSON = `^-?[0-9]+([a-z]+[0-9]+)*(w|d|h|m|s|ms|us|ns)$`

func words(out map[string]any, r rules) {
	if len(r.enum) > 0 {
		list := make([]any, len(r.enum))
		for i, word := range r.enum {
			list[i] = word
		}
		out["enum"] = list
	}
	if r.pattern != nil {
		out["pattern"] = r.pattern.String()
	}
}

func lengths(out map[string]any, least, most string, r rules) {
	if r.required {
		out[least] = 1
	}
	if r.min != nil && r.min.value.(int64) > 0 {
		out[least] = r.min.value
	}
	if r.max != nil {
		out[most] = r.max.value
	}
}

func numbers(out map[string]any, r rules) {
	if r.min != nil {
		out["minimum"] = r.min.value
	}
	if r.max != nil {
		out["maximum"] = r.max.value
	}
}

// described calls the type's own method and moves its $defs to the root.
func (w *writer) described(t reflect.Type, r rules) map[string]any {
	out := copyJSON(reflect.New(t).Interface().(Described).JSONSchema())
	if out == nil {
		out = map[string]any{}
	}
	if defs, ok := out["$defs"].(map[string]any); ok {
		maps.Copy(w.defs, defs)
	}
	for _, key := range []string{"$defs", "$schema", "$id"} {
		delete(out, key)
	}
	words(out, r)
	return out
}
