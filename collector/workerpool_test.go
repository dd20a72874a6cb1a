package collector

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/thenexusengine/catalyst_exporter/probe"
)

// fileProbes returns the given entries and n quick ones, all as probes of files.
func fileProbes(n int, first ...entry) []entry {
	for i := range n {
		first = append(first, entry{category: "a", name: fmt.Sprintf("quick%d", i), probe: &fake{run: passes}})
	}
	for i := range first {
		first[i].kind.Layer = probe.LayerDeclared
	}
	return first
}

// A worker runs several probes in sequence; more workers start when one of them is slow.
func TestWorkers_SlowFileDelaysNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCollector(t, fileProbes(8, entry{category: "a", name: "slow", probe: &fake{run: takes(3 * time.Second)}})...)
		defer c.Close()
		v := collect(t, c, time.Second, Selection{})
		want(t, v["slow"], probe.StateUnknown, probe.ReasonTimeout)
		for i := range 8 {
			want(t, v[fmt.Sprintf("quick%d", i)], probe.StatePass, "")
		}
	})
}

// More hung files than slots delay the others only until their timeout.
func TestWorkers_HungWorkersAreReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var hang []entry
		for i := range cap(NewLimits().files) + 1 {
			hang = append(hang, entry{category: "a", name: fmt.Sprintf("hangs%d", i), probe: &fake{run: func(context.Context, int) (probe.Result, error) {
				time.Sleep(time.Hour)
				return probe.Passed("late"), nil
			}}})
		}
		c := newCollector(t, fileProbes(3, hang...)...)
		v := collect(t, c, time.Minute, Selection{})
		want(t, v["quick2"], probe.StatePass, "")
		want(t, v["hangs0"], probe.StateUnknown, probe.ReasonTimeout)
		time.Sleep(2 * time.Hour)
		c.Close()
		if got := len(c.limits.files); got != 0 {
			t.Errorf("%d slots are still taken", got)
		}
	})
}

// Close also releases callers that wait for probes without a worker.
func TestClose_ReleasesWaiters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var slow []entry
		for i := range 3 * cap(NewLimits().files) {
			slow = append(slow, entry{category: "a", name: fmt.Sprintf("slow%d", i), probe: &fake{run: takes(4 * time.Second)}})
		}
		c := newCollector(t, fileProbes(0, slow...)...)
		began := time.Now()
		time.AfterFunc(time.Second, c.Close)
		collect(t, c, time.Hour, Selection{})
		if took := time.Since(began); took != time.Second {
			t.Errorf("collecting took %v", took)
		}
		synctest.Wait()
		if n, _ := c.Running(); n != 0 {
			t.Errorf("%d probes are running after Close", n)
		}
	})
}

// contextOf is a probe that hands out the context of its runs.
func contextOf(contexts chan<- context.Context) func(context.Context, int) (probe.Result, error) {
	return func(ctx context.Context, _ int) (probe.Result, error) {
		contexts <- ctx
		return probe.Passed("seen"), nil
	}
}

// Runs share a context only while its deadline is right for them, and it ends with the worker.
func TestWorkers_ContextHasTheTimeoutOfItsRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		contexts := make(chan context.Context, 5)
		hands := &fake{run: contextOf(contexts)}
		slow := &fake{run: takes(15 * time.Millisecond)}
		entries := fileProbes(0, entry{category: "a", name: "one", probe: hands, timeout: 5 * time.Second},
			entry{category: "a", name: "same", probe: hands, timeout: 5 * time.Second},
			entry{category: "a", name: "longer", probe: hands, timeout: 7 * time.Second},
			entry{category: "a", name: "shorter", probe: hands, timeout: time.Second},
			entry{category: "a", name: "slow", probe: slow, timeout: time.Second},
			entry{category: "a", name: "after the slow one", probe: hands, timeout: time.Second})
		c := newCollector(t, entries...)
		defer c.Close()
		began := time.Now()
		collect(t, c, time.Minute, Selection{})
		close(contexts)
		want := []time.Duration{5 * time.Second, 5 * time.Second, 7 * time.Second, time.Second, time.Second + 15*time.Millisecond}
		var all []context.Context
		for ctx := range contexts {
			deadline, ok := ctx.Deadline()
			if n := len(all); !ok || deadline.Sub(began) != want[n] {
				t.Errorf("run %d: deadline after %v, want %v", n, deadline.Sub(began), want[n])
			}
			if all = append(all, ctx); ctx.Err() == nil {
				t.Errorf("run %d: the context is not cancelled after the run", len(all))
			}
		}
		if all[0] != all[1] || all[1] == all[2] {
			t.Error("runs with the same deadline do not share a context, or others do")
		}
	})
}

// A probe that panics in its key still runs, and the others are not affected.
func TestCollect_PanicInAKeyIsContained(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{run: passes, key: func() string { panic("a secret") }}
		c := newCollector(t, entry{category: "a", name: "x", probe: keyed{f}, maxAge: time.Hour}, entry{category: "a", name: "y", probe: &fake{run: passes}})
		defer c.Close()
		v := collect(t, c, time.Second, Selection{})
		want(t, v["x"], probe.StatePass, "")
		want(t, v["y"], probe.StatePass, "")
	})
}
