// The table of contents of PostgreSQL's archives, and the encoding of its numbers and strings.

package dump

import (
	"bytes"
	"io"
	"strings"
)

// toc reads the table of contents and keeps the entries with data.
func (a *archive) toc() error {
	count, err := a.int()
	if err != nil {
		return err
	}
	a.count = count
	if count <= 0 || count > maxTOCCount {
		return broken(Invalid, "has an invalid table of contents")
	}
	a.byID = make(map[int]int)
	for i := range count {
		e, data, err := a.entry()
		if err != nil {
			return err
		}
		if !data {
			continue
		}
		if _, twice := a.byID[e.id]; twice {
			return broken(Invalid, "has a duplicate entry in its table of contents (entry %d)", i+1)
		}
		if len(a.entries) >= maxEntries {
			return &unread{ErrLimit}
		}
		a.byID[e.id] = len(a.entries)
		a.entries = append(a.entries, e)
	}
	return nil
}

func (a *archive) entry() (e entry, data bool, err error) {
	e.id, err = a.int()
	if err != nil {
		return e, false, err
	}
	hasData, err := a.int()
	if err != nil {
		return e, false, err
	}
	if e.id <= 0 || hasData != 0 && hasData != 1 {
		return e, false, broken(Invalid, "has a damaged table of contents")
	}
	data = hasData == 1
	keep := 0
	if data {
		keep = maxName
	}
	texts := func(n int) {
		for ; n > 0 && err == nil; n-- {
			_, _, err = a.text(0)
		}
	}
	number := func() {
		if err == nil {
			_, err = a.int()
		}
	}
	var tag, kind, copyStatement, schema string
	texts(2) // catalogue's oid, own oid
	if err == nil {
		tag, _, err = a.text(keep)
	}
	if err == nil {
		kind, _, err = a.text(keep)
	}
	number() // section
	texts(2) // create, drop
	if err == nil {
		copyStatement, _, err = a.text(keep)
	}
	if err == nil {
		schema, _, err = a.text(keep)
	}
	texts(1) // tablespace
	if a.version >= 14 {
		texts(1) // table access method
	}
	if a.version >= 16 {
		number() // kind of relation
	}
	texts(2)                         // owner, with oids
	for null := err != nil; !null; { // dependencies, terminated by a null
		if _, null, err = a.text(0); err != nil {
			break
		}
	}
	if err == nil {
		err = a.place(&e)
	}
	if err != nil || !data {
		return e, data, err
	}
	switch kind {
	case "BLOBS":
		e.blobs = true
	case "TABLE DATA":
		e.table = table{schema: schema, name: tag}
		// The statement names the table that receives the rows: the root of a partitioned table with
		// --load-via-partition-root.
		if e.copied = copyStatement != ""; e.copied {
			if t, _, ok := tableName([]byte(strings.TrimPrefix(copyStatement, "COPY "))); ok {
				e.table = t
			}
		}
	default:
		return e, true, broken(Invalid, "has data of an unknown kind in its table of contents")
	}
	return e, true, nil
}

// place reads the location of an entry's data: an offset in custom format, a file name in the others.
func (a *archive) place(e *entry) (err error) {
	if a.format != 1 {
		e.file, _, err = a.text(maxName)
		return err
	}
	flag, err := a.in.ReadByte()
	if err != nil {
		return err
	}
	var raw [8]byte
	if _, err := io.ReadFull(a.in, raw[:a.offsetSize]); err != nil {
		return err
	}
	e.offset = -1
	switch flag {
	case offsetSet:
		if raw[7]&0x80 != 0 {
			return broken(Invalid, "has a damaged table of contents")
		}
		e.offset = littleEndian(raw[:])
	case offsetUnset, offsetNone:
	default:
		return broken(Invalid, "has a damaged table of contents")
	}
	return nil
}

// int reads a number: a sign, then the value, lowest byte first.
func (a *archive) int() (int, error) {
	sign, err := a.in.ReadByte()
	if err != nil {
		return 0, err
	}
	var raw [8]byte
	if _, err := io.ReadFull(a.in, raw[:a.intSize]); err != nil {
		return 0, err
	}
	n := littleEndian(raw[:])
	if sign > 1 || n < 0 || n > 1<<32 {
		return 0, broken(Invalid, "has an invalid number at byte %d", a.in.pos()-int64(a.intSize)-1)
	}
	if sign == 1 {
		n = -n
	}
	return int(n), nil
}

// text reads a string and returns at most keep bytes of it; null is an empty text.
func (a *archive) text(keep int) (s string, null bool, err error) {
	n, err := a.int()
	if err != nil {
		return "", false, err
	}
	if n < 0 {
		return "", true, nil
	}
	kept := min(n, keep)
	if kept > 0 {
		if cap(a.scratch) < kept {
			a.scratch = make([]byte, maxName)
		}
		if _, err := io.ReadFull(a.in, a.scratch[:kept]); err != nil {
			return "", false, err
		}
		s = string(bytes.TrimRight(a.scratch[:kept], "\x00"))
	}
	if _, err := a.in.Discard(n - kept); err != nil {
		return "", false, err
	}
	return s, false, nil
}

func littleEndian(raw []byte) int64 {
	var n int64
	for i, b := range raw {
		n |= int64(b) << (8 * i)
	}
	return n
}
