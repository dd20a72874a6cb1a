package kubernetes

import (
	"fmt"
	"slices"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/healthcommand"
	"github.com/thenexusengine/catalyst_exporter/probe/imageref"
	"github.com/thenexusengine/catalyst_exporter/probe/secretvalue"
)

// finding is what is wrong with a workload or a container.
type finding struct {
	reason probe.Reason
	text   string
	warn   bool
	unseen bool // it cannot be judged
}

// place is what a finding is about.
type place struct {
	object
	container string
}

func (p *place) title() string {
	if p.container == "" {
		return p.object.title()
	}
	return p.object.title() + " (" + p.container + ")"
}

// rules are what the requirements depend on.
type rules struct {
	*cluster
	spec     *manifest
	complete bool // every file was read
}

// applies reports whether a requirement is about a kind of workload.
func applies(word, kind string) bool {
	switch word {
	case "replicas", "disruption_budget", "autoscaler", "spread":
		return !slices.Contains([]string{"DaemonSet", "Job", "CronJob"}, kind)
	case "readiness", "liveness", "startup":
		return kind != "Job" && kind != "CronJob"
	case "rolling_update":
		return !slices.Contains([]string{"Job", "CronJob", "Pod", "ReplicaSet", "ReplicationController"}, kind)
	}
	return true
}

// judge applies one requirement to a workload.
func (r rules) judge(word string, w *workload, found func(*place, finding)) {
	whole := func(reason probe.Reason, format string, args ...any) {
		found(&place{object: w.object}, finding{reason: reason, text: fmt.Sprintf(format, args...)})
	}
	pod := w.pod()
	if len(pod.Spec.Containers) == 0 {
		whole(probe.ReasonInvalid, "no containers")
		return
	}
	switch word {
	case "replicas":
		r.replicas(w, found)
	case "disruption_budget":
		r.disruptionBudget(w, found)
	case "autoscaler":
		r.autoscaled(w, found)
	case "network_policy", "egress_policy":
		r.restricted(w, word == "egress_policy", found)
	case "rolling_update":
		r.rolling(w, whole)
	case "spread":
		spread(pod, whole)
	case "no_host_network":
		if pod.Spec.HostNetwork {
			whole(probe.ReasonExposed, "hostNetwork is true. Remove it")
		}
	case "no_host_path":
		for _, v := range pod.Spec.Volumes {
			if v.HostPath != nil {
				whole(probe.ReasonExposed, "volume %s is a hostPath. Use a PersistentVolumeClaim, emptyDir or ConfigMap", v.Name)
			}
		}
	case "unprivileged":
		if pod.Spec.HostPID || pod.Spec.HostIPC {
			whole(probe.ReasonOverPrivileged, "hostPID or hostIPC is true. Remove it")
		}
	}
	running := slices.Contains([]string{"readiness", "liveness", "startup"}, word)
	for _, c := range pod.Spec.containers(running) {
		if slices.Contains(r.spec.Sidecars, c.Name) {
			continue
		}
		for _, wrong := range r.container(word, w, pod.Spec, c) {
			found(&place{w.object, c.Name}, wrong)
		}
	}
}

func fault(reason probe.Reason, format string, args ...any) []finding {
	return []finding{{reason: reason, text: fmt.Sprintf(format, args...)}}
}

// container applies one requirement to a container.
func (r rules) container(word string, w *workload, pod podSpec, c container) []finding {
	switch word {
	case "readiness":
		return probes("readinessProbe", c.Readiness)
	case "liveness":
		return probes("livenessProbe", c.Liveness)
	case "startup":
		return probes("startupProbe", c.Startup)
	case "memory_request", "memory_limit", "cpu_request", "cpu_limit":
		return r.amount(word, w, pod, c)
	case "pinned", "digest":
		if reason, text := imageref.Unpinned(c.Image, word == "digest"); text != "" {
			return fault(reason, "%s", text)
		}
	case "no_plain_secrets":
		return r.plainSecrets(w, c)
	case "no_host_network":
		for _, port := range c.Ports {
			if port.HostPort != 0 {
				return fault(probe.ReasonExposed, "a port has a hostPort. Use a Service")
			}
		}
	}
	return r.security(word, pod.SecurityContext, c.SecurityContext)
}

func isTrue(b *bool) bool { return b != nil && *b }

// security judges the security context of a container. What it does not set, the pod's sets.
func (r rules) security(word string, pod, c securityContext) []finding {
	switch word {
	case "non_root":
		nonRoot, user := c.RunAsNonRoot, c.RunAsUser
		if nonRoot == nil {
			nonRoot = pod.RunAsNonRoot
		}
		if user == nil {
			user = pod.RunAsUser
		}
		switch {
		case user != nil && *user == 0:
			return fault(probe.ReasonOverPrivileged, "runs as root (runAsUser: 0). Set runAsUser to another user")
		case !isTrue(nonRoot) && user == nil:
			return fault(probe.ReasonMissing, "may run as root. Set securityContext.runAsNonRoot: true")
		}
	case "read_only":
		if !isTrue(c.ReadOnly) {
			return fault(probe.ReasonMissing, "the root file system can be written. Set readOnlyRootFilesystem: true in the securityContext of the container")
		}
	case "no_privilege_escalation":
		if c.Escalation == nil || *c.Escalation || isTrue(c.Privileged) {
			return fault(probe.ReasonMissing, "processes may gain privileges. Set allowPrivilegeEscalation: false in the securityContext of the container")
		}
	case "cap_drop_all":
		if !slices.ContainsFunc(c.Capabilities.Drop, func(name string) bool { return capability(name) == "ALL" }) {
			return fault(probe.ReasonOverPrivileged, "keeps default capabilities. Set capabilities.drop: [ALL] in the securityContext of the container")
		}
	case "capabilities":
		for _, added := range c.Capabilities.Add {
			if !slices.ContainsFunc(r.spec.Caps, func(name string) bool { return capability(name) == capability(added) }) {
				return fault(probe.ReasonOverPrivileged, "adds capability %s. Remove it, or allow it in the checklist", capability(added))
			}
		}
	case "seccomp":
		if kind := c.Seccomp.Type; kind == "Unconfined" || kind == "" && pod.Seccomp.Type == "Unconfined" {
			return fault(probe.ReasonOverPrivileged, "seccompProfile is Unconfined. Set type: RuntimeDefault")
		} else if kind+pod.Seccomp.Type == "" {
			return fault(probe.ReasonMissing, "no seccompProfile. Set type: RuntimeDefault")
		}
	case "unprivileged":
		switch {
		case isTrue(c.Privileged):
			return fault(probe.ReasonOverPrivileged, "privileged is true. Remove it, and add single capabilities")
		case c.ProcMount == "Unmasked":
			return fault(probe.ReasonOverPrivileged, "procMount is Unmasked. Remove it")
		}
	}
	return nil
}

func capability(name string) string { return strings.TrimPrefix(strings.ToUpper(name), "CAP_") }

// probes judges a probe of the kubelet.
func probes(field string, h *handler) []finding {
	switch {
	case h == nil:
		return fault(probe.ReasonMissing, "no %s. Set one that requests the service", field)
	case h.Exec == nil && h.HTTP == nil && h.TCP == nil && h.GRPC == nil:
		return fault(probe.ReasonInvalid, "%s does nothing. Set httpGet, tcpSocket, grpc or exec", field)
	case h.Exec != nil && (len(h.Exec.Command) == 0 || healthcommand.AlwaysSucceeds(append([]string{"CMD"}, h.Exec.Command...))):
		return fault(probe.ReasonWeak, "%s always succeeds. Let it fail when the service does not respond", field)
	}
	return nil
}

// Bounds of plausible amounts: smaller memory starts no container, and more processors are a missing m.
const (
	minMemory = 4 << 20
	maxCPU    = 512
)

// amount judges a request or a limit. A request defaults to the limit, and both to those of the pod and of a LimitRange.
func (r rules) amount(word string, w *workload, pod podSpec, c container) []finding {
	name, what, _ := strings.Cut(word, "_")
	limits, requests := []map[string]string{c.Resources.Limits, pod.Resources.Limits}, []map[string]string{c.Resources.Requests}
	for _, l := range r.limits {
		for _, limit := range l.Spec.Limits {
			if l.Metadata.Namespace == w.Metadata.Namespace && limit.Type == "Container" {
				limits, requests = append(limits, limit.Default), append(requests, limit.Requests)
			}
		}
	}
	requests = append(requests, pod.Resources.Requests, c.Resources.Limits, pod.Resources.Limits)
	set := func(list []map[string]string) string {
		for _, m := range list {
			if m[name] != "" {
				return m[name]
			}
		}
		return ""
	}
	field := "resources." + what + "s." + name
	limit, request := set(limits), set(requests)
	text := request
	if what == "limit" {
		text = limit
	}
	n, ok := quantity(text)
	most, _ := quantity(limit)
	least, _ := quantity(request)
	switch {
	case text == "":
		return fault(probe.ReasonMissing, "%s is not set", field)
	case !ok:
		return fault(probe.ReasonInvalid, "%s is not a quantity", field)
	case n == 0:
		return fault(probe.ReasonMissing, "%s is 0, which means none", field)
	case name == "memory" && n < minMemory:
		return fault(probe.ReasonInvalid, "%s is less than 4 MiB. Add a unit such as Mi", field)
	case name == "cpu" && n > maxCPU:
		return fault(probe.ReasonInvalid, "%s is more than %d processors. Append m for thousandths", field, maxCPU)
	case limit != "" && least > most:
		return fault(probe.ReasonInvalid, "the request of %s is more than its limit", name)
	}
	return nil
}

var flagValue = lazyregexp.New(`^--?([A-Za-z][A-Za-z0-9_.-]*)=(.+)$`)

// plainSecrets reports passwords and keys in the text of a manifest.
func (r rules) plainSecrets(w *workload, c container) []finding {
	var all []finding
	judge := func(key, value, where string) {
		switch key = strings.ToUpper(strings.NewReplacer("-", "_", ".", "_").Replace(key)); {
		case strings.Contains(value, "$("):
		case secretvalue.Literal(key, value) != "":
			all = append(all, fault(probe.ReasonExposed, "%s is a literal secret in %s. Use a Secret and secretKeyRef, and replace its value", key, where)...)
		case value != "" && secretvalue.HoldsSecret(key) && secretvalue.IsPlaceholder(value):
			all = append(all, fault(probe.ReasonPlaceholder, "%s is a placeholder in %s. Use a Secret and secretKeyRef", key, where)...)
		}
	}
	config := func(name string) map[string]string {
		for _, m := range r.configs {
			if name != "" && m.Metadata.Name == name && m.Metadata.Namespace == w.Metadata.Namespace {
				return m.Data
			}
		}
		return nil
	}
	for _, e := range c.Env {
		judge(e.Name, e.Value, "env")
		if ref := e.From.ConfigMap; ref.Name != "" {
			judge(e.Name, config(ref.Name)[ref.Key], "ConfigMap "+ref.Name)
		}
	}
	for _, e := range c.EnvFrom {
		for key, value := range config(e.ConfigMap.Name) {
			judge(e.Prefix+key, value, "ConfigMap "+e.ConfigMap.Name)
		}
	}
	for _, arg := range slices.Concat(c.Command, c.Args) {
		if m := flagValue.FindStringSubmatch(arg); m != nil {
			judge(m[1], m[2], "the arguments")
		}
	}
	return all
}
