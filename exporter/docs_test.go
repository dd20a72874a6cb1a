package exporter

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the generated reference in docs/ instead of comparing it")

// TestDocs holds the reference in docs/ to the code it is made of.
func TestDocs(t *testing.T) {
	for name, generate := range map[string]func(*page) error{
		"probes.md": probesPage, "checklist.md": checklistPage, "metrics.md": metricsPage, "commands.md": commandsPage, "configuration.md": configurationPage,
		"permissions.md": permissionsPage,
	} {
		t.Run(name, func(t *testing.T) {
			var p page
			if err := generate(&p); err != nil {
				t.Fatal(err)
			}
			compareDoc(t, name, p.Bytes())
		})
	}
}

// compareDoc compares a file of docs/ with what it should be, or rewrites it with -update.
func compareDoc(t *testing.T, name string, want []byte) {
	t.Helper()
	path := filepath.Join("..", "docs", name)
	if *update {
		if err := os.WriteFile(path, want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("docs/%s is not what the code says: go test ./exporter -run Docs -update rewrites it; first difference:\n%s", name, firstDifference(string(got), string(want)))
	}
}

func firstDifference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range max(len(g), len(w)) {
		var x, y string
		if i < len(g) {
			x = g[i]
		}
		if i < len(w) {
			y = w[i]
		}
		if x != y {
			return fmt.Sprintf("line %d\n- %s\n+ %s", i+1, x, y)
		}
	}
	return ""
}

func TestFirstDifference(t *testing.T) {
	if got := firstDifference("a\nb", "a\nc"); got != "line 2\n- b\n+ c" {
		t.Errorf("%q", got)
	}
	if got := firstDifference("a", "a\nb"); !strings.HasPrefix(got, "line 2") {
		t.Errorf("%q", got)
	}
}

// page is a page of the reference in the making.
type page struct{ bytes.Buffer }

// start writes the title and says what the page is.
func (p *page) start(title, intro string) {
	p.f("# %s\n\n<!-- Made from the code by `go test ./exporter -run Docs -update`: change it there. -->\n\n%s\n", title, intro)
}

func (p *page) f(format string, args ...any) { fmt.Fprintf(p, format, args...) }

// table writes a table; cells are Markdown but for the sign that parts them.
func (p *page) table(head []string, rows [][]string) {
	line := func(cells []string) {
		out := slices.Clone(cells)
		for i := range out {
			out[i] = strings.ReplaceAll(out[i], "|", `\|`)
		}
		p.f("| %s |\n", strings.Join(out, " | "))
	}
	p.f("\n")
	line(head)
	line(slices.Repeat([]string{"---"}, len(head)))
	for _, r := range rows {
		line(r)
	}
}

// code is text as code, empty for none.
func code(text string) string {
	if text == "" {
		return ""
	}
	return "`" + text + "`"
}
