package oncall

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// now is a Friday.
var now = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// shiftOf is an event with these properties.
func shiftOf(properties ...string) string {
	return "BEGIN:VEVENT\r\nUID:1\r\nSUMMARY:Marguerite Duras\r\n" + strings.Join(properties, "\r\n") + "\r\nEND:VEVENT\r\n"
}

func calendarOf(events ...string) string {
	return "BEGIN:VCALENDAR\r\nVERSION:2.0\r\n" + strings.Join(events, "") + "END:VCALENDAR\r\n"
}

func look(t *testing.T, text, more string) probe.Result {
	t.Helper()
	p := probetest.NewPass(t, probetest.Folder{"on-call.ics": text}, deployment.Settings{})
	p.Now = func() time.Time { return now }
	got := probetest.Look(t, probetest.Again(p), RosterKind(), "{path: on-call.ics"+more+"}")
	probetest.HasNot(t, got, "Duras")
	return got
}

func TestOnCall_Verdicts(t *testing.T) {
	const pass, fail, warn, unknown = probe.StatePass, probe.StateFail, probe.StateWarn, probe.StateUnknown
	weekly := []string{"DTSTART;TZID=Europe/Berlin:20260105T090000", "DTEND;TZID=Europe/Berlin:20260112T090000", "RRULE:FREQ=WEEKLY"}
	with := func(more ...string) string { return calendarOf(shiftOf(append(weekly[:3:3], more...)...)) }
	rule := func(rule string) string { return calendarOf(shiftOf(weekly[0], weekly[1], "RRULE:"+rule)) }
	single := func(from, to string) string { return shiftOf("DTSTART:"+from, "DTEND:"+to) }
	for name, test := range map[string]struct {
		text, more string
		state      probe.State
		reason     probe.Reason
		detail     string
	}{
		"weekly":              {with(), "", pass, "", "over the next 7 days"},
		"weekly, a year":      {with(), ", days: 366", pass, "", ""},
		"single":              {calendarOf(single("20261101T000000Z", "20261201T000000Z")), "", pass, "", ""},
		"handover":            {calendarOf(single("20261101T000000Z", "20261122T080000Z"), single("20261122T080000Z", "20261201T000000Z")), "", pass, "", ""},
		"overlap":             {calendarOf(single("20261101T000000Z", "20261123T080000Z"), single("20261122T080000Z", "20261201T000000Z")), "", pass, "", ""},
		"daily, by duration":  {calendarOf(shiftOf("DTSTART:20260101T000000Z", "DURATION:P1D", "RRULE:FREQ=DAILY")), "", pass, "", ""},
		"two shifts a day":    {calendarOf(shiftOf("DTSTART:20260101T080000Z", "DURATION:PT12H", "RRULE:FREQ=DAILY"), shiftOf("DTSTART:20260101T200000Z", "DURATION:PT12H", "RRULE:FREQ=DAILY")), "", pass, "", ""},
		"every second week":   {calendarOf(shiftOf(weekly[0], weekly[1], "RRULE:FREQ=WEEKLY;INTERVAL=2"), shiftOf("DTSTART;TZID=Europe/Berlin:20260112T090000", "DTEND;TZID=Europe/Berlin:20260119T090000", "RRULE:FREQ=WEEKLY;INTERVAL=2")), ", days: 60", pass, "", ""},
		"whole days":          {calendarOf(shiftOf("DTSTART;VALUE=DATE:20260101", "RRULE:FREQ=DAILY")), ", time_zone: Europe/Berlin", pass, "", ""},
		"folded line":         {strings.Replace(with(), "FREQ=WEEKLY", "FREQ=WEE\r\n KLY", 1), "", pass, "", ""},
		"LF only":             {strings.ReplaceAll(with(), "\r\n", "\n"), "", pass, "", ""},
		"alarm inside":        {with("BEGIN:VALARM", "TRIGGER:-PT5M", "DURATION:bad", "END:VALARM"), "", pass, "", ""},
		"zone with a prefix":  {strings.ReplaceAll(with(), "Europe/Berlin", "/mozilla.org/20050126_1/Europe/Berlin"), "", pass, "", ""},
		"exception replaced":  {calendarOf(shiftOf(append(weekly[:3:3], "EXDATE;TZID=Europe/Berlin:20261116T090000")...), single("20261116T000000Z", "20261124T000000Z")), "", pass, "", ""},
		"moved, same time":    {calendarOf(shiftOf(weekly...), shiftOf("RECURRENCE-ID;TZID=Europe/Berlin:20261116T090000", "DTSTART;TZID=Europe/Berlin:20261116T080000", "DTEND;TZID=Europe/Berlin:20261123T090000")), "", pass, "", ""},
		"extra date":          {calendarOf(shiftOf("DTSTART:20261101T000000Z", "DTEND:20261115T000000Z", "RDATE:20261115T000000Z,20261129T000000Z")), "", pass, "", ""},
		"last Friday and on":  {calendarOf(shiftOf("DTSTART:20260130T000000Z", "DURATION:P5W", "RRULE:FREQ=MONTHLY;BYDAY=-1FR")), ", days: 60", pass, "", ""},
		"small gap allowed":   {calendarOf(single("20261101T000000Z", "20261122T080000Z"), single("20261122T081500Z", "20261201T000000Z")), ", max_gap: 15m", pass, "", ""},
		"vacant, and another": {calendarOf(single("20261101T000000Z", "20261201T000000Z"), strings.Replace(shiftOf("DTSTART:20261101T000000Z", "RRULE:FREQ=HOURLY"), "Marguerite Duras", "TBD", 1)), "", pass, "", ""},

		"nobody now":             {calendarOf(single("20261121T000000Z", "20261201T000000Z")), "", fail, probe.ReasonMissing, "nobody is on call now, for 12h"},
		"gap":                    {calendarOf(single("20261101T000000Z", "20261122T080000Z"), single("20261122T100000Z", "20261201T000000Z")), "", fail, probe.ReasonMissing, "nobody is on call from 2026-11-22 08:00 UTC for 2h"},
		"one minute":             {calendarOf(single("20261101T000000Z", "20261122T080000Z"), single("20261122T080100Z", "20261201T000000Z")), "", fail, probe.ReasonMissing, "for 1m"},
		"ends soon":              {calendarOf(single("20261101T000000Z", "20261125T000000Z")), "", fail, probe.ReasonMissing, "from 2026-11-25 00:00 UTC"},
		"past":                   {calendarOf(single("20251101T000000Z", "20251201T000000Z")), "", fail, probe.ReasonMissing, "nobody is on call now or in the next 7 days"},
		"no shift":               {calendarOf(), "", fail, probe.ReasonMissing, "nobody"},
		"rule ended":             {rule("FREQ=WEEKLY;UNTIL=20261110T080000Z"), "", fail, probe.ReasonMissing, "now"},
		"rule of ten":            {rule("FREQ=WEEKLY;COUNT=10"), "", fail, probe.ReasonMissing, ""},
		"count covers":           {rule("FREQ=WEEKLY;COUNT=48"), "", pass, "", ""},
		"count one less":         {rule("FREQ=WEEKLY;COUNT=46"), "", fail, probe.ReasonMissing, ""},
		"every second only":      {rule("FREQ=WEEKLY;INTERVAL=2"), ", days: 14", fail, probe.ReasonMissing, ""},
		"working days":           {calendarOf(shiftOf("DTSTART:20260105T000000Z", "DURATION:P1D", "RRULE:FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR")), "", fail, probe.ReasonMissing, "from 2026-11-21 00:00 UTC for 2d"},
		"office hours":           {calendarOf(shiftOf("DTSTART:20260105T080000Z", "DTEND:20260105T180000Z", "RRULE:FREQ=DAILY")), "", fail, probe.ReasonMissing, "from 2026-11-20 18:00 UTC for 14h"},
		"exception":              {with("EXDATE;TZID=Europe/Berlin:20261116T090000"), "", fail, probe.ReasonMissing, "now"},
		"exception, a date":      {with("EXDATE;VALUE=DATE:20261116"), "", fail, probe.ReasonMissing, "now"},
		"exception in UTC":       {with("EXDATE:20261116T080000Z"), "", fail, probe.ReasonMissing, "now"},
		"cancelled":              {with("STATUS:CANCELLED"), "", fail, probe.ReasonMissing, ""},
		"occurrence cancelled":   {calendarOf(shiftOf(weekly...), shiftOf("RECURRENCE-ID;TZID=Europe/Berlin:20261116T090000", "DTSTART;TZID=Europe/Berlin:20261116T090000", "DTEND;TZID=Europe/Berlin:20261123T090000", "STATUS:CANCELLED")), "", fail, probe.ReasonMissing, "now"},
		"occurrence shortened":   {calendarOf(shiftOf(weekly...), shiftOf("RECURRENCE-ID;TZID=Europe/Berlin:20261116T090000", "DTSTART;TZID=Europe/Berlin:20261116T090000", "DTEND;TZID=Europe/Berlin:20261121T090000")), "", fail, probe.ReasonMissing, "from 2026-11-21 08:00 UTC for 2d"},
		"vacant":                 {strings.Replace(with(), "Marguerite Duras", "On-call: TBD", 1), "", fail, probe.ReasonMissing, ""},
		"nobody":                 {strings.Replace(with(), "Marguerite Duras", "(unassigned)", 1), "", fail, probe.ReasonMissing, ""},
		"no title":               {strings.Replace(with(), "Marguerite Duras", "", 1), "", fail, probe.ReasonMissing, ""},
		"no length":              {calendarOf(shiftOf("DTSTART:20261101T000000Z", "RRULE:FREQ=DAILY")), "", fail, probe.ReasonMissing, ""},
		"no zone":                {calendarOf(single("20261101T000000", "20261201T000000")), "", warn, probe.ReasonWeak, "Set time_zone"},
		"no zone, but it is set": {calendarOf(single("20261101T000000", "20261120T123000"), single("20261120T123000Z", "20261201T000000Z")), ", time_zone: Europe/Berlin", fail, probe.ReasonMissing, "now"},

		"another zone":   {strings.ReplaceAll(with(), "Europe/Berlin", "W. Europe Standard Time"), "", unknown, probe.ReasonError, "time zone that is not known"},
		"hourly":         {rule("FREQ=HOURLY"), "", unknown, probe.ReasonError, "not evaluated"},
		"set position":   {rule("FREQ=MONTHLY;BYDAY=MO;BYSETPOS=1"), "", unknown, probe.ReasonError, "not evaluated"},
		"all later":      {calendarOf(shiftOf(weekly...), shiftOf("RECURRENCE-ID;RANGE=THISANDFUTURE:20261116T080000Z", "DTSTART:20261116T080000Z")), "", unknown, probe.ReasonError, "not evaluated"},
		"invalid date":   {calendarOf(single("20261301T000000Z", "20261201T000000Z")), "", unknown, probe.ReasonError, "not valid"},
		"no start":       {calendarOf(shiftOf("DTEND:20261201T000000Z")), "", unknown, probe.ReasonError, "no start"},
		"since long ago": {calendarOf(shiftOf("DTSTART:19000101T000000Z", "DURATION:P1D", "RRULE:FREQ=DAILY")), "", unknown, probe.ReasonError, "too long ago"},
		"truncated":      {with()[:120], "", fail, probe.ReasonTruncated, "ends before END:VCALENDAR"},
		"not a calendar": {"name,from,to\n", "", fail, probe.ReasonInvalid, "not an iCalendar file"},
		"empty":          {"", "", fail, probe.ReasonInvalid, ""},
		"binary":         {"\x00\x01", "", fail, probe.ReasonInvalid, ""},
		"crossed":        {"BEGIN:VCALENDAR\nBEGIN:VEVENT\nEND:VCALENDAR\n", "", fail, probe.ReasonInvalid, "END without its BEGIN"},
		"nested":         {strings.Repeat("BEGIN:VCALENDAR\n", 100), "", fail, probe.ReasonInvalid, "nested too deeply"},
		"too large":      {strings.Repeat("x", maxFile+1), "", fail, probe.ReasonInvalid, "larger than"},
	} {
		t.Run(name, func(t *testing.T) {
			probetest.Expect(t, look(t, test.text, test.more), test.state, test.reason, test.detail)
		})
	}
}

// A weekly shift keeps its time of day when the clocks change, and leaves no gap.
func TestOnCall_ClockChange(t *testing.T) {
	text := calendarOf(shiftOf("DTSTART;TZID=Europe/Berlin:20260105T000000", "DTEND;TZID=Europe/Berlin:20260106T000000", "RRULE:FREQ=DAILY"))
	for _, day := range []time.Time{time.Date(2026, 3, 27, 0, 0, 0, 0, time.UTC), time.Date(2026, 10, 23, 0, 0, 0, 0, time.UTC)} {
		p := probetest.NewPass(t, probetest.Folder{"on-call.ics": text}, deployment.Settings{})
		p.Now = func() time.Time { return day }
		probetest.Expect(t, probetest.Look(t, probetest.Again(p), RosterKind(), "{path: on-call.ics}"), probe.StatePass, "", "")
	}
}

func TestOnCall_Files(t *testing.T) {
	p := probetest.NewPass(t, nil, deployment.Settings{})
	probetest.Expect(t, probetest.Look(t, p, RosterKind(), "{path: on-call.ics}"), probe.StateFail, probe.ReasonMissing, "no such file")
	if err := syscall.Mkfifo(filepath.Join(p.Deployment.Root, "on-call.ics"), 0o600); err != nil {
		t.Fatal(err)
	}
	probetest.Expect(t, probetest.Look(t, p, RosterKind(), "{path: on-call.ics}"), probe.StateFail, probe.ReasonInvalid, "not a regular file")
	for _, spec := range []string{"{path: a.ics, time_zone: Mars}", "{path: a.ics, time_zone: Local}", "{path: ../a.ics}", "{path: a.ics, days: 0}"} {
		if _, problems := probetest.Decode(RosterKind(), spec); len(problems) == 0 {
			t.Errorf("%s loads", spec)
		}
	}
}

func TestOnCall_Breakages(t *testing.T) {
	text := calendarOf(shiftOf("DTSTART:20260101T000000Z", "DURATION:P1D", "RRULE:FREQ=DAILY"))
	p := probetest.NewPass(t, probetest.Folder{"on-call.ics": text}, deployment.Settings{})
	spec, problems := probetest.Decode(RosterKind(), "{path: on-call.ics}")
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	all := RosterKind().Breakages(spec, p.View)
	if len(all) < 4 {
		t.Errorf("%d breakages", len(all))
	}
	for _, b := range all {
		if after := b.Edit([]byte(text)); after != nil {
			if got := look(t, string(after), ""); got.State != probe.StateFail {
				t.Errorf("%s: %+v", b.Name, got)
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(calendarOf(shiftOf("DTSTART;TZID=Europe/Berlin:20260105T090000", "DURATION:P1W", "RRULE:FREQ=WEEKLY;BYDAY=MO,2TU;UNTIL=20270101")))
	f.Fuzz(func(t *testing.T, text string) {
		c := parse(text)
		if len(c.events) < 50 {
			_, _, _ = expand(c.events, time.UTC, now, now.AddDate(0, 0, 7))
		}
	})
}
