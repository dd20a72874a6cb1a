package deployment

import (
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/thenexusengine/catalyst_exporter/deployment/compose"
	"github.com/thenexusengine/catalyst_exporter/deployment/source"
	"github.com/thenexusengine/catalyst_exporter/files"
	"github.com/thenexusengine/catalyst_exporter/secret"
)

// Values stored in files (KEY_FILE, secrets of the compose file), and the mapping of a container's paths to this host.

// keyFile follows KEY_FILE.
func (v *View) keyFile(c *compose.Model, files surroundings, service, key string) (Value, bool, error) {
	named, err := v.direct(c, files, service, key+"_FILE")
	if err != nil || !named.Set || named.Text.Empty() {
		return Value{}, false, err
	}
	origin := named.Origin
	origin.Via = source.ViaKeyFile
	inside := named.Text.Reveal()
	if s, ok := c.MountedFile(service, inside); ok {
		value, err := v.fromSecret(c, s, key, origin)
		return value, true, err
	}
	if host, ok := c.HostPath(service, inside); ok {
		value, err := v.fromFile(key, host, origin)
		return value, true, err
	}
	return Value{Key: key, Origin: origin, Ref: Ref{RefContainer, inside}}, true, nil
}

// secretNamed returns the service's secret with the name of the key.
func (v *View) secretNamed(c *compose.Model, service, key string) (Value, bool, error) {
	plain := func(s string) string { return strings.ReplaceAll(strings.ToLower(s), "-", "_") }
	for _, x := range c.Project.Services[service].Secrets {
		if plain(x.Source) != plain(key) && (x.Target == "" || plain(path.Base(x.Target)) != plain(key)) {
			continue
		}
		o, ok := c.Project.Secrets[x.Source]
		if !ok {
			continue
		}
		value, err := v.fromSecret(c, compose.WithName(types.FileObjectConfig(o), x.Source), key, c.SecretAt(service, x.Source))
		return value, true, err
	}
	return Value{}, false, nil
}

// fromSecret reads a secret or config of the compose file.
func (v *View) fromSecret(c *compose.Model, o types.FileObjectConfig, key string, origin source.Origin) (Value, error) {
	switch {
	case bool(o.External):
		return Value{Key: key, Origin: origin, Ref: Ref{RefExternal, o.Name}}, nil
	case o.File != "":
		return v.fromFile(key, o.File, origin)
	case o.Environment != "":
		if c.Env != nil {
			if e, ok := c.Env.Get(o.Environment); ok {
				value := valueOfEntry(c.Env, e, origin.Service, origin.Via)
				value.Key = key
				return value, c.Env.ErrBefore(e)
			}
		}
		return Value{Key: key, Origin: origin, Ref: Ref{RefEnvironment, o.Environment}}, nil
	case o.Content != "":
		return Value{Key: key, Set: true, Text: secret.New(strings.TrimRight(o.Content, "\r\n")), Origin: origin}.followed(), nil
	}
	return Value{Key: key, Origin: origin, Ref: Ref{RefExternal, o.Name}}, nil
}

// KeyFileError reports that the file with a key's value could not be read. Values from other files are unaffected.
type KeyFileError struct {
	Key   string
	Named source.Origin // where the file is configured
	Err   error
}

// Error implements error.
func (e *KeyFileError) Error() string {
	return fmt.Sprintf("file of %s, set at %s: %v", e.Key, e.Named, e.Err)
}

// Unwrap returns the read error.
func (e *KeyFileError) Unwrap() error { return e.Err }

// fromFile reads a secret from a file on this host and removes the trailing line end.
func (v *View) fromFile(key, path string, origin source.Origin) (Value, error) {
	text, err := files.Load(v.cache, path, "secret", maxSecretFile, func(data []byte, _ fs.FileInfo) (secret.Text, error) {
		return secret.New(strings.TrimRight(string(data), "\r\n")), nil
	})
	if err != nil {
		return Value{}, &KeyFileError{Key: key, Named: origin, Err: err}
	}
	origin.File, origin.Line = v.Deployment.Rel(path), 0
	return Value{Key: key, Set: true, Text: text, Origin: origin}.followed(), nil
}
