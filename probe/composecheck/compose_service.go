package composecheck

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/deployment/compose"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/phrase"
)

// compose_service: does the compose file start its services as production needs them?
//
// Each requirement is a word, so that a checklist has an item for those that its team keeps. What an image sets by itself (a health
// check, a user) is not visible in the compose file: such a requirement asks for the declaration there. Services that run once
// (others wait for their completion) need neither a restart policy nor a health check, and services scaled to 0 need nothing.

// ServiceKind is the kind compose_service.
func ServiceKind() probe.Kind {
	return probe.Kind{
		Name:       "compose_service",
		Question:   "Do the services of the compose file declare what is required of them?",
		Example:    "{require: [restart, healthcheck, pinned, unprivileged], except: [migrate]}",
		Layer:      probe.LayerDeclared,
		Reads:      "the compose files, the env file and the host's /etc/docker/daemon.json",
		Permission: "read permission",
		Breakages:  func(spec any, view *deployment.View) []probe.Breakage { return spec.(*composeService).breakages(view) },
		New:        func() any { return &composeService{} },
	}
}

type composeService struct {
	Require []string `yaml:"require" required:"true" enum:"restart,healthcheck,pinned,digest,unprivileged,capabilities,cap_drop_all,no_new_privileges,no_docker_socket,no_host_mounts,no_host_network,non_root,read_only,log_rotation" doc:"restart: restarted after a crash; healthcheck: one that can fail; pinned: a fixed tag or digest; digest; unprivileged: not privileged, no namespace of the host, confined; capabilities: none added; cap_drop_all; no_new_privileges; no_docker_socket: no control over the container engine; no_host_mounts: only folders of the deployment; no_host_network; non_root: a user other than root; read_only: root file system; log_rotation: logs have a maximum size"`
	Only    []string `yaml:"services" doc:"the services; all active ones when unset"`
	Except  []string `yaml:"except" doc:"services that need not hold this"`
	Mounts  []string `yaml:"allow_mounts" doc:"folders and files of the host that services may mount, e.g. /etc/localtime"`
	Caps    []string `yaml:"allow_capabilities" doc:"capabilities that services may add, e.g. NET_BIND_SERVICE"`
}

func (s *composeService) Probe(_ context.Context, p *probe.Pass) (probe.Result, error) {
	c, err := probe.ComposeModel(p)
	if err != nil {
		return probe.Result{}, err
	}
	daemon := readDaemon(p)
	judged := probe.Unchanged(p, composeServiceKey{s}, []any{c, daemon}, func() probe.Judgement {
		r, err := s.judge(serviceRules{c, daemon, p.Deployment.Root, s.Mounts, s.Caps})
		return probe.Judgement{Result: r, Err: err}
	})
	return judged.Result, judged.Err
}

type composeServiceKey struct{ *composeService }

// judge reports, per requirement, the services that do not hold it.
func (s *composeService) judge(rules serviceRules) (probe.Result, error) {
	c := rules.model
	var f probe.ResultBuilder
	for _, name := range slices.Concat(s.Only, s.Except) {
		_, active := c.Project.Services[name]
		_, inactive := c.Project.DisabledServices[name]
		if !active && !inactive {
			f.Fail(probe.ReasonInvalid, "the checklist names service %s, which the compose file does not define", name)
		}
	}
	var checked []types.ServiceConfig
	for _, name := range c.Services() {
		service := c.Project.Services[name]
		if len(s.Only) > 0 && !slices.Contains(s.Only, name) || slices.Contains(s.Except, name) || compose.ScaledToNone(service) {
			continue
		}
		checked = append(checked, service)
	}
	if len(checked) == 0 && f.Worst.State != probe.StateFail {
		return probe.Result{}, probe.Unknownf(probe.ReasonNotConfigured, "no active service is left to check")
	}
	var unseen error
	for _, word := range s.Require {
		rule := rules.of(word)
		broken, judged := map[fault][]string{}, 0 // services by what is wrong with them
		for _, service := range checked {
			if rule.toRun && runsOnce(c, service.Name) {
				continue
			}
			judged++
			if wrong := rule.judge(service); wrong.text != "" {
				broken[wrong] = append(broken[wrong], service.Name)
			}
		}
		if judged == 0 {
			unseen = probe.Unknownf(probe.ReasonNotConfigured, "%s: every selected service runs once and ends", word)
		}
		for _, wrong := range slices.SortedFunc(maps.Keys(broken), func(a, b fault) int { return strings.Compare(a.text, b.text) }) {
			names := broken[wrong]
			if wrong.unseen {
				unseen = probe.Unknownf(probe.ReasonError, "%s: %s", phrase.List(names), wrong.text)
				continue
			}
			f.Fail(wrong.reason, "%s: %s", phrase.List(names), wrong.text)
			f.Offend(offenders(c, names, word, rule.attribute)...)
		}
	}
	if unseen != nil && f.Worst.State != probe.StateFail { // a failure is certain whatever the rest is
		return probe.Result{}, unseen
	}
	return f.Result("%s: %s", phrase.Count(len(checked), "service"), strings.Join(s.Require, ", ")), nil
}

// runsOnce reports whether other services wait for the end of a service.
func runsOnce(c *compose.Model, name string) bool {
	for _, other := range c.Services() {
		if d, ok := c.Project.Services[other].DependsOn[name]; ok && d.Condition == types.ServiceConditionCompletedSuccessfully {
			return true
		}
	}
	return false
}

// fault is what is wrong with a service.
type fault struct {
	reason probe.Reason
	text   string // "" if nothing is
	unseen bool   // it cannot be judged
}

func faultf(reason probe.Reason, format string, args ...any) fault {
	return fault{reason: reason, text: fmt.Sprintf(format, args...)}
}

// serviceRule is one requirement.
type serviceRule struct {
	attribute string // of the compose file that decides it
	toRun     bool   // is about services that keep running
	judge     func(types.ServiceConfig) fault
}

// serviceRules are what the requirements depend on.
type serviceRules struct {
	model  *compose.Model
	daemon *daemonLogging
	root   string
	mounts []string
	caps   []string
}

func (r serviceRules) of(word string) serviceRule {
	return map[string]serviceRule{
		"restart":           {"restart", true, restarts},
		"healthcheck":       {"healthcheck", true, hasHealthcheck},
		"pinned":            {"image", false, func(s types.ServiceConfig) fault { return pinned(s, false) }},
		"digest":            {"image", false, func(s types.ServiceConfig) fault { return pinned(s, true) }},
		"unprivileged":      {"privileged", false, unprivileged},
		"capabilities":      {"cap_add", false, r.capabilities},
		"cap_drop_all":      {"cap_drop", false, dropsAll},
		"no_new_privileges": {"security_opt", false, noNewPrivileges},
		"no_docker_socket":  {"volumes", false, noEngineSocket},
		"no_host_mounts":    {"volumes", false, r.noHostMounts},
		"no_host_network":   {"network_mode", false, noHostNetwork},
		"non_root":          {"user", false, nonRoot},
		"read_only":         {"read_only", false, readOnly},
		"log_rotation":      {"logging", false, r.rotates},
	}[word]
}
