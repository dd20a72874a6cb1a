package collector

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/thenexusengine/catalyst_exporter/checklist"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// counts returns a run of the given duration that reports its number.
func counts(d time.Duration) func(context.Context, int) (probe.Result, error) {
	return func(ctx context.Context, n int) (probe.Result, error) {
		if _, err := takes(d)(ctx, n); err != nil {
			return probe.Result{}, err
		}
		return probe.Passed("run %d", n), nil
	}
}

// collected is the report that a caller got, and how long it waited.
type collected struct {
	report *Report
	after  time.Duration
}

// collectIn starts a caller of everything after a delay, with a limit.
func collectIn(t *testing.T, c *Collector, delay, limit time.Duration) <-chan collected {
	t.Helper()
	got := make(chan collected, 1)
	go func() {
		time.Sleep(delay)
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		defer cancel()
		began := time.Now()
		got <- collected{c.Collect(ctx, Selection{}, false), time.Since(began)}
	}()
	return got
}

func file(name string, f *fake, maxAge time.Duration) entry {
	return entry{category: "a", name: name, probe: f, kind: probe.Kind{Layer: probe.LayerDeclared}, maxAge: maxAge}
}

// No report is older than its request, and ten callers during a run need one more run.
func TestScheduler_CallersDuringACycleShareTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{run: counts(10 * time.Millisecond)}
		c := newCollector(t, file("f", f, 0))
		defer c.Close()
		first := collectIn(t, c, 0, time.Second)
		var later []<-chan collected
		for range 10 {
			later = append(later, collectIn(t, c, 5*time.Millisecond, time.Second))
		}
		if got := <-first; got.report.Verdicts[0].Detail != "run 1" || got.after != 10*time.Millisecond {
			t.Errorf("the first caller got %q after %v", got.report.Verdicts[0].Detail, got.after)
		}
		var one *Report
		for _, caller := range later {
			got := <-caller
			if one == nil {
				one = got.report
			}
			if got.report != one || got.report.Verdicts[0].Detail != "run 2" || got.after != 15*time.Millisecond {
				t.Errorf("a caller during the run got %q after %v, in the same report: %v", got.report.Verdicts[0].Detail, got.after, got.report == one)
			}
		}
		if got := <-collectIn(t, c, 0, time.Second); got.report == one || got.report.Verdicts[0].Detail != "run 3" {
			t.Errorf("a caller after the run got %q", got.report.Verdicts[0].Detail)
		}
	})
}

func TestScheduler_ACycleIsOpenUntilItStarts(t *testing.T) {
	var s scheduler
	first, start := s.join()
	if other, again := s.join(); !start || again || other != first {
		t.Error("two callers before a cycle starts do not share it, or not exactly one of them starts it")
	}
	if s.take() != first {
		t.Error("another cycle starts than the one that the callers wait for")
	}
	next, start := s.join()
	if other, again := s.join(); start || again || next == first || other != next {
		t.Error("two callers during a cycle do not share the next one, or start it themselves")
	}
	if s.take() != next || s.take() != nil {
		t.Error("the next cycle does not start, or one starts that nobody waits for")
	}
	if last, start := s.join(); !start || last == next {
		t.Error("a caller of an idle scheduler does not start a cycle of its own")
	}
}

// A caller with a short deadline leaves alone, and does not end the wait of the others.
func TestScheduler_EachCallerKeepsItsDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{run: takes(3 * time.Second)}
		c := newCollector(t, entry{category: "a", name: "f", probe: f})
		defer c.Close()
		for _, w := range []struct {
			got   <-chan collected
			state probe.State
			after time.Duration
		}{
			{collectIn(t, c, 0, 10*time.Millisecond), probe.StateUnknown, 10 * time.Millisecond}, // starts the cycle, and leaves it
			{collectIn(t, c, time.Millisecond, 2*time.Millisecond), probe.StateUnknown, 2 * time.Millisecond},
			{collectIn(t, c, 2*time.Millisecond, time.Second), probe.StateUnknown, time.Second},
			{collectIn(t, c, 2*time.Millisecond, 5*time.Second), probe.StatePass, 2998 * time.Millisecond},
			{collectIn(t, c, time.Second, 5*time.Second), probe.StatePass, 2 * time.Second},
		} {
			got := <-w.got
			if v := got.report.Verdicts[0]; v.State != w.state || got.after != w.after {
				t.Errorf("%v (%s) after %v, want %v after %v", v.State, v.Detail, got.after, w.state, w.after)
			}
		}
		if n := f.runs.Load(); n != 1 {
			t.Errorf("ran %d times", n)
		}
	})
}

// The next cycle does not wait for the end of one that hangs.
func TestScheduler_HungProbeDelaysNoQuickOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hangs, quick := &fake{run: takes(time.Hour)}, &fake{run: counts(time.Millisecond)}
		c := newCollector(t, entry{category: "b", name: "hangs", probe: hangs}, file("quick", quick, 0))
		defer c.Close()
		first := collectIn(t, c, 0, 5*time.Second)
		got := <-collectIn(t, c, 3*time.Millisecond, 100*time.Millisecond)
		if v := got.report.Verdicts[1]; v.Detail != "run 2" || got.after != 100*time.Millisecond {
			t.Errorf("got %q after %v", v.Detail, got.after)
		}
		if got := <-first; got.after != 5*time.Second || got.report.Verdicts[0].Reason != probe.ReasonTimeout {
			t.Errorf("the first caller got %s after %v", got.report.Verdicts[0].Reason, got.after)
		}
	})
}

// Close releases the callers of the current cycle and of the next one.
func TestClose_ReleasesCallersOfBothCycles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{run: takes(time.Hour)}
		c := newCollector(t, file("f", f, 0))
		first, second := collectIn(t, c, 0, time.Minute), collectIn(t, c, time.Millisecond, time.Minute)
		time.Sleep(quickPhase + 10*time.Millisecond) // the second cycle has started
		c.Close()
		if a, b := <-first, <-second; a.after > time.Second || b.after > time.Second {
			t.Errorf("released after %v and %v", a.after, b.after)
		}
	})
}

// A verdict is reused while nothing it depends on changes: not a run, not the end of a waiver.
func TestReport_ReusesUnchangedVerdicts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rare, often := &fake{run: counts(0)}, &fake{run: counts(0)}
		c := newCollector(t, file("rare", rare, time.Hour), file("often", often, time.Minute))
		defer c.Close()
		c.items[0].item.Waiver = &checklist.Waiver{Expires: time.Now().Add(10 * time.Minute)}
		report := func() *Report { return c.Collect(t.Context(), Selection{}, false) }
		details := func(r *Report) string { return fmt.Sprint(r.Verdicts[0].Detail, ", ", r.Verdicts[1].Detail) }
		reused := func(a, b *Report) string { // a reused verdict shares its outcomes
			return fmt.Sprint(&a.Verdicts[0].Outcomes[0] == &b.Verdicts[0].Outcomes[0], &a.Verdicts[1].Outcomes[0] == &b.Verdicts[1].Outcomes[0])
		}
		a, b := report(), report()
		if a == b || reused(a, b) != "true true" || details(b) != "run 1, run 1" {
			t.Errorf("at once: reused %s; %s", reused(a, b), details(b))
		}
		time.Sleep(2 * time.Minute)
		d := report()
		if reused(d, b) != "true false" || details(d) != "run 1, run 2" {
			t.Errorf("after a run of one: reused %s; %s", reused(d, b), details(d))
		}
		often.run = func(context.Context, int) (probe.Result, error) {
			return probe.Failed(probe.ReasonOpen, "now open"), nil
		}
		time.Sleep(2 * time.Minute)
		if r := report(); r.Verdicts[1].State != probe.StateFail || r.Verdicts[0].State != probe.StatePass || !r.Verdicts[0].Waived {
			t.Errorf("%v, %v, waived %v", r.Verdicts[0].State, r.Verdicts[1].State, r.Verdicts[0].Waived)
		}
		often.run = passes
		time.Sleep(10 * time.Minute)
		if r := report(); r.Verdicts[0].Waived || details(r) != "run 1, seen" {
			t.Errorf("after the end of the waiver: waived %v; %s", r.Verdicts[0].Waived, details(r))
		}
	})
}

func TestDisableCaching_KeepsNoReport(t *testing.T) {
	f := &fake{run: counts(0)}
	c := newCollector(t, file("f", f, time.Hour))
	defer c.Close()
	c.DisableCaching()
	a, b := c.Collect(t.Context(), Selection{}, false), c.Collect(t.Context(), Selection{}, false)
	if c.cache != nil || &a.Verdicts[0].Outcomes[0] == &b.Verdicts[0].Outcomes[0] || f.runs.Load() != 1 {
		t.Errorf("cached %v, ran %d times", c.cache != nil, f.runs.Load())
	}
	if text(a) == "" || text(a) != text(b) {
		t.Errorf("%s\nthen\n%s", text(a), text(b))
	}
}

// text writes a report in the text format.
func text(r *Report) string {
	var all strings.Builder
	for _, b := range r.Text(NewWriter(), false) {
		all.Write(b.Text)
	}
	return all.String()
}
