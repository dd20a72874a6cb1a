package schema

// Converts default and example tags, which are text, to JSON values.

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// tagValue converts a default tag to JSON. It panics if the tag is not a valid value of the type.
func tagValue(f field, text string) any {
	out, ps := tagNode(f, text)
	if len(ps) > 0 {
		panic(fmt.Sprintf("schema: the default of %q: %v", f.name, ps))
	}
	return out
}

// exampleValue converts an example tag. Text that is not a valid value of the type stays text.
func exampleValue(f field) any {
	if out, ps := tagNode(f, f.example); len(ps) == 0 {
		return out
	}
	return f.example
}

func tagNode(f field, text string) (any, Problems) {
	t := f.typ
	for t.Kind() == reflect.Pointer && t != reflect.TypeFor[*Node]() {
		t = t.Elem()
	}
	n := &Node{Kind: yaml.ScalarNode, Tag: expandedTag, Value: text, Line: 1, Column: 1}
	switch sortOf(t) {
	case sortNode, sortCustom:
		return text, nil
	case sortList, sortMap, sortStruct:
		parsed, err := Parse("", []byte(text))
		if err != nil {
			return nil, Problems{{Message: err.Error()}}
		}
		n = parsed
		if n.Kind == yaml.ScalarNode && sortOf(t) == sortList {
			list := &Node{Kind: yaml.SequenceNode, Line: 1, Column: 1}
			for part := range strings.SplitSeq(text, ",") {
				list.Content = append(list.Content, &Node{Kind: yaml.ScalarNode, Tag: expandedTag, Value: strings.TrimSpace(part)})
			}
			n = list
		}
	}
	v := reflect.New(t)
	d := &decoder{tags: new(Tags)}
	d.value(place{node: n}, v.Elem(), rules{enum: f.rules.enum, pattern: f.rules.pattern, min: f.rules.min, max: f.rules.max})
	return treeJSON(n, sortOf(t)), d.sorted()
}

// treeJSON converts a node to JSON; s decides the type of a tag's scalar.
func treeJSON(n *Node, s sort) any {
	switch n.Kind {
	case yaml.SequenceNode:
		out := []any{}
		for _, c := range n.Content {
			out = append(out, treeJSON(c, sortNode))
		}
		return out
	case yaml.MappingNode:
		out := map[string]any{}
		for key, value := range Pairs(n) {
			out[key.Value] = treeJSON(value, sortNode)
		}
		return out
	}
	typed := s == sortBool || s == sortInt || s == sortUint || s == sortFloat || s == sortNode && slices.Contains([]string{"!!bool", "!!int", "!!float"}, n.Tag)
	var out any
	if typed && json.Unmarshal([]byte(n.Value), &out) == nil {
		return out
	}
	return n.Value
}
