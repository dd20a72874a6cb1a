package dump

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestParseManifest(t *testing.T) {
	digest := strings.Repeat("0123456789abcdef", 4)
	other := strings.Repeat("f", 64)
	tests := map[string]struct {
		text string
		size int64 // -2: no digest
	}{
		"sha256sum":               {digest + "  dump.sql.gz\n", -1},
		"sha256sum, binary":       {digest + " *dump.sql.gz\n", -1},
		"sha256sum, with a path":  {digest + "  /var/backups/dump.sql.gz\n", -1},
		"sha256sum, capitals":     {strings.ToUpper(digest) + "  dump.sql.gz\r\n", -1},
		"one of many":             {other + "  a.sql\n" + digest + "  dump.sql.gz\n" + other + "  z.sql\n", -1},
		"alone":                   {digest, -1},
		"alone, with a mark":      {"\ufeff" + digest + "\n", -1},
		"tagged":                  {"SHA256 (a.sql) = " + other + "\nSHA256 (dump.sql.gz) = " + digest + "\n", -1},
		"keys":                    {"file: dump.sql.gz\nsize: 17\nSHA256: " + digest + "\n", 17},
		"keys, equals":            {"sha256=" + digest + "\nbytes=18\n", 18},
		"JSON":                    {`{"sha256": "` + digest + `", "size": 19, "host": "a"}`, 19},
		"JSON without a size":     {`{"SHA256": "` + digest + `"}`, -1},
		"of another file":         {digest + "  other.sql.gz\n", -2},
		"of another file, tagged": {"SHA256 (other.sql.gz) = " + digest + "\n", -2},
		"another algorithm":       {"d41d8cd98f00b204e9800998ecf8427e  dump.sql.gz\n", -2},
		"no digest":               {"zz" + digest[2:] + "  dump.sql.gz\n", -2},
		"JSON without a digest":   {`{"size": 19}`, -2},
		"JSON, cut":               {`{"sha256": "` + digest, -2},
		"nothing":                 {"", -2},
	}
	for name, test := range tests {
		m, err := ParseManifest([]byte(test.text), "dump.sql.gz")
		if test.size == -2 {
			if !errors.Is(err, ErrNoDigest) || m.SHA256 != "" {
				t.Errorf("%s: %+v, %v", name, m, err)
			}
			continue
		}
		if err != nil || m.SHA256 != digest || m.Size != test.size {
			t.Errorf("%s: %+v, %v", name, m, err)
		}
	}
}

func TestManifestOf(t *testing.T) {
	dir := t.TempDir()
	digest := strings.Repeat("0", 64)
	path := filepath.Join(dir, "dump.sql.gz")
	if m, err := ManifestOf(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("none: %+v, %v", m, err)
	}
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("SHA256SUMS", strings.Repeat("1", 64)+"  other\n")
	if m, err := ManifestOf(path); !errors.Is(err, ErrNoDigest) {
		t.Errorf("of others: %+v, %v", m, err)
	}
	write("SHA256SUMS", digest+"  dump.sql.gz\n")
	if m, err := ManifestOf(path); err != nil || m.SHA256 != digest || m.Modified.IsZero() {
		t.Errorf("of all: %+v, %v", m, err)
	}
	write("dump.sql.gz.sha256", strings.Repeat("2", 64))
	if m, err := ManifestOf(path); err != nil || m.SHA256 != strings.Repeat("2", 64) {
		t.Errorf("its own: %+v, %v", m, err)
	}
}

func TestManifest_Against(t *testing.T) {
	whole := Proof{Whole: true, Bytes: 10, SHA256: "aa"}
	opaque := Proof{Reason: Opaque, Detail: "encrypted", Bytes: 10, SHA256: "aa", Encrypted: true}
	truncated := Proof{Reason: Truncated, Detail: "cut", Bytes: 10, SHA256: "aa"}
	tests := map[string]struct {
		proof    Proof
		manifest Manifest
		whole    bool
		reason   Reason
		detail   string
		by       bool
	}{
		"agrees":                  {whole, Manifest{"aa", 10, time.Time{}}, true, "", "", true},
		"agrees, no size":         {opaque, Manifest{"aa", -1, time.Time{}}, true, "", "", true},
		"another digest":          {whole, Manifest{"bb", 10, time.Time{}}, false, Mismatch, "has a SHA-256 that differs", false},
		"another digest, sealed":  {opaque, Manifest{"bb", -1, time.Time{}}, false, Mismatch, "has a SHA-256 that differs", false},
		"another size":            {opaque, Manifest{"aa", 11, time.Time{}}, false, Mismatch, "10 bytes long, but its manifest states 11", false},
		"agrees on what is cut":   {truncated, Manifest{"aa", 10, time.Time{}}, false, Truncated, "cut", false},
		"what was not read whole": {Proof{Reason: Opaque, Detail: "x"}, Manifest{"aa", 10, time.Time{}}, false, Opaque, "x", false},
	}
	for name, test := range tests {
		p := test.proof.Against(test.manifest)
		if p.Whole != test.whole || p.Reason != test.reason || !strings.Contains(p.Detail, test.detail) || p.ByManifest != test.by {
			t.Errorf("%s: %+v", name, p)
		}
	}
}

func FuzzParseManifest(f *testing.F) {
	digest := strings.Repeat("0123456789abcdef", 4)
	for _, text := range []string{digest + "  a.sql\n", "SHA256 (a.sql) = " + digest, "sha256: " + digest + "\nsize: 12\n", `{"sha256":"` + digest + `","size":3}`} {
		f.Add([]byte(text), "a.sql")
	}
	f.Fuzz(func(t *testing.T, data []byte, name string) {
		m, err := ParseManifest(data, name)
		if (err == nil) != (len(m.SHA256) == 64) || err == nil && m.SHA256 != strings.ToLower(m.SHA256) {
			t.Fatalf("%+v, %v", m, err)
		}
	})
}
