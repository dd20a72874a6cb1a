package deployment

import (
	"path"
	"path/filepath"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/thenexusengine/catalyst_exporter/deployment/source"
	"github.com/thenexusengine/catalyst_exporter/secret"
)

// Files as a service sees them.

// MountedIn returns the first service, by name, that sees a file of this host through a bind mount, config or secret,
// and the path inside the service. It returns two empty texts if there is none.
func (c *Compose) MountedIn(host string) (service, inside string) {
	host = filepath.Clean(host)
	for _, name := range c.Services() {
		s := c.Project.Services[name]
		for _, m := range s.Volumes {
			rel, err := filepath.Rel(m.Source, host)
			if m.Type == types.VolumeTypeBind && err == nil && filepath.IsLocal(rel) {
				return name, path.Join(m.Target, filepath.ToSlash(rel))
			}
		}
		for _, x := range s.Configs {
			if o := c.Project.Configs[x.Source]; o.File != "" && filepath.Clean(o.File) == host {
				return name, mountTarget(x.Target, "/", x.Source)
			}
		}
		for _, x := range s.Secrets {
			if o := c.Project.Secrets[x.Source]; o.File != "" && filepath.Clean(o.File) == host {
				return name, mountTarget(x.Target, "/run/secrets", x.Source)
			}
		}
	}
	return "", ""
}

func mountTarget(target, dir, source string) string {
	switch {
	case target == "":
		return path.Join(dir, source)
	case strings.HasPrefix(target, "/"):
		return path.Clean(target)
	}
	return path.Join(dir, target)
}

// FileIn returns the content, without the line end, of a file at a path inside a service's container: a secret or
// config of the compose file, or a file below a bind mount. Ref is set for a file in the image, in a volume or outside
// the deployment's files. key names the file's purpose and named where it is configured, both for errors. The error is
// a read error, as with Env.
func (v *View) FileIn(c *Compose, service, inside, key string, named source.Origin) (Value, error) {
	named.Service, named.Via = service, source.ViaKeyFile
	if s, ok := c.mountedSecret(service, inside); ok {
		return v.fromSecret(c, s, key, named)
	}
	if host, ok := c.hostPath(service, inside); ok {
		return v.fromFile(key, host, named)
	}
	return Value{Key: key, Origin: named, Ref: Ref{RefContainer, inside}}, nil
}

// At returns where the compose files set an attribute of a service: "command", "environment.NAME".
func (c *Compose) At(service, attribute string) source.Origin {
	e := c.at("services."+service+"."+attribute, &ComposeError{})
	return source.Origin{File: e.File, Line: e.Line, Service: service, Via: source.ViaEnvironment}
}

// Written returns a value that the compose files set for a service outside its environment, for example in its command.
// Ref is set for a reference to a secret manager.
func Written(key, text string, at source.Origin) Value {
	return Value{Key: key, Set: true, Text: secret.New(text), Origin: at}.followed()
}
