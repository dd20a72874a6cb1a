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

// analysedFiles compares the files of a linter or scanner, which may list all or only some of those that it read. Files in
// languages that the commit does not have are none of its sources.
func analysedFiles(subjects []string, t *Tree) []problem {
	index, languages := indexOf(t.Files), map[string]bool{}
	for _, f := range t.Files {
		languages[path.Ext(f)] = true
	}
	known, sources := 0, []string(nil)
	for _, s := range subjects {
		if ext := path.Ext(s); ext == "" || !languages[ext] {
			continue
		}
		sources = append(sources, s)
		if index.find(s) != "" {
			known++
		}
	}
	if len(sources) == 0 {
		return nil
	}
	return foreignFiles(known, sources)
}

// testPath matches a name of a test file among JUnit's names, which otherwise are titles.
var testPath = lazyregexp.New(`^\S*(?:[/\\]\S*\.\w+|[._-](?:test|spec|cy|e2e)\.\w+)$`)

// looseClasses compares classes of languages in which a file may hold several, or have another name: a class that no file
// and no project has is weak.
func looseClasses(dotted []string, t *Tree) []problem {
	stems := map[string]bool{}
	for _, f := range t.Files {
		switch ext := path.Ext(f); ext {
		case ".cs", ".fs", ".vb", ".php", ".rb", ".swift":
			stems[strings.TrimSuffix(path.Base(f), ext)] = true
		case ".csproj", ".fsproj", ".vbproj", ".sln", ".slnx":
			stems[strings.TrimSuffix(path.Base(f), ext)] = true
		}
	}
	if len(stems) == 0 {
		return nil
	}
	for _, s := range dotted {
		parts := strings.FieldsFunc(s, func(r rune) bool { return r == '.' || r == '+' })
		for i, part := range parts {
			if stems[part] || stems[strings.Join(parts[:i+1], ".")] {
				return nil
			}
		}
	}
	return []problem{{Warn, report.Mismatch, fmt.Sprintf("report may be of another repository: no source or project has the name of one of its %s",
		report.Count(len(dotted), "class"))}}
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
	if len(t.Crates) > 0 {
		return rustCrates(subjects, t)
	}
	var paths []string
	for _, s := range subjects {
		if testPath.MatchString(s) && !goImport.MatchString(s) {
			paths = append(paths, s)
		}
	}
	if ps := analysedFiles(paths, t); ps != nil {
		return ps
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
		return looseClasses(dotted, t)
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

var rustPath = lazyregexp.New(`^[A-Za-z_][\w-]*(?:(?:::|\$)[\w-]+)*$`)

// rustCrates compares the classes of cargo-nextest and its like: a crate, or a path of modules.
func rustCrates(subjects []string, t *Tree) []problem {
	known, other := map[string]bool{}, false
	for _, crate := range t.Crates {
		known[strings.ReplaceAll(crate, "-", "_")] = true
	}
	for _, f := range t.Files {
		switch ext := path.Ext(f); ext {
		case ".rs":
			if stem := strings.TrimSuffix(path.Base(f), ext); !slices.Contains([]string{"lib", "main", "mod", "tests", "test", "build"}, stem) {
				known[stem] = true
			}
		case ".py", ".java", ".kt", ".ts", ".tsx", ".js", ".jsx", ".cs", ".rb", ".php":
			other = true // whose classes these may be
		}
	}
	var classes []string
	for _, s := range subjects {
		if !rustPath.MatchString(s) {
			continue
		}
		for part := range strings.SplitSeq(strings.ReplaceAll(s, "$", "::"), "::") {
			if known[strings.ReplaceAll(part, "-", "_")] {
				return nil
			}
		}
		classes = append(classes, s)
	}
	if len(classes) == 0 || other && !strings.Contains(strings.Join(classes, " "), "::") {
		return nil
	}
	return []problem{{Warn, report.Mismatch, fmt.Sprintf("report may be of another repository: none of its %s is a crate or module of the commit",
		report.Count(len(classes), "class"))}}
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
