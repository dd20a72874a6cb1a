package dockerclient

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/deployment/compose"
	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// Selects the deployment's containers: those labelled with its Compose project. Project names of Compose v1 (which
// before 1.21 dropped - and _) and v2 both count. If the project was started under another name, the compose file paths
// in the labels decide, then container_name, which is unique on an engine. Containers of `compose run` belong to no
// service.

const (
	LabelProject = "com.docker.compose.project"
	LabelService = "com.docker.compose.service"
	LabelOneOff  = "com.docker.compose.oneoff"
	LabelFiles   = "com.docker.compose.project.config_files"
	LabelDir     = "com.docker.compose.project.working_dir"

	// maxContainers bounds the containers inspected per project.
	maxContainers = 500
)

// Container is one container of the deployment. Its environment holds secrets: nothing of Config is shown.
type Container struct {
	Service string
	Name    string
	container.InspectResponse
}

// Running reports whether the container runs, is paused or is restarting.
func (c *Container) Running() bool {
	return c.State != nil && (c.State.Running || c.State.Restarting || c.State.Paused)
}

// Project is the deployment's project on the engine.
type Project struct {
	Name       string
	Containers []*Container // by service and name
	Stack      bool         // the containers are tasks of a swarm
}

// ContainersOf returns the containers of a service.
func (d *Project) ContainersOf(service string) []*Container {
	var found []*Container
	for _, c := range d.Containers {
		if c.Service == service {
			found = append(found, c)
		}
	}
	return found
}

type dockerListKey struct{}

// List lists every container on the engine, including stopped ones, once per pass.
func List(ctx context.Context, p *probe.Pass) ([]container.Summary, error) {
	list, err := probe.Once(ctx, p, dockerListKey{}, func(ctx context.Context) ([]container.Summary, error) {
		e, err := For(p)
		if err != nil {
			return nil, err
		}
		ctx, cancel := context.WithTimeout(ctx, dockerTimeout)
		defer cancel()
		list, err := e.api.ContainerList(ctx, client.ContainerListOptions{All: true})
		return list.Items, e.requestError(ctx, "list containers", err)
	})
	return list, withTimeoutRemedy(ctx, err)
}

// withTimeoutRemedy adds the setting to check when the caller's deadline passed while waiting for the engine.
func withTimeoutRemedy(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return probe.Needs(deployment.DockerService.Setting("host"), probe.Unknown(probe.ReasonTimeout, errors.New("Docker Engine does not respond in time")))
	}
	return err
}

type dockerProjectKey struct{}

// ProjectOf returns the deployment's project. Each container is inspected once per pass.
func ProjectOf(ctx context.Context, p *probe.Pass) (*Project, error) {
	project, err := probe.Once(ctx, p, dockerProjectKey{}, func(ctx context.Context) (*Project, error) {
		id, err := projectIdentityOf(p)
		if err != nil {
			return nil, err
		}
		all, err := List(ctx, p)
		if err != nil {
			return nil, err
		}
		e, err := For(p)
		if err != nil {
			return nil, err
		}
		own := id.pick(all)
		var stack bool
		if len(own) == 0 {
			own = id.tasks(all)
			stack = len(own) > 0
		}
		if len(own) > maxContainers {
			return nil, probe.Unknownf(probe.ReasonInvalid, "project %s has more than %d containers", id.name, maxContainers)
		}
		ctx, cancel := context.WithTimeout(ctx, 2*dockerTimeout)
		defer cancel()
		project := &Project{Name: id.name, Stack: stack}
		for _, c := range own {
			seen, err := e.api.ContainerInspect(ctx, c.id, client.ContainerInspectOptions{})
			if errdefs.IsNotFound(err) {
				continue // removed in the meantime
			}
			if err != nil {
				return nil, e.requestError(ctx, "inspect a container", err)
			}
			if seen.Container.State == nil || seen.Container.Config == nil || seen.Container.HostConfig == nil {
				return nil, probe.Unknownf(probe.ReasonInvalid, "Docker Engine at %s returned incomplete data for container %s", e.Shown,
					c.name)
			}
			project.Containers = append(project.Containers, &Container{c.service, c.name, seen.Container})
		}
		slices.SortFunc(project.Containers, func(a, b *Container) int {
			return cmp.Or(strings.Compare(a.Service, b.Service), strings.Compare(a.Name, b.Name))
		})
		return project, nil
	})
	return project, withTimeoutRemedy(ctx, err)
}

// projectIdentity holds what identifies the deployment's containers.
type projectIdentity struct {
	name       string
	configured bool
	files      []string          // of the compose model, absolute
	names      map[string]string // container_name → service
}

func projectIdentityOf(p *probe.Pass) (projectIdentity, error) {
	id := projectIdentity{name: p.Deployment.Docker.Project, configured: p.Deployment.Docker.Project != "", names: map[string]string{}}
	c, err := p.View.Compose()
	switch {
	case errors.Is(err, compose.ErrNoFile) && !id.configured:
		return id, probe.Skip(deployment.DockerService.Setting("project"),
			"no compose file found: containers of the deployment cannot be identified")
	case err != nil && !id.configured:
		_, err := probe.ComposeModel(p)
		return id, err
	case err != nil:
		return id, nil
	}
	id.files = c.Files
	id.name = cmp.Or(id.name, c.Project.Name)
	for _, name := range c.Services() {
		if n := c.Project.Services[name].ContainerName; n != "" {
			id.names[n] = name
		}
	}
	return id, nil
}

// picked is a container that belongs to the deployment.
type picked struct{ id, name, service string }

// pick chooses the deployment's containers.
func (id projectIdentity) pick(all []container.Summary) []picked {
	var own []picked
	take := func(fits func(container.Summary) bool) {
		for _, c := range all {
			service := c.Labels[LabelService]
			if service != "" && !strings.EqualFold(c.Labels[LabelOneOff], "true") && fits(c) {
				own = append(own, picked{c.ID, ContainerName(c), service})
			}
		}
	}
	take(func(c container.Summary) bool { return c.Labels[LabelProject] == id.name })
	if len(own) == 0 && !id.configured {
		take(func(c container.Summary) bool {
			for path := range strings.SplitSeq(c.Labels[LabelFiles], ",") {
				if !filepath.IsAbs(path) { // relative path, as Compose v1 writes it
					path = filepath.Join(c.Labels[LabelDir], path)
				}
				if slices.Contains(id.files, path) {
					return true
				}
			}
			return false
		})
	}
	if squeezed := notInV1Names.ReplaceAllString(id.name, ""); len(own) == 0 && squeezed != "" {
		take(func(c container.Summary) bool { return c.Labels[LabelProject] == squeezed })
	}
	for _, c := range all {
		name := ContainerName(c)
		service, named := id.names[name]
		labelled := c.Labels[LabelService]
		if !named || labelled != "" && labelled != service || slices.ContainsFunc(own, func(o picked) bool { return o.service == service }) {
			continue
		}
		own = append(own, picked{c.ID, name, service})
	}
	return own
}

// notInV1Names matches characters that Compose before 1.21 dropped from project names.
var notInV1Names = lazyregexp.New(`[^a-z0-9]`)

// ContainerName returns the container's own name. Names with a slash belong to links.
func ContainerName(c container.Summary) string {
	for _, n := range c.Names {
		if n = strings.TrimPrefix(n, "/"); !strings.Contains(n, "/") {
			return n
		}
	}
	return shortID(c.ID)
}

// shortID shortens an ID to 12 digits, as Docker shows it.
func shortID(id string) string {
	id = strings.TrimPrefix(id, "sha256:")
	return id[:min(len(id), 12)]
}

// RunningOf returns the running containers of a service.
func (d *Project) RunningOf(service string) []*Container {
	return slices.DeleteFunc(d.ContainersOf(service), func(c *Container) bool { return !c.Running() })
}

// NoRunningContainer is the error of a probe that inspects running containers when there are none.
func (d *Project) NoRunningContainer(what string) error {
	return probe.Skip(deployment.DockerService.Setting("project"), "%s", fmt.Sprintf("no running container of %s in project %s", what, d.Name))
}
