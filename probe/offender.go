package probe

import (
	"cmp"
	"slices"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/probe/phrase"
)

// Offender is one thing that a warning or failure is about: a service, a line, a secret in a commit. Tools compare
// offenders between runs, to accept known ones and to report new ones.
type Offender struct {
	// ID identifies the offender among those of its probe. It stays the same between runs as long as the fault exists, and
	// it never contains a value of the checked system.
	ID   string
	File string // relative to the deployment's root, "" if the offender is not in a file
	Line int    // 0 if unknown
}

// tidyOffenders removes offenders of a result that reports no fault, and makes the others printable, relative to the root,
// sorted and unique.
func tidyOffenders(r Result, root string) []Offender {
	if r.State != StateWarn && r.State != StateFail {
		return nil
	}
	var tidy []Offender
	for _, o := range r.Offenders {
		if len(root) > 1 {
			o.File = strings.TrimPrefix(o.File, root+"/")
		}
		tidy = append(tidy, Offender{phrase.Printable(o.ID), phrase.Printable(o.File), o.Line})
	}
	slices.SortFunc(tidy, func(a, b Offender) int {
		return cmp.Or(strings.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), strings.Compare(a.ID, b.ID))
	})
	return slices.Compact(tidy)
}
