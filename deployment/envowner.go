package deployment

import (
	"errors"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/thenexusengine/catalyst_exporter/deployment/compose"
	"github.com/thenexusengine/catalyst_exporter/deployment/env"
	"github.com/thenexusengine/catalyst_exporter/deployment/find"
)

// OwnsEnvFile reports whether Env is in use: it is configured, there is no compose file, a service or an include names it,
// or it sets a variable of the compose files or of Compose itself. A file that was merely found proves nothing.
func (v *View) OwnsEnvFile() bool {
	path := v.Place(find.FactEnvFile).Path()
	if path == "" || v.Deployment.EnvFile != "" {
		return path != ""
	}
	c, err := v.Compose()
	if err != nil {
		return errors.Is(err, compose.ErrNoFile)
	}
	for _, service := range c.Project.Services {
		if slices.ContainsFunc(service.EnvFiles, func(file types.EnvFile) bool { return file.Path == path }) {
			return true
		}
	}
	if slices.ContainsFunc(c.Included, func(env *env.File) bool { return env.Path == path }) {
		return true
	}
	if c.Env == nil { // unreadable: its content is unknown
		return len(c.Variables()) > 0
	}
	return slices.ContainsFunc(c.Env.Entries, func(e env.Entry) bool {
		return strings.HasPrefix(e.Key, "COMPOSE_") ||
			slices.ContainsFunc(c.Variables(), func(variable compose.Variable) bool { return variable.Name == e.Key })
	})
}
