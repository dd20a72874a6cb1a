package nft

import (
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// Evaluating a ruleset for the first packet of a new connection from the internet to this host. Rules for an address or
// a block of known owners do not match this sender. The sender controls its source port, and when and how often it
// tries. Unsupported conditions may match or not.

// Fate is the outcome for a packet, worse for the host in ascending order.
type Fate int

const (
	FateDenied Fate = iota
	FateUnsure      // unsupported rules decide
	FateAdmitted
)

// holding is whether a rule matches the packet.
type holding int

const (
	holdsNever holding = iota
	holdsUnsure
	holdsByChoice // the sender chooses
	holdsAlways
)

// and combines two conditions.
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

// maxNFTSteps bounds the rules evaluated for one packet: unsupported rules are evaluated both ways.
const maxNFTSteps = 200_000

// FateOf evaluates all chains that the packet passes on its way to a socket of this host. If the outcome is unsure,
// where is a chain that decides.
func (rs *Ruleset) FateOf(p Packet) (f Fate, where string) { return rs.FateFrom(p, 0) }

// FateFrom evaluates the chains from an index on. The order of chains with equal priority is unknown: each is evaluated
// with the changes that the others may make to the packet.
func (rs *Ruleset) FateFrom(p Packet, at int) (f Fate, where string) {
	f = FateAdmitted
	for at < len(rs.bases) {
		end := rs.after(at)
		one, in, blur := rs.together(rs.bases[at:end], p)
		if end-at > 1 && blur != p.Blur {
			p.Blur = blur
			continue
		}
		p.Blur = blur
		switch {
		case one == FateDenied:
			return FateDenied, ""
		case one == FateUnsure:
			if f = FateUnsure; where == "" {
				where = in
			}
		}
		at = end
	}
	return f, where
}

// after returns the index of the first chain that is certain to come after another.
func (rs *Ruleset) after(at int) int {
	end := at + 1
	for end < len(rs.bases) && rs.bases[end].stage() == rs.bases[at].stage() && rs.bases[end].priority == rs.bases[at].priority {
		end++
	}
	return end
}

// together evaluates chains of equal priority.
func (rs *Ruleset) together(bases []*nftBase, p Packet) (f Fate, where string, after Uncertainty) {
	f, after = FateAdmitted, p.Blur
	for _, b := range bases {
		if !b.meets(p) {
			continue
		}
		if b.nat {
			after.source = after.source || b.stage() == stageInput // it may translate source addresses
			continue
		}
		w := nftWalk{rules: rs, packet: p, base: b}
		one := w.from(b.Chain, 0, nil)
		after = after.or(w.packet.Blur)
		switch {
		case one == FateDenied && b.stage() != stageDevice:
			f = FateDenied
		case one != FateAdmitted && f != FateDenied:
			if f = FateUnsure; where == "" {
				where = w.where
				if where == "" {
					where = b.name
				}
			}
		}
	}
	return f, where, after
}

func (b Uncertainty) or(o Uncertainty) Uncertainty {
	return Uncertainty{b.state || o.state, b.source || o.source, b.To || o.To, b.Port || o.Port}
}

// meets reports whether the packet may enter the chain.
func (b *nftBase) meets(p Packet) bool {
	switch b.family {
	case unix.NFPROTO_IPV4:
		return p.To.Is4() && b.stage() != stageElsewhere
	case unix.NFPROTO_IPV6:
		return !p.To.Is4() && b.stage() != stageElsewhere
	}
	return b.stage() != stageElsewhere
}

// nftWalk is the evaluation of one base chain for a packet.
type nftWalk struct {
	rules  *Ruleset
	packet Packet
	base   *nftBase
	steps  int
	doubt  bool   // a rule was evaluated both ways
	where  string // the chain of the first unsupported rule that matters
	leads  []natTarget
}

// nftFrame is the return position of a jump.
type nftFrame struct {
	chain *Chain
	at    int
	back  *nftFrame
}

// from returns the outcome from a rule of a chain on.
func (w *nftWalk) from(c *Chain, at int, back *nftFrame) Fate {
	for i := at; i < len(c.Rules); i++ {
		if w.steps++; w.steps > maxNFTSteps {
			return w.unsure(c)
		}
		holds, v := w.rule(c, c.Rules[i])
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

// follow returns the outcome after the verdict of rule i.
func (w *nftWalk) follow(c *Chain, i int, back *nftFrame, v *expr.Verdict) Fate {
	switch v.Kind {
	case expr.VerdictAccept, expr.VerdictStop:
		return FateAdmitted
	case expr.VerdictDrop:
		return FateDenied
	case expr.VerdictReturn:
		return w.back(back)
	case expr.VerdictJump, expr.VerdictGoto:
		target := w.rules.Chains[Name{c.Table, v.Chain}]
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

// back returns the outcome at the end of a chain.
func (w *nftWalk) back(to *nftFrame) Fate {
	switch {
	case to != nil:
		return w.from(to.chain, to.at, to.back)
	case w.base.drop:
		return FateDenied
	}
	return FateAdmitted
}

func (w *nftWalk) unsure(c *Chain) Fate {
	if w.where == "" {
		w.where = c.name
	}
	return FateUnsure
}
