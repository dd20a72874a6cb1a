package packaging_test

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/thenexusengine/catalyst_exporter/internal/parts"
)

// TestDependencies: docs/dependencies.md has a reason for every module that go.mod asks for itself, and for no other.
func TestDependencies(t *testing.T) {
	goTool := parts.Need(t, "go")
	var mod struct {
		Require []struct {
			Path     string
			Indirect bool
		}
	}
	if err := json.Unmarshal([]byte(run(t, "..", goTool, "mod", "edit", "-json")), &mod); err != nil {
		t.Fatal(err)
	}
	imports := strings.Fields(run(t, "..", goTool, "list", "-f", `{{if ne .Name "parts"}}{{join .Imports " "}}{{end}}`, "./..."))
	told := map[string]string{}
	for _, m := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\| (program|tests) \\| (.{10,}) \\|$").FindAllStringSubmatch(read(t, "../docs/dependencies.md"), -1) {
		if told[m[1]] != "" {
			t.Errorf("%s is listed twice", m[1])
		}
		told[m[1]] = m[2]
	}
	direct := 0
	for _, r := range mod.Require {
		if r.Indirect {
			continue
		}
		direct++
		want := "tests"
		if slices.ContainsFunc(imports, func(i string) bool { return i == r.Path || strings.HasPrefix(i, r.Path+"/") }) {
			want = "program"
		}
		if told[r.Path] != want {
			t.Errorf("docs/dependencies.md says %q of %s, which is for: %s", told[r.Path], r.Path, want)
		}
		delete(told, r.Path)
	}
	for path := range told {
		t.Errorf("docs/dependencies.md has a reason for %s, which go.mod does not ask for", path)
	}
	if direct < 30 {
		t.Errorf("%d direct dependencies", direct)
	}
}
