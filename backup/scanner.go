// SQL as pg_dump writes it, split into statements without understanding them: enough to know what is a statement and what only looks like one
// inside a string, a quoted name, a function's body or a comment.

package backup

import (
	"bytes"
	"encoding/binary"
)

// statement is what the scanner found to be complete. Only statements that begin at the start of a line count, as pg_dump's own do: the body
// of an SQL function holds statements too, indented.
type statement struct {
	table  table // of COPY and INSERT, else without a name
	copies bool  // COPY … FROM stdin: rows follow on the next lines
	rows   int64 // an INSERT's
}

// scanner is fed line by line; a line longer than the reader's buffer comes in parts.
type scanner struct {
	state  state
	tag    []byte // of the dollar quote that is open: $tag$
	match  int    // bytes of the tag seen of what may close it
	nested int    // comments in comments
	prev   byte   // the byte before, outside of quotes
	escape bool   // a quote here would open an E'' string

	command bool // there was a backslash outside of everything, which SQL does not have: a command of psql

	head    []byte // beginning of the statement
	begun   bool   // a statement is open
	column0 bool   // it began at the start of a line
	depth   int    // parentheses
	groups  int64  // parentheses opened on the outermost level since VALUES
	values  bool
	recent  [2]uint64 // the 16 bytes before, outside of quotes, as big-endian numbers

	lastName  []byte // the name in the last statement, as it was written: the next one mostly has the same
	lastTable table
}

type state uint8

const (
	plain state = iota
	quoted
	escapedQuoted // E'…'
	escaped       // behind a backslash in it
	escapedClosed // behind what may have been its end
	named         // "…"
	dollar        // in what may be the opening $tag$
	body          // $tag$ … $tag$
	lineComment
	comment
)

const maxHead = 640 // two names of 63 bytes, all of them quotes or escaped, fit twice

// idle: no statement, string or comment is open.
func (s *scanner) idle() bool { return s.state == plain && !s.begun }

// feed reads on until a statement ends, and returns it with the rest of the line, or until the line ends.
func (s *scanner) feed(line []byte, begin bool) (statement, []byte) {
	from := 0 // where the part of the statement that is not yet in head begins
	for i := 0; i < len(line); i++ {
		switch c := line[i]; s.state {
		case plain:
			if !s.begun {
				if c == ' ' || c == '\n' || c == '\r' || c == '\t' {
					continue
				}
				s.begun, s.column0, from = true, begin && i == 0, i
				s.head, s.depth, s.groups, s.values, s.prev = s.head[:0], 0, 0, false, 0
			}
			if c == ';' && s.depth <= 0 {
				s.keep(line[from:i])
				s.begun = false
				return s.statement(), line[i+1:]
			}
			s.token(c)
			if (s.state == lineComment || s.state == comment) && i == from+1 && len(s.head) == 0 {
				s.begun = false // a comment between statements
			}
		case quoted, named:
			end := byte('\'')
			if s.state == named {
				end = '"'
			}
			n := bytes.IndexByte(line[i:], end)
			if n < 0 {
				i = len(line)
				break
			}
			i += n
			s.leave(end)
		case escapedQuoted:
			n := bytes.IndexAny(line[i:], `'\`)
			if n < 0 {
				i = len(line)
				break
			}
			i += n
			s.state = escapedClosed
			if line[i] == '\\' {
				s.state = escaped
			}
		case escaped:
			s.state = escapedQuoted
		case escapedClosed:
			if c == '\'' {
				s.state = escapedQuoted
				break
			}
			s.leave('\'')
			i--
		case dollar:
			s.open(c)
			if s.state == plain {
				i--
			}
		case body:
			if s.match == 0 {
				n := bytes.IndexByte(line[i:], '$')
				if n < 0 {
					i = len(line)
					break
				}
				i += n
			}
			s.close(line[i])
		case lineComment:
			n := bytes.IndexByte(line[i:], '\n')
			if n < 0 {
				i = len(line)
				break
			}
			i += n
			s.leave('\n')
		case comment:
			if c == '*' && s.prev == '/' {
				s.nested, c = s.nested+1, 0
			}
			if c == '/' && s.prev == '*' {
				s.nested, c = s.nested-1, 0
			}
			if s.prev = c; s.nested == 0 {
				s.leave(' ')
			}
		}
	}
	if s.begun {
		s.keep(line[from:])
	}
	return statement{}, nil
}

func (s *scanner) leave(c byte) { s.state, s.prev, s.escape = plain, c, false }

func (s *scanner) keep(part []byte) {
	s.head = append(s.head, part[:min(len(part), maxHead-len(s.head))]...)
}

// token takes one byte outside of everything.
func (s *scanner) token(c byte) {
	switch {
	case c >= 'a' && c <= 'z' || c >= '0' && c <= '9': // most of them
	case c == '\'' && s.escape:
		s.state = escapedQuoted
	case c == '\'':
		s.state = quoted
	case c == '"':
		s.state = named
	case c == '\\':
		s.command = true
	case c == '$' && !isName(s.prev):
		s.state, s.tag = dollar, append(s.tag[:0], c)
	case c == '-' && s.prev == '-':
		s.state = lineComment
	case c == '*' && s.prev == '/':
		s.state, s.nested, c = comment, 1, 0
	case c == '(':
		if s.depth == 0 {
			s.groups++
		}
		s.depth++
	case c == ')':
		s.depth--
	case !isName(c) && s.depth == 0 && s.prev == 'S' && s.ends(" VALUES"):
		s.values, s.groups = true, 0
	}
	s.escape = (c == 'E' || c == 'e') && !isName(s.prev)
	s.prev = c
	s.recent[0] = s.recent[0]<<8 | s.recent[1]>>56
	s.recent[1] = s.recent[1]<<8 | uint64(c)
}

// ends tells whether the last bytes outside of quotes are the word, of at most 16 bytes.
func (s *scanner) ends(word string) bool {
	var recent [16]byte
	binary.BigEndian.PutUint64(recent[:8], s.recent[0])
	binary.BigEndian.PutUint64(recent[8:], s.recent[1])
	return bytes.HasSuffix(recent[:], []byte(word))
}

// open takes a byte behind a dollar: more of the tag, its end, or what shows that it is none.
func (s *scanner) open(c byte) {
	switch {
	case c == '$':
		s.tag = append(s.tag, c)
		s.state, s.match = body, 0
	case isName(c) && (len(s.tag) > 1 || c < '0' || c > '9') && len(s.tag) < 256:
		s.tag = append(s.tag, c)
	default:
		s.leave('$')
	}
}

// close takes a byte of a body. The tag has a dollar at its two ends only, so what does not match on can only begin anew.
func (s *scanner) close(c byte) {
	switch {
	case c == s.tag[s.match]:
		if s.match++; s.match == len(s.tag) {
			s.match = 0
			s.leave('$')
		}
	case c == '$':
		s.match = 1
	default:
		s.match = 0
	}
}

// statement judges what has just ended. The zero statement is one that adds nothing.
func (s *scanner) statement() statement {
	if !s.column0 {
		return statement{}
	}
	if rest, ok := bytes.CutPrefix(s.head, []byte("COPY ")); ok && s.ends(" FROM stdin") && s.name(rest) {
		return statement{table: s.lastTable, copies: true}
	}
	if rest, ok := bytes.CutPrefix(s.head, []byte("INSERT INTO ")); ok && s.name(rest) {
		switch {
		case s.values:
			return statement{table: s.lastTable, rows: s.groups}
		case s.ends(" VALUES"): // DEFAULT VALUES
			return statement{table: s.lastTable, rows: 1}
		}
	}
	return statement{}
}

// name reads the table's name at the beginning of text into lastTable.
func (s *scanner) name(text []byte) bool {
	if n := len(s.lastName); n > 0 && bytes.HasPrefix(text, s.lastName) && len(text) > n && text[n] == ' ' {
		return true
	}
	t, rest, ok := tableName(text)
	if ok {
		s.lastName, s.lastTable = append(s.lastName[:0], text[:len(text)-len(rest)]...), t
	}
	return ok
}

func isName(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '$' || c >= 0x80
}

// tableName reads a name, with its schema or without, at the beginning of text, and returns it with what follows.
func tableName(text []byte) (table, []byte, bool) {
	first, rest, ok := identifier(text)
	if !ok {
		return table{}, nil, false
	}
	if len(rest) == 0 || rest[0] != '.' {
		return table{name: first}, rest, true
	}
	second, rest, ok := identifier(rest[1:])
	return table{schema: first, name: second}, rest, ok
}

func identifier(text []byte) (name string, rest []byte, ok bool) {
	if len(text) == 0 {
		return "", nil, false
	}
	if text[0] != '"' {
		i := 0
		for i < len(text) && isName(text[i]) {
			i++
		}
		return string(text[:i]), text[i:], i > 0
	}
	var b []byte
	for i := 1; i < len(text); i++ {
		switch {
		case text[i] != '"':
			b = append(b, text[i])
		case i+1 < len(text) && text[i+1] == '"':
			b = append(b, '"')
			i++
		default:
			return string(b), text[i+1:], true
		}
	}
	return "", nil, false
}
