package evidence

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/evidence/report"
	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
)

// Reports that name files or classes. A report may name a file by its absolute path, from a folder of the repository, or
// from a source root inside it, so the ends of paths are compared. A repository without files of the report's languages is
// that of the deployment: nothing is compared.

// fileIndex finds files by the end of their path.
type fileIndex map[string][]string // by base name

func indexOf(files []string) fileIndex {
	x := fileIndex{}
	for _, f := range files {
		x[path.Base(f)] = append(x[path.Base(f)], f)
	}
	return x
}

// find returns the file that a report means, "" for none.
func (x fileIndex) find(name string) string {
	name = path.Clean(strings.ReplaceAll(name, `\`, "/"))
	for _, f := range x[path.Base(name)] {
		if f == name || strings.HasSuffix(f, "/"+name) || strings.HasSuffix(name, "/"+f) {
			return f
		}
	}
	return ""
}

var (
	// notMeasured matches sources of which coverage tools know nothing: tests, tools, settings and generated files.
	notMeasured = lazyregexp.New(`(?i)(?:^|/)(?:tests?|__tests__|__mocks__|specs?|e2e|docs?|examples?|scripts?|tools?|bench|benchmarks?|migrations?|node_modules|vendor|third_party|` +
		`build|dist|testdata|fixtures|public|static|assets|\.[^/]*)/|(?:^|/)(?:test_[^/]*|conftest\.py|setup\.py|manage\.py|__init__\.py|__main__\.py|[^/]*(?:_test|[._-]spec|[._-]test|\.config|\.d|\.stories|\.min)\.\w+|[^/]*Tests?\.\w+)$`)
	pythonTest = lazyregexp.New(`(?:^|/)(?:test_[^/]+|[^/]+_test)\.py$`)
	javaTest   = lazyregexp.New(`(?:^|/)src/test/(?:java|kotlin|groovy|scala)/.*(?:Test|Tests|IT|Spec)\.(?:java|kt|groovy|scala)$`)
	dottedName = lazyregexp.New(`^[\pL_][\w$]*(?:\.[\pL_][\w$-]*)+$`)
	goImport   = lazyregexp.New(`^[a-z0-9-]+(?:\.[a-z0-9-]+)+/[\w./~-]+$`)
)

// sourceFiles compares the files of a coverage report.
func sourceFiles(subjects []string, t *Tree) []problem {
	languages := map[string]bool{}
	for _, s := range subjects {
		languages[path.Ext(s)] = true
	}
	var sources []string
	of := false
	for _, f := range t.Files {
		if ext := path.Ext(f); ext != "" && languages[ext] {
			of = true
			if measured(f, ext) {
				sources = append(sources, f)
			}
		}
	}
	if !of || len(subjects) == 0 {
		return nil
	}
	index, found := indexOf(t.Files), map[string]bool{}
	known := 0
	for _, s := range subjects {
		if f := index.find(s); f != "" {
			known++
			found[f] = true
		}
	}
	if ps := foreignFiles(known, subjects); ps != nil {
		return ps
	}
	return missingOf(sources, "source files", minShare, func(f string) bool { return found[f] })
}

// measured reports whether coverage tools know of a source. Folders of Java and its like are packages of any name.
func measured(file, ext string) bool {
	switch ext {
	case ".java", ".kt", ".groovy", ".scala":
		return strings.Contains("/"+file, "/src/main/")
	}
	return !notMeasured.MatchString(file)
}

// foreignFiles returns the problem that a report names files that are not in the commit.
func foreignFiles(known int, subjects []string) []problem {
	switch {
	case known == 0:
		return []problem{{Fail, report.Mismatch, fmt.Sprintf("report is of another repository: none of its %s is in the commit", report.Count(len(subjects), "file"))}}
	case float64(known) < minShare*float64(len(subjects)):
		return []problem{{Warn, report.Weak, fmt.Sprintf("only %d of the report's %s are in the commit", known, report.Count(len(subjects), "file"))}}
	}
	return nil
}

// lockFiles compares the files whose dependencies were audited.
func lockFiles(subjects []string, t *Tree) []problem {
	if len(subjects) == 0 {
		return nil
	}
	var wanted []string
	for _, f := range t.Files {
		if slices.Contains(lockNames(), path.Base(f)) && !notMeasured.MatchString(f) {
			wanted = append(wanted, f)
		}
	}
	if len(wanted) == 0 {
		return nil
	}
	index, found, known := indexOf(t.Files), map[string]bool{}, 0
	for _, s := range subjects {
		if f := index.find(s); f != "" {
			known++
			found[f] = true
		}
	}
	if known == 0 {
		return []problem{{Fail, report.Mismatch, fmt.Sprintf("report is of another repository: %s is not in the commit", report.Name(subjects[0]))}}
	}
	return missingOf(wanted, "lock files", 1, func(f string) bool { return found[f] })
}

func lockNames() []string {
	return []string{
		"go.mod", "package-lock.json", "yarn.lock", "pnpm-lock.yaml", "poetry.lock", "Pipfile.lock", "uv.lock", "Cargo.lock", "composer.lock", "Gemfile.lock",
		"packages.lock.json", "gradle.lockfile", "mix.lock", "pubspec.lock",
	}
}

// junitClasses compares the classes of JUnit's test cases: Go packages of gotestsum, Python modules of pytest, classes of
// Java. Other dialects have titles, which name nothing of the source.
func junitClasses(subjects []string, t *Tree) []problem {
	var imports, dotted []string
	for _, s := range subjects {
		switch {
		case goImport.MatchString(s):
			imports = append(imports, s)
		case dottedName.MatchString(s) && path.Ext(s) != ".py" && path.Ext(s) != ".java":
			dotted = append(dotted, s)
		}
	}
	if len(imports)*2 > len(subjects) {
		return goPackages(report.GoTest, imports, t)
	}
	if len(dotted)*2 <= len(subjects) {
		return nil
	}
	var tests, names []string // test files, and sources without extension
	least, other := 0.8, false
	for _, f := range t.Files {
		switch path.Ext(f) {
		case ".py", ".java", ".kt", ".groovy", ".scala":
			other = true
			names = append(names, strings.TrimSuffix(f, path.Ext(f)))
		}
		if pythonTest.MatchString(f) {
			tests = append(tests, f)
		} else if javaTest.MatchString(f) {
			tests, least = append(tests, f), minShare // base classes have no tests of their own
		}
	}
	if !other {
		return nil
	}
	index, found := indexOf(names), map[string]bool{}
	for _, s := range dotted {
		if f := index.class(s); f != "" {
			found[f] = true
		}
	}
	if len(found) == 0 {
		return []problem{{Fail, report.Mismatch, fmt.Sprintf("report is of another repository: no source of its %s is in the commit", report.Count(len(dotted), "class"))}}
	}
	return missingOf(tests, "test files", least, func(f string) bool { return found[strings.TrimSuffix(f, path.Ext(f))] })
}

// class returns the source without extension of a dotted name: of a Java class without its inner ones, or of a Python module
// followed by classes.
func (x fileIndex) class(name string) string {
	name, _, _ = strings.Cut(name, "$")
	for parts := strings.Split(name, "."); len(parts) > 0; parts = parts[:len(parts)-1] {
		full := strings.Join(parts, "/")
		for _, f := range x[parts[len(parts)-1]] {
			if f == full || strings.HasSuffix(f, "/"+full) {
				return f
			}
		}
	}
	return ""
}
