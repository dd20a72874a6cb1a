// Package compose loads the compose model like "docker compose --env-file ENV -f …" and adds positions, which Compose does
// not report: where a value is written, and at which line a fault is.
package compose

import (
	"errors"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/thenexusengine/catalyst_exporter/deployment/env"
)

// ErrNoFile is returned when the deployment has no compose file.
var ErrNoFile = errors.New("no compose file found: set deployment.compose_files")

// Model is the deployment's compose model. It is shared between callers and must not be modified.
type Model struct {
	// Project is the model as Compose resolves it, without the content of env files and with unset
	// required variables replaced by the empty text. Services of inactive profiles are in DisabledServices. It holds
	// secrets and must never be printed.
	Project *types.Project
	Files   []string  // absolute, in merge order, followed by included and extended files
	Outside []string  // the Files that lie outside the deployment's root
	Env     *env.File // the env file used for interpolation; nil when there is none
	// Included are the env files of includes.
	Included []*env.File

	sorting  sync.Once
	services []string // sorted

	variables []Variable
	configErr error
	files     []*file
	main      int // number of files that are merged; the rest are included or extended
}

// ConfigError returns the first reason for which "docker compose config" would reject the files: usually a
// *Error with a line or an *env.Error, nil when the files are valid. The model is available in either case.
func (c *Model) ConfigError() error { return c.configErr }

// Lookup finds a variable with the rules of the files' interpolation.
func (c *Model) Lookup(name string) (string, bool) {
	if c.Env == nil {
		return "", false
	}
	return c.Env.Lookup(name)
}

// Services returns the sorted names of the active services. The slice must not be modified.
func (c *Model) Services() []string {
	c.sorting.Do(func() { c.services = slices.Clip(slices.Sorted(maps.Keys(c.Project.Services))) })
	return c.services
}

// SetByInclude reports whether the env file of an include sets a variable.
func (c *Model) SetByInclude(name string) bool {
	return slices.ContainsFunc(c.Included, func(env *env.File) bool { _, ok := env.Get(name); return ok })
}

// NamesInside returns the names by which containers of the compose network reach each other.
func (c *Model) NamesInside() map[string]bool {
	names := map[string]bool{}
	for name, s := range c.Project.Services {
		for _, n := range []string{name, s.ContainerName} {
			if n != "" && !strings.Contains(n, ".") {
				names[strings.ToLower(n)] = true
			}
		}
		for _, network := range s.Networks {
			if network == nil {
				continue
			}
			for _, alias := range network.Aliases {
				if !strings.Contains(alias, ".") {
					names[strings.ToLower(alias)] = true
				}
			}
		}
	}
	return names
}

// ImageBase returns the last part of an image's name.
func ImageBase(image string) string { return path.Base(ImageName(image)) }

// ImageName returns an image's name without tag and digest.
func ImageName(image string) string {
	image, _, _ = strings.Cut(image, "@")
	if tag := strings.LastIndexByte(image, ':'); tag > strings.LastIndexByte(image, '/') {
		image = image[:tag]
	}
	return image
}

// RefersTo reports whether a service refers to a variable anywhere in its definition.
func (c *Model) RefersTo(service, variable string) bool {
	i, ok := slices.BinarySearchFunc(c.variables, variable, func(v Variable, name string) int { return strings.Compare(v.Name, name) })
	return ok && slices.Contains(c.variables[i].Services, service)
}
