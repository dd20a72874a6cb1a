// The rows of one table in a dump: COPY text, or INSERT statements (pg_dump --inserts, --rows-per-insert).

package dump

import (
	"bytes"
	"io"
)

// rowCount holds the counts for both notations, because the notation may be known only later.
type rowCount struct {
	copied   int64
	ended    bool // as COPY text: the end mark was found
	behind   bool // as COPY text: other data than line ends follows the end mark
	inserted int64
	open     bool // as statements: the last one is unterminated, or there is other data
}

// rows returns the number of rows, or a fault.
func (c rowCount) rows(copied bool) (int64, error) {
	switch {
	case copied && !c.ended:
		return c.copied, broken(Truncated, "lacks the end mark of a table's rows")
	case copied && c.behind:
		return c.copied, broken(Invalid, "has unexpected data after the end mark of a table's rows")
	case copied:
		return c.copied, nil
	case c.open:
		return c.inserted, broken(Truncated, "ends inside a statement")
	}
	return c.inserted, nil
}

// countRows reads a table's data to its end.
func countRows(in *input) (c rowCount, err error) {
	const insert = "INSERT INTO "
	head, err := in.Peek(len(insert))
	if err != nil && err != io.EOF {
		return c, err
	}
	var scan *scanner
	if string(head) == insert {
		scan = &scanner{}
	}
	begin := true
	for {
		line, end, err := in.line()
		if err != nil && err != io.EOF {
			return c, err
		}
		if bytes.IndexByte(line, 0) >= 0 {
			return c, broken(Invalid, "has zero bytes among the rows of a table")
		}
		if scan != nil {
			for rest := line; len(rest) > 0; {
				var s statement
				s, rest = scan.feed(rest, begin && len(rest) == len(line))
				c.inserted += s.rows
			}
			c.open = !scan.idle()
		} else {
			c.open = c.open || len(bytes.Trim(line, "\r\n")) > 0
		}
		switch {
		case c.ended:
			c.behind = c.behind || len(bytes.Trim(line, "\r\n")) > 0
		case begin && end && isEndMark(line):
			c.ended = true
		case end:
			c.copied++
		}
		if err == io.EOF {
			return c, nil
		}
		begin = end
	}
}

// isEndMark detects the last line of COPY text; a value would have two backslashes.
func isEndMark(line []byte) bool {
	return len(line) >= 3 && line[0] == '\\' && line[1] == '.' && (line[2] == '\n' || line[2] == '\r' && len(line) == 4)
}

// table identifies one table of one backup.
type table struct{ database, schema, name string }

// Limits on the remembered tables.
const (
	MaxTables     = 100_000
	maxTableBytes = 32 << 20 // bytes of all names
)

// tally sums up rows by table, in the order of their first occurrence.
type tally struct {
	index   map[table]int
	tables  []Table
	bytes   int
	partial bool
	total   int64
}

func newTally() *tally { return &tally{index: make(map[table]int)} }

func (t *tally) add(name table, rows int64) {
	t.total += rows
	i, known := t.index[name]
	if !known {
		t.bytes += len(name.database) + len(name.schema) + len(name.name)
		if t.partial = t.partial || len(t.tables) >= MaxTables || t.bytes > maxTableBytes; t.partial {
			return
		}
		i = len(t.tables)
		t.index[name] = i
		t.tables = append(t.tables, Table{Database: name.database, Schema: name.schema, Name: name.name})
	}
	t.tables[i].Rows += rows
}

// result returns the tables, whether there are more, and whether all are empty.
func (t *tally) result() (tables []Table, partial, none bool) {
	return t.tables, t.partial, t.total == 0
}
