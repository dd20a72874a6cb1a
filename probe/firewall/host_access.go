package firewall

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"runtime"
	"slices"

	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/firewall/nft"
	"github.com/thenexusengine/catalyst_exporter/probe/reach"
)

// Reachability of the host's sockets: by interface, address, port and rules.

// host is the network state of a host.
type host struct {
	interfaces []nft.Interface
	addresses  []netip.Addr // of all interfaces, including internal ones
	listeners  []hostSocket
	rules      *nft.Ruleset
	legacy     bool // iptables-legacy rules, which cannot be read, may be loaded
	legacyNAT  bool // legacy rules may redirect packets to other ports
	ufw        bool // ufw is enabled in its configuration
}

// readHost reads the network state in the namespace of the calling thread.
func readHost(ctx context.Context) (h host, err error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if h.rules, err = nft.Load(ctx); err != nil {
		return h, noRules(err)
	}
	h.legacy, h.legacyNAT = legacyTables()
	if h.interfaces, h.addresses, err = hostInterfaces(); err != nil {
		return h, probe.Unknown(probe.ReasonOf(err), fmt.Errorf("network interfaces cannot be read: %w", err))
	}
	if len(h.interfaces) == 0 {
		return h, probe.Needs(hostNetworkSetting, probe.Unknownf(probe.ReasonNotConfigured, "no external network interface found"))
	}
	if h.listeners, err = listeners(ctx); err != nil {
		return h, probe.Unknown(probe.ReasonOf(err), fmt.Errorf("listening sockets cannot be read: %w", err))
	}
	return h, nil
}

// noRules converts the error of reading the rules.
func noRules(err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return probe.Needs("CAP_NET_ADMIN to read the loaded firewall rules", probe.Unknown(probe.ReasonPermissionDenied,
			fmt.Errorf("loaded firewall rules cannot be read: %w", err)))
	}
	return probe.Unknown(probe.ReasonOf(err), fmt.Errorf("loaded firewall rules cannot be read: %w", err))
}

// access describes how a socket is reachable from outside.
type access struct {
	hostSocket
	fate  nft.Fate
	world bool
	where string // chain with an unsupported rule
	led   bool   // through a port that rules redirect to the socket
}

// accessTo evaluates the rules for every way to a socket and returns the worst.
func (h host) accessTo(l hostSocket) access {
	best := access{hostSocket: l}
	for _, in := range h.interfaces {
		if l.device != 0 && l.device != in.Index {
			continue
		}
		for _, a := range h.targets(in, l.local.Unmap()) {
			if !l.accepts(a) {
				continue
			}
			f, where := h.rules.FateOf(nft.Packet{UDP: l.udp, Port: l.port, To: a, In: in})
			if f == nft.FateAdmitted && h.legacy {
				f, where = nft.FateUnsure, ""
			}
			if one := (access{hostSocket: l, fate: f, world: in.World(a), where: where}); one.worse(best) {
				best = one
			}
		}
	}
	return best
}

// dropsByDefault reports whether the loaded rules deny what they do not name: a packet to TCP and UDP port 1 (tcpmux), which
// nobody opens, at every address.
func (h host) dropsByDefault() bool {
	for _, in := range h.interfaces {
		for _, a := range h.targets(in, netip.Addr{}) {
			for _, udp := range []bool{false, true} {
				if fate, _ := h.rules.FateOf(nft.Packet{UDP: udp, Port: 1, To: a, In: in}); fate != nft.FateDenied {
					return false
				}
			}
		}
	}
	return len(h.interfaces) > 0
}

// targets returns the destination addresses of packets arriving at an interface: its own, and every public address of
// the host. A socket may be bound to a public address that no interface has.
func (h host) targets(in nft.Interface, bound netip.Addr) []netip.Addr {
	all := slices.Clone(in.Addresses)
	for _, a := range append(slices.Clone(h.addresses), bound) {
		if a.IsValid() && !a.IsUnspecified() && reach.OfAddr(a) == reach.World && !slices.Contains(all, a) {
			all = append(all, a)
		}
	}
	return all
}

// worse reports whether a is more exposed than b: the internet counts more than a private network.
func (a access) worse(b access) bool {
	rank := func(x access) int {
		if x.fate != nft.FateDenied && x.world {
			return 10 + int(x.fate)
		}
		return int(x.fate)
	}
	return rank(a) > rank(b)
}

// takes reports whether packets to an address reach the socket.
func (l hostSocket) accepts(a netip.Addr) bool {
	switch local := l.local.Unmap(); {
	case local != netip.IPv4Unspecified() && local != netip.IPv6Unspecified():
		return local == a
	case l.local.Is4():
		return a.Is4()
	default:
		return !a.Is4() || !l.only6
	}
}

// maxRedirectSteps bounds the evaluation of redirecting rules: ports times rules.
const maxRedirectSteps = 20_000_000

// redirectedPort is a port that rules redirect to a socket.
type redirectedPort struct {
	udp   bool
	port  uint16
	inode uint32
}

// led returns the accesses to sockets through other ports selected by beyond. ok is false if there are too many rules
// to evaluate.
func (h host) redirected(beyond func(udp bool, port uint16) bool) (all []access, ok bool) {
	if !h.rules.Translates {
		return nil, true
	}
	classes, exact := h.rules.PortClasses()
	if !exact {
		classes = []uint16{1}
	}
	size := 1
	for _, c := range h.rules.Chains {
		size += len(c.Rules)
	}
	ports := slices.Clone(classes)
	for _, l := range h.listeners {
		ports = append(ports, l.port)
	}
	slices.Sort(ports)
	ports = slices.Compact(ports)
	if size*len(ports)*len(h.interfaces) > maxRedirectSteps {
		return nil, false
	}
	worst := map[redirectedPort]access{}
	for _, in := range h.interfaces {
		for _, a := range h.targets(in, netip.Addr{}) {
			for _, port := range ports {
				for _, udp := range []bool{false, true} {
					if !beyond(udp, port) {
						continue
					}
					p := nft.Packet{UDP: udp, Port: port, To: a, In: in, Blur: nft.Uncertainty{Port: !exact}}
					for _, one := range h.redirectTargets(p) {
						key := redirectedPort{udp, port, one.inode}
						if have, known := worst[key]; !known || one.worse(have) {
							worst[key] = one
						}
					}
				}
			}
		}
	}
	for _, one := range worst {
		all = append(all, one)
	}
	slices.SortFunc(all, func(a, b access) int { return cmp.Or(cmp.Compare(a.port, b.port), cmp.Compare(a.inode, b.inode)) })
	return all, true
}

// ledTo returns the sockets that a packet is redirected to and not denied.
func (h host) redirectTargets(p nft.Packet) (all []access) {
	for _, lead := range h.rules.LeadsOf(p) {
		for _, to := range h.natAddresses(p, lead.To) {
			on := p
			on.Port, on.To, on.Blur = lead.Port, to, lead.Blur
			on.Blur.Port = lead.Port == 0
			if lead.To.Unknown {
				on.To, on.Blur.To = p.To, true
			}
			f, where := h.rules.FateFrom(on, lead.Next)
			if f == nft.FateDenied {
				continue
			}
			if !lead.Sure || to.IsLoopback() || h.legacy { // the loopback is reachable only with route_localnet
				f = nft.FateUnsure
			}
			for _, l := range h.listeners {
				if l.udp != p.UDP || lead.Port != 0 && lead.Port != l.port || !lead.To.Unknown && !l.accepts(to) {
					continue
				}
				l.port = p.Port
				all = append(all, access{hostSocket: l, fate: f, world: p.In.World(p.To), where: where, led: true})
			}
		}
	}
	return all
}

// leadTargets returns the addresses of this host that a redirected packet goes to.
func (h host) natAddresses(p nft.Packet, to nft.Target) []netip.Addr {
	switch {
	case to.Unknown:
		return []netip.Addr{p.To}
	case to.Arrival:
		return slices.DeleteFunc(slices.Clone(p.In.Addresses), func(a netip.Addr) bool { return a.Is4() != p.To.Is4() })
	case to.One == p.To, to.One.IsLoopback(), slices.Contains(h.addresses, to.One):
		return []netip.Addr{to.One}
	}
	return nil
}
