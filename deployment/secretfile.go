package deployment

import (
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/thenexusengine/catalyst_exporter/deployment/source"
	"github.com/thenexusengine/catalyst_exporter/files"
	"github.com/thenexusengine/catalyst_exporter/secret"
)

// Values stored in files (KEY_FILE, secrets of the compose file), and the mapping of a container's paths to this host.

// keyFile follows KEY_FILE.
func (v *View) keyFile(c *Compose, files surroundings, service, key string) (Value, bool, error) {
	named, err := v.direct(c, files, service, key+"_FILE")
	if err != nil || !named.Set || named.Text.Empty() {
		return Value{}, false, err
	}
	origin := named.Origin
	origin.Via = source.ViaKeyFile
	inside := named.Text.Reveal()
	if s, ok := c.mountedSecret(service, inside); ok {
		value, err := v.fromSecret(c, s, key, origin)
		return value, true, err
	}
	if host, ok := c.hostPath(service, inside); ok {
		value, err := v.fromFile(key, host, origin)
		return value, true, err
	}
	return Value{Key: key, Origin: origin, Ref: Ref{RefContainer, inside}}, true, nil
}

// mountedSecret returns the secret or config that a service sees at a path.
func (c *Compose) mountedSecret(service, inside string) (types.FileObjectConfig, bool) {
	s := c.Project.Services[service]
	inside = path.Clean(inside)
	for _, x := range s.Secrets {
		at := x.Target
		if at == "" {
			at = x.Source
		}
		if !path.IsAbs(at) {
			at = path.Join("/run/secrets", at)
		}
		if path.Clean(at) == inside {
			o, ok := c.Project.Secrets[x.Source]
			return withName(types.FileObjectConfig(o), x.Source), ok
		}
	}
	for _, x := range s.Configs {
		at := x.Target
		if at == "" {
			at = "/" + x.Source
		}
		if path.Clean(at) == inside {
			o, ok := c.Project.Configs[x.Source]
			return withName(types.FileObjectConfig(o), x.Source), ok
		}
	}
	return types.FileObjectConfig{}, false
}

// secretNamed returns the service's secret with the name of the key.
func (v *View) secretNamed(c *Compose, service, key string) (Value, bool, error) {
	plain := func(s string) string { return strings.ReplaceAll(strings.ToLower(s), "-", "_") }
	for _, x := range c.Project.Services[service].Secrets {
		if plain(x.Source) != plain(key) && (x.Target == "" || plain(path.Base(x.Target)) != plain(key)) {
			continue
		}
		o, ok := c.Project.Secrets[x.Source]
		if !ok {
			continue
		}
		e := c.at("secrets."+x.Source, &ComposeError{})
		value, err := v.fromSecret(c, withName(types.FileObjectConfig(o), x.Source), key, source.Origin{File: e.File, Line: e.Line, Service: service, Via: source.ViaSecret})
		return value, true, err
	}
	return Value{}, false, nil
}

// fromSecret reads a secret or config of the compose file.
func (v *View) fromSecret(c *Compose, o types.FileObjectConfig, key string, origin source.Origin) (Value, error) {
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

// hostPath maps a path in a service's container to the host, through the innermost bind mount that contains it.
func (c *Compose) hostPath(service, inside string) (string, bool) {
	inside = path.Clean(inside)
	best, host := "", ""
	for _, m := range c.Project.Services[service].Volumes {
		at := path.Clean(m.Target)
		if inside != at && !strings.HasPrefix(inside, strings.TrimSuffix(at, "/")+"/") || len(at) < len(best) {
			continue
		}
		best, host = at, ""
		if m.Type == types.VolumeTypeBind {
			host = filepath.Join(m.Source, strings.TrimPrefix(inside, at))
		}
	}
	return host, host != ""
}

// withName sets the name of a secret that has none.
func withName(o types.FileObjectConfig, name string) types.FileObjectConfig {
	if o.Name == "" {
		o.Name = name
	}
	return o
}
