package probe

import (
	"bytes"
	"encoding/binary"
	"slices"

	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// Whether a rule of nf_tables holds for a packet: its expressions load what they ask about into registers and compare it.

// operand is what a register holds.
type operand struct {
	kind  operandKind
	bytes []byte // opExact: the value
	mask  []byte // opSource: the bits of the sender's address that are asked about
	v6    bool
}

type operandKind int

const (
	opUnknown operandKind = iota
	opExact
	opSource // of the sender's address
	opChoice // whatever the sender likes
)

func exactly(b ...byte) operand { return operand{kind: opExact, bytes: b} }

func native(n uint32) operand { return exactly(binary.NativeEndian.AppendUint32(nil, n)...) }

// ctStateNew is the state of connection tracking of the first packet of a connection (NF_CT_STATE_BIT(IP_CT_NEW)).
const ctStateNew = 8

// tcpSYN are the flags of that packet.
const tcpSYN = 2

// undecided is the verdict of what may decide in a way not understood here.
func undecided() *expr.Verdict { return &expr.Verdict{Kind: expr.VerdictStolen} }

// rule tells whether a rule holds, and its verdict; nil where it has none.
func (w *nftWalk) rule(c *nftChain, rule []any) (holding, *expr.Verdict) {
	holds, opaque := holdsAlways, false
	registers := map[uint32]operand{}
	for _, e := range rule {
		a, v := w.expression(c, e, registers)
		if _, ok := e.(nftOpaque); ok {
			opaque = true
		}
		if holds = holds.and(a); holds == holdsNever {
			return holdsNever, nil
		}
		if v != nil {
			return holds, v
		}
	}
	if opaque {
		return holds, undecided()
	}
	return holds, nil
}

// register numbers the registers by their first four bytes: the first five names are those of 16 bytes.
func register(n uint32) uint32 {
	if n < unix.NFT_REG32_00 {
		return 4 * (n - 1)
	}
	return n - unix.NFT_REG32_00
}

// expression tells whether an expression holds and its verdict. One that is not understood may hold or not, and may decide or not.
func (w *nftWalk) expression(c *nftChain, e any, registers map[uint32]operand) (holding, *expr.Verdict) {
	switch e := e.(type) {
	case *expr.Counter, *expr.Log:
		return holdsAlways, nil
	case *expr.Limit, *expr.Connlimit:
		return holdsByChoice, nil
	case *expr.Verdict:
		return holdsAlways, e
	case *expr.Reject:
		return holdsAlways, &expr.Verdict{Kind: expr.VerdictDrop}
	case *expr.Immediate:
		registers[register(e.Register)] = exactly(e.Data...)
		return holdsAlways, nil
	case *expr.Meta:
		if !e.SourceRegister {
			registers[register(e.Register)] = w.packet.meta(e.Key)
		}
		return holdsAlways, nil
	case *expr.Payload:
		if e.OperationType == expr.PayloadLoad {
			registers[register(e.DestRegister)] = w.packet.payload(e)
		}
		return holdsAlways, nil
	case *expr.Ct:
		if !e.SourceRegister {
			o := operand{}
			if e.Key == expr.CtKeySTATE {
				o = native(ctStateNew)
			}
			registers[register(e.Register)] = o
		}
		return holdsAlways, nil
	case *expr.Fib:
		o := operand{}
		if e.ResultADDRTYPE && e.FlagDADDR && !e.FlagSADDR && !e.FlagPRESENT {
			o = native(unix.RTN_LOCAL)
		}
		registers[register(e.Register)] = o
		return holdsAlways, nil
	case *expr.Bitwise:
		registers[register(e.DestRegister)] = registers[register(e.SourceRegister)].masked(e.Mask, e.Xor)
		return holdsAlways, nil
	case *expr.Cmp:
		return registers[register(e.Register)].compare(e.Op, e.Data), nil
	case *expr.Range:
		o := registers[register(e.Register)]
		in := o.compare(expr.CmpOpGte, e.FromData).and(o.compare(expr.CmpOpLte, e.ToData))
		if e.Op == expr.CmpOpNeq {
			in = in.not()
		}
		return in, nil
	case *expr.Lookup:
		return w.lookup(c, e, registers)
	case *expr.Match:
		return w.packet.xtMatch(e), nil
	case *expr.Target:
		return xtTarget(e)
	case *expr.Objref:
		if e.Type == unix.NFT_OBJECT_COUNTER {
			return holdsAlways, nil
		}
	}
	return holdsUnsure, nil
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

func (p nftPacket) protocol() byte {
	if p.udp {
		return unix.IPPROTO_UDP
	}
	return unix.IPPROTO_TCP
}

// payload is a part of the packet's headers: RFC 791, RFC 8200, RFC 768 and RFC 9293 have the offsets.
func (p nftPacket) payload(e *expr.Payload) operand {
	from, to := e.Offset, e.Offset+e.Len
	if e.Len == 0 || e.Len > 16 || e.Offset > 64 {
		return operand{}
	}
	address := p.to.AsSlice()
	source, destination, protocol := uint32(12), uint32(16), uint32(9)
	if !p.to.Is4() {
		source, destination, protocol = 8, 24, 6
	}
	size := uint32(len(address))
	switch e.Base {
	case expr.PayloadBaseNetworkHeader:
		switch {
		case from >= source && to <= source+size:
			mask := make([]byte, size) // the bits before those loaded are not asked about
			for i := from - source; i < to-source; i++ {
				mask[i] = 0xff
			}
			return operand{kind: opSource, mask: mask[from-source : to-source], v6: size == 16}
		case from >= destination && to <= destination+size:
			return exactly(address[from-destination : to-destination]...)
		case from == protocol && e.Len == 1:
			return exactly(p.protocol())
		}
	case expr.PayloadBaseTransportHeader:
		switch {
		case from == 0 && e.Len == 2:
			return operand{kind: opChoice}
		case from == 2 && e.Len == 2:
			return exactly(binary.BigEndian.AppendUint16(nil, p.port)...)
		case from == 13 && e.Len == 1 && !p.udp:
			return exactly(tcpSYN)
		}
	}
	return operand{}
}

// masked is the operand after a bitwise and, and an exclusive or.
func (o operand) masked(mask, xor []byte) operand {
	switch {
	case len(mask) == 0 || len(mask) != len(xor):
		return operand{} // a shift, or of a form not known
	case o.kind == opExact && len(o.bytes) == len(mask):
		out := make([]byte, len(mask))
		for i := range out {
			out[i] = o.bytes[i]&mask[i] ^ xor[i]
		}
		return exactly(out...)
	case o.kind == opSource && len(o.mask) == len(mask) && !slices.ContainsFunc(xor, func(b byte) bool { return b != 0 }):
		out := make([]byte, len(mask))
		for i := range out {
			out[i] = o.mask[i] & mask[i]
		}
		return operand{kind: opSource, mask: out, v6: o.v6}
	case o.kind == opChoice:
		return o
	}
	return operand{}
}

// compare tells how the operand stands to a value. As many bytes count as the value has: of a name's beginning that is all that is compared.
func (o operand) compare(op expr.CmpOp, value []byte) holding {
	switch o.kind {
	case opChoice:
		return holdsByChoice
	case opSource:
		equal := o.isBlock(len(value))
		switch op {
		case expr.CmpOpEq:
			return equal
		case expr.CmpOpNeq:
			return equal.not()
		}
	case opExact:
		if len(value) == 0 || len(value) > len(o.bytes) {
			return holdsUnsure
		}
		order := bytes.Compare(o.bytes[:len(value)], value)
		switch op {
		case expr.CmpOpEq:
			return holdsIf(order == 0)
		case expr.CmpOpNeq:
			return holdsIf(order != 0)
		case expr.CmpOpLt:
			return holdsIf(order < 0)
		case expr.CmpOpLte:
			return holdsIf(order <= 0)
		case expr.CmpOpGt:
			return holdsIf(order > 0)
		case expr.CmpOpGte:
			return holdsIf(order >= 0)
		}
	}
	return holdsUnsure
}

// isBlock tells whether anybody's address is in a block of addresses whose first bits are given. One that is larger than any one owner has (more
// than a /8 of IPv4, a /16 of IPv6) may hold anybody's.
func (o operand) isBlock(size int) holding {
	if size > len(o.mask) {
		return holdsUnsure
	}
	bits := 0
	for _, b := range o.mask[:size] {
		for ; b != 0; b &= b - 1 {
			bits++
		}
	}
	if bits < 8 || o.v6 && bits < 16 {
		return holdsUnsure
	}
	return holdsNever
}

// lookup tells whether the operand is in a set, or what a map leads it to.
func (w *nftWalk) lookup(c *nftChain, e *expr.Lookup, registers map[uint32]operand) (holding, *expr.Verdict) {
	set := w.rules.sets[nftName{c.nftTable, e.SetName}]
	o := registers[register(e.SourceRegister)]
	toVerdict := e.IsDestRegSet && e.DestRegister == unix.NFT_REG_VERDICT
	if set == nil || set.opaque || toVerdict != set.verdicts {
		if e.IsDestRegSet {
			registers[register(max(e.DestRegister, 1))] = operand{}
		}
		if toVerdict {
			return holdsUnsure, undecided()
		}
		return holdsUnsure, nil
	}
	if e.IsDestRegSet && !toVerdict {
		registers[register(max(e.DestRegister, 1))] = operand{}
		return holdsUnsure, nil
	}
	in, v := set.find(o)
	if e.Invert {
		in = in.not()
	}
	if toVerdict && in != holdsNever && in != holdsAlways {
		v = undecided()
	}
	return in, v
}

// find tells whether a set has the operand, and its verdict.
func (s *nftSet) find(o operand) (holding, *expr.Verdict) {
	switch {
	case len(s.elements) == 0:
		return holdsNever, nil
	case o.kind == opChoice:
		return holdsByChoice, nil
	case o.kind == opSource:
		return s.holdsAnybody(o), nil
	case o.kind != opExact:
		return holdsUnsure, nil
	}
	var last *nftElement // the last that is not beyond the operand
	for i, e := range s.elements {
		if len(e.key) != len(o.bytes) {
			return holdsUnsure, nil
		}
		if order := bytes.Compare(e.key, o.bytes); order == 0 || order < 0 && s.interval {
			last = &s.elements[i]
		}
	}
	if last == nil || last.end {
		return holdsNever, nil
	}
	return holdsAlways, last.verdict
}

// holdsAnybody tells whether anybody's address may be in a set of addresses: in one with a block larger than any one owner has, or with more than a
// sixteenth of all.
func (s *nftSet) holdsAnybody(o operand) holding {
	if s := o.isBlock(len(o.mask)); s != holdsNever {
		return s
	}
	if !s.interval {
		return holdsNever
	}
	largest, most := uint64(1)<<56, uint64(1)<<60 // of the first 64 bits: a /8, a sixteenth
	if o.v6 {
		largest = 1 << 48
	}
	position := func(key []byte) uint64 {
		var first [8]byte
		copy(first[:], key)
		return binary.BigEndian.Uint64(first[:])
	}
	var sum uint64
	for i, e := range s.elements {
		if e.end {
			continue
		}
		end := ^uint64(0)
		if i+1 < len(s.elements) {
			end = position(s.elements[i+1].key)
		}
		size := end - position(e.key)
		if sum += size; size > largest || sum > most || sum < size {
			return holdsUnsure
		}
	}
	return holdsNever
}
