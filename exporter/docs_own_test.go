package exporter

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/thenexusengine/catalyst_exporter/internal/parts"
	"github.com/thenexusengine/catalyst_exporter/kinds"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// TestDocs_OwnChecklistKinds compares the table of kinds in the guide with their questions, grouped by where they look.
func TestDocs_OwnChecklistKinds(t *testing.T) {
	const name, begin, end = "own-checklist.md", "<!-- kinds: written by `go test ./exporter -run Docs -update` -->\n", "\n<!-- end of kinds -->"
	guide, err := os.ReadFile(filepath.Join("..", "docs", name))
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(guide), begin)
	_, after, closed := strings.Cut(rest, end)
	if !found || !closed {
		t.Fatalf("docs/%s has no place for the table of kinds", name)
	}
	layers := []probe.Layer{probe.LayerDeclared, probe.LayerRunning, probe.LayerLive, probe.LayerEvidence, probe.LayerAttested, probe.LayerDerived}
	all := kinds.All()
	slices.SortStableFunc(all, func(a, b probe.Kind) int { return slices.Index(layers, a.Layer) - slices.Index(layers, b.Layer) })
	var rows [][]string
	for _, k := range all {
		rows = append(rows, []string{k.Question, "[`" + k.Name + "`](probes.md#" + k.Name + ")", string(k.Layer)})
	}
	var p page
	p.table([]string{"Question", "Probe kind", "Layer"}, rows)
	compareDoc(t, name, []byte(before+begin+p.String()+end+after))
}

// strangersPath says what runs the commands of the section from a list to green.
const strangersPath = "TestOwnChecklist_FromListToGreen runs the section's commands in order"

// ofStatements is why lines that need a signing key and a release are only parsed.
const ofStatements = "it needs a key and a planned release: TestScripts/gate_statement runs it"

// twoKeys is why lines that need the keys of two people are only parsed.
const twoKeys = "it needs the keys of two people: TestScripts/waive runs it"

// TestOwnChecklist_FromListToGreen runs the commands of the guide in order: the first check fails, the last one is ready.
func TestOwnChecklist_FromListToGreen(t *testing.T) {
	guide, err := os.ReadFile(filepath.Join("..", "docs", "own-checklist.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(guide), "\n## From a list to green\n")
	section, _, _ = strings.Cut(section, "\n## ")
	_, blocks := taken(section)
	if !found || len(blocks) != 2 {
		t.Fatalf("%d blocks of commands", len(blocks))
	}
	world, environ := commandWorld(t)
	folder := filepath.Join(world, "stranger")
	var codes []int
	var out strings.Builder
	at := world
	for _, b := range blocks {
		for line := range strings.Lines(b.text) {
			line = strings.ReplaceAll(strings.TrimSpace(line), "/tmp/shop", folder)
			line = strings.ReplaceAll(line, "$(head -c 32 /dev/urandom | base64)", parts.Secret()+parts.Secret())
			command := exec.CommandContext(t.Context(), "sh", "-c", line)
			command.Dir, command.Env = at, environ
			text, err := command.CombinedOutput()
			out.WriteString(string(text))
			var exit *exec.ExitError
			switch {
			case errors.As(err, &exit):
				codes = append(codes, exit.ExitCode())
			case err != nil:
				t.Fatalf("%s: %v", line, err)
			default:
				codes = append(codes, ExitReady)
			}
			if strings.HasSuffix(line, "cd "+folder) {
				at = folder
			}
		}
	}
	if want := []int{0, 0, 0, 0, ExitFailing, 0, 0, 0, 0, 0}; !slices.Equal(codes, want) {
		t.Errorf("exit codes %v, want %v:\n%s", codes, want, out.String())
	}
	for _, want := range []string{
		"15 lines: 14 with probes that fit this deployment, 0 by words alone (marked # check:), 1 left to people",
		"failing: session_secret_set, no_placeholders_left, support_team_trained", "ready: 14 pass, 1 warn",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
	list, err := os.ReadFile(filepath.Join(folder, "LIST.md"))
	if err != nil || strings.Count(string(list), "- [x] ") != 15 {
		t.Errorf("%v:\n%s", err, list)
	}
}
