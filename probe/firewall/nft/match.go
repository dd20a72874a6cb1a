package nft

import (
	"slices"

	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// Evaluating an nf_tables rule for a packet: expressions load packet fields into registers and compare them. An
// unsupported expression that may end the rule is treated as undecided.

// undecided is the verdict of a rule that may decide in an unsupported way.
func undecided() *expr.Verdict { return &expr.Verdict{Kind: expr.VerdictStolen} }

// rule returns whether a rule matches, and its verdict; nil where it has none.
func (w *nftWalk) rule(c *Chain, rule []any) (holding, *expr.Verdict) {
	holds := holdsAlways
	r := registers{}
	for _, e := range rule {
		led := len(w.leads)
		a, v := w.expression(c, e, r)
		holds = holds.and(a)
		for i := led; i < len(w.leads); i++ {
			w.leads[i].Sure = w.leads[i].Sure && holds == holdsAlways && !w.doubt
		}
		if holds == holdsNever {
			return holdsNever, nil
		}
		if v != nil {
			return holds, v
		}
	}
	return holds, nil
}

// load stores a field in a register. An unknown field may be absent, which ends the rule.
func (r registers) load(n uint32, o operand) (holding, *expr.Verdict) {
	r.set(n, o)
	if o.kind == opUnknown {
		return holdsUnsure, nil
	}
	return holdsAlways, nil
}

// expression returns whether an expression matches, and its verdict. Both are undecided for unsupported expressions.
func (w *nftWalk) expression(c *Chain, e any, r registers) (holding, *expr.Verdict) {
	switch e := e.(type) {
	case *expr.Counter, *expr.Log:
		return holdsAlways, nil
	case *expr.Limit, *expr.Connlimit:
		return holdsByChoice, nil
	case *expr.Verdict:
		return holdsAlways, e
	case *expr.Reject:
		return holdsAlways, &expr.Verdict{Kind: expr.VerdictDrop}
	case *expr.Immediate:
		r.set(e.Register, exactly(e.Data...))
		return holdsAlways, nil
	case *expr.Meta:
		if e.SourceRegister {
			return holdsAlways, nil
		}
		return r.load(e.Register, w.packet.meta(e.Key))
	case *expr.Payload:
		if e.OperationType == expr.PayloadWrite {
			return w.write(e)
		}
		return r.load(e.DestRegister, w.packet.payload(e))
	case *expr.Ct:
		return w.connection(e, r)
	case *expr.Fib:
		return w.route(e, r)
	case *expr.Bitwise:
		return r.load(e.DestRegister, r.get(e.SourceRegister).masked(e.Mask, e.Xor))
	case *expr.Cmp:
		return r.get(e.Register).compare(e.Op, e.Data), nil
	case *expr.Range:
		o := r.get(e.Register)
		in := o.compare(expr.CmpOpGte, e.FromData).and(o.compare(expr.CmpOpLte, e.ToData))
		if e.Op == expr.CmpOpNeq {
			in = in.not()
		}
		return in, nil
	case *expr.Lookup:
		return w.lookup(c, e, r)
	case *expr.Match:
		return w.xtMatch(e), nil
	case *expr.Target:
		return w.xtTarget(e)
	case *expr.Objref:
		if e.Type == unix.NFT_OBJECT_COUNTER {
			return holdsAlways, nil
		}
		return holdsUnsure, nil
	case *expr.Dynset:
		return dynset(e), nil
	case *expr.NAT:
		return w.nat(e, r)
	case *expr.Redir:
		return w.redirect(e, r)
	case nftUntracked:
		w.packet.Blur.state = true
		return holdsAlways, nil
	case nftOpaque:
		return w.opaque(e, r)
	}
	return holdsUnsure, undecided()
}

// connection loads a property of the packet's connection.
func (w *nftWalk) connection(e *expr.Ct, r registers) (holding, *expr.Verdict) {
	switch {
	case e.Register == unix.NFT_REG_VERDICT: // sets a property of the connection
		return holdsAlways, nil
	case e.Key == expr.CtKeySTATE && w.tracked():
		return r.load(e.Register, native(ctStateNew))
	case e.Key == expr.CtKeySTATE:
		return r.load(e.Register, operand{size: 4})
	}
	return r.load(e.Register, operand{})
}

// route loads a property of the route to the packet's addresses; only the type of a local destination is known.
func (w *nftWalk) route(e *expr.Fib, r registers) (holding, *expr.Verdict) {
	onlyHere := e.FlagIIF || e.FlagOIF
	if e.ResultADDRTYPE && e.FlagDADDR && !e.FlagSADDR && !e.FlagPRESENT && !e.FlagMARK && !w.packet.Blur.To &&
		(!onlyHere || slices.Contains(w.packet.In.Addresses, w.packet.To)) {
		return r.load(e.Register, native(unix.RTN_LOCAL))
	}
	return r.load(e.Register, operand{})
}

// opaque handles an expression that the library does not parse.
func (w *nftWalk) opaque(e nftOpaque, r registers) (holding, *expr.Verdict) {
	clear(r) // it may have written any register
	if e.leads() {
		w.lead(0, Target{Unknown: true}, false)
	}
	switch e {
	case "byteorder", "numgen", "hash", "rt", "socket", "osf", "exthdr", "tunnel", "xfrm", "last", "quota", "dynset", "inner", "dup",
		"tproxy":
		return holdsUnsure, nil // a condition or a side effect
	}
	return holdsUnsure, undecided()
}

// tracked reports whether the state of the packet's connection is known in the chain: after connection tracking, and
// not exempted from it.
func (w *nftWalk) tracked() bool {
	stage := w.base.stage()
	return !w.packet.Blur.state && (stage == stageInput || stage == stagePrerouting && w.base.priority > ctPriority)
}

// dynset evaluates an update of a set, which may be full. The conditions it attaches to an element apply to that
// element.
func dynset(e *expr.Dynset) holding {
	for _, one := range e.Exprs {
		switch one.(type) {
		case *expr.Limit, *expr.Connlimit: // a limit per sender
			return holdsByChoice
		}
	}
	return holdsUnsure
}

// lookup returns whether the operand is in a set, and the verdict of a map.
func (w *nftWalk) lookup(c *Chain, e *expr.Lookup, r registers) (holding, *expr.Verdict) {
	set := w.rules.sets[Name{c.Table, e.SetName}]
	toVerdict := e.IsDestRegSet && e.DestRegister == unix.NFT_REG_VERDICT
	if e.IsDestRegSet && !toVerdict {
		r.set(e.DestRegister, operand{})
		return holdsUnsure, nil
	}
	if set == nil || set.opaque || toVerdict != set.verdicts || e.Invert && set.otherwise != nil {
		if toVerdict {
			return holdsUnsure, undecided()
		}
		return holdsUnsure, nil
	}
	in, v := set.find(r.fields(e.SourceRegister, set.keySize), e.Invert)
	if toVerdict && in != holdsNever && (in != holdsAlways || v == nil) {
		v = undecided()
	}
	return in, v
}
