package composecheck

import (
	"cmp"
	"context"
	"slices"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/deployment/compose"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/phrase"
)

// compose_limits: is every service prevented from using up the host?
//
// One service without a limit can take the memory of all others, so each needs both limits, in either of Compose's
// notations. A limit of 0 (from an unset variable, say) means no limit to Docker. A limit that Docker refuses keeps the
// service from starting, and one beyond any host limits nothing. Services of inactive profiles are not started and not
// checked.

func LimitsKind() probe.Kind {
	return probe.Kind{
		Name:       "compose_limits",
		Question:   "Does every service have a memory and a CPU limit?",
		Example:    "{except: [migrate]}",
		Layer:      probe.LayerDeclared,
		Reads:      "the compose files and the env file",
		Permission: "read permission",
		Values:     []*probe.Value{ServicesUnlimited},
		Alone:      true,
		Breakages:  func(spec any, view *deployment.View) []probe.Breakage { return spec.(*composeLimits).breakages(view) },
		New:        func() any { return &composeLimits{MaxMemory: 8192, MaxCPUs: 512} },
	}
}

type composeLimits struct {
	Except    []string `yaml:"except" doc:"services that need no limits, such as one-off jobs"`
	MaxMemory float64  `yaml:"max_memory" default:"8192" doc:"memory limit in GiB above which a limit is a warning: it limits nothing in effect"`
	MaxCPUs   float64  `yaml:"max_cpus" default:"512" doc:"CPU limit above which a limit is a warning"`
}

func (s *composeLimits) Probe(_ context.Context, p *probe.Pass) (probe.Result, error) {
	c, err := probe.ComposeModel(p)
	if err != nil {
		return probe.Result{}, err
	}
	return s.judge(c)
}

func (s *composeLimits) judge(c *compose.Model) (probe.Result, error) {
	var f probe.ResultBuilder
	var memory, cpu []string
	asked, unlimited := 0, 0
	for _, name := range c.Services() {
		if slices.Contains(s.Except, name) || compose.ScaledToNone(c.Project.Services[name]) {
			continue
		}
		asked++
		v := limits(c.Project.Services[name])
		hasMemory, hasCPU := v.memory > 0, v.cpus > 0 || v.quota > 0 // a quota counts as a limit
		if !hasMemory {
			memory = append(memory, name)
		}
		if !hasCPU {
			cpu = append(cpu, name)
		}
		if !hasMemory || !hasCPU {
			unlimited++
		}
		s.judgeValues(&f, c, name)
	}
	if asked == 0 {
		return probe.Result{}, probe.Needs("deployment.profiles",
			probe.Unknownf(probe.ReasonNotConfigured, "no service to check for limits: none is active, or all are excepted"))
	}
	f.Measure(ServicesUnlimited.Of(float64(unlimited)))
	if len(memory) > 0 {
		f.Fail(probe.ReasonMissing, "no memory limit: %s", phrase.List(memory))
		f.Offend(offenders(c, memory, "no_memory_limit", "deploy")...)
	}
	if len(cpu) > 0 {
		f.Fail(probe.ReasonMissing, "no CPU limit: %s", phrase.List(cpu))
		f.Offend(offenders(c, cpu, "no_cpu_limit", "deploy")...)
	}
	return f.Result("%s, all with memory and CPU limits", phrase.Count(asked, "service")), nil
}

// What Docker refuses (moby, daemon/daemon_unix.go: verifyPlatformContainerResources).
const (
	leastMemory = 6 << 20 // bytes
	leastCPUs   = 0.01
	leastQuota  = 1000 // microseconds
)

// judgeValues reports limits that Docker refuses or that limit nothing.
func (s *composeLimits) judgeValues(f *probe.ResultBuilder, c *compose.Model, name string) {
	service := c.Project.Services[name]
	offend := func(rule string) { f.Offend(offender(c, name, rule, "deploy")) }
	v := limits(service)
	switch {
	case v.memory > 0 && v.memory < leastMemory:
		f.Fail(probe.ReasonInvalid, "memory limit of %s is below 6 MB, which Docker refuses. Write a unit such as 512M", name)
		offend("memory_below_minimum")
	case v.memory > 0 && v.reserved > v.memory:
		f.Fail(probe.ReasonInvalid, "memory reservation of %s exceeds its limit, which Docker refuses", name)
		offend("memory_reservation")
	case v.memory > 0 && v.swap > 0 && v.swap < v.memory:
		f.Fail(probe.ReasonInvalid, "memswap_limit of %s is below its memory limit, which Docker refuses", name)
		offend("memswap_limit")
	case float64(v.memory) > s.MaxMemory*(1<<30):
		f.Warn(probe.ReasonThreshold, "memory limit of %s is more than any host has: it limits nothing", name)
		offend("memory_unlimited")
	}
	switch {
	case v.cpus > 0 && v.cpus < leastCPUs*(1-1e-6): // Compose reads it with 32 bits
		f.Fail(probe.ReasonInvalid, "CPU limit of %s is below 0.01, which Docker refuses", name)
		offend("cpu_below_minimum")
	case v.quota > 0 && v.quota < leastQuota:
		f.Fail(probe.ReasonInvalid, "cpu_quota of %s is below 1000, which Docker refuses", name)
		offend("cpu_quota")
	case v.cpus > s.MaxCPUs:
		f.Warn(probe.ReasonThreshold, "CPU limit of %s is more than any host has: it limits nothing", name)
		offend("cpu_unlimited")
	}
	if service.OomKillDisable {
		f.Warn(probe.ReasonWeak, "oom_kill_disable of %s: at its memory limit the service hangs instead of being restarted", name)
		offend("oom_kill_disable")
	}
}

// serviceLimits are a service's limits; 0 for none.
type serviceLimits struct {
	memory, reserved, swap int64 // bytes
	cpus                   float64
	quota                  int64 // of CPU time, in microseconds
}

// limits returns the limits of a service. Those below deploy take precedence.
func limits(s types.ServiceConfig) serviceLimits {
	v := serviceLimits{memory: int64(s.MemLimit), reserved: int64(s.MemReservation), swap: int64(s.MemSwapLimit), cpus: float64(s.CPUS), quota: s.CPUQuota}
	if s.Deploy == nil {
		return v
	}
	if l := s.Deploy.Resources.Limits; l != nil {
		v.memory = cmp.Or(int64(l.MemoryBytes), v.memory)
		v.cpus = cmp.Or(float64(l.NanoCPUs.Value()), v.cpus)
	}
	if r := s.Deploy.Resources.Reservations; r != nil {
		v.reserved = cmp.Or(int64(r.MemoryBytes), v.reserved)
	}
	return v
}

var ServicesUnlimited = &probe.Value{Name: "catalyst_compose_services_unlimited", Help: "Compose services without a memory or CPU limit.", Labels: nil}
