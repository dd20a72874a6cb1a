package monitoring

import (
	"slices"
	"strings"
)

// selectors lists the series selectors of a PromQL expression, except those inside absent() and absent_over_time() and
// to the right of unless, and without offsets and ranges. It works on tokens without a grammar: a name is a selector
// unless it is a function call, a keyword, or in the label list of by, without, on, ignoring or group. The expression
// is known to be valid, since Prometheus has loaded it.
func selectors(expr string) []string {
	l := lexer{text: expr}
	var found []string
	var calls []string // names of the open calls, "" for plain parentheses, "labels" for label lists
	before := ""
	unless := -1 // open parentheses around the operand of unless; -1 outside of one
	for {
		token := l.next()
		switch {
		case token == "":
			return found
		case token == "(":
			calls = append(calls, before)
		case token == ")" && len(calls) > 0:
			calls = calls[:len(calls)-1]
			if len(calls) < unless {
				unless = -1
			}
		case (unless < 0 || len(calls) == unless) && slices.Contains([]string{"and", "or", "unless"}, strings.ToLower(token)):
			unless = -1
			if strings.EqualFold(token, "unless") {
				unless = len(calls)
			}
		case token[0] == '{' || name(token) && !keyword(token) && l.peek() != '(':
			if unless >= 0 || len(calls) > 0 && labelList(calls[len(calls)-1]) || slices.Contains(calls, "absent") || slices.Contains(calls, "absent_over_time") {
				break
			}
			selector := token
			if name(token) && l.peek() == '{' {
				selector += l.next()
			}
			if !slices.Contains(found, selector) {
				found = append(found, selector)
			}
		}
		before = strings.ToLower(token)
	}
}

func labelList(word string) bool {
	return slices.Contains([]string{"by", "without", "on", "ignoring", "group_left", "group_right"}, word)
}

func keyword(word string) bool {
	return labelList(strings.ToLower(word)) || slices.Contains([]string{"and", "or", "unless", "atan2", "offset", "bool", "inf", "nan", "start", "end", "sum", "avg", "min", "max", "count",
		"stddev", "stdvar", "topk", "bottomk", "quantile", "count_values", "group", "limitk", "limit_ratio"}, strings.ToLower(word))
}

func name(token string) bool { return nameStart(token[0]) }

func nameStart(c byte) bool {
	return c == '_' || c == ':' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// lexer splits an expression into names, label matchers with their braces, and single characters. It skips strings,
// numbers, ranges and comments.
type lexer struct {
	text string
	at   int
	open bool // a string, range or label matcher has no end

	literal bool // a string or number was skipped before the last token
}

func (l *lexer) next() string {
	l.literal = false
	for l.at < len(l.text) {
		c := l.text[l.at]
		switch {
		case c == ' ' || c == '\n' || c == '\t' || c == '\r':
			l.at++
		case c == '#':
			l.until('\n')
		case c == '"' || c == '\'' || c == '`':
			l.quoted(c)
			l.literal = true
		case c == '[':
			l.until(']')
		case c == '{':
			start := l.at
			for l.at < len(l.text) && l.text[l.at] != '}' {
				if q := l.text[l.at]; q == '"' || q == '\'' || q == '`' {
					l.quoted(q)
				} else {
					l.at++
				}
			}
			l.open = l.open || l.at == len(l.text)
			l.at = min(l.at+1, len(l.text))
			return l.text[start:l.at]
		case nameStart(c):
			start := l.at
			for l.at < len(l.text) && (nameStart(l.text[l.at]) || l.text[l.at] >= '0' && l.text[l.at] <= '9') {
				l.at++
			}
			return l.text[start:l.at]
		case c >= '0' && c <= '9' || c == '.':
			l.literal = true
			for l.at < len(l.text) && (nameStart(l.text[l.at]) || l.text[l.at] >= '0' && l.text[l.at] <= '9' || l.text[l.at] == '.') { // 5m, 1e3, 0x1f
				l.at++
			}
		default:
			l.at++
			return l.text[l.at-1 : l.at]
		}
	}
	return ""
}

// peek returns the next character that is not white space; 0 at the end.
func (l *lexer) peek() byte {
	rest := strings.TrimLeft(l.text[l.at:], " \t\r\n")
	if rest == "" {
		return 0
	}
	return rest[0]
}

func (l *lexer) until(end byte) {
	i := strings.IndexByte(l.text[l.at:], end)
	if i < 0 {
		l.open = l.open || end != '\n' // a comment may end with the text
		l.at = len(l.text)
		return
	}
	l.at += i + 1
}

func (l *lexer) quoted(quote byte) {
	for l.at++; l.at < len(l.text); l.at++ {
		switch {
		case l.text[l.at] == '\\' && quote != '`':
			l.at++
		case l.text[l.at] == quote:
			l.at++
			return
		}
	}
	l.at, l.open = len(l.text), true
}
