package dockerclient

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/swarm"
	"github.com/moby/moby/client"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// A project that docker stack deploy runs on a swarm. Its containers are tasks: one that ended stays for a while next to the
// one that replaced it, and others run on other nodes, so that only a manager knows how many run.

const (
	labelStack   = "com.docker.stack.namespace"
	labelService = "com.docker.swarm.service.name"
	labelTask    = "com.docker.swarm.task.name" // SERVICE.SLOT.ID
)

// tasks returns the newest container of each slot of a stack.
func (id projectIdentity) tasks(all []container.Summary) []picked {
	newest := map[string]container.Summary{}
	for _, c := range all {
		if c.Labels[labelStack] != id.name || c.Labels[labelService] == "" {
			continue
		}
		task := c.Labels[labelTask]
		slot := task[:max(strings.LastIndexByte(task, '.'), 0)]
		if slot == "" {
			slot = c.ID
		}
		if other, known := newest[slot]; !known || c.Created > other.Created {
			newest[slot] = c
		}
	}
	var own []picked
	for _, c := range newest {
		own = append(own, picked{c.ID, ContainerName(c), strings.TrimPrefix(c.Labels[labelService], id.name+"_")})
	}
	return own
}

// StackService is what a manager of the swarm reports of a service.
type StackService struct {
	Running, Desired uint64 // tasks on all nodes
	Paused           bool   // an update or its rollback stopped after a failure
}

type dockerStackKey struct{}

// ErrNoManager is the error of an engine that does not report the services of a stack.
var ErrNoManager = errors.New("the engine is not a manager of the swarm, or does not permit GET /services")

// StackOf returns the services of a project that is a stack, by name. Its error is ErrNoManager or one of access.
func StackOf(ctx context.Context, p *probe.Pass, project *Project) (map[string]StackService, error) {
	return probe.Once(ctx, p, dockerStackKey{}, func(ctx context.Context) (map[string]StackService, error) {
		e, err := For(p)
		if err != nil {
			return nil, err
		}
		ctx, cancel := context.WithTimeout(ctx, dockerTimeout)
		defer cancel()
		list, err := e.api.ServiceList(ctx, client.ServiceListOptions{Filters: client.Filters{}.Add("label", labelStack+"="+project.Name), Status: true})
		switch {
		case errdefs.IsUnavailable(err), errdefs.IsPermissionDenied(err), errdefs.IsUnauthorized(err), errdefs.IsNotFound(err), errdefs.IsNotImplemented(err):
			return nil, ErrNoManager
		case err != nil:
			return nil, e.requestError(ctx, "list services", err)
		}
		all := map[string]StackService{}
		for _, s := range list.Items {
			if s.ServiceStatus == nil {
				return nil, ErrNoManager // an engine before API version 1.41
			}
			found := StackService{Running: s.ServiceStatus.RunningTasks, Desired: s.ServiceStatus.DesiredTasks}
			if isJob := s.Spec.Mode.ReplicatedJob != nil || s.Spec.Mode.GlobalJob != nil; isJob && s.ServiceStatus.CompletedTasks > 0 {
				found.Desired = found.Running
			}
			if u := s.UpdateStatus; u != nil {
				found.Paused = u.State == swarm.UpdateStatePaused || u.State == swarm.UpdateStateRollbackPaused
			}
			all[strings.TrimPrefix(s.Spec.Name, project.Name+"_")] = found
		}
		return all, nil
	})
}

// OtherNodes is the error for a service of a stack of which other nodes may run containers. here is the number on this node,
// wanted that of the compose file.
func OtherNodes(service string, here, wanted int) error {
	where := "no container on this node; others may run it"
	if here > 0 {
		where = fmt.Sprintf("%d of %d containers on this node; others may run the rest", here, wanted)
	}
	return probe.Needs(deployment.DockerService.Setting("host")+" of a manager of the swarm, with permission to GET /services",
		probe.Unknownf(probe.ReasonNotConfigured, "service %s has %s", service, where))
}
