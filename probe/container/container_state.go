// Package container checks what Docker started: state, restarts, environment, limits and published ports of
// containers.
package container

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/moby/moby/api/types/container"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/deployment/compose"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/dockerclient"
	"github.com/thenexusengine/catalyst_exporter/probe/phrase"
	"github.com/thenexusengine/catalyst_exporter/schema"
)

// container_state: do a service's containers run, and keep running?
//
// Docker reports a container as running while it waits to be restarted, so restarting is checked first. A container
// that dies now and then is running at most checks: its restarts are remembered between runs, and estimated from its
// age until enough is remembered.

func StateKind() probe.Kind {
	return probe.Kind{
		Name:       "container_state",
		Services:   []deployment.Service{deployment.DockerService},
		Question:   "Are the service's containers running and healthy, without restarts?",
		Example:    "{service: backup}",
		Layer:      probe.LayerRunning,
		Reads:      "GET on the Docker Engine (deployment.docker)",
		Permission: "its socket or address",
		Timeout:    25 * time.Second,
		Alone:      true,
		New: func() any {
			return &containerState{Restarts: 1, Window: schema.Duration(24 * time.Hour)}
		},
	}
}

type containerState struct {
	Service  string          `yaml:"service" doc:"compose service; deployment.backup.service when unset"`
	All      bool            `yaml:"all" default:"false" doc:"check every active service of the compose file instead"`
	Except   []string        `yaml:"except" doc:"services that all does not check, such as one-off jobs"`
	Restarts int             `yaml:"restarts" default:"1" min:"0" doc:"restarts by Docker within the window that are only a warning; more fail"`
	Window   schema.Duration `yaml:"window" default:"24h" min:"1m" max:"720h" doc:"period within which restarts count"`
}

func (s *containerState) Validate() []error {
	switch {
	case s.All && s.Service != "":
		return []error{errors.New("service and all are both set: remove one")}
	case len(s.Except) > 0 && !s.All:
		return []error{errors.New("except requires all")}
	}
	return nil
}

func (s *containerState) Probe(ctx context.Context, p *probe.Pass) (probe.Result, error) {
	services := []string{s.Service}
	if s.Service == "" && !s.All {
		if p.Deployment.Backup.Timer != "" {
			return probe.Result{}, probe.Skip("deployment.backup.timer", "a systemd timer makes the backups, not a container")
		}
		services[0] = p.Deployment.Backup.Service
	}
	project, err := dockerclient.ProjectOf(ctx, p)
	if err != nil {
		return probe.Result{}, err
	}
	e, err := dockerclient.For(p)
	if err != nil {
		return probe.Result{}, err
	}
	if s.All {
		c, err := probe.ComposeModel(p)
		if err != nil {
			return probe.Result{}, err
		}
		services = slices.DeleteFunc(slices.Clone(c.Services()), func(name string) bool { return slices.Contains(s.Except, name) })
		if len(services) == 0 {
			return probe.Result{}, probe.Needs("deployment.profiles",
				probe.Unknownf(probe.ReasonNotConfigured, "no service to check: none is active, or all are excepted"))
		}
	}
	var f probe.ResultBuilder
	seen, idle := 0, 0
	plan := planOf(p)
	stack, err := tasksOf(ctx, p, project)
	if err != nil {
		return probe.Result{}, err
	}
	for _, name := range services {
		found := project.ContainersOf(name)
		wanted, known := plan.scale(name)
		if project.Stack || stack != nil {
			if s.All && stack.idle(name) {
				idle++
				continue
			}
			if stack.judge(&f, name, len(found), wanted) {
				continue
			}
			known = false // others run on other nodes
		}
		if s.All && (known && wanted == 0 || plan.completed(name, found)) {
			idle++ // on purpose
			continue
		}
		if running := len(project.RunningOf(name)); known && running > 0 && len(found) < wanted {
			f.Warn(probe.ReasonMissing, "service %s has %d of %d containers. Start the others with docker compose up -d", name, len(found), wanted)
		}
		if len(found) == 0 {
			f.Fail(probe.ReasonMissing, "service %s has no container in project %s%s", name, project.Name, s.hint(p, project, name))
			continue
		}
		for _, c := range found {
			h := restartsOf(p, e).note(c.ID, c.RestartCount, p.Time, s.Window.Std())
			f.Add(s.judge(c, h, p.Time))
			s.judgeIdle(&f, c, project)
			if changed := plan.drift(ctx, p, c); c.Running() && len(changed) > 0 {
				f.Warn(probe.ReasonDrift, "container %s was started with other settings than the files state now: %s. Run docker compose up -d %s",
					c.Name, strings.Join(changed, ", "), name)
			}
		}
		seen += len(found)
	}
	if s.All {
		plan.judgeOrphans(&f, project, s.Except)
	}
	if idle == len(services) {
		f.Fail(probe.ReasonMissing, "no container runs: every service is scaled to 0 or is a completed job")
	}
	return f.Result("%s of %s running", phrase.Count(seen, "container"), phrase.List(services)), nil
}

// hint suggests why a service has no container.
func (s *containerState) hint(p *probe.Pass, project *dockerclient.Project, service string) string {
	c, err := p.View.Compose()
	switch {
	case len(project.Containers) == 0:
		return ": the Docker Engine has none of that project. Set deployment.docker.project to its name"
	case err == nil && !slices.Contains(c.Services(), service) && s.Service == "" && !s.All:
		return ": it is not in the compose file either. Set deployment.backup.service or deployment.backup.timer"
	case errors.Is(err, compose.ErrNoFile), err != nil:
		return ""
	}
	return ". Start it with docker compose up -d"
}

// judge judges one container.
func (s *containerState) judge(c *dockerclient.Container, h restartHistory, now time.Time) probe.Result {
	st := c.State
	var f probe.ResultBuilder
	switch {
	case st.Restarting:
		return probe.Failed(probe.ReasonUnhealthy, "container %s is restarting, for the %s time%s", c.Name, ordinal(c.RestartCount), oomSuffix(st))
	case st.Dead || st.Status == container.StateRemoving || st.Status == container.StateDead:
		return probe.Failed(probe.ReasonUnhealthy, "container %s is being removed", c.Name)
	case st.Paused:
		return probe.Failed(probe.ReasonUnhealthy, "container %s is paused", c.Name)
	case st.Status == container.StateCreated:
		return probe.Failed(probe.ReasonMissing, "container %s was created but not started", c.Name)
	case !st.Running:
		return probe.Failed(probe.ReasonUnhealthy, "container %s is not running: it exited with code %d%s",
			c.Name, st.ExitCode, oomSuffix(st))
	}
	if st.OOMKilled {
		f.Warn(probe.ReasonUnhealthy, "container %s is running, but a process in it was killed: out of memory", c.Name)
	}
	if st.Health != nil {
		switch st.Health.Status {
		case container.Unhealthy:
			f.Fail(probe.ReasonUnhealthy, "container %s is unhealthy: its health check failed %d times in a row",
				c.Name, st.Health.FailingStreak)
		case container.Starting:
			if started, err := time.Parse(time.RFC3339Nano, st.StartedAt); err == nil && now.Sub(started) > maxStarting {
				f.Warn(probe.ReasonUnhealthy, "container %s has been starting for more than a day: its health check never passed", c.Name)
				break
			}
			f.Add(probe.Pending(probe.ReasonInProgress, "container %s is starting: its health check has not passed yet", c.Name))
		case container.Healthy, container.NoHealthcheck, "":
		default:
			f.Fail(probe.ReasonUnhealthy, "container %s has an unknown health status", c.Name)
		}
	}
	switch n := recentRestarts(c, h, now, s.Window.Std()); {
	case n > s.Restarts:
		f.Fail(probe.ReasonUnhealthy, "container %s keeps restarting: about %s in %v%s",
			c.Name, phrase.Count(n, "time"), s.Window.Std(), oomSuffix(st))
	case n > 0:
		f.Warn(probe.ReasonUnhealthy, "container %s was restarted %s in %v", c.Name, phrase.Count(n, "time"), s.Window.Std())
	}
	return f.Result("container %s is running", c.Name)
}

// maxStarting is how long a container may be starting before it counts as stuck.
const maxStarting = 24 * time.Hour

// plan is what the compose file says about services; the zero value when there is none.
type plan struct {
	services types.Services
	inactive types.Services // of other profiles
	files    []string       // of the compose model
	lasting  []string       // the application and the backup service are no jobs
}

func planOf(p *probe.Pass) plan {
	c, err := p.View.Compose()
	if err != nil {
		return plan{}
	}
	l := plan{c.Project.Services, c.Project.DisabledServices, c.Files, []string{p.Deployment.Backup.Service, p.Deployment.Service}}
	if app, err := p.View.AppService(); err == nil {
		l.lasting = append(l.lasting, app.Name)
	}
	return l
}

// scale returns how many containers a service must have.
func (l plan) scale(service string) (int, bool) {
	s, ok := l.services[service]
	if !ok || s.Deploy != nil && (s.Deploy.Mode == "global" || s.Deploy.Mode == "global-job" || s.Deploy.Mode == "replicated-job") {
		return 0, false
	}
	return s.GetScale(), true
}

// completed reports whether a service is a job and all its containers ended with success. A job is a service that
// others wait for until it is completed, or one that is not restarted and serves nothing.
func (l plan) completed(service string, found []*dockerclient.Container) bool {
	s, ok := l.services[service]
	if !ok || len(found) == 0 || slices.ContainsFunc(found, func(c *dockerclient.Container) bool {
		return c.State.Status != container.StateExited || c.State.ExitCode != 0
	}) {
		return false
	}
	for _, other := range l.services {
		if d, ok := other.DependsOn[service]; ok {
			return d.Condition == types.ServiceConditionCompletedSuccessfully
		}
	}
	restarts := s.Restart != "" && s.Restart != "no" && !strings.HasPrefix(s.Restart, "on-failure")
	return !restarts && !slices.Contains(l.lasting, service) && len(s.Ports) == 0 && len(s.Expose) == 0 && s.HealthCheck == nil
}

func oomSuffix(st *container.State) string {
	if st.OOMKilled {
		return ", killed: out of memory"
	}
	return ""
}

func ordinal(n int) string {
	switch {
	case n%10 == 1 && n%100 != 11:
		return fmt.Sprintf("%dst", n)
	case n%10 == 2 && n%100 != 12:
		return fmt.Sprintf("%dnd", n)
	case n%10 == 3 && n%100 != 13:
		return fmt.Sprintf("%drd", n)
	}
	return fmt.Sprintf("%dth", n)
}
