package probe

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

// The sets and maps to verdicts of nf_tables: what the kernel tells of them, and whether they hold what a rule looks up. A member may have
// conditions of its own (how often, until when): one that is found then holds or not. A set that rules write holds whatever it will hold next.

// nftSet is a set, or a map to verdicts. An opaque one holds what is not understood, a changing one what packets make of it.
type nftSet struct {
	opaque, changing, interval, verdicts bool
	elements                             []nftElement
	otherwise                            *nftElement // stands for all that no other does
}

// nftElement is a member; of an interval the first, or the first beyond its end.
type nftElement struct {
	key     []byte
	end     bool
	holds   holding // what it carries of conditions, where its key is found
	expires bool    // it is gone at some time, or of a kind that is not known
	verdict *expr.Verdict
}

// Numbers of uapi/linux/netfilter/nf_tables.h that package unix lacks.
const (
	nftSetConcat          = 0x80
	nftElementCatchall    = 2
	nftElementKeyEnd      = 10
	nftElementExpressions = 11
	nftVerdictType        = 0xffffff00 // NFT_DATA_VERDICT
	minMember             = 8          // bytes of a message that a member takes at least
)

// readSet reads what is told of a set.
func readSet(data []byte) (nftName, *nftSet, error) {
	if len(data) < 4 {
		return nftName{}, nil, errors.New("a set is cut short")
	}
	ad, err := attributes(data[4:])
	if err != nil {
		return nftName{}, nil, err
	}
	name, set := nftName{nftTable: nftTable{family: data[0]}}, &nftSet{}
	var flags uint32
	for ad.Next() {
		switch ad.Type() {
		case unix.NFTA_SET_TABLE:
			name.nftTable.name = ad.String()
		case unix.NFTA_SET_NAME:
			name.name = ad.String()
		case unix.NFTA_SET_FLAGS:
			flags = ad.Uint32()
		case unix.NFTA_SET_DATA_TYPE:
			set.verdicts = ad.Uint32() == nftVerdictType
		}
	}
	set.opaque = flags&(nftSetConcat|unix.NFT_SET_OBJECT) != 0
	set.changing = flags&unix.NFT_SET_EVAL != 0
	set.interval = flags&unix.NFT_SET_INTERVAL != 0
	set.verdicts = set.verdicts && flags&unix.NFT_SET_MAP != 0
	return name, set, ad.Err()
}

// addMembers reads members out of a message.
func (s *nftSet) addMembers(data []byte) error {
	if len(data) < 4 {
		return errors.New("members of a set are cut short")
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
		case nftElementKeyEnd: // an interval in a way of its own
			s.opaque = true
		default: // a timeout, or what is not known here
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

// dataValue reads a value out of data; nil where there is none.
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

// ownCondition tells whether an expression that a member carries holds.
func ownCondition(data []byte) holding {
	switch expression(unix.NFPROTO_UNSPEC, data).(type) {
	case *expr.Counter:
		return holdsAlways
	case *expr.Limit, *expr.Connlimit:
		return holdsByChoice
	}
	return holdsUnsure
}

// order sorts the members; where one interval ends and the next begins, the end comes first.
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

// find tells whether a set has the operand, and its verdict; invert, whether it has not: what a member carries is then not asked.
func (s *nftSet) find(o operand, invert bool) (holding, *expr.Verdict) {
	in, e := s.member(o)
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

// member finds the member that the operand surely is; where it may be any of several, there is none.
func (s *nftSet) member(o operand) (holding, *nftElement) {
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
	return holdsAlways, last
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
