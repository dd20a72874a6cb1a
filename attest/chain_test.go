package attest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/files"
)

func open(t testing.TB, dir string) *Chain {
	t.Helper()
	c, err := OpenChain(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// opened opens a chain that must have no problems.
func opened(t testing.TB, dir string) *Chain {
	t.Helper()
	c := open(t, dir)
	if err := c.Err(); err != nil {
		t.Fatal(err)
	}
	return c
}

func add(t testing.TB, c *Chain, r Record) Record {
	t.Helper()
	written, err := c.Append(r, false)
	if err != nil {
		t.Fatal(err)
	}
	return written
}

func version(v string) ReleaseID { return ReleaseID{v, "abcdef0123"} }

func passed(items ...string) []Verdict {
	var out []Verdict
	for _, i := range items {
		out = append(out, Verdict{Item: i, State: "pass"})
	}
	return out
}

// TestChain_Life walks through three releases. After each step the chain is read again and must have the expected
// state.
func TestChain_Life(t *testing.T) {
	dir := filepath.Join(t.TempDir(), ".catalyst", "releases")
	c := opened(t, dir)
	if c.Planned() != nil || c.Recorded() != nil || c.Previous() != nil || len(c.Records) != 0 {
		t.Fatalf("an empty chain says %+v", c)
	}
	steps := []struct {
		record                      Record
		planned, recorded, previous string // version (record number since hour)
	}{
		{Record{Phase: PhasePlanned, Release: version("1")}, "1 (1 since 0)", "", ""},
		{Record{Phase: PhasePlanned, Release: version("2")}, "2 (2 since 1)", "", ""}, // replaces the first
		{Record{Phase: PhaseRecorded, Release: version("2"), Gate: passed("a/gate"), Frozen: passed("a/backup")}, "", "2 (3 since 2)", ""},
		{Record{Phase: PhaseFrozen, Frozen: passed("a/hour")}, "", "2 (3 since 2)", ""},
		{Record{Phase: PhasePlanned, Release: version("3")}, "3 (5 since 4)", "2 (3 since 2)", ""},
		{Record{Phase: PhaseCancelled}, "", "2 (3 since 2)", ""},
		{Record{Phase: PhasePlanned, Release: version("4")}, "4 (7 since 6)", "2 (3 since 2)", ""},
		{Record{Phase: PhaseRecorded, Release: version("4")}, "", "4 (8 since 7)", "2 (3 since 2)"},
		{Record{Phase: PhaseRecorded, Release: version("5")}, "", "5 (9 since 8)", "4 (8 since 7)"}, // without a plan
		{Record{Phase: PhasePlanned, Release: version("6")}, "6 (10 since 9)", "5 (9 since 8)", "4 (8 since 7)"},
		{Record{Phase: PhaseRolledBack}, "6 (10 since 9)", "4 (8 since 10)", "2 (3 since 2)"},
		{Record{Phase: PhaseFrozen, Of: 9, Frozen: passed("a/hour")}, "6 (10 since 9)", "4 (8 since 10)", "2 (3 since 2)"}, // of the one rolled back
		{Record{Phase: PhaseRolledBack}, "6 (10 since 9)", "2 (3 since 12)", ""},
		{Record{Phase: PhaseRecorded, Release: version("6")}, "", "6 (14 since 13)", "2 (3 since 12)"},
	}
	for i, step := range steps {
		step.record.At = noon.Add(time.Duration(i) * time.Hour)
		step.record.By = person
		written := add(t, c, step.record)
		if written.Number != i+1 || !written.At.Equal(step.record.At) {
			t.Fatalf("step %d wrote %+v", i, written)
		}
		again := opened(t, dir)
		for _, c := range []*Chain{c, again} {
			got := []string{show(c.Planned()), show(c.Recorded()), show(c.Previous())}
			if want := []string{step.planned, step.recorded, step.previous}; !reflect.DeepEqual(got, want) {
				t.Errorf("step %d: %q, want %q", i, got, want)
			}
		}
		if !reflect.DeepEqual(c.Records, again.Records) {
			t.Errorf("step %d: in memory %+v\non disk %+v", i, c.Records, again.Records)
		}
	}
	for _, tt := range []struct {
		number int
		item   string
		frozen string
	}{{3, "a/backup", "14"}, {3, "a/hour", ""}, {9, "a/hour", "23"}, {3, "a/gate", ""}, {8, "a/hour", ""}, {99, "a/hour", ""}} {
		v, ok := c.Frozen(tt.number, tt.item)
		if ok != (tt.frozen != "") || ok && (v.At.Format("15") != tt.frozen || v.State != "pass") {
			t.Errorf("%s of %d is %+v, %v", tt.item, tt.number, v, ok)
		}
	}
	if v, ok := c.Gate(3, "a/gate"); !ok || !v.At.Equal(noon.Add(2*time.Hour)) {
		t.Errorf("gate says %+v, %v", v, ok)
	}
	if _, ok := c.Gate(3, "a/backup"); ok {
		t.Error("a frozen verdict is one of the gate")
	}
	if _, ok := c.Gate(4, "a/gate"); ok {
		t.Error("a record of no release has a gate")
	}
	rollback := c.Records[10]
	if rollback.Of != 9 || rollback.Reinstates != 8 || rollback.Release != version("4") {
		t.Errorf("the rollback is %+v", rollback)
	}
	if r := c.Recorded(); c.Previous().Since.Equal(c.Previous().At) || !r.Since.Equal(r.At) {
		t.Errorf("since %v and %v", c.Previous().Since, r.Since)
	}
}

func show(r *Release) string {
	if r == nil {
		return ""
	}
	return fmt.Sprintf("%s (%d since %d)", r.Release.Version, r.Number, r.Since.Sub(noon)/time.Hour)
}

func TestAppend_Rejects(t *testing.T) {
	two := []Record{{Phase: PhaseRecorded, Release: version("1"), Frozen: passed("a/b")}, {Phase: PhaseRecorded, Release: version("2")}}
	planned := append(two[:2:2], Record{Phase: PhasePlanned, Release: version("3")})
	tests := []struct {
		name   string
		before []Record
		next   Record
		err    string
	}{
		{"cancel nothing", two, Record{Phase: PhaseCancelled, Of: 1, Release: version("1")}, "no release is planned"},
		{"roll back nothing", nil, Record{Phase: PhaseRolledBack}, "no release is recorded: there is nothing to roll back"},
		{"roll back the first", two[:1], Record{Phase: PhaseRolledBack}, "1 (abcdef0) has no previous release: there is nothing to roll back to"},
		{"other than planned", planned, Record{Phase: PhaseRecorded, Release: version("4")}, "planned release is 3 (abcdef0), not 4 (abcdef0): plan that release first"},
		{"other commit than planned", planned, Record{Phase: PhaseRecorded, Release: ReleaseID{"3", "fffffff"}}, "planned release is 3 (abcdef0), not 3 (fffffff)"},
		{"no release", two, Record{Phase: PhasePlanned}, "release"},
		{"freeze twice", two, Record{Phase: PhaseFrozen, Of: 1, Frozen: passed("a/b")}, "a/b of release 1 (abcdef0) is already frozen"},
		{"freeze what is none", planned, Record{Phase: PhaseFrozen, Of: 3, Frozen: passed("a/b")}, "record 3 is not a recorded release"},
		{"freeze of nothing", nil, Record{Phase: PhaseFrozen, Frozen: passed("a/b")}, "record 0 is not a recorded release"},
		{"freeze nothing", two, Record{Phase: PhaseFrozen}, "requires frozen verdicts"},
		{"unknown phase", two, Record{Phase: "blessed", Release: version("3")}, "phase"},
		{"no text", two, Record{Phase: PhasePlanned, Release: version("3"), Note: "\xff"}, "not UTF-8"},
		{"control characters", two, Record{Phase: PhasePlanned, Release: version("3"), By: "\x1b"}, "by: must be one line"},
		{"clock set back", two, Record{Phase: PhasePlanned, Release: version("3"), At: noon.Add(-Skew - time.Second)}, "current time is 2026-11-23T11:54:59Z, but record 2 was written at 2026-11-23T12:00:00Z: set the clock"},
		{"no time", nil, Record{Phase: PhasePlanned, Release: version("3"), At: time.Unix(-1, 0)}, "at: is not a plausible date"},
		{"far too long", two, Record{Phase: PhasePlanned, Release: version("3"), Issues: manyIssues()}, "limit is"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			c := opened(t, dir)
			for _, r := range tt.before {
				r.At = noon
				add(t, c, r)
			}
			if tt.next.At.IsZero() {
				tt.next.At = noon
			}
			_, err := c.Append(tt.next, false)
			want(t, err, tt.err)
			if again := opened(t, dir); len(again.Records) != len(tt.before) || len(c.Records) != len(tt.before) {
				t.Error("a rejected record was written")
			}
		})
	}
}

func manyIssues() []string {
	var out []string
	for range 1100 {
		out = append(out, strings.Repeat("x", 1000))
	}
	return out
}

func TestAppend_CleansDetails(t *testing.T) {
	dir := t.TempDir()
	gate := []Verdict{{Item: "a/b", State: "fail", Reason: "error", Detail: "panic:\n\x1b[31mred" + strings.Repeat("x", 2000), At: noon.Add(time.Millisecond)}}
	r := add(t, opened(t, dir), Record{Phase: PhaseRecorded, At: noon, Release: version("1"), Gate: gate})
	if got := r.Gate[0]; !strings.HasPrefix(got.Detail, "panic:  [31mred") || len(got.Detail) > maxText || !got.At.Equal(noon) {
		t.Errorf("wrote %+v", got)
	}
	if !strings.Contains(gate[0].Detail, "\n") {
		t.Error("the caller's verdicts were changed")
	}
}

// TestAppend_Concurrent: of many writers that open the same chain and append, one succeeds.
func TestAppend_Concurrent(t *testing.T) {
	dir := t.TempDir()
	add(t, opened(t, dir), Record{Phase: PhasePlanned, At: noon, Release: version("0")})
	const writers = 8
	errs := make([]error, writers)
	start := make(chan struct{})
	var all sync.WaitGroup
	for i := range writers {
		c := opened(t, dir)
		all.Go(func() {
			<-start
			phase := []Phase{PhasePlanned, PhaseRecorded}[i%2] // the file name must not depend on it
			_, errs[i] = c.Append(Record{Phase: phase, At: noon, Release: version("0"), Note: fmt.Sprint(i)}, false)
		})
	}
	close(start)
	all.Wait()
	won := 0
	for _, err := range errs {
		switch {
		case err == nil:
			won++
		case !errors.Is(err, ErrTaken):
			t.Errorf("a loser is told %v", err)
		}
	}
	if c := opened(t, dir); won != 1 || len(c.Records) != 2 {
		t.Errorf("%d succeeded, %d records", won, len(c.Records))
	}
}

func TestAppend_FullDisk(t *testing.T) {
	dir := fullDisk(t)
	c := opened(t, dir)
	r := Record{Phase: PhasePlanned, At: noon, Release: version("1")}
	if _, err := c.Append(r, false); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("got %v", err)
	}
	if again := opened(t, dir); len(again.Records) != 0 || c.Planned() != nil {
		t.Error("a partial record exists")
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
	if err := os.Remove(filepath.Join(dir, "filler")); err != nil {
		t.Fatal(err)
	}
	add(t, c, r)
	opened(t, dir)
}

// TestHead_Lags: a record without an updated head is valid, and the next one updates the head.
func TestHead_Lags(t *testing.T) {
	dir := t.TempDir()
	c := opened(t, dir)
	head := filepath.Join(dir, headName)
	for i := range 3 {
		add(t, c, Record{Phase: PhasePlanned, At: noon, Release: version(fmt.Sprint(i))})
		if i == 1 {
			data, err := os.ReadFile(head)
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				writeFile(t, head, string(data), 0o644) // of record 2, while there are 3
				c := opened(t, dir)
				add(t, c, Record{Phase: PhasePlanned, At: noon, Release: version("4")})
				if got, err := os.ReadFile(head); err != nil || !strings.HasSuffix(string(got), "  0004.yaml\n") {
					t.Errorf("head %q, %v", got, err)
				}
				if err := os.Remove(head); err != nil {
					t.Fatal(err)
				}
				if c := open(t, dir); len(c.Problems) != 1 || c.Problems[0].Kind != RecordMissing {
					t.Errorf("got %v without a head", c.Problems)
				}
			}()
		}
	}
}

func TestChain_Cache(t *testing.T) {
	dir := t.TempDir()
	c := opened(t, dir)
	add(t, c, Record{Phase: PhasePlanned, At: noon, Release: version("1")})
	cache := &files.Cache{Now: func() time.Time { return time.Now().Add(time.Hour) }}
	for range 2 {
		if c, err := OpenChain(dir, cache); err != nil || c.Err() != nil || c.Planned() == nil {
			t.Fatalf("%+v, %v", c, err)
		}
	}
	add(t, c, Record{Phase: PhaseCancelled, At: noon})
	if c, err := OpenChain(dir, cache); err != nil || c.Err() != nil || c.Planned() != nil {
		t.Errorf("%+v, %v", c, err)
	}
	path := filepath.Join(dir, "0001.yaml")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, path, strings.Replace(string(data), "planned", "plannet", 1), 0o644)
	if c, err := OpenChain(dir, cache); err != nil || c.Err() == nil {
		t.Errorf("a change behind the cache: %+v, %v", c, err)
	}
}

func TestOpenChain_Folder(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	writeFile(t, file, "", 0o644)
	if _, err := OpenChain(file, nil); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file in the folder's place: %v", err)
	}
}

// TestOverlooked: a record that a listing missed while the folder grew is found by its number.
func TestOverlooked(t *testing.T) {
	s := newScene(t)
	c := &Chain{dir: s.dir}
	got := c.overlooked([]string{"0001.yaml", "0003.yaml"}, 5)
	slices.Sort(got)
	if want := []string{"0001.yaml", "0002.yaml", "0003.yaml", "0004.yaml", "0005.yaml"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
