package backup

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/thenexusengine/catalyst_exporter/backup/dump"
	"github.com/thenexusengine/catalyst_exporter/files"
	"github.com/thenexusengine/catalyst_exporter/internal/dumptest"
)

func put(t *testing.T, path string, data []byte, age time.Duration) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	at := time.Now().Add(-age)
	if err := os.Chtimes(path, at, at); err != nil {
		t.Fatal(err)
	}
}

// rested is a ledger in whose eyes every file has rested.
func rested() *Ledger {
	return &Ledger{Now: func() time.Time { return time.Now().Add(time.Minute) }}
}

func TestLedger(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	path := filepath.Join(dir, "a.sql.gz")
	data := dumptest.Stored(t, "pg17-gzip.dump")
	put(t, path, data, time.Hour)
	l := rested()
	if p, err := l.Prove(ctx, path); err != nil || !p.Whole || p.Format != dump.Custom || p.Packed != nil {
		t.Fatalf("%+v, %v", p, err)
	}
	id, _, err := dump.Identify(ctx, path)
	if err != nil {
		t.Fatal(err)
	}
	if p, ok := l.Known(id); !ok || !p.Whole {
		t.Errorf("%+v, %v", p, ok)
	}
	// A changed file is read again.
	put(t, path, data[:len(data)-1], time.Hour)
	if p, err := l.Prove(ctx, path); err != nil || p.Reason != dump.Truncated {
		t.Errorf("%+v, %v", p, err)
	}
	for name, want := range map[string]error{"none": fs.ErrNotExist, ".": nil} {
		if p, err := l.Prove(ctx, filepath.Join(dir, name)); !errors.Is(err, want) || p.Whole {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
	}
	// A recently written file is verified, but not cached.
	now := time.Now()
	l.Now = func() time.Time { return now }
	put(t, path, data, 0)
	if p, err := l.Prove(ctx, path); err != nil || !p.Whole {
		t.Errorf("%+v, %v", p, err)
	}
	id, _, _ = dump.Identify(ctx, path)
	if p, ok := l.Known(id); ok {
		t.Errorf("kept: %+v", p)
	}
}

func TestLedger_Manifests(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "a.age")
	sidecar := path + ".sha256"
	put(t, path, []byte(dumptest.Age(100)), time.Hour)
	digest := fmt.Sprintf("%x", sha256.Sum256([]byte(dumptest.Age(100))))
	other := strings.Repeat("0", 64)
	for _, test := range []struct {
		name   string
		text   string
		age    time.Duration
		reason dump.Reason
		detail string
	}{
		{"none", "", 0, dump.Opaque, "add a file with its SHA-256"},
		{"fits", digest, 0, "", ""},
		{"fits, and is older", digest, 2 * time.Hour, "", ""}, // it was copied without its time
		{"does not fit", other, 0, dump.Mismatch, "has a SHA-256 that differs"},
		{"does not fit, and is older", other, 2 * time.Hour, dump.Opaque, "add a file with its SHA-256"},
		{"is none", "no digest", 0, dump.Opaque, "cannot be used"},
	} {
		if test.text != "" {
			put(t, sidecar, []byte(test.text), test.age)
		}
		p, err := rested().Prove(ctx, path)
		if err != nil || p.Whole != (test.reason == "") || p.ByManifest != p.Whole || p.Reason != test.reason || !strings.Contains(p.Detail, test.detail) {
			t.Errorf("%s: %+v, %v", test.name, p, err)
		}
	}
}

func TestLedger_Directory(t *testing.T) {
	ctx := context.Background()
	dir := filepath.Join(t.TempDir(), "nightly")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	toc := &dumptest.Archive{}
	toc.Header(14, 1, 3)
	toc.Number(1)
	toc.Entry(2, 1, "TABLE DATA", "a", "COPY public.a (x) FROM stdin;\n", "2.dat")
	put(t, filepath.Join(dir, "toc.dat"), toc.Bytes(), time.Hour)
	put(t, filepath.Join(dir, "2.dat.gz"), dumptest.Compress(t, "gzip", []byte("1\n2\n\\.\n")), time.Hour)
	l := rested()
	p, err := l.Prove(ctx, dir)
	if err != nil || !p.Whole || p.Format != dump.Directory || len(p.Tables) != 1 || p.Tables[0].Rows != 2 || p.Bytes == 0 || len(p.SHA256) != 64 {
		t.Fatalf("%+v, %v", p, err)
	}
	id, _, err := dump.Identify(ctx, dir)
	if _, ok := l.Known(id); !ok || err != nil {
		t.Errorf("not kept: %v", err)
	}
	put(t, filepath.Join(dir, "2.dat.gz"), dumptest.Compress(t, "gzip", []byte("1\n3\n\\.\n")), time.Hour)
	if q, err := l.Prove(ctx, dir); err != nil || !q.Whole || q.SHA256 == p.SHA256 {
		t.Errorf("another content: %+v, %v", q, err)
	}
	if err := os.Remove(filepath.Join(dir, "2.dat.gz")); err != nil {
		t.Fatal(err)
	}
	if q, err := l.Prove(ctx, dir); err != nil || q.Reason != dump.Truncated {
		t.Errorf("without a table: %+v, %v", q, err)
	}
}

// TestLedger_Changed: a file that changes during the read gets no verdict.
func TestLedger_Changed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.sql")
	data := []byte(dumptest.Begin + strings.Repeat("SELECT 1;\n", 1000) + dumptest.End)
	for name, change := range map[string]func(f *os.File) error{
		"grows":     func(f *os.File) error { _, err := f.WriteAt([]byte("more"), int64(len(data))); return err },
		"shrinks":   func(f *os.File) error { return f.Truncate(100) },
		"rewritten": func(f *os.File) error { _, err := f.WriteAt([]byte("SELECT 2"), 200); return err },
		"replaced":  func(f *os.File) error { return os.Rename(f.Name(), f.Name()) },
	} {
		put(t, path, data, time.Hour)
		id, _, err := dump.Identify(context.Background(), path)
		if err != nil {
			t.Fatal(err)
		}
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		// The change comes with the first look at the context, which is behind the file's opening.
		ctx := &onErr{Context: context.Background(), f: func() {
			if err := change(f); err != nil {
				t.Error(err)
			}
		}}
		p, err := rested().read(ctx, path, id)
		_ = f.Close()
		if changed := name != "replaced"; changed != errors.Is(err, files.ErrChanged) {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
	}
	put(t, path, data, time.Hour)
	if p, err := rested().read(context.Background(), path, files.Identity{}); !errors.Is(err, files.ErrChanged) {
		t.Errorf("another one: %+v, %v", p, err)
	}
}

// onErr does something when it is first asked whether it is over.
type onErr struct {
	context.Context
	f func()
}

func (c *onErr) Err() error {
	if c.f != nil {
		c.f()
		c.f = nil
	}
	return c.Context.Err()
}

// TestLedger_SharesReading: simultaneous requests share one reading, which continues while anyone waits.
func TestLedger_SharesReading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &Ledger{}
		id := files.Identity{Inode: 1, Modified: time.Now().Add(-time.Hour), Changed: time.Now().Add(-time.Hour)}
		var begun, ended, most, at atomic.Int32
		prove := func(ctx context.Context) (dump.Proof, error) {
			begun.Add(1)
			most.Store(max(most.Load(), at.Add(1)))
			defer at.Add(-1)
			select {
			case <-time.After(10 * time.Second):
				ended.Add(1)
				return dump.Proof{Whole: true}, nil
			case <-ctx.Done():
				time.Sleep(time.Second) // as long as a Read may take
				return dump.Proof{}, ctx.Err()
			}
		}
		var answers [6]error
		ask := func(i int, after, patience time.Duration) {
			go func() {
				time.Sleep(after)
				ctx, cancel := context.WithTimeout(context.Background(), patience)
				defer cancel()
				_, answers[i] = l.proof(ctx, id, prove)
			}()
		}
		// The first two go before it is read, and nobody waits: it ends. Who comes while it is ending gets a reading of its own.
		ask(0, 0, 3*time.Second)
		ask(1, time.Second, 3*time.Second)
		ask(2, 4500*time.Millisecond, time.Minute)
		ask(3, 4600*time.Millisecond, time.Minute)
		time.Sleep(30 * time.Second)
		synctest.Wait()
		for i, want := range []error{context.DeadlineExceeded, context.DeadlineExceeded, nil, nil} {
			if !errors.Is(answers[i], want) {
				t.Errorf("answer %d: %v", i, answers[i])
			}
		}
		if begun.Load() != 2 || ended.Load() != 1 || most.Load() != 1 {
			t.Errorf("begun %d times, ended %d times, %d at once", begun.Load(), ended.Load(), most.Load())
		}
		ask(4, 0, time.Minute) // from memory
		synctest.Wait()
		if answers[4] != nil || begun.Load() != 2 {
			t.Errorf("%v, begun %d times", answers[4], begun.Load())
		}
	})
}

func TestLedger_Evicts(t *testing.T) {
	l := &Ledger{kept: make(map[files.Identity]*kept)}
	at := time.Now()
	for i := range maxKept + 5 {
		l.keep(files.Identity{Inode: uint64(i)}, dump.Proof{}, at.Add(time.Duration(i)))
	}
	if _, ok := l.Known(files.Identity{Inode: 4}); ok || len(l.kept) != maxKept {
		t.Errorf("%d kept", len(l.kept))
	}
	if _, ok := l.Known(files.Identity{Inode: 5}); !ok {
		t.Error("the wrong one was forgotten")
	}
}
