package container

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/moby/moby/api/types/container"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/deployment/compose"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/dockerclient"
	"github.com/thenexusengine/catalyst_exporter/probe/phrase"
	"github.com/thenexusengine/catalyst_exporter/probe/portset"
	"github.com/thenexusengine/catalyst_exporter/probe/reach"
)

// container_ports: does Docker publish only ports that may be public?
//
// Every container on the engine is checked, since a database that was started by hand outside the project is just as
// open. Published ports bypass ufw, so they count whatever ufw says. Ports of a container on the host's network are not
// published: the host's firewall decides about them.

func PortsKind() probe.Kind {
	return probe.Kind{
		Name:       "container_ports",
		Services:   []deployment.Service{deployment.DockerService},
		Question:   "Do the running containers publish only allowed ports to the world?",
		Example:    "{allowed: [80, 443]}",
		Layer:      probe.LayerRunning,
		Reads:      "GET on the Docker Engine (deployment.docker)",
		Permission: "its socket or address",
		Values:     []*probe.Value{portset.ExposedPorts},
		Timeout:    15 * time.Second,
		Alone:      true,
		New:        func() any { return &containerPorts{Policy: portset.StandardPolicy()} },
	}
}

type containerPorts struct {
	portset.Policy `inline:"true"`
}

func (s *containerPorts) Validate() []error { return s.Wrong() }

func (s *containerPorts) Probe(ctx context.Context, p *probe.Pass) (probe.Result, error) {
	if p.Deployment.Firewall.External {
		return probe.Result{}, reach.ExternalFirewall()
	}
	all, err := dockerclient.List(ctx, p)
	if err != nil {
		return probe.Result{}, err
	}
	return s.judge(all, p.Deployment.Firewall.Allowed)
}

func (s *containerPorts) judge(all []container.Summary, alsoAllowed []int) (probe.Result, error) {
	all = slices.DeleteFunc(slices.Clone(all), func(c container.Summary) bool {
		return c.State != container.StateRunning && c.State != container.StatePaused && c.State != container.StateRestarting
	})
	if len(all) == 0 {
		return probe.Result{}, probe.Skip(deployment.DockerService.Setting("host"), "no container runs on this Docker Engine")
	}
	slices.SortFunc(all, func(a, b container.Summary) int {
		return cmp.Or(strings.Compare(dockerclient.ContainerName(a), dockerclient.ContainerName(b)), strings.Compare(a.ID, b.ID))
	})
	var f probe.ResultBuilder
	var exposed portset.Set
	for _, c := range all {
		var world, private portset.Opened
		for _, port := range c.Ports {
			if port.PublicPort == 0 {
				continue // listed, but not published
			}
			one := portset.Opened{TCP: portset.Of(int(port.PublicPort))}
			if port.Type == "udp" {
				one = portset.Opened{UDP: one.TCP}
			}
			one = s.Beyond(one, alsoAllowed)
			at := compose.PublishedPort{}
			if port.IP.IsValid() && !port.IP.Unmap().IsUnspecified() { // otherwise all interfaces
				at.HostIP = port.IP.String()
			}
			switch reach.Of(at) {
			case reach.World:
				world = world.With(one)
			case reach.Private:
				private = private.With(one)
			}
		}
		name := dockerclient.ContainerName(c)
		if c.HostConfig.NetworkMode == "host" && c.Labels[dockerclient.LabelProject] == "" {
			f.Warn(probe.ReasonExposed, "container %s was started outside of Compose on the host's network: all its ports are the host's. Publish only the ports that it needs", name)
		}
		world.Tell(&f, probe.Offender{ID: name}, "%v of container %s is published to the world", name)
		if private = private.Without(world); !private.Empty() {
			f.Warn(probe.ReasonExposed,
				"%v of container %s is published on a private address: it is public if a cloud maps a public address to it",
				private, name)
		}
		exposed = exposed.With(world.Numbers())
	}
	f.Measure(portset.ExposedPorts.Of(float64(exposed.Count())))
	return f.Result("%s, publishing only allowed ports to the world", phrase.Count(len(all), "running container")), nil
}
