package container

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest/dockertest"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/dockerclient"
)

// TestContainerState_Stack runs containers with the labels of a swarm's tasks. What a manager reports is made up.
func TestContainerState_Stack(t *testing.T) {
	d := dockertest.NewDocker(t)
	task := func(service, slot, id string, args ...string) string {
		return d.RunService(t, service, client.ContainerCreateOptions{Config: &container.Config{Labels: map[string]string{
			"com.docker.stack.namespace": d.Project, "com.docker.swarm.service.name": d.Project + "_" + service,
			"com.docker.swarm.task.name": fmt.Sprintf("%s_%s.%s.%s", d.Project, service, slot, id)}}}, args...)
	}
	crashed := task("api", "1", "a", "crash")
	d.Seen(t, crashed, func(c container.InspectResponse) bool { return !c.State.Running })
	task("api", "1", "b") // replaced it
	task("api", "2", "c")
	d.Seen(t, task("worker", "1", "d", "crash"), func(c container.InspectResponse) bool { return !c.State.Running })
	service := func(name string, running, desired int, more string) string {
		return fmt.Sprintf(`{"ID":%q,"Spec":{"Name":%q,"Mode":{%s}},"ServiceStatus":{"RunningTasks":%d,"DesiredTasks":%d,"CompletedTasks":1}%s}`, name, d.Project+"_"+name,
			map[bool]string{true: `"ReplicatedJob":{}`, false: `"Replicated":{}`}[name == "job"], running, desired, more)
	}
	both := "  api: {image: IMAGE, deploy: {replicas: 2}}\n  web: {image: IMAGE}\n"
	for name, tt := range map[string]struct {
		services, spec string
		manager        string // response to GET /services; "" for a worker
		state          probe.State
		reason         probe.Reason
		detail         string
	}{
		"on a worker":             {"  api: {image: IMAGE, deploy: {replicas: 2}}\n", "{all: true}", "", probe.StatePass, "", "2 containers"},
		"some on a worker":        {"  api: {image: IMAGE, deploy: {replicas: 5}}\n", "{all: true}", "", probe.StateUnknown, probe.ReasonNotConfigured, "2 of 5 containers"},
		"on another node":         {both, "{all: true}", "", probe.StateUnknown, probe.ReasonNotConfigured, "web has no container on this node"},
		"the last task crashed":   {both, "{service: worker}", "", probe.StateFail, probe.ReasonUnhealthy, "exited with code 3"},
		"all run":                 {both, "{all: true}", service("api", 2, 2, "") + "," + service("web", 1, 1, ""), probe.StatePass, "", ""},
		"some run":                {both, "{all: true}", service("api", 2, 3, "") + "," + service("web", 1, 1, ""), probe.StateWarn, probe.ReasonMissing, "api has 2 of 3 tasks"},
		"none runs":               {both, "{all: true}", service("api", 2, 2, "") + "," + service("web", 0, 2, ""), probe.StateFail, probe.ReasonUnhealthy, "web has none of 2 tasks"},
		"not deployed":            {both, "{all: true}", service("api", 2, 2, ""), probe.StateFail, probe.ReasonMissing, "no service web"},
		"scaled to 0":             {both, "{all: true}", service("api", 2, 2, "") + "," + service("web", 0, 0, ""), probe.StatePass, "", ""},
		"the one scaled to 0":     {both, "{service: web}", service("web", 0, 0, ""), probe.StateFail, probe.ReasonMissing, "scaled to 0"},
		"everything scaled to 0":  {"  web: {image: IMAGE}\n", "{all: true}", service("web", 0, 0, ""), probe.StateFail, probe.ReasonMissing, "no container runs"},
		"a completed job":         {"  api: {image: IMAGE}\n  job: {image: IMAGE}\n", "{all: true}", service("api", 2, 2, "") + "," + service("job", 0, 1, ""), probe.StatePass, "", ""},
		"the update is paused":    {both, "{service: api}", service("api", 2, 2, `,"UpdateStatus":{"State":"paused"}`), probe.StateWarn, probe.ReasonUnhealthy, "update of service api is paused"},
		"the rollback is paused":  {both, "{service: api}", service("api", 2, 2, `,"UpdateStatus":{"State":"rollback_paused"}`), probe.StateWarn, probe.ReasonUnhealthy, "paused"},
		"the update is completed": {both, "{service: api}", service("api", 2, 2, `,"UpdateStatus":{"State":"completed"}`), probe.StatePass, "", ""},
		"left behind":             {"  api: {image: IMAGE}\n", "{all: true, except: [web]}", service("api", 2, 2, ""), probe.StatePass, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			host := new(dockertest.Recorder).Serve(t, d.Host, func(engine http.Handler) string {
				s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					switch {
					case !strings.HasSuffix(r.URL.Path, "/services"):
						engine.ServeHTTP(w, r)
					case tt.manager == "":
						http.Error(w, `{"message":"This node is not a swarm manager."}`, http.StatusServiceUnavailable)
					default:
						w.Header().Set("Content-Type", "application/json")
						_, _ = fmt.Fprint(w, "["+tt.manager+"]")
					}
				}))
				t.Cleanup(s.Close)
				return "tcp://" + s.Listener.Addr().String()
			})
			p := probetest.NewPass(t, probetest.Compose(strings.ReplaceAll(tt.services, "IMAGE", d.Image)),
				deployment.Settings{Docker: deployment.Docker{Host: host, Project: d.Project}})
			probetest.Expect(t, probetest.Look(t, p, StateKind(), tt.spec), tt.state, tt.reason, tt.detail)
		})
	}
}

// TestContainerState_Orphans runs a container of a service that the compose file does not have.
func TestContainerState_Orphans(t *testing.T) {
	folder := probetest.Folder{"extra.yml": "services: {}\n"}.Write(t)
	for name, tt := range map[string]struct {
		services, files, spec string // files: label of the orphan
		stopped               bool
		state                 probe.State
	}{
		"removed from the file":  {"  api: {image: IMAGE}\n", "", "{all: true}", false, probe.StateWarn},
		"of a file that is gone": {"  api: {image: IMAGE}\n", "/nowhere/old.yml", "{all: true}", false, probe.StateWarn},
		"of another file":        {"  api: {image: IMAGE}\n", filepath.Join(folder, "extra.yml"), "{all: true}", false, probe.StatePass},
		"excepted":               {"  api: {image: IMAGE}\n", "", "{all: true, except: [old]}", false, probe.StatePass},
		"stopped":                {"  api: {image: IMAGE}\n", "", "{all: true}", true, probe.StatePass},
		"still declared":         {"  api: {image: IMAGE}\n  old: {image: IMAGE}\n", "", "{all: true}", false, probe.StatePass},
		"of another profile":     {"  api: {image: IMAGE}\n  old: {image: IMAGE, profiles: [debug]}\n", "", "{all: true}", false, probe.StatePass},
	} {
		t.Run(name, func(t *testing.T) {
			d := dockertest.NewDocker(t)
			d.RunService(t, "api", client.ContainerCreateOptions{})
			var args []string
			if tt.stopped {
				args = []string{"crash"}
			}
			labels := map[string]string{dockerclient.LabelProject: d.Project, dockerclient.LabelService: "old"}
			if tt.files != "" {
				labels[dockerclient.LabelFiles] = tt.files
			}
			id := d.RunService(t, "old", client.ContainerCreateOptions{Config: &container.Config{Labels: labels}}, args...)
			d.Seen(t, id, func(c container.InspectResponse) bool { return c.State.Running != tt.stopped })
			p := d.Pass(t, probetest.Compose(strings.ReplaceAll(tt.services, "IMAGE", d.Image)), deployment.Settings{})
			reason, detail := probe.ReasonNone, ""
			if tt.state == probe.StateWarn {
				reason, detail = probe.ReasonDrift, "--remove-orphans"
			}
			probetest.Expect(t, probetest.Look(t, p, StateKind(), tt.spec), tt.state, reason, detail)
		})
	}
}
