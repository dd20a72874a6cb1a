package evidence

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/thenexusengine/catalyst_exporter/evidence/report"
	"github.com/thenexusengine/catalyst_exporter/internal/parts"
)

// recipe is the script of docs/evidence.md.
func recipe(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../docs/evidence.md")
	if err != nil {
		t.Fatal(err)
	}
	_, after, found := strings.Cut(string(text), "```sh\n#!/bin/sh\n")
	script, _, closed := strings.Cut(after, "\n```")
	if !found || !closed {
		t.Fatal("docs/evidence.md has no script")
	}
	return script
}

// TestRecipe runs the documented script on a repository with fake tools that write real reports, and judges the result.
func TestRecipe(t *testing.T) {
	git := parts.Need(t, "git")
	script := recipe(t)
	d := newTree(t)
	tool := func(name, text string) {
		d.write("bin/"+name, "#!/bin/sh\n"+text, 0)
		if err := os.Chmod(d.path("bin/"+name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	print := func(name, text string) {
		d.write("out/"+name, text, 0)
		tool(name, "cat '"+d.path("out/"+name)+"'\n")
	}
	d.write("out/coverage", good, 0)
	d.write("out/go", events("start a", "run a TestX", "pass a TestX", "pass a"), 0)
	tool("go", "for a; do case $a in -coverprofile=*) cp '"+d.path("out/coverage")+"' \"${a#-coverprofile=}\";; esac; done\ncat '"+d.path("out/go")+"'\n")
	print("golangci-lint", `{"Issues":[],"Report":{"Linters":[{"Name":"errcheck","Enabled":true}]}}`+"\n0 issues.\n")
	print("gosec", gosecReport(``, ``, `"files":3,"found":0`))
	print("govulncheck", govulnHead+govulnOSV+govulnChecking+govulnModule+govulnPackage)
	print("gitleaks", "[]\n")
	d.write("repository/file", "x", 0)
	d.write("evidence.sh", script, 0)

	in := func(name string, args ...string) (string, error) {
		cmd := exec.Command(name, args...)
		cmd.Dir = d.path("repository")
		cmd.Env = append(os.Environ(), "PATH="+d.path("bin")+string(filepath.ListSeparator)+os.Getenv("PATH"), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null",
			"GIT_AUTHOR_NAME=n", "GIT_AUTHOR_EMAIL=n@example.com", "GIT_COMMITTER_NAME=n", "GIT_COMMITTER_EMAIL=n@example.com")
		out, err := cmd.Output()
		return strings.TrimSpace(string(out)), err
	}
	must := func(name string, args ...string) string {
		t.Helper()
		out, err := in(name, args...)
		if err != nil {
			t.Fatalf("%s %v: %v\n%s", name, args, err, out)
		}
		return out
	}
	must(git, "init", "-q")
	must(git, "add", "file")
	must(git, "commit", "-q", "-m", "x")
	head := must(git, "rev-parse", "HEAD")

	judged := func(kind report.Kind) Verdict {
		t.Helper()
		found, err := Find(Places{Folders: []string{d.path("repository/.catalyst/evidence")}}, string(kind), head)
		if err != nil {
			t.Fatal(err)
		}
		e := Newest(t.Context(), found, kind, head, nil)
		if e.Exit == nil || e.Seal != SealIntact || e.Commit != head {
			t.Errorf("%s: exit %v, seal %v, commit %s", e.Name, e.Exit, e.Seal, e.Commit)
		}
		return Judge(e, Policy{Now: e.Taken, Commit: head})
	}
	kinds := []report.Kind{report.Tests, report.Coverage, report.Lint, report.Security, report.Vulnerabilities, report.Secrets}
	must("sh", d.path("evidence.sh"))
	for _, k := range kinds {
		if v := judged(k); v.State != Pass {
			t.Errorf("%s: %+v", k, v)
		}
	}

	// Of a tree with changes they are weak. The change has another size: write sets a fixed time, and git compares no more than
	// size and time, of which the second may be the same.
	d.write("repository/file", "changed", 0)
	must("sh", d.path("evidence.sh"))
	for _, k := range kinds {
		if v := judged(k); v.State != Warn || v.Reason != report.Weak || !strings.Contains(v.Detail, "uncommitted changes") {
			t.Errorf("%s, of a dirty tree: %+v", k, v)
		}
	}
	d.write("repository/file", "x", 0)

	// Reports of tools that die in the middle never pass.
	for name, text := range map[string]string{
		"go": events("start a", "run a TestX", "pass a TestX", "pass a"), "golangci-lint": `{"Issues":[],"Report":{"Linters":[{"Enabled":true}]}}`, "gosec": gosecReport(``, ``, `"files":3,"found":0`),
		"govulncheck": govulnHead + govulnOSV + govulnChecking, "gitleaks": "[]",
	} {
		d.write("out/"+name, text, 0)
		body, err := os.ReadFile(d.path("bin/" + name))
		if err != nil {
			t.Fatal(err)
		}
		tool(name, strings.TrimPrefix(string(body), "#!/bin/sh\n")+"exit 137\n")
	}
	if out, err := in("sh", d.path("evidence.sh")); err == nil {
		t.Errorf("the script ends with 0 although every tool died: %s", out)
	}
	for _, k := range kinds {
		if v := judged(k); v.State != Unknown || v.Reason != report.Failed || !strings.Contains(v.Detail, "ended with status 137") {
			t.Errorf("%s, after its tool died: %+v", k, v)
		}
	}
}
