package firewall

import (
	"net"
	"net/netip"
	"strconv"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
	"github.com/thenexusengine/catalyst_exporter/probe/portset"
)

// The sources, interfaces and ports that a ufw rule matches.

// onInterface limits the rule to packets that arrive on an interface. Loopback, container and tunnel interfaces do not
// lead outside; nothing is known about others.
func (r *ufwRule) onInterface(name string) {
	r.whole = false
	if name == "lo" {
		r.anybody = false
	}
	if leadsInside(name) {
		r.anybody = false
	}
	if asideInterface.MatchString(name) {
		r.aside = name
	}
}

// asideInterface matches names of interfaces that seldom lead to the internet: the second and later ones by number, VLANs, and
// those named after a private network.
var asideInterface = lazyregexp.New(`(?i)^(?:eth|net|nic|em|lan)[1-9][0-9]*$|^e(?:th|n)[a-z0-9]*\.[0-9]+$|^vlan[0-9]+$|priv|intern|mgmt|backend|storage`)

// leadsInside reports whether an interface leads to containers or tunnels.
func leadsInside(name string) bool {
	for _, inside := range []string{"docker", "br-", "veth", "virbr", "lxcbr", "lxdbr", "cni", "podman", "wg", "tun", "tap", "tailscale", "zt"} {
		if strings.HasPrefix(name, inside) {
			return true
		}
	}
	return false
}

// from limits the rule to source address blocks. A block larger than any single owner has (more than a /8 of IPv4, a
// /16 of IPv6) counts as the whole internet.
func (r *ufwRule) from(list string) {
	anywhere := false
	for _, block := range strings.Split(list, ",") {
		p, ok := parseBlock(block)
		a := p.Addr()
		switch {
		case !ok:
			r.unsure = true
		case p.Bits() == 0:
			return // no limit at all
		case a.IsPrivate(), a.IsLoopback(), a.IsLinkLocalUnicast(), a.IsMulticast():
		default:
			anywhere = anywhere || p.Bits() < 8 || a.Is6() && p.Bits() < 16
		}
	}
	r.whole = false
	r.anybody = r.anybody && (anywhere || r.unsure)
}

// to limits the rule to some addresses of the host. Loopback, multicast and link-local addresses are not reachable from
// the internet.
func (r *ufwRule) to(list string) {
	reachable := false
	for _, block := range strings.Split(list, ",") {
		p, ok := parseBlock(block)
		if ok && p.Bits() == 0 {
			return
		}
		a := p.Addr()
		reachable = reachable || !ok || !a.IsLoopback() && !a.IsMulticast() && !a.IsLinkLocalUnicast()
	}
	r.whole = false
	r.anybody = r.anybody && reachable
}

// parseBlock parses an address or a block in iptables notation: 10.0.0.5, 10.0.0.0/8, 10/8, 10.0.0.0/255.0.0.0; any is
// all.
func parseBlock(text string) (netip.Prefix, bool) {
	if text == "any" {
		return netip.PrefixFrom(netip.IPv4Unspecified(), 0), true
	}
	address, mask, masked := strings.Cut(text, "/")
	if !strings.Contains(address, ":") {
		for strings.Count(address, ".") < 3 && masked {
			address += ".0"
		}
	}
	a, err := netip.ParseAddr(address)
	if err != nil {
		return netip.Prefix{}, false
	}
	bits := a.BitLen()
	if m := net.ParseIP(mask).To4(); m != nil {
		ones, size := net.IPMask(m).Size()
		if size == 0 {
			return netip.Prefix{}, false
		}
		bits = ones
	} else if masked {
		if bits, err = strconv.Atoi(mask); err != nil {
			return netip.Prefix{}, false
		}
	}
	p, err := a.Prefix(bits)
	return p, err == nil
}

// opens sets the ports of the rule, and reports whether it is about ports at all.
func (r *ufwRule) opens(protocol, ports string) bool {
	set, ok := parsePorts(ports)
	if !ok {
		r.unsure, set = true, portset.Set{{First: 1, Last: portset.MaxPort}}
	}
	switch strings.ToLower(protocol) {
	case "tcp", "6":
		r.ports = portset.Opened{TCP: set}
	case "udp", "17":
		r.ports = portset.Opened{UDP: set}
	case "any", "all", "0":
		r.ports = portset.Opened{TCP: set, UDP: set}
	}
	return !r.ports.Empty()
}

// parsePorts parses "any" or a list of ports and ranges: 80,443,8000:8010.
func parsePorts(text string) (portset.Set, bool) {
	if text == "any" {
		return portset.Set{{First: 1, Last: portset.MaxPort}}, true
	}
	var s portset.Set
	for _, part := range strings.Split(text, ",") {
		from, to, ranged := strings.Cut(part, ":")
		first, err := strconv.Atoi(from)
		last := first
		if ranged && err == nil {
			last, err = strconv.Atoi(to)
		}
		if err != nil || first < 0 || last > portset.MaxPort || first > last {
			return nil, false
		}
		s = append(s, portset.Range{First: max(first, 1), Last: last})
	}
	return s.Sorted(), true
}
