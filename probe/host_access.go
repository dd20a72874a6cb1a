package probe

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"runtime"
	"slices"
)

// Reachability of the host's sockets: by interface, address, port and rules.

// host is the network state of a host.
type host struct {
	interfaces []hostInterface
	addresses  []netip.Addr // of all interfaces, including internal ones
	listeners  []hostSocket
	rules      *nftRuleset
	legacy     bool // iptables-legacy rules, which cannot be read, may be loaded
	legacyNAT  bool // legacy rules may redirect packets to other ports
	ufw        bool // ufw is enabled in its configuration
}

// lookHost reads the network state in the namespace of the calling thread.
func lookHost(ctx context.Context) (h host, err error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if h.rules, err = loadRuleset(ctx); err != nil {
		return h, noRules(err)
	}
	h.legacy, h.legacyNAT = legacyTables()
	if h.interfaces, h.addresses, err = hostInterfaces(); err != nil {
		return h, Unknown(reasonOf(err), fmt.Errorf("network interfaces cannot be read: %w", err))
	}
	if len(h.interfaces) == 0 {
		return h, Needs(hostNetworkSetting, Unknownf(ReasonNotConfigured, "no external network interface found"))
	}
	if h.listeners, err = listeners(ctx); err != nil {
		return h, Unknown(reasonOf(err), fmt.Errorf("listening sockets cannot be read: %w", err))
	}
	return h, nil
}

// noRules converts the error of reading the rules.
func noRules(err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return Needs("CAP_NET_ADMIN to read the loaded firewall rules", Unknown(ReasonPermissionDenied,
			fmt.Errorf("loaded firewall rules cannot be read: %w", err)))
	}
	return Unknown(reasonOf(err), fmt.Errorf("loaded firewall rules cannot be read: %w", err))
}

// access describes how a socket is reachable from outside.
type access struct {
	hostSocket
	fate  fate
	world bool
	where string // chain with an unsupported rule
	led   bool   // through a port that rules redirect to the socket
}

// accessTo evaluates the rules for every way to a socket and returns the worst.
func (h host) accessTo(l hostSocket) access {
	best := access{hostSocket: l}
	for _, in := range h.interfaces {
		if l.device != 0 && l.device != in.index {
			continue
		}
		for _, a := range h.targets(in, l.local.Unmap()) {
			if !l.takes(a) {
				continue
			}
			f, where := h.rules.fateOf(nftPacket{udp: l.udp, port: l.port, to: a, in: in})
			if f == fateAdmitted && h.legacy {
				f, where = fateUnsure, ""
			}
			if one := (access{hostSocket: l, fate: f, world: in.world(a), where: where}); one.worse(best) {
				best = one
			}
		}
	}
	return best
}

// targets returns the destination addresses of packets arriving at an interface: its own, and every public address of
// the host. A socket may be bound to a public address that no interface has.
func (h host) targets(in hostInterface, bound netip.Addr) []netip.Addr {
	all := slices.Clone(in.addresses)
	for _, a := range append(slices.Clone(h.addresses), bound) {
		if a.IsValid() && !a.IsUnspecified() && reachOfAddr(a) == reachWorld && !slices.Contains(all, a) {
			all = append(all, a)
		}
	}
	return all
}

// worse reports whether a is more exposed than b: the internet counts more than a private network.
func (a access) worse(b access) bool {
	rank := func(x access) int {
		if x.fate != fateDenied && x.world {
			return 10 + int(x.fate)
		}
		return int(x.fate)
	}
	return rank(a) > rank(b)
}

// takes reports whether packets to an address reach the socket.
func (l hostSocket) takes(a netip.Addr) bool {
	switch local := l.local.Unmap(); {
	case local != netip.IPv4Unspecified() && local != netip.IPv6Unspecified():
		return local == a
	case l.local.Is4():
		return a.Is4()
	default:
		return !a.Is4() || !l.only6
	}
}

// maxLeadSteps bounds the evaluation of redirecting rules: ports times rules.
const maxLeadSteps = 20_000_000

// ledPort is a port that rules redirect to a socket.
type ledPort struct {
	udp   bool
	port  uint16
	inode uint32
}

// led returns the accesses to sockets through other ports selected by beyond. ok is false if there are too many rules
// to evaluate.
func (h host) led(beyond func(udp bool, port uint16) bool) (all []access, ok bool) {
	if !h.rules.translates {
		return nil, true
	}
	classes, exact := h.rules.portClasses()
	if !exact {
		classes = []uint16{1}
	}
	size := 1
	for _, c := range h.rules.chains {
		size += len(c.rules)
	}
	ports := slices.Clone(classes)
	for _, l := range h.listeners {
		ports = append(ports, l.port)
	}
	slices.Sort(ports)
	ports = slices.Compact(ports)
	if size*len(ports)*len(h.interfaces) > maxLeadSteps {
		return nil, false
	}
	worst := map[ledPort]access{}
	for _, in := range h.interfaces {
		for _, a := range h.targets(in, netip.Addr{}) {
			for _, port := range ports {
				for _, udp := range []bool{false, true} {
					if !beyond(udp, port) {
						continue
					}
					p := nftPacket{udp: udp, port: port, to: a, in: in, blur: nftBlur{port: !exact}}
					for _, one := range h.ledTo(p) {
						key := ledPort{udp, port, one.inode}
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
func (h host) ledTo(p nftPacket) (all []access) {
	for _, lead := range h.rules.leadsOf(p) {
		for _, to := range h.leadTargets(p, lead.to) {
			on := p
			on.port, on.to, on.blur = lead.port, to, lead.blur
			on.blur.port = lead.port == 0
			if lead.to.unknown {
				on.to, on.blur.to = p.to, true
			}
			f, where := h.rules.fateFrom(on, lead.next)
			if f == fateDenied {
				continue
			}
			if !lead.sure || to.IsLoopback() || h.legacy { // the loopback is reachable only with route_localnet
				f = fateUnsure
			}
			for _, l := range h.listeners {
				if l.udp != p.udp || lead.port != 0 && lead.port != l.port || !lead.to.unknown && !l.takes(to) {
					continue
				}
				l.port = p.port
				all = append(all, access{hostSocket: l, fate: f, world: p.in.world(p.to), where: where, led: true})
			}
		}
	}
	return all
}

// leadTargets returns the addresses of this host that a redirected packet goes to.
func (h host) leadTargets(p nftPacket, to nftTarget) []netip.Addr {
	switch {
	case to.unknown:
		return []netip.Addr{p.to}
	case to.arrival:
		return slices.DeleteFunc(slices.Clone(p.in.addresses), func(a netip.Addr) bool { return a.Is4() != p.to.Is4() })
	case to.one == p.to, to.one.IsLoopback(), slices.Contains(h.addresses, to.one):
		return []netip.Addr{to.one}
	}
	return nil
}
