package evidence

import (
	"fmt"
	"slices"

	"github.com/thenexusengine/catalyst_exporter/evidence/report"
)

// Reports about container images.

// JudgeSBOM requires that a bill of materials names components with their versions.
func JudgeSBOM(e Evidence, p Policy) Verdict {
	c := e.Report.Counts
	var totals []problem
	switch {
	case c.Audited == 0:
		totals = append(totals, problem{Fail, report.Empty, "report names no component with a version"})
	case c.Unaudited > c.Audited:
		totals = append(totals, problem{Warn, report.Weak, fmt.Sprintf("%d of %s have no name or version", c.Unaudited, report.Count(c.Audited+c.Unaudited, "component"))})
	}
	return judge(e, p, report.Count(c.Audited, "component")+" named", nil, totals)
}

// imageProblems compares the image that the report is about with the deployed ones.
func imageProblems(e Evidence, p Policy) []problem {
	image := e.Report.Image
	state := Warn
	if p.OfImage {
		state = Fail
	}
	switch {
	case image.IsZero() && p.OfImage:
		return []problem{{Fail, report.Mismatch, "report does not state which image it is about: scan the image by its digest"}}
	case image.IsZero() || len(p.Images) == 0:
		return nil
	case slices.ContainsFunc(p.Images, func(d string) bool { return d == image.ID || slices.Contains(image.Digests, d) }):
		return nil
	case len(image.Digests) == 0 && p.OfImage:
		return []problem{{Fail, report.Mismatch, "report does not state the digest of its image: scan the image by its digest"}}
	case len(image.Digests) == 0:
		return []problem{{Warn, report.Weak, "report does not state the digest of its image: scan the image by its digest"}}
	}
	return []problem{{state, report.Mismatch, "report is of an image that is not deployed (" + image.Digests[0][:len("sha256:")+12] + "): scan the deployed image by its digest"}}
}
