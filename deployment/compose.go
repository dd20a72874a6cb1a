package deployment

import (
	"errors"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/compose-spec/compose-go/v2/consts"
	"github.com/compose-spec/compose-go/v2/types"

	"github.com/thenexusengine/catalyst_exporter/deployment/env"
	"github.com/thenexusengine/catalyst_exporter/deployment/source"
)

// The compose model, loaded like "docker compose --env-file ENV -f …" and extended with positions, which Compose does
// not report.

// ErrNoCompose is returned when the deployment has no compose file.
var ErrNoCompose = errors.New("no compose file found: set deployment.compose_files")

// Compose is the deployment's compose model. It is shared between callers and must not be modified.
type Compose struct {
	// Project is the model as Compose resolves it, without the content of env files (see View.Value) and with unset
	// required variables replaced by the empty text. Services of inactive profiles are in DisabledServices. It holds
	// secrets and must never be printed.
	Project *types.Project
	Files   []string  // absolute, in merge order, followed by included and extended files
	Outside []string  // the Files that lie outside the deployment's root
	Env     *env.File // the env file used for interpolation; nil when there is none

	sorting  sync.Once
	services []string // sorted

	variables []Variable
	included  []*env.File // env files of includes
	configErr error
	files     []*composeFile
	main      int // number of files that are merged; the rest are included or extended
}

// ConfigError returns the first reason for which "docker compose config" would reject the files: usually a
// *ComposeError with a line or an *env.Error, nil when the files are valid. The model is available in either case.
func (c *Compose) ConfigError() error { return c.configErr }

type composeResult struct {
	compose *Compose
	err     error
}

// Compose returns the compose model. The error is ErrNoCompose, or a *ComposeError when no model can be built. A lesser
// fault that "docker compose config" rejects (a missing env_file, an undefined network, a required variable) does not
// prevent a model; see ConfigError.
func (v *View) Compose() (*Compose, error) { return v.compose() }

func (v *View) readCompose() (*Compose, error) {
	place := v.Place(FactCompose)
	if len(place.Paths) == 0 {
		return nil, ErrNoCompose
	}
	env, envErr := v.Env()
	envPath := v.Place(FactEnvFile).Path()
	key := strings.Join(append(slices.Clone(place.Paths), "", envPath), "\x00")
	result := v.Deployment.compose.Get(key, func(src source.Set) composeResult {
		c, err := loadCompose(src, place.Paths, composeOptions{
			Root: v.Deployment.Root, Project: v.Deployment.Docker.Project, Profiles: v.Deployment.Profiles,
			EnvPath: envPath, Env: env, EnvErr: envErr, ServiceEnv: v.serviceEnv,
		})
		return composeResult{c, err}
	})
	return result.compose, result.err
}

// composePlace returns the compose files that are configured or found, or those of COMPOSE_FILE in the env file, which
// Compose follows too.
func (v *View) composePlace() Place {
	place := v.places()[FactCompose]
	if place.How == Configured {
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
	chosen := Place{Fact: FactCompose, How: Configured}
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

// lookup finds a variable with the rules of the files' interpolation.
func (c *Compose) lookup(name string) (string, bool) {
	if c.Env == nil {
		return "", false
	}
	return c.Env.Lookup(name)
}

// Services returns the sorted names of the active services. The slice must not be modified.
func (c *Compose) Services() []string {
	c.sorting.Do(func() { c.services = slices.Clip(slices.Sorted(maps.Keys(c.Project.Services))) })
	return c.services
}
