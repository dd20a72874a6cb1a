package probe

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"slices"

	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// What the expressions of a rule of nf_tables hand to each other in registers, and how it compares.

// operand is what a register holds.
type operand struct {
	kind  operandKind
	bytes []byte // opExact, opPartly: the value
	mask  []byte // opSource: the bits of the sender's address that are asked about; opPartly: those that the sender does not choose
	v6    bool
}

type operandKind int

const (
	opUnknown operandKind = iota
	opExact
	opSource // of the sender's address
	opPartly // some bits are as the sender likes
	opChoice // whatever the sender likes
)

func exactly(b ...byte) operand { return operand{kind: opExact, bytes: b} }

func native(n uint32) operand { return exactly(binary.NativeEndian.AppendUint32(nil, n)...) }

// registers are the operands by the four bytes at which they begin.
type registers map[uint32]operand

// register numbers the registers by their first four bytes: the first five names are those of 16 bytes.
func register(n uint32) uint32 {
	switch {
	case n == unix.NFT_REG_VERDICT:
		return ^uint32(0) // no register that is read
	case n < unix.NFT_REG32_00:
		return 4 * (n - 1)
	}
	return n - unix.NFT_REG32_00
}

func (r registers) get(n uint32) operand { return r[register(n)] }

// set writes a register. What it covers of others, and may cover where its size is not known, is gone.
func (r registers) set(n uint32, o operand) {
	const slots = 20 // all registers are 80 bytes
	at, size := register(n), uint32(slots)
	if n == unix.NFT_REG_VERDICT {
		return
	}
	if b := max(len(o.bytes), len(o.mask)); b > 0 {
		size = uint32(b+3) / 4
	}
	for other, have := range r {
		covers := uint32(slots)
		if b := max(len(have.bytes), len(have.mask)); b > 0 {
			covers = uint32(b+3) / 4
		}
		if other < at+size && at < other+covers {
			delete(r, other)
		}
	}
	r[at] = o
}

// masked is the operand after a bitwise and, and an exclusive or.
func (o operand) masked(mask, xor []byte) operand {
	if len(mask) == 0 || len(mask) != len(xor) {
		return operand{} // a shift, or of a form not known
	}
	and := func(value []byte) []byte {
		out := make([]byte, len(mask))
		for i := range out {
			out[i] = value[i] & mask[i]
		}
		return out
	}
	switch {
	case (o.kind == opExact || o.kind == opPartly) && len(o.bytes) == len(mask):
		out := and(o.bytes)
		for i := range out {
			out[i] ^= xor[i]
		}
		if o.kind == opPartly {
			for i := range mask {
				if mask[i]&^o.mask[i] != 0 {
					fixed := make([]byte, len(mask))
					for i := range fixed {
						fixed[i] = o.mask[i] | ^mask[i]
					}
					return operand{kind: opPartly, bytes: out, mask: fixed}
				}
			}
		}
		return exactly(out...)
	case o.kind == opSource && len(o.mask) == len(mask) && !slices.ContainsFunc(xor, func(b byte) bool { return b != 0 }):
		return operand{kind: opSource, mask: and(o.mask), v6: o.v6}
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
	case opPartly:
		if len(value) == 0 || len(value) > len(o.bytes) {
			return holdsUnsure
		}
		for i := range value {
			if (value[i]^o.bytes[i])&o.mask[i] == 0 {
				continue
			}
			switch op { // whatever the sender chooses
			case expr.CmpOpEq:
				return holdsNever
			case expr.CmpOpNeq:
				return holdsAlways
			}
		}
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
	n := 0 // those behind the first that is not asked about are anybody's
	for _, b := range o.mask[:size] {
		ones := bits.LeadingZeros8(^b)
		if n += ones; ones < 8 {
			break
		}
	}
	if n < 8 || o.v6 && n < 16 {
		return holdsUnsure
	}
	return holdsNever
}
