// Splits SQL written by pg_dump into statements without parsing them, so that statements are distinguished from similar
// text in strings, quoted names, function bodies and comments.

package dump

import (
	"bytes"
	"encoding/binary"
)

// statement is a complete statement. Only statements that begin at the start of a line count, like pg_dump's own: the
// body of an SQL function contains indented statements.
type statement struct {
	table  table // of COPY and INSERT, else empty
	copies bool  // COPY … FROM stdin: rows follow on the next lines
	rows   int64 // rows of an INSERT
}

// scanner is fed line by line; a line that exceeds the reader's buffer comes in parts.
type scanner struct {
	state  state
	tag    []byte // of the open dollar quote: $tag$
	match  int    // bytes of the tag matched so far
	nested int    // nesting depth of comments
	prev   byte   // the previous byte outside quotes
	escape bool   // a quote here would open an E'' string

	command bool // a backslash outside quotes, which is a command of psql, not SQL

	head    []byte // beginning of the statement
	begun   bool   // a statement is open
	column0 bool   // it began at the start of a line
	depth   int    // parentheses
	groups  int64  // parentheses opened at the outermost level since VALUES
	values  bool
	recent  [2]uint64 // the last 16 bytes outside quotes, as big-endian numbers

	lastName  []byte // the name in the last statement as written, because the next statement usually has the same
	lastTable table
}

type state uint8

const (
	plain state = iota
	quoted
	escapedQuoted // E'…'
	escaped       // after a backslash in it
	escapedClosed // after its possible end
	named         // "…"
	dollar        // in a possible opening $tag$
	body          // $tag$ … $tag$
	lineComment
	comment
)

const maxHead = 640 // fits two quoted names of 63 bytes with every byte escaped

// idle reports whether no statement, string or comment is open.
func (s *scanner) idle() bool { return s.state == plain && !s.begun }

// feed reads to the end of a statement and returns it with the rest of the line, or to the end of the line.
func (s *scanner) feed(line []byte, begin bool) (statement, []byte) {
	from := 0 // start of the part of the statement that is not yet in head
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
		default:
			i = s.inside(line, i)
		}
	}
	if s.begun {
		s.keep(line[from:])
	}
	return statement{}, nil
}

// inside reads at i within a string, name or comment, skipping to the next byte that can end it. It returns the index of
// the last byte that it used.
func (s *scanner) inside(line []byte, i int) int {
	switch c := line[i]; s.state {
	case quoted, named:
		end := byte('\'')
		if s.state == named {
			end = '"'
		}
		n := bytes.IndexByte(line[i:], end)
		if n < 0 {
			return len(line)
		}
		s.leave(end)
		return i + n
	case escapedQuoted:
		n := bytes.IndexAny(line[i:], `'\`)
		if n < 0 {
			return len(line)
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
		return i - 1
	case dollar:
		s.open(c)
		if s.state == plain {
			return i - 1
		}
	case body:
		if s.match == 0 {
			n := bytes.IndexByte(line[i:], '$')
			if n < 0 {
				return len(line)
			}
			i += n
		}
		s.close(line[i])
	case lineComment:
		n := bytes.IndexByte(line[i:], '\n')
		if n < 0 {
			return len(line)
		}
		s.leave('\n')
		return i + n
	case comment:
		s.comment(c)
	}
	return i
}

// comment processes one byte of a comment; comments nest.
func (s *scanner) comment(c byte) {
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

func (s *scanner) leave(c byte) { s.state, s.prev, s.escape = plain, c, false }

func (s *scanner) keep(part []byte) {
	s.head = append(s.head, part[:min(len(part), maxHead-len(s.head))]...)
}

// token processes one byte outside quotes.
func (s *scanner) token(c byte) {
	switch {
	case c >= 'a' && c <= 'z' || c >= '0' && c <= '9': // the most frequent bytes
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

// ends reports whether the last bytes outside quotes are the word, of at most 16 bytes.
func (s *scanner) ends(word string) bool {
	var recent [16]byte
	binary.BigEndian.PutUint64(recent[:8], s.recent[0])
	binary.BigEndian.PutUint64(recent[8:], s.recent[1])
	return bytes.HasSuffix(recent[:], []byte(word))
}

// open processes a byte after a dollar: part of the tag, its end, or a byte that rules out a tag.
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

// close processes a byte of a body. A tag contains a dollar only at its ends, so a mismatch restarts the comparison.
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

// statement evaluates the statement that just ended. It returns the zero statement for one without rows.
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

// name parses the table's name at the start of text into lastTable.
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

// tableName parses a name, with or without schema, at the start of text and returns it with the rest.
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
