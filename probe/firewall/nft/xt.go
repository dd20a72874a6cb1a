package nft

import (
	"encoding/binary"
	"slices"

	"github.com/google/nftables/expr"
	"github.com/google/nftables/xt"
	"golang.org/x/sys/unix"

	"github.com/thenexusengine/catalyst_exporter/probe/portset"
)

// iptables matches and targets in nf_tables (uapi/linux/netfilter/xt_*.h), including ufw's rules.

// xtMatch returns whether an iptables match holds for the packet.
func (w *nftWalk) xtMatch(m *expr.Match) holding {
	p := w.packet
	if p.Blur.Port && slices.Contains([]string{"tcp", "udp", "multiport"}, m.Name) || p.Blur.To && m.Name == "addrtype" {
		return holdsUnsure
	}
	switch m.Name {
	case "comment":
		return holdsAlways
	case "icmp", "icmp6":
		return holdsNever
	case "limit", "hashlimit", "connlimit", "hl", "ttl", "rt":
		return holdsByChoice // the sender controls rate, hops and headers
	}
	switch info := m.Info.(type) {
	case *xt.Tcp:
		if p.UDP {
			return holdsNever
		}
		holds := p.inPorts(info.DstPorts, info.InvFlags&xt.TcpInvDestPorts != 0).and(fromPorts(info.SrcPorts, info.InvFlags&xt.TcpInvSrcPorts != 0))
		flags := operand{kind: opPartly, bytes: []byte{tcpSYN}, mask: []byte{tcpFixed}}.masked([]byte{info.FlagsMask}, []byte{0}).compare(expr.CmpOpEq, []byte{info.FlagsCmp})
		if info.InvFlags&xt.TcpInvFlags != 0 {
			flags = flags.not()
		}
		if info.Option != 0 {
			holds = holds.and(holdsUnsure)
		}
		return holds.and(flags)
	case *xt.Udp:
		if !p.UDP {
			return holdsNever
		}
		return p.inPorts(info.DstPorts, info.InvFlags&xt.UdpInvDestPorts != 0).and(fromPorts(info.SrcPorts, info.InvFlags&xt.UdpInvSrcPorts != 0))
	case *xt.ConntrackMtinfo3:
		const state = 1 // XT_CONNTRACK_STATE
		if info.MatchFlags != state || info.InvertFlags&^state != 0 || !w.tracked() {
			return holdsUnsure
		}
		return holdsIf((info.StateMask&ctStateNew != 0) != (info.InvertFlags&state != 0))
	case *xt.AddrTypeV1:
		const invertDest, onlyHere, known = 2, 4 | 8, 2 | 4 | 8 // XT_ADDRTYPE_INVERT_DEST; the others limit the match to an interface
		if info.Source != 0 || uint32(info.Flags)&^known != 0 || info.Dest == 0 || uint32(info.Flags)&onlyHere != 0 && !slices.Contains(p.In.Addresses, p.To) {
			return holdsUnsure
		}
		return holdsIf((info.Dest&(1<<unix.RTN_LOCAL) != 0) != (uint32(info.Flags)&invertDest != 0))
	case *xt.Unknown:
		switch {
		case m.Name == "multiport" && m.Rev == 1:
			return p.multiport(*info)
		case m.Name == "recent":
			return recent(*info)
		}
	}
	return holdsUnsure
}

func (p Packet) inPorts(r [2]uint16, invert bool) holding {
	return holdsIf((r[0] <= p.Port && p.Port <= r[1]) != invert)
}

// fromPorts matches the source port, which the sender chooses.
func fromPorts(r [2]uint16, invert bool) holding {
	if r == [2]uint16{0, portset.MaxPort} {
		return holdsIf(!invert)
	}
	return holdsByChoice
}

// multiport decodes struct xt_multiport_v1: side, count, 15 ports, 15 range flags, inversion.
func (p Packet) multiport(info []byte) holding {
	const marks, inverted = 32, 47
	const destination = 1
	if len(info) <= inverted || info[0] != destination || info[1] > 15 {
		return holdsUnsure
	}
	at := func(i int) uint16 { return binary.NativeEndian.Uint16(info[2+2*i:]) }
	in := false
	for i := 0; i < int(info[1]); i++ {
		first := at(i)
		last := first
		if info[marks+i] != 0 && i+1 < int(info[1]) {
			i++
			last = at(i)
		}
		in = in || first <= p.Port && p.Port <= last
	}
	return holdsIf(in != (info[inverted] != 0))
}

// recent decodes struct xt_recent_mtinfo: seconds, hits, action. An entry that records the sender always matches; one
// that counts attempts matches frequent senders; one that checks whether the sender was seen before is not supported.
func recent(info []byte) holding {
	const set = 2 // XT_RECENT_SET
	if len(info) < 10 || info[9] != 0 {
		return holdsUnsure
	}
	hits := binary.NativeEndian.Uint32(info[4:])
	switch {
	case info[8]&set != 0:
		return holdsAlways
	case hits > 0:
		return holdsByChoice
	}
	return holdsUnsure
}

// xtTarget executes an iptables target.
func (w *nftWalk) xtTarget(t *expr.Target) (holding, *expr.Verdict) {
	switch t.Name {
	case "REJECT":
		return holdsAlways, &expr.Verdict{Kind: expr.VerdictDrop}
	case "LOG", "NFLOG", "ULOG", "AUDIT", "MARK", "CONNMARK", "TRACE", "TCPMSS", "CLASSIFY", "DSCP", "TOS", "TTL", "HL":
		return holdsAlways, nil
	case "CT", "NOTRACK":
		w.packet.Blur.state = true
		return holdsAlways, nil
	case "DNAT", "REDIRECT", "NETMAP":
		w.xtLead(t)
		return holdsAlways, &expr.Verdict{Kind: expr.VerdictAccept}
	case "TPROXY":
		w.xtLead(t)
	}
	return holdsAlways, undecided()
}
