package probe

import (
	"net/netip"

	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// What becomes of a packet: the first one of a new connection that somebody on the internet makes to this host. Nothing names that somebody: an
// address or a block of known ones is not theirs. They choose what is theirs to choose (the port they come from, when and how often they try). What
// a rule asks and is not understood here may be so or not.

// nftPacket is the packet.
type nftPacket struct {
	udp  bool
	port uint16
	to   netip.Addr
	in   hostInterface
}

// fate is what becomes of a packet, the worse for the host the greater.
type fate int

const (
	fateDenied fate = iota
	fateUnsure      // rules that are not understood decide
	fateAdmitted
)

// holding tells whether a rule holds for the packet.
type holding int

const (
	holdsNever holding = iota
	holdsUnsure
	holdsByChoice // whoever sends it chooses
	holdsAlways
)

// and is the answer where both must hold.
func (a holding) and(b holding) holding { return min(a, b) }

func (a holding) not() holding {
	switch a {
	case holdsNever:
		return holdsAlways
	case holdsAlways:
		return holdsNever
	}
	return a
}

func holdsIf(yes bool) holding {
	if yes {
		return holdsAlways
	}
	return holdsNever
}

// Numbers of hooks beside those of package unix's NF_INET_*.
const (
	hookPrerouting = unix.NF_INET_PRE_ROUTING
	hookInput      = unix.NF_INET_LOCAL_IN
	hookIngress    = 5 // NF_INET_INGRESS
	// maxNFTSteps bounds the rules asked for one packet: those that are not understood are asked both ways.
	maxNFTSteps = 200_000
)

// fateOf asks all chains that the packet enters before a socket of this host has it. Where the answer is unsure, where names a chain that decides.
func (rs *nftRuleset) fateOf(p nftPacket) (f fate, where string) {
	f = fateAdmitted
	for _, b := range rs.bases {
		certain := true
		switch b.family {
		case unix.NFPROTO_IPV4:
			if !p.to.Is4() {
				continue
			}
		case unix.NFPROTO_IPV6:
			if p.to.Is4() {
				continue
			}
		case unix.NFPROTO_INET:
		case unix.NFPROTO_NETDEV, unix.NFPROTO_BRIDGE:
			certain = false // it is not looked up here whether the packet comes this way
		default:
			continue
		}
		switch {
		case !certain && b.family == unix.NFPROTO_NETDEV && b.hook != unix.NF_NETDEV_INGRESS:
			continue // on the way out
		case b.hook == hookPrerouting, b.hook == hookInput:
		case b.family == unix.NFPROTO_INET && b.hook == hookIngress:
			certain = false
		default:
			continue
		}
		w := nftWalk{rules: rs, packet: p, base: b}
		one := w.from(b.nftChain, 0, nil)
		switch {
		case one == fateDenied && certain:
			return fateDenied, ""
		case one != fateAdmitted:
			f = fateUnsure
			if where == "" {
				where = w.where
				if where == "" {
					where = b.name
				}
			}
		}
	}
	return f, where
}

// nftWalk is the way of a packet through one base chain.
type nftWalk struct {
	rules  *nftRuleset
	packet nftPacket
	base   *nftBase
	steps  int
	where  string // the chain of the first rule that is not understood and matters
}

// nftFrame is where a chain that was jumped to returns to.
type nftFrame struct {
	chain *nftChain
	at    int
	back  *nftFrame
}

// from is the fate of the packet from a rule of a chain on.
func (w *nftWalk) from(c *nftChain, at int, back *nftFrame) fate {
	for i := at; i < len(c.rules); i++ {
		if w.steps++; w.steps > maxNFTSteps {
			return w.unsure(c)
		}
		holds, v := w.rule(c, c.rules[i])
		if holds == holdsNever || v == nil || v.Kind == expr.VerdictContinue || v.Kind == expr.VerdictBreak {
			continue
		}
		then := w.follow(c, i, back, v)
		if holds == holdsAlways {
			return then
		}
		rest := w.from(c, i+1, back)
		switch {
		case then == rest:
			return then
		case holds == holdsByChoice:
			return max(then, rest)
		}
		return w.unsure(c)
	}
	return w.back(back)
}

// follow is the fate of the packet after a verdict of rule i.
func (w *nftWalk) follow(c *nftChain, i int, back *nftFrame, v *expr.Verdict) fate {
	switch v.Kind {
	case expr.VerdictAccept, expr.VerdictStop:
		return fateAdmitted
	case expr.VerdictDrop:
		return fateDenied
	case expr.VerdictReturn:
		return w.back(back)
	case expr.VerdictJump, expr.VerdictGoto:
		target := w.rules.chains[nftName{c.nftTable, v.Chain}]
		if target == nil {
			break
		}
		if v.Kind == expr.VerdictJump {
			back = &nftFrame{c, i + 1, back}
		}
		return w.from(target, 0, back)
	}
	return w.unsure(c)
}

// back is the fate of the packet where a chain ends.
func (w *nftWalk) back(to *nftFrame) fate {
	switch {
	case to != nil:
		return w.from(to.chain, to.at, to.back)
	case w.base.drop:
		return fateDenied
	}
	return fateAdmitted
}

func (w *nftWalk) unsure(c *nftChain) fate {
	if w.where == "" {
		w.where = c.name
	}
	return fateUnsure
}
