package edit

import (
	"bytes"
	"errors"
	"io"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Edits of YAML files. A path has the keys of mappings and, for a list, an index or the name before the = of an item
// (environment: [KEY=value]). Aliases and merged mappings are followed: what they share is edited at its source. Comments
// stay.

// DropYAML removes a key or an item of a list.
func DropYAML(path ...string) Edit {
	return atYAML(path, func(at place) bool {
		parent := at.parent
		width := 1
		if parent.Kind == yaml.MappingNode {
			width = 2
		}
		parent.Content = append(parent.Content[:at.index:at.index], parent.Content[at.index+width:]...)
		if len(parent.Content) == 0 {
			parent.Style = yaml.FlowStyle // an empty block cannot be written
		}
		return true
	})
}

// SetYAML replaces a value by another, written as YAML, or sets a key of a mapping that exists.
func SetYAML(value string, path ...string) Edit {
	return atYAML(path, func(at place) bool {
		node, ok := parsed(value)
		switch {
		case !ok:
			return false
		case at.name != "":
			*target(at.parent.Content[at.index]) = yaml.Node{Kind: yaml.ScalarNode, Value: at.name + "=" + node.Value, Style: yaml.DoubleQuotedStyle}
		case at.parent.Kind == yaml.SequenceNode:
			at.parent.Content[at.index] = node
		default:
			at.parent.Content[at.index+1] = node
		}
		return true
	})
}

// AddYAML sets a key of an existing mapping, or appends an item to a list if the key is a list: the value is then one item.
func AddYAML(value, key string, path ...string) Edit {
	return changeYAML(func(doc *yaml.Node) bool {
		node, ok := parsed(value)
		holder := find(doc, path)
		if !ok || holder == nil || holder.Kind != yaml.MappingNode {
			return false
		}
		for i := 0; i+1 < len(holder.Content); i += 2 {
			if holder.Content[i].Value != key {
				continue
			}
			list := target(holder.Content[i+1])
			if list.Kind == yaml.SequenceNode {
				list.Content = append(list.Content, items(node)...)
			} else {
				holder.Content[i+1] = node
			}
			return true
		}
		holder.Content = append(holder.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: key}, node)
		return true
	})
}

func items(n *yaml.Node) []*yaml.Node {
	if n.Kind == yaml.SequenceNode {
		return n.Content
	}
	return []*yaml.Node{n}
}

// CommentYAML comments a key or an item of a list out. It applies to what starts its line.
func CommentYAML(path ...string) Edit {
	return func(content []byte) []byte {
		var first, last int
		atYAML(path, func(at place) bool {
			key := at.parent.Content[at.index]
			first, last = key.Line, key.Line
			for _, n := range at.parent.Content[at.index:min(at.index+2, len(at.parent.Content))] {
				if n == key || at.parent.Kind == yaml.MappingNode {
					last = max(last, lastLine(n))
				}
			}
			return true
		})(content)
		lines := strings.Split(string(content), "\n")
		if first < 1 || last > len(lines) {
			return content
		}
		key := path[len(path)-1]
		if head := strings.TrimLeft(lines[first-1], ` -"'`); !strings.HasPrefix(head, key) && !isIndex(key) {
			return content
		}
		return CommentLines(first, last)(content)
	}
}

func isIndex(key string) bool { _, err := strconv.Atoi(key); return err == nil }

// lastLine returns the last line of a node.
func lastLine(n *yaml.Node) int {
	last := n.Line
	if n.Kind == yaml.ScalarNode && n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
		last += strings.Count(strings.TrimRight(n.Value, "\n"), "\n") + 1
	}
	for _, c := range n.Content {
		last = max(last, lastLine(c))
	}
	return last
}

// place is a value in its mapping, where index is that of the key, or in its list.
type place struct {
	parent *yaml.Node
	index  int
	name   string // of an item KEY=value
}

// atYAML changes the value at a path, in the last document that has it.
func atYAML(path []string, change func(place) bool) Edit {
	return changeYAML(func(doc *yaml.Node) bool {
		if len(path) == 0 {
			return false
		}
		at, ok := locate(find(doc, path[:len(path)-1]), path[len(path)-1])
		return ok && change(at)
	})
}

// changeYAML writes a file again with the last document that change accepts.
func changeYAML(change func(doc *yaml.Node) bool) Edit {
	return func(content []byte) []byte {
		var docs []*yaml.Node
		decoder := yaml.NewDecoder(bytes.NewReader(content))
		for {
			doc := new(yaml.Node)
			err := decoder.Decode(doc)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return content
			}
			docs = append(docs, doc)
		}
		for i := len(docs) - 1; i >= 0; i-- {
			if len(docs[i].Content) == 1 && change(docs[i].Content[0]) {
				return written(docs, content)
			}
		}
		return content
	}
}

func written(docs []*yaml.Node, content []byte) []byte {
	var b bytes.Buffer
	encoder := yaml.NewEncoder(&b)
	encoder.SetIndent(2)
	for _, doc := range docs {
		plainMerges(doc)
		if encoder.Encode(doc) != nil {
			return content
		}
	}
	if encoder.Close() != nil {
		return content
	}
	return b.Bytes()
}

// plainMerges removes the tag of merge keys, which the encoder would write as !!merge.
func plainMerges(n *yaml.Node) {
	if n.Tag == "!!merge" {
		n.Tag = ""
	}
	for _, c := range n.Content {
		plainMerges(c)
	}
}

func parsed(value string) (*yaml.Node, bool) {
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(value), &doc); err != nil || len(doc.Content) != 1 {
		return nil, false
	}
	return doc.Content[0], true
}

func target(n *yaml.Node) *yaml.Node {
	for n != nil && n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}

// find returns the node at a path, nil if there is none.
func find(n *yaml.Node, path []string) *yaml.Node {
	n = target(n)
	for _, step := range path {
		at, ok := locate(n, step)
		switch {
		case !ok:
			return nil
		case at.parent.Kind == yaml.SequenceNode:
			n = target(at.parent.Content[at.index])
		default:
			n = target(at.parent.Content[at.index+1])
		}
	}
	return n
}

// locate returns where a mapping or a list has a key, if need be in a mapping that is merged with <<.
func locate(n *yaml.Node, step string) (place, bool) {
	n = target(n)
	if n == nil {
		return place{}, false
	}
	if n.Kind == yaml.SequenceNode {
		index, err := strconv.Atoi(step)
		if err == nil {
			return place{parent: n, index: index}, index >= 0 && index < len(n.Content)
		}
		for i, item := range n.Content {
			if key, _, _ := strings.Cut(target(item).Value, "="); key == step {
				return place{n, i, key}, true
			}
		}
		return place{}, false
	}
	if n.Kind != yaml.MappingNode {
		return place{}, false
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == step {
			return place{parent: n, index: i}, true
		}
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value != "<<" {
			continue
		}
		for _, merged := range items(target(n.Content[i+1])) {
			if at, ok := locate(merged, step); ok {
				return at, true
			}
		}
	}
	return place{}, false
}

// SetEnvironment sets a variable of a mapping (KEY: value) or of a list (- KEY=value), whichever is at the path; without either
// it makes the mapping.
func SetEnvironment(key, value string, path ...string) Edit {
	return changeYAML(func(doc *yaml.Node) bool {
		text := &yaml.Node{Kind: yaml.ScalarNode, Value: value, Style: yaml.DoubleQuotedStyle}
		item := &yaml.Node{Kind: yaml.ScalarNode, Value: key + "=" + value, Style: yaml.DoubleQuotedStyle}
		name := &yaml.Node{Kind: yaml.ScalarNode, Value: key}
		n := find(doc, path)
		if n == nil || n.Kind == yaml.ScalarNode {
			parent := find(doc, path[:len(path)-1])
			if n != nil || parent == nil || parent.Kind != yaml.MappingNode {
				return false
			}
			made := &yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{name, text}}
			parent.Content = append(parent.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: path[len(path)-1]}, made)
			return true
		}
		at, ok := locate(n, key)
		switch {
		case ok && at.parent.Kind == yaml.SequenceNode:
			at.parent.Content[at.index] = item
		case ok:
			at.parent.Content[at.index+1] = text
		case n.Kind == yaml.SequenceNode:
			n.Content = append(n.Content, item)
		default:
			n.Content = append(n.Content, name, text)
		}
		return true
	})
}
