package tests

import "github.com/thenexusengine/catalyst_exporter/evidence/report"

// junitCases counts test cases and remembers what they are about.
//
// gotestsum writes a case again for every rerun. Go's names are unique in a package, so the last result counts, and a case
// that failed before is flaky. In other dialects cases may share a name.
type junitCases struct {
	unique bool            // names are unique
	seen   map[string]bool // classes and files
	failed map[string]bool // cases that failed, by package and name
}

func (a *junitCases) end(cs junitCase, r *report.Report) {
	for _, name := range []string{cs.Package, cs.File} {
		if name = report.Name(name); name != "" && !a.seen[name] && len(a.seen) < report.MaxPackages {
			a.seen[name] = true
			r.AddSubject(name)
		}
	}
	id := report.Name(cs.Package) + "\n" + report.Name(cs.Rule)
	if a.unique && a.failed[id] {
		r.Counts.Failed--
		r.Unlist(func(f report.Finding) bool {
			return f.Package == report.Name(cs.Package) && f.Rule == report.Name(cs.Rule)
		})
		delete(a.failed, id)
		cs.flaky = cs.flaky || !cs.failed
	}
	cs.count(r)
	if cs.failed && len(a.failed) < report.MaxPackages {
		a.failed[id] = true
	}
}
