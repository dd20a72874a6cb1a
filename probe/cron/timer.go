package cron

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
)

// Timer units of systemd, by systemd.timer(5) and systemd.time(7).

// unitFile is the settings of a unit by section and name, in order, without those that an empty one resets.
type unitFile map[string][]string

func parseUnit(text string) unitFile {
	u, section := unitFile{}, ""
	text = strings.ReplaceAll(text, "\\\n", " ")
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' || line[0] == ';' {
			continue
		}
		if line[0] == '[' {
			section = strings.Trim(line, "[]")
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		key, value = section+"."+strings.TrimSpace(key), strings.TrimSpace(value)
		switch {
		case !ok:
		case value == "":
			delete(u, key)
		default:
			u[key] = append(u[key], value)
		}
	}
	return u
}

func (u unitFile) last(key string) string {
	if all := u[key]; len(all) > 0 {
		return all[len(all)-1]
	}
	return ""
}

// parseTimer returns the jobs of a timer that starts a command: one for each of its times.
func parseTimer(text, command string) jobFile {
	u := parseUnit(text)
	var f jobFile
	add := func(s schedule) {
		j := job{line: 1, command: command, when: s}
		if len(u["Install.WantedBy"])+len(u["Install.RequiredBy"])+len(u["Install.Also"]) == 0 {
			j.doubt = "has no [Install] section, so that it cannot be enabled"
		}
		f.jobs = append(f.jobs, j)
	}
	for _, text := range u["Timer.OnCalendar"] {
		s, valid, known := parseCalendar(text)
		switch {
		case !valid:
			f.invalid = 1
		case !known:
			f.unseen = "its OnCalendar has a form that is not evaluated here"
		default:
			add(s)
		}
	}
	for _, key := range []string{"Timer.OnUnitActiveSec", "Timer.OnUnitInactiveSec"} {
		if d, ok := parseSpan(u.last(key)); ok {
			add(schedule{every: d})
		}
	}
	if len(f.jobs) == 0 && f.invalid == 0 && f.unseen == "" {
		if len(u["Timer.OnBootSec"])+len(u["Timer.OnStartupSec"])+len(u["Timer.OnActiveSec"]) > 0 {
			add(schedule{once: true})
		} else {
			f.jobs = []job{{line: 1, command: command, inactive: "has no time in [Timer]"}}
		}
	}
	return f
}

var spanPart = lazyregexp.New(`^\s*([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z]*)`)

// parseSpan parses a time span: 1h 30min, 90.
func parseSpan(text string) (time.Duration, bool) {
	total := 0.0
	for rest := text; strings.TrimSpace(rest) != ""; {
		m := spanPart.FindStringSubmatch(rest)
		if m == nil {
			return 0, false
		}
		n, _ := strconv.ParseFloat(m[1], 64)
		unit, known := map[string]float64{
			"": 1, "s": 1, "sec": 1, "second": 1, "seconds": 1, "m": 60, "min": 60, "minute": 60, "minutes": 60, "h": 3600, "hr": 3600, "hour": 3600,
			"hours": 3600, "d": 86400, "day": 86400, "days": 86400, "w": 604800, "week": 604800, "weeks": 604800, "month": 2629800, "months": 2629800,
			"y": 31557600, "year": 31557600, "years": 31557600, "ms": 1e-3, "msec": 1e-3, "us": 1e-6, "usec": 1e-6,
		}[m[2]]
		if !known {
			return 0, false
		}
		total, rest = total+n*unit, rest[len(m[0]):]
	}
	return time.Duration(total * float64(time.Second)), total > 0
}

// calendarWords are the names for times of systemd.
func calendarWords() map[string]string {
	return map[string]string{
		"minutely": "*-*-* *:*", "hourly": "*-*-* *:00", "daily": "*-*-* 00:00", "monthly": "*-*-01 00:00", "weekly": "Mon *-*-* 00:00",
		"yearly": "*-01-01 00:00", "annually": "*-01-01 00:00", "quarterly": "*-01,04,07,10-01 00:00", "semiannually": "*-01,07-01 00:00",
	}
}

var (
	calendarDate = lazyregexp.New(`^(?:([^-~]+)-)?([^-~]+)([-~])([^-~]+)$`)
	zoneWord     = lazyregexp.New(`^(?:UTC|[A-Z][A-Za-z_]+/[A-Za-z_/+-]+)$`)
)

// parseCalendar parses a calendar time. valid is false for one that systemd refuses, known for one that is understood here.
func parseCalendar(text string) (s schedule, valid, known bool) {
	if full := calendarWords()[strings.ToLower(strings.TrimSpace(text))]; full != "" {
		text = full
	}
	var weekday, hour, minute set
	date := func(time.Time) bool { return true }
	hour, minute = set{0: true}, set{0: true}
	fields := strings.Fields(text)
	if n := len(fields); n > 1 && zoneWord.MatchString(fields[n-1]) {
		fields = fields[:n-1]
	}
	if len(fields) == 0 {
		return s, false, true
	}
	for _, field := range fields {
		var err error
		switch {
		case field[0] >= 'A' && field[0] <= 'z':
			weekday, err = parseWeekdays(field)
		case strings.Contains(field, ":"):
			parts := strings.Split(field, ":")
			if len(parts) > 3 {
				return s, false, true
			}
			var err2 error
			hour, err = parseSet(parts[0], 0, 23, nil, "..")
			minute, err2 = parseSet(parts[1], 0, 59, nil, "..")
			if err == nil {
				err = err2
			}
		case strings.HasPrefix(field, "@"):
			return s, true, false
		default:
			date, err = parseDate(field)
		}
		if err != nil {
			return s, false, true
		}
	}
	s.minutes = minutesOf(hour, minute)
	s.on = func(day time.Time) bool {
		return date(day) && (weekday == nil || weekday[int(day.Weekday())])
	}
	return s, true, true
}

func parseWeekdays(text string) (set, error) {
	all := set{}
	index := func(word string) int {
		if word = strings.ToLower(strings.TrimSpace(word)); len(word) < 3 {
			return -1
		}
		return slices.Index(weekdays, word[:3])
	}
	for item := range strings.SplitSeq(strings.TrimSuffix(text, ","), ",") {
		low, high, ranged := strings.Cut(strings.Replace(item, "-", "..", 1), "..")
		from, to := index(low), index(low)
		if ranged {
			to = index(high)
		}
		if from < 0 || to < 0 {
			return nil, errField
		}
		for day := from; ; day = (day + 1) % 7 {
			if all[day] = true; day == to {
				break
			}
		}
	}
	return all, nil
}

// parseDate parses YEAR-MONTH-DAY. A ~ before the day counts from the end of the month.
func parseDate(text string) (func(time.Time) bool, error) {
	m := calendarDate.FindStringSubmatch(text)
	if m == nil {
		return nil, errField
	}
	var years set
	var err error
	if m[1] != "" && m[1] != "*" {
		if years, err = parseSet(m[1], 1970, 2199, nil, ".."); err != nil {
			return nil, err
		}
	}
	month, err := parseSet(m[2], 1, 12, nil, "..")
	if err != nil {
		return nil, err
	}
	date, err := parseSet(m[4], 1, 31, nil, "..")
	if err != nil {
		return nil, err
	}
	return func(day time.Time) bool {
		n := day.Day()
		if m[3] == "~" {
			n = time.Date(day.Year(), day.Month()+1, 0, 0, 0, 0, 0, time.UTC).Day() - n + 1
		}
		return (years == nil || years[day.Year()]) && month[int(day.Month())] && date[n]
	}, nil
}
