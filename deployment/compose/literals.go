package compose

import (
	"maps"
	"slices"

	"github.com/thenexusengine/catalyst_exporter/deployment/env"
	"github.com/thenexusengine/catalyst_exporter/deployment/source"
	"github.com/thenexusengine/catalyst_exporter/secret"
)

// Values that a compose file sets literally, instead of through a variable, file or secret.

// Literal is a text that the compose files set in a service's environment.
type Literal struct {
	Key string
	// Written is the text with all variables unset: defaults (${NAME:-default}) are part of the file, too.
	Written secret.Text
	// Text is the value that the service gets.
	Text   secret.Text
	Path   string // of the compose file, absolute
	Origin source.Origin
}

// Literals returns the texts of all services, including those of inactive profiles, without duplicates and without
// references to secret managers.
func (c *Model) Literals() []Literal {
	var all []Literal
	type place struct {
		position
		key string
	}
	seen := map[place]bool{}
	for _, service := range slices.Concat(c.Services(), slices.Sorted(maps.Keys(c.Project.DisabledServices))) {
		environment := c.Project.Services[service].Environment
		if off, inactive := c.Project.DisabledServices[service]; inactive {
			environment = off.Environment
		}
		for _, key := range slices.Sorted(maps.Keys(environment)) {
			text := environment[key]
			at, raw := c.EnvironmentAt(service, key)
			here := place{position{at.File, at.Line}, key}
			if text == nil || at.Line == 0 || seen[here] || env.ManagerScheme(*text) != "" {
				continue
			}
			seen[here] = true
			x := env.Expander{Find: func(string) (string, bool) { return "", false }, Lenient: true}
			written, err := x.Expand(raw)
			if err != nil || written == "" {
				continue // compose_config reports text that cannot be expanded
			}
			all = append(all, Literal{key, secret.New(written), secret.New(*text), c.pathOf(at.File), at})
		}
	}
	return all
}

// pathOf returns the path of a compose file by its display name.
func (c *Model) pathOf(shown string) string {
	for _, f := range c.files {
		if f.shown == shown {
			return f.path
		}
	}
	return ""
}
