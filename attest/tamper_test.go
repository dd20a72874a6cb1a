package attest

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/internal/parts"
)

// scene is a folder of six records to tamper with.
type scene struct {
	t   *testing.T
	dir string
}

func newScene(t *testing.T) scene {
	s := scene{t, t.TempDir()}
	c := opened(t, s.dir)
	for i, r := range []Record{
		{Phase: PhasePlanned, Release: version("1")},
		{Phase: PhaseRecorded, Release: version("1")},
		{Phase: PhaseFrozen, Frozen: passed("a/b")},
		{Phase: PhasePlanned, Release: version("2")},
		{Phase: PhaseRecorded, Release: version("2")},
		{Phase: PhaseRolledBack},
	} {
		r.At, r.Note = noon, strings.Repeat("x", i+1)
		add(t, c, r)
	}
	return s
}

func (s scene) path(name string) string { return filepath.Join(s.dir, name) }

func (s scene) read(name string) string {
	data, err := os.ReadFile(s.path(name))
	if err != nil {
		s.t.Fatal(err)
	}
	return string(data)
}

func (s scene) write(name, text string) { writeFile(s.t, s.path(name), text, 0o644) }

func (s scene) edit(name, old, new string) {
	text := s.read(name)
	if !strings.Contains(text, old) {
		s.t.Fatalf("%s does not hold %q", name, old)
	}
	s.write(name, strings.Replace(text, old, new, 1))
}

func (s scene) remove(names ...string) {
	for _, name := range names {
		if err := os.Remove(s.path(name)); err != nil {
			s.t.Fatal(err)
		}
	}
}

func (s scene) rename(from, to string) {
	if err := os.Rename(s.path(from), s.path(to)); err != nil {
		s.t.Fatal(err)
	}
}

// relink makes a record refer to the current content of its predecessor.
func (s scene) relink(name, before string) {
	text := s.read(name)
	i := strings.Index(text, "previous: ") + len("previous: ")
	s.write(name, text[:i]+digest([]byte(s.read(before)))+text[i+64:])
}

func (s scene) rehead(name string) { s.write(headName, digest([]byte(s.read(name)))+"  "+name+"\n") }

func TestChain_Tampering(t *testing.T) {
	tests := []struct {
		name string
		do   func(scene)
		want []string // kind number: part of the text
	}{
		{"nothing", func(scene) {}, nil},
		{"other files", func(s scene) {
			s.write("README.md", "x")
			s.write(".gitkeep", "")
			s.write(".0007.yaml.12345", "number: 7\nph") // of a process that was killed
		}, nil},
		{"first changed", func(s scene) { s.edit("0001.yaml", "note: x", "note: y") }, []string{"changed 1: 0001.yaml was changed after 0002.yaml was written: its SHA-256"}},
		{"middle changed", func(s scene) { s.edit("0003.yaml", "note: xxx", "note: yyy") }, []string{"changed 3: 0003.yaml was changed after 0004.yaml was written: its SHA-256"}},
		{"a blank added", func(s scene) { s.edit("0003.yaml", "note: xxx", "note:  xxx") }, []string{"changed 3: restore it from a copy"}},
		{"link of the middle changed", func(s scene) { s.relink("0003.yaml", "0001.yaml") }, []string{"changed 3: 0003.yaml was changed", "changed 2: 0002.yaml may have been changed"}},
		{"last changed", func(s scene) { s.edit("0006.yaml", "note: xxxxxx", "note: y") }, []string{"changed 6: 0006.yaml was changed after it was written: its SHA-256"}},
		{"last changed, no head", func(s scene) {
			s.edit("0006.yaml", "note: xxxxxx", "note: y")
			s.remove(headName)
		}, []string{"missing 0: head.sha256 is missing, so a change of record 6 cannot be seen"}},
		{"head removed", func(s scene) { s.remove(headName) }, []string{"missing 0: head.sha256 is missing"}},
		{"head of the last but one", func(s scene) { s.rehead("0005.yaml") }, nil}, // written after the record, or not at all
		{"head of an older record", func(s scene) { s.rehead("0004.yaml") }, []string{"invalid 0: head.sha256 refers to record 4, but record 6 exists"}},
		{"head of no record", func(s scene) { s.write(headName, digest(nil)+"  0000.yaml\n") }, []string{"invalid 0: head.sha256 refers to record 0, but record 6"}},
		{"last but one changed, no head", func(s scene) {
			s.edit("0005.yaml", "note: xxxxx", "note: y")
			s.remove(headName)
		}, []string{"missing 0: head.sha256 is missing", "changed 5: 0005.yaml was changed after 0006.yaml was written, or 0006.yaml was"}},
		{"two changed", func(s scene) {
			s.edit("0002.yaml", "note: xx", "note: y")
			s.edit("0004.yaml", "note: xxxx", "note: y")
		}, []string{"changed 2: 0002.yaml", "changed 4: 0004.yaml"}},
		{"two neighbours changed", func(s scene) {
			s.edit("0003.yaml", "note: xxx", "note: y")
			s.edit("0004.yaml", "note: xxxx", "note: y")
		}, []string{"changed 3: 0003.yaml may have been changed: its SHA-256", "changed 4: 0004.yaml was changed after 0005.yaml"}},
		{"changed and relinked up to the end", func(s scene) {
			s.edit("0005.yaml", "note: xxxxx", "note: y")
			s.relink("0006.yaml", "0005.yaml")
		}, []string{"changed 6: 0006.yaml was changed after it was written"}},
		{"first removed", func(s scene) { s.remove("0001.yaml") }, []string{"missing 1: is missing; restore it from a copy"}},
		{"middle removed", func(s scene) { s.remove("0003.yaml") }, []string{"missing 3: is missing; restore"}},
		{"a row removed", func(s scene) { s.remove("0002.yaml", "0003.yaml", "0004.yaml") }, []string{"missing 2: is missing, along with all up to 4"}},
		{"two gaps", func(s scene) { s.remove("0002.yaml", "0004.yaml") }, []string{"missing 2: ", "missing 4: "}},
		{"last removed", func(s scene) { s.remove("0006.yaml") }, []string{"missing 6: is missing: head.sha256 refers to it"}},
		{"last two removed", func(s scene) { s.remove("0005.yaml", "0006.yaml") }, []string{"missing 5: is missing, along with all up to 6: head.sha256 refers to it"}},
		{"all removed", func(s scene) {
			s.remove("0001.yaml", "0002.yaml", "0003.yaml", "0004.yaml", "0005.yaml", "0006.yaml")
		}, []string{"missing 1: is missing, along with all up to 6"}},
		{"removed and renumbered", func(s scene) {
			s.remove("0003.yaml")
			s.rename("0004.yaml", "0003.yaml")
		}, []string{"forked 3: 0003.yaml contains record 4", "missing 4: "}},
		{"a second file", func(s scene) { s.write("0003-copy.yaml", s.read("0003.yaml")) }, []string{`forked 3: "0003-copy.yaml" is a duplicate file`}},
		{"a second file by another number", func(s scene) { s.write("003.yaml", s.read("0003.yaml")) }, []string{`forked 3: "003.yaml" is a duplicate file`}},
		{"a second file of another kind", func(s scene) { s.write("0003.yml", s.read("0003.yaml")) }, []string{`forked 3: "0003.yml" is a duplicate file`}},
		{"a record copied on", func(s scene) { s.write("0007.yaml", s.read("0006.yaml")) }, []string{"forked 7: 0007.yaml contains record 6"}},
		{"two histories merged", func(s scene) {
			// Record 6 of another copy that ended at record 4 and went on from there.
			s.relink("0006.yaml", "0004.yaml")
			s.rehead("0006.yaml")
		}, []string{"forked 6: 0006.yaml follows record 4, not 5: two histories were merged"}},
		{"another history's record", func(s scene) {
			s.edit("0005.yaml", "note: xxxxx", "note: y") // the same number, written elsewhere
		}, []string{"changed 5: "}},
		{"not text of ours", func(s scene) { s.write("0003.yaml", "number: 3\nphase: [") }, []string{"invalid 3: invalid record: 0003.yaml:2", "changed 3: "}},
		{"cut", func(s scene) { s.write("0006.yaml", s.read("0006.yaml")[:40]) }, []string{"invalid 6: invalid record", "changed 6: was changed after it was written"}},
		{"emptied", func(s scene) { s.write("0003.yaml", "") }, []string{"invalid 3: invalid record", "changed 3: "}},
		{"too large", func(s scene) { s.write("0003.yaml", strings.Repeat("#", maxRecord+1)) }, []string{"unreadable 3: larger than the limit"}},
		{"a folder", func(s scene) {
			s.remove("0003.yaml")
			if err := os.Mkdir(s.path("0003.yaml"), 0o755); err != nil {
				s.t.Fatal(err)
			}
		}, []string{"unreadable 3: cannot be read: read"}},
		{"another name", func(s scene) { s.write("notes.yaml", "x: 1") }, []string{`invalid 0: "notes.yaml" is not a valid record name`}},
		{"a name that moves the cursor", func(s scene) { s.write("\x1b[H.yaml", "x: 1") }, []string{`invalid 0: "\x1b[H.yaml" is not`}},
		{"number 0", func(s scene) { s.write("0000.yaml", "x: 1") }, []string{"invalid 0: "}},
		{"a number far off", func(s scene) { s.write("999999.yaml", "x: 1") }, []string{"invalid 0: head.sha256 refers to record 6", "missing 7: is missing, along with all up to 999998", "invalid 999999: "}},
		{"a contradiction, well linked", func(s scene) {
			s.edit("0006.yaml", "reinstates: 2", "reinstates: 4")
			s.rehead("0006.yaml")
		}, []string{"invalid 6: the previous release is record 2, not 4"}},
		{"a contradiction in the middle", func(s scene) {
			s.edit("0003.yaml", "of: 2", "of: 1")
			for i, name := range []string{"0003.yaml", "0004.yaml", "0005.yaml", "0006.yaml"}[1:] {
				s.relink(name, []string{"0003.yaml", "0004.yaml", "0005.yaml"}[i])
			}
			s.rehead("0006.yaml")
		}, []string{"invalid 3: record 1 is not a recorded release"}},
		{"head emptied", func(s scene) { s.write(headName, "") }, []string{"invalid 0: head.sha256 is not a sha256sum line"}},
		{"head of another", func(s scene) { s.edit(headName, "0006", "0007") }, []string{"missing 7: is missing: head.sha256 refers to it"}},
		{"head a folder", func(s scene) {
			s.remove(headName)
			if err := os.Mkdir(s.path(headName), 0o755); err != nil {
				s.t.Fatal(err)
			}
		}, []string{"unreadable 0: head.sha256 cannot be read"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newScene(t)
			tt.do(s)
			c := open(t, s.dir)
			var got []string
			for _, p := range c.Problems {
				got = append(got, string(p.Kind)+" "+strings.TrimSpace(strings.TrimPrefix(p.acknowledgment(), string(p.Kind)))+" "+p.Error())
				if strings.ContainsAny(p.Error(), "\n\x1b") {
					t.Errorf("%q is not one line", p.Error())
				}
			}
			if len(c.Problems) != len(tt.want) {
				t.Fatalf("got %d problems:\n%s", len(got), strings.Join(got, "\n"))
			}
			for _, w := range tt.want {
				head, text, _ := strings.Cut(w, ": ")
				if !slices.ContainsFunc(c.Problems, func(p Problem) bool {
					return strings.HasPrefix(p.acknowledgment()+" ", head+" ") && strings.Contains(p.Detail, text)
				}) {
					t.Errorf("want %q, got\n%s", w, strings.Join(got, "\n"))
				}
			}
			if _, err := c.Append(Record{Phase: PhasePlanned, At: noon, Release: version("9")}, false); errors.Is(err, ErrBroken) != (len(tt.want) > 0) {
				t.Errorf("appending says %v", err)
			}
		})
	}
}

// TestChain_AnyByte: a change of any byte of any record is attributed to that record.
func TestChain_AnyByte(t *testing.T) {
	s := newScene(t)
	for n := 1; n <= 6; n++ {
		name := fileName(n)
		text := s.read(name)
		for i := 0; i < len(text); i += 7 {
			changed := []byte(text)
			changed[i] ^= 1
			s.write(name, string(changed))
			c := open(t, s.dir)
			if !slices.ContainsFunc(c.Problems, func(p Problem) bool { return p.Number == n }) {
				t.Fatalf("byte %d of %s: %v", i, name, c.Problems)
			}
		}
		s.write(name, text)
	}
	opened(t, s.dir)
}

// TestChain_Order: a record that is dated before its predecessor is invalid although all digests are right; a difference of
// two clocks is not.
func TestChain_Order(t *testing.T) {
	for change, invalid := range map[time.Duration]bool{-Skew: false, -Skew - time.Second: true, time.Hour: false} {
		s := newScene(t)
		s.edit("0006.yaml", stamp(noon), stamp(noon.Add(change)))
		s.rehead("0006.yaml")
		c := open(t, s.dir)
		if got := len(c.Problems) == 1 && c.Problems[0].Kind == RecordInvalid && c.Problems[0].Number == 6; got != invalid || !invalid && len(c.Problems) > 0 {
			t.Errorf("%v: %v", change, c.Problems)
		}
	}
}

func TestChain_UnreadableRecord(t *testing.T) {
	parts.NeedRoot(t, "reading as another user")
	s := newScene(t)
	if err := os.Chmod(s.path("0004.yaml"), 0); err != nil {
		t.Fatal(err)
	}
	for dir := s.dir; dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	as(t, 65534, func() {
		c := open(t, s.dir)
		if len(c.Problems) != 1 || c.Problems[0].Kind != RecordUnreadable || c.Problems[0].Number != 4 || !errors.Is(c.Err(), fs.ErrPermission) {
			t.Errorf("got %v", c.Problems)
		}
	})
}

// TestAppend_Despite: a record appended to a damaged chain lists the known problems, and only those are acknowledged.
func TestAppend_Despite(t *testing.T) {
	damage := map[string]func(scene){
		"changed":            func(s scene) { s.edit("0003.yaml", "note: xxx", "note: y") },
		"last changed":       func(s scene) { s.edit("0006.yaml", "note: xxxxxx", "note: y") },
		"doubtful":           func(s scene) { s.edit("0005.yaml", "note: xxxxx", "note: y"); s.remove(headName) },
		"missing":            func(s scene) { s.remove("0002.yaml", "0003.yaml") },
		"forked":             func(s scene) { s.write("0003-copy.yaml", "x") },
		"invalid":            func(s scene) { s.write("0003.yaml", "x: 1") },
		"strange name":       func(s scene) { s.write("no\ntes.yaml", "x: 1") },
		"head removed":       func(s scene) { s.remove(headName) },
		"head of no meaning": func(s scene) { s.write(headName, "x") },
		"last is no record":  func(s scene) { s.write("0006.yaml", "x: 1") },
	}
	for name, do := range damage {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			do(s)
			c := open(t, s.dir)
			known := len(c.Problems)
			if known == 0 {
				t.Fatal("no damage")
			}
			r, err := c.Append(Record{Phase: PhasePlanned, At: noon, Release: version("9")}, true)
			if err != nil {
				t.Fatal(err)
			}
			if r.Number != 7 || len(r.Acknowledged) != known || c.Err() != nil {
				t.Errorf("wrote %+v, in memory %v", r, c.Err())
			}
			again := opened(t, s.dir)
			if again.Planned() == nil || again.Planned().Release != version("9") {
				t.Errorf("planned is %+v", again.Planned())
			}
			add(t, again, Record{Phase: PhaseCancelled, At: noon})
			opened(t, s.dir)

			s.edit("0004.yaml", "note: xxxx", "note: z")
			if c := open(t, s.dir); c.Err() == nil || !strings.Contains(c.Err().Error(), "release record 4: 0004.yaml ") {
				t.Errorf("further damage: %v", c.Err())
			}
		})
	}
	t.Run("changed again", func(t *testing.T) {
		s := newScene(t)
		s.edit("0003.yaml", "note: xxx", "note: y")
		if _, err := open(t, s.dir).Append(Record{Phase: PhasePlanned, At: noon, Release: version("9")}, true); err != nil {
			t.Fatal(err)
		}
		s.edit("0003.yaml", "note: y", "note: z")
		if c := open(t, s.dir); c.Err() == nil || len(c.Acknowledged) != 0 {
			t.Errorf("%v, acknowledged %v", c.Err(), c.Acknowledged)
		}
	})
	t.Run("the last is gone", func(t *testing.T) {
		s := newScene(t)
		s.remove("0006.yaml")
		if _, err := open(t, s.dir).Append(Record{Phase: PhasePlanned, At: noon, Release: version("9")}, true); !errors.Is(err, ErrBroken) {
			t.Errorf("got %v", err)
		}
	})
}

// TestChain_LostRecords: the remaining records are read as far as possible.
func TestChain_LostRecords(t *testing.T) {
	s := newScene(t)
	s.remove("0002.yaml") // the release that the rollback reinstated
	c := open(t, s.dir)
	if r := c.Recorded(); r == nil || r.Release != version("1") || r.Number != 2 || c.Previous() != nil {
		t.Errorf("in force is %+v, before %+v", r, c.Previous())
	}
	s = newScene(t)
	s.remove("0005.yaml") // the release that was rolled back
	c = open(t, s.dir)
	if r := c.Recorded(); r == nil || r.Release != version("1") || r.Number != 2 {
		t.Errorf("in force is %+v", r)
	}
	// A moment with a second verdict: the first verdict applies.
	s = newScene(t)
	s.remove("0001.yaml")
	s.write("0007.yaml", "number: 7\nphase: frozen\nprevious: "+digest([]byte(s.read("0006.yaml")))+"\nat: 2026-11-24\nrelease: {version: 1, commit: abcdef0123}\nof: 2\n"+
		"frozen: [{item: a/b, state: fail, reason: stale}]\n")
	if v, ok := open(t, s.dir).Frozen(2, "a/b"); !ok || v.State != "pass" || !v.At.Equal(noon) {
		t.Errorf("frozen is %+v, %v", v, ok)
	}
}
