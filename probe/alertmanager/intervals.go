package alertmanager

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
	"github.com/thenexusengine/catalyst_exporter/schema"
)

// Time intervals as Alertmanager reads them (its documentation, "time_interval"). What Alertmanager refuses is a
// problem: a range that ends before it begins, an unknown weekday, month or location, a day out of range.

// Interval is a named time interval: it holds the times of any of its periods.
type Interval struct {
	name    string
	line    int
	periods []period
}

// period holds the times that match all its fields; an empty field matches any time.
type period struct {
	times, weekdays, days, months, years []span // times in minutes of the day, without their end
	location                             *time.Location
}

// span is a range of numbers; both ends belong to it.
type span struct{ from, to int }

func within(ranges []span, n int) bool {
	return len(ranges) == 0 || slices.ContainsFunc(ranges, func(r span) bool { return r.from <= n && n <= r.to })
}

func (am *Config) readInterval(n *schema.Node) {
	fields := am.mapping(n, "a time interval", "name", "time_intervals")
	interval := Interval{name: am.text(fields["name"]), line: n.Line}
	switch {
	case interval.name == "":
		am.addProblem(n.Line, "a time interval has no name")
	case am.Interval(interval.name) != nil:
		am.addProblem(n.Line, "a time interval with this name is already defined above")
	}
	for _, entry := range am.list(fields["time_intervals"], "time_intervals") {
		interval.periods = append(interval.periods, am.readPeriod(entry))
	}
	am.intervals = append(am.intervals, interval)
}

// Interval returns the time interval with this name; nil when it is not defined.
func (am *Config) Interval(name string) *Interval {
	i := slices.IndexFunc(am.intervals, func(x Interval) bool { return x.name == name })
	if i < 0 {
		return nil
	}
	return &am.intervals[i]
}

func (am *Config) readPeriod(n *schema.Node) period {
	fields := am.mapping(n, "an entry of time_intervals", "times", "weekdays", "days_of_month", "months", "years", "location")
	p := period{location: time.UTC}
	for _, entry := range am.list(fields["times"], "times") {
		times := am.mapping(entry, "an entry of times", "start_time", "end_time")
		from, okFrom := minuteOfDay(am.text(times["start_time"]))
		to, okTo := minuteOfDay(am.text(times["end_time"]))
		switch {
		case !okFrom || !okTo:
			am.addProblem(entry.Line, "start_time and end_time must be times such as 09:00 (24:00 at most)")
		case from >= to:
			am.addProblem(entry.Line, "start_time is not before end_time. Write two entries for a time across midnight: one to 24:00, one from 00:00")
		default:
			p.times = append(p.times, span{from, to - 1})
		}
	}
	p.weekdays = am.ranges(fields["weekdays"], "weekdays", func(s string) (int, error) { return position(s, weekdayNames(), 0) })
	p.days = am.ranges(fields["days_of_month"], "days_of_month", dayOfMonth)
	p.months = am.ranges(fields["months"], "months", func(s string) (int, error) { return position(s, monthNames(), 1) })
	p.years = am.ranges(fields["years"], "years", strconv.Atoi)
	if name := am.text(fields["location"]); name != "" {
		location, err := time.LoadLocation(name)
		if err != nil {
			am.addProblem(fields["location"].Line, "unknown location. Use a name of the time zone database such as Europe/Berlin")
			location = time.UTC
		}
		p.location = location
	}
	return p
}

// ranges reads a list of values and ranges: monday, monday:friday.
func (am *Config) ranges(n *schema.Node, key string, number func(string) (int, error)) []span {
	var all []span
	for _, entry := range am.list(n, key) {
		if entry.Kind != yaml.ScalarNode {
			am.addProblem(entry.Line, "an entry of %s is neither a value nor a range", key)
			continue
		}
		first, last, isRange := strings.Cut(strings.ToLower(entry.Value), ":")
		if !isRange {
			last = first
		}
		from, err := number(first)
		to, errTo := number(last)
		switch err = errors.Join(err, errTo); {
		case err != nil:
			am.addProblem(entry.Line, "an entry of %s is not valid", key)
		case key == "days_of_month" && from < 0 && to > 0:
			am.addProblem(entry.Line, "a range of days_of_month that starts with a negative day must end with one")
		case key == "days_of_month" && shortestMonth(from) > shortestMonth(to), key != "days_of_month" && from > to:
			am.addProblem(entry.Line, "a range of %s ends before it begins", key)
		default:
			all = append(all, span{from, to})
		}
	}
	return all
}

// shortestMonth returns the day of a month of 28 days for a day that may be counted from its end.
func shortestMonth(day int) int {
	if day < 0 {
		return 28 + day
	}
	return day
}

var clockTime = lazyregexp.New(`^(?:(?:[01]\d|2[0-3]):[0-5]\d|24:00)$`)

func minuteOfDay(text string) (int, bool) {
	if !clockTime.MatchString(text) {
		return 0, false
	}
	hours, _ := strconv.Atoi(text[:2])
	minutes, _ := strconv.Atoi(text[3:])
	return hours*60 + minutes, true
}

func dayOfMonth(text string) (int, error) {
	day, err := strconv.Atoi(text)
	if err == nil && (day == 0 || day < -31 || day > 31) {
		return 0, errors.New("out of range")
	}
	return day, err
}

// position returns the number of a name. Months may be numbers as well: Alertmanager accepts any, and one out of range
// never comes.
func position(text string, names []string, first int) (int, error) {
	if i := slices.Index(names, text); i >= 0 {
		return i + first, nil
	}
	if first == 0 {
		return 0, errors.New("unknown name")
	}
	return strconv.Atoi(text)
}

func weekdayNames() []string {
	return []string{"sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"}
}

func monthNames() []string {
	return []string{
		"january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december",
	}
}
