package nft

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"github.com/google/nftables/expr"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/thenexusengine/catalyst_exporter/internal/parts"
)

// attribute is a message's attribute; nested ones are marked as the kernel marks them.
func attribute(kind uint16, data []byte) []byte {
	out, err := netlink.MarshalAttributes([]netlink.Attribute{{Type: kind, Data: data}})
	if err != nil {
		panic(err)
	}
	return out
}

func joined(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func number(n uint32) []byte { return binary.BigEndian.AppendUint32(nil, n) }

// expressionSeed is an expression as it stands in a rule.
func expressionSeed(name string, body ...[]byte) []byte {
	return attribute(unix.NFTA_LIST_ELEM, joined(attribute(unix.NFTA_EXPR_NAME, []byte(name+"\x00")), attribute(unix.NFTA_EXPR_DATA, joined(body...))))
}

// ruleSeed is a rule of the chain "in".
func ruleSeed(expressions ...[]byte) []byte {
	return joined([]byte{unix.NFPROTO_INET, 0, 0, 0}, attribute(unix.NFTA_RULE_TABLE, []byte("f\x00")), attribute(unix.NFTA_RULE_CHAIN, []byte("in\x00")),
		attribute(unix.NFTA_RULE_EXPRESSIONS, joined(expressions...)))
}

func verdictSeed(code uint32, chain string) []byte {
	return attribute(unix.NFTA_DATA_VERDICT, joined(attribute(unix.NFTA_VERDICT_CODE, number(code)), attribute(unix.NFTA_VERDICT_CHAIN, []byte(chain+"\x00"))))
}

// dportSeed asks for the port.
func dportSeed(port uint16) [][]byte {
	return [][]byte{
		expressionSeed("payload", attribute(unix.NFTA_PAYLOAD_DREG, number(1)), attribute(unix.NFTA_PAYLOAD_BASE, number(unix.NFT_PAYLOAD_TRANSPORT_HEADER)), attribute(unix.NFTA_PAYLOAD_OFFSET, number(2)), attribute(unix.NFTA_PAYLOAD_LEN, number(2))),
		expressionSeed("cmp", attribute(unix.NFTA_CMP_SREG, number(1)), attribute(unix.NFTA_CMP_OP, number(unix.NFT_CMP_EQ)), attribute(unix.NFTA_CMP_DATA, attribute(unix.NFTA_DATA_VALUE, binary.BigEndian.AppendUint16(nil, port)))),
	}
}

func immediateSeed(code uint32, chain string) []byte {
	return expressionSeed("immediate", attribute(unix.NFTA_IMMEDIATE_DREG, number(unix.NFT_REG_VERDICT)), attribute(unix.NFTA_IMMEDIATE_DATA, verdictSeed(code, chain)))
}

// emptyRules has one chain, whose policy is to drop, and a set.
func emptyRules(hook uint32, nat bool) *Ruleset {
	table := Table{unix.NFPROTO_INET, "f"}
	chain := &Chain{Name: Name{table, "in"}}
	return &Ruleset{
		Chains: map[Name]*Chain{chain.Name: chain},
		bases:  []*nftBase{{Chain: chain, hook: hook, drop: true, nat: nat}},
		sets:   map[Name]*nftSet{},
	}
}

// fuzzedPackets come in at one interface, for its addresses of both families.
func fuzzedPackets() []Packet {
	in := Interface{Name: "eth0", Index: 2, Addresses: []netip.Addr{netip.MustParseAddr("192.0.2.5"), netip.MustParseAddr("2001:db8::5")}, Routed: true}
	return []Packet{{Port: 9100, To: in.Addresses[0], In: in}, {UDP: true, Port: 9300, To: in.Addresses[1], In: in}}
}

// FuzzRule reads a rule and asks it.
func FuzzRule(f *testing.F) {
	f.Add(ruleSeed(immediateSeed(1, "")), ruleSeed())
	f.Add(ruleSeed(append(dportSeed(9100), immediateSeed(1, ""))...), ruleSeed(immediateSeed(^uint32(2), "in")))
	f.Add(ruleSeed(expressionSeed("immediate", attribute(unix.NFTA_IMMEDIATE_DATA, attribute(unix.NFTA_DATA_VERDICT, nil)))), ruleSeed(immediateSeed(^uint32(3), "in")))
	f.Add(ruleSeed(expressionSeed("match", attribute(unix.NFTA_MATCH_NAME, []byte("multiport\x00")), attribute(unix.NFTA_MATCH_REV, number(1)), attribute(unix.NFTA_MATCH_INFO, make([]byte, 48)))),
		ruleSeed(expressionSeed("target", attribute(unix.NFTA_TARGET_NAME, []byte("DNAT\x00")), attribute(unix.NFTA_TARGET_REV, number(2)), attribute(unix.NFTA_TARGET_INFO, make([]byte, 48)))))
	f.Add(ruleSeed(expressionSeed("nat", attribute(unix.NFTA_NAT_TYPE, number(unix.NFT_NAT_DNAT)), attribute(unix.NFTA_NAT_REG_ADDR_MIN, number(1)))), ruleSeed(expressionSeed("redir"), expressionSeed("notrack"), expressionSeed("dynset")))
	f.Add(ruleSeed(expressionSeed("payload", attribute(unix.NFTA_PAYLOAD_SREG, number(1)), attribute(unix.NFTA_PAYLOAD_OFFSET, number(^uint32(0))), attribute(unix.NFTA_PAYLOAD_LEN, number(4)))), ruleSeed(expressionSeed("lookup", attribute(unix.NFTA_LOOKUP_DREG, number(0)))))
	f.Fuzz(func(t *testing.T, first, second []byte) {
		began := time.Now()
		for _, rs := range []*Ruleset{emptyRules(unix.NF_INET_LOCAL_IN, false), emptyRules(unix.NF_INET_PRE_ROUTING, false), emptyRules(unix.NF_INET_PRE_ROUTING, true)} {
			if rs.addRule(first) != nil || rs.addRule(second) != nil {
				return
			}
			for _, p := range fuzzedPackets() {
				rs.FateOf(p)
			}
			if rs.bases[0].nat {
				continue
			}
			// A condition more never makes anything certain that was not: whatever a rule that is not understood may do stays possible.
			p := fuzzedPackets()[0]
			rs.Chains[rs.bases[0].Name].Rules = append([][]any{{nftOpaque("unknown")}}, rs.Chains[rs.bases[0].Name].Rules...)
			if got, _ := rs.FateOf(p); got != FateUnsure && rs.bases[0].hook == unix.NF_INET_LOCAL_IN {
				t.Errorf("after what may decide: %v", got)
			}
		}
		if took := time.Since(began); took > parts.Patience {
			t.Errorf("took %v", took)
		}
	})
}

// FuzzSet reads a set and its members, and looks for what a packet has.
func FuzzSet(f *testing.F) {
	header := []byte{unix.NFPROTO_INET, 0, 0, 0}
	set := func(flags uint32) []byte {
		return joined(header, attribute(unix.NFTA_SET_TABLE, []byte("f\x00")), attribute(unix.NFTA_SET_NAME, []byte("s\x00")), attribute(unix.NFTA_SET_FLAGS, number(flags)), attribute(unix.NFTA_SET_DATA_TYPE, number(nftVerdictType)))
	}
	members := func(of ...[]byte) []byte {
		var list []byte
		for _, m := range of {
			list = append(list, attribute(unix.NFTA_LIST_ELEM, m)...)
		}
		return joined(header, attribute(unix.NFTA_SET_ELEM_LIST_ELEMENTS, list))
	}
	key := attribute(unix.NFTA_SET_ELEM_KEY, attribute(unix.NFTA_DATA_VALUE, []byte{0x23, 0x8c}))
	f.Add(set(0), members(key))
	f.Add(set(unix.NFT_SET_INTERVAL), members(key, joined(attribute(unix.NFTA_SET_ELEM_KEY, attribute(unix.NFTA_DATA_VALUE, []byte{0x23, 0x8d})), attribute(unix.NFTA_SET_ELEM_FLAGS, number(1)))))
	f.Add(set(unix.NFT_SET_MAP), members(joined(key, attribute(unix.NFTA_SET_ELEM_DATA, verdictSeed(0, "")), attribute(unix.NFTA_SET_ELEM_EXPR, joined(attribute(unix.NFTA_EXPR_NAME, []byte("limit\x00")))))))
	f.Add(set(unix.NFT_SET_EVAL), members(joined(key, attribute(unix.NFTA_SET_ELEM_TIMEOUT, make([]byte, 8)), attribute(nftElementKeyEnd, nil))))
	f.Add(set(0), members(joined(attribute(unix.NFTA_SET_ELEM_FLAGS, number(nftElementCatchall)), attribute(nftElementExpressions, nil))))
	from, to := attribute(unix.NFTA_SET_ELEM_KEY, attribute(unix.NFTA_DATA_VALUE, []byte{10, 0, 0, 0, 0x23, 0x8c, 0, 0})), attribute(nftElementKeyEnd, attribute(unix.NFTA_DATA_VALUE, []byte{11, 255, 255, 255, 0x23, 0x8d, 0, 0}))
	f.Add(joined(set(unix.NFT_SET_INTERVAL|0x80), attribute(unix.NFTA_SET_KEY_LEN, number(8))), members(joined(from, to), from))
	f.Fuzz(func(t *testing.T, set, members []byte) {
		_, s, err := readSet(set)
		if err != nil || s.addMembers(members) != nil {
			return
		}
		s.order()
		for _, o := range []operand{{}, {kind: opChoice}, exactly(0x23, 0x8c), {kind: opSource, mask: []byte{255, 255, 255, 255}}, {kind: opPartly, bytes: []byte{2}, mask: []byte{0x17}}} {
			in, v := s.find([]operand{o}, false)
			not, _ := s.find([]operand{o}, true)
			if s.changing && (in != holdsUnsure || not != holdsUnsure) {
				t.Errorf("a set that changes surely holds %v: %v, %v", o, in, not)
			}
			if o.kind == opUnknown && len(s.elements) > 0 && in == holdsAlways && s.otherwise == nil {
				t.Errorf("what is not known is surely in: %v", v)
			}
			if in == holdsAlways && not == holdsAlways {
				t.Errorf("%v is in and is not", o)
			}
		}
		source, port := operand{kind: opSource, mask: []byte{255, 255, 255, 255}}, exactly(0x23, 0x8c)
		for _, fields := range [][]operand{{source, port}, {port, source}, {source, source}, {source, {kind: opChoice, size: 2}}} {
			in, _ := s.find(fields, false)
			not, _ := s.find(fields, true)
			if in == holdsAlways && not == holdsAlways {
				t.Errorf("%v are in and are not", fields)
			}
		}
	})
}

// TestVerdictsNotFollowed: what is done beside accepting and dropping is not known to keep anybody out.
func TestVerdictsNotFollowed(t *testing.T) {
	p := Packet{Port: 9100, To: netip.MustParseAddr("192.0.2.5")}
	for kind, want := range map[expr.VerdictKind]Fate{
		expr.VerdictDrop: FateDenied, expr.VerdictAccept: FateAdmitted, expr.VerdictStop: FateAdmitted, expr.VerdictQueue: FateUnsure, expr.VerdictStolen: FateUnsure,
		expr.VerdictRepeat: FateUnsure, 7<<16 | expr.VerdictQueue: FateUnsure, 1 << 16: FateUnsure, expr.VerdictReturn: FateDenied, expr.VerdictContinue: FateDenied,
		expr.VerdictJump: FateUnsure, // to a chain that is not there
	} {
		rs := emptyRules(unix.NF_INET_LOCAL_IN, false)
		if err := rs.addRule(ruleSeed(immediateSeed(uint32(kind), ""))); err != nil {
			t.Fatal(err)
		}
		if got, _ := rs.FateOf(p); got != want {
			t.Errorf("verdict %v: %v, want %v", kind, got, want)
		}
	}
	for _, body := range [][]byte{nil, attribute(unix.NFTA_IMMEDIATE_DREG, number(0)), attribute(unix.NFTA_IMMEDIATE_DATA, attribute(unix.NFTA_DATA_VERDICT, nil))} {
		rs := emptyRules(unix.NF_INET_LOCAL_IN, false)
		rs.bases[0].drop = false
		if err := rs.addRule(ruleSeed(expressionSeed("immediate", body))); err != nil {
			t.Fatal(err)
		}
		if got, _ := rs.FateOf(p); got != FateUnsure {
			t.Errorf("a verdict that is not told: %v", got)
		}
	}
}
