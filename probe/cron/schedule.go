package cron

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"
)

// schedule is when a job starts: on the days for which on is true, at these minutes of the day.
type schedule struct {
	on      func(day time.Time) bool
	minutes []int // sorted
	once    bool  // when the system starts, not by time
	every   time.Duration
}

// horizon is how far ahead a start is searched. A job of 29 February may have to wait for eight years.
const horizon = 9 * 366

// gap returns the longest time between two starts from now on; false if the job never starts again.
func (s schedule) gap(now time.Time) (time.Duration, bool) {
	if s.every > 0 {
		return s.every, true
	}
	if s.once || len(s.minutes) == 0 {
		return 0, false
	}
	first, last := s.minutes[0], s.minutes[len(s.minutes)-1]
	within := 0
	for i := 1; i < len(s.minutes); i++ {
		within = max(within, s.minutes[i]-s.minutes[i-1])
	}
	longest, previous := within, -1
	day := time.Date(now.Year(), now.Month(), now.Day(), 12, 0, 0, 0, time.UTC)
	for n := range horizon {
		if !s.on(day.AddDate(0, 0, n)) {
			continue
		}
		if previous < 0 {
			longest = max(longest, n*24*60+first) // until the first start
		} else {
			longest = max(longest, (n-previous)*24*60+first-last)
		}
		previous = n
	}
	if previous < 0 {
		return 0, false
	}
	if rest := (horizon - 1 - previous) * 24 * 60; rest > 366*24*60 {
		longest = max(longest, rest) // a schedule that ends, such as that of one year
	}
	return time.Duration(longest) * time.Minute, true
}

var errField = errors.New("not a valid schedule")

// set is the allowed values of a field.
type set map[int]bool

// parseSet parses a list of values, ranges and steps. Names stand for numbers from least.
func parseSet(text string, least, most int, names []string, between string) (set, error) {
	all := set{}
	number := func(word string) (int, error) {
		if i := slices.Index(names, strings.ToLower(word)); i >= 0 {
			return i + least, nil
		}
		n, err := strconv.Atoi(word)
		if err != nil || n < least || n > most {
			return 0, errField
		}
		return n, nil
	}
	for item := range strings.SplitSeq(text, ",") {
		values, stepText, stepped := strings.Cut(item, "/")
		step, from, to := 1, least, most
		var err error
		if stepped {
			if step, err = strconv.Atoi(stepText); err != nil || step < 1 || step > most {
				return nil, errField
			}
		}
		if values != "*" {
			low, high, ranged := strings.Cut(values, between)
			if from, err = number(low); err != nil {
				return nil, err
			}
			switch {
			case ranged:
				if to, err = number(high); err != nil || to < from {
					return nil, errField
				}
			case !stepped:
				to = from
			}
		}
		for n := from; n <= to; n += step {
			all[n] = true
		}
	}
	return all, nil
}

var (
	months   = []string{"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}
	weekdays = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}
)

// shorthands are the names for schedules of cron(8).
func shorthands() map[string]string {
	return map[string]string{
		"@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *", "@monthly": "0 0 1 * *", "@weekly": "0 0 * * 0", "@daily": "0 0 * * *",
		"@midnight": "0 0 * * *", "@hourly": "0 * * * *",
	}
}

// parseCron parses the five fields of a crontab's line.
func parseCron(fields []string) (schedule, error) {
	minute, err1 := parseSet(fields[0], 0, 59, nil, "-")
	hour, err2 := parseSet(fields[1], 0, 23, nil, "-")
	date, err3 := parseSet(fields[2], 1, 31, nil, "-")
	month, err4 := parseSet(fields[3], 1, 12, months, "-")
	weekday, err5 := parseSet(fields[4], 0, 7, weekdays, "-")
	if err := errors.Join(err1, err2, err3, err4, err5); err != nil {
		return schedule{}, errField
	}
	if weekday[7] {
		weekday[0] = true
	}
	// A job runs when either day matches, unless one of the fields starts with a star.
	either := fields[2][0] != '*' && fields[4][0] != '*'
	return schedule{minutes: minutesOf(hour, minute), on: func(day time.Time) bool {
		byDate, byWeekday := date[day.Day()], weekday[int(day.Weekday())]
		return month[int(day.Month())] && (byDate && byWeekday || either && (byDate || byWeekday))
	}}, nil
}

func minutesOf(hours, minutes set) []int {
	var all []int
	for h := range 24 {
		for m := range 60 {
			if hours[h] && minutes[m] {
				all = append(all, h*60+m)
			}
		}
	}
	return all
}
