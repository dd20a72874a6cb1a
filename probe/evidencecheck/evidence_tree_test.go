package evidencecheck

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/parts"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// TestEvidence_Subject compares the packages of a report with those of the commit.
func TestEvidence_Subject(t *testing.T) {
	stream := func(packages ...string) string {
		var all strings.Builder
		for _, p := range packages {
			all.WriteString(strings.ReplaceAll(goTest("pass"), `"Package":"p"`, fmt.Sprintf(`"Package":%q`, p)))
		}
		return all.String()
	}
	profile := func(files ...string) string {
		text := "mode: set\n"
		for _, f := range files {
			text += f + ":2.10,2.20 1 1\n"
		}
		return text
	}
	code := map[string]string{
		"go.mod": "// Shop.\nmodule example.org/shop // the shop\n\ngo 1.26\n",
		"a/a.go": "package a\n\nfunc A() {}\n", "a/a_test.go": "package a\n", "b/b.go": "package b\n\nfunc B() {}\n", "b/b_test.go": "package b\n", "c/c.go": "package c\n\nfunc C() {}\n",
		"types/t.go": "package types\n\ntype T int\n", "types/t_test.go": "package types\n",
		"e2e/e_test.go": "//go:build e2e\n\npackage e2e\n", "win/w_windows.go": "package win\n", "win/w_windows_test.go": "package win\n",
		"a/testdata/x/x_test.go": "package x\n", "vendor/v/v_test.go": "package v\n", "tools/go.mod": "module example.org/tools\n", "tools/t_test.go": "package tools\n",
		".gitignore": ".catalyst\n",
	}
	const m = "example.org/shop/"
	for name, tt := range map[string]struct {
		file, text, spec string
		without          string // a file that the repository lacks
		state            probe.State
		reason           probe.Reason
		detail           string
	}{
		"all":                    {"tests.json", stream(m+"a", m+"b", m+"types"), "{report: tests}", "", probe.StatePass, "", "3 tests passed"},
		"also without tests":     {"tests.json", stream(m+"a", m+"b", m+"c", m+"types", m+"win"), "{report: tests}", "", probe.StatePass, "", ""},
		"another module":         {"tests.json", stream("other.example/x"), "{report: tests}", "", probe.StateFail, probe.ReasonMismatch, "another module"},
		"a similar module":       {"tests.json", stream("example.org/shopping/a"), "{report: tests}", "", probe.StateFail, probe.ReasonMismatch, "another module"},
		"a part":                 {"tests.json", stream(m + "a"), "{report: tests}", "", probe.StateWarn, probe.ReasonWeak, "covers 1 of the commit's 3 packages with tests (33 %): " + m + "b is missing"},
		"no module":              {"tests.json", stream("other.example/x"), "{report: tests}", "go.mod", probe.StatePass, "", ""},
		"profile":                {"coverage.out", profile(m+"a/a.go", m+"b/b.go"), "{report: coverage}", "", probe.StatePass, "", ""},
		"profile of a part":      {"coverage.out", profile(m + "b/b.go"), "{report: coverage}", "", probe.StateWarn, probe.ReasonWeak, "1 of the commit's 2"},
		"profile of another":     {"coverage.out", profile("other.example/x/x.go"), "{report: coverage}", "", probe.StateFail, probe.ReasonMismatch, "another module"},
		"profile without go.mod": {"coverage.out", profile("other.example/x/x.go"), "{report: coverage}", "go.mod", probe.StatePass, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := parts.GitRepo(t)
			r.Write(t, code)
			if tt.without != "" {
				if err := os.Remove(filepath.Join(r.Dir, tt.without)); err != nil {
					t.Fatal(err)
				}
			}
			commit := r.Commit(t, "1", nil)
			r.Write(t, map[string]string{".catalyst/evidence/" + commit + "/" + tt.file: tt.text, ".catalyst/evidence/" + commit + "/" + tt.file + ".meta.yaml": "exit_code: 0\n"})
			got := probetest.Look(t, probetest.NewPass(t, nil, deployment.Settings{Root: r.Dir}), EvidenceKind(), tt.spec)
			probetest.Expect(t, got, tt.state, tt.reason, tt.detail)
		})
	}
}
