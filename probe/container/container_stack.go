package container

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/dockerclient"
	"github.com/thenexusengine/catalyst_exporter/probe/phrase"
)

// Services of a swarm, and containers that a compose file left behind when a service was removed from it or renamed.

// tasks are the services of a stack; nil when no manager reports them.
type tasks map[string]dockerclient.StackService

func tasksOf(ctx context.Context, p *probe.Pass, project *dockerclient.Project) (tasks, error) {
	if !project.Stack && len(project.Containers) > 0 {
		return nil, nil
	}
	all, err := dockerclient.StackOf(ctx, p, project)
	if errors.Is(err, dockerclient.ErrNoManager) || len(all) == 0 && !project.Stack {
		return nil, nil
	}
	return all, err
}

// idle reports whether a service has no task on purpose: it is scaled to 0, or is a completed job.
func (all tasks) idle(service string) bool {
	s, found := all[service]
	return found && s.Desired == 0
}

// judge judges the number of a service's tasks. decided reports that its containers need not be checked: there are none
// on this node. here is their number, wanted that of the compose file.
func (all tasks) judge(f *probe.ResultBuilder, service string, here, wanted int) (decided bool) {
	s, found := all[service]
	switch {
	case all == nil && (here == 0 || here < wanted):
		f.Add(probe.NotChecked(dockerclient.OtherNodes(service, here, wanted)))
		return here == 0
	case all == nil:
		return false
	case !found:
		f.Fail(probe.ReasonMissing, "the stack has no service %s. Deploy it with docker stack deploy", service)
	case s.Desired == 0:
		f.Fail(probe.ReasonMissing, "service %s is scaled to 0. Start it with docker service scale", service)
	case s.Running == 0:
		f.Fail(probe.ReasonUnhealthy, "service %s has none of %s running. See docker service ps", service, phrase.Count(int(s.Desired), "task"))
	case s.Running < s.Desired:
		f.Warn(probe.ReasonMissing, "service %s has %d of %d tasks running. See docker service ps", service, s.Running, s.Desired)
	}
	if s.Paused {
		f.Warn(probe.ReasonUnhealthy, "the update of service %s is paused after a failure: tasks of two versions run. See docker service inspect", service)
	}
	return here == 0
}

// judgeOrphans warns about running containers whose service the compose file no longer has.
func (l plan) judgeOrphans(f *probe.ResultBuilder, project *dockerclient.Project, except []string) {
	if len(l.services) == 0 {
		return
	}
	var orphans []string
	for _, c := range project.Containers {
		_, active := l.services[c.Service]
		_, inactive := l.inactive[c.Service]
		if active || inactive || !c.Running() || slices.Contains(except, c.Service) || l.ofOtherFiles(c) || slices.Contains(orphans, c.Name) {
			continue
		}
		orphans = append(orphans, c.Name)
	}
	if len(orphans) > 0 {
		remedy := "Remove them with docker compose up -d --remove-orphans"
		if project.Stack {
			remedy = "Remove their services with docker stack deploy --prune"
		}
		f.Warn(probe.ReasonDrift, "containers of services that the compose file does not have: %s. %s", phrase.List(orphans), remedy)
	}
}

// ofOtherFiles reports whether a container was started with a compose file that still exists and is not part of the model.
func (l plan) ofOtherFiles(c *dockerclient.Container) bool {
	for file := range strings.SplitSeq(c.Config.Labels[dockerclient.LabelFiles], ",") {
		if file == "" {
			continue
		}
		if !filepath.IsAbs(file) {
			file = filepath.Join(c.Config.Labels[dockerclient.LabelDir], file)
		}
		if _, err := os.Stat(file); err == nil && !slices.Contains(l.files, file) {
			return true
		}
	}
	return false
}
