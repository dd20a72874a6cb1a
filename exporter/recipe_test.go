package exporter

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/thenexusengine/catalyst_exporter/internal/parts"
)

// TestEvidenceRecipe_OnThisProject runs the script of docs/evidence.md (`make evidence`) for a small package of this project
// and judges the reports.
func TestEvidenceRecipe_OnThisProject(t *testing.T) {
	make, git := parts.Need(t, "make"), parts.Need(t, "git")
	if _, err := os.Stat("../.git"); err != nil {
		parts.Missing(t, "../.git not found: the test needs a git clone of the repository")
	}
	root := t.TempDir()
	folder := filepath.Join(root, "evidence")
	// Another user may own the clone.
	environ := append(os.Environ(), "EVIDENCE="+folder, "GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*")
	run := func(name string, args ...string) (string, error) {
		cmd := exec.Command(name, args...)
		cmd.Dir, cmd.Env = "..", environ
		out, err := cmd.CombinedOutput()
		return withoutDownloads(string(out)), err
	}
	if out, err := run(make, "--no-print-directory", "evidence", "PACKAGES=./secret"); err != nil || out != "" {
		t.Fatalf("make evidence: %v %s", err, out)
	}
	head, err := run(git, "rev-parse", "HEAD")
	if err != nil {
		t.Fatal(err, head)
	}
	for _, name := range []string{"tests.json", "coverage.out", "lint.sarif"} {
		for _, file := range []string{name, name + ".meta.yaml"} {
			if info, err := os.Stat(filepath.Join(folder, head, file)); err != nil || info.Size() == 0 {
				t.Errorf("%s: %v", file, err)
			}
			if strings.HasSuffix(file, ".yaml") { // the test also runs while the code is being changed
				text, err := os.ReadFile(filepath.Join(folder, head, file))
				if err != nil {
					t.Fatal(err)
				}
				write(t, folder, filepath.Join(head, file), strings.Replace(string(text), "dirty: true\n", "", 1))
			}
		}
	}
	var out bytes.Buffer
	if code := Main([]string{"deploy", "plan", "--version=1", "--commit=" + head, "--by=a@b.c", "--deployment.root=" + root}, quiet(t, &out)); code != ExitReady {
		t.Fatal(out.String())
	}
	config := write(t, root, "catalyst.yml", "deployment: {evidence: {places: [evidence]}}\n")
	items := []string{"--item=tests_passing", "--item=test_coverage", "--item=lint"}
	check := func() (int, string) {
		var out bytes.Buffer
		return Main(append([]string{"check", "--deployment.root=" + root, "--config.file=" + config}, items...), quiet(t, &out)), out.String()
	}
	if code, text := check(); code != ExitReady || !strings.Contains(text, "\nready: 3 pass\n") {
		t.Errorf("%d %s", code, text)
	}
	// A failed test in the report fails the item.
	path := filepath.Join(folder, head, "tests.json")
	stream, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	changed := bytes.Replace(stream, []byte(`"Action":"pass"`), []byte(`"Action":"fail"`), 1)
	if bytes.Equal(changed, stream) {
		t.Fatal("no passed test in the report")
	}
	write(t, folder, filepath.Join(head, "tests.json"), string(changed))
	if code, text := check(); code != ExitFailing || !strings.Contains(text, "tests_passing") {
		t.Errorf("a failed test: %d %s", code, text)
	}
}

// withoutDownloads leaves out what go prints while it fills an empty module cache.
func withoutDownloads(output string) string {
	var kept strings.Builder
	for line := range strings.Lines(output) {
		if !strings.HasPrefix(line, "go: downloading ") {
			kept.WriteString(line)
		}
	}
	return strings.TrimSpace(kept.String())
}
