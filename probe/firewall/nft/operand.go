package nft

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"slices"

	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// Register contents of nf_tables rules, and their comparison.

// operand is the content of a register.
type operand struct {
	kind  operandKind
	bytes []byte // opExact, opPartly: the value
	mask  []byte // opSource: the compared bits of the source address; opPartly: the bits that the sender cannot choose
	v6    bool
	size  int // bytes of the register that were written, for kinds without bytes and mask; 0 if unknown
}

// width returns the size in bytes; 0 if unknown.
func (o operand) width() int { return max(len(o.bytes), len(o.mask), o.size) }

type operandKind int

const (
	opUnknown operandKind = iota
	opExact
	opSource // part of the source address
	opPartly // the sender chooses some bits
	opChoice // the sender chooses the value
)

func exactly(b ...byte) operand { return operand{kind: opExact, bytes: b} }

func native(n uint32) operand { return exactly(binary.NativeEndian.AppendUint32(nil, n)...) }

// registers maps the index of their first four bytes to operands.
type registers map[uint32]operand

// register returns the index of a register's first four bytes: the first five numbers are registers of 16 bytes.
func register(n uint32) uint32 {
	switch {
	case n == unix.NFT_REG_VERDICT:
		return ^uint32(0) // never read
	case n < unix.NFT_REG32_00:
		return 4 * (n - 1)
	}
	return n - unix.NFT_REG32_00
}

func (r registers) get(n uint32) operand { return r[register(n)] }

// set writes a register. Overlapped registers are dropped, including those that may overlap where the size is unknown.
func (r registers) set(n uint32, o operand) {
	const slots = 20 // all registers are 80 bytes
	at, size := register(n), uint32(slots)
	if n == unix.NFT_REG_VERDICT {
		return
	}
	if b := o.width(); b > 0 {
		size = uint32(padded(b) / slot)
	}
	for other, have := range r {
		covers := uint32(slots)
		if b := have.width(); b > 0 {
			covers = uint32(padded(b) / slot)
		}
		if other < at+size && at < other+covers {
			delete(r, other)
		}
	}
	r[at] = o
}

// masked returns the operand after a bitwise AND and XOR.
func (o operand) masked(mask, xor []byte) operand {
	if len(mask) == 0 || len(mask) != len(xor) {
		return operand{} // a shift or an unknown form
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

// compare compares the operand with a value, as many bytes as the value has: interface name prefixes are shorter.
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
			switch op { // a fixed bit differs, whatever the sender chooses
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

// isBlock returns whether an arbitrary address may be in an address block with the given prefix. A block larger than
// any single owner has (more than a /8 of IPv4, a /16 of IPv6) may contain it.
func (o operand) isBlock(size int) holding {
	if size > len(o.mask) {
		return holdsUnsure
	}
	n := 0 // bits after the first unmasked one do not count
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
