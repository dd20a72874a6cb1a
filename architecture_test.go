// Architecture rules: allowed imports between packages, and forbidden constructs. Each rule is a function from sources to
// findings, and is tested on sources that break it.

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

// order defines the direction of imports: a package may import only packages with a lower number. The longest matching
// path counts, so that "probe/" is every subject that is not listed. Packages of one top directory may import each other,
// except below probe and deployment. Add new directories here.
var order = map[string]int{
	"":          60, // main.go
	"exporter":  50,
	"challenge": 40,
	"collector": 40,
	"checklist": 30,
	"kinds":     25,

	"probe/":              20, // subjects: they import each other only as listed in arrows
	"probe/dockerclient":  18, // shared by subjects
	"probe/promapi":       18,
	"probe/access":        17,
	"probe/alertmanager":  17,
	"probe/filesearch":    17,
	"probe/gitrepo":       17,
	"probe/healthcommand": 17,
	"probe/httpclient":    17,
	"probe/imageref":      17,
	"probe/markdown":      17,
	"probe/openmetrics":   17,
	"probe/portset":       17,
	"probe/reach":         16,
	"probe/release":       17,
	"probe/secretvalue":   17,
	"probe/timespan":      17,
	"probe/valuerule":     17,

	"probe/secretvalue/strength": 16,

	"probe":        15, // the contract of a kind
	"probe/fault":  12, // words for people
	"probe/phrase": 12,
	"probe/edit":   12,

	"attest":               10,
	"attest/plain":         9,
	"attest/waiver":        11,
	"backup":               10,
	"deployment/discovery": 11, // what was found, for people
	"deployment":           10,

	// the files of a deployment, each kind read with the ones before it
	"deployment/dsn":     9,
	"deployment/git":     9,
	"deployment/find":    9,
	"deployment/nginx":   8,
	"deployment/compose": 7,
	"deployment/env":     6,
	"deployment/shell":   5,
	"deployment/source":  5,

	"evidence":   10,
	"ledger":     5,
	"files":      0,
	"lazyregexp": -1,
	"schema":     0,
	"secret":     0,
	"alerts":     0, // embedded files
	"cases":      0, // files and tests
	"dashboards": 0,
	"docs":       0,
	"examples":   0,
}

// arrows lists the imports between subjects, each with its reason.
var arrows = map[string]map[string]string{
	"awscheck":      {"backupcheck": "an uploaded object is compared with the newest local backup"},
	"backupcheck":   {"container": "tests of both share one engine"},
	"composecheck":  {"envfile": "a value in a compose file is judged as one in an env file"},
	"container":     {"composecheck": "declared and running limits are one measured value", "envfile": "a value in a container is judged as one in an env file"},
	"evidencecheck": {"awscheck": "reports may be stored in S3"},
	"firewall":      {"firewall/nft": "evaluates the loaded rules"},
	"gitscan":       {"gitscan/content": "recognizes what git takes for binary", "gitscan/gitlog": "parses what commits add", "gitscan/inuse": "searches for known secrets"},
	"httpcheck":     {"dnscheck": "a CDN is recognised by the CNAME of the public host", "httpcheck/pagetext": "reads what a page shows", "httpcheck/healthbody": "reads health statuses"},
	"monitoring":    {"monitoring/promexpr": "finds expressions that are never true"},
	"postgres":      {"migrations": "applied migrations are compared with the files"},
	"releasecheck":  {"backupcheck": "the backup of a release is a backup"},
	"tlscheck":      {"dnscheck": "certificates cover the public hosts"},
}

// restricted lists packages that only some of our packages may import outside tests. The longest matching rule applies.
var restricted = []struct {
	imports string // the package and its subpackages
	reason  string
	allowed map[string]string // allowed top directories or files, with the reason
}{
	{"github.com/prometheus/client_golang", "probes must not depend on the presentation of verdicts", map[string]string{
		"collector": "converts verdicts to metrics",
		"exporter":  "serves the metrics",
	}},
	{"github.com/prometheus/exporter-toolkit", "only package exporter serves HTTP", map[string]string{"exporter": "serves HTTP"}},
	{"github.com/alecthomas/kingpin", "only commands parse the command line", map[string]string{"exporter": "parses the command line"}},
	{"log", "use an injected slog.Logger", nil},
	{"log/slog", "probes return errors and never log", map[string]string{
		"collector":     "logs failures of runs",
		"exporter":      "creates the logger",
		"probe/pass.go": "passes the logger to libraries",
		"secret":        "masks secrets in logs",
	}},
	{"os/exec", "the exporter starts no programs", map[string]string{
		"probe/command/command.go": "starts programs of a directory that only a flag sets and only root can write: it is what the kind command is for",
		"backup/drill/restore.go":  "starts pg_restore and psql for a restore drill that an operator runs",
		"probe/gitrepo/gitrepo.go": "starts only git, with fixed arguments: no library reads every repository and its history",
	}},
	{"os/signal", "only commands handle signals", map[string]string{"exporter": "is the command"}},
	{"plugin", "all probes are compiled in", nil},
	{"reflect", "dispatch is explicit", map[string]string{"schema": "decodes YAML into structs of other packages"}},
	{"unsafe", "unsafe code is not needed", nil},
	{"github.com/ccojocar/zxcvbn-go", "it loads its dictionaries at every start: use probe/secretvalue/strength", nil},
	{"testing", "test support must not be part of the program", nil},
	{module + "/internal/parts", "test support must not be part of the program", map[string]string{"internal": "is test support"}},
	{module + "/internal/dumptest", "test support must not be part of the program", nil},
	{module + "/internal/declared", "test support must not be part of the program", nil},
	{module + "/internal/probetest", "test support must not be part of the program", nil},
}

// stateful lists the allowed package-level variables with state, with the reason for each.
var stateful = map[string]string{
	"internal/parts.onceTemplate":       "initdb is slow: one template per test binary",
	"internal/parts/dockerd.onceEngine": "one Docker Engine per test binary",
}

// constructors lists functions whose result is never modified.
var constructors = []string{
	"errors.New", "fmt.Errorf", "lazyregexp.New", "strings.NewReplacer", "sync.OnceValue", "template.Must", "big.NewInt", "time.Date",
	"netip.MustParseAddr", "netip.MustParsePrefix", "slices.Concat", "len",
}

// source is one Go file of the repository.
type source struct {
	path string // relative to the module root
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
		t.Fatal("internal/parts/parts.go not found; run the test in the root of the repository")
	}
	for _, finding := range check(files, sources) {
		t.Error(finding)
	}
}

// skipped returns fs.SkipDir for folders that are not part of this module.
func skipped(name string, d fs.DirEntry) error {
	base := d.Name()
	if name != "." && (strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") || base == "testdata" || base == "node_modules") {
		return fs.SkipDir
	}
	if _, err := os.Stat(filepath.Join(name, "go.mod")); err == nil && name != "." {
		return fs.SkipDir // a separate module
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
		findings = append(findings, checkSize(files, dir, members)...)
	}
	slices.Sort(findings)
	return findings
}

// level returns the place of a package in the order of imports.
func level(dir string) (int, bool) {
	if n, known := order[dir]; known {
		return n, true
	}
	top, rest, below := strings.Cut(dir, "/")
	if n, known := order[top+"/"]; known && below && rest != "" {
		return n, true
	}
	n, known := order[top]
	return n, known
}

func checkDirection(s source) []string {
	if s.top() == "internal" {
		return nil // test support, see restricted
	}
	from, known := level(s.dir())
	if !known {
		return []string{s.path + ": directory " + s.top() + " is not in the order of imports; add it in architecture_test.go"}
	}
	var findings []string
	for _, name := range s.imports() {
		rest, ours := strings.CutPrefix(name, module+"/")
		if !ours {
			continue
		}
		to, known := level(rest)
		top, _, _ := strings.Cut(rest, "/")
		if !known || to < from || top == s.top() && top != "probe" && top != "deployment" || isArrow(s.dir(), rest) {
			continue
		}
		findings = append(findings, fmt.Sprintf("%s: import of %s violates the order of imports", s.path, rest))
	}
	return findings
}

// isArrow reports whether one subject may import another.
func isArrow(from, to string) bool {
	from, _ = strings.CutPrefix(from, "probe/")
	to, _ = strings.CutPrefix(to, "probe/")
	return arrows[from][to] != ""
}

// TestArchitecture_Arrows checks that no listed arrow is unused.
func TestArchitecture_Arrows(t *testing.T) {
	for from, targets := range arrows {
		for to := range targets {
			if !importsAnywhere(t, filepath.Join("probe", from), module+"/probe/"+to) {
				t.Errorf("probe/%s does not import probe/%s: remove the arrow", from, to)
			}
		}
	}
}

func importsAnywhere(t *testing.T, dir, name string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%s: no files, %v", dir, err)
	}
	return slices.ContainsFunc(files, func(file string) bool {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		return err == nil && slices.Contains(source{file, parsed}.imports(), name)
	})
}

// Limits of size: a file tells one thing, a folder one subject.
const (
	maxFileLines     = 400
	maxFunctionLines = 80
	maxFolderLines   = 3000
)

// checkSize reports files, functions and folders that are too long to keep in mind.
func checkSize(files *token.FileSet, dir string, members []source) []string {
	var findings []string
	total := 0
	for _, s := range members {
		lines := files.Position(s.file.FileEnd).Line
		total += lines
		if lines > maxFileLines {
			findings = append(findings, fmt.Sprintf("%s: %d lines, more than %d", s.path, lines, maxFileLines))
		}
		for _, d := range s.file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			if n := files.Position(f.End()).Line - files.Position(f.Pos()).Line + 1; n > maxFunctionLines {
				findings = append(findings, fmt.Sprintf("%s: func %s has %d lines, more than %d", position(files, f), f.Name.Name, n, maxFunctionLines))
			}
		}
	}
	if total > maxFolderLines {
		findings = append(findings, fmt.Sprintf("%s: %d lines in one folder, more than %d", dir, total, maxFolderLines))
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
			findings = append(findings, fmt.Sprintf("%s: import of %s: %s", s.path, name, rule.reason))
		}
	}
	return findings
}

// checkName rejects package names that do not describe the contents.
func checkName(s source) []string {
	for _, name := range append(strings.Split(s.dir(), "/"), s.file.Name.Name) {
		if slices.Contains([]string{"util", "utils", "common", "helper", "helpers", "misc", "shared", "base"}, name) {
			return []string{s.path + ": package name " + name + " does not describe the contents"}
		}
	}
	return nil
}

func checkInit(files *token.FileSet, s source) []string {
	var findings []string
	for _, declaration := range s.file.Decls {
		if f, ok := declaration.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
			findings = append(findings, position(files, f)+": func init is not allowed; use a function that is called explicitly")
		}
	}
	return findings
}

// checkState rejects package-level state: variables without a value, with a mutable value, or modified anywhere in their
// package. Errors, regular expressions, embedded files and tables are allowed.
func checkState(files *token.FileSet, dir string, members []source) []string {
	var syntax []*ast.File
	for _, s := range members {
		syntax = append(syntax, s.file)
	}
	// Imports are not resolved because only the package's own names matter here.
	info := &types.Info{Defs: map[*ast.Ident]types.Object{}, Uses: map[*ast.Ident]types.Object{}}
	config := types.Config{Error: func(error) {}, Importer: noImports{}, FakeImportC: true}
	checked, _ := config.Check(dir, files, syntax, info)
	if checked == nil {
		return []string{dir + ": cannot parse the package"}
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
						report(name, "has no initial value, so it is state")
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
					report(name, "is modified, so it is state")
				}
			}
			return true
		})
	}
	return findings
}

// changeable returns why a value is mutable, or "".
func changeable(value ast.Expr) string {
	switch v := ast.Unparen(value).(type) {
	case *ast.CallExpr:
		called := types.ExprString(v.Fun)
		if _, conversion := v.Fun.(*ast.ArrayType); !conversion && !slices.Contains(constructors, called) {
			return "is created by " + called + ", which is not in the constructors of architecture_test.go"
		}
	case *ast.UnaryExpr:
		if literal, ok := v.X.(*ast.CompositeLit); ok && v.Op == token.AND {
			return changeable(literal) // a pointer is judged by the value it points to
		}
	case *ast.CompositeLit:
		if v.Type == nil {
			return ""
		}
		name := types.ExprString(v.Type)
		if strings.HasPrefix(name, "sync.") || strings.HasPrefix(name, "atomic.") {
			return "has a mutable type, so it is state"
		}
	}
	return ""
}

// targets returns the expressions that a node modifies: by assignment, increment, delete, clear or copy, or by taking
// their address.
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

// root returns the variable at the start of an expression: x in x.a[i].
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
	return nil, fmt.Errorf("%s is not resolved", name)
}

// TestArchitectureRules has, for each rule, a source that breaks it and a similar source that does not.
func TestArchitectureRules(t *testing.T) {
	for name, test := range map[string]struct {
		path, source string
		want         string // "" for no finding
	}{
		"downwards":               {"collector/a.go", `import _ "` + module + `/probe"`, ""},
		"upwards":                 {"probe/a.go", `import _ "` + module + `/collector"`, "probe/a.go: import of collector violates the order of imports"},
		"sideways":                {"attest/a.go", `import _ "` + module + `/backup"`, "attest/a.go: import of backup violates the order of imports"},
		"its own directory":       {"probe/sub/a.go", `import _ "` + module + `/probe"`, ""},
		"unlisted directory":      {"stray/a.go", ``, "stray/a.go: directory stray is not in the order of imports; add it in architecture_test.go"},
		"client in a probe":       {"probe/a.go", `import _ "github.com/prometheus/client_golang/prometheus"`, "probe/a.go: import of github.com/prometheus/client_golang/prometheus: probes must not depend on the presentation of verdicts"},
		"client in the collector": {"collector/a.go", `import _ "github.com/prometheus/client_golang/prometheus"`, ""},
		"programs":                {"exporter/a.go", `import _ "os/exec"`, "exporter/a.go: import of os/exec: the exporter starts no programs"},
		"logging":                 {"probe/a.go", `import _ "log/slog"`, "probe/a.go: import of log/slog: probes return errors and never log"},
		"a longer name":           {"probe/a.go", `import _ "logs"`, ""},
		"parts":                   {"probe/a.go", `import _ "` + module + `/internal/parts"`, "probe/a.go: import of " + module + "/internal/parts: test support must not be part of the program"},
		"meaningless name":        {"probe/common/a.go", ``, "probe/common/a.go: package name common does not describe the contents"},
		"init":                    {"probe/a.go", `func init() {}`, "probe/a.go:2: func init is not allowed; use a function that is called explicitly"},
		"method named init":       {"probe/a.go", `type x int; func (x) init() {}`, ""},
		"table":                   {"probe/a.go", `var x = map[string]int{"a": 1}; func f() int { return x["a"] }`, ""},
		"changed table":           {"probe/a.go", `var x = map[string]int{}; func f() { x["a"] = 1 }`, "probe/a.go:2: package-level variable x is modified, so it is state"},
		"deleted from":            {"probe/a.go", `var x = map[string]int{}; func f() { delete(x, "a") }`, "probe/a.go:2: package-level variable x is modified, so it is state"},
		"counted":                 {"probe/a.go", `var x = struct{ n int }{}; func f() { x.n++ }`, "probe/a.go:2: package-level variable x is modified, so it is state"},
		"shadowed":                {"probe/a.go", `var x = 1; func f(x int) int { x++; return x }`, ""},
		"address taken":           {"probe/a.go", `var x = 1; func f() *int { return &x }`, "probe/a.go:2: package-level variable x is modified, so it is state"},
		"no value":                {"probe/a.go", `import "sync"; var x sync.Mutex`, "probe/a.go:2: package-level variable x has no initial value, so it is state"},
		"pointer":                 {"probe/a.go", `var x = &struct{ n int }{1}`, ""},
		"changed through it":      {"probe/a.go", `var x = &struct{ n int }{1}; func f() { x.n = 2 }`, "probe/a.go:2: package-level variable x is modified, so it is state"},
		"pointer to a lock":       {"probe/a.go", `import "sync"; var x = &sync.Mutex{}`, "probe/a.go:2: package-level variable x has a mutable type, so it is state"},
		"unknown constructor":     {"probe/a.go", `var x = make(chan int)`, "probe/a.go:2: package-level variable x is created by make, which is not in the constructors of architecture_test.go"},
		"lock":                    {"probe/a.go", `import "sync"; var x = sync.Mutex{}`, "probe/a.go:2: package-level variable x has a mutable type, so it is state"},
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
