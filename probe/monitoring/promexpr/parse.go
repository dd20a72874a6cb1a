// Package promexpr finds PromQL expressions that are never or always true, whatever the series are.
package promexpr

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
)

// Reads the part of PromQL that decides about alerts: operators by their precedence, calls, aggregations, selectors. What is
// not read makes the expression unknown.

// node is an expression.
type node struct {
	op        string // a binary operator; "" for others
	returns01 bool   // bool after a comparison
	matching  bool   // on() or ignoring() after the operator
	call      string // the function or aggregation
	children  []*node
	number    float64
	isNumber  bool
	metric    string // the name of a selector of samples
	text      string // without white space
}

var errUnread = errors.New("expression is not read")

// token matches one token. A selector's labels, a range and a string are one token each.
var token = lazyregexp.New(`^(?:[a-zA-Z_:][a-zA-Z0-9_:]*|(?:[0-9]*\.)?[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?|==|!=|>=|<=|[-+*/%^<>(),@]|\[[^\]]*\]|\{(?:[^}"']|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')*\}|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')`)

// parser reads tokens.
type parser struct {
	tokens []string
	at     int
	depth  int
}

const (
	maxTokens = 2000
	maxDepth  = 50
)

func parse(text string) (*node, error) {
	p := &parser{}
	for {
		if text = strings.TrimLeft(text, " \t\r\n"); text == "" {
			break
		}
		if text[0] == '#' {
			_, text, _ = strings.Cut(text, "\n")
			continue
		}
		t := token.FindString(text)
		if t == "" || len(p.tokens) == maxTokens {
			return nil, errUnread
		}
		p.tokens, text = append(p.tokens, t), text[len(t):]
	}
	n, err := p.binary(0)
	if err == nil && p.at < len(p.tokens) {
		err = errUnread
	}
	return n, err
}

func (p *parser) peek() string {
	if p.at < len(p.tokens) {
		return p.tokens[p.at]
	}
	return ""
}

func (p *parser) take(words ...string) bool {
	if p.at < len(p.tokens) && slices.Contains(words, strings.ToLower(p.tokens[p.at])) {
		p.at++
		return true
	}
	return false
}

// levels returns the binary operators, the weakest first.
func levels() [][]string {
	return [][]string{{"or"}, {"and", "unless"}, {"==", "!=", ">=", "<=", ">", "<"}, {"+", "-"}, {"*", "/", "%"}}
}

func (p *parser) binary(level int) (*node, error) {
	if level == len(levels()) {
		return p.unary()
	}
	left, err := p.binary(level + 1)
	for err == nil && slices.Contains(levels()[level], strings.ToLower(p.peek())) {
		n := &node{op: strings.ToLower(p.peek())}
		p.at++
		n.returns01 = p.take("bool")
		for p.take("on", "ignoring", "group_left", "group_right") {
			n.matching = true
			if p.peek() == "(" {
				p.skip()
			}
		}
		var right *node
		if right, err = p.binary(level + 1); err == nil {
			n.children, n.text = []*node{left, right}, left.text+n.op+right.text
			left = n
		}
	}
	return left, err
}

// skip skips a list in parentheses.
func (p *parser) skip() string {
	text := ""
	for open := 0; p.at < len(p.tokens); {
		t := p.tokens[p.at]
		p.at++
		text += t
		switch t {
		case "(":
			open++
		case ")":
			if open--; open == 0 {
				return text
			}
		}
	}
	return text
}

func (p *parser) unary() (*node, error) {
	if p.depth++; p.depth > maxDepth {
		return nil, errUnread
	}
	defer func() { p.depth-- }()
	if p.take("+") {
		return p.unary()
	}
	if p.take("-") {
		n, err := p.unary()
		if err != nil || !n.isNumber {
			return nil, errUnread
		}
		return &node{isNumber: true, number: -n.number, text: "-" + n.text}, nil
	}
	n, err := p.primary()
	if err == nil && p.peek() == "^" {
		err = errUnread
	}
	return n, err
}

func (p *parser) primary() (*node, error) {
	t := p.peek()
	p.at++
	switch {
	case t == "(":
		n, err := p.binary(0)
		if err != nil || !p.take(")") {
			return nil, errUnread
		}
		return p.suffixed(n)
	case t == "" || strings.ContainsAny(t[:1], ")],@*/%^<>=!"):
		return nil, errUnread
	case strings.ContainsAny(t[:1], `"'`):
		return &node{text: t}, nil
	case t[0] >= '0' && t[0] <= '9' || t[0] == '.':
		f, err := strconv.ParseFloat(t, 64)
		return &node{isNumber: err == nil, number: f, text: t}, err
	case t[0] == '{':
		return p.suffixed(&node{text: t})
	case isAggregation(t) || p.peek() == "(":
		return p.callOf(strings.ToLower(t))
	case slices.Contains([]string{"inf", "nan"}, strings.ToLower(t)):
		return nil, errUnread
	}
	n := &node{metric: t, text: t}
	if strings.HasPrefix(p.peek(), "{") {
		n.text += p.peek()
		p.at++
	}
	return p.suffixed(n)
}

// suffixed reads a range and modifiers. The result is no longer the selector alone.
func (p *parser) suffixed(n *node) (*node, error) {
	for {
		switch t := p.peek(); {
		case strings.HasPrefix(t, "["):
			n = &node{text: n.text + t}
			p.at++
		case strings.EqualFold(t, "offset") || t == "@":
			return nil, errUnread
		default:
			return n, nil
		}
	}
}

func isAggregation(word string) bool {
	return slices.Contains([]string{"sum", "avg", "min", "max", "count", "group", "stddev", "stdvar", "topk", "bottomk", "quantile"}, strings.ToLower(word))
}

func (p *parser) callOf(name string) (*node, error) {
	n := &node{call: name, text: name}
	grouping := func() {
		for p.take("by", "without") {
			n.text += p.tokens[p.at-1] + p.skip()
		}
	}
	grouping()
	if !p.take("(") {
		return nil, errUnread
	}
	n.text += "("
	for !p.take(")") {
		argument, err := p.binary(0)
		if err != nil {
			return nil, err
		}
		n.children = append(n.children, argument)
		n.text += argument.text + ","
		if !p.take(",") && p.peek() != ")" {
			return nil, errUnread
		}
	}
	n.text += ")"
	if isAggregation(name) {
		grouping()
	}
	return p.suffixed(n)
}
