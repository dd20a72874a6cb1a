package nft

import (
	"bytes"
	"slices"

	"github.com/google/nftables/expr"
)

// Sets and verdict maps with concatenated keys (ip saddr . tcp dport). Every field of a key begins at a register of four
// bytes. An element of a set with intervals is a range in each field: from its key to the end of its key.

// slot is the number of bytes to which fields of a concatenated key are padded.
const slot = 4

// byteRange is a range of values with both ends.
type byteRange struct{ from, to []byte }

// padded returns the bytes that a field of a key occupies.
func padded(size int) int { return (size + slot - 1) / slot * slot }

// fields returns the operands in the registers that a key of the given size is compared with; one unknown operand if what
// they contain is unknown.
func (r registers) fields(n uint32, size int) []operand {
	first := r.get(n)
	if size <= padded(first.width()) {
		return []operand{first}
	}
	var all []operand
	for at := register(n); size > 0; {
		o := r[at]
		if o.width() == 0 {
			return []operand{{}}
		}
		all = append(all, o)
		at += uint32(padded(o.width()) / slot)
		size -= padded(o.width())
	}
	if size < 0 {
		return []operand{{}}
	}
	return all
}

// concatenation returns the element that contains the operands of a concatenated key; nil where it may be one of several.
func (s *nftSet) concatenation(fields []operand) (holding, *nftElement) {
	source := slices.IndexFunc(fields, func(o operand) bool { return o.kind == opSource })
	in, found, addresses := holdsNever, []*nftElement(nil), []byteRange(nil)
	for i := range s.elements {
		ranges := s.elements[i].ranges(fields)
		if ranges == nil {
			return holdsUnsure, nil
		}
		all, others := holdsAlways, holdsAlways
		for at, o := range fields {
			holds := o.between(ranges[at])
			if all = all.and(holds); at != source {
				others = others.and(holds)
			}
		}
		if source >= 0 && others == holdsAlways {
			addresses = append(addresses, ranges[source])
		}
		if all != holdsNever {
			in, found = max(in, all), append(found, &s.elements[i])
		}
	}
	if len(addresses) > 1 {
		in = max(in, intervals(addresses...).holdsAnybody(fields[source]))
	}
	switch {
	case len(found) == 1 && len(addresses) <= 1:
		return in, found[0]
	case in != holdsNever && slices.ContainsFunc(s.elements, nftElement.conditional):
		return holdsUnsure, nil
	}
	return in, nil
}

// ranges returns the part of the element's key for each operand; nil if its key has another size.
func (e nftElement) ranges(fields []operand) []byteRange {
	last := e.last
	if last == nil {
		last = e.key
	}
	var all []byteRange
	at := 0
	for _, o := range fields {
		end := at + o.width()
		if end > len(e.key) || end > len(last) {
			return nil
		}
		all = append(all, byteRange{e.key[at:end], last[at:end]})
		at += padded(o.width())
	}
	if e.end || at != padded(len(e.key)) || at != padded(len(last)) {
		return nil
	}
	return all
}

// between returns whether the operand is in a range with both ends.
func (o operand) between(r byteRange) holding {
	switch {
	case len(bytes.Trim(r.from, "\x00")) == 0 && len(bytes.Trim(r.to, "\xff")) == 0:
		return holdsAlways
	case o.kind == opChoice:
		return holdsByChoice
	case o.kind == opPartly && bytes.Equal(r.from, r.to):
		return o.compare(expr.CmpOpEq, r.from)
	case o.kind == opExact:
		return holdsIf(bytes.Compare(r.from, o.bytes) <= 0 && bytes.Compare(o.bytes, r.to) <= 0)
	case o.kind == opSource:
		return intervals(r).holdsAnybody(o)
	}
	return holdsUnsure
}

// intervals returns a set of the ranges. Overlapping and adjacent ones are merged.
func intervals(ranges ...byteRange) *nftSet {
	slices.SortFunc(ranges, func(a, b byteRange) int { return bytes.Compare(a.from, b.from) })
	s := &nftSet{interval: true}
	var end []byte // the first address after the last range; nil at the end of all addresses
	for i, r := range ranges {
		if i > 0 && (end == nil || bytes.Compare(r.from, end) <= 0) {
			if after := successor(r.to); end != nil && (after == nil || bytes.Compare(after, end) > 0) {
				end = after
			}
			continue
		}
		if i > 0 {
			s.elements = append(s.elements, nftElement{key: end, end: true})
		}
		s.elements, end = append(s.elements, nftElement{key: r.from}), successor(r.to)
	}
	if end != nil {
		s.elements = append(s.elements, nftElement{key: end, end: true})
	}
	return s
}

// successor returns the next value; nil after the last one.
func successor(value []byte) []byte {
	next := bytes.Clone(value)
	for i, b := range slices.Backward(next) {
		next[i]++
		if b != 0xff {
			return next
		}
	}
	return nil
}
