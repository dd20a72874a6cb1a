package probe

import (
	"encoding/binary"
	"net/netip"

	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// nftPacket is the first packet of a new connection that somebody on the internet makes to this host, whole and not in fragments. They choose what is
// theirs to choose: the port they come from, and the marks that a connection may begin with or not.
type nftPacket struct {
	udp  bool
	port uint16
	to   netip.Addr
	in   hostInterface
	blur nftBlur
}

// nftBlur is what is not known of a packet any more, since a rule may have changed it.
type nftBlur struct {
	state  bool // of its connection
	source bool // whom it comes from
	to     bool // the address it goes to
	port   bool // the port it goes to
}

const (
	// ctStateNew is the state of connection tracking of the packet (NF_CT_STATE_BIT(IP_CT_NEW)).
	ctStateNew = 8
	// ctPriority is where connection tracking is done (NF_IP_PRI_CONNTRACK): before, there is no state.
	ctPriority = -200
	// tcpSYN are the flags of the packet, tcpFixed those that the sender does not choose: one with FIN, RST or ACK begins no connection, with URG,
	// PSH, ECE or CWR (RFC 3168) it may.
	tcpSYN, tcpFixed = 0x02, 0x17
)

func (p nftPacket) protocol() byte {
	if p.udp {
		return unix.IPPROTO_UDP
	}
	return unix.IPPROTO_TCP
}

// meta is what is told of the packet beside its content.
func (p nftPacket) meta(key expr.MetaKey) operand {
	switch key {
	case expr.MetaKeyIIFNAME:
		name := make([]byte, unix.IFNAMSIZ)
		copy(name, p.in.name)
		return exactly(name...)
	case expr.MetaKeyIIF:
		return native(uint32(p.in.index))
	case expr.MetaKeyL4PROTO:
		return exactly(p.protocol())
	case expr.MetaKeyNFPROTO:
		if p.to.Is4() {
			return exactly(unix.NFPROTO_IPV4)
		}
		return exactly(unix.NFPROTO_IPV6)
	case expr.MetaKeyPROTOCOL:
		if p.to.Is4() {
			return exactly(0x08, 0x00)
		}
		return exactly(0x86, 0xdd)
	case expr.MetaKeyPKTTYPE:
		return exactly(unix.PACKET_HOST)
	}
	return operand{}
}

// nftField is a part of the packet's headers.
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

// field tells which part an expression is about, and where in it that begins: RFC 791, RFC 8200, RFC 768 and RFC 9293 have the offsets. What is about
// several is none of them.
func (p nftPacket) field(e *expr.Payload) (nftField, uint32) {
	source, destination, protocol, size := uint32(12), uint32(16), uint32(9), uint32(4)
	if !p.to.Is4() {
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
		case from == 13 && e.Len == 1 && !p.udp:
			return fieldFlags, 0
		}
	}
	return fieldOther, 0
}

// payload is what an expression loads.
func (p nftPacket) payload(e *expr.Payload) operand {
	field, at := p.field(e)
	switch {
	case field == fieldSource && !p.blur.source:
		mask := make([]byte, e.Len) // what is behind bits that are not asked about says nothing
		for i := range mask {
			if at == 0 {
				mask[i] = 0xff
			}
		}
		return operand{kind: opSource, mask: mask, v6: !p.to.Is4()}
	case field == fieldDestination && !p.blur.to:
		return exactly(p.to.AsSlice()[at : at+e.Len]...)
	case field == fieldProtocol && p.to.Is4():
		return exactly(p.protocol())
	case field == fieldProtocol: // other headers may stand between
		return operand{kind: opChoice}
	case field == fieldSourcePort:
		return operand{kind: opChoice}
	case field == fieldPort && !p.blur.port:
		return exactly(binary.BigEndian.AppendUint16(nil, p.port)...)
	case field == fieldFlags:
		return operand{kind: opPartly, bytes: []byte{tcpSYN}, mask: []byte{tcpFixed}}
	}
	return operand{}
}

// rewritten is what is not known of the packet after a rule wrote a part of it.
func (p nftPacket) rewritten(e *expr.Payload) nftBlur {
	b := p.blur
	field, _ := p.field(e)
	begin, end := e.Offset, e.Offset+e.Len
	switch {
	case e.Base == expr.PayloadBaseLLHeader, field == fieldSourcePort, field == fieldFlags:
	case field == fieldSource:
		b.source = true
	case field == fieldDestination:
		b.to = true
	case field == fieldPort:
		b.port = true
	case e.Base == expr.PayloadBaseNetworkHeader && end <= 8: // the kind of service, the length, the hops of IPv6
	case e.Base == expr.PayloadBaseNetworkHeader && p.to.Is4() && (begin == 8 && end <= 12): // the hops of IPv4, the protocol and the sum
	case e.Base == expr.PayloadBaseTransportHeader && begin >= 4:
	default:
		b.source, b.to, b.port = true, true, true
	}
	return b
}
