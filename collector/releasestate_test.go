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
	"github.com/thenexusengine/catalyst_exporter/probe/openmetrics"
)

// history is a collector with a clock and release records of its own.
type history struct {
	*Collector
	clock time.Time
}

func newHistory(t *testing.T, entries ...entry) *history {
	t.Helper()
	h := &history{newCollector(t, entries...), time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)}
	h.deps.Now = func() time.Time { return h.clock }
	for _, it := range h.list.Items() {
		it.Scope = checklist.Release
	}
	t.Cleanup(h.Close)
	return h
}

func (h *history) append(t *testing.T, r attest.Record) {
	t.Helper()
	c, err := attest.OpenChain(h.deploy.ReleasesDir(), nil)
	if err == nil {
		r.At, r.By = h.clock, "somebody"
		_, err = c.Append(r, false)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// collect collects, freezes what is due, as the exporter does, and returns the verdict on the item.
func (h *history) collect(t *testing.T) checklist.Verdict {
	t.Helper()
	r := h.Collect(t.Context(), Selection{}, true)
	if len(r.DueForFreeze) > 0 {
		h.append(t, attest.Record{Phase: attest.PhaseFrozen, Of: r.Recorded.Number, Frozen: r.DueForFreeze})
	}
	return r.Verdicts[0]
}

var first, second = attest.Record{Phase: attest.PhasePlanned, Release: attest.ReleaseID{Version: "1.0.0"}}, attest.Record{Phase: attest.PhasePlanned, Release: attest.ReleaseID{Version: "1.1.0"}}

func recorded(r attest.Record) attest.Record { r.Phase = attest.PhaseRecorded; return r }

func TestReleaseState_ItemOfTheRecordedReleaseWaitsForIt(t *testing.T) {
	f := &fake{run: passes}
	h := newHistory(t, entry{category: "a", name: "x", probe: f})
	h.list.Items()[0].Recorded = true

	want(t, h.collect(t), probe.StateSkip, probe.ReasonNoRelease)
	h.append(t, first)
	want(t, h.collect(t), probe.StateSkip, probe.ReasonNoRelease)
	if n := f.runs.Load(); n != 0 {
		t.Fatalf("ran %d times before there was a release", n)
	}
	h.append(t, recorded(first))
	want(t, h.collect(t), probe.StatePass, "")
	h.append(t, second)
	want(t, h.collect(t), probe.StatePass, "")

	it := h.list.Items()[0]
	it.Disabled = "not used here"
	want(t, h.collect(t), probe.StateSkip, probe.ReasonDisabled)
	it.Disabled = ""

	if err := os.WriteFile(filepath.Join(h.deploy.ReleasesDir(), "0001.yaml"), []byte("phase: ["), 0o600); err != nil {
		t.Fatal(err)
	}
	ran := f.runs.Load()
	want(t, h.collect(t), probe.StateUnknown, probe.ReasonInvalid)
	if f.runs.Load() != ran {
		t.Error("ran although the release is unknown")
	}
}

func TestReleaseState_DisabledProbeStaysDisabledWithoutARelease(t *testing.T) {
	h := newHistory(t, entry{category: "a", name: "x", probe: &fake{run: passes}})
	it := h.list.Items()[0]
	it.Recorded = true
	it.Probes = append(it.Probes, &checklist.Probe{Name: "other", Disabled: "active"})
	v := h.collect(t)
	want(t, v, probe.StateSkip, probe.ReasonNoRelease)
	if v.Outcomes[1].Result.Reason != probe.ReasonDisabled {
		t.Errorf("%+v", v.Outcomes[1].Result)
	}
}

func TestReleaseState_FrozenVerdictIsFinal(t *testing.T) {
	well := true
	f := &fake{run: func(context.Context, int) (probe.Result, error) {
		if well {
			return probe.Passed("seen"), nil
		}
		return probe.Failed(probe.ReasonMissing, "gone"), nil
	}}
	for name, tt := range map[string]struct {
		afterRecord bool
		planned     probe.State // while the next release is planned and the subject of the item is gone
	}{
		"about the recorded release": {true, probe.StatePass},
		"about the planned release":  {false, probe.StateFail},
	} {
		t.Run(name, func(t *testing.T) {
			well = true
			h := newHistory(t, entry{category: "a", name: "x", probe: f})
			it := h.list.Items()[0]
			it.Freeze, it.Recorded = checklist.Freeze{After: time.Hour}, tt.afterRecord
			h.append(t, first)
			h.append(t, recorded(first))
			h.clock = h.clock.Add(59 * time.Minute)
			want(t, h.collect(t), probe.StatePass, "")
			well = false
			want(t, h.collect(t), probe.StateFail, probe.ReasonMissing) // before it is frozen
			well = true
			h.clock = h.clock.Add(time.Minute)
			want(t, h.collect(t), probe.StatePass, "")
			ran := f.runs.Load()
			well = false
			want(t, h.collect(t), probe.StatePass, "")
			if f.runs.Load() != ran {
				t.Error("ran for a frozen verdict")
			}
			h.append(t, second)
			if v := h.collect(t); v.State != tt.planned {
				t.Errorf("while the next is planned: %v", v.State)
			}
			h.append(t, recorded(second))
			want(t, h.collect(t), probe.StateFail, probe.ReasonMissing) // the new release has a verdict of its own
		})
	}
}

// A verdict on the planned release must not be frozen as one on the recorded release.
func TestReleaseState_FreezesOnlyVerdictsOnTheRecordedRelease(t *testing.T) {
	h := newHistory(t, entry{category: "a", name: "x", probe: &fake{run: passes}})
	it := h.list.Items()[0]
	it.Freeze = checklist.Freeze{After: time.Hour}
	h.append(t, first)
	h.append(t, recorded(first))
	h.append(t, second)
	h.clock = h.clock.Add(2 * time.Hour)
	if r := h.Collect(t.Context(), Selection{}, true); len(r.DueForFreeze) != 0 {
		t.Errorf("%+v", r.DueForFreeze)
	}
	it.Recorded = true
	if r := h.Collect(t.Context(), Selection{}, true); len(r.DueForFreeze) != 1 {
		t.Errorf("%+v", r.DueForFreeze)
	}
}

// Probes must not take a metric of the exporter for one of the application, whose names begin alike.
func TestFamilies_AreKnownToProbes(t *testing.T) {
	for _, f := range Families() {
		if !openmetrics.OfExporter(f.Name) {
			t.Errorf("%s is taken for a metric of the application", f.Name)
		}
	}
}
