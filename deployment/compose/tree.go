package compose

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
)

// Compose files as YAML trees. They are checked against limits before the library parses them, and provide the
// positions that the library does not keep.

const (
	maxFile    = 1 << 20
	maxFiles   = 30     // including included and extended files
	maxNodes   = 50_000 // per file, with aliases expanded
	maxNesting = 100
	maxText    = 4 << 20 // bytes of values per file, with aliases expanded
)

// file is one file of the model.
type file struct {
	path  string // absolute
	shown string // for display
	data  []byte
	docs  []*yaml.Node // the root of each document; aliases are not resolved
}

var yamlLine = lazyregexp.New(`^(?:yaml: )?(?:document contains )?(?:line (\d+)(?:, column \d+)?: )?`)

// parse parses a file's YAML and rejects unbounded growth, excessive nesting and duplicate keys.
func parse(path, shown string, data []byte) (*file, error) {
	f := &file{path: path, shown: shown, data: data}
	if bytes.IndexByte(data, 0) >= 0 {
		return nil, &Error{File: shown, Kind: KindSyntax, Text: "contains a NUL byte: not a text file"}
	}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	left, text := maxNodes, maxText
	for {
		var doc yaml.Node
		err := decoder.Decode(&doc)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			text := err.Error()
			line := 0
			if m := yamlLine.FindStringSubmatch(text); m != nil {
				line, _ = strconv.Atoi(m[1])
				text = text[len(m[0]):]
			}
			return nil, &Error{File: shown, Line: line, Kind: KindSyntax, Text: "invalid YAML: " + plainWords(text)}
		}
		check := treeCheck{file: shown, left: &left, text: &text, open: map[*yaml.Node]bool{}}
		if err := check.node(&doc, 0); err != nil {
			return nil, err
		}
		if len(doc.Content) == 1 {
			f.docs = append(f.docs, doc.Content[0])
		}
	}
	return f, nil
}

// treeCheck walks a tree like a decoder that follows aliases, and stops at the limits.
type treeCheck struct {
	file string
	left *int
	text *int
	open map[*yaml.Node]bool // aliases being followed
}

func (c *treeCheck) node(n *yaml.Node, depth int) error {
	*c.left--
	*c.text -= len(n.Value)
	if *c.left < 0 || *c.text < 0 {
		return &Error{File: c.file, Line: n.Line, Kind: KindLimit,
			Text: fmt.Sprintf("contains more than %d values or %d MiB with aliases expanded", maxNodes, maxText>>20)}
	}
	if depth > maxNesting {
		return &Error{File: c.file, Line: n.Line, Kind: KindLimit,
			Text: fmt.Sprintf("is nested more than %d levels deep", maxNesting)}
	}
	if n.Kind == yaml.AliasNode {
		if c.open[n.Alias] {
			return &Error{File: c.file, Line: n.Line, Kind: KindSyntax, Text: "alias refers to its own parent"}
		}
		c.open[n.Alias] = true
		defer delete(c.open, n.Alias)
		return c.node(n.Alias, depth+1)
	}
	if n.Kind == yaml.MappingNode {
		lines := map[string]int{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			key := n.Content[i]
			if first, ok := lines[key.Value]; ok {
				return &Error{File: c.file, Line: key.Line, Kind: KindDuplicate, Key: key.Value,
					Text: fmt.Sprintf("duplicate key %s, first set in line %d", shortKey(key.Value), first)}
			}
			lines[key.Value] = key.Line
		}
	}
	for _, child := range n.Content {
		if err := c.node(child, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// shortKey formats a key for display: quoted and truncated.
func shortKey(key string) string {
	key = shownName(key)
	if len(key) > 60 {
		key = key[:60] + "…"
	}
	return strconv.Quote(key)
}

// plainName matches the start of a key that is a name of Compose.
var plainName = lazyregexp.New(`^[\w./-]*`)

// shownName cuts a key where it stops being a name: a line such as "root:HASH:20000:" of another kind of file is a key too.
func shownName(key string) string {
	if name := plainName.FindString(key); len(name) < len(key) {
		return name + "…"
	}
	return key
}

// withoutVersion blanks the obsolete top-level version, because the library warns about it through a global logger and
// otherwise ignores it. A version that is not a string on one line stays and is rejected by the library.
func (f *file) withoutVersion() []byte {
	if len(f.docs) != 1 || f.docs[0].Kind != yaml.MappingNode || f.docs[0].Style&yaml.FlowStyle != 0 {
		return f.data
	}
	root := f.docs[0]
	for i := 0; i+1 < len(root.Content); i += 2 {
		key, val := root.Content[i], root.Content[i+1]
		oneLine := key.Line == val.Line && (i+2 >= len(root.Content) || root.Content[i+2].Line > val.Line)
		if key.Value != "version" || val.Tag != "!!str" || val.Kind != yaml.ScalarNode || val.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 || val.Anchor != "" || !oneLine {
			continue
		}
		lines := bytes.SplitAfter(f.data, []byte("\n"))
		if key.Line > len(lines) || strings.Contains(val.Value, "\n") || !bytes.Contains(lines[key.Line-1], []byte(val.Value)) {
			return f.data
		}
		lines[key.Line-1] = []byte("\n")
		return bytes.Join(lines, nil)
	}
	return f.data
}

// target returns the node, or the node that it is an alias of.
func target(n *yaml.Node) *yaml.Node {
	for n != nil && n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}

// child returns the key node and the value of a mapping's key, including keys merged with <<.
func child(n *yaml.Node, key string) (keyNode, value *yaml.Node) {
	n = target(n)
	if n == nil || n.Kind != yaml.MappingNode {
		return nil, nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i], target(n.Content[i+1])
		}
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value != "<<" {
			continue
		}
		merged := target(n.Content[i+1])
		from := []*yaml.Node{merged}
		if merged.Kind == yaml.SequenceNode {
			from = merged.Content
		}
		for _, m := range from {
			if k, v := child(m, key); k != nil {
				return k, v
			}
		}
	}
	return nil, nil
}

// descend follows keys of mappings and indexes of lists.
func descend(n *yaml.Node, path ...string) (keyNode, value *yaml.Node) {
	value = target(n)
	for _, p := range path {
		if value != nil && value.Kind == yaml.SequenceNode {
			i, err := strconv.Atoi(p)
			if err != nil || i < 0 || i >= len(value.Content) {
				return nil, nil
			}
			value = target(value.Content[i])
			keyNode = value
			continue
		}
		if keyNode, value = child(value, p); keyNode == nil {
			return nil, nil
		}
	}
	return keyNode, value
}

// FilesWith returns the files, in merge order, that set the value at a path themselves: services, app, deploy.
func (c *Model) FilesWith(path ...string) (files []string) {
	for _, f := range c.files {
		for _, doc := range f.docs {
			if k, _ := descend(doc, path...); k != nil && !slices.Contains(files, f.path) {
				files = append(files, f.path)
			}
		}
	}
	return files
}

// nearest follows a dotted path as far as it exists, including keys that contain dots, and returns the last node
// reached.
func nearest(n *yaml.Node, dotted string) *yaml.Node {
	at := target(n)
	var last *yaml.Node
	parts := strings.Split(dotted, ".")
	for len(parts) > 0 && at != nil {
		step := 0
		for take := len(parts); take > 0; take-- {
			if k, v := descend(at, strings.Join(parts[:take], ".")); k != nil {
				last, at, step = k, v, take
				break
			}
		}
		if step == 0 {
			break
		}
		parts = parts[step:]
	}
	return last
}

// scalars calls visit for every scalar value below n. Aliases are followed only if follow is true.
func scalars(n *yaml.Node, follow bool, visit func(*yaml.Node)) {
	switch n.Kind {
	case yaml.AliasNode:
		if follow {
			scalars(n.Alias, follow, visit)
		}
	case yaml.ScalarNode:
		visit(n)
	case yaml.MappingNode:
		for i := 1; i < len(n.Content); i += 2 {
			scalars(n.Content[i], follow, visit)
		}
	default:
		for _, c := range n.Content {
			scalars(c, follow, visit)
		}
	}
}
