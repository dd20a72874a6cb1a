package evidence

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/evidence/report"
)

// Whether a report is about the commit's source, and about how much of it.

// Tree is the Go source of a commit.
type Tree struct {
	Modules []string // paths of its modules
	// Tested are the import paths of packages with test files that are built on Linux.
	Tested []string
	// Measured are those of Tested that contain statements.
	Measured []string
}

// subjectProblems compares the report's packages with those of the commit. Only Go reports name packages.
func subjectProblems(e Evidence, p Policy) []problem {
	subjects := e.Report.Subjects
	if p.Tree == nil || len(p.Tree.Modules) == 0 || len(subjects) == 0 || !report.SameCommit(e.Commit, p.Commit) {
		return nil
	}
	wanted, what := p.Tree.Tested, "packages with tests"
	if e.Report.Format == report.CoverFile {
		wanted, what = p.Tree.Measured, "packages with tests and statements"
		subjects = slices.Clone(subjects)
		for i, file := range subjects {
			subjects[i] = path.Dir(file)
		}
	}
	reported, ours := make(map[string]bool, len(subjects)), false
	for _, s := range subjects {
		reported[s] = true
		ours = ours || slices.ContainsFunc(p.Tree.Modules, func(m string) bool { return s == m || strings.HasPrefix(s, m+"/") })
	}
	if !ours {
		return []problem{{Fail, report.Mismatch, fmt.Sprintf("report is of another module: it contains no package of %s", report.Name(p.Tree.Modules[0]))}}
	}
	seen, first := 0, ""
	for _, w := range wanted {
		switch {
		case reported[w]:
			seen++
		case first == "":
			first = w
		}
	}
	if first == "" {
		return nil
	}
	return []problem{{Warn, report.Weak, fmt.Sprintf("report covers %d of the commit's %d %s (%d %%): %s is missing",
		seen, len(wanted), what, 100*seen/len(wanted), report.Name(first))}}
}
