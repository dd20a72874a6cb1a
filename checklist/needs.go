package checklist

import (
	"slices"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/probe"
)

// Prerequisites. Without the database, twenty items cannot be checked for one cause. An item that needs another one is then
// blocked by it instead of unknown for a reason of its own, and the alerts are about the cause alone.

// need resolves the `needs` of an item once all items are loaded.
type need struct {
	of    *Item
	names []string
	origin
}

// link resolves all prerequisites, and refuses circles.
func (l *loader) link(c *Checklist) {
	for _, n := range l.needs {
		if found := c.Find(n.of.ID()); len(found) != 1 || found[0] != n.of {
			continue // replaced by a later document
		}
		for _, name := range n.names {
			it := l.find(c, name, n.file, n.path+".needs", child(n.node, "needs"))
			switch {
			case it == nil || slices.Contains(n.of.Needs, it):
			case slices.ContainsFunc(it.Probes, func(pr *Probe) bool { return pr.Derived != nil }):
				l.wrong(n.file, n.path+".needs", child(n.node, "needs"), "", "%s is judged from other items and cannot be needed", it.ID())
			default:
				n.of.Needs = append(n.of.Needs, it)
			}
		}
	}
	for _, n := range l.needs {
		if circle := n.of.circle(nil); circle != nil {
			l.wrong(n.file, n.path+".needs", child(n.node, "needs"), "", "needs itself: %s", strings.Join(circle, " needs "))
			return // every other item of the circle would report it again
		}
	}
}

// circle returns the items from this one to itself, or nil.
func (it *Item) circle(path []*Item) []string {
	if i := slices.Index(path, it); i >= 0 {
		var names []string
		for _, at := range append(path[i:], it) {
			names = append(names, at.ID())
		}
		return names
	}
	for _, next := range it.Needs {
		if found := next.circle(append(path, it)); found != nil {
			return found
		}
	}
	return nil
}

// Prerequisites lists the items that this one needs, directly or through others.
func (it *Item) Prerequisites() []*Item {
	var all []*Item
	for _, next := range it.Needs {
		for _, each := range append([]*Item{next}, next.Prerequisites()...) {
			if !slices.Contains(all, each) {
				all = append(all, each)
			}
		}
	}
	return all
}

// Block turns unknown verdicts into blocked ones while a prerequisite is broken. Of returns the verdict on an item. Only
// verdicts that the network or a permission prevented are replaced, and only if all that is unknown was asked of the running
// system: what a file says does not depend on another item.
func (v *Verdict) Block(of func(*Item) *Verdict) {
	if cause := v.cause(of); cause != nil {
		v.BlockedBy = cause.Item
		v.Detail = "blocked by " + cause.ID() + ", which is " + cause.State.String() + " (" + string(cause.Reason) + "): " + v.Detail
		v.Reason = probe.ReasonBlocked
		v.Remedies = append([]string{cause.ID()}, v.Remedies...)
	}
}

// cause returns the verdict that blocks this one: the first broken prerequisite, or what blocks that. Nil for none.
func (v *Verdict) cause(of func(*Item) *Verdict) *Verdict {
	if v.BlockedBy != nil {
		return of(v.BlockedBy)
	}
	if v.Item == nil || v.Waived || !v.dependsOnOthers() {
		return nil
	}
	for _, it := range v.Needs {
		prerequisite := of(it)
		if prerequisite == nil || !prerequisite.breaks() {
			continue
		}
		if deeper := prerequisite.cause(of); deeper != nil {
			return deeper
		}
		return prerequisite
	}
	return nil
}

// dependsOnOthers reports whether a verdict is unknown for a reason that another item may explain.
func (v *Verdict) dependsOnOthers() bool {
	if v.State != probe.StateUnknown {
		return false
	}
	explained := false
	for i := range v.Outcomes {
		o := &v.Outcomes[i]
		if o.Result.State != probe.StateUnknown {
			continue
		}
		if layer := o.Probe.Kind.Layer; layer != probe.LayerLive && layer != probe.LayerRunning {
			return false
		}
		switch o.Result.Reason {
		case probe.ReasonUnreachable, probe.ReasonTimeout, probe.ReasonPermissionDenied:
			explained = true
		default:
			return false
		}
	}
	return explained
}

// breaks reports whether a verdict blocks the items that need it. It must be one that itself prevents readiness and alerts: an
// item that was never configured is no cause.
func (v *Verdict) breaks() bool {
	if v.Item == nil || !v.Required || v.Waived {
		return false
	}
	return v.State == probe.StateFail || v.State == probe.StateUnknown && v.Reason != probe.ReasonNotConfigured
}
