package composecheck

import (
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/healthcommand"
	"github.com/thenexusengine/catalyst_exporter/probe/imageref"
)

// The requirements of compose_service, by the Compose specification and the documentation of Docker.

func restarts(s types.ServiceConfig) fault {
	policy := s.Restart
	if s.Deploy != nil && s.Deploy.RestartPolicy != nil && policy == "" {
		if policy = s.Deploy.RestartPolicy.Condition; policy == "" {
			policy = "any" // the default of a policy without a condition
		}
	}
	switch name, _, _ := strings.Cut(policy, ":"); name {
	case "always", "unless-stopped", "on-failure", "any":
		return fault{}
	case "":
		return faultf(probe.ReasonMissing, "no restart policy. Set restart: unless-stopped")
	}
	return faultf(probe.ReasonMissing, "the restart policy is not to restart. Set restart: unless-stopped")
}

func hasHealthcheck(s types.ServiceConfig) fault {
	h := s.HealthCheck
	switch {
	case h == nil || len(h.Test) == 0 && !h.Disable:
		return faultf(probe.ReasonMissing, "no health check. Set healthcheck with a test that requests the service")
	case h.Disable || h.Test[0] == "NONE":
		return faultf(probe.ReasonMissing, "the health check is switched off")
	case healthcommand.AlwaysSucceeds(h.Test):
		return faultf(probe.ReasonWeak, "the health check always succeeds. Let it fail when the service does not respond")
	}
	return fault{}
}

func pinned(s types.ServiceConfig, byDigest bool) fault {
	if s.Build != nil { // built from this deployment's source
		return fault{}
	}
	reason, text := imageref.Unpinned(s.Image, byDigest)
	return fault{reason: reason, text: text}
}

func unprivileged(s types.ServiceConfig) fault {
	switch {
	case s.Privileged:
		return faultf(probe.ReasonOverPrivileged, "privileged. Remove it, and add single capabilities or devices")
	case s.Pid == "host":
		return faultf(probe.ReasonOverPrivileged, "sees the processes of the host (pid: host)")
	case s.Ipc == "host":
		return faultf(probe.ReasonOverPrivileged, "shares memory with the host (ipc: host)")
	case s.UserNSMode == "host":
		return faultf(probe.ReasonOverPrivileged, "has the users of the host (userns_mode: host)")
	}
	for _, option := range s.SecurityOpt {
		name, value, _ := strings.Cut(strings.Replace(option, "=", ":", 1), ":")
		if value == "unconfined" || name == "label" && value == "disable" {
			return faultf(probe.ReasonOverPrivileged, "is not confined (security_opt %s)", name)
		}
	}
	return fault{}
}

// capabilityName returns a capability as Docker names it.
func capabilityName(name string) string {
	return strings.TrimPrefix(strings.ToUpper(name), "CAP_")
}

func (r serviceRules) capabilities(s types.ServiceConfig) fault {
	for _, added := range s.CapAdd {
		if !slices.ContainsFunc(r.caps, func(allowed string) bool { return capabilityName(allowed) == capabilityName(added) }) {
			return faultf(probe.ReasonOverPrivileged, "adds capability %s. Remove it from cap_add, or allow it in the checklist", capabilityName(added))
		}
	}
	return fault{}
}

func dropsAll(s types.ServiceConfig) fault {
	if slices.ContainsFunc(s.CapDrop, func(name string) bool { return capabilityName(name) == "ALL" }) {
		return fault{}
	}
	return faultf(probe.ReasonOverPrivileged, "keeps Docker's default capabilities. Set cap_drop: [ALL]")
}

func noNewPrivileges(s types.ServiceConfig) fault {
	for _, option := range s.SecurityOpt {
		switch strings.Replace(option, "=", ":", 1) {
		case "no-new-privileges", "no-new-privileges:true":
			return fault{}
		}
	}
	return faultf(probe.ReasonMissing, "processes may gain privileges. Set security_opt: [no-new-privileges:true]")
}

// engineSockets are the sockets through which a process controls all containers, and with them the host.
func engineSockets() []string {
	return []string{"/var/run/docker.sock", "/run/docker.sock", "/run/containerd/containerd.sock", "/var/run/containerd/containerd.sock",
		"/run/podman/podman.sock", "/var/run/podman/podman.sock", "/run/crio/crio.sock", "/var/run/crio/crio.sock"}
}

func noEngineSocket(s types.ServiceConfig) fault {
	for _, m := range s.Volumes {
		if m.Type != types.VolumeTypeBind {
			continue
		}
		source := path.Clean(m.Source)
		if strings.HasSuffix(source, "/docker.sock") || slices.ContainsFunc(engineSockets(), func(socket string) bool { return covers(source, socket) }) {
			return faultf(probe.ReasonOverPrivileged, "mounts the socket of the container engine, which gives control over the host, even read-only")
		}
	}
	return fault{}
}

// covers reports whether a path is a file, or a folder above it.
func covers(folder, file string) bool {
	return folder == file || folder == "/" || strings.HasPrefix(file, folder+"/")
}

func (r serviceRules) noHostMounts(s types.ServiceConfig) fault {
	for _, m := range s.Volumes {
		if m.Type != types.VolumeTypeBind {
			continue
		}
		source := path.Clean(m.Source)
		if covers(filepath.Clean(r.root), source) || slices.ContainsFunc(r.mounts, func(allowed string) bool { return covers(path.Clean(allowed), source) }) {
			continue
		}
		return faultf(probe.ReasonExposed, "mounts a folder or file outside the deployment at %s. Use a volume, or allow it in the checklist", path.Clean(m.Target))
	}
	return fault{}
}

func noHostNetwork(s types.ServiceConfig) fault {
	if s.NetworkMode == "host" {
		return faultf(probe.ReasonExposed, "uses the network of the host, where every port it listens on is open")
	}
	return fault{}
}

func nonRoot(s types.ServiceConfig) fault {
	switch user, _, _ := strings.Cut(s.User, ":"); {
	case user == "":
		return faultf(probe.ReasonMissing, "no user. Set user; that of the image is not visible here")
	case user == "root" || isZero(user):
		return faultf(probe.ReasonOverPrivileged, "runs as root. Set user to another one")
	}
	return fault{}
}

func isZero(user string) bool {
	n, err := strconv.Atoi(user)
	return err == nil && n == 0
}

func readOnly(s types.ServiceConfig) fault {
	if s.ReadOnly {
		return fault{}
	}
	return faultf(probe.ReasonMissing, "the root file system can be written. Set read_only: true, and tmpfs for temporary files")
}

// rotates judges what the engine keeps on the host. Other drivers send logs away, and the driver local always rotates.
func (r serviceRules) rotates(s types.ServiceConfig) fault {
	named := s.LogDriver != "" || s.Logging != nil && s.Logging.Driver != ""
	s = r.daemon.withDefaults(s)
	if loggingDriver(s) != "json-file" {
		return fault{}
	}
	size := strings.TrimSpace(loggingOptions(s)["max-size"])
	switch {
	case size == "" && !named && r.daemon == nil:
		return fault{text: "the daemon's default logging is not visible here (/etc/docker/daemon.json). Set logging with max-size", unseen: true}
	case size == "":
		return faultf(probe.ReasonMissing, "logs grow without bound. Set the logging option max-size")
	case strings.HasPrefix(size, "-"):
		return faultf(probe.ReasonInvalid, "max-size of the logs is unlimited")
	}
	return fault{}
}
