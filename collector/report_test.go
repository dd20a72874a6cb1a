package collector

import (
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/thenexusengine/catalyst_exporter/checklist"
	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

func TestReport_Unmatched(t *testing.T) {
	list, err := checklist.Load(nil, checklist.Changes{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, configured, text string
		want                   int
	}{
		{"none configured", "", "- [ ] Buy milk\n", -1},
		{"two", "checklist.md", "- [ ] **Redis password configured** (now)\n- [ ] Buy milk\n- [ ] Walk the dog\n", 2},
		{"all covered", "checklist.md", "- [ ] JWT secret configured\n", 0},
		{"missing", "other.md", "", -1},
	} {
		t.Run(c.name, func(t *testing.T) {
			root := t.TempDir()
			if err := os.WriteFile(filepath.Join(root, "checklist.md"), []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			d, err := deployment.Discover(deployment.Settings{Root: root, Documents: deployment.Documents{Checklist: c.configured}})
			if err != nil {
				t.Fatal(err)
			}
			deps := probe.NewDeps(slog.New(slog.NewTextHandler(io.Discard, nil)), "test")
			col := New(list, d, deps, NewLimits())
			defer col.Close()
			got := col.unmatched(probe.NewPass(deps, d))
			if (got != nil) != (c.want >= 0) || got != nil && *got != c.want {
				t.Errorf("%v, want %d", got, c.want)
			}
			r := &Report{Checklist: list, Unmatched: got, Selection: Selection{Categories: []string{"none"}}}
			families, err := r.Gather()
			if err != nil {
				t.Fatal(err)
			}
			if shown := len(families) == 2 && families[0].GetName() == "catalyst_checklist_document_unmatched" &&
				families[0].GetMetric()[0].GetGauge().GetValue() == float64(c.want); shown != (c.want >= 0) {
				t.Errorf("%v", families)
			}
		})
	}
}
