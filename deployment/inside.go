package deployment

import (
	"github.com/thenexusengine/catalyst_exporter/deployment/compose"
	"github.com/thenexusengine/catalyst_exporter/deployment/source"
	"github.com/thenexusengine/catalyst_exporter/secret"
)

// Files as a service sees them.

// FileIn returns the content, without the line end, of a file at a path inside a service's container: a secret or
// config of the compose file, or a file below a bind mount. Ref is set for a file in the image, in a volume or outside
// the deployment's files. key names the file's purpose and named where it is configured, both for errors. The error is
// a read error, as with Env.
func (v *View) FileIn(c *compose.Model, service, inside, key string, named source.Origin) (Value, error) {
	named.Service, named.Via = service, source.ViaKeyFile
	if s, ok := c.MountedFile(service, inside); ok {
		return v.fromSecret(c, s, key, named)
	}
	if host, ok := c.HostPath(service, inside); ok {
		return v.fromFile(key, host, named)
	}
	return Value{Key: key, Origin: named, Ref: Ref{RefContainer, inside}}, nil
}

// Written returns a value that the compose files set for a service outside its environment, for example in its command.
// Ref is set for a reference to a secret manager.
func Written(key, text string, at source.Origin) Value {
	return Value{Key: key, Set: true, Text: secret.New(text), Origin: at}.followed()
}
