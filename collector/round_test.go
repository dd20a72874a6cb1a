package collector

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/thenexusengine/catalyst_exporter/attest"
	"github.com/thenexusengine/catalyst_exporter/checklist"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// counts returns a look that takes a while and says the how manieth it is.
func counts(d time.Duration) func(context.Context, int) (probe.Result, error) {
	return func(ctx context.Context, n int) (probe.Result, error) {
		if _, err := takes(d)(ctx, n); err != nil {
			return probe.Result{}, err
		}
		return probe.Passed("look %d", n), nil
	}
}

// asked is what somebody who asked for everything was told, and when.
type asked struct {
	report *Report
	after  time.Duration
}

// askAt asks for everything, in so long, with a limit.
func askAt(t *testing.T, c *Collector, in, limit time.Duration) <-chan asked {
	t.Helper()
	told := make(chan asked, 1)
	go func() {
		time.Sleep(in)
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		defer cancel()
		began := time.Now()
		told <- asked{c.Collect(ctx, Selection{}, false), time.Since(began)}
	}()
	return told
}

func file(name string, f *fake, maxAge time.Duration) entry {
	return entry{category: "a", name: name, probe: f, kind: probe.Kind{Layer: probe.LayerDeclared}, maxAge: maxAge}
}

// TestThoseWhoAskMeanwhileShareTheNextRound: nobody is told what was looked at before they asked, and ten need no more than one look.
func TestThoseWhoAskMeanwhileShareTheNextRound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{look: counts(10 * time.Millisecond)}
		c := newCollector(t, file("f", f, 0))
		defer c.Close()
		first := askAt(t, c, 0, time.Second)
		var later []<-chan asked
		for range 10 {
			later = append(later, askAt(t, c, 5*time.Millisecond, time.Second))
		}
		if got := <-first; got.report.Verdicts[0].Detail != "look 1" || got.after != 10*time.Millisecond {
			t.Errorf("the first is told of %q after %v", got.report.Verdicts[0].Detail, got.after)
		}
		var one *Report
		for _, told := range later {
			got := <-told
			if one == nil {
				one = got.report
			}
			if got.report != one || got.report.Verdicts[0].Detail != "look 2" || got.after != 15*time.Millisecond {
				t.Errorf("who asked meanwhile is told of %q after %v, in the same report: %v", got.report.Verdicts[0].Detail, got.after, got.report == one)
			}
		}
		if got := <-askAt(t, c, 0, time.Second); got.report == one || got.report.Verdicts[0].Detail != "look 3" {
			t.Errorf("who asks afterwards is told of %q", got.report.Verdicts[0].Detail)
		}
	})
}

// TestARoundIsOpenUntilItBegins: who asks before it begins shares it, who asks afterwards shares the next, and there is always one who leads.
func TestARoundIsOpenUntilItBegins(t *testing.T) {
	var s rounds
	first, lead := s.join()
	if other, second := s.join(); !lead || second || other != first {
		t.Error("two who ask before a round begins do not share it, or not one of them leads")
	}
	if s.begin() != first {
		t.Error("another round begins than the one that is waited for")
	}
	next, lead := s.join()
	if other, second := s.join(); lead || second || next == first || other != next {
		t.Error("two who ask while a round is under way do not share the one after it, or lead it themselves")
	}
	if !s.pass(true) || s.quiet || s.begin() != next {
		t.Error("the next round is not led, or not waited for although there was something to look at")
	}
	if s.pass(false) || !s.quiet {
		t.Error("a round is led that nobody waits for, or waited for although there was nothing to look at")
	}
	if last, lead := s.join(); !lead || last == next {
		t.Error("who asks when nothing is under way does not lead a round of their own")
	}
}

// TestEachWaitsUntilItsOwnDeadline: who has less time leaves alone, and who has more is not cut short.
func TestEachWaitsUntilItsOwnDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{look: takes(3 * time.Second)}
		c := newCollector(t, entry{category: "a", name: "f", probe: f})
		defer c.Close()
		for _, w := range []struct {
			told  <-chan asked
			state probe.State
			after time.Duration
		}{
			{askAt(t, c, 0, 10*time.Millisecond), probe.StateUnknown, 10 * time.Millisecond}, // leads the round, and leaves it
			{askAt(t, c, time.Millisecond, 2*time.Millisecond), probe.StateUnknown, 2 * time.Millisecond},
			{askAt(t, c, 2*time.Millisecond, time.Second), probe.StateUnknown, time.Second},
			{askAt(t, c, 2*time.Millisecond, 5*time.Second), probe.StatePass, 2998 * time.Millisecond},
			{askAt(t, c, time.Second, 5*time.Second), probe.StatePass, 2 * time.Second},
		} {
			got := <-w.told
			if v := got.report.Verdicts[0]; v.State != w.state || got.after != w.after {
				t.Errorf("%v (%s) after %v, want %v after %v", v.State, v.Detail, got.after, w.state, w.after)
			}
		}
		if n := f.looks.Load(); n != 1 {
			t.Errorf("looked %d times", n)
		}
	})
}

// TestWhatHangsKeepsNobodyFromWhatIsQuick: the next round does not wait for the end of one that hangs.
func TestWhatHangsKeepsNobodyFromWhatIsQuick(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hangs, quick := &fake{look: takes(time.Hour)}, &fake{look: counts(time.Millisecond)}
		c := newCollector(t, entry{category: "b", name: "hangs", probe: hangs}, file("quick", quick, 0))
		defer c.Close()
		first := askAt(t, c, 0, 5*time.Second)
		got := <-askAt(t, c, 3*time.Millisecond, 100*time.Millisecond)
		if v := got.report.Verdicts[1]; v.Detail != "look 2" || got.after != 100*time.Millisecond {
			t.Errorf("told of %q after %v", v.Detail, got.after)
		}
		if got := <-first; got.after != 5*time.Second || got.report.Verdicts[0].Reason != probe.ReasonTimeout {
			t.Errorf("the first is told %s after %v", got.report.Verdicts[0].Reason, got.after)
		}
	})
}

// TestCloseLetsThoseGoWhoWaitForARound: also those who wait for the one after.
func TestCloseLetsThoseGoWhoWaitForARound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{look: takes(time.Hour)}
		c := newCollector(t, file("f", f, 0))
		first, second := askAt(t, c, 0, time.Minute), askAt(t, c, time.Millisecond, time.Minute)
		time.Sleep(reinforceAfter + 10*time.Millisecond) // the second has begun
		c.Close()
		if a, b := <-first, <-second; a.after > time.Second || b.after > time.Second {
			t.Errorf("let go after %v and %v", a.after, b.after)
		}
	})
}

// TestAReportTellsWhatHasChangedSinceTheOneBefore: what stands is taken over, what is new is not missed.
func TestAReportTellsWhatHasChangedSinceTheOneBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rare, often := &fake{look: counts(0)}, &fake{look: counts(0)}
		c := newCollector(t, file("rare", rare, time.Hour), file("often", often, time.Minute))
		defer c.Close()
		c.items[0].item.Waiver = &checklist.Waiver{Expires: time.Now().Add(10 * time.Minute)}
		report := func() *Report { return c.Collect(t.Context(), Selection{}, false) }
		details := func(r *Report) string { return fmt.Sprint(r.Verdicts[0].Detail, ", ", r.Verdicts[1].Detail) }

		a, b := report(), report()
		if a == b || !a.Same(b) || details(b) != "look 1, look 1" {
			t.Errorf("at once: the same metrics: %v; %s", a.Same(b), details(b))
		}
		if part := c.Collect(t.Context(), Selection{Categories: []string{"a"}}, false); part.Same(a) || !part.Same(part) {
			t.Error("a part is taken for the whole")
		}
		time.Sleep(2 * time.Minute)
		d := report()
		if d.Same(b) || details(d) != "look 1, look 2" {
			t.Errorf("when one was looked at again: the same metrics: %v; %s", d.Same(b), details(d))
		}
		often.look = func(context.Context, int) (probe.Result, error) {
			return probe.Failed(probe.ReasonOpen, "now open"), nil
		}
		time.Sleep(2 * time.Minute)
		if r := report(); r.Verdicts[1].State != probe.StateFail || r.Verdicts[0].State != probe.StatePass || !r.Verdicts[0].Waived {
			t.Errorf("%v, %v, waived %v", r.Verdicts[0].State, r.Verdicts[1].State, r.Verdicts[0].Waived)
		}
		often.look = pass
		time.Sleep(10 * time.Minute)
		if r := report(); r.Verdicts[0].Waived || details(r) != "look 1, seen" {
			t.Errorf("after the end of the waiver: waived %v; %s", r.Verdicts[0].Waived, details(r))
		}
	})
}

// TestOneOfManyKeepsNoReport, and tells the same.
func TestOneOfManyKeepsNoReport(t *testing.T) {
	f := &fake{look: counts(0)}
	c := newCollector(t, file("f", f, time.Hour))
	defer c.Close()
	c.KeepLittle()
	a, b := c.Collect(t.Context(), Selection{}, false), c.Collect(t.Context(), Selection{}, false)
	if c.before.report != nil || a.Same(b) || !a.Same(a) || !sameMetrics(a, b) || f.looks.Load() != 1 {
		t.Errorf("kept: %v; %+v, %+v", c.before.report != nil, a, b)
	}
}

// TestSameMetricsKnowsAllThatIsExposed changes one thing of a report after the other: whatever changes the text must be noticed.
func TestSameMetricsKnowsAllThatIsExposed(t *testing.T) {
	value := probe.Values()[0]
	labels := make([]string, len(value.Labels))
	make1 := func() *Report {
		n, at := 3, time.Unix(1_700_000_000, 0)
		it := &checklist.Item{Category: "c", Name: "i", Waiver: &checklist.Waiver{}}
		pr := &checklist.Probe{Name: "p", Kind: probe.Kind{Values: []*probe.Value{value}}}
		sample := probe.Sample{Value: value, Number: 1, Labels: append([]string{}, labels...)}
		return &Report{Checklist: &checklist.Checklist{}, Unmatched: &n, Planned: &attest.Release{Since: at}, Recorded: &attest.Release{Since: at},
			Verdicts: []checklist.Verdict{{Item: it, State: probe.StatePass, LastRun: at, Duration: time.Second, Outcomes: []checklist.Outcome{
				{Probe: pr, Result: probe.Result{State: probe.StatePass, Samples: []probe.Sample{sample}}}}}}}
	}
	text := func(r *Report) string {
		var all bytes.Buffer
		for _, f := range NewWriter().Write(r, false) {
			all.Write(f.Text)
		}
		return all.String()
	}
	one := make1()
	it, pr := one.Verdicts[0].Item, one.Verdicts[0].Outcomes[0].Probe
	like := func() *Report { // the same items: they live as long as the collector
		r := make1()
		r.Verdicts[0].Item, r.Verdicts[0].Outcomes[0].Probe = it, pr
		return r
	}
	if r := like(); !sameMetrics(one, r) || text(one) != text(r) {
		t.Fatal("equal reports are not the same")
	}
	for what, change := range map[string]func(r *Report, v *checklist.Verdict, o *checklist.Outcome){
		"state":         func(_ *Report, v *checklist.Verdict, _ *checklist.Outcome) { v.State = probe.StateFail },
		"reason":        func(_ *Report, v *checklist.Verdict, _ *checklist.Outcome) { v.Reason = probe.ReasonOpen },
		"waived":        func(_ *Report, v *checklist.Verdict, _ *checklist.Outcome) { v.Waived = true },
		"last run":      func(_ *Report, v *checklist.Verdict, _ *checklist.Outcome) { v.LastRun = v.LastRun.Add(time.Second) },
		"duration":      func(_ *Report, v *checklist.Verdict, _ *checklist.Outcome) { v.Duration++ },
		"outcomes":      func(_ *Report, v *checklist.Verdict, _ *checklist.Outcome) { v.Outcomes = nil },
		"probe's state": func(_ *Report, _ *checklist.Verdict, o *checklist.Outcome) { o.Result.State = probe.StateFail },
		"sample":        func(_ *Report, _ *checklist.Verdict, o *checklist.Outcome) { o.Result.Samples[0].Number = 2 },
		"samples":       func(_ *Report, _ *checklist.Verdict, o *checklist.Outcome) { o.Result.Samples = nil },
		"unmatched":     func(r *Report, _ *checklist.Verdict, _ *checklist.Outcome) { *r.Unmatched++ },
		"no unmatched":  func(r *Report, _ *checklist.Verdict, _ *checklist.Outcome) { r.Unmatched = nil },
		"planned":       func(r *Report, _ *checklist.Verdict, _ *checklist.Outcome) { r.Planned = nil },
		"version":       func(r *Report, _ *checklist.Verdict, _ *checklist.Outcome) { r.Recorded.Release.Version = "1.0.1" },
		"commit":        func(r *Report, _ *checklist.Verdict, _ *checklist.Outcome) { r.Planned.Release.Commit = "c0ffee" },
		"since": func(r *Report, _ *checklist.Verdict, _ *checklist.Outcome) {
			r.Recorded.Since = r.Recorded.Since.Add(time.Second)
		},
		"items": func(r *Report, _ *checklist.Verdict, _ *checklist.Outcome) { r.Verdicts = nil },
	} {
		r := like()
		change(r, &r.Verdicts[0], &r.Verdicts[0].Outcomes[0])
		if sameMetrics(one, r) {
			t.Errorf("%s: not noticed", what)
		}
		if what != "duration" && text(one) == text(r) {
			t.Errorf("%s: is not exposed at all", what)
		}
	}
}
