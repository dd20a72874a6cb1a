package alertmanager

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// What two configurations differ in. Values are not compared: a running Alertmanager does not show its secrets.

// Differences returns what two configurations differ in.
func Differences(a, b *Config) []string {
	var all []string
	for _, part := range []struct {
		what string
		of   func(*Config) string
	}{
		{"routes", func(am *Config) string { return am.Root.shape() }},
		{"group or repeat intervals", func(am *Config) string { return am.Root.timing(defaultTiming()) }},
		{"receivers", (*Config).receiverShapes},
		{"inhibit rules", func(am *Config) string {
			var shapes []string
			for _, i := range am.Inhibits {
				shapes = append(shapes, fmt.Sprintf("%q %q %q", matcherShapes(i.Sources), matcherShapes(i.Targets), slices.Sorted(slices.Values(i.Equal))))
			}
			slices.Sort(shapes)
			return fmt.Sprintf("%q", shapes)
		}},
		{"time intervals", func(am *Config) string {
			var shapes []string
			for _, i := range am.intervals {
				shapes = append(shapes, fmt.Sprintf("%q", i.name))
				for _, p := range i.periods {
					shapes[len(shapes)-1] += fmt.Sprintf(" %v %v %v %v %v %q", p.times, p.weekdays, p.days, p.months, p.years, p.location)
				}
			}
			slices.Sort(shapes)
			return fmt.Sprintf("%q", shapes)
		}},
	} {
		if part.of(a) != part.of(b) {
			all = append(all, part.what)
		}
	}
	return all
}

func (am *Config) receiverShapes() string {
	var shapes []string
	for _, r := range am.Receivers {
		var kinds []string
		for _, i := range r.Integrations {
			kinds = append(kinds, i.Kind)
		}
		slices.Sort(kinds)
		shapes = append(shapes, fmt.Sprintf("%q %q", r.Name, kinds))
	}
	slices.Sort(shapes)
	return fmt.Sprintf("%q", shapes)
}

// shape is the text of a route and its children without their lines.
func (r *Route) shape() string {
	names := func(all []Name) []string {
		var list []string
		for _, n := range all {
			list = append(list, n.Name)
		}
		return list
	}
	shape := fmt.Sprintf("%q %q %v %q %q", r.Receiver, matcherShapes(r.Matchers), r.Continues, names(r.mutes), names(r.actives))
	for _, child := range r.Routes {
		shape += "(" + child.shape() + ")"
	}
	return shape
}

// timing are the durations of a route and the labels by which it groups.
type timing struct {
	durations [3]time.Duration // group_wait, group_interval, repeat_interval
	groupBy   string
}

// defaultTiming is what Alertmanager uses for a root without settings.
func defaultTiming() timing {
	return timing{durations: [3]time.Duration{30 * time.Second, 5 * time.Minute, 4 * time.Hour}}
}

// timing is the text of the effective durations and labels of a route and its children.
func (r *Route) timing(inherited timing) string {
	for i, own := range r.durations {
		if own != unset {
			inherited.durations[i] = own
		}
	}
	if r.groupBy != nil {
		inherited.groupBy = fmt.Sprintf("%q", slices.Sorted(slices.Values(r.groupBy)))
	}
	text := fmt.Sprint(inherited)
	for _, child := range r.Routes {
		text += "(" + child.timing(inherited) + ")"
	}
	return text
}

func matcherShapes(all []Matcher) []string {
	var shapes []string
	for _, m := range all {
		value := m.Value
		if m.expression != nil {
			value = strings.TrimSuffix(strings.TrimPrefix(value, "^(?:"), ")$")
		}
		shapes = append(shapes, fmt.Sprintf("%q%s%q", m.Label, m.Operator, value))
	}
	slices.Sort(shapes)
	return shapes
}
