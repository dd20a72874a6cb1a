package composecheck

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/deployment/compose"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/phrase"
	"github.com/thenexusengine/catalyst_exporter/probe/portset"
	"github.com/thenexusengine/catalyst_exporter/probe/reach"
)

// compose_ports: does Docker publish only ports that may be public?
//
// A port published on all interfaces bypasses the host's firewall, since Docker's own rules come first. So it counts
// whatever ufw says. A private address is not public, but clouds translate public addresses to the private ones of
// their machines. Ports of a service on the host's network, or on a network that gives it an address of its own, are
// not in the file: only a firewall protects them.

func PortsKind() probe.Kind {
	return probe.Kind{
		Name:       "compose_ports",
		Question:   "Does the compose file publish only allowed ports to the world?",
		Example:    "{allowed: [80, 443]}",
		Layer:      probe.LayerDeclared,
		Reads:      "the compose files and the env file",
		Permission: "read permission",
		Values:     []*probe.Value{portset.ExposedPorts},
		Alone:      true,
		Breakages:  func(spec any, view *deployment.View) []probe.Breakage { return spec.(*composePorts).breakages(view) },
		New:        func() any { return &composePorts{Policy: portset.StandardPolicy()} },
	}
}

type composePorts struct {
	portset.Policy `inline:"true"`
}

func (s *composePorts) Validate() []error { return s.Wrong() }

func (s *composePorts) Probe(_ context.Context, p *probe.Pass) (probe.Result, error) {
	if p.Deployment.Firewall.External {
		return probe.Result{}, reach.ExternalFirewall()
	}
	c, err := probe.ComposeModel(p)
	if err != nil {
		return probe.Result{}, err
	}
	judged := probe.Unchanged(p, composePortsKey{s}, []*compose.Model{c}, func() probe.Judgement {
		r, err := s.judge(c, p.Deployment.Firewall.Allowed)
		return probe.Judgement{Result: r, Err: err}
	})
	return judged.Result, judged.Err
}

type composePortsKey struct{ *composePorts }

func (s *composePorts) judge(c *compose.Model, alsoAllowed []int) (probe.Result, error) {
	services, host := c.Services(), c.HostNetwork()
	if len(services) == 0 {
		return probe.Result{}, probe.Needs("deployment.profiles",
			probe.Unknownf(probe.ReasonNotConfigured, "no service is active: the published ports are unknown"))
	}
	var f probe.ResultBuilder
	var world portset.Set
	for _, name := range services {
		if slices.Contains(host, name) || compose.ScaledToNone(c.Project.Services[name]) {
			continue // Docker publishes nothing for it
		}
		o := s.ofService(c, name, alsoAllowed)
		o.open.Tell(&f, offender(c, name, "published", "ports"), "%v of service %s is published on all interfaces at %s", name, o.openAt)
		if o.chosenAt != "" {
			f.Fail(probe.ReasonExposed, "a port chosen by Docker is published on all interfaces for service %s at %s",
				name, o.chosenAt)
			f.Offend(offender(c, name, "published_random_port", "ports"))
		}
		if !o.private.Empty() {
			f.Warn(probe.ReasonExposed,
				"%v of service %s is published on a private address at %s: it is public if a cloud maps a public address to it",
				o.private, name, o.privateAt)
			f.Offend(o.private.Offenders(offender(c, name, "published_privately", "ports"))...)
		}
		world = world.With(o.open.Numbers())
		if o.chosenAt != "" {
			world = world.With(portset.Of(0)) // one more, whatever its number
		}
	}
	if len(host) > 0 {
		f.Warn(probe.ReasonExposed, "on the host's network, protected by the host's firewall only: %s", phrase.List(host))
		f.Offend(offenders(c, host, "host_network", "network_mode")...)
	}
	if own := withOwnAddress(c); len(own) > 0 {
		f.Warn(probe.ReasonExposed, "on a macvlan or ipvlan network, not protected by the host's firewall: %s", phrase.List(own))
		f.Offend(offenders(c, own, "own_address", "networks")...)
	}
	if open := c.Unprotected(); len(open) > 0 {
		f.Warn(probe.ReasonExposed, "on a network with gateway mode nat-unprotected, which exposes every listening port: %s", phrase.List(open))
	}
	f.Measure(portset.ExposedPorts.Of(float64(world.Count())))
	return f.Result("only allowed ports are published to the world by %s", phrase.Count(len(services), "service")), nil
}

// violations is what one service publishes but should not, with the position of the first of each sort.
type violations struct {
	open, private               portset.Opened
	openAt, privateAt, chosenAt string
}

func (s *composePorts) ofService(c *compose.Model, name string, alsoAllowed []int) (o violations) {
	for _, p := range c.Published() {
		how := reach.Of(p)
		if p.Service != name || how == reach.Host {
			continue
		}
		at := fmt.Sprintf("%s:%d", p.File, p.Line)
		ports := portset.Opened{TCP: portset.Set{{First: p.First, Last: p.Last}}}
		if p.Protocol == "udp" {
			ports = portset.Opened{UDP: ports.TCP}
		}
		ports = s.Beyond(ports, alsoAllowed)
		switch {
		case ports.Empty() || p.First == 0 && how != reach.World:
		case p.First == 0:
			o.chosenAt = cmp.Or(o.chosenAt, at)
		case how == reach.World:
			o.open, o.openAt = o.open.With(ports), cmp.Or(o.openAt, at)
		default:
			o.private, o.privateAt = o.private.With(ports), cmp.Or(o.privateAt, at)
		}
	}
	return o
}

// withOwnAddress returns the services with an address apart from the host's.
func withOwnAddress(c *compose.Model) []string {
	var names []string
	for _, name := range c.Services() {
		for network := range c.Project.Services[name].Networks {
			if driver := c.Project.Networks[network].Driver; driver == "macvlan" || driver == "ipvlan" {
				names = append(names, name)
				break
			}
		}
	}
	return names
}
