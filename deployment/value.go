package deployment

// A setting as the application's service really gets it, by Compose's own precedence.

import (
	"errors"
	"io/fs"
	"slices"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/secret"
)

// Value is one setting as a service really gets it.
type Value struct {
	Key    string // the one of the keys asked for that is set; the first of them when none is
	Text   secret.Text
	Set    bool // set, be it to the empty text; false when nobody sets it or only Ref is known
	Origin Origin
	// Ref says that the text is kept elsewhere and not known here: then Text is empty and Set false.
	Ref Ref
	// Ambiguous reports that Compose v1 and v2 read the value differently.
	Ambiguous bool
	// Unset names variables in the value that had no value, so that the text lacks them.
	Unset []string
	// Unused is where the key stands in the deployment's env file although no service gets it; nil unless Set is false and Ref empty.
	Unused *Origin
}

// Ref is where a value is kept when it is not in the deployment's files. The zero value is none.
type Ref struct {
	Kind string // one of the Ref constants
	Name string // the secret's or variable's name, or the file's path; of a secret manager its scheme alone, e.g. "vault:"
}

// Kinds of a Ref.
const (
	RefManager     = "secret manager"
	RefExternal    = "external secret"       // of Docker Swarm, not in a file
	RefEnvironment = "environment"           // of whoever starts Compose
	RefContainer   = "file in the container" // of the image or a named volume
)

// Origin is where a value comes from.
type Origin struct {
	File    string // relative to the root
	Line    int    // 0 when not known
	Service string // that gets it; "" when there is no compose file
	Via     string // one of the Via constants
}

// Ways a value gets into a service.
const (
	ViaEnvFile     = "env file"    // the deployment's env file: the service uses the variable elsewhere than in its environment, or there is no compose file
	ViaEnvironment = "environment" // the service's environment; Origin names the env file's line where the value is one variable of it
	ViaServiceFile = "env_file"    // one of the service's env files
	ViaSecret      = "secret"      // a secret of the compose file that is called like the key
	ViaKeyFile     = "KEY_FILE"    // a variable of the key's name with _FILE behind names the file
)

// Value is the first of keys that is set, as the application's service really gets it: its environment, its env files (the later wins), a file that
// KEY_FILE names, a secret called like the key, and last a variable of the deployment's env file that the service uses elsewhere, in its command
// for example. When the application's service lacks all keys the other services are asked, by name (POSTGRES_PASSWORD belongs to postgres): look at
// Origin.Service. A key that is set but empty is taken only when no other is set.
//
// Without compose file the env file alone decides. An error says that the value could not be looked up: a *ComposeError, an *EnvError, or one of
// reading with fs.ErrNotExist or fs.ErrPermission behind.
func (v *View) Value(keys ...string) (Value, error) { return v.value(true, keys) }

// Own is Value without the other services.
func (v *View) Own(keys ...string) (Value, error) { return v.value(false, keys) }

// OwnEach is Own for each service that runs the application, once for each place a value comes from. The first is that of Own; for the others Origin
// names the service also where the value is not set.
func (v *View) OwnEach(keys ...string) ([]Value, error) {
	first, err := v.Own(keys...)
	if err != nil {
		return nil, err
	}
	all := []Value{first}
	c, err := v.Compose()
	if errors.Is(err, ErrNoCompose) {
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

// sameAs reports whether two values are one: from one place, which may say different things to different services.
func (value Value) sameAs(other Value) bool {
	value.Origin.Service = other.Origin.Service
	return value.Key == other.Key && value.Origin == other.Origin && value.Set == other.Set && value.Text.Equal(other.Text)
}

// ValueIn is Value for one service of the compose file alone.
func (v *View) ValueIn(service string, keys ...string) (Value, error) {
	c, err := v.Compose()
	if err != nil {
		return Value{}, err
	}
	return v.valueOfService(c, service, keys)
}

// Values are all the texts that services get for any of the keys, once for each place they come from: first the one that Value returns, set or not,
// then the others by service and key. A service may get another text than the application: what its own environment says wins over the env file.
// Env files of the other services that cannot be read count as setting nothing (compose_config tells of them); a file that is named for the key does not.
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
	if errors.Is(err, ErrNoCompose) {
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
		return Value{}, errors.New("no key asked for")
	}
	c, err := v.Compose()
	if errors.Is(err, ErrNoCompose) {
		return v.valueOfEnv(keys)
	}
	if err != nil {
		return Value{}, err
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
			return value, nil // the application gets the empty text, whatever the others get
		case value.Set && !empty.Set:
			empty = value
		}
	}
	if failed != nil {
		return Value{}, failed
	}
	if !empty.Set && c.Env != nil {
		for _, key := range keys {
			if e, ok := c.Env.Get(key); ok {
				empty.Unused = &Origin{File: c.Env.File, Line: e.Line, Via: ViaEnvFile}
				break
			}
		}
	}
	return empty, nil
}

// valueOfEnv looks a value up where there is no compose file.
func (v *View) valueOfEnv(keys []string) (Value, error) {
	env, err := v.Env()
	if err != nil {
		return Value{}, err
	}
	found := Value{Key: keys[0]}
	for _, key := range keys {
		if e, ok := env.Get(key); ok {
			if err := env.behindError(e); err != nil {
				return Value{}, err
			}
			value := valueOfEntry(env, e, "", ViaEnvFile)
			if value.Ref.Kind != "" || !value.Text.Empty() {
				return value, nil
			}
			if !found.Set {
				found = value
			}
		}
		if e, ok := env.Get(key + "_FILE"); ok && !e.Text.Empty() {
			return v.fromFile(key, v.Deployment.Abs(e.Text.Reveal()), Origin{File: env.File, Line: e.Line, Via: ViaKeyFile})
		}
	}
	if !found.Set {
		return found, env.Err() // what stands behind an error was not read as it is meant
	}
	return found, nil
}

// behindError is the error that makes it uncertain what an entry means.
func (e *Env) behindError(entry Entry) error {
	var fatal *EnvError
	if errors.As(e.Err(), &fatal) && entry.Line >= fatal.Line {
		return fatal
	}
	return nil
}

func valueOfEntry(env *Env, e Entry, service, via string) Value {
	value := Value{Key: e.Key, Text: e.Text, Set: true, Origin: Origin{File: env.File, Line: e.Line, Service: service, Via: via}, Ambiguous: e.Ambiguous, Unset: e.Unset}
	return value.followed()
}

// followed turns a reference to a secret manager into a Ref.
func (value Value) followed() Value {
	if scheme := managerScheme(value.Text.Reveal()); scheme != "" {
		value.Ref = Ref{RefManager, scheme}
		value.Text, value.Set = secret.Text{}, false
	}
	return value
}

// managerScheme is the start by which secret managers' references are known; "" for what is none.
func managerScheme(text string) string {
	for _, scheme := range []string{
		"vault:", "vault+", "hashivault://", "op://", "aws-sm://", "aws-ssm://", "awssm://", "awsssm://", "arn:aws:secretsmanager:", "arn:aws:ssm:",
		"arn:aws-cn:secretsmanager:", "arn:aws-us-gov:secretsmanager:", "gcp-sm://", "gcpsm://", "gsm://", "sm://", "azure-kv://", "azurekeyvault://", "keyvault://",
		"doppler://", "infisical://", "bitwarden://", "bws://", "akeyless:", "conjur:", "ref+", "secretsmanager:", "ssm:", "@Microsoft.KeyVault(",
	} {
		if strings.HasPrefix(text, scheme) && len(text) > len(scheme) {
			return scheme
		}
	}
	return ""
}

// EnvFiles returns every env file that is used: the deployment's own and those of active services, each once, in this order. Files that are not
// there are left out (see Compose.ConfigError); the error tells of files that are there and cannot be read, the others are returned beside it.
// Templates, and env files that lie around unused, are not among them.
func (v *View) EnvFiles() ([]*Env, error) { return v.envFiles() }

func (v *View) readEnvFiles() ([]*Env, error) {
	var all []*Env
	var errs []error
	add := func(env *Env, err error) {
		switch {
		case err == nil && !slices.ContainsFunc(all, func(e *Env) bool { return e.Path == env.Path }):
			all = append(all, env)
		case err != nil && !errors.Is(err, fs.ErrNotExist):
			errs = append(errs, err)
		}
	}
	add(v.Env())
	c, err := v.Compose()
	if errors.Is(err, ErrNoCompose) {
		return slices.Clip(all), errors.Join(errs...)
	}
	if err != nil {
		return slices.Clip(all), errors.Join(append(errs, err)...)
	}
	for _, name := range c.Services() {
		for _, file := range c.Project.Services[name].EnvFiles {
			if !IsTemplate(file.Path) {
				add(v.serviceEnv(file))
			}
		}
	}
	return slices.Clip(all), errors.Join(errs...) // shared
}
