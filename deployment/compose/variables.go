package compose

import (
	"maps"
	"slices"

	"go.yaml.in/yaml/v3"

	"github.com/thenexusengine/catalyst_exporter/deployment/env"
)

// The variables that the compose files refer to, and whether they have defaults.

// Variable is one variable that the compose files refer to.
type Variable struct {
	Name string
	// Required: a reference is ${NAME:?…} or ${NAME?…}. Compose rejects the files when it has no value.
	Required bool
	// Optional: every reference has a default or only tests whether the variable is set. A variable that is neither
	// Required nor Optional is empty when unset.
	Optional bool
	File     string // of the first reference, for display
	Line     int
	Services []string // services that refer to it, sorted
}

// Variables returns all variables that the compose files refer to, sorted by name.
func (c *Model) Variables() []Variable { return c.variables }

// collect fills in variables.
func (c *Model) collect() {
	byName := map[string]*Variable{}
	known := map[*yaml.Node][]env.Reference{}
	refs := func(n *yaml.Node) []env.Reference {
		found, ok := known[n]
		if !ok {
			found = env.References(n.Value)
			known[n] = found
		}
		return found
	}
	note := func(f *file, n *yaml.Node) {
		for _, r := range refs(n) {
			v := byName[r.Name]
			if v == nil {
				v = &Variable{Name: r.Name, Optional: true, File: f.shown, Line: n.Line}
				byName[r.Name] = v
			}
			v.Required = v.Required || r.Operator == '?'
			v.Optional = v.Optional && (r.Operator == '-' || r.Operator == '+')
		}
	}
	for _, f := range c.files {
		for _, doc := range f.docs {
			scalars(doc, false, func(n *yaml.Node) { note(f, n) })
			_, services := child(doc, "services")
			if services == nil || services.Kind != yaml.MappingNode {
				continue
			}
			for i := 0; i+1 < len(services.Content); i += 2 {
				name := services.Content[i].Value
				scalars(services.Content[i+1], true, func(n *yaml.Node) {
					for _, r := range refs(n) {
						if v := byName[r.Name]; v != nil && !slices.Contains(v.Services, name) {
							v.Services = append(v.Services, name)
						}
					}
				})
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		slices.Sort(byName[name].Services)
		c.variables = append(c.variables, *byName[name])
	}
}
