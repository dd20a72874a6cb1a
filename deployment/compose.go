package deployment

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/consts"

	"github.com/thenexusengine/catalyst_exporter/deployment/compose"
	"github.com/thenexusengine/catalyst_exporter/deployment/find"
	"github.com/thenexusengine/catalyst_exporter/deployment/source"
)

type composeResult struct {
	compose *compose.Model
	err     error
}

// Compose returns the compose model. The error is compose.ErrNoFile, or a *compose.Error when no model can be built. A lesser
// fault that "docker compose config" rejects (a missing env_file, an undefined network, a required variable) does not
// prevent a model; see ConfigError.
func (v *View) Compose() (*compose.Model, error) { return v.compose() }

func (v *View) readCompose() (*compose.Model, error) {
	place := v.Place(find.FactCompose)
	if len(place.Paths) == 0 {
		return nil, compose.ErrNoFile
	}
	env, envErr := v.Env()
	envPath := v.Place(find.FactEnvFile).Path()
	key := strings.Join(append(slices.Clone(place.Paths), "", envPath), "\x00")
	result := v.Deployment.compose.Get(key, func(src source.Set) composeResult {
		c, err := compose.Load(src, place.Paths, compose.Options{
			Root: v.Deployment.Root, Project: v.Deployment.Docker.Project, Profiles: v.Deployment.Profiles,
			EnvPath: envPath, Env: env, EnvErr: envErr, ServiceEnv: v.serviceEnv,
		})
		return composeResult{c, err}
	})
	return result.compose, result.err
}

// composePlace returns the compose files that are configured or found, or those of COMPOSE_FILE in the env file, which
// Compose follows too.
func (v *View) composePlace() find.Place {
	place := v.places()[find.FactCompose]
	if place.How == find.Configured {
		return place
	}
	env, err := v.Env()
	if err != nil {
		return place
	}
	list, _ := env.Lookup(consts.ComposeFilePath)
	if list == "" {
		return place
	}
	separator, _ := env.Lookup(consts.ComposePathSeparator)
	if separator == "" {
		separator = ":"
	}
	chosen := find.Place{Fact: find.FactCompose, How: find.Configured}
	for path := range strings.SplitSeq(list, separator) {
		if !filepath.IsAbs(path) {
			path = filepath.Join(filepath.Dir(env.Path), path)
		}
		chosen.Paths = append(chosen.Paths, path)
	}
	for _, other := range append(slices.Clone(place.Paths), place.Others...) {
		if !slices.Contains(chosen.Paths, other) {
			chosen.Others = append(chosen.Others, other)
		}
	}
	return chosen
}
