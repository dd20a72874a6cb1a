package collector

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/attest"
	"github.com/thenexusengine/catalyst_exporter/checklist"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// walk is a collector with a clock and release records of its own.
type walk struct {
	*Collector
	clock time.Time
}

func newWalk(t *testing.T, entries ...entry) *walk {
	t.Helper()
	w := &walk{newCollector(t, entries...), time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)}
	w.deps.Now = func() time.Time { return w.clock }
	for _, it := range w.list.Items() {
		it.Scope = checklist.Release
	}
	t.Cleanup(w.Close)
	return w
}

func (w *walk) append(t *testing.T, r attest.Record) {
	t.Helper()
	c, err := attest.OpenChain(w.deploy.ReleasesDir(), nil)
	if err == nil {
		r.At, r.By = w.clock, "somebody"
		_, err = c.Append(r, false)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// round looks, keeps what became final, as the exporter does, and returns the verdict on the item.
func (w *walk) round(t *testing.T) checklist.Verdict {
	t.Helper()
	r := w.Collect(t.Context(), Selection{}, true)
	if len(r.Ripe) > 0 {
		w.append(t, attest.Record{Phase: attest.PhaseFrozen, Of: r.Recorded.Number, Frozen: r.Ripe})
	}
	return r.Verdicts[0]
}

var first, second = attest.Record{Phase: attest.PhasePlanned, Release: attest.ReleaseID{Version: "1.0.0"}}, attest.Record{Phase: attest.PhasePlanned, Release: attest.ReleaseID{Version: "1.1.0"}}

func recorded(r attest.Record) attest.Record { r.Phase = attest.PhaseRecorded; return r }

func TestWhatSpeaksOfTheRecordedReleaseWaitsForIt(t *testing.T) {
	f := &fake{look: pass}
	w := newWalk(t, entry{category: "a", name: "x", probe: f})
	w.list.Items()[0].Recorded = true

	want(t, w.round(t), probe.StateSkip, probe.ReasonNoRelease)
	w.append(t, first)
	want(t, w.round(t), probe.StateSkip, probe.ReasonNoRelease)
	if n := f.looks.Load(); n != 0 {
		t.Fatalf("looked %d times before there was a release", n)
	}
	w.append(t, recorded(first))
	want(t, w.round(t), probe.StatePass, "")
	w.append(t, second)
	want(t, w.round(t), probe.StatePass, "")

	it := w.list.Items()[0]
	it.Disabled = "not used here"
	want(t, w.round(t), probe.StateSkip, probe.ReasonDisabled)
	it.Disabled = ""

	if err := os.WriteFile(filepath.Join(w.deploy.ReleasesDir(), "0001.yaml"), []byte("phase: ["), 0o600); err != nil {
		t.Fatal(err)
	}
	looked := f.looks.Load()
	want(t, w.round(t), probe.StateUnknown, probe.ReasonInvalid)
	if f.looks.Load() != looked {
		t.Error("looked though nobody knows of which release")
	}
}

func TestWaitingForARecordLeavesSwitchedOffProbesSo(t *testing.T) {
	w := newWalk(t, entry{category: "a", name: "x", probe: &fake{look: pass}})
	it := w.list.Items()[0]
	it.Recorded = true
	it.Probes = append(it.Probes, &checklist.Probe{Name: "other", Disabled: "active"})
	v := w.round(t)
	want(t, v, probe.StateSkip, probe.ReasonNoRelease)
	if v.Outcomes[1].Result.Reason != probe.ReasonDisabled {
		t.Errorf("%+v", v.Outcomes[1].Result)
	}
}

func TestAFrozenMomentIsNotLookedAtAgain(t *testing.T) {
	well := true
	f := &fake{look: func(context.Context, int) (probe.Result, error) {
		if well {
			return probe.Passed("seen"), nil
		}
		return probe.Failed(probe.ReasonMissing, "gone"), nil
	}}
	for name, tt := range map[string]struct {
		afterRecord bool
		planned     probe.State // while the next release is planned, what the item speaks of being gone
	}{
		"of the release in force": {true, probe.StatePass},
		"of the planned release":  {false, probe.StateFail},
	} {
		t.Run(name, func(t *testing.T) {
			well = true
			w := newWalk(t, entry{category: "a", name: "x", probe: f})
			it := w.list.Items()[0]
			it.Freeze, it.Recorded = checklist.Freeze{After: time.Hour}, tt.afterRecord
			w.append(t, first)
			w.append(t, recorded(first))
			w.clock = w.clock.Add(59 * time.Minute)
			want(t, w.round(t), probe.StatePass, "")
			well = false
			want(t, w.round(t), probe.StateFail, probe.ReasonMissing) // not yet final
			well = true
			w.clock = w.clock.Add(time.Minute)
			want(t, w.round(t), probe.StatePass, "")
			looked := f.looks.Load()
			well = false
			want(t, w.round(t), probe.StatePass, "")
			if f.looks.Load() != looked {
				t.Error("looked at a moment that is over")
			}
			w.append(t, second)
			if v := w.round(t); v.State != tt.planned {
				t.Errorf("while the next is planned: %v", v.State)
			}
			w.append(t, recorded(second))
			want(t, w.round(t), probe.StateFail, probe.ReasonMissing) // a release of its own
		})
	}
}

// What speaks of the planned release must not be kept as the verdict on the one in force.
func TestNothingIsFrozenOfAnotherRelease(t *testing.T) {
	w := newWalk(t, entry{category: "a", name: "x", probe: &fake{look: pass}})
	it := w.list.Items()[0]
	it.Freeze = checklist.Freeze{After: time.Hour}
	w.append(t, first)
	w.append(t, recorded(first))
	w.append(t, second)
	w.clock = w.clock.Add(2 * time.Hour)
	if r := w.Collect(t.Context(), Selection{}, true); len(r.Ripe) != 0 {
		t.Errorf("%+v", r.Ripe)
	}
	it.Recorded = true
	if r := w.Collect(t.Context(), Selection{}, true); len(r.Ripe) != 1 {
		t.Errorf("%+v", r.Ripe)
	}
}

// A metric of ours must never be taken for one of the application's, which begin alike.
func TestOwnFamiliesAreKnownToProbes(t *testing.T) {
	for _, f := range Families() {
		if !probe.OfExporter(f.Name) {
			t.Errorf("%s passes for a metric of the application", f.Name)
		}
	}
}
