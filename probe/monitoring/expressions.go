package monitoring

import (
	"slices"
	"strconv"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
)

// What a PromQL expression says without the series: whether it is complete, and whether it is constant.

// constantVector matches vector(N), compared with a number or not.
var constantVector = lazyregexp.New(`^vector\(([0-9.]+)\)(?:(==|!=|>=|<=|>|<)([0-9.]+))?$`)

// constantAlert reports whether an expression has the same result at all times, and whether the alert fires then.
func constantAlert(expr string) (fires, constant bool) {
	m := constantVector.FindStringSubmatch(strings.Join(strings.Fields(expr), ""))
	if m == nil {
		return false, false
	}
	left, err := strconv.ParseFloat(m[1], 64)
	right, errRight := strconv.ParseFloat(m[3], 64)
	if err != nil || m[2] != "" && errRight != nil {
		return false, false
	}
	switch m[2] {
	case "==":
		return left == right, true
	case "!=":
		return left != right, true
	case ">=":
		return left >= right, true
	case "<=":
		return left <= right, true
	case ">":
		return left > right, true
	case "<":
		return left < right, true
	}
	return true, true
}

// invalidExpression reports whether an expression certainly does not parse: an open bracket or string, a character that
// PromQL does not have, or an operator at an end. Without a grammar, other errors stay unseen.
func invalidExpression(expr string) bool {
	l := lexer{text: expr}
	var open []byte
	last := ""
	for {
		token := l.next()
		if l.literal {
			last = "operand"
		}
		if l.open || token == "" && (len(open) > 0 || last == "operator") {
			return true
		}
		if token == "" {
			return false
		}
		if last == "" && strings.ContainsAny(token[:1], "*/%^<>=!),") {
			return true
		}
		last = "operand"
		switch c := token[0]; {
		case c == '(':
			open = append(open, c)
		case c == ')':
			if len(open) == 0 {
				return true
			}
			open = open[:len(open)-1]
		case strings.IndexByte("<>=!~", c) >= 0:
			if !slices.Contains([]string{"==", "!=", "<", ">", "<=", ">="}, token+l.more("<>=!~")) {
				return true
			}
			last = "operator"
		case strings.IndexByte("+-*/%^,", c) >= 0:
			last = "operator"
		case c == '@':
		case c == '{' || nameStart(c):
			if slices.Contains([]string{"and", "or", "unless", "by", "without", "on", "ignoring", "offset", "bool"}, strings.ToLower(token)) {
				last = "operator"
			}
		default:
			return true // $, &, |, ;, ? and others
		}
	}
}

// more takes the characters that follow immediately and are in a set.
func (l *lexer) more(set string) string {
	rest := l.text[l.at:]
	n := len(rest) - len(strings.TrimLeft(rest, set))
	l.at += n
	return rest[:n]
}
