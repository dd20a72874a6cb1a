package docs

import (
	"cmp"
	"flag"
	"fmt"
	"go/doc"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the table of folders")

// TestContributing_Folders compares the table of folders with the package comments.
func TestContributing_Folders(t *testing.T) {
	const begin, end = "<!-- folders -->\n", "<!-- end of folders -->"
	data, err := os.ReadFile("contributing.md")
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(data), begin)
	_, after, closed := strings.Cut(rest, end)
	if !found || !closed {
		t.Fatalf("contributing.md has no section from %q to %q", begin, end)
	}
	want := before + begin + folders(t) + end + after
	if want == string(data) {
		return
	}
	if !*update {
		t.Fatal("the table of folders is outdated: run go test ./docs -run Folders -update")
	}
	if err := os.WriteFile("contributing.md", []byte(want), 0o644); err != nil {
		t.Fatal(err)
	}
}

// folders returns a table of the packages with the first sentence of each package comment.
func folders(t *testing.T) string {
	t.Helper()
	comments := map[string]string{}
	err := filepath.WalkDir("..", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if base := d.Name(); d.IsDir() && name != ".." {
			if _, err := os.Stat(filepath.Join(name, "go.mod")); err == nil || strings.HasPrefix(base, ".") || base == "testdata" || base == "node_modules" {
				return fs.SkipDir
			}
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.PackageClauseOnly|parser.ParseComments)
		if err != nil {
			return err
		}
		folder, err := filepath.Rel("..", filepath.Dir(name))
		if err != nil {
			return err
		}
		comment := file.Doc.Text()
		if strings.HasSuffix(name, "_test.go") && !strings.HasPrefix(comment, "Package ") {
			comment = "" // what one file of tests says
		}
		comments[folder] = cmp.Or(comments[folder], comment)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var table strings.Builder
	table.WriteString("| folder | purpose |\n|---|---|\n")
	for _, folder := range slices.Sorted(maps.Keys(comments)) {
		sentence := new(doc.Package).Synopsis(comments[folder])
		name := filepath.Base(folder)
		if folder == "." {
			continue // the program, see the first lines of main.go
		}
		purpose, named := strings.CutPrefix(sentence, "Package "+name+" ")
		if !named || !strings.HasSuffix(purpose, ".") {
			t.Errorf("%s: the package comment %q is not a sentence that begins with \"Package %s\"", folder, sentence, name)
		}
		fmt.Fprintf(&table, "| `%s` | %s |\n", filepath.ToSlash(folder), strings.ReplaceAll(purpose, "|", `\|`))
	}
	return table.String()
}
