package backupcheck

import (
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
)

// The date in a backup's name. A name without a zone has its latest reading, and a date without a time is the end of that
// day where it ends last. Weekdays, `latest`, version numbers and dates after a v are not dates.

// latestZone is the offset behind UTC of the zone in which a day ends last.
const latestZone = 12 * time.Hour

const (
	monthNames  = `jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec`
	clockInName = `(?:(?:[-_t. ]|_?at_?)?([01]\d|2[0-4])[-:_.h]?([0-5]\d)(?:[-:_.m]?([0-5]\d|60))?(?:\.\d+)?(z|utc|[+-]\d\d:?\d\d)?)?`
)

var (
	yearFirst   = lazyregexp.New(`((?:19|20)\d\d)([-_./ ]?)(\d\d)([-_./ ]?)(\d\d)` + clockInName)
	yearLast    = lazyregexp.New(`(\d{1,2})([-_. ]?)(\d{1,2})([-_. ]?)((?:19|20)\d\d)`)
	dayMonth    = lazyregexp.New(`(\d{1,2})[-_. ]?(` + monthNames + `)[a-z]*[-_. ]?((?:19|20)\d\d)`)
	yearMonth   = lazyregexp.New(`((?:19|20)\d\d)[-_. ]?(` + monthNames + `)[a-z]*[-_. ]?(\d{1,2})`)
	monthDay    = lazyregexp.New(`(` + monthNames + `)[a-z]*[-_. ]?(\d{1,2})[-_., ]+((?:19|20)\d\d)`)
	epochInName = lazyregexp.New(`(1[4-9]\d{8})(\d{3})?`)
	datedFolder = lazyregexp.New(`(?i)^\d[-0-9T_.:hZ]*$`)
)

// dateInName returns the latest time that the name of a backup, or of the dated folders that it is in, can mean.
func dateInName(path string) (latest time.Time, dated bool) {
	path = filepath.ToSlash(path)
	parts := strings.Split(path, "/")
	first := len(parts) - 1
	for first > 0 && datedFolder.MatchString(parts[first-1]) {
		first--
	}
	name := strings.ToLower(strings.Join(parts[first:], "/"))
	add := func(at time.Time, ok bool) {
		if ok && (!dated || at.After(latest)) {
			latest, dated = at, true
		}
	}
	for _, m := range yearFirst.FindAllStringSubmatchIndex(name, -1) {
		text := groups(name, m)
		switch hours := m[11] + 2; {
		case text[2] != text[4]:
			continue
		case apart(name, m[0], m[1]):
		case hours <= len(name) && isDigit(name[m[11]]) && apart(name, m[0], hours): // 2024010502
			text = text[:6]
		default:
			continue
		}
		add(momentOf(text[1], text[3], text[5], text[6:]))
	}
	for _, m := range yearLast.FindAllStringSubmatchIndex(name, -1) {
		text := groups(name, m)
		if text[2] != text[4] || text[2] == "" && m[1]-m[0] != 8 || !apart(name, m[0], m[1]) {
			continue
		}
		add(momentOf(text[5], text[3], text[1], nil))
		add(momentOf(text[5], text[1], text[3], nil))
	}
	for _, m := range dayMonth.FindAllStringSubmatch(name, -1) {
		add(momentOf(m[3], monthNumber(m[2]), m[1], nil))
	}
	for _, m := range yearMonth.FindAllStringSubmatch(name, -1) {
		add(momentOf(m[1], monthNumber(m[2]), m[3], nil))
	}
	for _, m := range monthDay.FindAllStringSubmatch(name, -1) {
		add(momentOf(m[3], monthNumber(m[1]), m[2], nil))
	}
	for _, m := range epochInName.FindAllStringSubmatchIndex(name, -1) {
		if seconds, err := strconv.ParseInt(name[m[2]:m[3]], 10, 64); err == nil {
			add(time.Unix(seconds, 0), apart(name, m[0], m[1]))
		}
	}
	return latest, dated
}

// groups returns the texts of a match; "" for a group without one.
func groups(text string, match []int) []string {
	var all []string
	for i := 0; i < len(match); i += 2 {
		if match[i] < 0 {
			all = append(all, "")
		} else {
			all = append(all, text[match[i]:match[i+1]])
		}
	}
	return all
}

// apart reports whether a part of a name is neither part of a longer number nor a version.
func apart(name string, from, to int) bool {
	before, after := name[:from], name[to:]
	switch {
	case after != "" && isDigit(after[0]), before != "" && isDigit(before[len(before)-1]):
		return false
	case len(before) >= 2 && before[len(before)-1] == '.' && isDigit(before[len(before)-2]): // 1.20240105
		return false
	case len(after) >= 2 && after[0] == '.' && isDigit(after[1]): // 20240105.1
		return false
	}
	letters := before[len(strings.TrimRight(before, "abcdefghijklmnopqrstuvwxyz")):]
	return letters != "v" && letters != "ver" && letters != "version" && letters != "release"
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func monthNumber(name string) string {
	return strconv.Itoa(strings.Index(monthNames, name)/4 + 1)
}

// momentOf returns the latest time that a date and a clock (hour, minute, second, zone; may be nil) can mean.
func momentOf(year, month, day string, clock []string) (time.Time, bool) {
	y, _ := strconv.Atoi(year)
	m, _ := strconv.Atoi(month)
	d, _ := strconv.Atoi(day)
	date := time.Date(y, time.Month(m), d, 0, 0, 0, 0, time.UTC)
	if m < 1 || m > 12 || date.Day() != d {
		return time.Time{}, false
	}
	if len(clock) < 4 || clock[0] == "" {
		return date.AddDate(0, 0, 1).Add(latestZone), true
	}
	var n [3]int
	for i := range n {
		n[i], _ = strconv.Atoi(clock[i])
	}
	at := date.Add(time.Duration(n[0])*time.Hour + time.Duration(n[1])*time.Minute + time.Duration(n[2])*time.Second)
	if clock[3] == "z" || clock[3] == "utc" {
		return at, true
	}
	if zone, err := time.Parse("-0700", strings.ReplaceAll(clock[3], ":", "")); err == nil {
		_, seconds := zone.Zone()
		return at.Add(-time.Duration(seconds) * time.Second), true
	}
	return at.Add(latestZone), true
}
