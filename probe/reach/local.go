package reach

import (
	"context"
	"net"
	"net/netip"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// Local reports whether traffic to an address stays on this host: loopback, Unix sockets, and bridge networks of this
// Docker host. peer is the address of an open connection, nil when there is none yet.
func Local(at deployment.Reach, peer net.Addr) bool {
	if at.Bridge || strings.HasPrefix(at.Host, "/") || at.Host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(at.Host)
	switch peer := peer.(type) {
	case *net.UnixAddr:
		return true
	case *net.TCPAddr:
		ip, err = peer.AddrPort().Addr(), nil
	}
	if err != nil {
		return false
	}
	ip = ip.Unmap().WithZone("")
	return isThisHost(ip) || hasLink(func(name string, own netip.Prefix) bool { return isBridge(name) && own.Masked().Contains(ip) })
}

// isThisHost reports whether an address is one of this host's: a service that listens at all of them is reached at each.
func isThisHost(ip netip.Addr) bool {
	return ip.IsLoopback() || ip.IsUnspecified() ||
		hasLink(func(_ string, own netip.Prefix) bool { return own.Addr().Unmap().WithZone("") == ip })
}

// hasLink reports whether f holds for an address of one of this host's network interfaces.
func hasLink(f func(name string, own netip.Prefix) bool) bool {
	links, err := net.Interfaces()
	if err != nil {
		return false
	}
	for _, link := range links {
		addresses, err := link.Addrs()
		if err != nil {
			continue
		}
		for _, a := range addresses {
			if own, err := netip.ParsePrefix(a.String()); err == nil && f(link.Name, own) {
				return true
			}
		}
	}
	return false
}

// isBridge reports whether Docker or Podman gives this name to the bridge of a network on this host. Overlay networks
// have no interface on the host.
func isBridge(name string) bool {
	for _, prefix := range []string{"docker0", "br-", "podman", "cni-podman"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// Dialer returns the pass's dialer. For an address given by the deployment's files it refuses metadata services.
func Dialer(p *probe.Pass, at deployment.Reach) func(ctx context.Context, network, address string) (net.Conn, error) {
	if !IsGiven(at) || strings.HasPrefix(at.Host, "/") {
		return p.Dial
	}
	dial, guard := p.Dial, GuardOf(p)
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		return dial(probe.CheckDials(ctx, func(to netip.AddrPort) error {
			ip := to.Addr().Unmap()
			if isThisHost(ip) && !ip.IsUnspecified() && !ip.IsLinkLocalUnicast() { // the database and Redis of this host may have any port
				return nil
			}
			return guard.Check(to)
		}), network, address)
	}
}
