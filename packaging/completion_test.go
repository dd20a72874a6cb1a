package packaging_test

import (
	"os"
	"strings"
	"testing"
)

// TestPackages_CompletionAndManPage checks that the packages contain the completion and the man page that `make man` writes.
func TestPackages_CompletionAndManPage(t *testing.T) {
	release := read(t, "../.goreleaser.yaml")
	files, err := os.ReadDir("completion")
	if err != nil || len(files) != 2 {
		t.Fatalf("%v %v", files, err)
	}
	for _, file := range files {
		if !strings.Contains(release, "src: packaging/completion/"+file.Name()+"\n") {
			t.Errorf("no package contains %s", file.Name())
		}
	}
	if page := "man/catalyst_exporter.1"; !strings.Contains(read(t, "../Makefile"), " >"+page+"\n") ||
		!strings.Contains(release, "src: "+page+"\n") || !strings.Contains(release, "    - make man\n") {
		t.Errorf("%s is not written or not packaged", page)
	}
}
