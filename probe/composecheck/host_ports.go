package composecheck

import (
	"fmt"
	"net/netip"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/thenexusengine/catalyst_exporter/deployment/compose"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// Ports of the host that several containers publish: Docker starts only the first of them. Services of inactive profiles
// and without replicas have no containers. Swarm publishes a port once for all replicas of a service.

// warnAboutHostPorts warns about ports of the host that cannot be published for all containers.
func warnAboutHostPorts(c *compose.Model, f *probe.ResultBuilder) {
	var ports []hostPort
	for _, p := range c.Published() {
		s := c.Project.Services[p.Service]
		if p.First == 0 || compose.ScaledToNone(s) || s.NetworkMode == "host" || s.NetworkMode == "none" {
			continue
		}
		one := hostPort{p, s.GetScale()}
		if ofSwarm(c, s) {
			one.containers = 1
		}
		if one.containers > one.size() {
			f.Warn(probe.ReasonInvalid,
				"service %s has %d replicas that all publish %s at %s: Docker starts only %d. Publish a range of ports, or use a proxy",
				p.Service, one.containers, one, one.at(), one.size())
			f.Offend(probe.Offender{ID: p.Service + ":replicas_share_port", File: p.File, Line: p.Line})
		}
		ports = append(ports, one)
	}
	for i, b := range ports {
		for _, a := range ports[:i] {
			if !a.conflicts(b) {
				continue
			}
			f.Warn(probe.ReasonInvalid, "%s of service %s at %s and %s of service %s at %s are the same port of the host: Docker starts only one",
				a, a.Service, a.at(), b, b.Service, b.at())
			f.Offend(probe.Offender{ID: b.Service + ":host_port_taken", File: b.File, Line: b.Line})
			break // one reason per port is enough
		}
	}
}

// hostPort is a port or range of the host, and the number of containers that publish one port of it.
type hostPort struct {
	compose.PublishedPort
	containers int
}

func (p hostPort) size() int { return p.Last - p.First + 1 }

func (p hostPort) at() string { return fmt.Sprintf("%s:%d", p.File, p.Line) }

func (p hostPort) String() string {
	if p.First == p.Last {
		return fmt.Sprintf("%d/%s", p.First, p.Protocol)
	}
	return fmt.Sprintf("%d-%d/%s", p.First, p.Last, p.Protocol)
}

// conflicts reports whether Docker may not be able to publish both. Of two ranges Docker takes what is free.
func (p hostPort) conflicts(o hostPort) bool {
	switch {
	case p.Protocol != o.Protocol, p.Last < o.First, o.Last < p.First, !sameAddress(p.Bound, o.Bound):
		return false
	case p.Service == o.Service && p.Target == o.Target && p.Bound == o.Bound && p.First == o.First && p.Last == o.Last:
		return false // the same line twice
	case p.size() > 1 && o.size() > 1:
		return p.containers+o.containers > max(p.Last, o.Last)-min(p.First, o.First)+1
	}
	return true
}

// sameAddress reports whether an address of the host is covered by both.
func sameAddress(a, b string) bool {
	x, err := netip.ParseAddr(a)
	y, otherErr := netip.ParseAddr(b)
	switch {
	case a == b, a == "", b == "":
		return true
	case err != nil || otherErr != nil:
		return false
	}
	x, y = x.Unmap(), y.Unmap()
	return x == y || x.Is4() == y.Is4() && (x.IsUnspecified() || y.IsUnspecified())
}

// ofSwarm reports whether a service has settings that only Docker Swarm applies.
func ofSwarm(c *compose.Model, s types.ServiceConfig) bool {
	if d := s.Deploy; d != nil && (d.Mode == "global" || d.UpdateConfig != nil || d.RollbackConfig != nil ||
		len(d.Placement.Constraints)+len(d.Placement.Preferences) > 0 || d.EndpointMode != "") {
		return true
	}
	for network := range s.Networks {
		if c.Project.Networks[network].Driver == "overlay" {
			return true
		}
	}
	return false
}
