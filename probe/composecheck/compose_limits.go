package composecheck

import (
	"context"
	"slices"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/phrase"
)

// compose_limits: is every service prevented from using up the host?
//
// One service without a limit can take the memory of all others, so each needs both limits, in either of Compose's
// notations. A limit of 0 (from an unset variable, say) means no limit to Docker. Services of inactive profiles are not
// started and not checked.

func LimitsKind() probe.Kind {
	return probe.Kind{
		Name:     "compose_limits",
		Question: "Does every service have a memory and a CPU limit?",
		Example:  "{except: [migrate]}",
		Layer:    probe.LayerDeclared,
		Reads:    "the compose files and the env file; needs to read them",
		Values:   []*probe.Value{ServicesUnlimited},
		Alone:    true,
		New:      func() any { return &composeLimits{} },
	}
}

type composeLimits struct {
	Except []string `yaml:"except" doc:"services that need no limits, such as one-off jobs"`
}

func (s *composeLimits) Probe(_ context.Context, p *probe.Pass) (probe.Result, error) {
	c, err := probe.ComposeModel(p)
	if err != nil {
		return probe.Result{}, err
	}
	return s.judge(c)
}

func (s *composeLimits) judge(c *deployment.Compose) (probe.Result, error) {
	var memory, cpu []string
	asked, unlimited := 0, 0
	for _, name := range c.Services() {
		if slices.Contains(s.Except, name) {
			continue
		}
		asked++
		hasMemory, hasCPU := limits(c.Project.Services[name])
		if !hasMemory {
			memory = append(memory, name)
		}
		if !hasCPU {
			cpu = append(cpu, name)
		}
		if !hasMemory || !hasCPU {
			unlimited++
		}
	}
	if asked == 0 {
		return probe.Result{}, probe.Needs("deployment.profiles",
			probe.Unknownf(probe.ReasonNotConfigured, "no service to check for limits: none is active, or all are excepted"))
	}
	var f probe.ResultBuilder
	f.Measure(ServicesUnlimited.Of(float64(unlimited)))
	if len(memory) > 0 {
		f.Fail(probe.ReasonMissing, "no memory limit: %s", phrase.List(memory))
	}
	if len(cpu) > 0 {
		f.Fail(probe.ReasonMissing, "no CPU limit: %s", phrase.List(cpu))
	}
	return f.Result("%s, all with memory and CPU limits", phrase.Count(asked, "service")), nil
}

// limits reports which limits a service has. A CPU quota counts as a limit.
func limits(s types.ServiceConfig) (memory, cpu bool) {
	memory = s.MemLimit > 0
	cpu = s.CPUS > 0 || s.CPUQuota > 0
	if s.Deploy != nil && s.Deploy.Resources.Limits != nil {
		memory = memory || s.Deploy.Resources.Limits.MemoryBytes > 0
		cpu = cpu || s.Deploy.Resources.Limits.NanoCPUs.Value() > 0
	}
	return memory, cpu
}

var ServicesUnlimited = &probe.Value{Name: "catalyst_compose_services_unlimited", Help: "Compose services without a memory or CPU limit.", Labels: nil}
