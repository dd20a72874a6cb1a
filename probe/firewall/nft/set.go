package nft

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"slices"

	"github.com/google/nftables/expr"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// Sets and verdict maps of nf_tables, and lookups in them. An element may have conditions of its own (rate, timeout):
// when found, it matches or not. The future content of a set that rules update is unknown.

// nftSet is a set or a verdict map. An opaque one has unsupported content, a changing one is updated by packets.
type nftSet struct {
	opaque, changing, interval, verdicts bool
	keySize                              int // bytes of a key; 0 if unknown
	elements                             []nftElement
	otherwise                            *nftElement // the catch-all element
}

// nftElement is an element; of an interval the first value, or the first value after its end.
type nftElement struct {
	key     []byte
	last    []byte // the end of the key's range in a set with concatenated keys
	end     bool
	holds   holding // its own conditions, when the key is found
	expires bool    // it has a timeout or an unknown attribute
	verdict *expr.Verdict
}

// Constants of uapi/linux/netfilter/nf_tables.h that package unix lacks.
const (
	nftElementCatchall    = 2
	nftElementKeyEnd      = 10
	nftElementExpressions = 11
	nftVerdictType        = 0xffffff00 // NFT_DATA_VERDICT
	minMember             = 8          // least bytes of an element in a message
	maxKeySize            = 64         // NFT_DATA_VALUE_MAXLEN
)

// readSet decodes a set.
func readSet(data []byte) (Name, *nftSet, error) {
	if len(data) < 4 {
		return Name{}, nil, errors.New("truncated set message")
	}
	ad, err := attributes(data[4:])
	if err != nil {
		return Name{}, nil, err
	}
	name, set := Name{Table: Table{family: data[0]}}, &nftSet{}
	var flags uint32
	for ad.Next() {
		switch ad.Type() {
		case unix.NFTA_SET_TABLE:
			name.Table.name = ad.String()
		case unix.NFTA_SET_NAME:
			name.name = ad.String()
		case unix.NFTA_SET_FLAGS:
			flags = ad.Uint32()
		case unix.NFTA_SET_KEY_LEN:
			set.keySize = int(min(ad.Uint32(), maxKeySize))
		case unix.NFTA_SET_DATA_TYPE:
			set.verdicts = ad.Uint32() == nftVerdictType
		}
	}
	set.opaque = flags&unix.NFT_SET_OBJECT != 0
	set.changing = flags&unix.NFT_SET_EVAL != 0
	set.interval = flags&unix.NFT_SET_INTERVAL != 0
	set.verdicts = set.verdicts && flags&unix.NFT_SET_MAP != 0
	return name, set, ad.Err()
}

// addMembers decodes elements from a message.
func (s *nftSet) addMembers(data []byte) error {
	if len(data) < 4 {
		return errors.New("truncated message of set elements")
	}
	ad, err := attributes(data[4:])
	if err != nil {
		return err
	}
	for ad.Next() {
		if ad.Type() != unix.NFTA_SET_ELEM_LIST_ELEMENTS {
			continue
		}
		ad.Nested(func(list *netlink.AttributeDecoder) error {
			for list.Next() {
				if err := s.addMember(list.Bytes()); err != nil {
					return err
				}
			}
			return list.Err()
		})
	}
	return ad.Err()
}

func (s *nftSet) addMember(data []byte) error {
	ad, err := attributes(data)
	if err != nil {
		return err
	}
	e := nftElement{holds: holdsAlways}
	var flags uint32
	for ad.Next() {
		switch ad.Type() {
		case unix.NFTA_SET_ELEM_KEY:
			e.key = dataValue(ad.Bytes())
		case unix.NFTA_SET_ELEM_DATA:
			if s.verdicts {
				e.verdict = dataVerdict(ad.Bytes())
			}
		case unix.NFTA_SET_ELEM_FLAGS:
			flags = ad.Uint32()
		case unix.NFTA_SET_ELEM_USERDATA, unix.NFTA_SET_ELEM_PAD:
		case unix.NFTA_SET_ELEM_EXPR:
			e.holds = e.holds.and(ownCondition(ad.Bytes()))
		case nftElementExpressions:
			ad.Nested(func(list *netlink.AttributeDecoder) error {
				for list.Next() {
					e.holds = e.holds.and(ownCondition(list.Bytes()))
				}
				return list.Err()
			})
		case nftElementKeyEnd:
			if e.last = dataValue(ad.Bytes()); len(e.last) == 0 {
				s.opaque = true
			}
		default: // a timeout or an unknown attribute
			e.expires = true
		}
	}
	if err := ad.Err(); err != nil {
		return err
	}
	e.end = flags&unix.NFT_SET_ELEM_INTERVAL_END != 0
	if s.verdicts && !e.end && e.verdict == nil || flags&^(unix.NFT_SET_ELEM_INTERVAL_END|nftElementCatchall) != 0 {
		s.opaque = true
	}
	switch {
	case flags&nftElementCatchall != 0:
		s.otherwise = &e
	case len(e.key) == 0:
		s.opaque = true
	default:
		s.elements = append(s.elements, e)
	}
	return nil
}

// dataValue decodes a value from data; nil where there is none.
func dataValue(data []byte) []byte {
	ad, err := attributes(data)
	if err != nil {
		return nil
	}
	var value []byte
	for ad.Next() {
		if ad.Type() == unix.NFTA_DATA_VALUE {
			value = ad.Bytes()
		}
	}
	if ad.Err() != nil {
		return nil
	}
	return value
}

// ownCondition returns whether an expression attached to an element matches.
func ownCondition(data []byte) holding {
	switch expression(unix.NFPROTO_UNSPEC, data).(type) {
	case *expr.Counter:
		return holdsAlways
	case *expr.Limit, *expr.Connlimit:
		return holdsByChoice
	}
	return holdsUnsure
}

// order sorts the elements; where one interval ends and the next begins, the end comes first.
func (s *nftSet) order() {
	rank := func(e nftElement) int {
		if e.end {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(s.elements, func(a, b nftElement) int {
		return cmp.Or(bytes.Compare(a.key, b.key), cmp.Compare(rank(a), rank(b)))
	})
}

// conditional reports whether an element matches only under conditions of its own.
func (e nftElement) conditional() bool { return e.expires || e.holds != holdsAlways }

// find returns whether a set contains the operand, or all fields of a concatenated key, and its verdict; with invert,
// whether it does not contain it: then the element's own conditions do not count.
func (s *nftSet) find(fields []operand, invert bool) (holding, *expr.Verdict) {
	in, e := s.memberOf(fields)
	if e == nil && s.otherwise != nil && in == holdsNever {
		in, e = holdsAlways, s.otherwise
	}
	switch {
	case s.changing, e != nil && e.expires, e == nil && s.otherwise != nil:
		return holdsUnsure, nil
	case invert:
		return in.not(), nil
	case e != nil:
		return in.and(e.holds), e.verdict
	}
	return in, nil
}

// memberOf returns the element that contains the operands; nil where it may be one of several.
func (s *nftSet) memberOf(fields []operand) (holding, *nftElement) {
	switch {
	case len(fields) != 1:
		return s.concatenation(fields)
	case slices.ContainsFunc(s.elements, func(e nftElement) bool { return e.last != nil }):
		return holdsUnsure, nil
	}
	return s.member(fields[0])
}

// member returns the element that contains the operand; nil where it may be one of several.
func (s *nftSet) member(o operand) (holding, *nftElement) {
	switch {
	case len(s.elements) == 0:
		return holdsNever, nil
	case o.kind == opChoice:
		return holdsByChoice, nil
	case o.kind == opSource:
		in := s.holdsAnybody(o)
		if in > holdsUnsure && slices.ContainsFunc(s.elements, nftElement.conditional) {
			in = holdsUnsure
		}
		return in, nil
	case o.kind != opExact:
		return holdsUnsure, nil
	}
	var last *nftElement // the last element not after the operand
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
	return holdsAlways, last
}

// holdsAnybody returns whether an arbitrary address may be in a set of addresses: in one with a block larger than any
// single owner has, or with more than a sixteenth of all addresses.
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
	if share := s.share(position); share == 1 {
		return holdsAlways
	} else if share > 7./8 {
		return holdsByChoice // the rest of the world may be kept out
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

// share returns the part of all addresses that the intervals cover; exactly 1 for all of them.
func (s *nftSet) share(position func([]byte) uint64) float64 {
	gaps := 0.0
	reached := uint64(0) // everything before it is counted
	open := false
	for _, e := range s.elements {
		at := position(e.key)
		if !open {
			gaps += float64(at - reached)
		}
		open, reached = !e.end, at
	}
	if !open && len(s.elements) > 0 {
		gaps += float64(^uint64(0)-reached) + 1
	}
	return 1 - gaps/(1<<64)
}
