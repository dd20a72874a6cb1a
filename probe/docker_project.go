package probe

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/thenexusengine/catalyst_exporter/deployment"
)

// Selects the deployment's containers: those labelled with its Compose project. Project names of Compose v1 (which
// before 1.21 dropped - and _) and v2 both count. If the project was started under another name, the compose file paths
// in the labels decide, then container_name, which is unique on an engine. Containers of `compose run` belong to no
// service.

const (
	labelProject = "com.docker.compose.project"
	labelService = "com.docker.compose.service"
	labelOneOff  = "com.docker.compose.oneoff"
	labelFiles   = "com.docker.compose.project.config_files"
	labelDir     = "com.docker.compose.project.working_dir"

	// maxContainers bounds the containers inspected per project.
	maxContainers = 500
)

// dockerContainer is one container of the deployment. Its environment holds secrets: nothing of Config is shown.
type dockerContainer struct {
	Service string
	Name    string
	container.InspectResponse
}

// running reports whether the container runs, is paused or is restarting.
func (c *dockerContainer) running() bool {
	return c.State != nil && (c.State.Running || c.State.Restarting || c.State.Paused)
}

// dockerProject is the deployment's project on the engine.
type dockerProject struct {
	Name       string
	Containers []*dockerContainer // by service and name
}

// of returns the containers of a service.
func (d *dockerProject) of(service string) []*dockerContainer {
	var found []*dockerContainer
	for _, c := range d.Containers {
		if c.Service == service {
			found = append(found, c)
		}
	}
	return found
}

type dockerListKey struct{}

// dockerList lists every container on the engine, including stopped ones, once per pass.
func dockerList(ctx context.Context, p *Pass) ([]container.Summary, error) {
	list, err := Once(ctx, p, dockerListKey{}, func(ctx context.Context) ([]container.Summary, error) {
		e, err := engineFor(p)
		if err != nil {
			return nil, err
		}
		ctx, cancel := context.WithTimeout(ctx, dockerPatience)
		defer cancel()
		list, err := e.api.ContainerList(ctx, client.ContainerListOptions{All: true})
		return list.Items, e.unasked(ctx, "list containers", err)
	})
	return list, dockerWaited(ctx, err)
}

// dockerWaited adds the setting to check when the caller's deadline passed while waiting for the engine.
func dockerWaited(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return Needs(dockerSetting, Unknown(ReasonTimeout, errors.New("Docker Engine does not respond in time")))
	}
	return err
}

type dockerProjectKey struct{}

// dockerProjectOf returns the deployment's project. Each container is inspected once per pass.
func dockerProjectOf(ctx context.Context, p *Pass) (*dockerProject, error) {
	project, err := Once(ctx, p, dockerProjectKey{}, func(ctx context.Context) (*dockerProject, error) {
		id, err := identifyProject(p)
		if err != nil {
			return nil, err
		}
		all, err := dockerList(ctx, p)
		if err != nil {
			return nil, err
		}
		e, err := engineFor(p)
		if err != nil {
			return nil, err
		}
		own := id.pick(all)
		if len(own) > maxContainers {
			return nil, Unknownf(ReasonInvalid, "project %s has more than %d containers", id.name, maxContainers)
		}
		ctx, cancel := context.WithTimeout(ctx, 2*dockerPatience)
		defer cancel()
		project := &dockerProject{Name: id.name}
		for _, c := range own {
			seen, err := e.api.ContainerInspect(ctx, c.id, client.ContainerInspectOptions{})
			if errdefs.IsNotFound(err) {
				continue // removed in the meantime
			}
			if err != nil {
				return nil, e.unasked(ctx, "inspect a container", err)
			}
			if seen.Container.State == nil || seen.Container.Config == nil || seen.Container.HostConfig == nil {
				return nil, Unknownf(ReasonInvalid, "Docker Engine at %s returned incomplete data for container %s", e.shown,
					c.name)
			}
			project.Containers = append(project.Containers, &dockerContainer{c.service, c.name, seen.Container})
		}
		slices.SortFunc(project.Containers, func(a, b *dockerContainer) int {
			return cmp.Or(strings.Compare(a.Service, b.Service), strings.Compare(a.Name, b.Name))
		})
		return project, nil
	})
	return project, dockerWaited(ctx, err)
}

// projectIdentity holds what identifies the deployment's containers.
type projectIdentity struct {
	name       string
	configured bool
	files      []string          // of the compose model, absolute
	names      map[string]string // container_name → service
}

func identifyProject(p *Pass) (projectIdentity, error) {
	id := projectIdentity{name: p.Deployment.Docker.Project, configured: p.Deployment.Docker.Project != "", names: map[string]string{}}
	c, err := p.View.Compose()
	switch {
	case errors.Is(err, deployment.ErrNoCompose) && !id.configured:
		return id, Skip("deployment.docker.project",
			"no compose file found: containers of the deployment cannot be identified")
	case err != nil && !id.configured:
		_, err := composeModel(p)
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
			service := c.Labels[labelService]
			if service != "" && !strings.EqualFold(c.Labels[labelOneOff], "true") && fits(c) {
				own = append(own, picked{c.ID, containerName(c), service})
			}
		}
	}
	take(func(c container.Summary) bool { return c.Labels[labelProject] == id.name })
	if len(own) == 0 && !id.configured {
		take(func(c container.Summary) bool {
			for path := range strings.SplitSeq(c.Labels[labelFiles], ",") {
				if !filepath.IsAbs(path) { // relative path, as Compose v1 writes it
					path = filepath.Join(c.Labels[labelDir], path)
				}
				if slices.Contains(id.files, path) {
					return true
				}
			}
			return false
		})
	}
	if squeezed := notInV1Names.ReplaceAllString(id.name, ""); len(own) == 0 && squeezed != "" {
		take(func(c container.Summary) bool { return c.Labels[labelProject] == squeezed })
	}
	for _, c := range all {
		name := containerName(c)
		service, named := id.names[name]
		labelled := c.Labels[labelService]
		if !named || labelled != "" && labelled != service || slices.ContainsFunc(own, func(o picked) bool { return o.service == service }) {
			continue
		}
		own = append(own, picked{c.ID, name, service})
	}
	return own
}

// notInV1Names matches characters that Compose before 1.21 dropped from project names.
var notInV1Names = regexp.MustCompile(`[^a-z0-9]`)

// containerName returns the container's own name. Names with a slash belong to links.
func containerName(c container.Summary) string {
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

// runningOf returns the running containers of a service.
func (d *dockerProject) runningOf(service string) []*dockerContainer {
	return slices.DeleteFunc(d.of(service), func(c *dockerContainer) bool { return !c.running() })
}

// noneRuns is the error of a probe that inspects running containers when there are none.
func (d *dockerProject) noneRuns(what string) error {
	return Skip("deployment.docker.project", "%s", fmt.Sprintf("no running container of %s in project %s", what, d.Name))
}
