package container

import (
	"cmp"
	"context"
	"math"
	"slices"
	"time"

	"github.com/moby/moby/api/types/container"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/composecheck"
	"github.com/thenexusengine/catalyst_exporter/probe/dockerclient"
	"github.com/thenexusengine/catalyst_exporter/probe/phrase"
)

// container_limits: do the running containers have memory and CPU limits?
//
// Some versions of Compose ignore deploy.resources, and a container that was started before the file changed keeps the
// limits that it was started with.

func LimitsKind() probe.Kind {
	return probe.Kind{
		Name:       "container_limits",
		Services:   []deployment.Service{deployment.DockerService},
		Question:   "Does every running container have a memory and a CPU limit?",
		Example:    "{except: [migrate]}",
		Layer:      probe.LayerRunning,
		Reads:      "GET on the Docker Engine (deployment.docker)",
		Permission: "its socket or address",
		Values:     []*probe.Value{composecheck.ServicesUnlimited},
		Timeout:    25 * time.Second,
		Alone:      true,
		New:        func() any { return &containerLimits{} },
	}
}

type containerLimits struct {
	Except []string `yaml:"except" doc:"services that need no limits, such as one-off jobs"`
}

func (s *containerLimits) Probe(ctx context.Context, p *probe.Pass) (probe.Result, error) {
	project, err := dockerclient.ProjectOf(ctx, p)
	if err != nil {
		return probe.Result{}, err
	}
	return s.judge(project, planOf(p))
}

func (s *containerLimits) judge(project *dockerclient.Project, l plan) (probe.Result, error) {
	var memory, cpu, unlimited, changed []string
	asked := 0
	note := func(list *[]string, service string) {
		if !slices.Contains(*list, service) { // once for all its replicas
			*list = append(*list, service)
		}
	}
	for _, c := range project.Containers {
		if !c.Running() || slices.Contains(s.Except, c.Service) {
			continue
		}
		asked++
		hasMemory, hasCPU := containerLimitsOf(c.HostConfig)
		if !hasMemory {
			note(&memory, c.Service)
		}
		if !hasCPU {
			note(&cpu, c.Service)
		}
		if !hasMemory || !hasCPU {
			note(&unlimited, c.Service)
		} else if l.limitsDiffer(c) {
			note(&changed, c.Service)
		}
	}
	if asked == 0 {
		return probe.Result{}, project.NoRunningContainer("any service")
	}
	var f probe.ResultBuilder
	f.Measure(composecheck.ServicesUnlimited.Of(float64(len(unlimited))))
	if len(memory) > 0 {
		f.Fail(probe.ReasonMissing, "running without a memory limit: %s", phrase.List(memory))
	}
	if len(cpu) > 0 {
		f.Fail(probe.ReasonMissing, "running without a CPU limit: %s", phrase.List(cpu))
	}
	if len(changed) > 0 {
		f.Warn(probe.ReasonDrift, "running with other limits than the compose file sets: %s. Run docker compose up -d", phrase.List(changed))
	}
	return f.Result("%s running, all with memory and CPU limits", phrase.Count(asked, "container")), nil
}

// limitsDiffer reports whether a container was started with other limits than the compose file now sets.
func (l plan) limitsDiffer(c *dockerclient.Container) bool {
	s, ok := l.services[c.Service]
	if !ok {
		return false
	}
	memory, cpus := int64(s.MemLimit), float64(s.CPUS)
	if s.Deploy != nil && s.Deploy.Resources.Limits != nil {
		memory = cmp.Or(memory, int64(s.Deploy.Resources.Limits.MemoryBytes))
		cpus = cmp.Or(cpus, float64(s.Deploy.Resources.Limits.NanoCPUs.Value()))
	}
	h := c.HostConfig
	return memory > 0 && memory != h.Memory ||
		cpus > 0 && (h.NanoCPUs > 0 || h.CPUQuota <= 0) && math.Abs(cpus*1e9-float64(h.NanoCPUs)) > 1e6 // a thousandth of a CPU
}

// containerLimitsOf reports which limits a container has. A CPU quota below zero is none.
func containerLimitsOf(h *container.HostConfig) (memory, cpu bool) {
	return h.Memory > 0, h.NanoCPUs > 0 || h.CPUQuota > 0
}
