package dump

import (
	"bytes"
	"context"
	"errors"
	"io"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/thenexusengine/catalyst_exporter/internal/dumptest"
	"github.com/thenexusengine/catalyst_exporter/internal/parts"
)

func TestMain(m *testing.M) { parts.Main(m) }

func TestProve_NotJudged(t *testing.T) {
	dump := []byte(dumptest.Begin + dumptest.End)
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	broken := errors.New("the disk is broken")
	bomb := dumptest.Compress(t, "gzip", append([]byte(dumptest.Begin), bytes.Repeat([]byte{' '}, 10<<20)...))
	tests := []struct {
		name   string
		prover Prover
		ctx    context.Context
		r      io.Reader
		size   int64
		err    error
	}{
		{"cancelled", Prover{}, cancelled, bytes.NewReader(dump), -1, context.Canceled},
		{"unreadable", Prover{}, context.Background(), iotest.ErrReader(broken), -1, broken},
		{"unreadable in the middle", Prover{}, context.Background(), io.MultiReader(bytes.NewReader(dump[:20]), iotest.ErrReader(broken)), -1, broken},
		{"unreadable in gzip", Prover{}, context.Background(), io.MultiReader(bytes.NewReader(bomb[:500]), iotest.ErrReader(broken)), -1, broken},
		{"unreadable in custom", Prover{}, context.Background(), io.MultiReader(bytes.NewReader(dumptest.Stored(t, "pg17-gzip.dump")[:9000]), iotest.ErrReader(broken)), -1, broken},
		{"unreadable in zstd", Prover{}, context.Background(), io.MultiReader(bytes.NewReader(dumptest.Stored(t, "pg17-zstd.dump")[:9000]), iotest.ErrReader(broken)), -1, broken},
		{"unreadable in lz4", Prover{}, context.Background(), io.MultiReader(bytes.NewReader(dumptest.Stored(t, "pg17-lz4.dump")[:9000]), iotest.ErrReader(broken)), -1, broken},
		{"an end of input that is an error", Prover{}, context.Background(), io.MultiReader(bytes.NewReader(dump[:20]), iotest.ErrReader(io.ErrUnexpectedEOF)), -1, io.ErrUnexpectedEOF},
		{"shorter than said", Prover{}, context.Background(), bytes.NewReader(dump), int64(len(dump)) + 1, io.ErrUnexpectedEOF},
		{"longer than said", Prover{}, context.Background(), bytes.NewReader(dump), int64(len(dump)) - 1, ErrLimit},
		{"zstd of a large window", Prover{}, context.Background(), strings.NewReader("\x28\xb5\x2f\xfd\x00\x90\x01\x00\x00"), -1, ErrLimit},
		{"a bomb", Prover{MaxContent: 1 << 20}, context.Background(), bytes.NewReader(bomb), -1, ErrLimit},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p, err := test.prover.Prove(test.ctx, test.r, test.size)
			if !errors.Is(err, test.err) || p.Whole || p.Reason != "" {
				t.Errorf("%+v, %v; want %v", p, err, test.err)
			}
		})
	}
}

// repeated is a text, n times over.
type repeated struct {
	text string
	n    int
	at   int
}

func (r *repeated) Read(p []byte) (int, error) {
	if r.n == 0 {
		return 0, io.EOF
	}
	n := copy(p, r.text[r.at:])
	if r.at += n; r.at == len(r.text) {
		r.at, r.n = 0, r.n-1
	}
	return n, nil
}

func TestProve_Cancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	r := io.MultiReader(strings.NewReader(dumptest.Begin), &repeated{text: "SELECT 1;\n", n: 1000}, readerFunc(func([]byte) (int, error) {
		cancel()
		return 0, nil
	}), &repeated{text: "SELECT 1;\n", n: 1 << 30})
	if p, err := Prove(ctx, r, -1); !errors.Is(err, context.Canceled) {
		t.Errorf("%+v, %v", p, err)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// TestProve_Memory reads half a gigabyte of rows and measures the allocations.
func TestProve_Memory(t *testing.T) {
	row := strings.Repeat("0123456789", 12) + "\n"
	const rows = 4 << 20
	r := io.MultiReader(strings.NewReader(dumptest.Begin+"COPY a FROM stdin;\n"), &repeated{text: strings.Repeat(row, 1024), n: rows / 1024}, strings.NewReader("\\.\n"+dumptest.End))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	p, err := Prove(context.Background(), r, -1)
	runtime.ReadMemStats(&after)
	if err != nil || !p.Whole || p.Tables[0].Rows != rows {
		t.Fatalf("%+v, %v", p, err)
	}
	if used := after.TotalAlloc - before.TotalAlloc; used > 4<<20 {
		t.Errorf("%d bytes allocated for %d read", used, p.Bytes)
	}
}

// TestProve_TableLimit: more tables than the limit are reported, but not stored.
func TestProve_TableLimit(t *testing.T) {
	tally := newTally()
	for i := range MaxTables + 10 {
		tally.add(table{name: strconv.Itoa(i)}, 1)
	}
	tables, partial, none := tally.result()
	if len(tables) != MaxTables || !partial || none || tally.total != MaxTables+10 {
		t.Errorf("%d tables, partial %v, none %v, %d rows", len(tables), partial, none, tally.total)
	}
	// Rows of a known table are still counted.
	if tally.add(table{name: "0"}, 5); tally.tables[0].Rows != 6 {
		t.Errorf("%d rows", tally.tables[0].Rows)
	}
}

func BenchmarkProve(b *testing.B) {
	row := "4711\tuser 4711\t" + strings.Repeat("0123456789", 8) + "\t2026-01-01 00:00:00\t\\N\n"
	var text bytes.Buffer
	text.WriteString(dumptest.Begin + "COPY public.users (id, name, bio, at, x) FROM stdin;\n")
	for text.Len() < 32<<20 {
		text.WriteString(row)
	}
	copied := append(text.Bytes(), "\\.\n\n"+dumptest.End...)
	var inserts bytes.Buffer
	inserts.WriteString(dumptest.Begin)
	for inserts.Len() < 32<<20 {
		inserts.WriteString("INSERT INTO public.users VALUES (4711, 'user 4711', '" + row[20:80] + "', 12.5, NULL);\n")
	}
	inserted := append(inserts.Bytes(), dumptest.End...)
	for name, data := range map[string][]byte{
		"copy": copied, "insert": inserted,
		"gzip": dumptest.Compress(b, "gzip", copied), "zstd": dumptest.Compress(b, "zstd", copied), "lz4": dumptest.Compress(b, "lz4", copied),
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(copied)))
			b.ReportAllocs()
			for b.Loop() {
				p, err := Prove(context.Background(), bytes.NewReader(data), int64(len(data)))
				if err != nil || !p.Whole {
					b.Fatalf("%+v, %v", p, err)
				}
			}
		})
	}
}

func FuzzProve(f *testing.F) {
	// Small ones: the fuzzer spends its time on making large inputs smaller.
	for _, version := range []int{12, 14, 16} {
		f.Add(small(version).Bytes())
	}
	compressed := &dumptest.Archive{}
	compressed.Header(16, 2, 1)
	compressed.Number(1)
	compressed.Entry(2, 1, "TABLE DATA", "a", "COPY a (x) FROM stdin;\n", -1)
	compressed.Block(blockData, 2, string(dumptest.Compress(f, "lz4", []byte("1\n\\.\n"))))
	f.Add(compressed.Bytes())
	f.Add([]byte(dumptest.Begin + "COPY a.b (c) FROM stdin;\n1\n\\.\nINSERT INTO \"a\"\"\" VALUES (1), ('x', E'\\'', $a$b$a$);\n" + dumptest.End))
	f.Add([]byte("--\n-- PostgreSQL database cluster dump\n--\n\n\\connect a\n" + dumptest.Begin + dumptest.End + "--\n-- PostgreSQL database cluster dump complete\n--\n\n"))
	f.Add(dumptest.Compress(f, "gzip", []byte(dumptest.Begin+dumptest.End)))
	f.Add(dumptest.Compress(f, "lz4", []byte(dumptest.Begin+dumptest.End)))
	f.Add(dumptest.Compress(f, "bzip2", []byte(dumptest.Begin+dumptest.End)))
	f.Add(dumptest.Compress(f, "xz", []byte(dumptest.Begin+dumptest.End)))
	f.Add([]byte("age-encryption.org/v1\n-> X25519 a\nb\n--- c\n0123456789abcdef0123456789abcdef"))
	f.Add([]byte("\x8c\x0d\x04\x07\x03\x02\x01\x02\x03\x04\x05\x06\x07\x08\x60\xd2\x05\x01abcd"))
	f.Fuzz(func(t *testing.T, data []byte) {
		prover := Prover{MaxContent: 16 << 20}
		p, err := prover.Prove(context.Background(), bytes.NewReader(data), int64(len(data)))
		if err != nil {
			if !errors.Is(err, ErrLimit) {
				t.Fatal(err)
			}
			return
		}
		if p.Whole == (p.Reason != "") || p.Whole == (p.Detail != "") || p.Bytes > int64(len(data)) {
			t.Fatalf("%+v", p)
		}
		if !p.Whole {
			return
		}
		if p.Format == "" || p.SHA256 == "" || p.Bytes != int64(len(data)) {
			t.Fatalf("%+v", p)
		}
		// The last byte of every format but tar carries its end.
		if p.Format == Custom && len(p.Packed) == 0 {
			if shorter := prove(t, data[:len(data)-1]); shorter.Whole {
				t.Fatalf("whole with one byte less: %+v", shorter)
			}
		}
	})
}
