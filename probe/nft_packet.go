package probe

import (
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// What becomes of a packet: the first one of a new connection that somebody on the internet makes to this host. Nothing names that somebody: an
// address or a block of known ones is not theirs. They choose what is theirs to choose (the port they come from, when and how often they try). What
// a rule asks and is not understood here may be so or not.

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

// maxNFTSteps bounds the rules asked for one packet: those that are not understood are asked both ways.
const maxNFTSteps = 200_000

// fateOf asks all chains that the packet enters before a socket of this host has it. Where the answer is unsure, where names a chain that decides.
func (rs *nftRuleset) fateOf(p nftPacket) (f fate, where string) { return rs.fateFrom(p, 0) }

// fateFrom asks the chains from one on. Those of one priority are entered in an order that is not known: each is asked with what any other does to
// the packet.
func (rs *nftRuleset) fateFrom(p nftPacket, at int) (f fate, where string) {
	f = fateAdmitted
	for at < len(rs.bases) {
		end := rs.after(at)
		one, in, blur := rs.together(rs.bases[at:end], p)
		if end-at > 1 && blur != p.blur {
			p.blur = blur
			continue
		}
		p.blur = blur
		switch {
		case one == fateDenied:
			return fateDenied, ""
		case one == fateUnsure:
			if f = fateUnsure; where == "" {
				where = in
			}
		}
		at = end
	}
	return f, where
}

// after is the first chain that is surely entered after another.
func (rs *nftRuleset) after(at int) int {
	end := at + 1
	for end < len(rs.bases) && rs.bases[end].stage() == rs.bases[at].stage() && rs.bases[end].priority == rs.bases[at].priority {
		end++
	}
	return end
}

// together asks chains of one priority.
func (rs *nftRuleset) together(bases []*nftBase, p nftPacket) (f fate, where string, after nftBlur) {
	f, after = fateAdmitted, p.blur
	for _, b := range bases {
		if !b.meets(p) {
			continue
		}
		if b.nat {
			after.source = after.source || b.stage() == stageInput // it may translate senders
			continue
		}
		w := nftWalk{rules: rs, packet: p, base: b}
		one := w.from(b.nftChain, 0, nil)
		after = after.or(w.packet.blur)
		switch {
		case one == fateDenied && b.stage() != stageDevice:
			f = fateDenied
		case one != fateAdmitted && f != fateDenied:
			if f = fateUnsure; where == "" {
				where = w.where
				if where == "" {
					where = b.name
				}
			}
		}
	}
	return f, where, after
}

func (b nftBlur) or(o nftBlur) nftBlur {
	return nftBlur{b.state || o.state, b.source || o.source, b.to || o.to, b.port || o.port}
}

// meets tells whether the packet may enter the chain.
func (b *nftBase) meets(p nftPacket) bool {
	switch b.family {
	case unix.NFPROTO_IPV4:
		return p.to.Is4() && b.stage() != stageElsewhere
	case unix.NFPROTO_IPV6:
		return !p.to.Is4() && b.stage() != stageElsewhere
	}
	return b.stage() != stageElsewhere
}

// nftWalk is the way of a packet through one base chain.
type nftWalk struct {
	rules  *nftRuleset
	packet nftPacket
	base   *nftBase
	steps  int
	doubt  bool   // a rule was asked both ways
	where  string // the chain of the first rule that is not understood and matters
	leads  []nftLead
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
		w.doubt = w.doubt || holds != holdsAlways
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
