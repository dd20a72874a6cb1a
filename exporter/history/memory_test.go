package history

import (
	"slices"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/checklist"
	"github.com/thenexusengine/catalyst_exporter/collector"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// required is a report on a required standing item "c/a".
func required(at time.Time, state probe.State, reason probe.Reason) *collector.Report {
	v := verdict("a", state, reason, at)
	v.Required, v.Scope = true, checklist.Standing
	return report(at, v)
}

func minute(n int) time.Time { return noon.Add(time.Duration(n) * time.Minute) }

func TestMemory(t *testing.T) {
	m := NewMemory()
	fail, pass := probe.StateFail, probe.StatePass
	m.Note(required(minute(0), fail, "weak"))
	m.Note(required(minute(1), fail, "weak"))
	m.Note(required(minute(2), fail, "missing"))
	if at, exact := m.Since("c/a"); !at.Equal(noon) || exact {
		t.Errorf("since %v (exact %v): another reason is not another state", at, exact)
	}
	m.Note(required(minute(3), pass, ""))
	m.Note(required(minute(0), fail, "weak")) // an old report that arrives late
	partial := required(minute(60), fail, "weak")
	partial.Selection = collector.Selection{Categories: []string{"c"}}
	m.Note(partial)
	want := []Change{{minute(0), fail, "weak"}, {minute(2), fail, "missing"}, {minute(3), pass, ""}}
	if got := m.Changes("c/a"); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	for _, item := range []string{"", "c/a"} {
		if at, exact := m.Since(item); !at.Equal(minute(3)) || !exact {
			t.Errorf("%q since %v (exact %v)", item, at, exact)
		}
	}
	if at, _ := m.Since("c/x"); !at.IsZero() {
		t.Errorf("unknown item since %v", at)
	}
	for i := range 3 * maxChanges {
		m.Note(required(minute(10+i), []probe.State{pass, fail}[i%2], ""))
	}
	if got := m.Changes("c/a"); len(got) != maxChanges || !got[maxChanges-1].At.Equal(minute(9+3*maxChanges)) {
		t.Errorf("%d changes, the last at %v", len(got), got[len(got)-1].At)
	}
}

// What the state directory knows survives the process. A time in which nothing was observed is a gap, not a change, and a
// state that was found after it may have begun in it.
func TestPast_Changes(t *testing.T) {
	w := &world{dir: t.TempDir(), now: noon}
	root := t.TempDir()
	open := func() (*Keeper, *Store) {
		s := w.store()
		k, err := s.Keeper("", root)
		if err != nil {
			t.Fatal(err)
		}
		return k, s
	}
	fail, pass := probe.StateFail, probe.StatePass
	k, s := open()
	k.Observe(required(minute(0), pass, ""))
	k.Observe(required(minute(10), fail, "weak"))
	k.Observe(required(minute(20), fail, "missing"))
	s.Close()

	want := func(k *Keeper, item string, at time.Time, exact bool, changes ...Change) {
		t.Helper()
		past := k.Past()
		if got := past.Changes(item); !slices.Equal(got, changes) {
			t.Errorf("%q:\n%v, want\n%v", item, got, changes)
		}
		if got, x := past.Since(item); !got.Equal(at) || x != exact {
			t.Errorf("%q since %v (exact %v), want %v (exact %v)", item, got, x, at, exact)
		}
	}
	// Three hours later it fails as before.
	w.now = minute(200)
	k, s = open()
	k.Observe(required(w.now, fail, "missing"))
	gap := Change{At: minute(20)}
	want(k, "c/a", minute(10), true, Change{minute(0), pass, ""}, Change{minute(10), fail, "weak"}, Change{At: minute(20)})
	want(k, "", minute(10), true, Change{At: minute(0), State: pass}, Change{At: minute(10), State: fail}, gap)
	w.now = minute(201)
	k.Observe(required(w.now, fail, "missing"))
	want(k, "c/a", minute(10), true, Change{minute(0), pass, ""}, Change{minute(10), fail, "weak"}, gap, Change{minute(200), fail, "missing"})
	s.Close()

	// Three hours later it passes: nobody saw when that began.
	w.now = minute(400)
	k, s = open()
	k.Observe(required(w.now, pass, ""))
	w.now = minute(402)
	k.Observe(required(w.now, pass, ""))
	want(k, "", minute(400), false, Change{At: minute(0), State: pass}, Change{At: minute(10), State: fail}, gap, Change{At: minute(200), State: fail},
		Change{At: minute(201)}, Change{At: minute(400), State: pass})
	if at, exact := k.Past().Since("c/a"); !at.Equal(minute(400)) || exact {
		t.Errorf("since %v (exact %v)", at, exact)
	}
	// An observation later that it fails is exact again.
	w.now = minute(404)
	k.Observe(required(w.now, fail, "weak"))
	if at, exact := k.Past().Since("c/a"); !at.Equal(minute(404)) || !exact {
		t.Errorf("since %v (exact %v)", at, exact)
	}
	w.now = minute(434)
	s.Close()
	k, s = open()
	defer s.Close()
	if at, exact := k.Past().Since("c/a"); !at.Equal(minute(404)) || !exact {
		t.Errorf("reopened: since %v (exact %v)", at, exact)
	}
}
