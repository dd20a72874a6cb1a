package probe

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// The rules that are loaded in nf_tables, as the kernel tells them over netlink. What is not understood is kept as such: a condition that is left
// out would make a rule look wider than it is.

// nftTable names a table; family is one of unix.NFPROTO_*.
type nftTable struct {
	family byte
	name   string
}

// nftName names a chain or a set of a table.
type nftName struct {
	nftTable
	name string
}

// nftOpaque is an expression of a kind that is not read here.
type nftOpaque string

// nftChain is a chain. Rules are lists of pointers to the types of package expr, or nftOpaque.
type nftChain struct {
	nftName
	rules [][]any
}

// nftBase is a chain that packets enter by themselves.
type nftBase struct {
	*nftChain
	hook     uint32
	priority int32
	drop     bool // what no rule decides is dropped
}

// nftSet is a set, or a map to verdicts. An opaque one holds what is not understood.
type nftSet struct {
	opaque, interval, verdicts bool
	elements                   []nftElement
}

// nftElement is a member; of an interval the first, or the first beyond its end.
type nftElement struct {
	key     []byte
	end     bool
	verdict *expr.Verdict
}

// nftRuleset is everything loaded.
type nftRuleset struct {
	chains map[nftName]*nftChain
	bases  []*nftBase // in the order in which packets enter them
	sets   map[nftName]*nftSet
}

// Bounds of what is read: beyond any firewall that people write, and small enough to be read on a scrape.
const (
	maxNFTRules    = 100_000
	maxNFTElements = 500_000
)

var (
	errTooManyLoaded = errors.New("more rules or members of sets are loaded than are read here")
	errRulesChanged  = errors.New("the rules were changed while they were read")
)

// loadRuleset reads the rules of the network namespace of the calling thread.
func loadRuleset(ctx context.Context) (*nftRuleset, error) {
	bounded := func(c *netlink.Conn) error {
		if end, ok := ctx.Deadline(); ok {
			return c.SetDeadline(end)
		}
		return nil
	}
	for range 3 {
		rs, err := readRuleset(ctx, bounded)
		if !errors.Is(err, errRulesChanged) && !errors.Is(err, unix.EINTR) {
			return rs, err
		}
	}
	return nil, errRulesChanged
}

func readRuleset(ctx context.Context, bounded nftables.SockOption) (*nftRuleset, error) {
	raw, err := netlink.Dial(unix.NETLINK_NETFILTER, nil)
	if err != nil {
		return nil, err
	}
	defer func() { _ = raw.Close() }()
	if err := bounded(raw); err != nil {
		return nil, err
	}
	before, err := generation(raw)
	if err != nil {
		return nil, err
	}
	conn, err := nftables.New(nftables.AsLasting(), nftables.WithSockOptions(bounded))
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.CloseLasting() }()
	chains, err := conn.ListChains()
	if err != nil {
		return nil, err
	}
	rs := &nftRuleset{chains: map[nftName]*nftChain{}, sets: map[nftName]*nftSet{}}
	tables := map[nftTable]*nftables.Table{}
	for _, c := range chains {
		t := nftTable{byte(c.Table.Family), c.Table.Name}
		tables[t] = c.Table
		chain := &nftChain{nftName: nftName{t, c.Name}}
		rs.chains[chain.nftName] = chain
		if c.Hooknum != nil && c.Priority != nil && c.Type == nftables.ChainTypeFilter {
			drop := c.Policy != nil && *c.Policy == nftables.ChainPolicyDrop
			rs.bases = append(rs.bases, &nftBase{chain, uint32(*c.Hooknum), int32(*c.Priority), drop})
		}
	}
	rs.order()
	if err := rs.readRules(raw); err != nil {
		return nil, err
	}
	members := 0
	for t, table := range tables {
		sets, err := conn.GetSets(table)
		if err != nil {
			return nil, err
		}
		for _, s := range sets {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			elements, err := conn.GetSetElements(s)
			if err != nil {
				return nil, err
			}
			if members += len(elements); members > maxNFTElements {
				return nil, errTooManyLoaded
			}
			rs.sets[nftName{t, s.Name}] = newSet(s, elements)
		}
	}
	after, err := generation(raw)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(before, after) {
		return nil, errRulesChanged
	}
	return rs, nil
}

// generation is the number of the present rules: it changes with them.
func generation(conn *netlink.Conn) ([]byte, error) {
	messages, err := conn.Execute(netlink.Message{
		Header: netlink.Header{Type: unix.NFNL_SUBSYS_NFTABLES<<8 | unix.NFT_MSG_GETGEN, Flags: netlink.Request},
		Data:   []byte{unix.NFPROTO_UNSPEC, unix.NFNETLINK_V0, 0, 0},
	})
	if err != nil {
		return nil, err
	}
	if len(messages) != 1 || len(messages[0].Data) < 4 {
		return nil, errors.New("the kernel does not tell the generation of its rules")
	}
	ad, err := netlink.NewAttributeDecoder(messages[0].Data[4:])
	if err != nil {
		return nil, err
	}
	for ad.Next() {
		if ad.Type() == unix.NFTA_GEN_ID {
			return ad.Bytes(), nil
		}
	}
	return nil, errors.New("the kernel does not tell the generation of its rules")
}

// order sorts the base chains as packets enter them.
func (rs *nftRuleset) order() {
	slices.SortStableFunc(rs.bases, func(a, b *nftBase) int {
		return cmp.Or(cmp.Compare(a.hook, b.hook), cmp.Compare(a.priority, b.priority))
	})
}

// readRules adds the rules of all chains, in their order. It reads them itself, since the library leaves out the expressions that it does not know.
func (rs *nftRuleset) readRules(conn *netlink.Conn) error {
	messages, err := conn.Execute(netlink.Message{
		Header: netlink.Header{Type: unix.NFNL_SUBSYS_NFTABLES<<8 | unix.NFT_MSG_GETRULE, Flags: netlink.Request | netlink.Dump},
		Data:   []byte{unix.NFPROTO_UNSPEC, unix.NFNETLINK_V0, 0, 0},
	})
	if err != nil {
		return err
	}
	if len(messages) > maxNFTRules {
		return errTooManyLoaded
	}
	for _, m := range messages {
		if err := rs.addRule(m.Data); err != nil {
			return err
		}
	}
	return nil
}

// addRule reads one rule out of its message.
func (rs *nftRuleset) addRule(data []byte) error {
	if len(data) < 4 {
		return errors.New("a rule is cut short")
	}
	ad, err := netlink.NewAttributeDecoder(data[4:])
	if err != nil {
		return err
	}
	name := nftName{nftTable: nftTable{family: data[0]}}
	var rule []any
	for ad.Next() {
		switch ad.Type() {
		case unix.NFTA_RULE_TABLE:
			name.nftTable.name = ad.String()
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
	chain := rs.chains[name]
	if chain == nil {
		return errRulesChanged
	}
	chain.rules = append(chain.rules, rule)
	return nil
}

// expression reads one expression; what cannot be read is opaque.
func expression(family byte, data []byte) any {
	ad, err := netlink.NewAttributeDecoder(data)
	if err != nil {
		return nftOpaque("")
	}
	ad.ByteOrder = binary.BigEndian
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
	e := emptyExpression(name)
	if ad.Err() != nil || e == nil || expr.Unmarshal(family, body, e) != nil {
		return nftOpaque(name)
	}
	if imm, ok := e.(*expr.Immediate); ok && imm.Register == unix.NFT_REG_VERDICT && len(imm.Data) == 0 {
		v := &expr.Verdict{}
		if expr.Unmarshal(family, body, v) != nil {
			return nftOpaque(name)
		}
		return v
	}
	return e
}

// emptyExpression is what an expression of that name is read into; nil where it is not read.
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
	}
	return nil
}

// newSet keeps what is asked of a set.
func newSet(s *nftables.Set, elements []nftables.SetElement) *nftSet {
	set := &nftSet{opaque: s.Concatenation, interval: s.Interval}
	// The library notes a map's type of data as that of its keys where it is a verdict.
	set.verdicts = s.IsMap && (s.DataType.Name == nftables.TypeVerdict.Name || s.KeyType.Name == nftables.TypeVerdict.Name)
	for _, e := range elements {
		one := nftElement{key: e.Key, end: e.IntervalEnd}
		if len(e.Key) == 0 || len(e.KeyEnd) > 0 {
			set.opaque = true // one that stands for all others, or an interval in a way of its own
		}
		if set.verdicts && !e.IntervalEnd {
			if one.verdict = verdictOf(e.Val); one.verdict == nil {
				set.opaque = true
			}
		}
		set.elements = append(set.elements, one)
	}
	set.order()
	return set
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

// verdictOf reads the verdict that a map's member leads to.
func verdictOf(data []byte) *expr.Verdict {
	ad, err := netlink.NewAttributeDecoder(data)
	if err != nil {
		return nil
	}
	ad.ByteOrder = binary.BigEndian
	var v *expr.Verdict
	for ad.Next() {
		switch ad.Type() {
		case unix.NFTA_VERDICT_CODE:
			if v == nil {
				v = &expr.Verdict{}
			}
			v.Kind = expr.VerdictKind(int32(ad.Uint32())) // negative ones are those of chains
		case unix.NFTA_VERDICT_CHAIN:
			if v == nil {
				v = &expr.Verdict{}
			}
			v.Chain = ad.String()
		}
	}
	if ad.Err() != nil {
		return nil
	}
	return v
}
