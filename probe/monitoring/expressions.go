package monitoring

import (
	"slices"
	"strings"
)

// Whether a PromQL expression is complete, as far as its tokens show.

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
