package alertmanager

import (
	"cmp"
	"slices"
	"time"
)

// Where alerts go: they are walked through the routing tree as Alertmanager does it. An alert is delivered while at least
// one of the routes at which it ends has a receiver with an integration and is not muted.

// Receiver returns the receiver with this name; ok is false when it is not defined.
func (am *Config) Receiver(name string) (Receiver, bool) {
	i := slices.IndexFunc(am.Receivers, func(r Receiver) bool { return r.Name == name })
	if i < 0 {
		return Receiver{}, false
	}
	return am.Receivers[i], true
}

// finalRoutes returns the routes at which an alert ends that no matcher sends to a more specific route.
func (r *Route) finalRoutes() []*Route {
	var ends []*Route
	for _, child := range r.Routes {
		if !child.matchesAll() {
			continue
		}
		ends = append(ends, child.finalRoutes()...)
		if !child.Continues {
			break
		}
	}
	if len(ends) == 0 {
		return []*Route{r}
	}
	return ends
}

// matchesAll reports whether a route matches every alert that reaches it: it has no matchers, or they match anything.
func (r *Route) matchesAll() bool {
	return !slices.ContainsFunc(r.Matchers, func(m Matcher) bool {
		anything := m.Operator == "=~" && m.Value == ".*"
		named := m.Label == "alertname" && (m.Operator == "=~" && m.Value == ".+" || m.Operator == "!=" && m.Value == "")
		return !anything && !named // as for an alert of which only the name is known
	})
}

// IntegrationsAt returns the integrations at the endings of a route, sorted.
func (am *Config) IntegrationsAt(r *Route) []string {
	var kinds []string
	for _, end := range r.finalRoutes() {
		receiver, _ := am.Receiver(end.Receiver)
		for _, i := range receiver.Integrations {
			kinds = append(kinds, cmp.Or(i.Kind, "an unknown integration"))
		}
	}
	slices.Sort(kinds)
	return slices.Compact(kinds)
}

// Match returns the routes at which an alert ends (dispatch.Route.Match of Alertmanager).
func (r *Route) Match(labels map[string]string) []*Route {
	if !MatchAll(r.Matchers, labels) {
		return nil
	}
	var ends []*Route
	for _, child := range r.Routes {
		found := child.Match(labels)
		ends = append(ends, found...)
		if found != nil && !child.Continues {
			break
		}
	}
	if len(ends) == 0 {
		return []*Route{r}
	}
	return ends
}

// Notifies reports whether the receiver of a route has an integration.
func (am *Config) Notifies(r *Route) bool {
	receiver, _ := am.Receiver(r.Receiver)
	return len(receiver.Integrations) > 0
}

// Undelivered returns the share of the time in which none of the routes notifies anybody, in the worst weeks of the
// year from a time on.
func (am *Config) Undelivered(ends []*Route, from time.Time) float64 {
	start := from.UTC().Truncate(24 * time.Hour)
	delivered := newCalendar()
	for _, r := range ends {
		if !am.Notifies(r) {
			continue
		}
		if len(r.Intervals()) == 0 {
			return 0
		}
		delivered.add(am.notifyingTimes(r, start))
	}
	return delivered.missing()
}

func (am *Config) notifyingTimes(r *Route, start time.Time) calendar {
	union := func(names []Name) calendar {
		c := newCalendar()
		for _, n := range names {
			if x := am.Interval(n.Name); x != nil {
				c.add(x.minutes(start))
			}
		}
		return c
	}
	times := newCalendar()
	times.set(0, len(times)*64)
	if len(r.actives) > 0 {
		times.keep(union(r.actives))
	}
	if len(r.mutes) > 0 {
		times.remove(union(r.mutes))
	}
	return times
}

// Absent returns a label that decides that an alert reaches this route and that the alert does not have; "" for none.
func (r *Route) Absent(labels map[string]string) string {
	for ; r != nil; r = r.parent {
		for _, m := range r.Matchers {
			if labels[m.Label] == "" && (m.expression == nil || m.Value != ".*") {
				return m.Label
			}
		}
	}
	return ""
}

// Path returns the matchers of a route and of those above it.
func (r *Route) Path() []Matcher {
	var all []Matcher
	for ; r != nil; r = r.parent {
		all = append(all, r.Matchers...)
	}
	return all
}

// MutedAt reports whether none of the routes notifies anybody at a time because of time intervals.
func (am *Config) MutedAt(ends []*Route, now time.Time) bool {
	start := now.UTC().Truncate(24 * time.Hour)
	minute := int(now.Sub(start).Minutes())
	muted := false
	for _, r := range ends {
		if !am.Notifies(r) {
			continue
		}
		if len(r.Intervals()) == 0 || am.notifyingTimes(r, start)[minute/64]&(1<<(minute%64)) != 0 {
			return false
		}
		muted = true
	}
	return muted
}
