package deployment

// The compose model, loaded as "docker compose --env-file ENV -f …" would, with what that command does not tell: positions.

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/compose-spec/compose-go/v2/consts"
	"github.com/compose-spec/compose-go/v2/types"
)

// ErrNoCompose says that the deployment has no compose file.
var ErrNoCompose = errors.New("no compose file found: set deployment.compose_files")

// Compose is the deployment's compose model. It is shared between callers: nobody changes it.
type Compose struct {
	// Project as Compose resolves it, but without the content of env files (see View.Value) and with required variables that are not set empty.
	// Services of profiles that are not active are in DisabledServices. It holds secrets: nothing of it is printed.
	Project *types.Project
	Files   []string // absolute, in the order they were merged; included and extended files behind
	Outside []string // those of Files that lie outside the deployment's root
	Env     *Env     // the env file that variables were taken from; nil when there is none

	sorting  sync.Once
	services []string // sorted

	variables []Variable
	configErr error
	files     []*composeFile
	main      int // how many of files are merged, the rest is included or extended
}

// ConfigError is what "docker compose config" would say: the first reason to refuse the files, most often a *ComposeError with a line or an
// *EnvError; nil when it accepts them. The model is there nevertheless.
func (c *Compose) ConfigError() error { return c.configErr }

type composeResult struct {
	compose *Compose
	err     error
}

// Compose is the compose model. The error is ErrNoCompose, or a *ComposeError for files of which no model can be made; a model that
// "docker compose config" would refuse for less (a missing env_file, an undefined network, a required variable) is returned, see ConfigError.
func (v *View) Compose() (*Compose, error) { return v.compose() }

func (v *View) loadCompose() (*Compose, error) {
	place := v.Place(FactCompose)
	if len(place.Paths) == 0 {
		return nil, ErrNoCompose
	}
	env, envErr := v.Env()
	envPath := v.Place(FactEnvFile).Path()
	key := strings.Join(append(slices.Clone(place.Paths), "", envPath), "\x00")
	result := v.Deployment.compose.get(key, func(src sources) composeResult {
		if envPath != "" {
			src.note(envPath)
		}
		l := composeLoader{view: v, src: src, env: env}
		c, err := l.load(place.Paths)
		if c != nil && c.configErr == nil && env == nil && envPath != "" {
			c.configErr = &ComposeError{File: v.Deployment.Rel(envPath), Kind: ComposeEnvFile, Text: fmt.Sprintf("the env file cannot be read: %v", reason(envErr)), Err: envErr}
		}
		return composeResult{c, err}
	})
	return result.compose, result.err
}

// composePlace is the compose files as configured or found, or as COMPOSE_FILE in the env file says, which Compose follows too.
func (v *View) composePlace() Place {
	place := v.places()[FactCompose]
	if place.How == Configured {
		return place
	}
	env, err := v.Env()
	if err != nil {
		return place
	}
	list, _ := env.find(consts.ComposeFilePath)
	if list == "" {
		return place
	}
	separator, _ := env.find(consts.ComposePathSeparator)
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

// lookup finds a variable as the files' interpolation does.
func (c *Compose) lookup(name string) (string, bool) {
	if c.Env == nil {
		return "", false
	}
	return c.Env.find(name)
}

// Services are the names of the services that are started, sorted. Nobody changes them.
func (c *Compose) Services() []string {
	c.sorting.Do(func() { c.services = slices.Clip(slices.Sorted(maps.Keys(c.Project.Services))) })
	return c.services
}
