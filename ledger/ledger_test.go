package ledger

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// minute returns a time after noon.
func minute(n int) time.Time { return noon.Add(time.Duration(n) * time.Minute) }

func pass(item string) Verdict { return Verdict{Item: item, State: "pass"} }
func fails(item string) Verdict {
	return Verdict{Item: item, State: "fail", Reason: "weak"}
}

// opened opens a ledger that the test closes.
func opened(t *testing.T, dir string, at time.Time) *Ledger {
	t.Helper()
	l, err := Open(dir, "shop.ledger", at, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return l
}

func observe(t *testing.T, l *Ledger, at time.Time, verdicts ...Verdict) {
	t.Helper()
	if err := l.Observe(at, verdicts); err != nil {
		t.Fatal(err)
	}
}

// shown writes spans as "12:00-12:05 fail (weak)".
func shown(spans []Span) string {
	var all []string
	for _, s := range spans {
		word := s.State
		if s.Reason != "" {
			word += " (" + s.Reason + ")"
		}
		if s.Waived {
			word += " waived"
		}
		if word == "" {
			word = "?"
		}
		all = append(all, s.From.Format("15:04")+"-"+s.To.Format("15:04")+" "+word)
	}
	return strings.Join(all, ", ")
}

func wantSince(t *testing.T, l *Ledger, item string, want time.Time, exact bool) {
	t.Helper()
	if since, got := l.Since(item); !since.Equal(want) || got != exact {
		t.Errorf("%s since %v (exact %v), want %v (exact %v)", item, since, got, want, exact)
	}
}

func wantHistory(t *testing.T, l *Ledger, item string, from, to time.Time, want string) {
	t.Helper()
	if got := shown(l.History(item, from, to)); got != want {
		t.Errorf("history of %s\n%s, want\n%s", item, got, want)
	}
}

// story is a ledger over an hour: a fails from 12:10 to 12:20, waived from 12:15; b is gone at 12:30; nobody watches from
// 12:30 to 12:50.
func story(t *testing.T, dir string) *Ledger {
	t.Helper()
	l := opened(t, dir, noon)
	observe(t, l, minute(0), pass("c/a"), pass("c/b"))
	observe(t, l, minute(5), pass("c/a"), pass("c/b"))
	observe(t, l, minute(10), fails("c/a"), pass("c/b"))
	waived := fails("c/a")
	waived.Waived = true
	observe(t, l, minute(15), waived, pass("c/b"))
	observe(t, l, minute(20), pass("c/a"), pass("c/b"))
	observe(t, l, minute(30), pass("c/a"))
	observe(t, l, minute(50), pass("c/a"), pass("c/n"))
	observe(t, l, minute(60), pass("c/a"), fails("c/n"))
	return l
}

const (
	historyOfA = "12:00-12:10 pass, 12:10-12:15 fail (weak), 12:15-12:20 fail (weak) waived, 12:20-12:30 pass, 12:30-12:50 ?, 12:50-13:00 pass"
	historyOfB = "12:00-12:30 pass, 12:30-13:00 ?"
)

func wantStory(t *testing.T, l *Ledger) {
	t.Helper()
	wantHistory(t, l, "c/a", minute(0), minute(60), historyOfA)
	wantHistory(t, l, "c/a", minute(-10), minute(2), "11:50-12:00 ?, 12:00-12:02 pass")
	wantHistory(t, l, "c/a", minute(55), minute(70), "12:55-13:00 pass, 13:00-13:10 ?")
	wantHistory(t, l, "c/x", minute(0), minute(60), "")
	wantHistory(t, l, "c/a", minute(60), minute(0), "")
	if got := SumSince(l.History("c/a", minute(0), minute(60)), minute(0)); got != (Sums{5 * time.Minute, 40 * time.Minute}) {
		t.Errorf("sums %+v", got)
	}
	wantSince(t, l, "c/a", minute(20), true)
	wantSince(t, l, "c/n", minute(60), true)
	wantSince(t, l, "c/x", time.Time{}, false)
}

// A state that is found after a time without observations may be older than its observation, also if the item is observed
// later than others.
func TestLedger_FoundAfterGap(t *testing.T) {
	l := opened(t, t.TempDir(), noon)
	observe(t, l, minute(0), pass("c/a"), pass("c/slow"), pass("c/same"))
	observe(t, l, minute(60), fails("c/a"), Verdict{Item: "c/slow"}, pass("c/same"))
	observe(t, l, minute(61), fails("c/a"), fails("c/slow"), pass("c/same"))
	wantSince(t, l, "c/a", minute(60), false)
	wantSince(t, l, "c/slow", minute(61), false)
	wantSince(t, l, "c/same", minute(0), false) // it was so when first seen
	observe(t, l, minute(62), fails("c/a"), pass("c/slow"), fails("c/same"))
	wantSince(t, l, "c/slow", minute(62), true)
	wantSince(t, l, "c/same", minute(62), true)
	wantSince(t, l, "c/a", minute(60), false)
	other := fails("c/a")
	other.Reason = "missing" // is not another state
	observe(t, l, minute(100), other, pass("c/slow"), fails("c/same"))
	wantSince(t, l, "c/a", minute(60), false)
	wantSince(t, l, "c/same", minute(62), true)
}

func TestLedger_History(t *testing.T) {
	dir := t.TempDir()
	l := story(t, dir)
	wantStory(t, l)
	if got := shown(l.History("c/b", minute(0), minute(60))); got != "12:00-12:30 pass, 12:30-12:50 ?, 12:50-13:00 gone" && got != historyOfB {
		t.Errorf("history of a removed item: %s", got)
	}
	for at, want := range map[int]string{
		-1: "", 0: "c/a pass c/b pass", 12: "c/a fail c/b pass", 25: "c/a pass c/b pass", 40: "", 55: "c/a pass c/n pass", 60: "c/a pass c/n fail", 70: "c/a pass c/n fail", 90: "",
	} {
		var got []string
		for _, v := range l.At(minute(at)) {
			got = append(got, v.Item+" "+v.State)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("at %d: %q, want %q", at, got, want)
		}
	}
	l.Close()
	wantStory(t, l) // a closed ledger can be read
	again := opened(t, dir, minute(61))
	wantStory(t, again)
	if notes := again.Notes(); len(notes) != 0 {
		t.Errorf("notes %q", notes)
	}
	if first, last := again.Watched(); !first.Equal(noon) || !last.Equal(minute(60)) {
		t.Errorf("watched from %v to %v", first, last)
	}
}

// What was first seen may be older; the same state under another reason is the same state.
func TestLedger_SinceOfState(t *testing.T) {
	l := opened(t, t.TempDir(), noon)
	observe(t, l, minute(0), fails("c/a"))
	wantSince(t, l, "c/a", noon, false)
	other := Verdict{Item: "c/a", State: "fail", Reason: "open"}
	observe(t, l, minute(5), other)
	wantSince(t, l, "c/a", noon, false)
	observe(t, l, minute(6), pass("c/a"))
	wantSince(t, l, "c/a", minute(6), true)
	observe(t, l, minute(7), pass("c/a"), pass("c/late"))
	wantSince(t, l, "c/late", minute(7), false)
}

// While nothing changes the file does not grow, and the time of the last observation is known after a restart.
func TestLedger_QuietTime(t *testing.T) {
	dir := t.TempDir()
	l := opened(t, dir, noon)
	observe(t, l, noon, pass("c/a"))
	before := l.size
	for i := range 100 {
		observe(t, l, noon.Add(time.Duration(i)*15*time.Second), pass("c/a"))
	}
	if info, err := os.Stat(l.path); err != nil || info.Size() != before || info.Mode().Perm() != 0o600 {
		t.Errorf("file: %v %v, was %d bytes", info.Size(), err, before)
	}
	l.Close()
	wantHistory(t, opened(t, dir, minute(30)), "c/a", noon, minute(30), "12:00-12:24 pass, 12:24-12:30 ?")
}

// Every cut and every changed byte is noticed, costs at most what follows it, and the ledger goes on.
func TestLedger_Damage(t *testing.T) {
	dir := t.TempDir()
	l := story(t, dir)
	l.Close()
	path := filepath.Join(dir, "shop.ledger")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	try := func(name string, data []byte) *Ledger {
		t.Helper()
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		l, err := Open(dir, "shop.ledger", minute(61), 0)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		defer l.Close()
		if len(l.Notes()) == 0 {
			t.Errorf("%s: not noticed", name)
		}
		observe(t, l, minute(62), pass("c/a"))
		if since, _ := l.Since("c/a"); since.IsZero() {
			t.Errorf("%s: not continued", name)
		}
		if _, err := os.Stat(path + ".damaged"); err != nil {
			t.Errorf("%s: the damaged file is gone: %v", name, err)
		}
		l.Close()
		if clean, err := Open(dir, "shop.ledger", minute(63), 0); err != nil || len(clean.Notes()) > 0 {
			t.Errorf("%s: not repaired: %v %q", name, err, clean.Notes())
		} else {
			clean.Close()
		}
		return l
	}
	for n := range whole {
		changed := slices.Clone(whole)
		changed[n] ^= 1
		if parse(whole[:n]).note == "" || parse(changed).note == "" {
			t.Errorf("cut or changed at %d: not noticed", n)
		}
		if n%41 == 0 {
			try(fmt.Sprintf("cut to %d bytes", n), whole[:n])
			try(fmt.Sprintf("byte %d changed", n), changed)
		}
	}
	lines := strings.SplitAfter(string(whole), "\n")
	try("a line removed", []byte(strings.Join(slices.Delete(slices.Clone(lines), 2, 3), "")))
	try("lines swapped", []byte(lines[0]+lines[2]+lines[1]+strings.Join(lines[3:], "")))
	try("zeros", make([]byte, 5000))
	try("a long line", append(slices.Clone(whole), []byte(strings.Repeat("x", 100_000))...))
	// What stands before the damage is kept.
	kept := try("the last line removed", []byte(strings.Join(lines[:len(lines)-2], "")))
	wantHistory(t, kept, "c/a", minute(0), minute(30), "12:00-12:10 pass, 12:10-12:15 fail (weak), 12:15-12:20 fail (weak) waived, 12:20-12:30 pass")
}

// A header that a crash left behind the entries is no damage.
func TestLedger_CrashBeforeHeader(t *testing.T) {
	dir := t.TempDir()
	l := opened(t, dir, noon)
	observe(t, l, noon, pass("c/a"))
	old := header(l.entries, l.chain, l.seen)
	observe(t, l, minute(1), fails("c/a"))
	l.Close()
	f, err := os.OpenFile(l.path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteAt(old, 0)
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	again := opened(t, dir, minute(2))
	wantSince(t, again, "c/a", minute(1), true)
	if len(again.Notes()) > 0 {
		t.Error(again.Notes())
	}
}

func TestLedger_Lost(t *testing.T) {
	dir := t.TempDir()
	l := story(t, dir)
	l.Close()
	if err := os.Remove(l.path); err != nil {
		t.Fatal(err)
	}
	again := opened(t, dir, minute(61))
	if got := strings.Join(again.Notes(), "; "); !strings.Contains(got, "was lost") {
		t.Errorf("notes %q", got)
	}
	observe(t, again, minute(61), pass("c/a"))
	wantSince(t, again, "c/a", minute(61), false)
	// Lost while it is written: what is in memory is written anew.
	observe(t, again, minute(62), fails("c/a"))
	for what, lose := range map[string]func() error{
		"removed": func() error { return os.Remove(again.path) },
		"cut":     func() error { return os.Truncate(again.path, 120) },
		"replaced": func() error {
			return errors.Join(os.Rename(again.path, again.path+".old"), os.WriteFile(again.path, []byte("other"), 0o600))
		},
	} {
		if err := lose(); err != nil {
			t.Fatal(err)
		}
		observe(t, again, minute(63), fails("c/a"))
		wantSince(t, again, "c/a", minute(62), true)
		if data, err := os.ReadFile(again.path); err != nil || parse(data).note != "" || !strings.Contains(string(data), "c/a") {
			t.Errorf("%s: %v %s", what, err, data)
		}
	}
	if got := strings.Join(again.Notes(), "; "); !strings.Contains(got, "written anew") {
		t.Errorf("notes %q", got)
	}
}

// The file stays below its limit, and what is left is true.
func TestLedger_Bounded(t *testing.T) {
	dir := t.TempDir()
	const limit = 20_000
	l, err := Open(dir, "shop.ledger", noon, limit)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	steady := fails("c/steady")
	observe(t, l, noon.Add(-time.Minute), pass("c/steady"))
	l.First("something", noon)
	for i := range 2000 {
		v := pass("c/flaps")
		if i%2 == 1 {
			v = fails("c/flaps")
		}
		observe(t, l, minute(i), steady, v)
		if l.size > limit {
			t.Fatalf("%d bytes", l.size)
		}
	}
	wantSince(t, l, "c/steady", noon, true)
	l.Close()
	again, err := Open(dir, "shop.ledger", minute(2000), limit)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if len(again.Notes()) > 0 {
		t.Error(again.Notes())
	}
	wantSince(t, again, "c/steady", noon, true)
	wantSince(t, again, "c/flaps", minute(1999), true)
	wantHistory(t, again, "c/flaps", minute(1996), minute(1999),
		minute(1996).Format("15:04")+"-"+minute(1997).Format("15:04")+" pass, "+minute(1997).Format("15:04")+"-"+minute(1998).Format("15:04")+" fail (weak), "+
			minute(1998).Format("15:04")+"-"+minute(1999).Format("15:04")+" pass")
	if first := again.First("something", minute(2001)); !first.Equal(noon) {
		t.Errorf("mark of %v", first)
	}
}

// One process writes, others read, and take over when it ends.
func TestLedger_TwoProcesses(t *testing.T) {
	dir := t.TempDir()
	writer := opened(t, dir, noon)
	observe(t, writer, noon, pass("c/a"))
	reader := opened(t, dir, noon)
	observe(t, reader, minute(1), fails("c/a"))
	if got := strings.Join(reader.Notes(), ""); !strings.Contains(got, "another process") {
		t.Errorf("notes %q", got)
	}
	wantSince(t, reader, "c/a", noon, false)
	observe(t, writer, minute(2), fails("c/a"))
	wantSince(t, reader, "c/a", minute(2), true)
	wantHistory(t, reader, "c/a", noon, minute(2), "12:00-12:02 pass")
	if first := reader.First("key", minute(3)); !first.Equal(minute(3)) {
		t.Error(first)
	}
	if first := writer.First("key", minute(4)); !first.Equal(minute(4)) {
		t.Error(first)
	}
	if first := reader.First("key", minute(5)); !first.Equal(minute(4)) {
		t.Errorf("the mark of the writer is not read: %v", first)
	}
	writer.Close()
	observe(t, reader, minute(6), pass("c/a"))
	if len(reader.Notes()) > 0 {
		t.Errorf("notes %q", reader.Notes())
	}
	wantHistory(t, reader, "c/a", noon, minute(6), "12:00-12:02 pass, 12:02-12:06 fail (weak)")
}

func TestLedger_Marks(t *testing.T) {
	dir := t.TempDir()
	l := opened(t, dir, noon)
	secret := "place with a pass" + "word"
	if first := l.First(secret, noon); !first.Equal(noon) {
		t.Error(first)
	}
	l.Close()
	l = opened(t, dir, minute(30))
	if first := l.First(secret, minute(30)); !first.Equal(noon) {
		t.Errorf("after a restart: %v", first)
	}
	if data, _ := os.ReadFile(l.path); strings.Contains(string(data), "place") {
		t.Error("the key is in the file")
	}
	l.Forget(secret)
	l.Close()
	l = opened(t, dir, minute(40))
	if first := l.First(secret, minute(40)); !first.Equal(minute(40)) {
		t.Errorf("after it was forgotten: %v", first)
	}
	for i := range 2 * maxMarks {
		l.First(fmt.Sprint(i), minute(41))
	}
	if len(l.marks) > maxMarks {
		t.Errorf("%d marks", len(l.marks))
	}
}

// A clock that was wrong for a while does not lock the ledger, and no state is dated in the future.
func TestLedger_ClockSetBack(t *testing.T) {
	dir := t.TempDir()
	l := opened(t, dir, noon)
	observe(t, l, noon, pass("c/a"))
	ahead := noon.AddDate(1, 0, 0)
	observe(t, l, ahead, fails("c/a"))
	observe(t, l, minute(2), fails("c/a"))
	if since, exact := l.Since("c/a"); since.After(minute(2)) || exact {
		t.Errorf("since %v %v", since, exact)
	}
	observe(t, l, minute(3), pass("c/a"))
	wantSince(t, l, "c/a", minute(3), true)
	if len(l.Notes()) == 0 {
		t.Error("not noticed")
	}
	observe(t, l, minute(10), pass("c/a"))
	l.Close()
	again := opened(t, dir, minute(11))
	wantSince(t, again, "c/a", minute(3), true)
	wantHistory(t, again, "c/a", noon, minute(10), "12:00-12:03 ?, 12:03-12:10 pass")
	for _, s := range again.History("c/a", noon, minute(4)) {
		if s.To.After(minute(4)) || s.To.Before(s.From) {
			t.Errorf("span %v to %v", s.From, s.To)
		}
	}
}

// The changes of a time in which the disk was full are written when there is space again.
func TestLedger_DiskFull(t *testing.T) {
	dir := t.TempDir()
	l := opened(t, dir, noon)
	observe(t, l, noon, pass("c/a"))
	// A limit of this process on the size of files stands for the full disk.
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &old); err != nil {
		t.Fatal(err)
	}
	limit := func(bytes uint64) {
		if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: bytes, Max: old.Max}); err != nil {
			t.Fatal(err)
		}
	}
	limit(uint64(l.size) + 10)
	t.Cleanup(func() { limit(old.Cur) })
	err := l.Observe(minute(1), []Verdict{fails("c/a")})
	limit(old.Cur)
	if !errors.Is(err, syscall.EFBIG) || len(l.Notes()) != 1 || strings.Contains(l.Notes()[0], dir) {
		t.Fatalf("%v, notes %q", err, l.Notes())
	}
	if data, err := os.ReadFile(l.path); err != nil || parse(data).note != "" {
		t.Errorf("the file is damaged: %v %s", err, parse(data).note)
	}
	observe(t, l, minute(2), fails("c/a"))
	wantSince(t, l, "c/a", minute(2), true)
	if len(l.Notes()) != 0 {
		t.Errorf("notes %q", l.Notes())
	}
}

func TestOpen_Refuses(t *testing.T) {
	dir := t.TempDir()
	if err := os.Symlink("/etc/hostname", filepath.Join(dir, "shop.ledger")); err != nil {
		t.Fatal(err)
	}
	if l, err := Open(dir, "shop.ledger", noon, 0); err == nil {
		t.Error("a symbolic link is followed")
	} else {
		l.Close()
	}
	if err := os.Mkdir(filepath.Join(dir, "folder.ledger"), 0o700); err != nil {
		t.Fatal(err)
	}
	if l, err := Open(dir, "folder.ledger", noon, 0); err == nil {
		t.Error("a folder is opened")
	} else {
		l.Close()
	}
	if _, err := Open(filepath.Join(dir, "shop.ledger", "below"), "a", noon, 0); err == nil {
		t.Error("a folder below a file")
	}
}

// Nothing but the known words gets into the file.
func TestObserve_KnownWordsOnly(t *testing.T) {
	l := opened(t, t.TempDir(), noon)
	for _, v := range []Verdict{
		{Item: "no category", State: "pass"}, {Item: "c/a", State: "fine"}, {Item: "c/a", State: "fail", Reason: "The Reason"}, {Item: "c/a\n", State: "pass"},
	} {
		if err := l.Observe(noon, []Verdict{v}); err == nil {
			t.Errorf("%+v is written", v)
		}
	}
	var none *Ledger
	if err := none.Observe(noon, nil); err != nil || none.Notes() != nil || none.At(noon) != nil || none.Histories(noon, minute(1)) != nil {
		t.Error("a nil ledger does something")
	}
	none.Close()
	none.Forget("x")
	if at := none.First("x", noon); !at.Equal(noon) {
		t.Error(at)
	}
}

func TestName(t *testing.T) {
	if a, b := Name("", "/srv/shop"), Name("", "/srv/other"); a == b || !strings.HasPrefix(a, "deployment-") {
		t.Errorf("%s and %s", a, b)
	}
	if got := Name("../../etc/x y", "/"); strings.ContainsAny(got, "/ ") {
		t.Error(got)
	}
}

func FuzzParse(f *testing.F) {
	line, chain, err := entry{Time: noon.Unix(), Item: "c/a", State: "pass"}.line(noChain)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(append(header(1, chain, noon), line...))
	f.Add([]byte("x"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c := parse(data)
		if c.end > int64(max(len(data), headerSize)) {
			t.Errorf("end %d of %d bytes", c.end, len(data))
		}
		for i := 1; i < len(c.entries); i++ {
			if c.entries[i].Time < c.entries[i-1].Time {
				t.Error("times do not ascend")
			}
		}
	})
}
