package exporter

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"

	"github.com/thenexusengine/catalyst_exporter/internal/parts"
)

// TestGallery loads every checklist of examples/checklists in several environments, and challenges it on a small sound
// deployment: its file probes hold there, and notice every way in which the files can be broken.
func TestGallery(t *testing.T) {
	lists, err := filepath.Glob("../examples/checklists/*.yml")
	if err != nil || len(lists) != 5 {
		t.Fatal(lists, err)
	}
	guide, err := os.ReadFile("../docs/own-checklist.md")
	if err != nil {
		t.Fatal(err)
	}
	form := editorSchema(t, "checklist")
	for _, list := range lists {
		name := strings.TrimSuffix(filepath.Base(list), ".yml")
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(list)
			if err != nil {
				t.Fatal(err)
			}
			if err := form.Validate(asEditorsSee(t, text)); err != nil {
				t.Error(err)
			}
			if !strings.Contains(string(guide), "(../examples/checklists/"+name+".yml)") {
				t.Error("docs/own-checklist.md does not list it")
			}
			archive, err := txtar.ParseFile("testdata/gallery/" + name + ".txtar")
			if err != nil {
				t.Fatal(err)
			}
			root := t.TempDir()
			for _, f := range archive.Files {
				content := string(f.Data)
				for strings.Contains(content, "{{secret}}") {
					content = strings.Replace(content, "{{secret}}", parts.Secret()+parts.Secret(), 1)
				}
				content = strings.ReplaceAll(content, "{{fingerprint}}", strings.TrimSuffix(strings.Repeat("0A:", 32), ":"))
				path := filepath.Join(root, f.Name)
				if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			write(t, root, "checklist.yml", string(text))
			for _, environment := range []string{"production", "staging", "development"} {
				config := write(t, root, "catalyst.yml", "deployment: {environment: "+environment+"}\nchecklist: checklist.yml\n")
				var out, errs bytes.Buffer
				sys := System{Context: t.Context(), Stdout: &out, Stderr: &errs, Getenv: func(string) (string, bool) { return "", false }, Now: time.Now}
				if code := Main([]string{"config", "check", "--deployment.root=" + root, "--config.file=" + config}, sys); code != ExitReady {
					t.Errorf("%s: %s", environment, errs.String())
				}
			}
			stdout, _ := challenged(t, ExitReady, "--deployment.root="+root, "--config.file="+filepath.Join(root, "catalyst.yml"))
			_, failing, _ := strings.Cut(stdout, "it fails already: ")
			failing, _, _ = strings.Cut(failing, "\n")
			if failing != "" && failing != "delivery/tests" { // which no file of a deployment shows
				t.Errorf("items do not hold on the sound deployment: %s", failing)
			}
		})
	}
}
