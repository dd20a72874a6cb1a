package alertmanager

import (
	"math/bits"
	"time"
)

// calendar holds some minutes of the year that starts at a given day: those in which a time interval applies, or a
// route delivers.

const (
	minutesPerDay = 24 * 60
	calendarDays  = 53 * 7
	// muteWindow is the span over which the muted share is measured: whole weeks, so that a weekly pattern has the same
	// share wherever it starts, and more than a month, so that a mute on one day of each month is not measured in the
	// week around it alone.
	muteWindow = 10 * 7 // days
)

type calendar []uint64 // a bit per minute

func newCalendar() calendar { return make(calendar, calendarDays*minutesPerDay/64) }

// set marks minutes; those outside the calendar are ignored.
func (c calendar) set(from, to int) {
	for i := max(from, 0); i < min(to, len(c)*64); i++ {
		if i%64 == 0 && i+64 <= to {
			c[i/64] = ^uint64(0)
			i += 63
			continue
		}
		c[i/64] |= 1 << (i % 64)
	}
}

func (c calendar) add(other calendar) {
	for i := range c {
		c[i] |= other[i]
	}
}

func (c calendar) remove(other calendar) {
	for i := range c {
		c[i] &^= other[i]
	}
}

func (c calendar) keep(other calendar) {
	for i := range c {
		c[i] &= other[i]
	}
}

// missing returns the largest share of unmarked minutes, between 0 and 1, in any muteWindow of the calendar.
func (c calendar) missing() float64 {
	const unit = 2 // days: the smallest number of days that fill whole words
	words := unit * minutesPerDay / 64
	free := make([]int, calendarDays/unit)
	for i := range free {
		for _, w := range c[i*words : (i+1)*words] {
			free[i] += 64 - bits.OnesCount64(w)
		}
	}
	const length = muteWindow / unit
	worst, sum := 0, 0
	for i, n := range free {
		sum += n
		if i >= length {
			sum -= free[i-length]
		}
		if i >= length-1 {
			worst = max(worst, sum)
		}
	}
	return float64(worst) / (length * unit * minutesPerDay)
}

// minutes returns the minutes of an interval in the year from start.
func (x *Interval) minutes(start time.Time) calendar {
	c := newCalendar()
	for _, p := range x.periods {
		first := start.In(p.location)
		for day := -1; day <= calendarDays; day++ {
			date := time.Date(first.Year(), first.Month(), first.Day()+day, 0, 0, 0, 0, p.location)
			if !p.holds(date) {
				continue
			}
			times := p.times
			if len(times) == 0 {
				times = []span{{0, minutesPerDay - 1}}
			}
			for _, r := range times {
				c.set(minutesSince(start, date, r.from), minutesSince(start, date, r.to+1))
			}
		}
	}
	return c
}

// minutesSince returns the minutes from start to a minute of a day, as the clock of its location shows it.
func minutesSince(start, date time.Time, minute int) int {
	at := time.Date(date.Year(), date.Month(), date.Day(), 0, minute, 0, 0, date.Location())
	return int(at.Sub(start).Minutes())
}

// holds reports whether a period applies on a day.
func (p period) holds(date time.Time) bool {
	if !within(p.weekdays, int(date.Weekday())) || !within(p.months, int(date.Month())) || !within(p.years, date.Year()) {
		return false
	}
	length := time.Date(date.Year(), date.Month()+1, 0, 0, 0, 0, 0, time.UTC).Day()
	for _, r := range p.days {
		from, to := r.from, r.to
		if from < 0 {
			from += length + 1
		}
		if to < 0 {
			to += length + 1
		}
		if from <= date.Day() && date.Day() <= to {
			return true
		}
	}
	return len(p.days) == 0
}
