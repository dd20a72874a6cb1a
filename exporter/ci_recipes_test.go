package exporter

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/thenexusengine/catalyst_exporter/exporter/format"
)

// TestCIRecipes runs the commands of examples/ci on the example, and reads what they write.
func TestCIRecipes(t *testing.T) {
	command := regexp.MustCompile(`(?m)catalyst_exporter (check [^|\n]*)`)
	output := regexp.MustCompile(`--output=(\S+)`)
	files, err := filepath.Glob("../examples/ci/*.yml")
	if err != nil || len(files) != 2 {
		t.Fatalf("%q %v", files, err)
	}
	root, ran := exampleCopy(t), 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var any map[string]any
		if err := yaml.Unmarshal(text, &any); err != nil {
			t.Errorf("%s: %v", file, err)
		}
		for _, found := range command.FindAllStringSubmatch(string(text), -1) {
			ran++
			folder := t.TempDir()
			var out bytes.Buffer
			args := append(strings.Fields(output.ReplaceAllString(found[1], "--output="+folder+"/$1")), "--deployment.root="+root)
			if code := Main(args, quiet(t, &out)); code != ExitFailing {
				t.Errorf("%s: %s: exit code %d: %s", file, found[1], code, out.String())
			}
			if name := output.FindStringSubmatch(found[1]); name != nil {
				readable(t, filepath.Join(folder, name[1]))
			}
		}
	}
	if ran < 5 {
		t.Errorf("only %d commands", ran)
	}
}

// readable parses a file that a recipe wrote.
func readable(t *testing.T, file string) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Error(err)
		return
	}
	var log struct{ Version string }
	var suites format.JunitSuites
	switch filepath.Ext(file) {
	case ".sarif":
		if err := json.Unmarshal(data, &log); err != nil || log.Version != "2.1.0" {
			t.Errorf("%s: %v, version %q", file, err, log.Version)
		}
	case ".xml":
		if err := xml.Unmarshal(data, &suites); err != nil || suites.Tests == 0 {
			t.Errorf("%s: %v, %d tests", file, err, suites.Tests)
		}
	default:
		if !bytes.Contains(data, []byte("required items fail")) && !bytes.Contains(data, []byte("Not ready")) {
			t.Errorf("%s: %.200s", file, data)
		}
	}
}
