// Compression, archives and unreadable content.

package dump

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"strings"
	"testing"

	"github.com/thenexusengine/catalyst_exporter/internal/dumptest"
)

// member is one file of an archive.
type member struct {
	name string
	data []byte
}

func archived(t testing.TB, members ...member) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, m := range members {
		header := &tar.Header{Name: m.name, Mode: 0o600, Size: int64(len(m.data)), Typeflag: tar.TypeReg}
		if strings.HasSuffix(m.name, "/") {
			header.Typeflag = tar.TypeDir
		}
		if err := w.WriteHeader(header); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(m.data); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestArchives(t *testing.T) {
	dump := []byte(dumptest.Begin + "COPY a FROM stdin;\n1\n2\n\\.\n" + dumptest.End)
	half := dump[:len(dump)-30]
	toc := &dumptest.Archive{}
	toc.Header(16, 1, 3)
	toc.Number(3)
	toc.Entry(2, 1, "TABLE DATA", "a", "COPY public.a (x) FROM stdin;\n", "2.dat")
	toc.Entry(3, 1, "TABLE DATA", "b", "", "3.dat")
	toc.Entry(4, 1, "BLOBS", "BLOBS", "", "4.dat")
	parts := func(change map[string]string) []byte {
		files := map[string]string{"toc.dat": toc.String(), "2.dat": "1\n2\n\\.\n\n\n", "3.dat.gz": string(dumptest.Compress(t, "gzip", []byte("INSERT INTO b VALUES (1);\n\n\n"))),
			"blobs_4.toc": "7 blob_7.dat\n8 blob_8.dat\n", "blob_7.dat.lz4": string(dumptest.Compress(t, "lz4", []byte("x"))), "blob_8.dat.zst": ""}
		for name, data := range change {
			files[name] = data
		}
		var members []member
		for name, data := range files { // in any order
			if data != "-" {
				members = append(members, member{"./nightly/" + name, []byte(data)})
			}
		}
		return archived(t, append(members, member{"./nightly/", nil})...)
	}
	type changed = map[string]string
	base := []member{{"PG_VERSION", []byte("15\n")}, {"backup_label", []byte("START WAL")}, {"global/pg_control", []byte{1, 2, 3}}}
	inner := dumptest.Compress(t, "gzip", []byte("log line\n"))
	tests := []struct {
		name   string
		data   []byte
		reason Reason // "" for whole
		detail string
		format Format
		rows   int64
	}{
		{"directory", parts(nil), "", "", Directory, 3},
		{"directory, all in one list", parts(changed{"blobs_4.toc": "-", "blobs.toc": "7 blob_7.dat\n"}), "", "", Directory, 3},
		{"tar", parts(changed{"restore.sql": "--"}), "", "", Tar, 3},
		{"without its table of contents", parts(changed{"toc.dat": "-"}), Truncated, "not its table of contents", Archive, 0},
		{"a table of contents cut", parts(changed{"toc.dat": toc.String()[:toc.Len()-3]}), Truncated, `"toc.dat", which ends inside`, Archive, 0},
		{"a table of contents and more", parts(changed{"toc.dat": toc.String() + "x"}), Invalid, `"toc.dat", which has unexpected data after`, Archive, 0},
		{"a table of contents of another format", parts(changed{"toc.dat": small(16).String()}), Invalid, "the name of a table of contents", Archive, 0},
		{"a table missing", parts(changed{"2.dat": "-"}), Truncated, "lacks 1 of the 3 data files", Directory, 0},
		{"all but the table of contents missing", archived(t, member{"toc.dat", toc.Bytes()}), Truncated, "lacks 3 of the 3 data files", Directory, 0},
		{"a table cut", parts(changed{"2.dat": "1\n2\n"}), Truncated, "lacks the end mark", Directory, 0},
		{"a table of nothing", parts(changed{"2.dat": ""}), Truncated, "lacks the end mark", Directory, 0},
		{"a table of zeros", parts(changed{"2.dat": "\x00\x00\x00\x00"}), Invalid, `"2.dat", which has zero bytes`, Archive, 0},
		{"a table and more", parts(changed{"2.dat": "\\.\n3\n"}), Invalid, "after the end mark", Directory, 0},
		{"a table twice", archived(t, member{"2.dat", []byte("\\.\n")}, member{"2.dat.gz", dumptest.Compress(t, "gzip", []byte("\\.\n"))}), Invalid, "exists twice", Archive, 0},
		{"a compressed table cut", parts(changed{"3.dat.gz": string(inner[:len(inner)-3])}), Truncated, "truncated gzip data", Archive, 0},
		{"a compressed table and more", parts(changed{"3.dat.gz": string(dumptest.Compress(t, "gzip", []byte("\n"))) + "more than ten bytes"}), Invalid, "has damaged gzip data", Archive, 0},
		{"a large object missing", parts(changed{"blob_7.dat.lz4": "-"}), Truncated, "lacks 1 large objects", Directory, 0},
		{"a large object cut", parts(changed{"blob_7.dat.lz4": "\x04\x22\x4d\x18\x60"}), Truncated, "truncated lz4 data", Archive, 0},
		{"a list missing", parts(changed{"blobs_4.toc": "-"}), Truncated, "lacks 1 of the 3", Directory, 0},
		{"a list cut", parts(changed{"blobs_4.toc": "7 blob_7.dat\n8 blo"}), Invalid, "damaged list", Archive, 0},
		{"dumps", archived(t, member{"a.sql", dump}, member{"etc/config.yml", []byte("a: b\n")}, member{"b.sql.gz", dumptest.Compress(t, "gzip", dump)}, member{"log.gz", inner}), "", "", Archive, 4},
		{"a dump and a directory", archived(t, member{"a.sql", dump}, member{"d/toc.dat", one(0).Bytes()}), Invalid, "the name of a table of contents", Archive, 0},
		{"a dump cut", archived(t, member{"a.sql", dump}, member{"b.sql", half}), Truncated, `"b.sql", which ends`, Archive, 0},
		{"a dump cut in gzip", archived(t, member{"b.sql.gz", dumptest.Compress(t, "gzip", half)}), Truncated, `"b.sql.gz", which ends`, Archive, 0},
		{"a dump without content", archived(t, member{"a.sql", dump}, member{"b.sql", nil}), Empty, `"b.sql", which has no content`, Archive, 0},
		{"a gzip of a log for a dump", archived(t, member{"a.sql", dump}, member{"b.sql.gz", inner}), Invalid, `"b.sql.gz", which is text`, Archive, 0},
		{"an archive of an archive", archived(t, member{"a.tar", archived(t, member{"a.sql", dump})}), "", "", Archive, 2},
		{"no dump in an archive in an archive", archived(t, member{"a.tar", archived(t, member{"a.txt", []byte("a")})}), Invalid, "contains no dump", Archive, 0},
		{"no dump", archived(t, member{"a.txt", []byte("a")}), Invalid, "contains no dump", Archive, 0},
		{"a data directory", archived(t, base...), Opaque, "data directory", BaseBackup, 0},
		{"an encrypted dump", archived(t, member{"a.sql.age", []byte(dumptest.Age(100))}), Opaque, `"a.sql.age", which is encrypted`, Archive, 0},
		{"an encrypted key beside a dump", archived(t, member{"a.sql", dump}, member{"key.age", []byte(dumptest.Age(100))}), "", "", Archive, 2},
		{"a sparse end", append(archived(t, member{"a.sql", dump}), make([]byte, 5000)...), "", "", Archive, 2},
		{"two archives", append(archived(t, member{"a.sql", dump}), archived(t, member{"a.sql", dump})...), Invalid, "after the end of the tar", Archive, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := prove(t, test.data)
			var rows int64
			for _, table := range p.Tables {
				rows += table.Rows
			}
			if p.Whole != (test.reason == "") || p.Reason != test.reason || !strings.Contains(p.Detail, test.detail) || p.Format != test.format || rows != test.rows {
				t.Errorf("%d rows, %+v, want %q: … %s …", rows, p, test.reason, test.detail)
			}
		})
	}
	t.Run("cut", func(t *testing.T) { nothingLess(t, parts(nil), Directory, false) })
}

func TestSealed(t *testing.T) {
	dump := []byte(dumptest.Begin + dumptest.End)
	xz := dumptest.Compress(t, "xz", dump)
	long := dumptest.Age(200_000)
	// Symmetric: a packet with the session key, one with data in partial lengths, the last of them not partial.
	pgp := "\x8c\x0d\x04\x09\x03\x0812345678\x60" + "\xd2\xe1ab\xe1cd\x02ef"
	public := "\xc1\x0e\x03123456781ab12" + "\xd2\x03abc"
	old := "\x8c\x0d\x04\x09\x03\x0812345678\x60" + "\xa7everything to the end"
	tests := []struct {
		name      string
		data      string
		reason    Reason
		detail    string
		format    Format
		encrypted bool
	}{
		{"age", dumptest.Age(100), Opaque, "encrypted (age)", Age, true},
		{"age, long", long, Opaque, "encrypted (age)", Age, true},
		{"age, exactly one chunk", dumptest.Age(64 << 10), Opaque, "encrypted (age)", Age, true},
		{"age, in its header", long[:40], Truncated, "truncated", Age, true},
		{"age, without content", long[:len(dumptest.AgeHeader)+20], Truncated, "truncated", Age, true},
		{"age, behind a chunk", dumptest.Age(64<<10) + "0123456789", Truncated, "truncated", Age, true},
		{"armoured age", "-----BEGIN AGE ENCRYPTED FILE-----\nYWdl\n-----END AGE ENCRYPTED FILE-----\n", Opaque, "encrypted (age)", Age, true},
		{"armoured age, cut", "-----BEGIN AGE ENCRYPTED FILE-----\nYWdl\n-----END AGE ENCR", Truncated, "last line of its armour", Age, true},
		{"openpgp", pgp, Opaque, "encrypted (openpgp)", OpenPGP, true},
		{"openpgp, public key", public, Opaque, "encrypted (openpgp)", OpenPGP, true},
		{"openpgp, no length", old, Opaque, "encrypted (openpgp)", OpenPGP, true},
		{"openpgp, cut in its data", pgp[:len(pgp)-1], Truncated, "truncated", OpenPGP, true},
		{"openpgp, cut between parts", pgp[:len(pgp)-3], Truncated, "truncated", OpenPGP, true},
		{"openpgp, cut behind the key", pgp[:15], Truncated, "truncated", OpenPGP, true},
		{"openpgp and more", pgp + "garbage", Invalid, "damaged OpenPGP", OpenPGP, true},
		{"a signature", pgp[:15] + "\xc2\x03abc", Invalid, "not an encrypted message", OpenPGP, true},
		{"armoured openpgp", "-----BEGIN PGP MESSAGE-----\n\nabc\n-----END PGP MESSAGE-----\n", Opaque, "encrypted (openpgp)", OpenPGP, true},
		{"armoured openpgp, cut", "-----BEGIN PGP MESSAGE-----\n\nabc\n", Truncated, "last line of its armour", OpenPGP, true},
		{"zstd with a dictionary", "\x28\xb5\x2f\xfd\x21\x07\x04\x21\x00\x00abcd", Opaque, "dictionary", "", false},
		{"openssl", "Salted__12345678abcdefgh", Opaque, "encrypted (openssl)", OpenSSL, true},
		{"xz", string(xz), Opaque, "xz data, which is not supported", XZ, false},
		{"xz and more", string(xz) + "abcd", Truncated, "truncated", XZ, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := prove(t, []byte(test.data))
			if p.Whole || p.Reason != test.reason || !strings.Contains(p.Detail, test.detail) || p.Format != test.format || p.Encrypted != test.encrypted {
				t.Errorf("%+v, want %s: … %s …", p, test.reason, test.detail)
			}
			if test.reason == Opaque && p.SHA256 == "" {
				t.Error("no digest to compare with a manifest")
			}
		})
	}
	for i := len(xz) - 12; i < len(xz); i++ {
		bad := bytes.Clone(xz)
		bad[i] ^= 1
		if p := prove(t, bad); p.Reason != Truncated {
			t.Errorf("xz with another byte %d of its end: %+v", i, p)
		}
	}
	for cut := range len(xz) {
		if p := prove(t, xz[:cut]); p.Whole || cut > 0 && p.Reason != Truncated {
			t.Errorf("xz cut at %d: %+v", cut, p)
		}
	}
	for cut := range len(pgp) {
		if p := prove(t, []byte(pgp[:cut])); p.Whole || p.Reason == Opaque {
			t.Errorf("openpgp cut at %d: %+v", cut, p)
		}
	}
}

func TestGzip_Members(t *testing.T) {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	w.Name, w.Comment, w.Extra = "dump.sql", "nightly", []byte("extra")
	_, _ = w.Write([]byte(dumptest.Begin + dumptest.End))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if p := prove(t, b.Bytes()); !p.Whole {
		t.Fatalf("%+v", p)
	}
	for cut := range b.Len() {
		if p := prove(t, b.Bytes()[:cut]); p.Reason != Truncated && cut > 0 {
			t.Errorf("cut at %d: %+v", cut, p)
		}
	}
	checksum := bytes.Clone(b.Bytes())
	checksum[len(checksum)-8]++
	length := bytes.Clone(b.Bytes())
	length[len(length)-1]++
	for name, data := range map[string][]byte{"checksum": checksum, "length": length} {
		if p := prove(t, data); p.Reason != Invalid || !strings.Contains(p.Detail, "has damaged gzip data") {
			t.Errorf("%s: %+v", name, p)
		}
	}
}
