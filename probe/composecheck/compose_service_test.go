package composecheck

import (
	"os"
	"strings"
	"testing"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

func TestComposeService_Requirements(t *testing.T) {
	const digest = "@sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
	for name, test := range map[string]struct {
		require, service string
		reason           probe.Reason // "" for a pass
		detail           string
	}{
		"restart":                  {"restart", "restart: unless-stopped", "", ""},
		"restart on failure":       {"restart", "restart: 'on-failure:3'", "", ""},
		"restart by deploy":        {"restart", "deploy: {restart_policy: {condition: any}}", "", ""},
		"restart by default":       {"restart", "deploy: {restart_policy: {delay: 5s}}", "", ""},
		"no restart":               {"restart", "user: app", probe.ReasonMissing, "web: no restart policy"},
		"restart no":               {"restart", "restart: 'no'", probe.ReasonMissing, "not to restart"},
		"restart none":             {"restart", "deploy: {restart_policy: {condition: none}}", probe.ReasonMissing, "not to restart"},
		"health":                   {"healthcheck", "healthcheck: {test: [CMD, curl, -f, 'http://localhost/health']}", "", ""},
		"health by shell":          {"healthcheck", "healthcheck: {test: 'curl -f http://localhost/health || exit 1'}", "", ""},
		"health by script":         {"healthcheck", "healthcheck: {test: 'test -f /x && wget -q localhost'}", "", ""},
		"health, exit in between":  {"healthcheck", "healthcheck: {test: 'curl -f localhost || exit 1; echo ok'}", "", ""},
		"health, grep":             {"healthcheck", "healthcheck: {test: 'redis-cli ping | grep PONG'}", "", ""},
		"no health":                {"healthcheck", "user: app", probe.ReasonMissing, "no health check"},
		"health off":               {"healthcheck", "healthcheck: {disable: true}", probe.ReasonMissing, "switched off"},
		"health NONE":              {"healthcheck", "healthcheck: {test: [NONE]}", probe.ReasonMissing, "switched off"},
		"health exit 0":            {"healthcheck", "healthcheck: {test: 'exit 0'}", probe.ReasonWeak, "always succeeds"},
		"health or true":           {"healthcheck", "healthcheck: {test: 'curl -f localhost || true'}", probe.ReasonWeak, "always succeeds"},
		"health; exit 0":           {"healthcheck", "healthcheck: {test: 'curl -f localhost; exit 0'}", probe.ReasonWeak, "always succeeds"},
		"health or exit 0":         {"healthcheck", "healthcheck: {test: [CMD-SHELL, 'curl -f localhost || exit 0']}", probe.ReasonWeak, "always succeeds"},
		"health true":              {"healthcheck", "healthcheck: {test: [CMD, /bin/true]}", probe.ReasonWeak, "always succeeds"},
		"health in a shell":        {"healthcheck", "healthcheck: {test: [CMD, sh, -c, 'curl localhost; true']}", probe.ReasonWeak, "always succeeds"},
		"health to cat":            {"healthcheck", "healthcheck: {test: 'curl -f localhost | cat'}", probe.ReasonWeak, "always succeeds"},
		"health in the background": {"healthcheck", "healthcheck: {test: 'curl -f localhost &'}", probe.ReasonWeak, "always succeeds"},

		"tag":               {"pinned", "image: 'nginx:1.27.2'", "", ""},
		"tag by digest":     {"pinned", "image: 'nginx" + digest + "'", "", ""},
		"built here":        {"pinned", "build: .", "", ""},
		"registry's port":   {"pinned", "image: 'registry.internal:5000/app'", probe.ReasonUnpinned, "no tag"},
		"no tag":            {"pinned", "image: nginx", probe.ReasonUnpinned, "no tag"},
		"latest":            {"pinned", "image: 'nginx:latest'", probe.ReasonUnpinned, "moves (latest)"},
		"stable":            {"pinned", "image: 'nginx:stable'", probe.ReasonUnpinned, "moves (stable)"},
		"tag is no digest":  {"digest", "image: 'nginx:1.27.2'", probe.ReasonUnpinned, "no digest"},
		"tag and digest":    {"digest", "image: 'nginx:1.27.2" + digest + "'", "", ""},
		"cut digest":        {"pinned", "image: 'nginx@sha256:ba78'", probe.ReasonInvalid, ""},
		"plain":             {"unprivileged", "user: app", "", ""},
		"privileged":        {"unprivileged", "privileged: true", probe.ReasonOverPrivileged, "privileged"},
		"pid":               {"unprivileged", "pid: host", probe.ReasonOverPrivileged, "pid: host"},
		"unconfined":        {"unprivileged", "security_opt: ['seccomp:unconfined']", probe.ReasonOverPrivileged, "seccomp"},
		"unconfined, =":     {"unprivileged", "security_opt: ['apparmor=unconfined']", probe.ReasonOverPrivileged, "apparmor"},
		"own profile":       {"unprivileged", "security_opt: ['seccomp:./profile.json']", "", ""},
		"no capabilities":   {"capabilities", "cap_drop: [ALL]", "", ""},
		"allowed one":       {"capabilities", "cap_add: [CAP_NET_BIND_SERVICE]", "", ""},
		"another one":       {"capabilities", "cap_add: [SYS_ADMIN]", probe.ReasonOverPrivileged, "SYS_ADMIN"},
		"drops all":         {"cap_drop_all", "cap_drop: [all]", "", ""},
		"drops one":         {"cap_drop_all", "cap_drop: [NET_RAW]", probe.ReasonOverPrivileged, "keeps"},
		"no new":            {"no_new_privileges", "security_opt: ['no-new-privileges:true']", "", ""},
		"no new, short":     {"no_new_privileges", "security_opt: [no-new-privileges]", "", ""},
		"no new, false":     {"no_new_privileges", "security_opt: ['no-new-privileges:false']", probe.ReasonMissing, "may gain"},
		"no socket":         {"no_docker_socket", "volumes: ['./conf:/conf']", "", ""},
		"socket":            {"no_docker_socket", "volumes: ['/var/run/docker.sock:/var/run/docker.sock:ro']", probe.ReasonOverPrivileged, "socket"},
		"folder of it":      {"no_docker_socket", "volumes: ['/var/run:/host/run']", probe.ReasonOverPrivileged, "socket"},
		"everything":        {"no_docker_socket", "volumes: ['/:/host:ro']", probe.ReasonOverPrivileged, "socket"},
		"rootless":          {"no_docker_socket", "volumes: ['/run/user/1000/docker.sock:/s']", probe.ReasonOverPrivileged, "socket"},
		"own folder":        {"no_host_mounts", "volumes: ['./conf:/conf:ro', 'data:/data']", "", ""},
		"allowed folder":    {"no_host_mounts", "volumes: ['/etc/localtime:/etc/localtime:ro']", "", ""},
		"folder of host":    {"no_host_mounts", "volumes: ['/etc:/host/etc:ro']", probe.ReasonExposed, "at /host/etc"},
		"own network":       {"no_host_network", "user: app", "", ""},
		"host network":      {"no_host_network", "network_mode: host", probe.ReasonExposed, "network of the host"},
		"user":              {"non_root", "user: '1000:1000'", "", ""},
		"no user":           {"non_root", "restart: always", probe.ReasonMissing, "no user"},
		"root":              {"non_root", "user: 'root'", probe.ReasonOverPrivileged, "as root"},
		"0":                 {"non_root", "user: '0:0'", probe.ReasonOverPrivileged, "as root"},
		"read-only":         {"read_only", "read_only: true", "", ""},
		"not read-only":     {"read_only", "read_only: false", probe.ReasonMissing, "can be written"},
		"rotation":          {"log_rotation", "logging: {driver: json-file, options: {max-size: 10m}}", "", ""},
		"driver local":      {"log_rotation", "logging: {driver: local}", "", ""},
		"no rotation":       {"log_rotation", "logging: {driver: json-file}", probe.ReasonMissing, "without bound"},
		"endless":           {"log_rotation", "logging: {options: {max-size: '-1'}}", probe.ReasonInvalid, "unlimited"},
		"several, one open": {"restart, read_only", "restart: always", probe.ReasonMissing, "can be written"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			image := "image: 'app:1'\n    "
			if strings.HasPrefix(test.service, "image:") || strings.HasPrefix(test.service, "build:") {
				image = ""
			}
			folder := probetest.Folder{"docker-compose.yml": "services:\n  web:\n    " + image + test.service + "\nvolumes: {data: {}}\n"}
			p := probetest.NewPass(t, folder, deployment.Settings{})
			got := probetest.Look(t, p, ServiceKind(), "{require: ["+test.require+"], allow_mounts: [/etc/localtime], allow_capabilities: [NET_BIND_SERVICE]}")
			if test.reason == "" {
				probetest.Expect(t, got, probe.StatePass, "", "1 service")
				return
			}
			probetest.Expect(t, got, probe.StateFail, test.reason, test.detail)
			if len(got.Offenders) == 0 || got.Offenders[0].File != "docker-compose.yml" {
				t.Errorf("offenders: %+v", got.Offenders)
			}
		})
	}
}

func TestComposeService_Selection(t *testing.T) {
	folder := probetest.Folder{"docker-compose.yml": `services:
  web: {image: "app:1", restart: always, depends_on: {migrate: {condition: service_completed_successfully}}}
  migrate: {image: "app:1"}
  off: {image: "app:1", scale: 0}
  debug: {image: "app:1", profiles: [debug]}
  loose: {image: "app:1"}
`}
	for spec, want := range map[string]struct {
		state  probe.State
		reason probe.Reason
		detail string
	}{
		"{require: [restart]}":                                   {probe.StateFail, probe.ReasonMissing, "loose: no restart policy"},
		"{require: [restart], except: [loose]}":                  {probe.StatePass, "", "2 services"},
		"{require: [restart], services: [web]}":                  {probe.StatePass, "", "1 service"},
		"{require: [restart], services: [wbe]}":                  {probe.StateFail, probe.ReasonInvalid, "service wbe, which the compose file does not define"},
		"{require: [restart], services: [off]}":                  {probe.StateUnknown, probe.ReasonNotConfigured, "no active service"},
		"{require: [restart], services: [debug]}":                {probe.StateUnknown, probe.ReasonNotConfigured, "no active service"},
		"{require: [restart], services: [migrate]}":              {probe.StateUnknown, probe.ReasonNotConfigured, "restart: every selected service runs once"},
		"{require: [restart, pinned], services: [migrate]}":      {probe.StateUnknown, probe.ReasonNotConfigured, "restart: every selected service runs once"},
		"{require: [non_root], services: [migrate]}":             {probe.StateFail, probe.ReasonMissing, "migrate: no user"},
		"{require: [healthcheck, restart], services: [web]}":     {probe.StateFail, probe.ReasonMissing, "web: no health check"},
		"{require: [restart, pinned], services: [web, migrate]}": {probe.StatePass, "", "2 services: restart, pinned"},
	} {
		t.Run(spec, func(t *testing.T) {
			got := probetest.Look(t, probetest.NewPass(t, folder, deployment.Settings{}), ServiceKind(), spec)
			probetest.Expect(t, got, want.state, want.reason, want.detail)
		})
	}
}

// A failure is reported although another requirement cannot be seen.
func TestComposeService_FailureOutranksUnseen(t *testing.T) {
	folder := probetest.Folder{"docker-compose.yml": "services: {web: {image: 'app:1'}}\n"}
	p := probetest.NewPass(t, folder, deployment.Settings{Firewall: deployment.Firewall{HostRoot: "host"}})
	got := probetest.Look(t, p, ServiceKind(), "{require: [log_rotation, restart]}")
	probetest.Expect(t, got, probe.StateFail, probe.ReasonMissing, "web: no restart policy")
}

// What daemon.json sets counts for services without logging of their own; without the file it is not visible.
func TestComposeService_DaemonLogging(t *testing.T) {
	folder := probetest.Folder{"docker-compose.yml": "services: {web: {image: 'app:1'}}\n"}
	for name, test := range map[string]struct {
		daemon string
		state  probe.State
		reason probe.Reason
	}{
		"rotates":    {`{"log-driver": "json-file", "log-opts": {"max-size": "10m"}}`, probe.StatePass, ""},
		"no limit":   {`{"log-driver": "json-file"}`, probe.StateFail, probe.ReasonMissing},
		"empty":      {`{}`, probe.StateFail, probe.ReasonMissing},
		"local":      {`{"log-driver": "local"}`, probe.StatePass, ""},
		"not read":   {"", probe.StateUnknown, probe.ReasonError},
		"not a JSON": {"{", probe.StateUnknown, probe.ReasonError},
	} {
		t.Run(name, func(t *testing.T) {
			p := probetest.NewPass(t, folder, deployment.Settings{Firewall: deployment.Firewall{HostRoot: "host"}})
			if test.daemon != "" {
				if err := os.MkdirAll(p.Deployment.Abs("host/etc/docker"), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(p.Deployment.Abs("host/etc/docker/daemon.json"), []byte(test.daemon), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			probetest.Expect(t, probetest.Look(t, p, ServiceKind(), "{require: [log_rotation]}"), test.state, test.reason, "")
		})
	}
}
