// The architecture, checked: which package may import which, and what no package does. Each rule is a function from sources
// to findings, tried on sources that break it.

package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/thenexusengine/catalyst_exporter"

// order is the one direction of imports: a package may import those with a lower number only, and those in its own top
// directory. A new top directory needs a place here.
var order = map[string]int{
	"":           60, // main.go
	"exporter":   50,
	"collector":  40,
	"checklist":  30,
	"probe":      20,
	"attest":     10,
	"backup":     10,
	"deployment": 10,
	"evidence":   10,
	"files":      0,
	"schema":     0,
	"secret":     0,
	"alerts":     0, // what ships: embedded files
	"dashboards": 0,
	"docs":       0,
	"examples":   0,
	"bench":      0, // measures the built program from outside
}

// restricted names packages that only some of ours may import, outside tests. The longest rule that fits an import counts.
var restricted = []struct {
	imports string // the package, and all below it
	reason  string
	allowed map[string]string // top directories, or files, with the reason
}{
	{"github.com/prometheus/client_golang", "probes know nothing of how verdicts are shown", map[string]string{
		"collector": "makes metrics of verdicts",
		"exporter":  "serves them",
		"bench":     "the floor program",
	}},
	{"github.com/prometheus/exporter-toolkit", "HTTP is the exporter's", map[string]string{"exporter": "it is"}},
	{"github.com/alecthomas/kingpin", "the command line is the exporter's", map[string]string{"exporter": "it is"}},
	{"log", "a logger comes in from outside", nil},
	{"log/slog", "probes return errors, they never log", map[string]string{
		"collector":     "tells what went wrong in a pass",
		"exporter":      "makes the logger",
		"probe/pass.go": "hands the logger on to libraries that want one",
		"secret":        "masks secrets in logs",
	}},
	{"os/exec", "what runs with an operator's rights starts no programs", map[string]string{
		"backup/restore.go": "pg_restore and psql, for a restore drill that an operator asks for",
		"bench":             "builds and starts what it measures",
		"probe/git.go":      "git alone, with fixed arguments: the one reader of all that a repository may be, its history above all",
	}},
	{"os/signal", "signals are the command's", map[string]string{"exporter": "it is the command", "bench": "it is one too"}},
	{"plugin", "what is checked is compiled in", nil},
	{"reflect", "dispatch is written out", map[string]string{"schema": "fills the structs of others from YAML"}},
	{"unsafe", "there is no need", nil},
	{"testing", "test support stays out of the program", nil},
	{module + "/internal/parts", "test support stays out of the program", nil},
	{module + "/internal/declared", "test support stays out of the program", nil},
}

// stateful lists package-level variables that are state all the same, each with its reason.
var stateful = map[string]string{
	"internal/parts.onceTemplate": "initdb is slow: one template per test binary",
	"internal/parts.onceEngine":   "one Docker Engine per test binary",
}

// constructors are calls whose result is a value that nobody changes.
var constructors = []string{
	"errors.New", "fmt.Errorf", "regexp.MustCompile", "strings.NewReplacer", "template.Must", "big.NewInt", "time.Date",
	"netip.MustParseAddr", "netip.MustParsePrefix", "slices.Concat", "len",
}

// source is one Go file of the repository.
type source struct {
	path string // relative to the module's root
	file *ast.File
}

func (s source) dir() string {
	if dir := path.Dir(s.path); dir != "." {
		return dir
	}
	return ""
}

func (s source) top() string {
	top, _, _ := strings.Cut(s.dir(), "/")
	return top
}

func (s source) imports() []string {
	var imports []string
	for _, spec := range s.file.Imports {
		if name, err := strconv.Unquote(spec.Path.Value); err == nil {
			imports = append(imports, name)
		}
	}
	return imports
}

func TestArchitecture(t *testing.T) {
	files := token.NewFileSet()
	var sources []source
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			return skipped(name, d)
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(files, name, nil, parser.ParseComments|parser.SkipObjectResolution)
		sources = append(sources, source{filepath.ToSlash(name), file})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(sources, func(s source) bool { return s.path == "internal/parts/parts.go" }) {
		t.Fatal("files are missing: is this the repository's root?")
	}
	for _, finding := range check(files, sources) {
		t.Error(finding)
	}
}

// skipped leaves out what is not part of this module.
func skipped(name string, d fs.DirEntry) error {
	base := d.Name()
	if name != "." && (strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") || base == "testdata" || base == "node_modules") {
		return fs.SkipDir
	}
	if _, err := os.Stat(filepath.Join(name, "go.mod")); err == nil && name != "." {
		return fs.SkipDir // a module of its own
	}
	return nil
}

// check applies every rule.
func check(files *token.FileSet, sources []source) []string {
	var findings []string
	packages := map[string][]source{}
	for _, s := range sources {
		packages[s.dir()] = append(packages[s.dir()], s)
		findings = append(findings, checkDirection(s)...)
		findings = append(findings, checkRestricted(s)...)
		findings = append(findings, checkName(s)...)
		findings = append(findings, checkInit(files, s)...)
	}
	for dir, members := range packages {
		findings = append(findings, checkState(files, dir, members)...)
	}
	slices.Sort(findings)
	return findings
}

func checkDirection(s source) []string {
	from, known := order[s.top()]
	if s.top() == "internal" {
		return nil // test support, see restricted
	}
	if !known {
		return []string{s.path + ": directory " + s.top() + " has no place in the order of imports (architecture_test.go)"}
	}
	var findings []string
	for _, name := range s.imports() {
		rest, ours := strings.CutPrefix(name, module+"/")
		if !ours {
			continue
		}
		top, _, _ := strings.Cut(rest, "/")
		if to, known := order[top]; known && top != s.top() && to >= from {
			findings = append(findings, fmt.Sprintf("%s: imports %s, against the order of imports", s.path, rest))
		}
	}
	return findings
}

func checkRestricted(s source) []string {
	var findings []string
	for _, name := range s.imports() {
		if s.top() == "internal" && name != module+"/internal/parts" {
			continue // test support starts programs
		}
		best := -1
		for i, rule := range restricted {
			fits := name == rule.imports || strings.HasPrefix(name, rule.imports+"/")
			if fits && (best < 0 || len(rule.imports) > len(restricted[best].imports)) {
				best = i
			}
		}
		if best < 0 {
			continue
		}
		rule := restricted[best]
		if rule.allowed[s.top()] == "" && rule.allowed[s.path] == "" {
			findings = append(findings, fmt.Sprintf("%s: imports %s: %s", s.path, name, rule.reason))
		}
	}
	return findings
}

// checkName refuses names that tell nothing of what is in a package.
func checkName(s source) []string {
	for _, name := range append(strings.Split(s.dir(), "/"), s.file.Name.Name) {
		if slices.Contains([]string{"util", "utils", "common", "helper", "helpers", "misc", "shared", "base"}, name) {
			return []string{s.path + ": the name " + name + " says nothing of what is in it"}
		}
	}
	return nil
}

func checkInit(files *token.FileSet, s source) []string {
	var findings []string
	for _, declaration := range s.file.Decls {
		if f, ok := declaration.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
			findings = append(findings, position(files, f)+": func init: build it in a function that somebody calls")
		}
	}
	return findings
}

// checkState refuses package-level variables that change: those without a value, with a value that is made to change, or
// changed anywhere in their package. Errors, regular expressions, embedded files and tables remain.
func checkState(files *token.FileSet, dir string, members []source) []string {
	var syntax []*ast.File
	for _, s := range members {
		syntax = append(syntax, s.file)
	}
	// Imports are left unresolved: which names are the package's own is all that is asked here.
	info := &types.Info{Defs: map[*ast.Ident]types.Object{}, Uses: map[*ast.Ident]types.Object{}}
	config := types.Config{Error: func(error) {}, Importer: noImports{}, FakeImportC: true}
	checked, _ := config.Check(dir, files, syntax, info)
	if checked == nil {
		return []string{dir + ": cannot be read"}
	}

	var findings []string
	report := func(name *ast.Ident, why string) {
		if stateful[dir+"."+name.Name] == "" {
			findings = append(findings, fmt.Sprintf("%s: package-level variable %s %s", position(files, name), name.Name, why))
		}
	}
	variables := map[types.Object]bool{}
	for _, file := range syntax {
		for _, declaration := range file.Decls {
			group, ok := declaration.(*ast.GenDecl)
			if !ok || group.Tok != token.VAR {
				continue
			}
			for _, each := range group.Specs {
				spec := each.(*ast.ValueSpec)
				for i, name := range spec.Names {
					if name.Name == "_" {
						continue // asserts that a type has an interface
					}
					variables[info.Defs[name]] = true
					if embedded(group.Doc) || embedded(spec.Doc) {
						continue
					}
					if len(spec.Values) != len(spec.Names) {
						report(name, "has no value of its own: it is state")
					} else if why := changeable(spec.Values[i]); why != "" {
						report(name, why)
					}
				}
			}
		}
	}
	for _, file := range syntax {
		ast.Inspect(file, func(node ast.Node) bool {
			for _, target := range targets(node) {
				if name := root(target); name != nil && variables[info.Uses[name]] {
					report(name, "is changed: it is state")
				}
			}
			return true
		})
	}
	return findings
}

// changeable tells why a value is made to change, or "".
func changeable(value ast.Expr) string {
	switch v := ast.Unparen(value).(type) {
	case *ast.CallExpr:
		called := types.ExprString(v.Fun)
		if _, conversion := v.Fun.(*ast.ArrayType); !conversion && !slices.Contains(constructors, called) {
			return "is made by " + called + ", which is not in the list of constructors (architecture_test.go)"
		}
	case *ast.UnaryExpr:
		if literal, ok := v.X.(*ast.CompositeLit); ok && v.Op == token.AND {
			return changeable(literal) // the name of a value: what it points at is looked at like the value itself
		}
	case *ast.CompositeLit:
		if v.Type == nil {
			return ""
		}
		name := types.ExprString(v.Type)
		if strings.HasPrefix(name, "sync.") || strings.HasPrefix(name, "atomic.") {
			return "is made to change: it is state"
		}
	}
	return ""
}

// targets are the expressions a node changes: assigned, counted, deleted from, cleared, or pointed at.
func targets(node ast.Node) []ast.Expr {
	switch n := node.(type) {
	case *ast.AssignStmt:
		return n.Lhs
	case *ast.IncDecStmt:
		return []ast.Expr{n.X}
	case *ast.UnaryExpr:
		if n.Op == token.AND {
			return []ast.Expr{n.X}
		}
	case *ast.CallExpr:
		if f, ok := n.Fun.(*ast.Ident); ok && (f.Name == "delete" || f.Name == "clear" || f.Name == "copy") && len(n.Args) > 0 {
			return n.Args[:1]
		}
	}
	return nil
}

// root is the variable an expression begins with: x in x.a[i].
func root(e ast.Expr) *ast.Ident {
	for {
		switch x := e.(type) {
		case *ast.Ident:
			return x
		case *ast.SelectorExpr:
			e = x.X
		case *ast.IndexExpr:
			e = x.X
		case *ast.SliceExpr:
			e = x.X
		case *ast.StarExpr:
			e = x.X
		case *ast.ParenExpr:
			e = x.X
		default:
			return nil
		}
	}
}

func embedded(doc *ast.CommentGroup) bool {
	return doc != nil && slices.ContainsFunc(doc.List, func(c *ast.Comment) bool { return strings.HasPrefix(c.Text, "//go:embed ") })
}

func position(files *token.FileSet, node ast.Node) string {
	at := files.Position(node.Pos())
	return fmt.Sprintf("%s:%d", filepath.ToSlash(at.Filename), at.Line)
}

// noImports resolves no import.
type noImports struct{}

func (noImports) Import(name string) (*types.Package, error) {
	return nil, fmt.Errorf("%s is not looked at", name)
}

// TestArchitectureRules breaks each rule once, and keeps each once in a way that is close to breaking it.
func TestArchitectureRules(t *testing.T) {
	for name, test := range map[string]struct {
		path, source string
		want         string // "" for no finding
	}{
		"downwards":               {"collector/a.go", `import _ "` + module + `/probe"`, ""},
		"upwards":                 {"probe/a.go", `import _ "` + module + `/collector"`, "probe/a.go: imports collector, against the order of imports"},
		"sideways":                {"attest/a.go", `import _ "` + module + `/backup"`, "attest/a.go: imports backup, against the order of imports"},
		"its own directory":       {"probe/sub/a.go", `import _ "` + module + `/probe"`, ""},
		"no place":                {"stray/a.go", ``, "stray/a.go: directory stray has no place in the order of imports (architecture_test.go)"},
		"client in a probe":       {"probe/a.go", `import _ "github.com/prometheus/client_golang/prometheus"`, "probe/a.go: imports github.com/prometheus/client_golang/prometheus: probes know nothing of how verdicts are shown"},
		"client in the collector": {"collector/a.go", `import _ "github.com/prometheus/client_golang/prometheus"`, ""},
		"programs":                {"exporter/a.go", `import _ "os/exec"`, "exporter/a.go: imports os/exec: what runs with an operator's rights starts no programs"},
		"logging":                 {"probe/a.go", `import _ "log/slog"`, "probe/a.go: imports log/slog: probes return errors, they never log"},
		"a longer name":           {"probe/a.go", `import _ "logs"`, ""},
		"parts":                   {"probe/a.go", `import _ "` + module + `/internal/parts"`, "probe/a.go: imports " + module + "/internal/parts: test support stays out of the program"},
		"empty name":              {"probe/common/a.go", ``, "probe/common/a.go: the name common says nothing of what is in it"},
		"init":                    {"probe/a.go", `func init() {}`, "probe/a.go:2: func init: build it in a function that somebody calls"},
		"method named init":       {"probe/a.go", `type x int; func (x) init() {}`, ""},
		"table":                   {"probe/a.go", `var x = map[string]int{"a": 1}; func f() int { return x["a"] }`, ""},
		"changed table":           {"probe/a.go", `var x = map[string]int{}; func f() { x["a"] = 1 }`, "probe/a.go:2: package-level variable x is changed: it is state"},
		"deleted from":            {"probe/a.go", `var x = map[string]int{}; func f() { delete(x, "a") }`, "probe/a.go:2: package-level variable x is changed: it is state"},
		"counted":                 {"probe/a.go", `var x = struct{ n int }{}; func f() { x.n++ }`, "probe/a.go:2: package-level variable x is changed: it is state"},
		"shadowed":                {"probe/a.go", `var x = 1; func f(x int) int { x++; return x }`, ""},
		"pointed at":              {"probe/a.go", `var x = 1; func f() *int { return &x }`, "probe/a.go:2: package-level variable x is changed: it is state"},
		"no value":                {"probe/a.go", `import "sync"; var x sync.Mutex`, "probe/a.go:2: package-level variable x has no value of its own: it is state"},
		"pointer":                 {"probe/a.go", `var x = &struct{ n int }{1}`, ""},
		"changed through it":      {"probe/a.go", `var x = &struct{ n int }{1}; func f() { x.n = 2 }`, "probe/a.go:2: package-level variable x is changed: it is state"},
		"pointer to a lock":       {"probe/a.go", `import "sync"; var x = &sync.Mutex{}`, "probe/a.go:2: package-level variable x is made to change: it is state"},
		"made":                    {"probe/a.go", `var x = make(chan int)`, "probe/a.go:2: package-level variable x is made by make, which is not in the list of constructors (architecture_test.go)"},
		"lock":                    {"probe/a.go", `import "sync"; var x = sync.Mutex{}`, "probe/a.go:2: package-level variable x is made to change: it is state"},
		"error":                   {"probe/a.go", `import "errors"; var x = errors.New("x")`, ""},
		"embedded":                {"probe/a.go", "import _ \"embed\"\n//go:embed a.sh\nvar x string", ""},
		"interface":               {"probe/a.go", `type x struct{}; var _ interface{} = (*x)(nil)`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			files := token.NewFileSet()
			file, err := parser.ParseFile(files, test.path, "package a\n"+test.source, parser.ParseComments|parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(check(files, []source{{test.path, file}}), "\n"); got != test.want {
				t.Errorf("findings %q, want %q", got, test.want)
			}
		})
	}
}
