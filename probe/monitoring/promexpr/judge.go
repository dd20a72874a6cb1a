package promexpr

import (
	"math"
	"slices"
)

// Proofs by intervals: of the values that an expression can have. A comparison with a number narrows them; where nothing is
// left, the expression has no result. Only operands with the same text are known to be the same series.

// Truth is what is known about an expression.
type Truth int

const (
	Unknown    Truth = iota
	Never            // it never has a result
	Everything       // it has a result whenever its series exist, so that its comparison decides nothing
	Constant         // it always has a result, without any series
)

// Judge returns what is known about an expression.
func Judge(expression string) Truth {
	n, err := parse(expression)
	switch {
	case err != nil:
		return Unknown
	case n.never():
		return Never
	case n.constant():
		return Constant
	case n.everything():
		return Everything
	}
	return Unknown
}

// bounds are the least and the greatest value, both possible.
type bounds struct{ low, high float64 }

func all() bounds { return bounds{math.Inf(-1), math.Inf(1)} }

func (b bounds) empty() bool { return b.low > b.high }

// narrowed returns the values for which a comparison with a number holds.
func (b bounds) narrowed(op string, n float64) bounds {
	switch op {
	case "==":
		return bounds{max(b.low, n), min(b.high, n)}
	case ">=":
		return bounds{max(b.low, n), b.high}
	case ">":
		return bounds{max(b.low, math.Nextafter(n, math.Inf(1))), b.high}
	case "<=":
		return bounds{b.low, min(b.high, n)}
	case "<":
		return bounds{b.low, min(b.high, math.Nextafter(n, math.Inf(-1)))}
	case "!=":
		if b.low == n && b.high == n {
			return bounds{1, 0}
		}
	}
	return b
}

func isComparison(op string) bool { return slices.Contains(levels()[2], op) }

// flipped returns the comparison with its operands exchanged.
func flipped(op string) string {
	switch op {
	case ">":
		return "<"
	case "<":
		return ">"
	case ">=":
		return "<="
	case "<=":
		return ">="
	}
	return op
}

// compared splits a comparison that filters by a number; ok is false for others.
func (n *node) compared() (of *node, op string, with float64, ok bool) {
	if !isComparison(n.op) || n.returns01 {
		return nil, "", 0, false
	}
	left, right := n.children[0], n.children[1]
	switch {
	case right.isNumber && !left.isNumber:
		return left, n.op, right.number, true
	case left.isNumber && !right.isNumber:
		return right, flipped(n.op), left.number, true
	}
	return nil, "", 0, false
}

// series returns the expression whose series and values pass through filters by numbers.
func (n *node) series() *node {
	for {
		of, _, _, ok := n.compared()
		if !ok {
			return n
		}
		n = of
	}
}

// values returns the values that an expression may have.
func (n *node) values() bounds {
	if of, op, with, ok := n.compared(); ok {
		return of.values().narrowed(op, with)
	}
	switch {
	case n.isNumber:
		return bounds{n.number, n.number}
	case n.metric == "up", isComparison(n.op) && n.returns01:
		return bounds{0, 1}
	case n.op == "and":
		left, right := n.children[0], n.children[1]
		if b := left.values(); n.matching || left.series().text != right.series().text {
			return b
		} else {
			other := right.values()
			return bounds{max(b.low, other.low), min(b.high, other.high)}
		}
	case n.op == "unless":
		return n.children[0].values()
	case n.op == "*" || n.op == "+" || n.op == "/":
		a, b := n.children[0].values(), n.children[1].values()
		if a.low >= 0 && b.low >= 0 {
			return bounds{0, math.Inf(1)}
		}
	case n.call != "":
		return n.called()
	}
	return all()
}

// called returns the values of functions and aggregations. Rates are of counters or refused by reset handling: never negative.
func (n *node) called() bounds {
	positive := bounds{0, math.Inf(1)}
	var of bounds
	if len(n.children) > 0 {
		of = n.children[len(n.children)-1].values()
	}
	switch n.call {
	case "vector", "max", "min", "avg", "topk", "bottomk":
		return of
	case "absent", "absent_over_time", "group", "present_over_time":
		return bounds{1, 1}
	case "count", "count_over_time":
		return bounds{1, math.Inf(1)}
	case "rate", "irate", "increase", "changes", "resets", "abs", "stddev", "stdvar", "stddev_over_time", "stdvar_over_time", "time", "timestamp":
		return positive
	case "sum":
		if of.low >= 0 {
			return positive
		}
	}
	return all()
}

// never reports whether an expression has no result, whatever the series are.
func (n *node) never() bool {
	if n.isNumber || n.op == "" && n.call == "" {
		return false
	}
	if (isComparison(n.op) && !n.returns01 || n.op == "and") && n.values().empty() {
		return true
	}
	switch {
	case n.op == "or":
		return n.children[0].never() && n.children[1].never()
	case n.op == "and":
		left, right := n.children[0], n.children[1]
		return left.never() || right.never() || left.excludes(right) || right.excludes(left)
	case n.op == "unless":
		left, right := n.children[0], n.children[1]
		return left.never() || !n.matching && left.implies(right)
	case n.op != "":
		return n.children[0].never() || n.children[1].never()
	case len(n.children) > 0 && n.call != "absent" && n.call != "absent_over_time" && n.call != "vector":
		return n.children[len(n.children)-1].never()
	}
	return false
}

// excludes reports whether one is absent(x) and the other needs x.
func (n *node) excludes(other *node) bool {
	absent := n.series()
	return absent.call == "absent" && len(absent.children) == 1 && absent.children[0].text == other.series().text
}

// implies reports whether every series of an expression is among those of the other.
func (n *node) implies(other *node) bool {
	return n.series().text == other.text
}

// constant reports whether an expression has a result without any series.
func (n *node) constant() bool {
	if of, op, with, ok := n.compared(); ok {
		b := of.values()
		return of.constant() && b.low == b.high && !b.narrowed(op, with).empty()
	}
	switch {
	case n.call == "vector":
		return len(n.children) == 1 && n.children[0].isNumber
	case n.op == "or":
		return n.children[0].constant() || n.children[1].constant() || complements(n.children[0], n.children[1])
	}
	return false
}

// complements reports whether one is absent(x) and the other x.
func complements(a, b *node) bool {
	return a.call == "absent" && len(a.children) == 1 && a.children[0].text == b.text ||
		b.call == "absent" && len(b.children) == 1 && b.children[0].text == a.text
}

// everything reports whether a comparison decides nothing: it holds for all values, or returns 0 where it does not.
func (n *node) everything() bool {
	if !isComparison(n.op) || slices.ContainsFunc(n.children, (*node).filters) {
		return false
	}
	if n.returns01 {
		return true
	}
	of, op, with, ok := n.compared()
	if !ok {
		return !n.matching && n.children[0].text == n.children[1].text && slices.Contains([]string{"==", ">=", "<="}, n.op)
	}
	b := of.values()
	return b.narrowed(op, with) == b && (op != "!=" || with < b.low || with > b.high) && (!math.IsInf(b.low, -1) || !math.IsInf(b.high, 1))
}

// filters reports whether an expression has fewer series than its selectors: its result tells something by being there.
func (n *node) filters() bool {
	return n.op == "and" || n.op == "unless" || isComparison(n.op) && !n.returns01 || n.call == "absent" || n.call == "absent_over_time" ||
		slices.ContainsFunc(n.children, (*node).filters)
}
