package packaging_test

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/thenexusengine/catalyst_exporter/internal/parts"
)

// TestDependencies checks that docs/dependencies.md lists exactly the direct dependencies of go.mod, with their users.
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
	var imports []string
	for line := range strings.Lines(run(t, "..", goTool, "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, "./...")) {
		if words := strings.Fields(line); !strings.Contains(words[0], "/internal/") { // support of tests
			imports = append(imports, words[1:]...)
		}
	}
	listed := map[string]string{}
	for _, m := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\| (program|tests) \\| (.{10,}) \\|$").FindAllStringSubmatch(read(t, "../docs/dependencies.md"), -1) {
		if listed[m[1]] != "" {
			t.Errorf("%s is listed twice", m[1])
		}
		listed[m[1]] = m[2]
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
		if listed[r.Path] != want {
			t.Errorf("docs/dependencies.md: %s is used by %q, want %q", r.Path, listed[r.Path], want)
		}
		delete(listed, r.Path)
	}
	for path := range listed {
		t.Errorf("docs/dependencies.md: %s is not a direct dependency in go.mod", path)
	}
	if direct < 30 {
		t.Errorf("%d direct dependencies", direct)
	}
}

// The floor program is compared with this one, so bench/go.mod requires each module at the version of go.mod.
func TestBenchDependencies_SameVersions(t *testing.T) {
	goTool := parts.Need(t, "go")
	required := func(dir string) map[string]string {
		var mod struct {
			Require []struct{ Path, Version string }
		}
		if err := json.Unmarshal([]byte(run(t, dir, goTool, "mod", "edit", "-json")), &mod); err != nil {
			t.Fatal(err)
		}
		versions := map[string]string{}
		for _, r := range mod.Require {
			versions[r.Path] = r.Version
		}
		return versions
	}
	ours, bench := required(".."), required("../bench")
	for path, version := range bench {
		if want := ours[path]; want != "" && version != want {
			t.Errorf("bench/go.mod requires %s %s, go.mod requires %s", path, version, want)
		}
	}
	if len(bench) < 5 {
		t.Errorf("bench/go.mod requires %d modules", len(bench))
	}
}
