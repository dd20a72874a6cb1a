package nft

import (
	"encoding/binary"
	"net/netip"
	"slices"

	"github.com/google/nftables/expr"
	"github.com/google/nftables/xt"
	"golang.org/x/sys/unix"

	"github.com/thenexusengine/catalyst_exporter/probe/portset"
)

// Rules that redirect packets to another port or address of this host: a socket whose own port is blocked may be
// reachable through another port. Packets forwarded to another host or a container do not reach a socket of this host.

// natTarget is the new destination of a packet.
type natTarget struct {
	Port uint16 // 0: any
	To   Target
	Sure bool
	Next int // the first chain that is certain to see the new destination
	Blur Uncertainty
}

// Target is an address: the packet's own, a given one, one of the arrival interface, or an unknown one.
type Target struct {
	One     netip.Addr
	Arrival bool
	Unknown bool
}

func (w *nftWalk) lead(port uint16, to Target, sure bool) {
	if w.base.stage() == stageInput || len(w.leads) >= 64 && !to.Unknown {
		return
	}
	w.leads = append(w.leads, natTarget{Port: port, To: to, Sure: sure && port != 0 && !to.Unknown})
}

// port returns the port that a translation takes from a register; 0 where unknown.
func (r registers) port(n uint32, otherwise uint16) uint16 {
	if n == 0 {
		return otherwise
	}
	if o := r.get(n); o.kind == opExact && len(o.bytes) >= 2 {
		return binary.BigEndian.Uint16(o.bytes)
	}
	return 0
}

// write executes a statement that writes a part of the packet.
func (w *nftWalk) write(e *expr.Payload) (holding, *expr.Verdict) {
	after := w.packet.rewritten(e)
	if after.Port || after.To {
		w.lead(0, Target{One: w.packet.To, Unknown: after.To}, false)
	}
	w.packet.Blur = after
	return holdsAlways, nil
}

// nat executes a translation; translations of the source address do not matter here.
func (w *nftWalk) nat(e *expr.NAT, r registers) (holding, *expr.Verdict) {
	accept := &expr.Verdict{Kind: expr.VerdictAccept}
	if e.Type != expr.NATTypeDestNAT {
		return holdsAlways, accept
	}
	if family := byte(e.Family); family == unix.NFPROTO_IPV4 && !w.packet.To.Is4() || family == unix.NFPROTO_IPV6 && w.packet.To.Is4() {
		return holdsAlways, nil // in an inet table, it does not affect the other family
	}
	port := r.port(e.RegProtoMin, w.packet.Port)
	if e.RegProtoMax != 0 && e.RegProtoMax != e.RegProtoMin && r.port(e.RegProtoMax, 0) != port {
		port = 0
	}
	to := Target{One: w.packet.To}
	if e.RegAddrMin != 0 {
		a, ok := netip.AddrFromSlice(r.get(e.RegAddrMin).bytes)
		last := r.get(max(e.RegAddrMin, e.RegAddrMax)).bytes
		if to = (Target{One: a}); !ok || r.get(e.RegAddrMin).kind != opExact || e.RegAddrMax != 0 && !slices.Equal(last, a.AsSlice()) {
			to = Target{Unknown: true}
		}
	}
	w.lead(port, to, !e.Prefix)
	return holdsAlways, accept
}

// redirect changes the destination to an address of the arrival interface.
func (w *nftWalk) redirect(e *expr.Redir, r registers) (holding, *expr.Verdict) {
	port := r.port(e.RegisterProtoMin, w.packet.Port)
	if e.RegisterProtoMax != 0 && r.port(e.RegisterProtoMax, 0) != port {
		port = 0
	}
	w.lead(port, Target{Arrival: true}, true)
	return holdsAlways, &expr.Verdict{Kind: expr.VerdictAccept}
}

// xtTranslates reports whether an iptables target changes the destination of a packet.
func xtTranslates(name string) bool {
	return slices.Contains([]string{"DNAT", "REDIRECT", "NETMAP", "TPROXY"}, name)
}

// xtLead executes such a target.
func (w *nftWalk) xtLead(t *expr.Target) {
	port, to, sure := w.packet.Port, Target{One: w.packet.To}, true
	read := func(flags uint, first, last []byte, firstPort, lastPort uint16) {
		const known = uint(xt.NatRangeMapIPs | xt.NatRangeProtoSpecified)
		if flags&^(known|uint(xt.NatRangeProtoRandomAll|xt.NatRangePersistent)) != 0 {
			port, to = 0, Target{Unknown: true}
			return
		}
		if flags&uint(xt.NatRangeProtoSpecified) != 0 {
			if port = firstPort; firstPort != lastPort {
				port = 0
			}
		}
		if flags&uint(xt.NatRangeMapIPs) != 0 {
			a, ok := netip.AddrFromSlice(first)
			if to = (Target{One: a.Unmap()}); !ok || !slices.Equal(first, last) {
				to = Target{Unknown: true}
			}
		}
	}
	switch info := t.Info.(type) {
	case *xt.NatRange:
		read(info.Flags, info.MinIP, info.MaxIP, info.MinPort, info.MaxPort)
	case *xt.NatRange2:
		read(info.Flags, info.MinIP, info.MaxIP, info.MinPort, info.MaxPort)
	case *xt.NatIPv4MultiRangeCompat:
		if len(*info) != 1 {
			port, to = 0, Target{Unknown: true}
			break
		}
		one := (*info)[0]
		read(one.Flags, one.MinIP, one.MaxIP, one.MinPort, one.MaxPort)
	default:
		port, to = 0, Target{Unknown: true}
	}
	switch t.Name {
	case "REDIRECT":
		if !to.Unknown {
			to = Target{Arrival: true}
		}
	case "DNAT":
	default:
		port, to = 0, Target{Unknown: true}
	}
	w.lead(port, to, sure)
}

// LeadsOf returns the new destinations that rules may give a packet.
func (rs *Ruleset) LeadsOf(p Packet) []natTarget {
	var all []natTarget
	certain := true
	for at := 0; at < len(rs.bases) && rs.bases[at].stage() < stageInput; {
		end := rs.after(at)
		one, _, blur := rs.together(rs.bases[at:end], p)
		for _, b := range rs.bases[at:end] {
			if !b.meets(p) {
				continue
			}
			w := nftWalk{rules: rs, packet: p, base: b}
			w.from(b.Chain, 0, nil)
			blur = blur.or(w.packet.Blur)
			for _, l := range w.leads {
				l.Next, l.Sure = end, l.Sure && certain && w.steps <= maxNFTSteps
				all = append(all, l)
			}
			if w.steps > maxNFTSteps {
				all = append(all, natTarget{To: Target{Unknown: true}, Next: end})
			}
		}
		for i := range all {
			all[i].Blur = all[i].Blur.or(blur)
		}
		if one == FateDenied {
			break
		}
		certain = certain && one == FateAdmitted
		p.Blur, at = blur, end
	}
	return all
}

// PortClasses returns representative ports, each of which behaves like all ports up to the next: the ports named in a
// rule or set, their neighbours, and one that is not named. Not ok: rules match bits of ports, so representatives prove
// nothing about the others.
func (rs *Ruleset) PortClasses() (ports []uint16, ok bool) {
	named := map[uint16]bool{}
	note := func(value []byte) {
		if len(value) == 2 {
			n := binary.BigEndian.Uint16(value)
			named[n-1], named[n], named[n+1] = true, true, true
		}
	}
	number := func(numbers ...uint16) {
		for _, n := range numbers {
			note(binary.BigEndian.AppendUint16(nil, n))
		}
	}
	for _, c := range rs.Chains {
		for _, rule := range c.Rules {
			transport := map[uint32]bool{} // registers loaded from the ports of that header
			for _, e := range rule {
				switch e := e.(type) {
				case *expr.Payload:
					if e.OperationType == expr.PayloadLoad {
						transport[e.DestRegister] = e.Base == expr.PayloadBaseTransportHeader && e.Offset < 4
					}
				case *expr.Cmp:
					note(e.Data)
				case *expr.Range:
					note(e.FromData)
					note(e.ToData)
				case *expr.Bitwise:
					if transport[e.SourceRegister] {
						return nil, false
					}
				case *expr.Match:
					switch info := e.Info.(type) {
					case *xt.Tcp:
						number(info.DstPorts[:]...)
					case *xt.Udp:
						number(info.DstPorts[:]...)
					case *xt.Unknown:
						if e.Name == "multiport" && len(*info) >= 32 {
							for i := 2; i < 32; i += 2 {
								number(binary.NativeEndian.Uint16((*info)[i:]))
							}
						}
					}
				}
			}
		}
	}
	for _, s := range rs.sets {
		for _, e := range s.elements {
			for _, port := range slices.Concat(portsOf(e.key), portsOf(e.last)) {
				note(port)
			}
		}
	}
	for n := uint16(1024); ; n++ {
		if !named[n] {
			named[n] = true
			break
		}
		if n == portset.MaxPort {
			break
		}
	}
	for n := range named {
		if n != 0 {
			ports = append(ports, n)
		}
	}
	slices.Sort(ports)
	return ports, true
}

// portsOf returns what may be a port in a key: in a concatenated one, padding follows it.
func portsOf(key []byte) (ports [][]byte) {
	if len(key) <= slot {
		return [][]byte{key}
	}
	for field := range slices.Chunk(key, slot) {
		if len(field) == slot && field[2] == 0 && field[3] == 0 {
			ports = append(ports, field[:2])
		}
	}
	return ports
}
