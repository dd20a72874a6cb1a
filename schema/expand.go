package schema

// Expands ${NAME} in values after parsing, so that a value never becomes structure. The node is marked, so that a value
// never appears in an error.

import (
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
)

// expandedTag marks a scalar that contains expanded text. Parse rejects it in files.
const expandedTag = "!expanded"

// maxExpanded limits the total text of all expansions of a document.
const maxExpanded = 1 << 20

// variable matches the text allowed between "${" and "}".
var variable = lazyregexp.New(`^(?:env\.)?[A-Za-z_][A-Za-z0-9_]*$`)

// Expand replaces ${NAME} and ${env.NAME} in the scalar values (not the keys) below n by the result of lookup for
// "NAME" and "env.NAME". "$$" becomes one "$"; any other "$" stays. Replaced text is not expanded again. An unknown
// name, other text between the braces and an unclosed "${" are problems; the value is then unchanged. Expanded text
// decodes as if written without quotes, but is never null.
func Expand(file string, n *Node, lookup func(name string) (string, bool)) Problems {
	if n == nil {
		return nil
	}
	e := &expander{notebook: notebook{file: file}, lookup: lookup, left: maxExpanded}
	e.walk(n, "", 0)
	return e.sorted()
}

// Expanded reports whether the scalar n contains expanded text.
func Expanded(n *Node) bool { return n != nil && n.Kind == yaml.ScalarNode && n.Tag == expandedTag }

type expander struct {
	notebook
	lookup func(name string) (string, bool)
	left   int // bytes
}

func (e *expander) walk(n *Node, path string, depth int) {
	if depth > maxDepth {
		return
	}
	switch n.Kind {
	case yaml.DocumentNode:
		for _, c := range n.Content {
			e.walk(c, path, depth+1)
		}
	case yaml.SequenceNode:
		for i, c := range n.Content {
			e.walk(c, Index(path, i), depth+1)
		}
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			e.walk(n.Content[i+1], Field(path, n.Content[i].Value), depth+1)
		}
	case yaml.ScalarNode:
		if strings.Contains(n.Value, "$") && !Expanded(n) {
			e.scalar(n, path)
		}
	}
}

func (e *expander) scalar(n *Node, path string) {
	const escape = "write $$ for a literal $"
	failed := false
	problem := func(hint, format string, args ...any) {
		p := Problemf(e.file, path, n, format, args...)
		p.Hint, failed = hint, true
		e.add(p)
	}
	var out strings.Builder
	var pieces []string
	for rest := n.Value; rest != ""; {
		at := strings.IndexByte(rest, '$')
		if at < 0 || at == len(rest)-1 {
			out.WriteString(rest)
			break
		}
		out.WriteString(rest[:at])
		rest = rest[at:]
		switch rest[1] {
		case '$':
			out.WriteByte('$')
			rest = rest[2:]
			continue
		case '{':
		default:
			out.WriteByte('$')
			rest = rest[1:]
			continue
		}
		name, after, closed := strings.Cut(rest[2:], "}")
		if !closed {
			problem(escape, `"${" is not closed`)
			break
		}
		rest = after
		if !variable.MatchString(name) {
			// Not quoted: it may be part of a password.
			problem(escape, "only ${NAME} and ${env.NAME} are supported")
			continue
		}
		value, ok := e.lookup(name)
		switch {
		case !ok && strings.HasPrefix(name, "env."):
			problem("add it to the deployment's env file, or "+escape, "${%s} is not set", cut(name))
		case !ok:
			problem("set it in the environment, or "+escape, "${%s} is not set", cut(name))
		case !utf8.ValidString(value) || strings.ContainsRune(value, 0):
			problem("", "${%s} is not UTF-8 text", cut(name))
		case len(value) > e.left:
			e.left = 0
			problem("", "more than 1 MiB of expanded text")
		default:
			e.left -= len(value)
			pieces = append(pieces, value)
			out.WriteString(value)
		}
	}
	if failed {
		return
	}
	n.Value = out.String()
	if len(pieces) > 0 {
		n.Tag = expandedTag
		// Comments store the text to mask, even if only part of the value is quoted: Parse drops comments, so the field is
		// free.
		n.FootComment = strings.Join(pieces, "\x00")
	}
}

// cut shortens a variable's name for an error.
func cut(name string) string {
	if len(name) > quoteLimit {
		return name[:quoteLimit] + "…"
	}
	return name
}
