package oncall

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"
)

// moment is a date and time of a calendar: in UTC, in a zone, or without one.
type moment struct {
	wall time.Time      // as written, in UTC
	zone *time.Location // nil for none
	day  bool           // a date without a time
}

func (m moment) floating() bool { return m.zone == nil }

// in returns the time of a moment. One without zone is in the given one.
func (m moment) in(zone *time.Location) time.Time {
	if m.zone != nil {
		zone = m.zone
	}
	w := m.wall
	return time.Date(w.Year(), w.Month(), w.Day(), w.Hour(), w.Minute(), w.Second(), 0, zone)
}

// event is a shift with its recurrence.
type event struct {
	uid               string
	start             moment
	until             *moment // DTEND
	length            span
	rule              *rule
	more              []moment // RDATE
	exceptions        []moment // EXDATE
	recurrence        *moment  // RECURRENCE-ID: replaces this occurrence
	cancelled, nobody bool
	unseen            string // why it cannot be evaluated
}

// span is a duration: days keep the time of day, the rest is exact.
type span struct {
	days int
	rest time.Duration
}

// end returns the end of an occurrence. It has the same time of day as that of the first one, whatever the clocks do.
func (e event) end(start moment, zone *time.Location) time.Time {
	switch {
	case e.until != nil:
		last := *e.until
		last.wall = last.wall.Add(start.wall.Sub(e.start.wall))
		return last.in(zone)
	case e.length != span{}:
		last := start
		last.wall = last.wall.AddDate(0, 0, e.length.days)
		return last.in(zone).Add(e.length.rest)
	case e.start.day:
		last := start
		last.wall = last.wall.AddDate(0, 0, 1)
		return last.in(zone)
	}
	return start.in(zone)
}

// excludesDay reports whether an exception that is a date excludes an occurrence.
func (e event) excludesDay(t time.Time, start moment, zone *time.Location) bool {
	return slices.ContainsFunc(e.exceptions, func(x moment) bool {
		return x.day && !start.day && x.in(zone).Equal(t) && x.wall.Equal(start.wall.Truncate(24*time.Hour))
	})
}

// rule is a recurrence of days.
type rule struct {
	frequency string
	interval  int
	count     int
	until     *moment
	weekdays  []weekday
	dates     []int
	months    []int
	weekStart time.Weekday
}

type weekday struct {
	nth int // 0 for every one
	day time.Weekday
}

// maxDays bounds how far back a recurring event may begin.
const maxDays = 40 * 366

// starts returns the occurrences of an event that begin before a time.
func (e event) starts(zone *time.Location, to time.Time) ([]moment, error) {
	all := append([]moment{e.start}, e.more...)
	if e.rule == nil {
		return all, nil
	}
	all = slices.Clone(e.more)
	at := func(day int) moment {
		m := e.start
		m.wall = m.wall.AddDate(0, 0, day)
		return m
	}
	if to.Sub(e.start.wall) > maxDays*24*time.Hour {
		return nil, errors.New("an event recurs since too long ago")
	}
	found := 0
	for day := 0; ; day++ {
		m := at(day)
		switch {
		case !m.in(zone).Before(to),
			e.rule.count > 0 && found >= e.rule.count,
			e.rule.until != nil && e.rule.ended(m, zone):
			return all, nil
		}
		// The first start counts even if the rule does not match it.
		if day == 0 || e.rule.matches(e.start.wall, m.wall) {
			found++
			all = append(all, m)
		}
	}
}

// ended reports whether an occurrence is after the end of a rule. A date includes its whole day.
func (r rule) ended(m moment, zone *time.Location) bool {
	if r.until.day {
		return m.wall.Truncate(24 * time.Hour).After(r.until.wall)
	}
	end := *r.until
	if end.zone == nil && m.zone != nil {
		end.zone = m.zone
	}
	return m.in(zone).After(end.in(zone))
}

// matches reports whether a rule that began on one day has an occurrence on another.
func (r rule) matches(first, day time.Time) bool {
	date := func(t time.Time) time.Time { return t.Truncate(24 * time.Hour) }
	days := int(date(day).Sub(date(first)).Hours() / 24)
	months := (day.Year()-first.Year())*12 + int(day.Month()-first.Month())
	if len(r.months) > 0 && !slices.Contains(r.months, int(day.Month())) {
		return false
	}
	periods := 0
	switch r.frequency {
	case "DAILY":
		periods = days
	case "WEEKLY":
		back := (int(first.Weekday()) - int(r.weekStart) + 7) % 7
		periods = (days + back) / 7
	case "MONTHLY":
		periods = months
	case "YEARLY":
		periods = day.Year() - first.Year()
	}
	if periods%r.interval != 0 {
		return false
	}
	if len(r.dates) > 0 && !slices.ContainsFunc(r.dates, func(n int) bool { return n == day.Day() || n < 0 && n == day.Day()-daysIn(day)-1 }) {
		return false
	}
	if len(r.weekdays) > 0 {
		return slices.ContainsFunc(r.weekdays, func(w weekday) bool {
			nth, fromEnd := (day.Day()-1)/7+1, -((daysIn(day)-day.Day())/7 + 1)
			return w.day == day.Weekday() && (w.nth == 0 || w.nth == nth || w.nth == fromEnd)
		})
	}
	switch r.frequency {
	case "WEEKLY":
		return day.Weekday() == first.Weekday()
	case "MONTHLY":
		return len(r.dates) > 0 || day.Day() == first.Day()
	case "YEARLY":
		return (len(r.months) > 0 || day.Month() == first.Month()) && (len(r.dates) > 0 || day.Day() == first.Day())
	}
	return true
}

func daysIn(day time.Time) int {
	return time.Date(day.Year(), day.Month()+1, 0, 0, 0, 0, 0, time.UTC).Day()
}

var errRule = errors.New("an event recurs in a form that is not evaluated here")

// parseRule parses an RRULE.
func parseRule(text string, zone *time.Location) (*rule, error) {
	r := &rule{interval: 1, weekStart: time.Monday}
	for part := range strings.SplitSeq(strings.TrimSuffix(text, ";"), ";") {
		key, value, ok := strings.Cut(strings.ToUpper(part), "=")
		if !ok {
			return nil, errRule
		}
		var err error
		switch key {
		case "FREQ":
			r.frequency = value
		case "INTERVAL":
			r.interval, err = strconv.Atoi(value)
		case "COUNT":
			r.count, err = strconv.Atoi(value)
		case "UNTIL":
			var m moment
			if m, err = parseMoment(value, zone); err == nil {
				r.until = &m
			}
		case "WKST":
			var all []weekday
			if all, err = parseWeekdays(value); err == nil {
				r.weekStart = all[0].day
			}
		case "BYDAY":
			r.weekdays, err = parseWeekdays(value)
		case "BYMONTHDAY":
			r.dates, err = parseNumbers(value)
		case "BYMONTH":
			r.months, err = parseNumbers(value)
		default:
			return nil, errRule
		}
		if err != nil {
			return nil, errRule
		}
	}
	nth := slices.ContainsFunc(r.weekdays, func(w weekday) bool { return w.nth != 0 })
	switch {
	case !slices.Contains([]string{"DAILY", "WEEKLY", "MONTHLY", "YEARLY"}, r.frequency), r.interval < 1, r.count < 0,
		r.frequency == "YEARLY" && len(r.weekdays) > 0 && len(r.months) == 0,
		nth && r.frequency != "MONTHLY" && r.frequency != "YEARLY":
		return nil, errRule
	}
	return r, nil
}

func parseNumbers(text string) (all []int, err error) {
	for item := range strings.SplitSeq(text, ",") {
		n, err := strconv.Atoi(item)
		if err != nil || n == 0 || n < -31 || n > 31 {
			return nil, errRule
		}
		all = append(all, n)
	}
	return all, nil
}

func parseWeekdays(text string) (all []weekday, err error) {
	for item := range strings.SplitSeq(text, ",") {
		if len(item) < 2 {
			return nil, errRule
		}
		w := weekday{}
		i := slices.Index([]string{"SU", "MO", "TU", "WE", "TH", "FR", "SA"}, item[len(item)-2:])
		if nth := item[:len(item)-2]; nth != "" {
			if w.nth, err = strconv.Atoi(nth); err != nil || w.nth == 0 {
				return nil, errRule
			}
		}
		if i < 0 {
			return nil, errRule
		}
		w.day = time.Weekday(i)
		all = append(all, w)
	}
	return all, nil
}
