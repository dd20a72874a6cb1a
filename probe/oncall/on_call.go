// Package oncall checks duty rosters in the form of calendar files.
package oncall

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/files"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/filesearch"
	"github.com/thenexusengine/catalyst_exporter/probe/phrase"
	"github.com/thenexusengine/catalyst_exporter/schema"
)

// on_call: is somebody on call now, and all the time over the next days?
//
// Events are shifts. A cancelled one, and one that names nobody, is none. Exceptions and moved occurrences count as in a
// calendar program. A form that is not evaluated here makes it unknown whether there is a gap. Details say when, never who.

// RosterKind is the kind on_call.
func RosterKind() probe.Kind {
	return probe.Kind{
		Name:       "on_call",
		Question:   "Is somebody on call now, and without a gap over the next days?",
		Example:    "{path: on-call.ics, days: 14, time_zone: Europe/Berlin}",
		Layer:      probe.LayerDeclared,
		Reads:      "the iCalendar files that match `path`",
		Permission: "read permission",
		MaxAge:     30 * time.Second,
		Breakages:  func(spec any, view *deployment.View) []probe.Breakage { return spec.(*roster).breakages(view) },
		New:        func() any { return &roster{Days: 7} },
	}
}

type roster struct {
	Path   []string         `yaml:"path" required:"true" doc:"iCalendar files (.ics), relative to the deployment root. *, ? and [a-z] match within a name, ** any number of folders"`
	Days   int              `yaml:"days" default:"7" min:"1" max:"366" doc:"days from now on without a gap"`
	Zone   string           `yaml:"time_zone" doc:"time zone of times without one, and of whole days, e.g. Europe/Berlin; UTC, with a warning, when unset"`
	MaxGap *schema.Duration `yaml:"max_gap" min:"1m" doc:"gaps up to this length are ignored, e.g. at a handover"`
}

// Validate reports faults of the parameters when the checklist is loaded.
func (s *roster) Validate() []error {
	var errs []error
	for _, pattern := range s.Path {
		if err := filesearch.ValidPattern(pattern); err != nil {
			errs = append(errs, err)
		}
	}
	if _, err := time.LoadLocation(s.Zone); err != nil || s.Zone == "Local" {
		errs = append(errs, errors.New("time_zone: unknown time zone"))
	}
	return errs
}

const maxFile = 4 << 20

func (s *roster) Probe(ctx context.Context, p *probe.Pass) (probe.Result, error) {
	var found []string
	for _, pattern := range s.Path {
		more, err := filesearch.Search(ctx, p.Deployment, pattern, nil)
		if err != nil {
			return probe.Result{}, err
		}
		found = append(found, more...)
	}
	if len(found) == 0 {
		return probe.Failed(probe.ReasonMissing, "%s: no such file", phrase.Words(s.Path)), nil
	}
	var events []event
	for _, file := range found {
		name := p.Deployment.Rel(file)
		c, err := files.Load(p.Files, file, "calendar", maxFile, func(data []byte, _ fs.FileInfo) (calendar, error) { return parse(string(data)), nil })
		if err != nil {
			r, err := probe.Unreadable(name, err)
			return r.About(probe.Offender{ID: name, File: name}), err
		}
		switch {
		case c.invalid != "":
			return probe.Failed(probe.ReasonInvalid, "%s: %s", name, c.invalid).About(probe.Offender{ID: name, File: name}), nil
		case c.truncated:
			return probe.Failed(probe.ReasonTruncated, "%s ends before END:VCALENDAR", name).About(probe.Offender{ID: name, File: name}), nil
		}
		events = append(events, c.events...)
	}
	zone, _ := time.LoadLocation(s.Zone) // valid, see Validate
	return s.judge(events, zone, p.Time)
}

// shift is one time at which somebody is on call.
type shift struct{ from, to time.Time }

func (s *roster) judge(events []event, zone *time.Location, now time.Time) (probe.Result, error) {
	until := now.AddDate(0, 0, s.Days)
	shifts, floating, err := expand(events, zone, now, until)
	if err != nil {
		return probe.Result{}, probe.Unknownf(probe.ReasonError, "%s: %v", phrase.Words(s.Path), err)
	}
	if len(shifts) == 0 {
		return probe.Failed(probe.ReasonMissing, "nobody is on call now or in the next %s", phrase.Count(s.Days, "day")), nil
	}
	slices.SortFunc(shifts, func(a, b shift) int { return a.from.Compare(b.from) })
	var f probe.ResultBuilder
	tolerated := time.Duration(0)
	if s.MaxGap != nil {
		tolerated = s.MaxGap.Std()
	}
	gap := func(from, to time.Time) {
		switch length := to.Sub(from); {
		case length <= tolerated:
		case !from.After(now):
			f.Fail(probe.ReasonMissing, "nobody is on call now, for %s", phrase.Duration(max(length, time.Minute)))
		default:
			f.Fail(probe.ReasonMissing, "nobody is on call from %s UTC for %s", from.UTC().Format("2006-01-02 15:04"), phrase.Duration(max(length, time.Minute)))
		}
	}
	covered := now
	for _, sh := range shifts {
		if sh.from.After(covered) {
			gap(covered, sh.from)
		}
		if sh.to.After(covered) {
			covered = sh.to
		}
	}
	if covered.Before(until) {
		gap(covered, until)
	}
	if floating && s.Zone == "" {
		f.Warn(probe.ReasonWeak, "shifts have no time zone and are read as UTC. Set time_zone")
	}
	return f.Result("somebody is on call now and over the next %s", phrase.Count(s.Days, "day")), nil
}

// breakages take the calendar away; each shift that is cancelled leaves a gap only if no other one overlaps.
func (s *roster) breakages(view *deployment.View) (all []probe.Breakage) {
	for _, pattern := range s.Path {
		if file := view.Deployment.Abs(pattern); !strings.ContainsAny(pattern, `*?[\`) && len(s.Path) == 1 {
			if data, _, err := files.Read(file, maxFile); err == nil {
				all = append(probe.WholeFile(file), calendarBreakages(file, data)...)
			}
		}
	}
	return all
}

// maxRecurring bounds the work for one file.
const maxRecurring = 2000

// expand returns the shifts that overlap a time, and whether some have no time zone.
func expand(events []event, zone *time.Location, from, to time.Time) (shifts []shift, floating bool, err error) {
	moved := map[string][]time.Time{} // occurrences with an event of their own
	recurring := 0
	for _, e := range events {
		if e.recurrence != nil {
			moved[e.uid] = append(moved[e.uid], e.recurrence.in(zone))
		}
	}
	for _, e := range events {
		if e.unseen != "" {
			return nil, false, errors.New(e.unseen)
		}
		if e.cancelled || e.nobody {
			continue
		}
		var without []time.Time
		if e.recurrence == nil {
			without = moved[e.uid]
		}
		if e.rule != nil {
			if recurring++; recurring > maxRecurring {
				return nil, false, fmt.Errorf("more than %d events recur", maxRecurring)
			}
		}
		starts, err := e.starts(zone, to)
		if err != nil {
			return nil, false, err
		}
		for _, local := range e.exceptions {
			without = append(without, local.in(zone))
		}
		for _, start := range starts {
			begin := start.in(zone)
			if slices.ContainsFunc(without, func(t time.Time) bool { return t.Equal(begin) || e.excludesDay(t, start, zone) }) {
				continue
			}
			end := e.end(start, zone)
			if end.After(from) && begin.Before(to) && end.After(begin) {
				shifts = append(shifts, shift{begin, end})
				floating = floating || start.floating()
			}
		}
	}
	return shifts, floating, nil
}
