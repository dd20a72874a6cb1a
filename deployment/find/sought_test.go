package find

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/thenexusengine/catalyst_exporter/deployment/source"
)

// What a missing file's detail promises is found.
func TestSought(t *testing.T) {
	for _, s := range searches() {
		if s.kind == searchChecklist {
			continue
		}
		said := Sought(s.fact)
		for _, name := range append(append([]string(nil), s.names...), s.subs...) {
			if !strings.Contains(said, name) {
				t.Errorf("%s: %q does not name %s", s.fact, said, name)
			}
		}
		for _, dir := range append([]string{"", "deployment", "deploy", "docs"}, s.subs...) {
			root := t.TempDir()
			path := filepath.Join(root, dir, s.names[len(s.names)-1])
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			var err error
			if s.kind == searchFolder {
				err = os.Mkdir(path, 0o755)
			} else {
				err = os.WriteFile(path, []byte("x"), 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
			for _, place := range Search(root, &source.Index{}).Named(map[string]string{}) {
				if place.Fact == s.fact && place.Path() != path {
					t.Errorf("%s: found %q instead of %s", s.fact, place.Path(), path)
				}
			}
		}
	}
	if Sought(FactNginx) == "" || Sought(FactRepository) != "" {
		t.Error("nginx has names, a repository has none")
	}
}
