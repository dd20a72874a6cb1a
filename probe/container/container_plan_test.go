package container

import (
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/parts/dockerd"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest/dockertest"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/dockerclient"
)

// TestContainerState_Plan compares the running containers with the compose file.
func TestContainerState_Plan(t *testing.T) {
	d := dockertest.NewDocker(t)
	for range 2 {
		d.RunService(t, "api", client.ContainerCreateOptions{})
	}
	ended := func(c container.InspectResponse) bool { return !c.State.Running }
	for _, service := range []string{"migrate", "seed", "worker", "backup"} {
		d.Seen(t, d.RunService(t, service, client.ContainerCreateOptions{}, "healthy"), ended)
	}
	d.Seen(t, d.RunService(t, "broken", client.ContainerCreateOptions{}, "crash"), ended)
	const all = "{all: true}"
	for _, tt := range []struct {
		name, services, spec string
		state                probe.State
		reason               probe.Reason
		detail               string
	}{
		{"as many as wanted", "  api: {image: x, deploy: {replicas: 2}}\n", all, probe.StatePass, "", "2 containers"},
		{"fewer", "  api: {image: x, deploy: {replicas: 3}}\n", all, probe.StateWarn, probe.ReasonMissing, "api has 2 of 3 containers"},
		{"fewer, by scale", "  api: {image: x, scale: 5}\n", "{service: api}", probe.StateWarn, probe.ReasonMissing, "2 of 5"},
		{"more", "  api: {image: x}\n", all, probe.StatePass, "", ""},
		{"none", "  api: {image: x}\n  web: {image: x, deploy: {replicas: 2}}\n", all, probe.StateFail, probe.ReasonMissing, "service web has no container"},
		{"scaled to nothing", "  api: {image: x}\n  web: {image: x, deploy: {replicas: 0}}\n", all, probe.StatePass, "", ""},
		{"everything scaled to nothing", "  web: {image: x, deploy: {replicas: 0}}\n", all, probe.StateFail, probe.ReasonMissing, "no container runs"},
		{"the backup scaled to nothing", "  cron: {image: x, scale: 0}\n", "{service: cron}", probe.StateFail, probe.ReasonMissing, "no container"},
		{"an inactive profile", "  api: {image: x}\n  debug: {image: x, profiles: [debug]}\n", all, probe.StatePass, "", ""},
		{"a completed job", "  api: {image: x, depends_on: {migrate: {condition: service_completed_successfully}}}\n  migrate: {image: x}\n", all, probe.StatePass, "", ""},
		{"a job that nobody waits for", "  api: {image: x}\n  seed: {image: x, restart: on-failure}\n", all, probe.StatePass, "", ""},
		{"a failed job", "  api: {image: x}\n  broken: {image: x}\n", all, probe.StateFail, probe.ReasonUnhealthy, "exited with code 3"},
		{"a service that should have been restarted", "  api: {image: x}\n  worker: {image: x, restart: always}\n", all, probe.StateFail, probe.ReasonUnhealthy, "exited with code 0"},
		{"a server that ended", "  api: {image: x}\n  worker: {image: x, ports: ['8080:80']}\n", all, probe.StateFail, probe.ReasonUnhealthy, "exited with code 0"},
		{"a service that others need", "  api: {image: x, depends_on: [worker]}\n  worker: {image: x}\n", all, probe.StateFail, probe.ReasonUnhealthy, ""},
		{"the backup service", "  api: {image: x}\n  backup: {image: x}\n", all, probe.StateFail, probe.ReasonUnhealthy, "exited with code 0"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := d.Pass(t, probetest.Compose(strings.ReplaceAll(tt.services, "image: x", "image: "+d.Image)), deployment.Settings{Service: "api", Backup: deployment.Backup{Service: "backup"}})
			probetest.Expect(t, probetest.Look(t, p, StateKind(), tt.spec), tt.state, tt.reason, tt.detail)
		})
	}
}

// TestContainerState_Drift compares what containers were started with and what the files say now.
func TestContainerState_Drift(t *testing.T) {
	d := dockertest.NewDocker(t)
	d.RunService(t, "api", client.ContainerCreateOptions{Config: &container.Config{Env: []string{"MODE=fast", "TOKEN=mark"}},
		HostConfig: &container.HostConfig{Resources: container.Resources{Memory: 64 << 20}}}, "say=a")
	d.RunService(t, "none", client.ContainerCreateOptions{})
	for _, tt := range []struct{ name, service, detail string }{
		{"the same", `{image: IMAGE, command: ["say=a"], environment: {MODE: fast}, mem_limit: 64m}`, ""},
		{"unset in the shell", `{image: IMAGE, environment: [MODE, "OTHER=${NOT_SET_ANYWHERE:-}"]}`, ""},
		{"built here", `{build: ., command: ["say=a"]}`, ""},
		{"another tag", `{image: acme/api:2}`, "the image."},
		{"without a version", `{image: "acme/api:${NOT_SET_ANYWHERE:-}"}`, ""},
		{"another command", `{image: IMAGE, command: ["say=b"]}`, "the command."},
		{"another value", `{image: IMAGE, environment: {MODE: slow, TOKEN: other}}`, "the environment (MODE, TOKEN)"},
		{"a new variable", `{image: IMAGE, environment: {MODE: fast, LEVEL: info}}`, "the environment (LEVEL)"},
		{"a limit that it lacks", `{image: IMAGE, command: ["say=a"], mem_limit: 64m, cpus: 0.5}`, "the limits"},
		{"another limit", `{image: IMAGE, mem_limit: 128m}`, "the limits"},
		{"an entrypoint", `{image: IMAGE, entrypoint: [/bin/api]}`, "the entrypoint"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := d.Pass(t, probetest.Compose("  api: "+strings.ReplaceAll(tt.service, "IMAGE", d.Image)+"\n"), deployment.Settings{})
			state, reason := probe.StatePass, probe.ReasonNone
			if tt.detail != "" {
				state, reason = probe.StateWarn, probe.ReasonDrift
			}
			got := probetest.Look(t, p, StateKind(), "{service: api}")
			probetest.Expect(t, got, state, reason, tt.detail)
			probetest.HasNot(t, got, "mark")
		})
	}
	t.Run("a tag that moved", func(t *testing.T) {
		d.Engine.Image(t, d.Image, dockerd.GoProgram(t, "package main\n\nfunc main() { select {} }\n"))
		probetest.Expect(t, probetest.Look(t, d.Pass(t, nil, deployment.Settings{}), StateKind(), "{service: none}"), probe.StateWarn, probe.ReasonDrift, "its tag now names another build")
	})
}

func TestContainerState_Starting(t *testing.T) {
	now := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	judge := func(since time.Duration) probe.Result {
		c := &dockerclient.Container{Name: "a", InspectResponse: container.InspectResponse{State: &container.State{Running: true, Status: container.StateRunning,
			StartedAt: now.Add(-since).Format(time.RFC3339Nano), Health: &container.Health{Status: container.Starting}}}}
		return (&containerState{Window: StateKind().New().(*containerState).Window}).judge(c, restartHistory{}, now)
	}
	probetest.Expect(t, judge(time.Hour), probe.StatePending, probe.ReasonInProgress, "is starting")
	probetest.Expect(t, judge(23*time.Hour), probe.StatePending, probe.ReasonInProgress, "")
	probetest.Expect(t, judge(25*time.Hour), probe.StateWarn, probe.ReasonUnhealthy, "more than a day")
}

func TestContainerPorts_HostNetworkByHand(t *testing.T) {
	one := func(network, project string) container.Summary {
		c := container.Summary{Names: []string{"/a"}, State: container.StateRunning, Labels: map[string]string{}}
		c.HostConfig.NetworkMode = network
		if project != "" {
			c.Labels[dockerclient.LabelProject] = project
		}
		return c
	}
	for _, tt := range []struct {
		network, project string
		state            probe.State
		reason           probe.Reason
	}{
		{"host", "", probe.StateWarn, probe.ReasonExposed},
		{"host", "app", probe.StatePass, ""},
		{"bridge", "", probe.StatePass, ""},
	} {
		s := PortsKind().New().(*containerPorts)
		r, err := s.judge([]container.Summary{one(tt.network, tt.project)}, nil)
		if err != nil {
			t.Fatal(err)
		}
		probetest.Expect(t, r, tt.state, tt.reason, "")
	}
}

func TestContainerLimits_Drift(t *testing.T) {
	for _, tt := range []struct {
		name, service string
		state         probe.State
		reason        probe.Reason
	}{
		{"as declared", "{image: x, deploy: {resources: {limits: {memory: 64M, cpus: '0.5'}}}}", probe.StatePass, ""},
		{"as declared, older form", "{image: x, mem_limit: 64m, cpus: 0.5}", probe.StatePass, ""},
		{"no longer declared", "{image: x}", probe.StatePass, ""},
		{"other memory", "{image: x, deploy: {resources: {limits: {memory: 128M, cpus: '0.5'}}}}", probe.StateWarn, probe.ReasonDrift},
		{"other CPUs", "{image: x, mem_limit: 64m, cpus: 0.7}", probe.StateWarn, probe.ReasonDrift},
	} {
		c := &dockerclient.Container{Service: "api", Name: "a", InspectResponse: container.InspectResponse{
			State: &container.State{Running: true}, HostConfig: &container.HostConfig{Resources: container.Resources{Memory: 64 << 20, NanoCPUs: 5e8}}}}
		p := probetest.NewPass(t, probetest.Compose("  api: "+tt.service+"\n"), deployment.Settings{})
		r, err := (&containerLimits{}).judge(&dockerclient.Project{Containers: []*dockerclient.Container{c}}, planOf(p))
		if err != nil {
			t.Fatal(err)
		}
		if r.State != tt.state || r.Reason != tt.reason {
			t.Errorf("%s: %+v", tt.name, r)
		}
	}
}
