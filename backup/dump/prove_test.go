package dump

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/thenexusengine/catalyst_exporter/internal/dumptest"
)

// TestProve_RealDumps proves dumps in every format complete with their rows, and every truncated or extended one not.
func TestProve_RealDumps(t *testing.T) {
	c := dumptest.HardDatabase(t)
	emptyName, _ := c.Server.Database(t)
	nothing := dumptest.Client{Server: c.Server, Database: emptyName}
	pg := func(args ...string) []byte { return c.Dump(t, "pg_dump", args...) }
	custom, sql := pg("-Fc"), pg()
	without := func(names ...string) map[string]int64 {
		rows := maps.Clone(dumptest.HardRows)
		for _, name := range names {
			delete(rows, name)
		}
		return rows
	}
	inserted := without("public.nothing") // an empty table has no statement
	type dump struct {
		name     string
		data     []byte
		format   Format
		Compress string
		rows     map[string]int64
	}
	altered := map[string]bool{} // by this test: where they are cut near their beginning, nothing tells that they are dumps
	alter := func(name string, data []byte, rows map[string]int64) dump {
		altered[name] = true
		return dump{name, data, SQL, "", rows}
	}
	returns := without("odd.We \"ird, (t) FROM stdin;\nline")
	returns["odd.We \"ird, (t) FROM stdin;\r\nline"] = 6
	dumps := []dump{
		{"custom in a file", pg("-Fc", "-f", dumptest.File), Custom, "", dumptest.HardRows},
		{"custom through a pipe", custom, Custom, "", dumptest.HardRows},
		{"custom as INSERT", pg("-Fc", "--inserts"), Custom, "", dumptest.HardRows},
		{"custom as INSERT of many rows", pg("-Fc", "--rows-per-insert=7"), Custom, "", dumptest.HardRows},
		{"custom, data only", pg("-Fc", "-a"), Custom, "", dumptest.HardRows},
		{"custom, schema only", pg("-Fc", "-s"), Custom, "", map[string]int64{}},
		{"custom through the root", pg("-Fc", "--load-via-partition-root"), Custom, "",
			func() map[string]int64 { m := without("public.part1", "public.part2"); m["public.part"] = 3; return m }()},
		{"plain", sql, SQL, "", dumptest.HardRows},
		{"plain that creates", pg("-C", "--clean"), SQL, "", dumptest.HardRows},
		{"plain as INSERT", pg("--inserts"), SQL, "", inserted},
		{"plain as INSERT with columns", pg("--column-inserts"), SQL, "", inserted},
		{"plain as INSERT of many rows", pg("--rows-per-insert=7", "--on-conflict-do-nothing"), SQL, "", inserted},
		{"plain without dollar quotes", pg("--disable-dollar-quoting"), SQL, "", dumptest.HardRows},
		alter("plain with carriage returns", bytes.ReplaceAll(sql, []byte("\n"), []byte("\r\n")), returns),
		alter("plain with a byte order mark", append([]byte("\ufeff"), sql...), dumptest.HardRows),
		alter("plain behind a script's lines", append([]byte("-- nightly\nCREATE DATABASE x;\n\\connect x\n"), sql...), dumptest.HardRows),
		alter("plain with a remark", append(bytes.Clone(sql), "-- finished\n\n"...), dumptest.HardRows),
		{"cluster", c.Dump(t, "pg_dumpall"), Cluster, "", dumptest.HardRows},
		{"roles only", c.Dump(t, "pg_dumpall", "-r"), Cluster, "", map[string]int64{}},
		{"tar", pg("-Ft"), Tar, "", dumptest.HardRows},
		{"directory", pg("-Fd", "-f", dumptest.File), Directory, "", dumptest.HardRows},
		{"directory, not compressed, as INSERT", pg("-Fd", "-Z0", "--inserts", "-f", dumptest.File), Directory, "", dumptest.HardRows},
		{"gzip of plain", dumptest.Compress(t, "gzip", sql), SQL, "gzip", dumptest.HardRows},
		{"gzip of cluster, in members", slices.Concat(dumptest.Compress(t, "gzip", sql[:1000]), dumptest.Compress(t, "gzip", sql[1000:])), SQL, "gzip", dumptest.HardRows},
		{"gzip of custom", dumptest.Compress(t, "gzip", custom), Custom, "gzip", dumptest.HardRows},
		{"gzip of tar", dumptest.Compress(t, "gzip", pg("-Ft")), Tar, "gzip", dumptest.HardRows},
		{"pg_dump's own gzip", pg("-Fp", "-Z6"), SQL, "gzip", dumptest.HardRows},
		{"bzip2", dumptest.Compress(t, "bzip2", sql), SQL, "bzip2", dumptest.HardRows},
		{"zstd", dumptest.Compress(t, "zstd", sql), SQL, "zstd", dumptest.HardRows},
		{"lz4", dumptest.Compress(t, "lz4", sql), SQL, "lz4", dumptest.HardRows},
		{"gzip of zstd", dumptest.Compress(t, "gzip", dumptest.Compress(t, "zstd", custom)), Custom, "gzip zstd", dumptest.HardRows},
		{"empty database, custom", nothing.Dump(t, "pg_dump", "-Fc"), Custom, "", map[string]int64{}},
		{"empty database, plain", nothing.Dump(t, "pg_dump"), SQL, "", map[string]int64{}},
	}
	for level := range 10 {
		dumps = append(dumps, dump{"custom -Z" + strconv.Itoa(level), pg("-Fc", "-Z"+strconv.Itoa(level)), Custom, "", dumptest.HardRows})
	}
	newer := map[string]int64{"public.customer": 40, "public.Order": 3000, "public.nothing": 0}
	for name, format := range map[string]Format{
		"pg17-gzip.dump": Custom, "pg17-lz4.dump": Custom, "pg17-zstd.dump": Custom, "pg17-pipe.dump": Custom, "pg17-stdout.dump": Custom,
		"pg18-statistics.dump": Custom,
		"pg17.tar.gz":          Tar, "pg17-directory-lz4.tar.gz": Directory, "pg17-directory-zstd.tar.gz": Directory,
	} {
		around := ""
		if format != Custom {
			around = "gzip"
		}
		dumps = append(dumps, dump{name, dumptest.Stored(t, name), format, around, newer})
	}
	everywhere := map[string]bool{"custom in a file": true, "custom through a pipe": true, "gzip of plain": true, "empty database, plain": true, "roles only": true}
	for _, d := range dumps {
		t.Run(d.name, func(t *testing.T) {
			p := prove(t, d.data)
			if !p.Whole || p.Reason != "" || p.Format != d.format || strings.Join(p.Packed, " ") != d.Compress {
				t.Fatalf("not whole, or something else: %+v", p)
			}
			sum := sha256.Sum256(d.data)
			if p.SHA256 != hex.EncodeToString(sum[:]) || p.Bytes != int64(len(d.data)) {
				t.Errorf("%d bytes, digest %s", p.Bytes, p.SHA256)
			}
			if rows := rowsOf(p); !maps.Equal(rows, d.rows) {
				t.Errorf("rows %v, want %v", rows, d.rows)
			}
			if empty := len(d.rows) == 0; p.NoData != empty {
				t.Errorf("no data: %v", p.NoData)
			}
			if !altered[d.name] {
				nothingLess(t, d.data, d.format, everywhere[d.name])
			}
			nothingMore(t, d.data, d.format)
		})
	}
	t.Run("flipped", func(t *testing.T) { flipped(t, custom, dumptest.Compress(t, "gzip", sql)) })
}

// nothingLess truncates a dump at every byte, or at every byte near both ends and at some in between.
func nothingLess(t *testing.T, data []byte, format Format, everywhere bool) {
	t.Helper()
	for cut := 0; cut < len(data); cut++ {
		if !everywhere && cut > 60 && cut < len(data)-60 && rand.IntN(len(data)) > 60 {
			continue
		}
		p := prove(t, data[:cut])
		if p.Whole && format == Custom && secondTOC(data) == cut {
			continue // what pg_dump would have written into a pipe
		}
		want := Truncated
		if cut == 0 || len(p.Packed) > 0 && p.Reason == Empty {
			want = Empty
		}
		if p.Whole || p.Reason != want || p.Detail == "" {
			if format == Tar && cut < tarBlock || format == Directory && cut < tarBlock {
				continue // nothing tells a tar archive before its first header is complete; not whole is enough
			}
			t.Fatalf("cut at %d of %d: %+v", cut, len(data), p)
		}
		if p.Tables != nil || p.NoData {
			t.Fatalf("cut at %d: rows of what is not whole: %+v", cut, p)
		}
	}
}

// secondTOC is where the table of contents stands once more: behind the end of the data blocks.
func secondTOC(data []byte) int {
	in := newInput(bytes.NewReader(data))
	a := &archive{in: in}
	if a.header() != nil {
		return -1
	}
	at := in.pos()
	if i := bytes.LastIndex(data, data[at:at+5]); i > int(at) {
		return i
	}
	return -1
}

// nothingMore appends invalid data.
func nothingMore(t *testing.T, data []byte, format Format) {
	t.Helper()
	random := make([]byte, 700)
	for i := range random {
		random[i] = byte(rand.IntN(256))
	}
	for name, more := range map[string][]byte{"a letter": []byte("x"), "a word": []byte("garbage\n"), "zeros": make([]byte, 600), "random": random, "itself, cut": data[:len(data)-5]} {
		p := prove(t, slices.Concat(data, more))
		tarred := format == Tar || format == Directory
		if name == "zeros" && tarred && len(p.Packed) == 0 && p.Whole {
			continue
		}
		if p.Whole {
			t.Errorf("%s behind it: %+v", name, p)
		}
	}
}

// flipped changes one bit at a time where a checksum should notice: what is called whole then must hold the same bytes, as it does where the
// compressed data has several ways to say the same.
func flipped(t *testing.T, custom, gzipped []byte) {
	start, content := unpackCustom(custom)
	for i := start; i < len(custom); i += 1 + rand.IntN(3) {
		bad := bytes.Clone(custom)
		bad[i] ^= 1 << (i % 8)
		if p := prove(t, bad); p.Whole {
			if _, unpacked := unpackCustom(bad); !bytes.Equal(unpacked, content) {
				t.Errorf("custom: bit %d of byte %d flipped: whole", i%8, i)
			}
		}
	}
	// Before the data nothing has a checksum: at least nothing may be called whole with other rows.
	for i := range start {
		bad := bytes.Clone(custom)
		bad[i] ^= 1 << (i % 8)
		if p := prove(t, bad); p.Whole {
			var total int64
			for _, table := range p.Tables {
				total += table.Rows
			}
			if total != 71 {
				t.Errorf("custom: byte %d flipped: whole with %d rows", i, total)
			}
		}
	}
	unpack := func(data []byte) []byte {
		r, err := gzip.NewReader(bytes.NewReader(data))
		if err != nil {
			return nil
		}
		content, _ := io.ReadAll(r)
		return content
	}
	for i := 10; i < len(gzipped); i += 1 + rand.IntN(3) { // behind the header, which has no checksum
		bad := bytes.Clone(gzipped)
		bad[i] ^= 1 << (i % 8)
		if p := prove(t, bad); p.Whole && !bytes.Equal(unpack(bad), unpack(gzipped)) {
			t.Errorf("gzip: bit %d of byte %d flipped: whole", i%8, i)
		}
	}
}

// unpackCustom returns where the data blocks of a dump begin, and all their content.
func unpackCustom(data []byte) (start int, content []byte) {
	a := &archive{in: newInput(bytes.NewReader(data))}
	if a.header() != nil || a.toc() != nil {
		return 0, nil
	}
	start = int(a.in.pos())
	for {
		kind, err := a.in.ReadByte()
		if err != nil {
			return start, content
		}
		id, _ := a.int()
		content = fmt.Appendf(content, "%d:", id)
		for {
			if kind == blockBlobs {
				if id, err = a.int(); id == 0 || err != nil {
					break
				}
			}
			packed, _ := io.ReadAll(&chunks{archive: a})
			z, err := zlib.NewReader(bytes.NewReader(packed))
			if err == nil {
				plain, err := io.ReadAll(z)
				content = fmt.Appendf(append(content, plain...), "%v", err)
			}
			if kind == blockData {
				break
			}
		}
	}
}
