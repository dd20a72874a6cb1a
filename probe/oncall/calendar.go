package oncall

import (
	"bytes"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/edit"
)

// iCalendar files, by RFC 5545.

type calendar struct {
	events    []event
	invalid   string
	truncated bool
}

var (
	// vacant matches the title of a shift that nobody has.
	vacant = lazyregexp.New(`(?i)(?:^|[:(\[/-])\s*(?:tb[acd]|to ?do|xxx|nobody|no one|none|unassigned|vacant|open|free|empty|n/?a|niemand|offen|unbesetzt|frei|\?+|-+)?\s*[)\]]?$`)
	span5  = lazyregexp.New(`^\+?P(?:(\d{1,4})W)?(?:(\d{1,4})D)?(?:T(?:(\d{1,5})H)?(?:(\d{1,6})M)?(?:(\d{1,7})S)?)?$`)
)

// parse reads a calendar. Lines that start with white space continue the one before.
func parse(text string) calendar {
	var c calendar
	text = strings.TrimPrefix(text, "\ufeff")
	text = strings.NewReplacer("\r\n ", "", "\r\n\t", "", "\n ", "", "\n\t", "").Replace(text)
	if !strings.HasPrefix(strings.ToUpper(strings.TrimSpace(text)), "BEGIN:VCALENDAR") {
		return calendar{invalid: "not an iCalendar file"}
	}
	var open []string
	var e *eventText
	for line := range strings.Lines(text) {
		name, parameters, value := property(strings.TrimRight(line, "\r\n"))
		switch {
		case name == "BEGIN":
			if open = append(open, strings.ToUpper(value)); len(open) > 20 {
				return calendar{invalid: "components are nested too deeply"}
			}
			if strings.EqualFold(value, "VEVENT") {
				e = &eventText{}
			}
		case name == "END":
			if len(open) == 0 || open[len(open)-1] != strings.ToUpper(value) {
				return calendar{invalid: "END without its BEGIN"}
			}
			open = open[:len(open)-1]
			if strings.EqualFold(value, "VEVENT") && e != nil {
				c.events = append(c.events, e.event())
				e = nil
			}
		case e != nil && len(open) > 0 && open[len(open)-1] == "VEVENT":
			e.add(name, parameters, value)
		}
	}
	c.truncated = len(open) > 0
	return c
}

// property splits NAME;PARAMETER=VALUE:VALUE. A colon in quotes belongs to a parameter.
func property(line string) (name, parameters, value string) {
	quoted := false
	for i, r := range line {
		switch {
		case r == '"':
			quoted = !quoted
		case r == ':' && !quoted:
			name, parameters, _ = strings.Cut(line[:i], ";")
			return strings.ToUpper(name), parameters, line[i+1:]
		}
	}
	return "", "", ""
}

// eventText collects the properties of an event.
type eventText struct {
	shift    event
	rule     string
	summary  string
	attendee bool
	bad      string
}

func (e *eventText) add(name, parameters, value string) {
	one := func(into *moment) bool {
		zone, err := zoneOf(parameters)
		m, err2 := parseMoment(strings.TrimSpace(value), zone)
		switch {
		case err != nil:
			e.bad = err.Error()
		case err2 != nil:
			e.bad = "an event has a date that is not valid"
		}
		*into = m
		return e.bad == ""
	}
	several := func(into *[]moment) {
		for item := range strings.SplitSeq(value, ",") {
			value = item
			var m moment
			if one(&m) {
				*into = append(*into, m)
			}
		}
	}
	var m moment
	switch name {
	case "UID":
		e.shift.uid = value
	case "DTSTART":
		one(&e.shift.start)
	case "DTEND":
		if one(&m) {
			e.shift.until = &m
		}
	case "RECURRENCE-ID":
		if strings.Contains(strings.ToUpper(parameters), "RANGE=") {
			e.bad = "an event moves all later occurrences, which is not evaluated here"
		}
		if one(&m) {
			e.shift.recurrence = &m
		}
	case "EXDATE":
		several(&e.shift.exceptions)
	case "RDATE":
		if strings.Contains(value, "/") {
			e.bad = "an event has periods as RDATE, which are not evaluated here"
			return
		}
		several(&e.shift.more)
	case "DURATION":
		d, ok := parseSpan(value)
		if e.shift.length = d; !ok {
			e.bad = "an event has a duration that is not valid"
		}
	case "RRULE":
		if e.rule != "" {
			e.bad = "an event has several rules, which are not evaluated here"
		}
		e.rule = value
	case "EXRULE":
		e.bad = "an event has an EXRULE, which is not evaluated here"
	case "STATUS":
		e.shift.cancelled = strings.EqualFold(strings.TrimSpace(value), "CANCELLED")
	case "SUMMARY":
		e.summary = strings.TrimSpace(strings.NewReplacer(`\,`, ",", `\;`, ";", `\n`, " ").Replace(value))
	case "ATTENDEE", "ORGANIZER":
		e.attendee = true
	}
}

// event returns the event. One that cannot be evaluated does not matter if it is no shift.
func (e *eventText) event() event {
	out := e.shift
	out.nobody = vacant.MatchString(e.summary) && (e.summary != "" || !e.attendee)
	if e.rule != "" {
		r, err := parseRule(e.rule, out.start.zone)
		if err != nil {
			e.bad = err.Error()
		}
		out.rule = r
	}
	if e.bad == "" && out.start.wall.IsZero() {
		e.bad = "an event has no start"
	}
	if !out.nobody && !out.cancelled {
		out.unseen = e.bad
	}
	return out
}

var errZone = errors.New("an event has a time zone that is not known here")

// zoneOf returns the zone of the parameter TZID; nil for none.
func zoneOf(parameters string) (*time.Location, error) {
	for part := range strings.SplitSeq(parameters, ";") {
		key, name, _ := strings.Cut(part, "=")
		if !strings.EqualFold(key, "TZID") {
			continue
		}
		name = strings.Trim(name, `"/`)
		for { // some programs put their own name before that of the zone
			if zone, err := time.LoadLocation(name); err == nil && name != "" && name != "Local" {
				return zone, nil
			}
			_, rest, ok := strings.Cut(name, "/")
			if !ok {
				return nil, errZone
			}
			name = rest
		}
	}
	return nil, nil
}

// parseMoment parses 20261120, 20261120T080000 and 20261120T080000Z.
func parseMoment(text string, zone *time.Location) (moment, error) {
	if t, err := time.Parse("20060102", text); err == nil {
		return moment{wall: t, day: true}, nil
	}
	bare, utc := strings.CutSuffix(text, "Z")
	t, err := time.Parse("20060102T150405", bare)
	if utc {
		zone = time.UTC
	}
	return moment{wall: t, zone: zone}, err
}

func parseSpan(text string) (span, bool) {
	m := span5.FindStringSubmatch(strings.TrimSpace(text))
	if m == nil {
		return span{}, false
	}
	n := func(i int) int { v, _ := strconv.Atoi(m[i]); return v }
	s := span{days: n(1)*7 + n(2), rest: time.Duration(n(3))*time.Hour + time.Duration(n(4))*time.Minute + time.Duration(n(5))*time.Second}
	return s, s != span{}
}

// calendarBreakages cut a calendar and cancel all its shifts.
func calendarBreakages(file string, data []byte) []probe.Breakage {
	all := []probe.Breakage{{Name: "cut in half", File: file, Edit: edit.Half}}
	if bytes.Contains(data, []byte("BEGIN:VEVENT")) {
		cancel := strings.NewReplacer("BEGIN:VEVENT", "BEGIN:VEVENT\nSTATUS:CANCELLED", "STATUS:CONFIRMED", "X-STATUS:CONFIRMED")
		all = append(all, probe.Breakage{Name: "every shift cancelled", File: file, Edit: func(content []byte) []byte { return []byte(cancel.Replace(string(content))) }})
	}
	return all
}
