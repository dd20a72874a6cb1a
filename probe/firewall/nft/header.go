package nft

import (
	"encoding/binary"
	"net/netip"

	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"github.com/thenexusengine/catalyst_exporter/probe/reach"
)

// Packet is the first, unfragmented packet of a new connection from the internet to this host. The sender chooses
// its source port and any marks of a connection.
type Packet struct {
	UDP  bool
	Port uint16
	To   netip.Addr
	In   Interface
	Blur Uncertainty
}

// Uncertainty marks what is no longer known about a packet, since a rule may have changed it.
type Uncertainty struct {
	state  bool // state of its connection
	source bool // source address
	To     bool // destination address
	Port   bool // destination port
}

const (
	// ctStateNew is the packet's connection tracking state (NF_CT_STATE_BIT(IP_CT_NEW)).
	ctStateNew = 8
	// ctPriority is the priority of connection tracking (NF_IP_PRI_CONNTRACK): before it, there is no state.
	ctPriority = -200
	// tcpSYN are the packet's flags, tcpFixed those that the sender cannot choose: FIN, RST or ACK start no connection; URG,
	// PSH, ECE and CWR (RFC 3168) are free.
	tcpSYN, tcpFixed = 0x02, 0x17
)

func (p Packet) protocol() byte {
	if p.UDP {
		return unix.IPPROTO_UDP
	}
	return unix.IPPROTO_TCP
}

// meta returns the packet's metadata.
func (p Packet) meta(key expr.MetaKey) operand {
	switch key {
	case expr.MetaKeyIIFNAME:
		name := make([]byte, unix.IFNAMSIZ)
		copy(name, p.In.Name)
		return exactly(name...)
	case expr.MetaKeyIIF:
		return native(uint32(p.In.Index))
	case expr.MetaKeyL4PROTO:
		return exactly(p.protocol())
	case expr.MetaKeyNFPROTO:
		if p.To.Is4() {
			return exactly(unix.NFPROTO_IPV4)
		}
		return exactly(unix.NFPROTO_IPV6)
	case expr.MetaKeyPROTOCOL:
		if p.To.Is4() {
			return exactly(0x08, 0x00)
		}
		return exactly(0x86, 0xdd)
	case expr.MetaKeyPKTTYPE:
		return exactly(unix.PACKET_HOST)
	case expr.MetaKeyMARK, expr.MetaKeyPRIORITY, expr.MetaKeyLEN, expr.MetaKeyCPU, expr.MetaKeySKUID, expr.MetaKeySKGID:
		return operand{size: 4}
	}
	return operand{}
}

// nftField is a header field of the packet.
type nftField int

const (
	fieldOther nftField = iota
	fieldSource
	fieldDestination
	fieldProtocol
	fieldSourcePort
	fieldPort
	fieldFlags
)

// field returns the header field that an expression reads, and the offset in it. RFC 791, RFC 8200, RFC 768 and RFC
// 9293 define the offsets. An expression that spans several fields is fieldOther.
func (p Packet) field(e *expr.Payload) (nftField, uint32) {
	source, destination, protocol, size := uint32(12), uint32(16), uint32(9), uint32(4)
	if !p.To.Is4() {
		source, destination, protocol, size = 8, 24, 6, 16
	}
	from := e.Offset
	if e.Len == 0 || e.Len > 16 || from > 64 {
		return fieldOther, 0
	}
	within := func(begin, size uint32) bool { return from >= begin && from+e.Len <= begin+size }
	switch e.Base {
	case expr.PayloadBaseNetworkHeader:
		switch {
		case within(source, size):
			return fieldSource, from - source
		case within(destination, size):
			return fieldDestination, from - destination
		case within(protocol, 1):
			return fieldProtocol, 0
		}
	case expr.PayloadBaseTransportHeader:
		switch {
		case from == 0 && e.Len == 2:
			return fieldSourcePort, 0
		case from == 2 && e.Len == 2:
			return fieldPort, 0
		case from == 13 && e.Len == 1 && !p.UDP:
			return fieldFlags, 0
		}
	}
	return fieldOther, 0
}

// payload returns the operand that an expression loads.
func (p Packet) payload(e *expr.Payload) operand {
	field, at := p.field(e)
	switch {
	case field == fieldSource && !p.Blur.source:
		mask := make([]byte, e.Len) // only a prefix from the first byte identifies an address block
		for i := range mask {
			if at == 0 {
				mask[i] = 0xff
			}
		}
		return operand{kind: opSource, mask: mask, v6: !p.To.Is4()}
	case field == fieldDestination && !p.Blur.To:
		return exactly(p.To.AsSlice()[at : at+e.Len]...)
	case field == fieldProtocol && p.To.Is4():
		return exactly(p.protocol())
	case field == fieldProtocol, field == fieldSourcePort: // extension headers may precede the protocol
		return operand{kind: opChoice, size: int(e.Len)}
	case field == fieldPort && !p.Blur.Port:
		return exactly(binary.BigEndian.AppendUint16(nil, p.Port)...)
	case field == fieldFlags:
		return operand{kind: opPartly, bytes: []byte{tcpSYN}, mask: []byte{tcpFixed}}
	case e.Len <= maxKeySize:
		return operand{size: int(e.Len)}
	}
	return operand{}
}

// rewritten returns what is unknown about the packet after a rule wrote a part of it.
func (p Packet) rewritten(e *expr.Payload) Uncertainty {
	b := p.Blur
	field, _ := p.field(e)
	begin, end := e.Offset, e.Offset+e.Len
	switch {
	case e.Base == expr.PayloadBaseLLHeader, field == fieldSourcePort, field == fieldFlags:
	case field == fieldSource:
		b.source = true
	case field == fieldDestination:
		b.To = true
	case field == fieldPort:
		b.Port = true
	case e.Base == expr.PayloadBaseNetworkHeader && end <= 8: // type of service, length, IPv6 hop limit
	case e.Base == expr.PayloadBaseNetworkHeader && p.To.Is4() && (begin == 8 && end <= 12): // IPv4 TTL, protocol and checksum
	case e.Base == expr.PayloadBaseTransportHeader && begin >= 4:
	default:
		b.source, b.To, b.Port = true, true, true
	}
	return b
}

// Interface is an interface by which the host may be reachable from outside.
type Interface struct {
	Name      string
	Index     int
	Addresses []netip.Addr // without link-local addresses
	Routed    bool         // has a default route
}

// World reports whether an address is reachable from the internet by the interface: a public address, or any address of
// an interface with a default route, because clouds translate public addresses to private ones.
func (i Interface) World(a netip.Addr) bool {
	return i.Routed || reach.OfAddr(a) == reach.World
}
