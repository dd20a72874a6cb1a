package probe

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"slices"

	"github.com/thenexusengine/catalyst_exporter/deployment"
)

// compose_ports: does Docker publish only ports that may be public?
//
// A port published on all interfaces bypasses the host's firewall, since Docker's own rules come first. So it counts
// whatever ufw says. A private address is not public, but clouds translate public addresses to the private ones of
// their machines. Ports of a service on the host's network, or on a network that gives it an address of its own, are
// not in the file: only a firewall protects them.

func composePortsKind() Kind {
	return Kind{
		Name:     "compose_ports",
		Question: "Does the compose file publish only allowed ports to the world?",
		Example:  "{allowed: [80, 443]}",
		Layer:    LayerDeclared,
		Reads:    "the compose files and the env file; needs to read them",
		Values:   []*Value{ExposedPorts},
		Alone:    true,
		New:      func() any { return &composePorts{portPolicy: standardPorts()} },
	}
}

type composePorts struct {
	portPolicy `inline:"true"`
}

func (s *composePorts) Validate() []error { return s.wrong() }

func (s *composePorts) Probe(_ context.Context, p *Pass) (Result, error) {
	if p.Deployment.Firewall.External {
		return Result{}, externalFirewall()
	}
	c, err := composeModel(p)
	if err != nil {
		return Result{}, err
	}
	judged := unchanged(p, composePortsKey{s}, []*deployment.Compose{c}, func() judgement {
		r, err := s.judge(c, p.Deployment.Firewall.Allowed)
		return judgement{r, err}
	})
	return judged.Result, judged.err
}

type composePortsKey struct{ *composePorts }

// externalFirewall returns the error for a deployment whose own files do not decide who gets in.
func externalFirewall() error {
	return Skip("evidence or an attestation of the external firewall's rules",
		"deployment.firewall.external is set: evidence or an attestation counts instead")
}

// reach is how far a published port can be reached.
type reach int

const (
	reachHost    reach = iota // from the host only
	reachPrivate              // from a private network
	reachWorld
)

func reachOf(p deployment.PublishedPort) reach {
	ip, err := netip.ParseAddr(p.HostIP)
	if err != nil { // all interfaces
		return reachWorld
	}
	return reachOfAddr(ip)
}

// reachOfAddr returns how far one address can be reached.
func reachOfAddr(ip netip.Addr) reach {
	switch ip = ip.Unmap(); {
	case ip.IsLoopback():
		return reachHost
	case ip.IsPrivate(), ip.IsLinkLocalUnicast(),
		netip.MustParsePrefix("100.64.0.0/10").Contains(ip): // RFC 6598, used by carriers and overlay networks
		return reachPrivate
	}
	return reachWorld
}

func (s *composePorts) judge(c *deployment.Compose, alsoAllowed []int) (Result, error) {
	services, host := c.Services(), c.HostNetwork()
	if len(services) == 0 {
		return Result{}, Needs("deployment.profiles",
			Unknownf(ReasonNotConfigured, "no service is active: the published ports are unknown"))
	}
	var f Findings
	var world portSet
	for _, name := range services {
		if slices.Contains(host, name) {
			continue // Docker publishes nothing for it
		}
		o := s.ofService(c, name, alsoAllowed)
		o.open.tell(&f, "%v of service %s is published on all interfaces at %s", name, o.openAt)
		if o.chosenAt != "" {
			f.Fail(ReasonExposed, "a port chosen by Docker is published on all interfaces for service %s at %s",
				name, o.chosenAt)
		}
		if !o.private.empty() {
			f.Warn(ReasonExposed,
				"%v of service %s is published on a private address at %s: it is public if a cloud maps a public address to it",
				o.private, name, o.privateAt)
		}
		world = world.with(o.open.numbers())
		if o.chosenAt != "" {
			world = world.with(portsOf(0)) // one more, whatever its number
		}
	}
	if len(host) > 0 {
		f.Warn(ReasonExposed, "on the host's network, protected by the host's firewall only: %s", someOf(host))
	}
	if own := ownAddress(c); len(own) > 0 {
		f.Warn(ReasonExposed, "on a macvlan or ipvlan network, not protected by the host's firewall: %s", someOf(own))
	}
	f.Measure(ExposedPorts.Of(float64(world.count())))
	return f.Result("only allowed ports are published to the world by %s", count(len(services), "service")), nil
}

// offence is what one service publishes but should not, with the position of the first of each sort.
type offence struct {
	open, private               opened
	openAt, privateAt, chosenAt string
}

func (s *composePorts) ofService(c *deployment.Compose, name string, alsoAllowed []int) (o offence) {
	for _, p := range c.Published() {
		how := reachOf(p)
		if p.Service != name || how == reachHost {
			continue
		}
		at := fmt.Sprintf("%s:%d", p.File, p.Line)
		ports := opened{tcp: portSet{{p.First, p.Last}}}
		if p.Protocol == "udp" {
			ports = opened{udp: ports.tcp}
		}
		ports = s.beyond(ports, alsoAllowed)
		switch {
		case ports.empty() || p.First == 0 && how != reachWorld:
		case p.First == 0:
			o.chosenAt = cmp.Or(o.chosenAt, at)
		case how == reachWorld:
			o.open, o.openAt = o.open.with(ports), cmp.Or(o.openAt, at)
		default:
			o.private, o.privateAt = o.private.with(ports), cmp.Or(o.privateAt, at)
		}
	}
	return o
}

// ownAddress returns the services with an address apart from the host's.
func ownAddress(c *deployment.Compose) []string {
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
