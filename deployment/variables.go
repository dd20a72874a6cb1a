package deployment

// The variables that the compose files refer to, and whether they have defaults.

import (
	"maps"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/template"
	"go.yaml.in/yaml/v3"
)

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
func (c *Compose) Variables() []Variable { return c.variables }

// maxReferences limits the references of one text.
const maxReferences = 1000

// maxDefaults limits the nesting of defaults; more than two levels are rare.
const maxDefaults = 10

type reference struct {
	name     string
	operator byte // 0, '-', '+', '?'
}

// references returns the variables that a text refers to, including those in defaults.
func references(text string, depth int) []reference {
	if depth > maxDefaults || !strings.Contains(text, "$") {
		return nil
	}
	var found []reference
	for _, m := range template.DefaultPattern.FindAllString(text, -1) {
		switch {
		case m == "$$" || m == "${":
			continue
		case m[1] != '{':
			found = append(found, reference{name: m[1:]})
			continue
		}
		inner, rest := strings.TrimSuffix(m[2:], "}"), ""
		if end := closingBrace(m); end >= 0 {
			inner, rest = m[2:end], m[end+1:]
		}
		name, operator := inner, byte(0)
		if at := strings.IndexAny(inner, ":-+?"); at >= 0 {
			name = inner[:at]
			tail := strings.TrimPrefix(inner[at:], ":")
			if tail != "" {
				operator = tail[0]
				if operator != '?' {
					rest = tail[1:] + " " + rest
				}
			}
		}
		found = append(found, reference{name, operator})
		found = append(found, references(rest, depth+1)...)
	}
	return found
}

// collect fills in variables.
func (c *Compose) collect() {
	byName := map[string]*Variable{}
	known := map[*yaml.Node][]reference{}
	refs := func(n *yaml.Node) []reference {
		found, ok := known[n]
		if !ok {
			found = references(n.Value, 0)
			found = found[:min(len(found), maxReferences)]
			known[n] = found
		}
		return found
	}
	note := func(f *composeFile, n *yaml.Node) {
		for _, r := range refs(n) {
			v := byName[r.name]
			if v == nil {
				v = &Variable{Name: r.name, Optional: true, File: f.shown, Line: n.Line}
				byName[r.name] = v
			}
			v.Required = v.Required || r.operator == '?'
			v.Optional = v.Optional && (r.operator == '-' || r.operator == '+')
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
						if v := byName[r.name]; v != nil && !slices.Contains(v.Services, name) {
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

// refersTo reports whether a service refers to a variable anywhere in its definition.
func (c *Compose) refersTo(service, variable string) bool {
	i, ok := slices.BinarySearchFunc(c.variables, variable, func(v Variable, name string) int { return strings.Compare(v.Name, name) })
	return ok && slices.Contains(c.variables[i].Services, service)
}
