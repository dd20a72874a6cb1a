// Just enough of PromQL to break a rule in one place: the expressions of the rules are read into a tree, and a tree is
// written as an expression again. What the rules do not use (subqueries, strings, unary minus) is an error, so that
// nobody believes a part mutated that is not.

package alerts

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// node is a number, a selector, a call, an aggregation or a binary operation.
type node struct {
	word     string   // the number, metric, function, aggregation or operator
	matchers []string // of a selector, each as written; nil elsewhere
	window   string   // of a range selector
	offset   string   // of a selector
	args     []*node  // of a call, an aggregation, or the two sides of an operation
	match    string   // "by" or "on", and the labels it names
	labels   []string
	manyLeft bool // of an operation: group_left without labels
	binary   bool
	selects  bool
	calls    bool
}

func (n *node) String() string {
	list := " " + n.match + " (" + strings.Join(n.labels, ", ") + ") "
	if n.match == "" {
		list = ""
	}
	if n.manyLeft {
		list += "group_left () "
	}
	switch {
	case n.binary:
		return n.side(0) + " " + n.word + " " + strings.TrimLeft(list, " ") + n.side(1)
	case n.selects:
		text := n.word
		if len(n.matchers) > 0 {
			text += "{" + strings.Join(n.matchers, ",") + "}"
		}
		if n.window != "" {
			text += "[" + n.window + "]"
		}
		if n.offset != "" {
			text += " offset " + n.offset
		}
		return text
	case n.calls:
		var args []string
		for _, a := range n.args {
			args = append(args, a.String())
		}
		return n.word + list + "(" + strings.Join(args, ", ") + ")"
	}
	return n.word
}

// side writes a side of an operation in brackets where it is an operation itself: what is changed above it cannot change
// what belongs together in it.
func (n *node) side(i int) string {
	if n.args[i].binary {
		return "(" + n.args[i].String() + ")"
	}
	return n.args[i].String()
}

// scalar tells a number from series.
func (n *node) scalar() bool {
	if n.binary {
		return n.args[0].scalar() && n.args[1].scalar()
	}
	return !n.selects && len(n.args) == 0
}

// levels are the operators, from the one that binds least.
var levels = [][]string{{"or"}, {"and", "unless"}, {"==", "!=", "<", "<=", ">", ">="}, {"+", "-"}, {"*", "/"}}

var aggregations = []string{"sum", "min", "max", "avg", "count", "group"}

var (
	promqlToken   = regexp.MustCompile(`^(?:#[^\n]*|\s+|[0-9]+[mhd]|[0-9.]+|[a-z_][a-z_:]*|==|!=|<=|>=|[-+*/<>(),]|\{[^}]*\}|\[[0-9a-z]+\])`)
	promqlMatcher = regexp.MustCompile(`[a-z_]+(?:=~|!~|!=|=)"[^"]*"`)
)

// reader takes one token after the other.
type reader struct{ tokens []string }

func (r *reader) peek() string {
	if len(r.tokens) == 0 {
		return ""
	}
	return r.tokens[0]
}

func (r *reader) next() string {
	token := r.peek()
	if token != "" {
		r.tokens = r.tokens[1:]
	}
	return token
}

// parse reads an expression of the rules; one it cannot read fails the test.
func parse(t testing.TB, expr string) *node {
	t.Helper()
	r := &reader{}
	for rest := expr; rest != ""; {
		token := promqlToken.FindString(rest)
		if token == "" {
			t.Fatalf("cannot read %q in\n%s", rest[:min(len(rest), 30)], expr)
		}
		rest = rest[len(token):]
		if strings.TrimSpace(token) != "" && token[0] != '#' {
			r.tokens = append(r.tokens, token)
		}
	}
	n, err := r.operation(0)
	if err == nil && r.peek() != "" {
		err = fmt.Errorf("%q is left over", r.tokens)
	}
	if err != nil {
		t.Fatalf("%v in\n%s", err, expr)
	}
	return n
}

func (r *reader) operation(level int) (*node, error) {
	if level == len(levels) {
		return r.operand()
	}
	left, err := r.operation(level + 1)
	for err == nil && slices.Contains(levels[level], r.peek()) {
		n := &node{word: r.next(), binary: true}
		if err = r.matching(n, "on"); err != nil {
			break
		}
		if r.peek() == "group_left" {
			r.next()
			if n.manyLeft = r.next()+r.next() == "()"; !n.manyLeft {
				return nil, fmt.Errorf("group_left with labels")
			}
		}
		var right *node
		right, err = r.operation(level + 1)
		n.args = []*node{left, right}
		left = n
	}
	return left, err
}

// matching reads `by (…)` or `on (…)` where it stands.
func (r *reader) matching(n *node, word string) error {
	if r.peek() != word {
		return nil
	}
	n.match = r.next()
	if r.next() != "(" {
		return fmt.Errorf("no list after %s", word)
	}
	for {
		n.labels = append(n.labels, r.next())
		switch token := r.next(); token {
		case ")":
			return nil
		case ",":
		default:
			return fmt.Errorf("%q in the list after %s", token, word)
		}
	}
}

func (r *reader) operand() (*node, error) {
	token := r.next()
	switch {
	case token == "(":
		n, err := r.operation(0)
		if err == nil && r.next() != ")" {
			err = fmt.Errorf("a bracket is not closed")
		}
		return n, err
	case regexp.MustCompile(`^[0-9.]+$`).MatchString(token):
		return &node{word: token}, nil
	case !regexp.MustCompile(`^[a-z_]`).MatchString(token):
		return nil, fmt.Errorf("%q where a value is wanted", token)
	}
	n := &node{word: token}
	if slices.Contains(aggregations, token) {
		if err := r.matching(n, "by"); err != nil {
			return nil, err
		}
	}
	if r.peek() == "(" {
		r.next()
		n.calls = true
		for r.peek() != ")" {
			arg, err := r.operation(0)
			if err != nil {
				return nil, err
			}
			n.args = append(n.args, arg)
			if r.peek() == "," {
				r.next()
			}
		}
		r.next()
		return n, nil
	}
	n.selects = true
	if list := r.peek(); strings.HasPrefix(list, "{") {
		n.matchers = promqlMatcher.FindAllString(r.next(), -1)
		if "{"+strings.Join(n.matchers, ",")+"}" != list {
			return nil, fmt.Errorf("matchers %s are not understood", list)
		}
	}
	if w := r.peek(); strings.HasPrefix(w, "[") {
		n.window = strings.Trim(r.next(), "[]")
	}
	if r.peek() == "offset" {
		r.next()
		n.offset = r.next()
	}
	return n, nil
}

func TestParse(t *testing.T) {
	for expr, want := range map[string]string{
		"1 + 2 * 3": "1 + (2 * 3)", "(1 + 2) * 3": "(1 + 2) * 3", "1 - 2 - 3": "(1 - 2) - 3",
		"a or b and c unless d":                        "a or ((b and c) unless d)",
		"a and on (x, y) b == 1":                       "a and on (x, y) (b == 1)",
		`max by (x) (timestamp(a{b="c",d=~"e|f"}))`:    `max by (x) (timestamp(a{b="c",d=~"e|f"}))`,
		"last_over_time(a:b[7d]) > time() - 90 * 1000": "last_over_time(a:b[7d]) > (time() - (90 * 1000))",
		"a == on (x) group_left () max by (x) (b)":     "a == on (x) group_left () max by (x) (b)",
		"a unless on (x) b offset 1d":                  "a unless on (x) b offset 1d",
		"# told\n  vector(1)":                          "vector(1)",
	} {
		if got := parse(t, expr).String(); got != want {
			t.Errorf("%q is read as %q, want %q", expr, got, want)
		}
	}
}
