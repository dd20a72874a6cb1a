package checklist

import (
	"context"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/schema"
)

// A drafted checklist marks what it does not know with a placeholder. A probe with one checks nothing: whatever it would find
// concerns something else than the item.

// IsPlaceholder reports whether a value contains catalyst-replace-me, in the spelling of a host, a variable or a table.
func IsPlaceholder(value string) bool {
	return strings.Contains(strings.ReplaceAll(strings.ToLower(value), "_", "-"), "catalyst-replace-me")
}

// unfilled is a probe with a placeholder in its parameters.
type unfilled struct{ kind, parameter, place string }

// Probe implements probe.Probe.
func (u unfilled) Probe(context.Context, *probe.Pass) (probe.Result, error) {
	return probe.Result{}, probe.Unknown(probe.ReasonPlaceholder, fmt.Errorf("%s was not checked: %s", u.kind, u))
}

func (u unfilled) String() string {
	return fmt.Sprintf("parameter %s of %s is a placeholder. Replace catalyst-replace-me in %s", u.parameter, u.kind, u.place)
}

// findUnfilled returns the probe that stands for one with a placeholder in its parameters.
func findUnfilled(kind, file string, spec *schema.Node) (unfilled, bool) {
	var find func(n *schema.Node, path string) (unfilled, bool)
	find = func(n *schema.Node, path string) (unfilled, bool) {
		if n.Kind == yaml.ScalarNode && IsPlaceholder(n.Value) {
			return unfilled{kind, path, fmt.Sprintf("%s:%d", file, n.Line)}, true
		}
		for i, inner := range n.Content {
			at := path
			if n.Kind == yaml.MappingNode {
				if i%2 == 0 {
					continue // a key
				}
				at = strings.TrimPrefix(path+"."+n.Content[i-1].Value, ".")
			}
			if u, ok := find(inner, at); ok {
				return u, true
			}
		}
		return unfilled{}, false
	}
	if spec == nil {
		return unfilled{}, false
	}
	return find(spec, "")
}

// PlaceholderWarnings returns the probes that check nothing until a placeholder is replaced.
func (c *Checklist) PlaceholderWarnings() []string {
	var all []string
	for _, it := range c.Items() {
		for _, pr := range it.Probes {
			if u, ok := pr.Look.(unfilled); ok && it.Disabled == "" {
				all = append(all, fmt.Sprintf("%s stays unknown: %s", it.ID(), u))
			}
		}
	}
	return all
}
