// The time that a dump states about itself.

package dump

import (
	"strconv"
	"strings"
	"time"

	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
)

// latestZone is the offset behind UTC of the zone in which a day ends last.
const latestZone = 12 * time.Hour

// statedComment matches the comments that pg_dump --verbose writes at a dump's start and end.
var statedComment = lazyregexp.New(`^-- (?:Started|Completed) on (\d{4})-(\d\d)-(\d\d)[ T](\d\d):(\d\d):(\d\d)(?:\.\d+)? ?([A-Za-z0-9:+-]*)`)

// statedTime returns the time in such a comment; zero for another comment.
func statedTime(comment string) time.Time {
	m := statedComment.FindStringSubmatch(comment)
	if m == nil {
		return time.Time{}
	}
	var n [6]int
	for i := range n {
		n[i], _ = strconv.Atoi(m[i+1])
	}
	at := time.Date(n[0], time.Month(n[1]), n[2], n[3], n[4], n[5], 0, time.UTC)
	if n[1] < 1 || n[1] > 12 || at.Day() != n[2] {
		return time.Time{}
	}
	switch zone := strings.ToUpper(m[7]); zone {
	case "Z", "UTC", "GMT":
		return at
	default:
		if offset, err := time.Parse("-0700", strings.ReplaceAll(zone, ":", "")); err == nil {
			_, seconds := offset.Zone()
			return at.Add(-time.Duration(seconds) * time.Second)
		}
		return at.Add(latestZone) // an abbreviation does not identify a zone
	}
}

// localTime returns the latest reading of the local time in an archive's header: second, minute, hour, day, month from 0,
// years since 1900. Zero for an impossible one.
func localTime(t [7]int) time.Time {
	at := time.Date(t[5]+1900, time.Month(t[4]+1), t[3], t[2], t[1], t[0], 0, time.UTC)
	if t[4] < 0 || t[4] > 11 || at.Day() != t[3] || t[5] < 70 || t[5] > 1000 {
		return time.Time{}
	}
	return at.Add(latestZone)
}
