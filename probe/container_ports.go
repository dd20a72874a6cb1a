package probe

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/moby/moby/api/types/container"

	"github.com/thenexusengine/catalyst_exporter/deployment"
)

// container_ports: does Docker publish only ports that may be public?
//
// Every container on the engine is checked, since a database that was started by hand outside the project is just as
// open. Published ports bypass ufw, so they count whatever ufw says. Ports of a container on the host's network are not
// published: the host's firewall decides about them.

func containerPortsKind() Kind {
	return Kind{
		Name:     "container_ports",
		Question: "Do the running containers publish only allowed ports to the world?",
		Example:  "{allowed: [80, 443]}",
		Layer:    LayerRunning,
		Reads:    "GET on the Docker Engine (deployment.docker); needs its socket or address",
		Values:   []*Value{ExposedPorts},
		Timeout:  15 * time.Second,
		Alone:    true,
		New:      func() any { return &containerPorts{portPolicy: standardPorts()} },
	}
}

type containerPorts struct {
	portPolicy `inline:"true"`
}

func (s *containerPorts) Validate() []error { return s.wrong() }

func (s *containerPorts) Probe(ctx context.Context, p *Pass) (Result, error) {
	if p.Deployment.Firewall.External {
		return Result{}, externalFirewall()
	}
	all, err := dockerList(ctx, p)
	if err != nil {
		return Result{}, err
	}
	return s.judge(all, p.Deployment.Firewall.Allowed)
}

func (s *containerPorts) judge(all []container.Summary, alsoAllowed []int) (Result, error) {
	all = slices.DeleteFunc(slices.Clone(all), func(c container.Summary) bool {
		return c.State != container.StateRunning && c.State != container.StatePaused && c.State != container.StateRestarting
	})
	if len(all) == 0 {
		return Result{}, Skip(dockerSetting, "no container runs on this Docker Engine")
	}
	slices.SortFunc(all, func(a, b container.Summary) int {
		return cmp.Or(strings.Compare(containerName(a), containerName(b)), strings.Compare(a.ID, b.ID))
	})
	var f Findings
	var exposed portSet
	for _, c := range all {
		var world, private opened
		for _, port := range c.Ports {
			if port.PublicPort == 0 {
				continue // listed, but not published
			}
			one := opened{tcp: portsOf(int(port.PublicPort))}
			if port.Type == "udp" {
				one = opened{udp: one.tcp}
			}
			one = s.beyond(one, alsoAllowed)
			at := deployment.PublishedPort{}
			if port.IP.IsValid() && !port.IP.Unmap().IsUnspecified() { // otherwise all interfaces
				at.HostIP = port.IP.String()
			}
			switch reachOf(at) {
			case reachWorld:
				world = world.with(one)
			case reachPrivate:
				private = private.with(one)
			}
		}
		name := containerName(c)
		world.tell(&f, "%v of container %s is published to the world", name)
		if private = private.without(world); !private.empty() {
			f.Warn(ReasonExposed,
				"%v of container %s is published on a private address: it is public if a cloud maps a public address to it",
				private, name)
		}
		exposed = exposed.with(world.numbers())
	}
	f.Measure(ExposedPorts.Of(float64(exposed.count())))
	return f.Result("%s, publishing only allowed ports to the world", count(len(all), "running container")), nil
}
