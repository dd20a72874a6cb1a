package collector

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/thenexusengine/catalyst_exporter/probe"
)

// fileLooks are n quick looks at files behind those given.
func fileLooks(n int, first ...entry) []entry {
	for i := range n {
		first = append(first, entry{category: "a", name: fmt.Sprintf("quick%d", i), probe: &fake{look: pass}})
	}
	for i := range first {
		first[i].kind.Layer = probe.LayerDeclared
	}
	return first
}

// TestOneSlowFileKeepsNoOther: a worker does several looks one after the other, and others come to help when one takes long.
func TestOneSlowFileKeepsNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCollector(t, fileLooks(8, entry{category: "a", name: "slow", probe: &fake{look: takes(3 * time.Second)}})...)
		defer c.Close()
		v := collect(t, c, time.Second, Selection{})
		want(t, v["slow"], probe.StateUnknown, probe.ReasonTimeout)
		for i := range 8 {
			want(t, v[fmt.Sprintf("quick%d", i)], probe.StatePass, "")
		}
	})
}

// TestWorkersThatHangAreReplaced: more files that never answer than there are slots keep the others only until their time is over.
func TestWorkersThatHangAreReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var hang []entry
		for i := range cap(NewLimits().files) + 1 {
			hang = append(hang, entry{category: "a", name: fmt.Sprintf("hangs%d", i), probe: &fake{look: func(context.Context, int) (probe.Result, error) {
				time.Sleep(time.Hour)
				return probe.Passed("late"), nil
			}}})
		}
		c := newCollector(t, fileLooks(3, hang...)...)
		v := collect(t, c, time.Minute, Selection{})
		want(t, v["quick2"], probe.StatePass, "")
		want(t, v["hangs0"], probe.StateUnknown, probe.ReasonTimeout)
		time.Sleep(2 * time.Hour)
		c.Close()
		if got := len(c.limits.files); got != 0 {
			t.Errorf("%d slots are taken at the end", got)
		}
	})
}

// TestCloseLetsThoseGoWhoWaitForABatch, also for looks that nobody has begun.
func TestCloseLetsThoseGoWhoWaitForABatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var slow []entry
		for i := range 3 * cap(NewLimits().files) {
			slow = append(slow, entry{category: "a", name: fmt.Sprintf("slow%d", i), probe: &fake{look: takes(4 * time.Second)}})
		}
		c := newCollector(t, fileLooks(0, slow...)...)
		began := time.Now()
		time.AfterFunc(time.Second, c.Close)
		collect(t, c, time.Hour, Selection{})
		if took := time.Since(began); took != time.Second {
			t.Errorf("the round took %v", took)
		}
		synctest.Wait()
		if n, _ := c.Running(); n != 0 {
			t.Errorf("%d looks are under way after the end", n)
		}
	})
}

// TestABriefContextIsOneWithADeadline: who waits and who asks is told the same, whenever they begin.
func TestABriefContextIsOneWithADeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		made := func() *brief {
			return &brief{Context: t.Context(), deadline: time.Now().Add(time.Second)}
		}
		waits, asks, child := made(), made(), made()
		under, cancel := context.WithCancel(child)
		defer cancel()
		began := time.Now()
		if waits.Err() != nil || asks.Err() != nil || under.Err() != nil {
			t.Error("over at once")
		}
		<-waits.Done()
		if took := time.Since(began); took != time.Second || waits.Err() != context.DeadlineExceeded || asks.Err() != context.DeadlineExceeded {
			t.Errorf("after %v: %v, %v", took, waits.Err(), asks.Err())
		}
		<-asks.Done()
		<-under.Done()
		for _, b := range []*brief{waits, asks, child} {
			b.end()
		}
		early, unasked := made(), made()
		done := early.Done()
		early.end()
		<-done
		unasked.end()
		<-unasked.Done()
		if early.Err() != context.Canceled || unasked.Err() != context.Canceled {
			t.Errorf("ended before the time: %v, %v", early.Err(), unasked.Err())
		}
		parent, stop := context.WithCancel(t.Context())
		b := &brief{Context: parent, deadline: time.Now().Add(time.Second)}
		stop()
		if b.Err() != context.Canceled {
			t.Errorf("the parent has ended: %v", b.Err())
		}
		<-b.Done()
		b.end()
	})
}
