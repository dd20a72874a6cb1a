package nginx

import (
	"fmt"
	"strings"
)

// A parser of nginx's configuration grammar: words, quotes, blocks and comments, with positions. It is tolerant: it
// records errors that nginx would reject and continues, because it extracts what a file declares and does not decide
// whether nginx starts.

const (
	maxDirectives = 20_000 // of all files together
	maxNesting    = 30
	maxProblems   = 100 // per file
)

// directive is one directive with its block. Its words may hold secrets: only the fields of the exported types leave
// this package.
type directive struct {
	name  string
	args  []string
	block []directive
	has   bool // whether it has a block, even an empty one
	file  string
	line  int
}

// Problem is an error in a configuration that nginx would reject, or a part that could not be followed.
type Problem struct {
	File string // relative to the root
	Line int
	Text string // lower case, without file and line
}

type parser struct {
	file     string
	src      string
	pos      int
	line     int
	left     *int
	problems []Problem
}

// parse parses the text of one file.
func parse(file, src string, left *int) ([]directive, []Problem) {
	p := &parser{file: file, src: strings.TrimPrefix(src, "\uFEFF"), line: 1, left: left}
	var all []directive
	for {
		list, closed := p.list(0)
		all = append(all, list...)
		if !closed {
			return all, p.problems
		}
		p.problem(p.line, "unexpected }")
	}
}

func (p *parser) problem(line int, format string, args ...any) {
	if len(p.problems) < maxProblems {
		p.problems = append(p.problems, Problem{p.file, line, fmt.Sprintf(format, args...)})
	}
}

// list reads directives up to the end of their block. closed reports whether a } ended it.
func (p *parser) list(depth int) (list []directive, closed bool) {
	for {
		d := directive{file: p.file}
		end := p.words(&d)
		switch {
		case end == '}':
			if d.name != "" {
				p.problem(d.line, "directive is not terminated by ;")
				list = append(list, d)
			}
			return list, true
		case end == 0:
			if d.name != "" {
				p.problem(d.line, "directive is not terminated by ;")
				list = append(list, d)
			}
			if depth > 0 {
				p.problem(p.line, "unexpected end of file inside a block")
			}
			return list, false
		case end == '{':
			d.has = true
			switch {
			case strings.HasSuffix(d.name, "_by_lua_block"):
				p.skipBlock()
			case depth+1 > maxNesting:
				p.problem(d.line, "blocks are nested more than %d levels deep: deeper blocks are ignored", maxNesting)
				p.skipBlock()
			default:
				var ended bool
				d.block, ended = p.list(depth + 1)
				if !ended {
					return append(list, d), false
				}
			}
		}
		if d.name == "" && !d.has {
			continue
		}
		if *p.left--; *p.left < 0 {
			p.problem(d.line, "more than %d directives: the rest is ignored", maxDirectives)
			p.pos = len(p.src)
			return list, false
		}
		list = append(list, d)
	}
}

// words reads a directive's name and arguments and returns the terminator: ';', '{', '}' or 0 for the end of the file.
func (p *parser) words(d *directive) byte {
	for p.pos < len(p.src) {
		c := p.src[p.pos]
		switch {
		case c == '\n':
			p.line++
			p.pos++
		case c == ' ' || c == '\t' || c == '\r':
			p.pos++
		case c == '#':
			if i := strings.IndexByte(p.src[p.pos:], '\n'); i >= 0 {
				p.pos += i
			} else {
				p.pos = len(p.src)
			}
		case c == ';' || c == '{' || c == '}':
			p.pos++
			return c
		default:
			if d.line == 0 {
				d.line = p.line
			}
			word := p.word()
			if d.name == "" {
				d.name = word
			} else {
				d.args = append(d.args, word)
			}
		}
	}
	return 0
}

// word reads one word. A quote is special only at its start, a backslash escapes the next character, and ${ begins a
// variable, not a block.
func (p *parser) word() string {
	start, quote := p.line, p.src[p.pos]
	if quote != '"' && quote != '\'' {
		quote = 0
	} else {
		p.pos++
	}
	var b strings.Builder
	for ; p.pos < len(p.src); p.pos++ {
		c := p.src[p.pos]
		switch {
		case c == '\\' && p.pos+1 < len(p.src):
			p.pos++
			next := p.src[p.pos]
			switch next {
			case 't':
				b.WriteByte('\t')
			case 'r':
				b.WriteByte('\r')
			case 'n':
				b.WriteByte('\n')
			case '"', '\'', '\\':
				b.WriteByte(next)
			default:
				b.WriteByte(c)
				b.WriteByte(next)
			}
			if next == '\n' {
				p.line++
			}
			continue
		case c == '\n':
			p.line++
		}
		switch {
		case quote != 0 && c == quote:
			p.pos++
			return b.String()
		case quote == 0 && (c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == ';'),
			quote == 0 && c == '{' && !strings.HasSuffix(b.String(), "$"):
			if c == '\n' {
				p.line--
			}
			return b.String()
		}
		b.WriteByte(c)
	}
	if quote != 0 {
		p.problem(start, "quote is not closed")
	}
	return b.String()
}

// skipBlock skips a block in another language up to its }. It respects quotes and interprets nothing else.
func (p *parser) skipBlock() {
	open, quote := 1, byte(0)
	for ; p.pos < len(p.src) && open > 0; p.pos++ {
		c := p.src[p.pos]
		switch {
		case c == '\n':
			p.line++
			quote = 0
		case quote != 0 && c == '\\':
			p.pos++
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '{':
			open++
		case c == '}':
			open--
		}
	}
	if open > 0 {
		p.problem(p.line, "unexpected end of file inside a block")
	}
	p.pos = min(p.pos, len(p.src))
}
