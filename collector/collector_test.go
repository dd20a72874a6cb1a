package collector

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/thenexusengine/catalyst_exporter/checklist"
	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/parts"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

func TestMain(m *testing.M) { parts.Main(m) }

// fake is a probe whose runs the test controls.
type fake struct {
	runs atomic.Int32
	run  func(ctx context.Context, n int) (probe.Result, error)
	key  func() string
}

func (f *fake) Probe(ctx context.Context, _ *probe.Pass) (probe.Result, error) {
	return f.run(ctx, int(f.runs.Add(1)))
}

// keyed is a fake with a key.
type keyed struct{ *fake }

func (k keyed) Key(*probe.Pass) string { return k.key() }

func passes(context.Context, int) (probe.Result, error) { return probe.Passed("seen"), nil }

// takes returns a run of the given duration that ends with its context.
func takes(d time.Duration) func(context.Context, int) (probe.Result, error) {
	return func(ctx context.Context, _ int) (probe.Result, error) {
		select {
		case <-time.After(d):
			return probe.Passed("seen"), nil
		case <-ctx.Done():
			return probe.Result{}, ctx.Err()
		}
	}
}

// entry describes a one-probe item for newCollector.
type entry struct {
	category, name string
	probe          probe.Probe
	derived        probe.Derived
	kind           probe.Kind
	maxAge         time.Duration
	timeout        time.Duration
}

func newCollector(t testing.TB, entries ...entry) *Collector {
	t.Helper()
	list := &checklist.Checklist{Name: "test"}
	for _, e := range entries {
		var cat *checklist.Category
		for _, c := range list.Categories {
			if c.Name == e.category {
				cat = c
			}
		}
		if cat == nil {
			cat = &checklist.Category{Name: e.category, Title: e.category}
			list.Categories = append(list.Categories, cat)
		}
		if e.timeout == 0 {
			e.timeout = 5 * time.Second
		}
		if e.kind.Layer == "" {
			e.kind.Layer = probe.LayerLive
		}
		e.kind.Name = "fake"
		cat.Items = append(cat.Items, &checklist.Item{Category: e.category, Name: e.name, Title: e.name, Severity: checklist.Critical,
			Scope: checklist.Standing, Required: true, Fix: "fix it", Probes: []*checklist.Probe{{Name: "fake", Kind: e.kind, Look: e.probe,
				Derived: e.derived, MaxAge: e.maxAge, Timeout: e.timeout, MaxStale: probe.MaxStale(e.maxAge, e.timeout)}}})
	}
	d, err := deployment.Discover(deployment.Settings{Root: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	c := New(list, d, probe.NewDeps(slog.New(slog.NewTextHandler(io.Discard, nil)), "test"), NewLimits())
	return c
}

// collect collects within a time limit and returns the verdicts by item.
func collect(t *testing.T, c *Collector, limit time.Duration, sel Selection) map[string]checklist.Verdict {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	began := time.Now()
	r := c.Collect(ctx, sel, false)
	if took := time.Since(began); took > limit {
		t.Errorf("collecting with a limit of %v took %v", limit, took)
	}
	verdicts := map[string]checklist.Verdict{}
	for _, v := range r.Verdicts {
		verdicts[v.Name] = v
	}
	return verdicts
}

func want(t *testing.T, v checklist.Verdict, state probe.State, reason probe.Reason) {
	t.Helper()
	if v.Item == nil || v.State != state || v.Reason != reason {
		t.Errorf("got %v (%s), %q; want %v (%s)", v.State, v.Reason, v.Detail, state, reason)
	}
}

func TestCollect_SharesARunAndKeepsEachDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow, quick := &fake{run: takes(3 * time.Second)}, &fake{run: passes}
		c := newCollector(t, entry{category: "a", name: "slow", probe: slow}, entry{category: "b", name: "quick", probe: quick})
		defer c.Close()

		impatient := make(chan map[string]checklist.Verdict)
		filtered := make(chan map[string]checklist.Verdict)
		go func() { impatient <- collect(t, c, time.Second, Selection{}) }()
		go func() {
			time.Sleep(500 * time.Millisecond)
			filtered <- collect(t, c, 100*time.Millisecond, Selection{Categories: []string{"b"}})
		}()
		patient := collect(t, c, 10*time.Second, Selection{})
		one, other := <-impatient, <-filtered

		want(t, patient["slow"], probe.StatePass, "")
		want(t, one["slow"], probe.StateUnknown, probe.ReasonTimeout)
		want(t, one["quick"], probe.StatePass, "")
		if _, found := other["slow"]; found || len(other) != 1 {
			t.Errorf("the filtered report contains %v", other)
		}
		if n := slow.runs.Load(); n != 1 {
			t.Errorf("the slow probe ran %d times for two requests", n)
		}
	})
}

func TestCollect_ReusesAVerdictForItsMaxAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		aged, fresh := &fake{run: passes}, &fake{run: passes}
		c := newCollector(t, entry{category: "a", name: "aged", probe: aged, maxAge: time.Minute}, entry{category: "a", name: "fresh", probe: fresh})
		defer c.Close()
		for range 3 {
			collect(t, c, time.Second, Selection{})
			time.Sleep(15 * time.Second)
		}
		if aged.runs.Load() != 1 || fresh.runs.Load() != 3 {
			t.Errorf("after 45 s: aged ran %d times, fresh %d", aged.runs.Load(), fresh.runs.Load())
		}
		time.Sleep(15 * time.Second)
		if collect(t, c, time.Second, Selection{}); aged.runs.Load() != 2 {
			t.Errorf("after its max_age: aged ran %d times", aged.runs.Load())
		}
	})
}

func TestCollect_RunsAgainWhenTheKeyChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key := "one"
		f := &fake{run: passes, key: func() string { return key }}
		c := newCollector(t, entry{category: "a", name: "x", probe: keyed{f}, maxAge: time.Hour})
		defer c.Close()
		collect(t, c, time.Second, Selection{})
		collect(t, c, time.Second, Selection{})
		key = "two"
		collect(t, c, time.Second, Selection{})
		collect(t, c, time.Second, Selection{})
		if n := f.runs.Load(); n != 2 {
			t.Errorf("ran %d times, want once per key", n)
		}
	})
}

func TestCollect_RetriesAnUnknownBeforeItsMaxAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		blind := func(_ context.Context, n int) (probe.Result, error) {
			if n == 1 {
				return probe.Result{}, probe.Unknownf(probe.ReasonUnreachable, "no")
			}
			return probe.Passed("seen"), nil
		}
		reading, active := &fake{run: blind}, &fake{run: blind}
		c := newCollector(t, entry{category: "a", name: "reading", probe: reading, maxAge: 24 * time.Hour},
			entry{category: "a", name: "active", probe: active, maxAge: 24 * time.Hour, kind: probe.Kind{Active: true}})
		defer c.Close()
		want(t, collect(t, c, time.Second, Selection{})["reading"], probe.StateUnknown, probe.ReasonUnreachable)
		time.Sleep(retryReading)
		v := collect(t, c, time.Second, Selection{})
		want(t, v["reading"], probe.StatePass, "")
		want(t, v["active"], probe.StateUnknown, probe.ReasonUnreachable)
		time.Sleep(retryActive)
		want(t, collect(t, c, time.Second, Selection{})["active"], probe.StatePass, "")
	})
}

func TestCollect_RunOutlivesTheRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{run: takes(4 * time.Second)}
		c := newCollector(t, entry{category: "a", name: "x", probe: f, maxAge: time.Minute})
		defer c.Close()
		want(t, collect(t, c, time.Second, Selection{})["x"], probe.StateUnknown, probe.ReasonTimeout)
		time.Sleep(5 * time.Second)
		want(t, collect(t, c, time.Second, Selection{})["x"], probe.StatePass, "")
		if n := f.runs.Load(); n != 1 {
			t.Errorf("ran %d times", n)
		}
	})
}

func TestCollect_LastVerdictStandsForMaxStale(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hang := func(ctx context.Context, n int) (probe.Result, error) {
			if n != 2 {
				return probe.Passed("seen"), nil
			}
			time.Sleep(time.Hour) // ignores its context, like a dead network mount
			return probe.Passed("seen"), nil
		}
		f := &fake{run: hang}
		c := newCollector(t, entry{category: "a", name: "x", probe: f})
		want(t, collect(t, c, time.Second, Selection{})["x"], probe.StatePass, "")
		time.Sleep(10 * time.Second)
		want(t, collect(t, c, time.Second, Selection{})["x"], probe.StatePass, "") // the second run hangs; the first verdict is recent
		time.Sleep(probe.MaxStale(0, 5*time.Second))
		want(t, collect(t, c, time.Second, Selection{})["x"], probe.StateUnknown, probe.ReasonTimeout)
		if n := f.runs.Load(); n != 2 {
			t.Errorf("a hung probe was started %d times", n-1)
		}
		time.Sleep(time.Hour) // it returns
		want(t, collect(t, c, time.Second, Selection{})["x"], probe.StatePass, "")
		c.Close()
	})
}

func TestWorkers_HungProbesReleaseTheirSlots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var entries []entry
		for i := range cap(NewLimits().network) {
			entries = append(entries, entry{category: "a", name: string(rune('A' + i)), probe: &fake{run: func(context.Context, int) (probe.Result, error) {
				time.Sleep(time.Hour)
				return probe.Passed("late"), nil
			}}})
		}
		file, late := &fake{run: passes}, &fake{run: passes}
		entries = append(entries, entry{category: "b", name: "file", probe: file, kind: probe.Kind{Layer: probe.LayerDeclared}}, entry{category: "b", name: "late", probe: late})
		c := newCollector(t, entries...)
		collect(t, c, time.Second, Selection{Categories: []string{"a"}})
		v := collect(t, c, time.Second, Selection{Categories: []string{"b"}})
		want(t, v["file"], probe.StatePass, "")                     // files have slots of their own
		want(t, v["late"], probe.StateUnknown, probe.ReasonTimeout) // all network slots are taken
		time.Sleep(6 * time.Second)                                 // past the timeout of the hung probes
		want(t, collect(t, c, time.Second, Selection{})["late"], probe.StatePass, "")
		time.Sleep(2 * time.Hour)
		c.Close()
	})
}

// After the timeout of a hung probe its callers are released, and later callers do not wait for it until it returns.
func TestWorkers_HungProbeHasAVerdict(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCollector(t, entry{category: "a", name: "hangs", probe: &fake{run: func(_ context.Context, n int) (probe.Result, error) {
			if n == 1 {
				time.Sleep(time.Hour)
			}
			return probe.Passed("late"), nil
		}}})
		for _, atMost := range []time.Duration{5*time.Second + overtime, 0} {
			began := time.Now()
			v := collect(t, c, time.Minute, Selection{})["hangs"]
			want(t, v, probe.StateUnknown, probe.ReasonTimeout)
			if took := time.Since(began); took > atMost || !strings.Contains(v.Detail, "did not return after its timeout of 5s") {
				t.Errorf("after %v: %q; want at most %v", took, v.Detail, atMost)
			}
		}
		time.Sleep(2 * time.Hour)
		want(t, collect(t, c, time.Minute, Selection{})["hangs"], probe.StatePass, "")
		c.Close()
	})
}

func TestLimits_BackgroundFilesUseNoFileSlots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var entries []entry
		for i := range cap(NewLimits().files) {
			entries = append(entries, entry{category: "a", name: string(rune('A' + i)), probe: &fake{run: takes(time.Hour)}, timeout: 2 * time.Hour,
				kind: probe.Kind{Layer: probe.LayerDeclared, Background: true}})
		}
		entries = append(entries, entry{category: "b", name: "file", probe: &fake{run: passes}, kind: probe.Kind{Layer: probe.LayerDeclared}})
		c := newCollector(t, entries...)
		defer c.Close()
		collect(t, c, time.Second, Selection{Categories: []string{"a"}})
		want(t, collect(t, c, time.Second, Selection{Categories: []string{"b"}})["file"], probe.StatePass, "")
	})
}

func TestCollect_WaitsOnlyBrieflyForBackgroundProbes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{run: takes(20 * time.Second)}
		c := newCollector(t, entry{category: "a", name: "x", probe: f, maxAge: time.Hour, timeout: time.Minute, kind: probe.Kind{Background: true}})
		defer c.Close()
		began := time.Now()
		want(t, collect(t, c, 10*time.Second, Selection{})["x"], probe.StateUnknown, probe.ReasonInProgress)
		if took := time.Since(began); took != backgroundGrace {
			t.Errorf("the scrape waited %v", took)
		}
		r := c.Collect(t.Context(), Selection{}, true)
		want(t, r.Verdicts[0], probe.StatePass, "")
		if n := f.runs.Load(); n != 1 {
			t.Errorf("ran %d times", n)
		}
	})
}

func TestCollect_PanicIsUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{run: func(context.Context, int) (probe.Result, error) { panic("a secret") }}
		ok := &fake{run: passes}
		c := newCollector(t, entry{category: "a", name: "x", probe: f}, entry{category: "a", name: "y", probe: ok})
		defer c.Close()
		v := collect(t, c, time.Second, Selection{})
		want(t, v["x"], probe.StateUnknown, probe.ReasonError)
		want(t, v["y"], probe.StatePass, "")
	})
}

func TestCollect_SharedReadingHappensOncePerRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type listKey struct{}
		var reads atomic.Int32
		shared := func() probe.Probe {
			return probeFunc(func(ctx context.Context, p *probe.Pass) (probe.Result, error) {
				n, err := probe.Once(ctx, p, listKey{}, func(context.Context) (int, error) {
					time.Sleep(time.Second)
					return int(reads.Add(1)), nil
				})
				if err != nil {
					return probe.Result{}, err
				}
				return probe.Passed("read %d", n), nil
			})
		}
		c := newCollector(t, entry{category: "a", name: "short", probe: shared(), timeout: 500 * time.Millisecond}, entry{category: "a", name: "x", probe: shared()}, entry{category: "a", name: "y", probe: shared()})
		defer c.Close()
		v := collect(t, c, 5*time.Second, Selection{})
		want(t, v["short"], probe.StateUnknown, probe.ReasonTimeout) // its timeout ends first; the reading continues for the others
		want(t, v["x"], probe.StatePass, "")
		want(t, v["y"], probe.StatePass, "")
		if reads.Load() != 1 {
			t.Errorf("read %d times in one cycle", reads.Load())
		}
		if collect(t, c, 5*time.Second, Selection{}); reads.Load() != 2 {
			t.Errorf("read %d times in two cycles", reads.Load())
		}
	})
}

type probeFunc func(context.Context, *probe.Pass) (probe.Result, error)

func (f probeFunc) Probe(ctx context.Context, p *probe.Pass) (probe.Result, error) { return f(ctx, p) }

type derivedFunc func(probe.Verdicts) probe.Result

func (f derivedFunc) Judge(v probe.Verdicts) probe.Result { return f(v) }

func TestCollect_JudgesDerivedItemsFromTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bad := &fake{run: func(context.Context, int) (probe.Result, error) { return probe.Failed(probe.ReasonMissing, "no"), nil }}
		sum := derivedFunc(func(v probe.Verdicts) probe.Result {
			for _, it := range v.Items {
				if it.State == probe.StateFail {
					return probe.Failed(probe.ReasonBlocked, "%s/%s", it.Category, it.Item)
				}
			}
			return probe.Passed("all hold")
		})
		broken := derivedFunc(func(probe.Verdicts) probe.Result { panic("a secret") })
		c := newCollector(t, entry{category: "sum", name: "sum", derived: sum}, entry{category: "sum", name: "broken", derived: broken}, entry{category: "a", name: "x", probe: bad})
		defer c.Close()
		v := collect(t, c, time.Second, Selection{Categories: []string{"sum"}}) // runs the others although they are not selected
		want(t, v["sum"], probe.StateFail, probe.ReasonBlocked)
		want(t, v["broken"], probe.StateUnknown, probe.ReasonError)
		if v["sum"].Detail != "a/x" || len(v) != 2 {
			t.Errorf("detail %q, %d verdicts", v["sum"].Detail, len(v))
		}
	})
}

func TestClose_CancelsRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{run: takes(time.Hour)}
		c := newCollector(t, entry{category: "a", name: "x", probe: f, timeout: 2 * time.Hour})
		collect(t, c, time.Second, Selection{})
		began := time.Now()
		c.Close()
		if took := time.Since(began); took != 0 {
			t.Errorf("Close took %v", took)
		}
		want(t, collect(t, c, time.Second, Selection{})["x"], probe.StateUnknown, probe.ReasonTimeout)
		if f.runs.Load() != 1 {
			t.Error("a run was started after Close")
		}
	})
}

func TestInherit_CopiesUnchangedProbes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		same, changed := &fake{run: passes}, &fake{run: passes}
		make_ := func(digest string) *Collector {
			c := newCollector(t, entry{category: "a", name: "same", probe: same, maxAge: time.Hour}, entry{category: "a", name: "changed", probe: changed, maxAge: time.Hour})
			c.probes[0].probe.Digest, c.probes[1].probe.Digest = "x", digest
			return c
		}
		old := make_("one")
		collect(t, old, time.Second, Selection{})
		c := make_("two")
		defer c.Close()
		c.Inherit(old)
		old.Close()
		collect(t, c, time.Second, Selection{})
		if same.runs.Load() != 1 || changed.runs.Load() != 2 {
			t.Errorf("ran %d and %d times", same.runs.Load(), changed.runs.Load())
		}
	})
}

func TestCollect_ClassifiesErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		of := func(err error) probe.Probe {
			return &fake{run: func(context.Context, int) (probe.Result, error) { return probe.Result{}, err }}
		}
		c := newCollector(t, entry{category: "a", name: "skip", probe: of(probe.Skip("deployment.redis.addr", "no address"))},
			entry{category: "a", name: "plain", probe: of(errors.New("odd"))}, entry{category: "a", name: "zero", probe: of(nil)},
			entry{category: "a", name: "release", probe: of(probe.SkipRelease())})
		defer c.Close()
		v := collect(t, c, time.Second, Selection{})
		want(t, v["skip"], probe.StateUnknown, probe.ReasonNotConfigured) // required, and no probe could check it
		want(t, v["plain"], probe.StateUnknown, probe.ReasonError)
		want(t, v["zero"], probe.StateUnknown, probe.ReasonError) // no verdict is an error, not a pass
		want(t, v["release"], probe.StateSkip, probe.ReasonNoRelease)
		if r := v["skip"].Remedies; len(r) != 1 || r[0] != "deployment.redis.addr" {
			t.Errorf("remedies %v", r)
		}
	})
}

func TestCollect_ShowsProgressOfALongRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{run: func(ctx context.Context, _ int) (probe.Result, error) {
			probe.SetProgress(ctx, probe.Progress{Done: 3, What: "files"})
			time.Sleep(2 * time.Minute)
			probe.SetProgress(ctx, probe.Progress{Done: 12340, Most: 56000, What: "commits read"})
			time.Sleep(time.Minute)
			return probe.Passed("seen"), nil
		}}
		c := newCollector(t, entry{category: "a", name: "x", probe: f, maxAge: time.Hour, timeout: 10 * time.Minute, kind: probe.Kind{Background: true}})
		defer c.Close()
		expect := func(state probe.State, reason probe.Reason, detail, running string) {
			t.Helper()
			v := collect(t, c, 10*time.Second, Selection{})["x"]
			want(t, v, state, reason)
			if v.Detail != detail {
				t.Errorf("detail %q, want %q", v.Detail, detail)
			}
			if _, progress := c.Running(); progress != running {
				t.Errorf("running %q, want %q", progress, running)
			}
		}
		expect(probe.StateUnknown, probe.ReasonInProgress, "the first run has not finished: 3 files, since 0s", "a/x: 3 files, since 0s")
		time.Sleep(2*time.Minute + time.Second)
		expect(probe.StateUnknown, probe.ReasonInProgress, "the first run has not finished: 12,340 of at most 56,000 commits read, since 2m1s",
			"a/x: 12,340 of at most 56,000 commits read, since 2m1s")
		time.Sleep(time.Minute)
		expect(probe.StatePass, "", "seen", "")
		// The last verdict stands during the next run.
		time.Sleep(time.Hour)
		expect(probe.StatePass, "", "seen; running again: 3 files, since 0s", "a/x: 3 files, since 0s")
		time.Sleep(10 * time.Minute)
		expect(probe.StatePass, "", "seen", "")
	})
}

// BenchmarkCollect measures the engine itself: probes that do nothing, run each time or reused.
func BenchmarkCollect(b *testing.B) {
	for _, maxAge := range []time.Duration{0, time.Hour} {
		for _, n := range []int{75, 750, 7500} {
			b.Run(fmt.Sprintf("max_age=%v/items=%d", maxAge, n), func(b *testing.B) {
				idle := probeFunc(func(context.Context, *probe.Pass) (probe.Result, error) { return probe.Passed("seen"), nil })
				entries := make([]entry, n)
				for i := range entries {
					entries[i] = entry{category: fmt.Sprintf("c%d", i/75), name: fmt.Sprintf("i%d", i), probe: idle, kind: probe.Kind{Layer: probe.LayerDeclared}, maxAge: maxAge}
				}
				c := newCollector(b, entries...)
				b.ReportAllocs()
				for b.Loop() {
					if r := c.Collect(b.Context(), Selection{}, false); !r.Ready().Ready {
						b.Fatal("not ready")
					}
				}
			})
		}
	}
}
