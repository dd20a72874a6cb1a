package deployment

import (
	"errors"
	"io/fs"
	"slices"

	"github.com/thenexusengine/catalyst_exporter/deployment/compose"
	"github.com/thenexusengine/catalyst_exporter/deployment/env"
	"github.com/thenexusengine/catalyst_exporter/deployment/find"
	"github.com/thenexusengine/catalyst_exporter/deployment/source"
	"github.com/thenexusengine/catalyst_exporter/secret"
)

// Settings as the application's service gets them, with Compose's own precedence.

// Value is one setting as a service gets it.
type Value struct {
	Key    string // the requested key that is set; the first one when none is
	Text   secret.Text
	Set    bool // true even for the empty text; false when unset or when only Ref is known
	Origin source.Origin
	// Ref is set when the text is stored elsewhere and unknown here: Text is then empty and Set false.
	Ref Ref
	// Ambiguous reports that Compose v1 and v2 read the value differently.
	Ambiguous bool
	// Unset names variables without a value in the text; they are missing in Text.
	Unset []string
	// Blocked names a broken compose file or an absent env file of the service; "" for none. The value stands in for what
	// that file would give: it can disprove a rule, but not prove it.
	Blocked string
	// Unused is where the deployment's env file sets the key although no service gets it; nil unless Set is false and Ref
	// empty.
	Unused *source.Origin
}

// Ref says where a value is stored when it is not in the deployment's files. The zero value means none.
type Ref struct {
	Kind string // one of the Ref constants
	Name string // name of the secret or variable, or path of the file; only the scheme for a secret manager, e.g. "vault:"
}

// Kinds of a Ref.
const (
	RefManager     = "secret manager"
	RefExternal    = "external secret"       // a Docker Swarm secret, not a file
	RefEnvironment = "environment"           // the environment in which Compose is started
	RefShell       = "deploying shell"       // the same, according to deployment.env
	RefContainer   = "file in the container" // part of the image or a named volume
	RefCommand     = "command"               // computed by the service's shell script; Name says why it is undecided
)

// Value returns the first of keys that is set, as the application's service gets it. The order is: the service's
// command and entrypoint (LOG_LEVEL=debug exec app; --log-level=debug for the application), its environment, its env files (the last wins), a file that KEY_FILE names, a secret with the key's name, and a variable
// of the deployment's env file that the service uses outside its environment, for example in its command. If the
// application's service has none of the keys, the other services are searched by name (POSTGRES_PASSWORD belongs to
// postgres); see Origin.Service. An empty key counts only when no other key is set.
//
// Without a compose file only the env file is used. An error means that the value could not be looked up: a
// *compose.Error, an *env.Error, or a read error that wraps fs.ErrNotExist or fs.ErrPermission.
func (v *View) Value(keys ...string) (Value, error) { return v.value(true, keys) }

// Own is Value without the other services.
func (v *View) Own(keys ...string) (Value, error) { return v.value(false, keys) }

// OwnEach is Own for each service that runs the application, once per place where a value is set. The first result is
// that of Own. For the others, Origin names the service even if the value is not set.
func (v *View) OwnEach(keys ...string) ([]Value, error) {
	first, err := v.Own(keys...)
	if err != nil {
		return nil, err
	}
	all := []Value{first}
	c, err := v.Compose()
	if errors.Is(err, compose.ErrNoFile) || first.Blocked != "" && err != nil {
		return all, nil
	}
	if err != nil {
		return nil, err
	}
	app, err := v.AppService()
	if err != nil {
		return nil, err
	}
	for _, service := range app.Copies {
		value, err := v.valueOfService(c, service, keys)
		if err != nil {
			return nil, err
		}
		value.Origin.Service = service
		if !slices.ContainsFunc(all, func(other Value) bool { return value.sameAs(other) }) {
			all = append(all, value)
		}
	}
	return all, nil
}

// sameAs reports whether two values are from the same place, which may have different values for different services.
func (value Value) sameAs(other Value) bool {
	value.Origin.Service = other.Origin.Service
	return value.Key == other.Key && value.Origin == other.Origin && value.Set == other.Set && value.Text.Equal(other.Text)
}

// ValueIn is Value for a single service of the compose file.
func (v *View) ValueIn(service string, keys ...string) (Value, error) {
	c, err := v.Compose()
	if err != nil {
		return Value{}, err
	}
	return v.valueOfService(c, service, keys)
}

// Values returns all texts that services get for any of the keys, once per place where they are set: first the result
// of Value, set or not, then the others by service and key. Another service may get a different text, because its own
// environment overrides the env file. Unreadable env files of other services are ignored (compose_config reports them),
// but an unreadable file of KEY_FILE is an error.
func (v *View) Values(keys ...string) ([]Value, error) {
	first, err := v.Value(keys...)
	if err != nil {
		return nil, err
	}
	all := []Value{first}
	add := func(value Value, err error) error {
		known := func(other Value) bool {
			return other.Origin.File == value.Origin.File && other.Origin.Line == value.Origin.Line
		}
		if err == nil && value.Set && (!value.Text.Empty() || len(value.Unset) > 0) && !slices.ContainsFunc(all, known) {
			all = append(all, value)
		}
		return err
	}
	c, err := v.Compose()
	if first.Blocked != "" && err != nil {
		return all, nil
	}
	if errors.Is(err, compose.ErrNoFile) {
		for _, key := range keys {
			if err := add(v.valueOfEnv([]string{key})); err != nil {
				return nil, err
			}
		}
		return all, nil
	}
	if err != nil {
		return nil, err
	}
	for _, service := range c.Services() {
		for _, key := range keys {
			var file *KeyFileError
			if err := add(v.valueOfService(c, service, []string{key})); errors.As(err, &file) {
				return nil, err
			}
		}
	}
	return all, nil
}

func (v *View) value(others bool, keys []string) (Value, error) {
	if len(keys) == 0 {
		return Value{}, errors.New("no key given")
	}
	c, err := v.Compose()
	if errors.Is(err, compose.ErrNoFile) {
		return v.valueOfEnv(keys)
	}
	if err != nil {
		return v.standIn(keys, err)
	}
	app, err := v.AppService()
	if err != nil {
		return Value{}, err
	}
	var services []string
	if app.Name != "" {
		services = append(services, app.Name)
	}
	if others || app.Name == "" {
		for _, s := range c.Services() {
			if s != app.Name {
				services = append(services, s)
			}
		}
	}
	var failed error
	empty := Value{Key: keys[0]}
	for i, s := range services {
		value, err := v.valueOfService(c, s, keys)
		switch {
		case err != nil:
			if failed == nil {
				failed = err
			}
		case value.Ref.Kind != "" || value.Set && !value.Text.Empty():
			return value, nil
		case value.Set && i == 0 && s == app.Name:
			return value, nil // the application gets the empty text; other services do not matter
		case value.Set && !empty.Set:
			empty = value
		case empty.Blocked == "":
			empty.Blocked = value.Blocked
		}
	}
	if failed != nil {
		return Value{}, failed
	}
	if !empty.Set && c.Env != nil {
		for _, key := range keys {
			if e, ok := c.Env.Get(key); ok {
				empty.Unused = &source.Origin{File: c.Env.Name, Line: e.Line, Via: source.ViaEnvFile}
				break
			}
		}
	}
	return empty, nil
}

// Blocked names what keeps the values of services from being complete: compose files without a model, or the first env
// file that is absent on this machine; "" when nothing does. What may not be read does not count.
func (v *View) Blocked() string {
	c, err := v.Compose()
	var fault *compose.Error
	switch {
	case errors.As(err, &fault) && !errors.Is(err, fs.ErrPermission):
		return "blocked by compose_syntax: " + fault.Error()
	case err != nil:
		return ""
	}
	for _, service := range c.Services() {
		if absent := v.serviceFiles(c, service).absent(); absent != "" {
			return absent
		}
	}
	return ""
}

// standIn looks up a value in the deployment's env file because the compose files, for the reason broken, have no model.
// Without that file the error is broken.
func (v *View) standIn(keys []string, broken error) (Value, error) {
	blocked := v.Blocked()
	if blocked == "" {
		return Value{}, broken
	}
	value, err := v.valueOfEnv(keys)
	if err != nil {
		return Value{}, broken
	}
	value.Blocked = blocked
	return value, nil
}

// valueOfEnv looks up a value without a compose file.
func (v *View) valueOfEnv(keys []string) (Value, error) {
	env, err := v.Env()
	if err != nil {
		return Value{}, err
	}
	found := Value{Key: keys[0]}
	for _, key := range keys {
		if e, ok := env.Get(key); ok {
			if err := env.ErrBefore(e); err != nil {
				return Value{}, err
			}
			value := valueOfEntry(env, e, "", source.ViaEnvFile)
			if value.Ref.Kind != "" || !value.Text.Empty() {
				return value, nil
			}
			if !found.Set {
				found = value
			}
		}
		if e, ok := env.Get(key + "_FILE"); ok && !e.Text.Empty() {
			return v.fromFile(key, v.Deployment.Abs(e.Text.Reveal()), source.Origin{File: env.Name, Line: e.Line, Via: source.ViaKeyFile})
		}
	}
	if !found.Set {
		return found, env.Err() // entries after an error may be misread
	}
	return found, nil
}

func valueOfEntry(env *env.File, e env.Entry, service, via string) Value {
	value := Value{Key: e.Key, Text: e.Text, Set: true, Origin: source.Origin{File: env.Name, Line: e.Line, Service: service, Via: via}, Ambiguous: e.Ambiguous, Unset: e.Unset}
	return value.followed()
}

// followed turns a reference to a secret manager into a Ref.
func (value Value) followed() Value {
	if scheme := env.ManagerScheme(value.Text.Reveal()); scheme != "" {
		value.Ref = Ref{RefManager, scheme}
		value.Text, value.Set = secret.Text{}, false
	}
	return value
}

// EnvFiles returns every env file of the deployment, without duplicates: the one that was configured or found (see
// OwnsEnvFile), then those of includes and active services.
// Missing files are omitted (see Compose.ConfigError). The error reports unreadable files; the others are returned with
// it. Templates and unused env files are not included.
func (v *View) EnvFiles() ([]*env.File, error) { return v.envFiles() }

func (v *View) readEnvFiles() ([]*env.File, error) {
	var all []*env.File
	var errs []error
	add := func(file *env.File, err error) {
		switch {
		case err == nil && !slices.ContainsFunc(all, func(e *env.File) bool { return e.Path == file.Path }):
			all = append(all, file)
		case err != nil && !errors.Is(err, fs.ErrNotExist):
			errs = append(errs, err)
		}
	}
	add(v.Env())
	c, err := v.Compose()
	if errors.Is(err, compose.ErrNoFile) {
		return slices.Clip(all), errors.Join(errs...)
	}
	if err != nil {
		return slices.Clip(all), errors.Join(append(errs, err)...)
	}
	for _, env := range c.Included {
		if !find.IsTemplate(env.Path) {
			add(env, nil)
		}
	}
	for _, name := range c.Services() {
		for _, file := range c.Project.Services[name].EnvFiles {
			if !find.IsTemplate(file.Path) {
				add(v.serviceEnv(file))
			}
		}
	}
	return slices.Clip(all), errors.Join(errs...) // shared
}
