// A plain SQL dump (pg_dump --format=plain, pg_dumpall). It is complete if its last comment, which pg_dump writes at
// the very end, is found outside strings and rows, followed only by pg_dump's own last lines.

package dump

import (
	"bytes"
	"io"
	"slices"
	"strings"
)

const (
	dumpBegins    = "-- PostgreSQL database dump"
	dumpEnds      = "-- PostgreSQL database dump complete"
	clusterBegins = "-- PostgreSQL database cluster dump"
	clusterEnds   = "-- PostgreSQL database cluster dump complete"
)

// hasHeader finds the first comment of a dump at the start of one of the first lines.
func hasHeader(head []byte) bool {
	for line := range bytes.Lines(head) {
		switch string(bytes.TrimRight(line, "\r\n")) {
		case dumpBegins, clusterBegins:
			return true
		}
	}
	return false
}

// script is the state of reading one plain dump.
type script struct {
	run      *run
	scan     scanner
	database string // the database of \connect
	copying  bool   // in the rows after COPY … FROM stdin
	into     table
	rows     int64

	dump, cluster  bool // begun and not complete
	complete       bool // a dump was complete
	clusterDump    bool
	closing        closing
	key            string // of \restrict, until its \unrestrict
	followed       bool   // other data follows the end
	firstFollowing int64
}

// closing is how much of the end has been read: the comment, the line `--` after it, the empty line after that.
type closing uint8

const (
	notClosing closing = iota
	closingMark
	closingRule
	closed
)

// sql verifies a plain dump.
func (r *run) sql(in *input) error {
	s := &script{run: r}
	r.proof.Format = SQL
	if mark, _ := in.Peek(3); string(mark) == "\ufeff" {
		_, _ = in.Discard(3) // byte order mark that some editors and shells add
	}
	begin := true
	for {
		at := in.pos()
		line, end, err := in.line()
		if err != nil && err != io.EOF {
			return err
		}
		if i := bytes.IndexByte(line, 0); i >= 0 {
			return broken(Invalid, "contains zero bytes from byte %d on", at+int64(i))
		}
		if len(line) > 0 {
			if err := s.line(line, begin, end, at); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return s.end()
		}
		begin = end
	}
}

func (s *script) line(line []byte, begin, end bool, at int64) error {
	if s.copying {
		switch {
		case begin && end && isEndMark(line):
			s.copying = false
			s.run.tables.add(s.into, s.rows)
			s.rows = 0
		case end:
			s.rows++
		}
		return nil
	}
	if begin && s.scan.idle() {
		switch text := bytes.TrimRight(line, "\r\n"); {
		case end && bytes.HasPrefix(text, []byte("--")):
			return s.comment(string(text), at)
		case end && bytes.HasPrefix(text, []byte(`\`)):
			return s.command(string(text), at)
		case end && len(text) == 0:
			if s.closing == closingRule {
				s.closing = closed
			}
			return nil
		}
	}
	for rest := line; len(rest) > 0; {
		var found statement
		found, rest = s.scan.feed(rest, begin && len(rest) == len(line))
		if found.table.name == "" {
			continue
		}
		found.table.database = s.database
		s.run.tables.add(found.table, found.rows)
		if found.copies {
			s.copying, s.into = true, found.table
			rest = nil
		}
	}
	s.active(at)
	return nil
}

// active records that something other than a comment was read.
func (s *script) active(at int64) {
	if s.closing == closed && s.key == "" && !s.dump && !s.cluster && !s.followed {
		s.followed, s.firstFollowing = true, at
	}
	if s.closing != closed {
		s.closing = notClosing
	}
}

func (s *script) comment(text string, at int64) error {
	switch text {
	case "--":
		if s.closing == closingMark {
			s.closing = closingRule
			return nil
		}
	case dumpBegins:
		if s.dump {
			return broken(Truncated, "has a second dump at byte %d before the first one is complete", at)
		}
		s.dump, s.closing = true, notClosing
	case clusterBegins:
		if s.dump || s.cluster {
			return broken(Truncated, "has a second dump at byte %d before the first one is complete", at)
		}
		s.cluster, s.clusterDump, s.closing = true, true, notClosing
		s.run.proof.Format = Cluster
	case dumpEnds, clusterEnds:
		open := &s.dump
		if text == clusterEnds {
			open = &s.cluster
		}
		if !*open || text == clusterEnds && s.dump {
			return broken(Invalid, "has the end of a dump without its beginning at byte %d", at)
		}
		*open, s.complete, s.closing = false, true, closingMark
	default:
		if at := statedTime(text); at.After(s.run.proof.Dumped) {
			s.run.proof.Dumped = at
		}
	}
	return nil
}

// command parses one of psql's commands, which pg_dump writes one per line.
func (s *script) command(text string, at int64) error {
	name, rest, _ := strings.Cut(text, " ")
	switch name {
	case `\connect`:
		s.database = connectTo(rest)
		if proof := &s.run.proof; !slices.Contains(proof.Connects, s.database) && len(proof.Connects) < maxConnects {
			proof.Connects = append(proof.Connects, s.database)
		}
	case `\restrict`:
		s.key = rest
	case `\unrestrict`:
		if rest != s.key {
			return broken(Invalid, "has an \\unrestrict at byte %d that does not match its \\restrict", at)
		}
		s.key = ""
		if s.closing == closed && !s.dump && !s.cluster {
			s.closing = closingRule // and another empty line
		}
		return nil
	default:
		s.scan.command = true
	}
	s.active(at)
	return nil
}

// maxConnects limits the remembered databases of a cluster.
const maxConnects = 1000

// connectTo returns the database in \connect's arguments: a name, possibly quoted, or a connection string with dbname.
func connectTo(args string) string {
	args = strings.TrimPrefix(args, "-reuse-previous=on ")
	name, _, ok := identifier([]byte(args))
	if !ok {
		return args
	}
	if value, found := strings.CutPrefix(name, "dbname='"); found && strings.HasPrefix(args, `"`) {
		value = strings.TrimSuffix(value, "'")
		return strings.NewReplacer(`\'`, `'`, `\\`, `\`).Replace(value)
	}
	return name
}

// end judges the state at the end of the input.
func (s *script) end() error {
	s.run.proof.Commands = s.scan.command
	switch {
	case s.copying:
		return broken(Truncated, "ends inside the rows of a table")
	case s.dump || !s.complete:
		return broken(Truncated, "ends without pg_dump's last line, \"%s\"", strings.TrimPrefix(dumpEnds, "-- "))
	case s.cluster:
		return broken(Truncated, "ends without pg_dumpall's last line, \"%s\"", strings.TrimPrefix(clusterEnds, "-- "))
	case s.followed:
		return broken(Invalid, "has unexpected data after the end of the dump at byte %d", s.firstFollowing)
	case s.closing != closed || s.key != "" || !s.scan.idle():
		return broken(Truncated, "ends within pg_dump's last lines")
	}
	return nil
}
