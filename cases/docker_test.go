// The containers of a case, on a real Docker Engine.

package cases

import (
	"errors"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
	"go.yaml.in/yaml/v3"

	"github.com/thenexusengine/catalyst_exporter/internal/probetest/dockertest"
)

// caseContainer is one entry of @docker/containers. Its program does what the words of command say (crash, say=TEXT,
// complain=TEXT) and then sleeps.
type caseContainer struct {
	Command     []string
	Environment map[string]string
	Health      string // result of its health check: healthy or unhealthy; none when not set
	Starting    bool   // failures of the health check do not count yet
	Restart     string
	Network     string
	Memory      int64 // limit in bytes
	CPUs        float64
	Replicas    *int
	Until       string // state to wait for: a status of Docker or of the health check; paused is brought about
}

// startDocker runs the containers of @NAME/containers, a map by service in YAML, as those of one Compose project.
func startDocker(t *testing.T, e *environment, s start) map[string]string {
	var services map[string]caseContainer
	if err := yaml.Unmarshal([]byte(e.text(s, "containers")), &services); err != nil {
		t.Fatalf("start: docker: %v", err)
	}
	d := dockertest.NewDocker(t, lines(e.text(s, "image"))...)
	for _, name := range slices.Sorted(maps.Keys(services)) {
		c := services[name]
		replicas := 1
		if c.Replicas != nil {
			replicas = *c.Replicas
		}
		for range replicas {
			id := d.RunService(t, name, c.options(), c.Command...)
			if c.Until == "paused" {
				if _, err := d.Client.ContainerPause(t.Context(), id, client.ContainerPauseOptions{}); err != nil {
					t.Fatalf("start: docker: %v", err)
				}
			}
			if c.Until != "" {
				d.Seen(t, id, func(found container.InspectResponse) bool {
					const loop = 3 // restarts; one may have been an accident
					if c.Until == "restarting" {
						return found.RestartCount >= loop
					}
					return string(found.State.Status) == c.Until || found.State.Health != nil && string(found.State.Health.Status) == c.Until
				})
			}
		}
	}
	image, err := d.Client.ImageInspect(t.Context(), d.Image)
	if err != nil {
		t.Fatal(errors.Join(errors.New("start: docker"), err))
	}
	return map[string]string{"": d.Host, "project": d.Project, "image": d.Image, "image id": image.ID}
}

// options returns how Docker creates the container.
func (c caseContainer) options() client.ContainerCreateOptions {
	config := &container.Config{}
	for key, value := range c.Environment {
		config.Env = append(config.Env, key+"="+value)
	}
	if c.Health != "" {
		config.Healthcheck = &container.HealthConfig{Test: []string{"CMD", "/app", c.Health}, Interval: 100 * time.Millisecond, Retries: 1}
		if c.Starting {
			config.Healthcheck.StartPeriod = time.Hour
		}
	}
	return client.ContainerCreateOptions{Config: config, HostConfig: &container.HostConfig{
		RestartPolicy: container.RestartPolicy{Name: container.RestartPolicyMode(c.Restart)},
		NetworkMode:   container.NetworkMode(c.Network),
		Resources:     container.Resources{Memory: c.Memory, NanoCPUs: int64(c.CPUs * 1e9)},
	}}
}
