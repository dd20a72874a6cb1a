package attest

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/internal/parts"
	"github.com/thenexusengine/catalyst_exporter/schema"
)

// simple is a claim with only the required fields.
func simple(item string) Claim {
	return Claim{Item: item, By: person, At: noon, ValidFor: schema.Duration(24 * time.Hour)}
}

func made(t testing.TB, c Claim, signers ...key) *Attestation {
	t.Helper()
	a, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range signers {
		if err := a.Sign(k); err != nil {
			t.Fatal(err)
		}
	}
	return a
}

func TestStore_WriteAndLoad(t *testing.T) {
	k := newKey(t, "ed25519")
	dir := filepath.Join(t.TempDir(), "catalyst", "attestations")
	if claims, err := Load(dir); claims != nil || err != nil {
		t.Fatalf("missing folder: %v, %v", claims, err)
	}
	c := simple("backup/restore_tested")
	c.At = noon.Add(500 * time.Millisecond).In(time.FixedZone("", 3600))
	c.Basis.Items = []string{"b", "a", "b"}
	signed := made(t, c, k)
	c = simple("status_page")
	c.At = noon.Add(-time.Hour)
	unsigned := made(t, c)
	for _, a := range []*Attestation{signed, unsigned} {
		path, err := a.Write(dir)
		if err != nil {
			t.Fatal(err)
		}
		if path != filepath.Join(dir, a.Name) {
			t.Errorf("written to %s", path)
		}
	}
	if !strings.HasPrefix(signed.Name, "20261123T120000Z-backup.restore_tested-") || !strings.HasPrefix(unsigned.Name, "20261123T110000Z-status_page-") {
		t.Errorf("named %s and %s", signed.Name, unsigned.Name)
	}
	claims, err := Load(dir)
	if err != nil || len(claims) != 2 {
		t.Fatalf("%d claims, %v", len(claims), err)
	}
	signers := allow(t, "%s %s", person, k.line())
	for i, a := range []*Attestation{unsigned, signed} { // by time
		if got := claims[i]; got.Err != nil || got.Name != a.Name || !bytes.Equal(got.Data, a.Data) || !bytes.Equal(got.Signature, a.Signature) {
			t.Errorf("claim %d is %+v, want %+v", i, got, a)
		}
	}
	if claims[1].Seal(signers).Trust != Trusted || claims[0].Seal(signers).Trust != Unsigned {
		t.Errorf("seals %+v, %+v", claims[1].Seal(signers), claims[0].Seal(signers))
	}
	if got := claims[1].Claim; !got.At.Equal(noon) || len(got.Basis.Items) != 2 {
		t.Errorf("claim %+v", got)
	}
	// Never rewritten.
	if _, err := made(t, claims[1].Claim, k).Write(dir); err != nil {
		t.Errorf("a second time: %v", err)
	}
	if after, err := os.ReadFile(filepath.Join(dir, signed.Name+".sig")); err != nil || !bytes.Equal(after, signed.Signature) {
		t.Errorf("signature was changed: %v", err)
	}
	if mode := stat(t, filepath.Join(dir, signed.Name)).Mode(); mode != 0o644 {
		t.Errorf("mode %v", mode)
	}
}

func stat(t *testing.T, path string) fs.FileInfo {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info
}

func TestNew_Rejects(t *testing.T) {
	for name, change := range map[string]func(*Claim){
		"by: required":            func(c *Claim) { c.By = "" },
		"requires an end":         func(c *Claim) { c.ValidFor = 0 },
		"until: must be after at": func(c *Claim) { c.ValidFor, c.Until.Time = 0, noon.Add(time.Millisecond) },
		"item: must name an item": func(c *Claim) { c.Item = "../x" },
		"note: must be text":      func(c *Claim) { c.Note = "\x1b[2J" },
		"text that is not UTF-8":  func(c *Claim) { c.Evidence = "\xff" },
		"limit is":                func(c *Claim) { c.Basis.Items = manyItems(1200) },
	} {
		c := simple("restore_tested")
		change(&c)
		a, err := New(c)
		if want(t, err, name); a != nil {
			t.Errorf("%s: returns the claim all the same", name)
		}
	}
}

func manyItems(n int) []string {
	var items []string
	for i := range n {
		items = append(items, strings.Repeat("a", 60)+string(rune('a'+i%26))+string(rune('a'+i/26%26))+string(rune('a'+i/676)))
	}
	return items
}

// TestLoad_ReportsEachFile: a fault of one file hides no other file.
func TestLoad_ReportsEachFile(t *testing.T) {
	k := newKey(t, "ed25519")
	dir := t.TempDir()
	good := made(t, simple("restore_tested"), k)
	if _, err := good.Write(dir); err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(dir, "1-bad.yaml"), "item: restore_tested\nby: one@example.com\nat: never\nvalid_for: 1d\n", 0o644)
	writeFile(t, filepath.Join(dir, "2-none.yml"), "\x00", 0o644)
	writeFile(t, filepath.Join(dir, "3-large.yaml"), strings.Repeat("#", maxClaim+1), 0o644)
	writeFile(t, filepath.Join(dir, "4-alone.yaml.sig"), "x", 0o644)
	writeFile(t, filepath.Join(dir, "5-sig.yaml"), string(good.Data), 0o644)
	writeFile(t, filepath.Join(dir, "5-sig.yaml.sig"), strings.Repeat("x", maxSignature+1), 0o644)
	writeFile(t, filepath.Join(dir, "README.md"), "x", 0o644)
	writeFile(t, filepath.Join(dir, ".0.yaml.123"), "half a cl", 0o600) // of a process that was killed
	if err := syscall.Mkfifo(filepath.Join(dir, "6-fifo.yaml"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "7-dir.yaml"), 0o755); err != nil {
		t.Fatal(err)
	}
	claims, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	wanted := []struct{ name, err string }{
		{"1-bad.yaml", "1-bad.yaml:3:5: at: expected a time"}, {"2-none.yml", "2-none.yml:1:1: file contains a NUL"}, {good.Name, ""}, {"3-large.yaml", "larger than the limit"},
		{"4-alone.yaml.sig", "signature without its claim 4-alone.yaml"}, {"5-sig.yaml", "larger than the limit"}, {"6-fifo.yaml", "not a regular file"},
		{"7-dir.yaml", "not a regular file"},
	}
	if len(claims) != len(wanted) {
		t.Fatalf("%d claims, want %d", len(claims), len(wanted))
	}
	for i, w := range wanted {
		if claims[i].Name != w.name {
			t.Errorf("claim %d is %s, want %s", i, claims[i].Name, w.name)
		}
		want(t, claims[i].Err, w.err)
	}
	if claims[0].Claim.Item != "restore_tested" {
		t.Errorf("what could be read of a bad claim is %+v", claims[0].Claim)
	}
}

func TestLoad_Folder(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	writeFile(t, file, "", 0o644)
	if _, err := Load(file); err == nil {
		t.Error("a file in the folder's place is no error")
	}
	many := t.TempDir()
	for i := range maxFiles + 1 {
		writeFile(t, filepath.Join(many, "x"+string(rune('a'+i%26))+string(rune('a'+i/26%26))+string(rune('a'+i/676))), "", 0o644)
	}
	_, err := Load(many)
	want(t, err, "more than 10000 files")
}

// TestWrite_FullDisk: nothing that looks like a claim is left.
func TestWrite_FullDisk(t *testing.T) {
	dir := fullDisk(t)
	a := made(t, simple("restore_tested"), newKey(t, "ed25519"))
	_, err := a.Write(dir)
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("got %v", err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

// fullDisk is a folder of a file system without a free block.
func fullDisk(t *testing.T) string {
	t.Helper()
	parts.NeedRoot(t, "a small file system")
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=64k"); err != nil {
		parts.Missing(t, "the right to mount a file system is missing: "+err.Error())
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	err := os.WriteFile(filepath.Join(dir, "filler"), make([]byte, 1<<20), 0o644)
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("the disk is not full: %v", err)
	}
	return dir
}

// TestWrite_Concurrent: of many writers of the same claim, one succeeds.
func TestWrite_Concurrent(t *testing.T) {
	dir := t.TempDir()
	k := newKey(t, "ecdsa") // signs differently each time
	const writers = 8
	errs := make([]error, writers)
	start := make(chan struct{})
	var all sync.WaitGroup
	for i := range writers {
		a := made(t, simple("restore_tested"), k)
		all.Go(func() {
			<-start
			_, errs[i] = a.Write(dir)
		})
	}
	close(start)
	all.Wait()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
		} else {
			t.Errorf("a loser is told %v", err)
		}
	}
	claims, err := Load(dir)
	if won != writers || err != nil || len(claims) != 1 || claims[0].Seal(allow(t, "%s %s", person, k.line())).Trust != Trusted {
		t.Errorf("%d succeeded: %+v, %v", won, claims, err)
	}
}

// TestWrite_AfterInterruption: a leftover signature without its claim does not block a write.
func TestWrite_AfterInterruption(t *testing.T) {
	dir := t.TempDir()
	a := made(t, simple("restore_tested"), newKey(t, "ed25519"))
	writeFile(t, filepath.Join(dir, a.Name+".sig"), "left", 0o644)
	if _, err := a.Write(dir); err != nil {
		t.Fatal(err)
	}
	if claims, err := Load(dir); err != nil || len(claims) != 1 || !bytes.Equal(claims[0].Signature, a.Signature) {
		t.Errorf("%v, %v", claims, err)
	}
}
