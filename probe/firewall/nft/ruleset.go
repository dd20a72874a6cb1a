// Package nft reads the loaded nftables ruleset over netlink and evaluates it for a packet.
package nft

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/google/nftables"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// The loaded nf_tables rules, read from the kernel over netlink: tables, chains, rules and sets of one generation.
// Messages are decoded in nft_decode.go and nft_set.go.

// Table identifies a table; family is one of unix.NFPROTO_*.
type Table struct {
	family byte
	name   string
}

// Name identifies a chain or a set of a table.
type Name struct {
	Table
	name string
}

// Chain is a chain. Rules are lists of pointers to the types of package expr, or nftOpaque.
type Chain struct {
	Name
	Rules [][]any
}

// nftBase is a base chain, which packets enter from a hook.
type nftBase struct {
	*Chain
	hook     uint32
	priority int32
	drop     bool // the policy is drop
	nat      bool // translates addresses and does not filter
}

// Ruleset is the complete ruleset.
type Ruleset struct {
	Chains     map[Name]*Chain
	bases      []*nftBase // in evaluation order
	sets       map[Name]*nftSet
	Translates bool // some rule may change a packet's destination
}

// Size limits: above any hand-written firewall, and small enough to read during a scrape.
const (
	maxNFTRules    = 100_000
	maxNFTElements = 500_000
)

var (
	errTooManyLoaded = errors.New("too many rules or set elements are loaded")
	errRulesChanged  = errors.New("the rules changed while they were read")
)

// Load reads the rules of the network namespace of the calling thread.
func Load(ctx context.Context) (*Ruleset, error) {
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

func readRuleset(ctx context.Context, bounded nftables.SockOption) (*Ruleset, error) {
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
	rs := &Ruleset{Chains: map[Name]*Chain{}, sets: map[Name]*nftSet{}}
	if err := rs.readChains(bounded); err != nil {
		return nil, err
	}
	if err := rs.readSets(ctx, raw); err != nil {
		return nil, err
	}
	if err := rs.readRules(raw); err != nil {
		return nil, err
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

// ask sends a request to nf_tables and returns the replies.
func ask(conn *netlink.Conn, family byte, kind netlink.HeaderType, flags netlink.HeaderFlags, attributes ...netlink.Attribute) ([]netlink.Message, error) {
	data, err := netlink.MarshalAttributes(attributes)
	if err != nil {
		return nil, err
	}
	return conn.Execute(netlink.Message{
		Header: netlink.Header{Type: unix.NFNL_SUBSYS_NFTABLES<<8 | kind, Flags: netlink.Request | flags},
		Data:   append([]byte{family, unix.NFNETLINK_V0, 0, 0}, data...),
	})
}

// generation returns the ruleset's generation number, which changes with every update.
func generation(conn *netlink.Conn) ([]byte, error) {
	messages, err := ask(conn, unix.NFPROTO_UNSPEC, unix.NFT_MSG_GETGEN, 0)
	if err != nil {
		return nil, err
	}
	if len(messages) != 1 || len(messages[0].Data) < 4 {
		return nil, errors.New("the kernel did not return the ruleset generation")
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
	return nil, errors.New("the kernel did not return the ruleset generation")
}

// readChains adds the chains. Chains of a dormant table are loaded, but packets do not enter them.
func (rs *Ruleset) readChains(bounded nftables.SockOption) error {
	conn, err := nftables.New(nftables.AsLasting(), nftables.WithSockOptions(bounded))
	if err != nil {
		return err
	}
	defer func() { _ = conn.CloseLasting() }()
	tables, err := conn.ListTables()
	if err != nil {
		return err
	}
	dormant := map[Table]bool{}
	for _, t := range tables {
		// The library decodes these flags in host byte order, but the kernel sends them in network byte order.
		dormant[Table{byte(t.Family), t.Name}] = t.Flags&(unix.NFT_TABLE_F_DORMANT|unix.NFT_TABLE_F_DORMANT<<24) != 0
	}
	chains, err := conn.ListChains()
	if err != nil {
		return err
	}
	for _, c := range chains {
		t := Table{byte(c.Table.Family), c.Table.Name}
		chain := &Chain{Name: Name{t, c.Name}}
		rs.Chains[chain.Name] = chain
		if c.Hooknum == nil || c.Priority == nil || dormant[t] || c.Type != nftables.ChainTypeFilter && c.Type != nftables.ChainTypeNAT {
			continue
		}
		rs.bases = append(rs.bases, &nftBase{
			Chain: chain, hook: uint32(*c.Hooknum), priority: int32(*c.Priority),
			drop: c.Policy != nil && *c.Policy == nftables.ChainPolicyDrop, nat: c.Type == nftables.ChainTypeNAT,
		})
	}
	rs.order()
	return nil
}

// order sorts the base chains into evaluation order.
func (rs *Ruleset) order() {
	slices.SortStableFunc(rs.bases, func(a, b *nftBase) int {
		return cmp.Or(cmp.Compare(a.stage(), b.stage()), cmp.Compare(a.priority, b.priority))
	})
}

// nftStage is the stage at which a packet on its way to a socket enters a chain.
type nftStage int

const (
	stageDevice nftStage = iota // before IP: whether a packet comes this way is not evaluated
	stagePrerouting
	stageInput
	stageElsewhere // output and forward
)

func (b *nftBase) stage() nftStage {
	const ingress = 5 // NF_INET_INGRESS
	switch b.family {
	case unix.NFPROTO_NETDEV:
		if b.hook == unix.NF_NETDEV_INGRESS {
			return stageDevice
		}
	case unix.NFPROTO_BRIDGE:
		if b.hook == unix.NF_INET_PRE_ROUTING || b.hook == unix.NF_INET_LOCAL_IN { // NF_BR_* have the same numbers
			return stageDevice
		}
	case unix.NFPROTO_IPV4, unix.NFPROTO_IPV6, unix.NFPROTO_INET:
		switch {
		case b.hook == unix.NF_INET_PRE_ROUTING:
			return stagePrerouting
		case b.hook == unix.NF_INET_LOCAL_IN:
			return stageInput
		case b.family == unix.NFPROTO_INET && b.hook == ingress:
			return stageDevice
		}
	}
	return stageElsewhere
}

// readRules adds the rules of all chains in order. It decodes them itself, since the library drops unknown expressions.
func (rs *Ruleset) readRules(conn *netlink.Conn) error {
	messages, err := ask(conn, unix.NFPROTO_UNSPEC, unix.NFT_MSG_GETRULE, netlink.Dump)
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

// readSets adds the sets and their elements.
func (rs *Ruleset) readSets(ctx context.Context, conn *netlink.Conn) error {
	messages, err := ask(conn, unix.NFPROTO_UNSPEC, unix.NFT_MSG_GETSET, netlink.Dump)
	if err != nil {
		return err
	}
	members := 0
	for _, m := range messages {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		name, set, err := readSet(m.Data)
		if err != nil {
			return err
		}
		answers, err := ask(conn, name.family, unix.NFT_MSG_GETSETELEM, netlink.Dump,
			netlink.Attribute{Type: unix.NFTA_SET_ELEM_LIST_TABLE, Data: append([]byte(name.Table.name), 0)},
			netlink.Attribute{Type: unix.NFTA_SET_ELEM_LIST_SET, Data: append([]byte(name.name), 0)})
		if errors.Is(err, unix.ENOENT) {
			return errRulesChanged
		}
		if err != nil {
			return err
		}
		for _, a := range answers {
			if err := set.addMembers(a.Data); err != nil {
				return err
			}
			if members += len(a.Data) / minMember; members > maxNFTElements {
				return errTooManyLoaded
			}
		}
		set.order()
		rs.sets[name] = set
	}
	return nil
}

// HasUFW reports whether ufw's rules are loaded.
func (rs *Ruleset) HasUFW() bool {
	return rs.Chains[Name{Table{unix.NFPROTO_IPV4, "filter"}, "ufw-user-input"}] != nil
}
