// Package reach says from how far away an address or a published port can be reached.
package reach

import (
	"net/netip"

	"github.com/thenexusengine/catalyst_exporter/deployment/compose"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// ExternalFirewall returns the error for a deployment whose own files do not decide who gets in.
func ExternalFirewall() error {
	return probe.Skip("evidence or an attestation of the external firewall's rules",
		"deployment.firewall.external is set: evidence or an attestation counts instead")
}

// reach is how far a published port can be reached.
type reach int

const (
	Host    reach = iota // from the host only
	Private              // from a private network
	World
)

func Of(p compose.PublishedPort) reach {
	ip, err := netip.ParseAddr(p.HostIP)
	if err != nil { // all interfaces
		return World
	}
	return OfAddr(ip)
}

// OfAddr returns how far one address can be reached.
func OfAddr(ip netip.Addr) reach {
	switch ip = ip.Unmap(); {
	case ip.IsLoopback():
		return Host
	case ip.IsPrivate(), ip.IsLinkLocalUnicast(),
		netip.MustParsePrefix("100.64.0.0/10").Contains(ip): // RFC 6598, used by carriers and overlay networks
		return Private
	}
	return World
}
