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

// TestRecipeOnThisProject runs the pipeline's recipe of docs/evidence.md (`make evidence`) over a small package of this project, and has the exporter judge
// what it wrote of this commit.
func TestRecipeOnThisProject(t *testing.T) {
	make, git := parts.Need(t, "make"), parts.Need(t, "git")
	if _, err := os.Stat("../.git"); err != nil {
		parts.Missing(t, "../.git is missing: this is no clone of the repository, so that there is no commit to be of")
	}
	root := t.TempDir()
	folder := filepath.Join(root, "evidence")
	// The clone's owner may be another user, and the tests' own flags (the race detector's) would have everything built anew.
	environ := append(os.Environ(), "EVIDENCE="+folder, "GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*")
	run := func(name string, args ...string) (string, error) {
		cmd := exec.Command(name, args...)
		cmd.Dir, cmd.Env = "..", environ
		out, err := cmd.CombinedOutput()
		return strings.TrimSpace(string(out)), err
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
	// What the tool wrote is what is judged: a test that fails in it fails the item.
	path := filepath.Join(folder, head, "tests.json")
	stream, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	changed := bytes.Replace(stream, []byte(`"Action":"pass"`), []byte(`"Action":"fail"`), 1)
	if bytes.Equal(changed, stream) {
		t.Fatal("no test passed")
	}
	write(t, folder, filepath.Join(head, "tests.json"), string(changed))
	if code, text := check(); code != ExitFailing || !strings.Contains(text, "tests_passing") {
		t.Errorf("a failed test: %d %s", code, text)
	}
}
