package evidence

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/evidence/report"
)

// Whether a report is about the commit's source, and about how much of it.

// Tree is the source of a commit.
type Tree struct {
	Modules []string // paths of its Go modules
	// Tested are the import paths of packages with test files that are built on Linux.
	Tested []string
	// Measured are those of Tested that contain statements.
	Measured []string
	// GoFiles is the number of Go files without tests that are built on Linux, in the main module.
	GoFiles int
	// Files are all files.
	Files []string
	// Crates are the names of its Rust packages.
	Crates []string
}

// subjectProblems compares what the report is about with the commit.
func subjectProblems(e Evidence, p Policy) []problem {
	if p.Tree == nil || !report.SameCommit(e.Commit, p.Commit) {
		return nil
	}
	switch e.Report.Format {
	case report.GoTest, report.CoverFile:
		return goPackages(e.Report.Format, e.Report.Subjects, p.Tree)
	case report.JUnit:
		if e.Report.Kind == report.Tests {
			return junitClasses(e.Report.Subjects, p.Tree)
		}
	case report.Cobertura, report.LCOV, report.JaCoCo:
		return sourceFiles(e.Report.Subjects, p.Tree)
	case report.SARIF, report.Checkstyle:
		return analysedFiles(e.Report.Subjects, p.Tree)
	case report.Govulncheck:
		return auditedModules(e.Report.Subjects, p.Tree)
	case report.Trivy, report.OSVScanner:
		return lockFiles(e.Report.Subjects, p.Tree)
	case report.Gosec:
		return scannedFiles(e.Report.Counts.Audited, p.Tree)
	}
	return nil
}

func (t *Tree) ours(pkg string) bool {
	return slices.ContainsFunc(t.Modules, func(m string) bool { return pkg == m || strings.HasPrefix(pkg, m+"/") })
}

// goPackages compares Go packages.
func goPackages(format report.Format, subjects []string, t *Tree) []problem {
	if len(t.Modules) == 0 || len(subjects) == 0 {
		return nil
	}
	wanted, what := t.Tested, "packages with tests"
	if format == report.CoverFile {
		wanted, what = t.Measured, "packages with tests and statements"
		subjects = slices.Clone(subjects)
		for i, file := range subjects {
			subjects[i] = path.Dir(file)
		}
	}
	if !slices.ContainsFunc(subjects, t.ours) {
		return []problem{{Fail, report.Mismatch, fmt.Sprintf("report is of another module: it contains no package of %s", report.Name(t.Modules[0]))}}
	}
	reported := make(map[string]bool, len(subjects))
	for _, s := range subjects {
		reported[s] = true
	}
	return missingOf(wanted, what, 1, func(w string) bool { return reported[w] })
}

// missingOf returns the problem that less than the wanted share of things is in the report.
func missingOf(wanted []string, what string, least float64, has func(string) bool) []problem {
	seen, first := 0, ""
	for _, w := range wanted {
		switch {
		case has(w):
			seen++
		case first == "":
			first = w
		}
	}
	if first == "" || float64(seen) >= least*float64(len(wanted)) {
		return nil
	}
	return []problem{{Warn, report.Weak, fmt.Sprintf("report covers %d of the commit's %d %s (%d %%): %s is missing",
		seen, len(wanted), what, 100*seen/len(wanted), report.Name(first))}}
}

// auditedModules compares the modules that govulncheck lists. Its own module is among them.
func auditedModules(subjects []string, t *Tree) []problem {
	if len(t.Modules) == 0 || len(subjects) == 0 || slices.ContainsFunc(subjects, func(s string) bool { return slices.Contains(t.Modules, s) }) {
		return nil
	}
	return []problem{{Fail, report.Mismatch, fmt.Sprintf("report is of another module: it does not list %s", report.Name(t.Modules[0]))}}
}

// scannedFiles compares the number of files that gosec scanned. It scans no tests, and not what other tags build.
func scannedFiles(scanned int, t *Tree) []problem {
	const least = 0.8
	if t.GoFiles == 0 || float64(scanned) >= least*float64(t.GoFiles) {
		return nil
	}
	return []problem{{Warn, report.Weak, fmt.Sprintf("report covers %d of the commit's %d Go files (%d %%): scan ./...",
		scanned, t.GoFiles, 100*scanned/t.GoFiles)}}
}
