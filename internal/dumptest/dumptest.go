// Package dumptest makes dumps for tests: real ones by the installed pg_dump, stored ones of newer versions, and archives
// written byte by byte. The databases contain names, rows and function bodies that look like the dump's own lines.
package dumptest

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"embed"
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

// HardRows is the content of its dumps.
var HardRows = map[string]int64{
	"public.users": 60, "odd.We \"ird, (t) FROM stdin;\nline": 6, "public.nothing": 0, "public.nocolumns": 2, "public.part1": 2, "public.part2": 1,
}

// Client runs PostgreSQL's programs against one server.
type Client struct {
	Server   *parts.PostgreSQLServer
	Database string
}

// HardDatabase creates a database with content that looks like parts of a dump.
func HardDatabase(t testing.TB) Client {
	server := parts.PostgreSQL(t)
	name, _ := server.Database(t)
	server.ExecIn(t, name, hard...)
	return Client{server, name}
}

// File is where -f is wanted: pg_dump seeks in a file and not in a pipe.
const File = "FILE"

// Dump returns what a program writes, into a pipe or with the argument FILE into a file.
func (c Client) Dump(t testing.TB, program string, args ...string) []byte {
	t.Helper()
	out := filepath.Join(t.TempDir(), "dump")
	toFile := false
	for i, arg := range args {
		if arg == File {
			args[i], toFile = out, true
		}
	}
	if program == "pg_dump" {
		args = append(args, c.Database)
	}
	command := exec.Command(parts.Need(t, program), args...)
	command.Env = append(os.Environ(), "PGHOST="+c.Server.Host, "PGUSER="+c.Server.User, "PGPASSWORD="+c.Server.Password, "PGPORT="+strconv.Itoa(c.Server.Port))
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
		return Tar(t, out)
	}
	if err == nil {
		data, err = os.ReadFile(out)
	}
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// Tar packs a directory, as tar does.
func Tar(t testing.TB, dir string) []byte {
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

// Compress compresses with the program of that name.
func Compress(t testing.TB, with string, data []byte) []byte {
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

//go:embed testdata
var testdata embed.FS

// Stored returns a dump of a newer PostgreSQL. Its database has public.customer with 40 rows, public."Order" with 3000,
// public.nothing, and a large object.
func Stored(t testing.TB, name string) []byte {
	t.Helper()
	data, err := testdata.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// Begin and End are the first and last lines of a plain dump.
const (
	Begin = "--\n-- PostgreSQL database dump\n--\n\n"
	End   = "--\n-- PostgreSQL database dump complete\n--\n\n"
)

// AgeHeader is the header of an age file.
const AgeHeader = "age-encryption.org/v1\n-> X25519 abcdefg\nabcdefg\n--- abcdefg\n"

// Age returns a text as long as an age file with that many bytes of content.
func Age(content int) string {
	chunks := max(1, (content+64<<10-1)/(64<<10))
	return AgeHeader + strings.Repeat("n", 16) + strings.Repeat("c", content+16*chunks)
}
