// Dumps in custom format, written byte by byte, to inject one fault at a time.

package dump

import (
	"bytes"
	"compress/zlib"
	"slices"
	"strings"
	"testing"

	"github.com/thenexusengine/catalyst_exporter/internal/dumptest"
)

// small is a complete dump: a table of two rows in two chunks, a table as INSERT, two large objects, one of them empty.
func small(version int) *dumptest.Archive {
	m := &dumptest.Archive{}
	m.Header(version, 0, 1)
	m.Number(5)
	m.Entry(1, 0, "ENCODING", "ENCODING", "", -1)
	m.Entry(2, 1, "TABLE DATA", "a", "COPY public.a (x) FROM stdin;\n", -1)
	m.Entry(3, 1, "TABLE DATA", "b", "", -1)
	m.Entry(4, 1, "BLOBS", "BLOBS", "", -1)
	m.Entry(5, 0, "INDEX", "i", "", -1)
	m.Block(blockData, 2, "1\n2", "2\n\\.\n\n\n")
	m.Block(blockData, 3, "INSERT INTO public.b VALUES (1);\nINSERT INTO public.b VALUES (1), (2);\n\n\n")
	m.WriteByte(blockBlobs)
	m.Number(4)
	m.Number(77)
	m.Text("large")
	m.Number(0)
	m.Number(78)
	m.Number(0)
	m.Number(0)
	return m
}

// one is a dump of one table without its data block, whose offset is the given one.
func one(offset int) *dumptest.Archive {
	m := &dumptest.Archive{}
	m.Header(14, 0, 1)
	m.Number(1)
	m.Entry(2, 1, "TABLE DATA", "a", "COPY public.a (x) FROM stdin;\n", offset)
	return m
}

func TestCustom(t *testing.T) {
	deflated := func(text string) string {
		var b bytes.Buffer
		w := zlib.NewWriter(&b)
		_, _ = w.Write([]byte(text))
		_ = w.Close()
		return b.String()
	}
	rows := deflated("1\n\\.\n")
	with := func(change func(*dumptest.Archive)) []byte {
		m := one(-1)
		change(m)
		return m.Bytes()
	}
	packed := func(chunks ...string) []byte {
		m := &dumptest.Archive{}
		m.Header(14, 6, 1)
		m.Number(1)
		m.Entry(2, 1, "TABLE DATA", "a", "COPY a (x) FROM stdin;\n", -1)
		m.Block(blockData, 2, chunks...)
		return m.Bytes()
	}
	at := one(0).Len()
	header := func(change func([]byte)) []byte {
		data := small(14).Bytes()
		change(data)
		return data
	}
	toc := func(count int, entry func(*dumptest.Archive)) []byte {
		m := &dumptest.Archive{}
		m.Header(14, 0, 1)
		m.Number(count)
		entry(m)
		return m.Bytes()
	}
	again := func(more int) []byte { // the table of contents once more, of which some bytes are missing
		m := one(-1)
		m.Block(blockData, 2, "1\n\\.\n")
		data := one(at).Bytes()
		m.Write(data[m.TocAt : len(data)-more])
		return m.Bytes()
	}
	tests := []struct {
		name   string
		data   []byte
		reason Reason // "" for whole
		detail string
	}{
		{"1.12", small(12).Bytes(), "", ""},
		{"1.13", small(13).Bytes(), "", ""},
		{"1.14", small(14).Bytes(), "", ""},
		{"1.15", small(15).Bytes(), "", ""},
		{"1.16", small(16).Bytes(), "", ""},
		{"1.11", small(11).Bytes(), Opaque, "archive version 1.11"},
		{"1.17", small(17).Bytes(), Opaque, "archive version 1.17"},
		{"another compression", func() []byte { m := &dumptest.Archive{}; m.Header(16, 9, 1); return m.Bytes() }(), Invalid, "unknown compression"},
		{"numbers of three bytes", header(func(d []byte) { d[8] = 3 }), Invalid, "invalid header"},
		{"offsets of no byte", header(func(d []byte) { d[9] = 0 }), Invalid, "invalid header"},
		{"a format there is not", header(func(d []byte) { d[10] = 2 }), Invalid, "invalid header"},
		{"no entry", toc(0, func(*dumptest.Archive) {}), Invalid, "invalid table of contents"},
		{"entries below zero", toc(-1, func(*dumptest.Archive) {}), Invalid, "invalid table of contents"},
		{"entries without end", toc(maxTOCCount+1, func(*dumptest.Archive) {}), Invalid, "invalid table of contents"},
		{"fewer entries than said", toc(2, func(m *dumptest.Archive) { m.Entry(1, 0, "A", "A", "", -1) }), Truncated, "inside its table of contents"},
		{"an entry of number zero", toc(1, func(m *dumptest.Archive) { m.Entry(0, 0, "A", "A", "", -1) }), Invalid, "damaged table of contents"},
		{"an entry that has data twice", toc(1, func(m *dumptest.Archive) { m.Entry(1, 2, "A", "A", "", -1) }), Invalid, "damaged table of contents"},
		{"data of another kind", toc(1, func(m *dumptest.Archive) { m.Entry(1, 1, "INDEX", "A", "", -1) }), Invalid, "unknown kind"},
		{"an entry twice", toc(2, func(m *dumptest.Archive) {
			m.Entry(1, 1, "TABLE DATA", "A", "", -1)
			m.Entry(1, 1, "TABLE DATA", "A", "", -1)
		}), Invalid, "duplicate entry"},
		{"no block", one(-1).Bytes(), Truncated, "after 0 of 1 data blocks"},
		{"the offset fits", func() []byte { m := one(at); m.Block(blockData, 2, "1\n\\.\n"); return m.Bytes() }(), "", ""},
		{"the offset is another", func() []byte { m := one(at + 1); m.Block(blockData, 2, "1\n\\.\n"); return m.Bytes() }(), Invalid, "position differs"},
		{"a block of nothing", with(func(m *dumptest.Archive) { m.Block(blockData, 2) }), Invalid, "content ends early"},
		{"a block without the end of its rows", with(func(m *dumptest.Archive) { m.Block(blockData, 2, "1\n") }), Invalid, "content ends early"},
		{"a block with more", with(func(m *dumptest.Archive) { m.Block(blockData, 2, "1\n\\.\n\n\n2\n") }), Invalid, "unexpected data after the end mark"},
		{"a block with zeros", with(func(m *dumptest.Archive) { m.Block(blockData, 2, "1\n\x00\n\\.\n") }), Invalid, "zero bytes"},
		{"a block nobody knows", with(func(m *dumptest.Archive) { m.Block(blockData, 3, "1\n\\.\n") }), Invalid, "unexpected data instead of a data block"},
		{"a block of no kind", with(func(m *dumptest.Archive) { m.Block(2, 2, "1\n\\.\n") }), Invalid, "unexpected data instead of a data block"},
		{"large objects for rows", with(func(m *dumptest.Archive) { m.Block(blockBlobs, 2) }), Invalid, "whose kind differs"},
		{"a block twice", with(func(m *dumptest.Archive) { m.Block(blockData, 2, "1\n\\.\n"); m.Block(blockData, 2, "1\n\\.\n") }), Invalid, "duplicate data"},
		{"a length below zero", with(func(m *dumptest.Archive) { m.WriteByte(blockData); m.Number(2); m.Number(-5) }), Invalid, "invalid length"},
		{"a sign there is not", with(func(m *dumptest.Archive) { m.WriteByte(blockData); m.WriteString("\x02\x02\x00\x00\x00") }), Invalid, "invalid number"},
		{"half a statement", func() []byte {
			data := small(14).Bytes()
			return bytes.Replace(data, []byte("(1), (2);"), []byte("(1), (2) "), 1)
		}(), Invalid, "content ends early"},
		{"compressed", packed(rows), "", ""},
		{"compressed in many chunks", packed(strings.Split(rows, "")...), "", ""},
		{"compressed, cut in its block", packed(rows[:len(rows)-2]), Invalid, "content ends early"},
		{"compressed, with more", packed(rows, "x"), Invalid, "after the end of the compressed data"},
		{"compressed, damaged", packed(strings.Replace(rows, rows[len(rows)-4:], "abcd", 1)), Invalid, "has damaged zlib data"},
		{"compressed, and not", packed("1\n\\.\n"), Invalid, "has damaged zlib data"},
		{"a second table of contents", again(0), "", ""},
		{"a second table of contents, cut", again(3), Truncated, "second table of contents"},
		{"a second table of contents and more", append(again(0), 0), Invalid, "unexpected data after the end of the dump"},
		{"a second table of contents of another dump", func() []byte {
			m := one(-1)
			m.Block(blockData, 2, "1\n\\.\n")
			m.Number(1)
			m.Entry(3, 1, "TABLE DATA", "a", "COPY public.a (x) FROM stdin;\n", -1)
			return m.Bytes()
		}(), Invalid, "differs from the first"},
		{"a second table of contents before the data", slices.Concat(one(-1).Bytes(), again(0)[one(-1).TocAt:]), Invalid, "unexpected data instead of a data block"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := prove(t, test.data)
			if p.Whole != (test.reason == "") || p.Reason != test.reason || !strings.Contains(p.Detail, test.detail) {
				t.Errorf("%+v, want %q: … %s …", p, test.reason, test.detail)
			}
		})
	}
	p := prove(t, small(16).Bytes())
	if rows := rowsOf(p); len(rows) != 2 || rows["public.a"] != 2 || rows["public.b"] != 3 || p.Database != "shop" || p.Version != "1.16" {
		t.Errorf("%+v", p)
	}
	for cut := range small(16).Len() {
		if p := prove(t, small(16).Bytes()[:cut]); p.Whole || cut > 0 && p.Reason != Truncated {
			t.Errorf("cut at %d: %+v", cut, p)
		}
	}
}
