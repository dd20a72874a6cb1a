package exporter

import (
	"bytes"
	"os/exec"
	"strings"
	"testing"

	"github.com/thenexusengine/catalyst_exporter/internal/parts"
)

// TestCompletion_InBash completes command lines with the packaged script. bash splits words at "=".
func TestCompletion_InBash(t *testing.T) {
	bash := parts.Need(t, "bash")
	_, environ := commandWorld(t)
	for line, want := range map[string]string{
		"catalyst_exporter chec":                "check checklist",
		"catalyst_exporter deploy rec":          "record",
		"catalyst_exporter check --catego":      "--category",
		"catalyst_exporter --deployment.ro":     "--deployment.root",
		"catalyst_exporter check --format jun":  "junit",
		"catalyst_exporter check --format = ju": "junit",
		"catalyst_exporter dashboard --board =": "readiness fleet",
	} {
		words := strings.Fields(line)
		script := exec.CommandContext(t.Context(), bash, "--norc", "-c",
			`. ../packaging/completion/catalyst_exporter.bash; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _catalyst_exporter; echo "${COMPREPLY[*]}"`)
		script.Args = append(script.Args, append([]string{"bash"}, words...)...)
		script.Env = environ
		out, err := script.CombinedOutput()
		if err != nil || strings.TrimSuffix(string(out), "\n") != want {
			t.Errorf("%s: %q %v, want %q", line, out, err, want)
		}
	}
}

// TestManPage_NamesEveryCommand checks the man page that `make man` writes.
func TestManPage_NamesEveryCommand(t *testing.T) {
	_, environ := commandWorld(t)
	command := exec.CommandContext(t.Context(), "sh", "-c", "catalyst_exporter --help-man")
	command.Env = environ
	page, err := command.Output()
	if err != nil || !bytes.HasPrefix(page, []byte(".TH catalyst_exporter 1 ")) {
		t.Fatalf("%v %.200s", err, page)
	}
	k, _, _ := (&app{}).commandLine()
	for _, c := range k.Model().FlattenedCommands() {
		if !c.Hidden && !bytes.Contains(page, []byte("\\fB"+c.FullCommand)) {
			t.Errorf("%s is missing", c.FullCommand)
		}
	}
}
