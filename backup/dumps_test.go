// Real dumps by the installed pg_dump, and by newer versions from testdata. The databases contain names, rows and
// function bodies that look like the dump's own lines.

package backup

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/dsnet/compress/bzip2"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/ulikunitz/xz"

	"github.com/thenexusengine/catalyst_exporter/internal/parts"
)

// hard is a database with content that looks like parts of a dump.
var hard = []string{
	`create schema odd`,
	`create table users (id int primary key, name text, bio text)`,
	`insert into users select g, 'user ' || g, repeat(md5(g::text), 3) from generate_series(1, 60) g`,
	"create table odd.\"We \"\"ird, (t) FROM stdin;\nline\" (a int, \"b c\" text)",
	"insert into odd.\"We \"\"ird, (t) FROM stdin;\nline\" values (1, E'tab\\there\\nnewline\\\\. back'), (2, '\\.'), (3, null)," +
		" (4, E'x\\n--\\n-- PostgreSQL database dump complete\\n--\\n\\n'), (5, $$it's \"quoted\" $tag$ /* $$), (6, E'a\\n\\\\.\\nb')",
	`create table nothing (a int)`,
	`create table nocolumns ()`,
	`insert into nocolumns default values`, `insert into nocolumns default values`,
	"create function f() returns text language plpgsql as $fn$\nbegin\nCOPY users FROM stdin;\n-- it's a 'quote\nreturn $q$ ' $q$;\nend $fn$",
	"create procedure p() begin atomic\ninsert into users values (0, 'in a body', ''); end",
	"comment on table users is E'a ''comment'' with -- dashes\\n--\\n-- PostgreSQL database dump complete\\n--\\n'",
	`select lo_from_bytea(0, repeat('blob', 3000)::bytea)`, `select lo_from_bytea(0, '')`,
	`create table part (a int) partition by range (a)`, `create table part1 partition of part for values from (0) to (10)`,
	`create table part2 partition of part for values from (10) to (20)`,
	`insert into part values (1), (2), (12)`,
	`create materialized view mv as select count(*) from users`,
}

// hardRows is the content of its dumps.
var hardRows = map[string]int64{
	"public.users": 60, "odd.We \"ird, (t) FROM stdin;\nline": 6, "public.nothing": 0, "public.nocolumns": 2, "public.part1": 2, "public.part2": 1,
}

// client runs PostgreSQL's programs against one server.
type client struct {
	server   *parts.PostgreSQLServer
	database string
}

func hardDatabase(t testing.TB) client {
	server := parts.PostgreSQL(t)
	name, _ := server.Database(t)
	server.ExecIn(t, name, hard...)
	return client{server, name}
}

// file is where -f is wanted: pg_dump seeks in a file and not in a pipe.
const file = "FILE"

// dump returns what a program writes, into a pipe or with the argument FILE into a file.
func (c client) dump(t testing.TB, program string, args ...string) []byte {
	t.Helper()
	out := filepath.Join(t.TempDir(), "dump")
	toFile := false
	for i, arg := range args {
		if arg == file {
			args[i], toFile = out, true
		}
	}
	if program == "pg_dump" {
		args = append(args, c.database)
	}
	command := exec.Command(parts.Need(t, program), args...)
	command.Env = append(os.Environ(), "PGHOST="+c.server.Host, "PGUSER="+c.server.User, "PGPASSWORD="+c.server.Password, "PGPORT="+strconv.Itoa(c.server.Port))
	var stderr strings.Builder
	command.Stderr = &stderr
	data, err := command.Output()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", program, args, err, stderr.String())
	}
	if !toFile {
		return data
	}
	info, err := os.Stat(out)
	if err == nil && info.IsDir() {
		return tarOf(t, out)
	}
	if err == nil {
		data, err = os.ReadFile(out)
	}
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// tarOf packs a directory, as tar does.
func tarOf(t testing.TB, dir string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	if err := w.AddFS(os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// packed compresses.
func packed(t testing.TB, with string, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	var w io.WriteCloser
	var err error
	switch with {
	case "gzip":
		w = gzip.NewWriter(&b)
	case "zstd":
		w, err = zstd.NewWriter(&b, zstd.WithEncoderCRC(true), zstd.WithEncoderConcurrency(1))
	case "lz4":
		w = lz4.NewWriter(&b)
	case "bzip2":
		w, err = bzip2.NewWriter(&b, nil)
	case "xz":
		w, err = xz.NewWriter(&b)
	}
	if err == nil {
		_, err = w.Write(data)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// stored reads a dump of a newer PostgreSQL. Their database: public.customer with 40 rows, public."Order" with 3000, public.nothing, a large object.
func stored(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func prove(t testing.TB, data []byte) Proof {
	t.Helper()
	p, err := Prove(context.Background(), bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func rowsOf(p Proof) map[string]int64 {
	rows := make(map[string]int64)
	for _, t := range p.Tables {
		rows[t.Schema+"."+t.Name] += t.Rows
	}
	return rows
}
