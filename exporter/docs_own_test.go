package exporter

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

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
