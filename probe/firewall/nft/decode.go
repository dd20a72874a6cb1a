package nft

import (
	"encoding/binary"
	"errors"
	"net/netip"

	"github.com/google/nftables/expr"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// Decoding one rule from the kernel's message. Unsupported parts are kept as opaque: dropping a condition would make a
// rule look broader than it is.

// nftOpaque is an expression of an unsupported kind, by its name.
type nftOpaque string

// leads reports whether the kind may change a packet's destination.
func (o nftOpaque) leads() bool { return o == "tproxy" || o == "nat" || o == "redir" || o == "" }

// nftUntracked is the statement notrack.
type nftUntracked struct{}

// addRule decodes one rule.
func (rs *Ruleset) addRule(data []byte) error {
	if len(data) < 4 {
		return errors.New("truncated rule message")
	}
	ad, err := netlink.NewAttributeDecoder(data[4:])
	if err != nil {
		return err
	}
	name := Name{Table: Table{family: data[0]}}
	var rule []any
	for ad.Next() {
		switch ad.Type() {
		case unix.NFTA_RULE_TABLE:
			name.Table.name = ad.String()
		case unix.NFTA_RULE_CHAIN:
			name.name = ad.String()
		case unix.NFTA_RULE_EXPRESSIONS:
			ad.Nested(func(list *netlink.AttributeDecoder) error {
				for list.Next() {
					rule = append(rule, expression(name.family, list.Bytes()))
				}
				return list.Err()
			})
		}
	}
	if err := ad.Err(); err != nil {
		return err
	}
	chain := rs.Chains[name]
	if chain == nil {
		return errRulesChanged
	}
	chain.Rules = append(chain.Rules, rule)
	for _, e := range rule {
		rs.noteEffect(name.Table, e)
	}
	return nil
}

// noteEffect records the effect of an expression on other rules: sets that it writes, and destinations that it changes.
func (rs *Ruleset) noteEffect(t Table, e any) {
	switch e := e.(type) {
	case *expr.Dynset:
		if set := rs.sets[Name{t, e.SetName}]; set != nil {
			set.changing = true
		}
	case nftOpaque:
		rs.Translates = rs.Translates || e.leads()
		if e != "dynset" && e != "" {
			return
		}
		for name, set := range rs.sets { // the set is unknown: any of them may change
			set.changing = set.changing || name.Table == t
		}
	case *expr.Payload:
		if e.OperationType == expr.PayloadWrite {
			four := Packet{To: netip.IPv4Unspecified()}.rewritten(e)
			six := Packet{To: netip.IPv6Unspecified()}.rewritten(e)
			rs.Translates = rs.Translates || four.Port || four.To || six.Port || six.To
		}
	case *expr.NAT, *expr.Redir:
		rs.Translates = true
	case *expr.Target:
		rs.Translates = rs.Translates || xtTranslates(e.Name)
	}
}

// attributes decodes the attributes of a message, with numbers in network byte order.
func attributes(data []byte) (*netlink.AttributeDecoder, error) {
	ad, err := netlink.NewAttributeDecoder(data)
	if err == nil {
		ad.ByteOrder = binary.BigEndian
	}
	return ad, err
}

// expression decodes one expression; one that cannot be decoded is opaque.
func expression(family byte, data []byte) any {
	ad, err := attributes(data)
	if err != nil {
		return nftOpaque("")
	}
	var name string
	var body []byte
	for ad.Next() {
		switch ad.Type() {
		case unix.NFTA_EXPR_NAME:
			name = ad.String()
		case unix.NFTA_EXPR_DATA:
			body = ad.Bytes()
		}
	}
	if ad.Err() != nil {
		return nftOpaque(name)
	}
	if name == "notrack" {
		return nftUntracked{}
	}
	if name == "immediate" {
		if v := immediateVerdict(body); v != nil {
			return v
		}
	}
	e := emptyExpression(name)
	if e == nil || expr.Unmarshal(family, body, e) != nil {
		return nftOpaque(name)
	}
	if imm, ok := e.(*expr.Immediate); ok && imm.Register == unix.NFT_REG_VERDICT {
		return nftOpaque(name)
	}
	return e
}

// immediateVerdict decodes the verdict of an immediate expression; nil without a supported one.
func immediateVerdict(body []byte) *expr.Verdict {
	ad, err := attributes(body)
	if err != nil {
		return nil
	}
	var v *expr.Verdict
	for ad.Next() {
		if ad.Type() == unix.NFTA_IMMEDIATE_DATA {
			v = dataVerdict(ad.Bytes())
		}
	}
	if ad.Err() != nil {
		return nil
	}
	return v
}

// dataVerdict decodes a verdict from data: of an immediate expression or of a map element.
func dataVerdict(data []byte) *expr.Verdict {
	ad, err := attributes(data)
	if err != nil {
		return nil
	}
	var v *expr.Verdict
	for ad.Next() {
		if ad.Type() == unix.NFTA_DATA_VERDICT {
			v = verdictOf(ad.Bytes())
		}
	}
	if ad.Err() != nil {
		return nil
	}
	return v
}

// verdictOf decodes a verdict; nil if its code is missing.
func verdictOf(data []byte) *expr.Verdict {
	ad, err := attributes(data)
	if err != nil {
		return nil
	}
	v, told := &expr.Verdict{}, false
	for ad.Next() {
		switch ad.Type() {
		case unix.NFTA_VERDICT_CODE:
			v.Kind, told = expr.VerdictKind(int32(ad.Uint32())), true // verdicts about chains are negative
		case unix.NFTA_VERDICT_CHAIN:
			v.Chain = ad.String()
		}
	}
	if ad.Err() != nil || !told {
		return nil
	}
	return v
}

// emptyExpression returns the type to decode an expression into; nil for unsupported kinds.
func emptyExpression(name string) expr.Any {
	switch name {
	case "meta":
		return &expr.Meta{}
	case "payload":
		return &expr.Payload{}
	case "ct":
		return &expr.Ct{}
	case "fib":
		return &expr.Fib{}
	case "cmp":
		return &expr.Cmp{}
	case "range":
		return &expr.Range{}
	case "bitwise":
		return &expr.Bitwise{}
	case "lookup":
		return &expr.Lookup{}
	case "immediate":
		return &expr.Immediate{}
	case "counter":
		return &expr.Counter{}
	case "log":
		return &expr.Log{}
	case "limit":
		return &expr.Limit{}
	case "connlimit":
		return &expr.Connlimit{}
	case "objref":
		return &expr.Objref{}
	case "reject":
		return &expr.Reject{}
	case "match":
		return &expr.Match{}
	case "target":
		return &expr.Target{}
	case "dynset":
		return &expr.Dynset{}
	case "nat":
		return &expr.NAT{}
	case "redir":
		return &expr.Redir{}
	}
	return nil
}
