package exporter

import (
	"fmt"
	"go/ast"
	gov "go/constant"
	"go/parser"
	"go/token"
	"go/types"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// declaredInTree returns the names of all tests in the repository, and the source of all constants by package and name.
func declaredInTree(t *testing.T) (tests map[string]bool, constants map[string]string) {
	t.Helper()
	tests, constants = map[string]bool{}, map[string]string{}
	fset := token.NewFileSet()
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") {
			return err
		}
		file, err := parser.ParseFile(fset, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, decl := range file.Decls {
			switch decl := decl.(type) {
			case *ast.FuncDecl:
				if decl.Recv == nil && strings.HasSuffix(path, "_test.go") {
					tests[decl.Name.Name] = true
				}
			case *ast.GenDecl:
				for _, spec := range decl.Specs {
					if v, ok := spec.(*ast.ValueSpec); ok && decl.Tok == token.CONST && len(v.Values) == len(v.Names) {
						for i, name := range v.Names {
							constants[file.Name.Name+"."+name.Name] = types.ExprString(v.Values[i])
						}
					}
				}
			}
		}
		return nil
	})
	if err != nil || len(tests) < 300 {
		t.Fatalf("%d tests, %v", len(tests), err)
	}
	return tests, constants
}

// TestSecurityPage checks that the tests in docs/security.md exist and that its limits are those in the code.
func TestSecurityPage(t *testing.T) {
	data, err := os.ReadFile("../docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	page := string(data)
	tests, constants := declaredInTree(t)
	named := regexp.MustCompile("`((?:Test|Fuzz)[A-Za-z0-9_]+)`").FindAllStringSubmatch(page, -1)
	for _, m := range named {
		if !tests[m[1]] {
			t.Errorf("test %s does not exist", m[1])
		}
	}
	bounds := regexp.MustCompile("(?m)^\\| (.+) \\| (.+) \\| `([a-z0-9]+\\.[A-Za-z]+)` \\|$").FindAllStringSubmatch(page, -1)
	for _, m := range bounds {
		value, err := types.Eval(token.NewFileSet(), nil, token.NoPos, constants[m[3]])
		if err != nil || value.Value == nil {
			t.Errorf("%s: constant %s does not exist: %v", m[1], m[3], err)
			continue
		}
		n, _ := gov.Int64Val(gov.ToInt(value.Value))
		want := fmt.Sprint(n)
		switch {
		case n >= 1<<20 && n%(1<<20) == 0:
			want = fmt.Sprintf("%d MiB", n>>20)
		case n >= 1<<10 && n%(1<<10) == 0:
			want = fmt.Sprintf("%d KiB", n>>10)
		}
		if m[2] != want {
			t.Errorf("%s: limit %s on the page, %s is %s", m[1], m[2], m[3], want)
		}
	}
	promises := regexp.MustCompile(`(?m)^\| [A-Z\x60].*\|$`).FindAllString(page, -1)
	for _, row := range promises {
		if isBound := regexp.MustCompile("`[a-z0-9]+\\.[A-Za-z]+` \\|$").MatchString(row); isBound {
			continue
		}
		if !strings.Contains(row, "`Test") && !strings.Contains(row, "`Fuzz") {
			t.Errorf("promise without a test: %.100s", row)
		}
	}
	if len(named) < 40 || len(bounds) < 25 || len(promises) < 20 {
		t.Errorf("too little found on the page: %d tests, %d limits, %d promises", len(named), len(bounds), len(promises))
	}
	for text, value := range map[string]int64{"uses at most 192 MiB (all kinds together)": 192 << 20, "the program uses at most 192 MiB": memoryUnderFaults, "verdicts and uses at most 192 MiB": memoryOfHostileFiles} {
		if !strings.Contains(page, text) || value != 192<<20 {
			t.Errorf("the page does not contain %q", text)
		}
	}
	if got := constants["kinds.memoryWithFaults"]; got != "192 << 20" {
		t.Errorf("limit of kinds is %s", got)
	}
}
