package container

import (
	"testing"

	"github.com/moby/moby/api/types/container"

	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/dockerclient"
)

func TestIdles(t *testing.T) {
	for _, tt := range []struct {
		entrypoint, command []string
		want                bool
	}{
		{nil, []string{"sleep", "infinity"}, true},
		{nil, []string{"/bin/sleep", "86400"}, true},
		{[]string{"docker-entrypoint.sh"}, []string{"sleep", "1d"}, true},
		{[]string{"/sbin/tini", "--"}, []string{"tail", "-f", "/dev/null"}, true},
		{nil, []string{"sh", "-c", "sleep infinity"}, true},
		{[]string{"/bin/bash", "-ec"}, []string{"while true; do sleep 3600; done"}, true},
		{nil, []string{"sh", "-c", "while :\ndo sleep 60\ndone"}, true},
		{nil, []string{"sh", "-c", "trap 'exit 0' TERM; sleep infinity & wait"}, true},

		{nil, nil, false},
		{nil, []string{"crond", "-f"}, false},
		{nil, []string{"sh", "-c", "while true; do pg_dump -f /b/x; sleep 86400; done"}, false},
		{nil, []string{"sh", "-c", "sleep 60; exec crond -f"}, false},
		{nil, []string{"sh", "-c", "backup.sh && sleep infinity"}, false},
		{nil, []string{"sh", "-c", "crond & sleep infinity"}, false},
		{[]string{"/backup.sh"}, []string{"sleep", "infinity"}, false},
		{nil, []string{"sh", "/run.sh", "sleep"}, false},
		{nil, []string{"tail", "-f", "/var/log/cron.log"}, false},
	} {
		c := &dockerclient.Container{InspectResponse: container.InspectResponse{Config: &container.Config{Entrypoint: tt.entrypoint, Cmd: tt.command}}}
		if got := idles(c); got != tt.want {
			t.Errorf("%q %q: idles is %v, want %v", tt.entrypoint, tt.command, got, tt.want)
		}
	}
	if idles(&dockerclient.Container{}) {
		t.Error("a container without a configuration is idle")
	}
}

func TestScheduled(t *testing.T) {
	of := func(image string, labels map[string]string) *dockerclient.Container {
		return &dockerclient.Container{InspectResponse: container.InspectResponse{Config: &container.Config{Image: image, Labels: labels}}}
	}
	plain, app := of("postgres:16", nil), of("shop/app:1", nil)
	labelled := of("postgres:16", map[string]string{"ofelia.job-exec.backup.schedule": "@daily"})
	for name, tt := range map[string]struct {
		c     *dockerclient.Container
		other *dockerclient.Container
		want  bool
	}{
		"nothing":   {plain, app, false},
		"labels":    {labelled, app, true},
		"scheduler": {plain, of("mcuadros/ofelia:latest", nil), true},
	} {
		if got := scheduled(tt.c, &dockerclient.Project{Containers: []*dockerclient.Container{tt.c, tt.other}}); got != tt.want {
			t.Errorf("%s: scheduled is %v, want %v", name, got, tt.want)
		}
	}
}

func TestJudgeIdle(t *testing.T) {
	asleep := func(running bool) *dockerclient.Container {
		return &dockerclient.Container{InspectResponse: container.InspectResponse{
			State: &container.State{Running: running}, Config: &container.Config{Image: "postgres:16", Cmd: []string{"sleep", "infinity"}}}}
	}
	for name, tt := range map[string]struct {
		state   containerState
		running bool
		want    probe.State
	}{
		"backup service":   {containerState{}, true, probe.StateWarn},
		"not running":      {containerState{}, false, probe.StatePass},
		"another service":  {containerState{Service: "web"}, true, probe.StatePass},
		"all the services": {containerState{All: true}, true, probe.StatePass},
	} {
		var f probe.ResultBuilder
		c := asleep(tt.running)
		tt.state.judgeIdle(&f, c, &dockerclient.Project{Containers: []*dockerclient.Container{c}})
		if r := f.Result("fine"); r.State != tt.want {
			t.Errorf("%s: %s (%s), want %s", name, r.State, r.Detail, tt.want)
		}
	}
}
