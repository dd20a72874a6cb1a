package compose

import (
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/thenexusengine/catalyst_exporter/deployment/source"
)

// At returns where the compose files set an attribute of a service: "command", "environment.NAME".
func (c *Model) At(service, attribute string) source.Origin {
	e := c.place("services."+service+"."+attribute, &Error{})
	return source.Origin{File: e.File, Line: e.Line, Service: service, Via: source.ViaEnvironment}
}

// SecretAt returns where the compose files define a secret that a service gets.
func (c *Model) SecretAt(service, secret string) source.Origin {
	e := c.place("secrets."+secret, &Error{})
	return source.Origin{File: e.File, Line: e.Line, Service: service, Via: source.ViaSecret}
}

// EnvironmentAt returns where a service's environment sets a key, and the text before variable substitution.
func (c *Model) EnvironmentAt(service, key string) (source.Origin, string) {
	origin := source.Origin{Service: service, Via: source.ViaEnvironment}
	for _, f := range slices.Backward(c.files) {
		for _, doc := range f.docs {
			if n, raw := c.environmentIn(f, doc, service, key, 0); n != nil {
				origin.File, origin.Line = n.file, n.line
				return origin, raw
			}
		}
	}
	if len(c.files) > 0 {
		origin.File = c.files[0].shown
	}
	return origin, ""
}

type position struct {
	file string
	line int
}

func (c *Model) environmentIn(f *file, doc *yaml.Node, service, key string, depth int) (*position, string) {
	_, env := descend(doc, "services", service, "environment")
	if env != nil && env.Kind == yaml.SequenceNode {
		for _, item := range slices.Backward(env.Content) {
			k, text, found := strings.Cut(target(item).Value, "=")
			if k == key {
				if !found { // inherited from the environment
					text = "${" + key + "}"
				}
				return &position{f.shown, item.Line}, text
			}
		}
	} else if k, value := child(env, key); k != nil {
		return &position{f.shown, k.Line}, value.Value
	}
	_, extends := descend(doc, "services", service, "extends")
	if extends == nil || depth > 10 {
		return nil, ""
	}
	base, in := extends.Value, f
	if extends.Kind == yaml.MappingNode {
		if _, n := child(extends, "service"); n != nil {
			base = n.Value
		}
		if _, n := child(extends, "file"); n != nil {
			i := slices.IndexFunc(c.files, func(o *file) bool {
				return o.path == filepath.Clean(n.Value) || o.path == filepath.Join(filepath.Dir(f.path), n.Value)
			})
			if i < 0 {
				return nil, ""
			}
			in = c.files[i]
		}
	}
	for _, d := range in.docs {
		if p, raw := c.environmentIn(in, d, base, key, depth+1); p != nil {
			return p, raw
		}
	}
	return nil, ""
}
