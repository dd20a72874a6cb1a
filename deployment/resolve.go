package deployment

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/thenexusengine/catalyst_exporter/deployment/compose"
	"github.com/thenexusengine/catalyst_exporter/deployment/env"
	"github.com/thenexusengine/catalyst_exporter/deployment/source"
	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
	"github.com/thenexusengine/catalyst_exporter/secret"
)

// Looks up a value within one service.

// maxSecretFile limits a file that holds one secret, or the configuration of the server that uses it.
const maxSecretFile = 256 << 10

// surroundings holds the values from a service's env files.
type surroundings struct {
	values map[string]env.Value
	// missing is the error of the first env file that could not be read or that Compose rejects; its values are unknown.
	missing error
}

// serviceFiles reads a service's env files once per pass.
func (v *View) serviceFiles(c *compose.Model, name string) surroundings {
	v.mu.Lock()
	known, ok := v.services[name]
	v.mu.Unlock()
	if ok {
		return known
	}
	files := c.Project.Services[name].EnvFiles
	envs, errs := make([]*env.File, len(files)), make([]error, len(files))
	for i, file := range files {
		envs[i], errs[i] = v.serviceEnv(file)
	}
	// Expand them again only when a file or the model changed. Errors may differ every time, so a result with errors is
	// not reused.
	known, ok = v.Deployment.around.find(name, c, envs)
	if !ok || errors.Join(errs...) != nil {
		known = expandFiles(c, name, envs, errs)
		v.Deployment.around.keep(name, c, envs, known)
	}
	v.mu.Lock()
	v.services[name] = known
	v.mu.Unlock()
	return known
}

// expandFiles returns the values of a service's env files.
func expandFiles(c *compose.Model, name string, envs []*env.File, errs []error) surroundings {
	s := surroundings{values: map[string]env.Value{}}
	service := c.Project.Services[name]
	outer := func(key string) (string, bool) {
		if text, ok := c.Lookup(key); ok {
			return text, true
		}
		if text := service.Environment[key]; text != nil {
			return *text, true
		}
		return "", false
	}
	for i, named := range service.EnvFiles {
		file, err := envs[i], errs[i]
		if err == nil {
			if err = file.Err(); err == nil {
				var read map[string]env.Value
				if read, err = file.Expand(outer, s.values); err == nil {
					maps.Copy(s.values, read)
					continue
				}
			}
		}
		if errors.Is(err, fs.ErrNotExist) && !bool(named.Required) {
			continue
		}
		if s.missing == nil {
			s.missing = fmt.Errorf("env file of service %s: %w", name, err)
		}
	}
	return s
}

// around caches the values from services' env files until the model or a file changes. The zero value is ready to use.
// Safe for concurrent use.
type around struct {
	mu       sync.Mutex
	compose  *compose.Model // the model that all entries belong to
	services map[string]keptService
}

type keptService struct {
	envs []*env.File
	surroundings
}

func (a *around) find(name string, c *compose.Model, envs []*env.File) (surroundings, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	kept, ok := a.services[name]
	return kept.surroundings, ok && a.compose == c && slices.Equal(kept.envs, envs)
}

func (a *around) keep(name string, c *compose.Model, envs []*env.File, s surroundings) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.compose != c || a.services == nil {
		a.compose, a.services = c, map[string]keptService{}
	}
	a.services[name] = keptService{envs, s}
}

// valueOfService looks up keys in one service.
func (v *View) valueOfService(c *compose.Model, service string, keys []string) (Value, error) {
	files := v.serviceFiles(c, service)
	found := Value{Key: keys[0]}
	for _, key := range keys {
		value, err := v.direct(c, files, service, key)
		switch {
		case err != nil:
			return Value{}, err
		case value.Ref.Kind != "" || value.Set && !value.Text.Empty():
			return value, nil
		case value.Set && !found.Set:
			found = value
		}
		if value, ok, err := v.keyFile(c, files, service, key); ok || err != nil {
			return value, err
		}
		if value, ok, err := v.secretNamed(c, service, key); ok || err != nil {
			return value, err
		}
	}
	if found.Set {
		return found, nil
	}
	for _, key := range keys {
		if c.Env == nil || !c.RefersTo(service, key) {
			continue
		}
		if e, ok := c.Env.Get(key); ok {
			return valueOfEntry(c.Env, e, service, source.ViaEnvFile), c.Env.ErrBefore(e)
		}
	}
	if found.Blocked = files.absent(); found.Blocked == "" {
		return found, files.missing
	}
	for _, key := range keys { // the file in use is not on this machine: the deployment's env file stands in
		if e, ok := c.Env.Get(key); ok && c.Env.ErrBefore(e) == nil {
			value := valueOfEntry(c.Env, e, service, source.ViaEnvFile)
			value.Blocked = found.Blocked
			return value, nil
		}
	}
	return found, nil
}

// absent names the first env file that is not on this machine; "" when the values are complete or fail to load for
// another reason.
func (s surroundings) absent() string {
	if !errors.Is(s.missing, fs.ErrNotExist) {
		return ""
	}
	return s.missing.Error()
}

// direct looks up a key in a service's command, then in what its container gets.
func (v *View) direct(c *compose.Model, files surroundings, service, key string) (Value, error) {
	if value, ok, err := v.fromCommand(c, service, key); ok || err != nil {
		return value, err
	}
	return v.passed(c, files, service, key)
}

// passed looks up a key in a service's environment, then in its env files.
func (v *View) passed(c *compose.Model, files surroundings, service, key string) (Value, error) {
	value := Value{Key: key}
	if text, ok := c.Project.Services[service].Environment[key]; ok {
		return v.fromEnvironment(c, service, key, text)
	}
	set, ok := files.values[key]
	if !ok {
		return value, nil
	}
	value = valueOfEntry(set.File, set.Entry, service, source.ViaServiceFile)
	value.Text, value.Set, value.Ref = secret.New(set.Text), true, Ref{}
	value.Blocked = files.absent()
	return value.followed(), nil
}

var oneVariable = lazyregexp.New(`^\$(?:[A-Za-z_][A-Za-z0-9_]*|\{[A-Za-z_][A-Za-z0-9_]*(?::?[-?][^${}]*)?\})$`)

// fromEnvironment returns a value of a service's environment. text is nil for a key without value.
func (v *View) fromEnvironment(c *compose.Model, service, key string, text *string) (Value, error) {
	at, raw := c.EnvironmentAt(service, key)
	value := Value{Key: key, Set: true, Origin: at}
	if text == nil {
		e, ok := env.Entry{}, false
		if c.Env != nil {
			e, ok = c.Env.Get(key)
		}
		if !ok {
			value.Set, value.Ref = false, Ref{RefEnvironment, key}
			if v.Deployment.Env.Gives(key) {
				value.Ref.Kind = RefShell
			}
			return value, nil
		}
		return valueOfEntry(c.Env, e, service, source.ViaEnvironment), c.Env.ErrBefore(e)
	}
	x := env.Expander{Find: c.Lookup, Lenient: true}
	expanded, err := x.Expand(raw)
	if err == nil && expanded != *text { // the env file of an include gave the variables
		x.Unset = nil
	}
	if err == nil && c.Env != nil {
		for _, name := range x.Used {
			e, ok := c.Env.Get(name)
			if !ok {
				continue
			}
			if err := c.Env.ErrBefore(e); err != nil {
				return Value{}, err
			}
			value.Ambiguous = value.Ambiguous || e.Ambiguous
			value.Unset = append(value.Unset, e.Unset...)
			if oneVariable.MatchString(raw) && len(x.Used) == 1 && e.Text.Reveal() == *text {
				value.Origin = source.Origin{File: c.Env.Name, Line: e.Line, Service: service, Via: source.ViaEnvironment}
			}
		}
	}
	value.Unset = append(value.Unset, x.Unset...)
	if shell := v.Deployment.Env.Gives; len(value.Unset) > 0 && !slices.ContainsFunc(value.Unset, func(name string) bool { return !shell(name) }) {
		return Value{Key: key, Origin: at, Ref: Ref{RefShell, strings.Join(value.Unset, ", ")}}, nil
	}
	value.Text = secret.New(*text)
	return value.followed(), nil
}
