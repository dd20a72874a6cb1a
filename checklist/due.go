package checklist

import (
	"time"

	"github.com/thenexusengine/catalyst_exporter/schema"
)

// Dates are days in UTC, and what ends on a day ends with it.

// due parses the field `due` of a mapping. It returns zero for none.
func (l *loader) due(date, file, path string, at *schema.Node) time.Time {
	if date == "" {
		return time.Time{}
	}
	end, err := endOfDay(date)
	if err != nil {
		l.wrong(file, path+".due", child(at, "due"), "", "not a valid date")
		return time.Time{}
	}
	return end
}

// LastDay returns the day that ends at a time, such as the last one of a waiver or a due date.
func LastDay(end time.Time) string { return end.AddDate(0, 0, -1).Format(time.DateOnly) }

// endOfDay parses a date as the end of that day in UTC.
func endOfDay(date string) (time.Time, error) {
	day, err := time.Parse(time.DateOnly, date)
	return day.AddDate(0, 0, 1), err
}
