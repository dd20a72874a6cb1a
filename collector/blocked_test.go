package collector

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/thenexusengine/catalyst_exporter/probe"
)

// TestCollect_BlocksWhilePrerequisiteIsBroken follows two items from their cause's failure to its repair. The dependents do not
// run again in between, so that a verdict that is reused must be judged anew.
func TestCollect_BlocksWhilePrerequisiteIsBroken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cause := &fake{run: func(_ context.Context, n int) (probe.Result, error) {
			if n == 2 {
				return probe.Failed(probe.ReasonMissing, "gone"), nil
			}
			return probe.Passed("seen"), nil
		}}
		away := &fake{run: func(context.Context, int) (probe.Result, error) {
			return probe.Result{}, probe.Unknown(probe.ReasonUnreachable, errors.New("connection refused"))
		}}
		c := newCollector(t, entry{category: "a", name: "deeper", probe: away, maxAge: 20 * time.Second},
			entry{category: "a", name: "depends", probe: away, maxAge: 20 * time.Second}, entry{category: "b", name: "cause", probe: cause})
		defer c.Close()
		deeper, depends := c.items[0].item, c.items[1].item
		deeper.Needs = append(deeper.Needs, depends)
		depends.Needs = append(depends.Needs, c.items[2].item)
		for step, broken := range []bool{false, true, false} {
			v := collect(t, c, time.Second, Selection{})
			reason := probe.ReasonUnreachable
			if broken {
				reason = probe.ReasonBlocked
			}
			want(t, v["depends"], probe.StateUnknown, reason)
			if broken != (v["deeper"].BlockedBy == c.items[2].item) { // the cause, not what stands between
				t.Errorf("step %d: %q", step, v["deeper"].Detail)
			}
			if !broken && v["deeper"].BlockedBy != depends {
				t.Errorf("step %d: %q, want blocked by what is unknown itself", step, v["deeper"].Detail)
			}
			time.Sleep(time.Second)
		}
		if n := away.runs.Load(); n != 2 {
			t.Errorf("the dependents ran %d times", n)
		}
		v := collect(t, c, time.Second, Selection{Categories: []string{"a"}}) // evaluates what is needed, and does not show it
		if len(v) != 2 || cause.runs.Load() != 4 {
			t.Errorf("%d verdicts, the cause ran %d times", len(v), cause.runs.Load())
		}
	})
}
