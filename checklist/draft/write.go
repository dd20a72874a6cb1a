package draft

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/thenexusengine/catalyst_exporter/probe/phrase"
	"github.com/thenexusengine/catalyst_exporter/schema"
)

const maxFlow = 100 // columns of a probe that is written on one line

// YAML returns the draft as a checklist file.
func (d *Draft) YAML() ([]byte, error) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# Drafted from %s. Read every item before you rely on it, and set severities and fixes.\n", phrase.Printable(d.File))
	b.WriteString("# \"check:\" marks what the words of a line propose and the deployment does not confirm.\n")
	fmt.Fprintf(&b, "checklist: %s\n\ncategories:\n", quoted(d.Title))
	var categories []string
	for i := range d.Items {
		if c := d.Items[i].Category; !slices.Contains(categories, c) {
			categories = append(categories, c)
		}
	}
	for _, category := range categories {
		first := true
		for i := range d.Items {
			it := &d.Items[i]
			if it.Category != category {
				continue
			}
			if first {
				first = false
				fmt.Fprintf(&b, "  - category: %s\n", quoted(category))
				if it.CategoryTitle != "" {
					fmt.Fprintf(&b, "    title: %s\n", quoted(it.CategoryTitle))
				}
				b.WriteString("    items:\n")
			}
			if err := it.write(&b); err != nil {
				return nil, err
			}
		}
	}
	return b.Bytes(), nil
}

func (it *Item) write(b *bytes.Buffer) error {
	fmt.Fprintf(b, "      - item: %s # line %d\n        title: %s\n        fix: %s\n        probes:\n", quoted(it.Name), it.Line, quoted(it.Title), quoted(it.Fix))
	if it.Check != "" {
		fmt.Fprintf(b, "          # check: %s\n", it.Check)
	}
	for _, n := range it.Probes {
		text, err := marshal(flow(n))
		if err == nil && slices.ContainsFunc(strings.Split(text, "\n"), func(l string) bool { return len(l) > maxFlow }) {
			text, err = marshal(block(n))
		}
		if err != nil {
			return fmt.Errorf("item %s: %w", it.Name, err)
		}
		for i, line := range strings.Split(strings.TrimRight(text, "\n"), "\n") {
			prefix := "            "
			if i == 0 {
				prefix = "          - "
			}
			b.WriteString(strings.TrimRight(prefix+line, " ") + "\n")
		}
	}
	return nil
}

// flow writes the parameters of a probe on the line of its kind.
func flow(n *schema.Node) *schema.Node {
	out := block(n)
	for i := 1; i < len(out.Content); i += 2 {
		inner := *out.Content[i]
		if inner.Kind == yaml.MappingNode {
			inner.Style = yaml.FlowStyle
		}
		out.Content[i] = &inner
	}
	return out
}

// block returns a node without the styles of the table, except for lists of words.
func block(n *schema.Node) *schema.Node {
	out := *n
	out.Content = nil
	words := n.Kind == yaml.SequenceNode
	for _, inner := range n.Content {
		words = words && inner.Kind == yaml.ScalarNode
		out.Content = append(out.Content, block(inner))
	}
	if n.Kind != yaml.ScalarNode {
		out.Style = 0
	}
	if words || len(n.Content) == 0 && n.Kind == yaml.MappingNode {
		out.Style = yaml.FlowStyle
	}
	return &out
}

func marshal(n *schema.Node) (string, error) {
	var b bytes.Buffer
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	if err := e.Encode(n); err != nil {
		return "", err
	}
	return b.String(), e.Close()
}

// quoted writes a text as one YAML scalar on one line.
func quoted(text string) string {
	text = phrase.Printable(text)
	n := &schema.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: text}
	out, err := marshal(n)
	if out = strings.TrimRight(out, "\n"); err != nil || strings.Contains(out, "\n") {
		return "'" + strings.ReplaceAll(text, "'", "''") + "'"
	}
	return out
}
