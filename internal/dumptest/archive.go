// Archives in custom format, to inject one fault at a time.

package dumptest

import (
	"bytes"
	"encoding/binary"
)

// Archive is a dump under construction.
type Archive struct {
	bytes.Buffer
	version int
	TocAt   int
}

// Number writes a number.
func (m *Archive) Number(n int) {
	sign := byte(0)
	if n < 0 {
		sign, n = 1, -n
	}
	m.WriteByte(sign)
	m.Write(binary.LittleEndian.AppendUint32(nil, uint32(n)))
}

// Text writes strings.
func (m *Archive) Text(texts ...string) {
	for _, s := range texts {
		m.Number(len(s))
		m.WriteString(s)
	}
}

// Header writes the header of an archive format version.
func (m *Archive) Header(version int, compression byte, format byte) {
	m.version = version
	m.Write([]byte{'P', 'G', 'D', 'M', 'P', 1, byte(version), 0, 4, 8, format})
	if version >= 15 {
		m.WriteByte(compression)
	} else {
		m.Number(int(compression))
	}
	for range 7 {
		m.Number(0)
	}
	m.Text("shop", "15.1", "15.1")
	m.TocAt = m.Len()
}

// Entry writes one line of the table of contents; place is an offset, or the name of a file.
func (m *Archive) Entry(id, data int, kind, tag, copyStatement string, place any) {
	m.Number(id)
	m.Number(data)
	m.Text("0", "0", tag, kind)
	m.Number(3)
	m.Text("", "", copyStatement, "public", "")
	if m.version >= 14 {
		m.Text("")
	}
	if m.version >= 16 {
		m.Number('r')
	}
	m.Text("owner", "false", "1", "2")
	m.Number(-1)
	switch place := place.(type) {
	case string:
		m.Text(place)
	case int:
		flag := byte(2)
		if place < 0 {
			flag, place = 1, 0 // pg_dump could not seek
		}
		m.WriteByte(flag)
		m.Write(binary.LittleEndian.AppendUint64(nil, uint64(place)))
	}
}

// Block writes the data of one entry.
func (m *Archive) Block(kind byte, id int, chunks ...string) {
	m.WriteByte(kind)
	m.Number(id)
	m.Text(chunks...)
	m.Number(0)
}
