// Text and files that resemble a dump, written by hand.

package dump

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/thenexusengine/catalyst_exporter/internal/dumptest"
)

func TestPlain_Incomplete(t *testing.T) {
	random := make([]byte, 5000)
	for i := range random {
		random[i] = byte(rand.IntN(256))
	}
	const header, rule = "--\n-- PostgreSQL database dump\n--\n\n", "--\n-- PostgreSQL database dump complete\n--\n\n"
	newer := append([]byte("PGDMP\x01\x11\x00\x04\x08\x01"), make([]byte, 100)...)
	tests := []struct {
		name   string
		data   []byte
		reason Reason
		detail string
	}{
		{"no byte", nil, Empty, "no content"},
		{"zeros", make([]byte, 10_000), Invalid, "zero bytes"},
		{"random", random, Invalid, "unknown format"},
		{"text", []byte("Dear operator,\nthe disk is full.\n"), Invalid, "text without the header"},
		{"an error page", []byte("<html>502 Bad Gateway</html>"), Invalid, "text without the header"},
		{"a message of pg_dump", []byte("pg_dump: error: connection to server failed\n"), Invalid, "text without the header"},
		{"gzip of nothing", dumptest.Compress(t, "gzip", nil), Empty, "is gzip data without content"},
		{"zstd of nothing", dumptest.Compress(t, "zstd", nil), Empty, "is zstd data without content"},
		{"lz4 of nothing", dumptest.Compress(t, "lz4", nil), Empty, "is lz4 data without content"},
		{"gzip of zeros", dumptest.Compress(t, "gzip", make([]byte, 10_000)), Invalid, "zero bytes"},
		{"gzip of a whole gzip of half a dump", dumptest.Compress(t, "gzip", dumptest.Compress(t, "gzip", []byte(header+"SELECT 1;\n"))), Truncated, "without pg_dump's last line"},
		{"six times gzip", func() []byte {
			data := []byte(header + rule)
			for range 6 {
				data = dumptest.Compress(t, "gzip", data)
			}
			return data
		}(), Invalid, "layers of compression"},
		{"a table of contents alone", []byte("PGDMP\x01\x0e\x00\x04\x08\x03" + strings.Repeat("\x00\x00\x00\x00\x00", 11)), Invalid, "without its data"},
		{"a newer archive", newer, Opaque, "archive version 1.17"},
		{"plain, only begun", []byte(header + "SELECT 1;\n"), Truncated, "without pg_dump's last line"},
		{"plain, in rows", []byte(header + "COPY a FROM stdin;\n1\n" + rule), Truncated, "inside the rows"},
		{"plain, the end in a string", []byte(header + "SELECT 'a\n" + rule), Truncated, "without pg_dump's last line"},
		{"plain, the end in a name", []byte(header + "SELECT \"a\n" + rule), Truncated, "without pg_dump's last line"},
		{"plain, the end in an escaped string", []byte(header + "SELECT E'it\\'s\n" + rule), Truncated, "without pg_dump's last line"},
		{"plain, the end in a body", []byte(header + "SELECT $a$ $b$ $a\n" + rule), Truncated, "without pg_dump's last line"},
		{"plain, the end in a comment", []byte(header + "/* a /* b */\n" + rule), Truncated, "without pg_dump's last line"},
		{"plain, the end in a statement", []byte(header + "SELECT 1\n" + rule), Truncated, "without pg_dump's last line"},
		{"plain, zeros in the middle", []byte(header + "SELECT 1;\n" + strings.Repeat("\x00", 512) + rule), Invalid, "zero bytes from byte 45"},
		{"plain, zeros in the rows", []byte(header + "COPY a FROM stdin;\n1\n\x00\n\\.\n" + rule), Invalid, "zero bytes"},
		{"plain, goes on", []byte(header + rule + "SELECT 1;\n"), Invalid, "data after the end"},
		{"plain, the first of two cut", []byte(header + "SELECT 1;\n" + header + rule), Truncated, "second dump"},
		{"plain, the second of two cut", []byte(header + rule + header), Truncated, "without pg_dump's last line"},
		{"plain, an end too many", []byte(header + rule + rule), Invalid, "without its beginning"},
		{"plain, another \\unrestrict", []byte(header + "\\restrict one\n\n" + rule + "\\unrestrict two\n\n"), Invalid, "\\unrestrict"},
		{"plain, without \\unrestrict", []byte(header + "\\restrict one\n\n" + rule), Truncated, "last lines"},
		{"cluster, cut between databases", []byte("--\n-- PostgreSQL database cluster dump\n--\n\n" + header + rule), Truncated, "without pg_dumpall's last line"},
		{"cluster, ends in a database", []byte("--\n-- PostgreSQL database cluster dump\n--\n\n" + header + "--\n-- PostgreSQL database cluster dump complete\n--\n\n"), Invalid, "without its beginning"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := prove(t, test.data)
			if p.Whole || p.Reason != test.reason || !strings.Contains(p.Detail, test.detail) {
				t.Errorf("%+v, want %s: … %s …", p, test.reason, test.detail)
			}
		})
	}
}

func TestPlain_Complete(t *testing.T) {
	const header, rule = "--\n-- PostgreSQL database dump\n--\n\n", "--\n-- PostgreSQL database dump complete\n--\n\n"
	long := strings.Repeat("x", 3*bufferSize)
	tests := map[string]struct {
		text string
		rows int64
	}{
		"nothing":                 {"", 0},
		"two dumps":               {rule + header, 0},
		"a long row":              {"COPY a FROM stdin;\n" + long + "\n\\.\n", 1},
		"a long row of dots":      {"COPY a FROM stdin;\n" + strings.Repeat("\\.", bufferSize) + "\n\\.\n", 1},
		"a long value":            {"INSERT INTO a VALUES ('" + long + "''\n--\n');\n", 1},
		"a long column list":      {"COPY a (" + strings.Repeat("c, ", bufferSize) + "d) FROM stdin;\n1\n2\n\\.\n", 2},
		"a long body":             {"CREATE FUNCTION f() AS $_$" + strings.Repeat("$_ $__$ ' ", bufferSize) + "$_$;\nCOPY a FROM stdin;\n1\n\\.\n", 1},
		"a long comment":          {"-- " + long + "'\nCOPY a FROM stdin;\n1\n\\.\n", 1},
		"parameters, no quotes":   {"PREPARE a AS SELECT $1, a$b$c;\nCOPY a FROM stdin;\n1\n\\.\n", 1},
		"a rule":                  {"CREATE RULE r AS ON INSERT TO a DO (SELECT 1; SELECT 2;);\nCOPY a FROM stdin;\n1\n\\.\n", 1},
		"a comment in between":    {"  -- it's\n /* it's */ COPY a FROM stdin;\nCOPY b FROM stdin;\n1\n\\.\n", 1},
		"values in a value":       {"INSERT INTO a VALUES (1, '), (', (2)), (3, ' VALUES (', 4);\n", 2},
		"a column named values":   {"INSERT INTO a (\"values\", b) OVERRIDING SYSTEM VALUE VALUES (1, 2);\n", 1},
		"only defaults":           {"INSERT INTO a DEFAULT VALUES;\n", 1},
		"a statement in a body":   {"CREATE PROCEDURE p()\n    BEGIN ATOMIC\n INSERT INTO a VALUES (1);\nEND;\n", 0},
		"an escape at the end":    {"SELECT E'\\\\';\nCOPY a FROM stdin;\n1\n\\.\n", 1},
		"quotes next to each":     {"SELECT E'a''\\'', 'b''', \"c\"\"\";\nCOPY a FROM stdin;\n1\n\\.\n", 1},
		"a name that ends in E":   {"SELECT type'\\';\nCOPY a FROM stdin;\n1\n\\.\n", 1},
		"an operator and a minus": {"SELECT 1 - 1 -1 / 2 * 3;\nCOPY a FROM stdin;\n1\n\\.\n", 1},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			p := prove(t, []byte(header+test.text+rule))
			var rows int64
			for _, table := range p.Tables {
				rows += table.Rows
			}
			if !p.Whole || rows != test.rows {
				t.Errorf("%d rows, %+v", rows, p)
			}
		})
	}
}

func TestPlain_PsqlCommands(t *testing.T) {
	for text, want := range map[string]bool{
		"SELECT 1;\n":                            false,
		"\\connect a\n":                          false,
		"\\restrict a\n\\unrestrict a\n":         false,
		"COPY a FROM stdin;\n\\N\n\\! id\n\\.\n": false,
		"SELECT '\\! id', E'\\'\\! id', $$\\! id$$; -- \\! id\n": false,
		"\\! id\n":               true,
		"\\set x 1\n":            true,
		"SELECT 1 \\! id\n;\n":   true,
		"  \\! id\n":             true,
		"SELECT 1;\\! id\n":      true,
		"SELECT 1 \\g | id\n;\n": true,
	} {
		if p := prove(t, []byte(dumptest.Begin+text+dumptest.End)); p.Commands != want {
			t.Errorf("%q: %+v", text, p)
		}
	}
}

func TestCluster_Databases(t *testing.T) {
	text := "--\n-- PostgreSQL database cluster dump\n--\n\n"
	want := ""
	for connect, database := range map[string]string{
		"plain": "plain", `"with space"`: "with space", `-reuse-previous=on "dbname='it\'s'"`: "it's", `-reuse-previous=on "dbname='say ""x""'"`: `say "x"`,
	} {
		text += "\\connect " + connect + "\n\n--\n-- PostgreSQL database dump\n--\n\nCOPY public.t (a) FROM stdin;\n1\n\\.\n\n" +
			"--\n-- PostgreSQL database dump complete\n--\n\n"
		want += fmt.Sprintf("%s.public.t 1\n", database)
	}
	p := prove(t, []byte(text+"--\n-- PostgreSQL database cluster dump complete\n--\n\n"))
	if len(p.Connects) != 4 || p.Commands {
		t.Errorf("connects %q, commands %v", p.Connects, p.Commands)
	}
	got := ""
	for _, table := range p.Tables {
		got += fmt.Sprintf("%s.%s.%s %d\n", table.Database, table.Schema, table.Name, table.Rows)
	}
	if !p.Whole || got != want {
		t.Errorf("%+v\ngot  %q\nwant %q", p, got, want)
	}
}
