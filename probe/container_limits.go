package probe

import (
	"context"
	"slices"
	"time"

	"github.com/moby/moby/api/types/container"
)

// container_limits: do the running containers have memory and CPU limits?
//
// Some versions of Compose ignore deploy.resources, and a container that was started before the file changed keeps the
// limits that it was started with.

func containerLimitsKind() Kind {
	return Kind{
		Name:     "container_limits",
		Question: "Does every running container have a memory and a CPU limit?",
		Example:  "{except: [migrate]}",
		Layer:    LayerRunning,
		Reads:    "GET on the Docker Engine (deployment.docker); needs its socket or address",
		Values:   []*Value{ServicesUnlimited},
		Timeout:  25 * time.Second,
		Alone:    true,
		New:      func() any { return &containerLimits{} },
	}
}

type containerLimits struct {
	Except []string `yaml:"except" doc:"services that need no limits, such as one-off jobs"`
}

func (s *containerLimits) Probe(ctx context.Context, p *Pass) (Result, error) {
	project, err := dockerProjectOf(ctx, p)
	if err != nil {
		return Result{}, err
	}
	return s.judge(project)
}

func (s *containerLimits) judge(project *dockerProject) (Result, error) {
	var memory, cpu, unlimited []string
	asked := 0
	note := func(list *[]string, service string) {
		if !slices.Contains(*list, service) { // once for all its replicas
			*list = append(*list, service)
		}
	}
	for _, c := range project.Containers {
		if !c.running() || slices.Contains(s.Except, c.Service) {
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
		}
	}
	if asked == 0 {
		return Result{}, project.noneRuns("any service")
	}
	var f Findings
	f.Measure(ServicesUnlimited.Of(float64(len(unlimited))))
	if len(memory) > 0 {
		f.Fail(ReasonMissing, "running without a memory limit: %s", someOf(memory))
	}
	if len(cpu) > 0 {
		f.Fail(ReasonMissing, "running without a CPU limit: %s", someOf(cpu))
	}
	return f.Result("%s running, all with memory and CPU limits", count(asked, "container")), nil
}

// containerLimitsOf reports which limits a container has. A CPU quota below zero is none.
func containerLimitsOf(h *container.HostConfig) (memory, cpu bool) {
	return h.Memory > 0, h.NanoCPUs > 0 || h.CPUQuota > 0
}
