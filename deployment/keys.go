package deployment

import (
	"errors"
	"path"
	"slices"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/deployment/compose"
)

// Keys returns the sorted variables that match one of the patterns (path.Match: REDIS_*_TTL) in the application's
// environment or command, or in an env file. Value says whether and where the service gets one.
func (v *View) Keys(patterns ...string) ([]string, error) {
	globs := slices.DeleteFunc(slices.Clone(patterns), func(p string) bool { return !strings.ContainsAny(p, `*?[\`) })
	var keys []string
	add := func(key string) {
		if slices.Contains(patterns, key) || slices.ContainsFunc(globs, func(p string) bool { return MatchesKey(p, key) }) {
			keys = append(keys, key)
		}
	}
	c, err := v.Compose()
	switch {
	case err == nil:
		app, err := v.AppService()
		if err != nil {
			return nil, err
		}
		for key := range c.Project.Services[app.Name].Environment {
			add(key)
		}
		if app.Name != "" {
			for _, key := range v.Program(c, app.Name).Names() {
				add(key)
			}
		}
	case !errors.Is(err, compose.ErrNoFile) && v.Blocked() == "":
		return nil, err
	}
	envs, err := v.EnvFiles()
	if err != nil && v.Blocked() == "" {
		return nil, err
	}
	for _, env := range envs {
		for _, e := range env.Entries {
			if !e.Inherited {
				add(e.Key)
			}
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys), nil
}

// MatchesKey reports whether a variable matches a pattern of Keys.
func MatchesKey(pattern, key string) bool {
	ok, _ := path.Match(pattern, key)
	return ok
}
