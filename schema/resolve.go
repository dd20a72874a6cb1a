package schema

// Copies the parser's tree into one without aliases and merge keys, so that later code never sees shared or circular
// nodes. All nodes are counted during the copy: an alias bomb stops at maxNodes.

import (
	"strings"

	"go.yaml.in/yaml/v3"
)

// resolver copies a parsed tree.
type resolver struct {
	notebook
	path    []string // path of the current node; joined only for a problem
	active  map[*Node]bool
	nodes   int
	stopped bool  // a limit was exceeded: the rest is skipped
	alias   *Node // the outermost alias being expanded
	above   int   // the length of its path
}

func (r *resolver) resolve(n *Node) *Node {
	if out := r.copy(n, 1); out != nil {
		return out
	}
	return emptyDocument()
}

func (r *resolver) problem(n *Node, hint, format string, args ...any) {
	path := ""
	for _, element := range r.path {
		if strings.HasPrefix(element, "[") {
			path += element
		} else {
			path = Field(path, element)
		}
	}
	p := Problemf(r.file, path, n, format, args...)
	p.Hint = hint
	r.add(p)
}

// stop reports an exceeded limit, at the alias that caused it if there is one.
func (r *resolver) stop(n *Node, format string, args ...any) {
	r.stopped = true
	if r.alias != nil {
		n, r.path = r.alias, r.path[:r.above]
	}
	r.problem(n, "", format, args...)
}

// copy returns nil after a limit is exceeded or for a circular alias.
func (r *resolver) copy(n *Node, depth int) *Node {
	if r.stopped {
		return nil
	}
	if r.nodes++; r.nodes > maxNodes {
		r.stop(n, "document has more than %d values with aliases expanded", maxNodes)
		return nil
	}
	if depth > maxDepth {
		r.stop(n, "nested deeper than %d levels", maxDepth)
		return nil
	}
	if n.Kind == yaml.AliasNode {
		if r.active[n.Alias] {
			r.problem(n, "", "alias refers to itself")
			return nil
		}
		if r.alias == nil {
			r.alias, r.above = n, len(r.path)
			defer func() { r.alias = nil }()
		}
		return r.copy(n.Alias, depth)
	}
	if n.Anchor != "" {
		r.active[n] = true
		defer delete(r.active, n)
	}
	out := &Node{Kind: n.Kind, Style: n.Style, Tag: n.Tag, Value: n.Value, Line: n.Line, Column: n.Column}
	r.checkTag(n, out)
	switch n.Kind {
	case yaml.ScalarNode:
		if strings.ContainsRune(n.Value, 0) {
			r.problem(n, "", "value contains a NUL character")
		}
	case yaml.SequenceNode:
		for i, child := range n.Content {
			if c := r.below(Index("", i), child, depth); c != nil {
				out.Content = append(out.Content, c)
			}
		}
	case yaml.MappingNode:
		r.mapping(n, out, depth)
	}
	return out
}

// below copies the content of n under the path element.
func (r *resolver) below(element string, n *Node, depth int) *Node {
	path := r.path
	r.path = append(path, element)
	c := r.copy(n, depth+1)
	r.path = path
	return c
}

// checkTag accepts only tags that match the value's own type.
func (r *resolver) checkTag(n, out *Node) {
	if n.Style&yaml.TaggedStyle == 0 {
		return
	}
	out.Style &^= yaml.TaggedStyle
	switch {
	case n.Kind == yaml.ScalarNode && n.ShortTag() == "!!str", n.Kind == yaml.MappingNode && n.ShortTag() == "!!map", n.Kind == yaml.SequenceNode && n.ShortTag() == "!!seq":
	default:
		r.problem(n, "quote a value that begins with !", "tags (!name) are not supported")
		out.Tag = map[yaml.Kind]string{yaml.ScalarNode: "!!str", yaml.MappingNode: "!!map", yaml.SequenceNode: "!!seq"}[n.Kind]
	}
}

// mapping copies the pairs of n: explicit keys override merged ones, earlier merged ones override later ones.
func (r *resolver) mapping(n, out *Node, depth int) {
	lines := make(map[string]int, len(n.Content)/2)
	var merged []*Node
	merges := 0
	for i := 0; i+1 < len(n.Content) && !r.stopped; i += 2 {
		key := n.Content[i]
		if key.Kind == yaml.ScalarNode && key.ShortTag() == "!!merge" {
			if merges++; merges > 1 {
				r.problem(key, "write <<: [*a, *b]", `duplicate key "<<"`)
			}
			merged = append(merged, r.merged(n.Content[i+1], depth)...)
			continue
		}
		k := r.copy(key, depth+1)
		if k == nil {
			continue
		}
		if k.Kind != yaml.ScalarNode {
			r.problem(key, "quote a value that begins with { or [", "key must be a string, not %s", describe(k))
			continue
		}
		// The position is the key's own, even if its text comes from an alias.
		k.Line, k.Column = key.Line, key.Column
		element := keyElement(k.Value)
		line, twice := lines[k.Value]
		if twice {
			r.path = append(r.path, element)
			r.problem(key, "remove one", "duplicate key %s, first set in line %d", quote(k.Value), line)
			r.path = r.path[:len(r.path)-1]
		}
		if v := r.below(element, n.Content[i+1], depth); !twice && v != nil {
			out.Content = append(out.Content, k, v)
			lines[k.Value] = key.Line
		}
	}
	for i := 0; i+1 < len(merged); i += 2 {
		if _, ok := lines[merged[i].Value]; !ok {
			lines[merged[i].Value] = merged[i].Line
			out.Content = append(out.Content, merged[i], merged[i+1])
		}
	}
}

// merged returns the pairs of a merge key.
func (r *resolver) merged(n *Node, depth int) []*Node {
	c := r.below("<<", n, depth-1)
	if c == nil {
		return nil
	}
	sources := []*Node{c}
	if c.Kind == yaml.SequenceNode {
		sources = c.Content
	}
	var pairs []*Node
	for _, source := range sources {
		if source.Kind != yaml.MappingNode {
			r.problem(n, "", `"<<" requires a mapping or a list of mappings, not %s`, describe(source))
			return nil
		}
		pairs = append(pairs, source.Content...)
	}
	return pairs
}

// keyElement formats a key for a path: shortened, because every level below repeats it, and distinct from an index.
func keyElement(key string) string {
	count := 0
	for i := range key {
		if count == quoteLimit+1 {
			key = key[:i]
			break
		}
		count++
	}
	if strings.HasPrefix(key, "[") {
		return Field("", key)
	}
	return key
}
