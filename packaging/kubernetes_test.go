package packaging_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/thenexusengine/catalyst_exporter/alerts"
	"github.com/thenexusengine/catalyst_exporter/exporter"
)

var update = flag.Bool("update", false, "rewrite the generated manifests instead of comparing them")

const manifests = "kubernetes"

// TestKubernetes_GeneratedManifests compares the rules and the boards in the manifests with those of the exporter. The module
// in kubernetes/ decodes them.
func TestKubernetes_GeneratedManifests(t *testing.T) {
	rules, err := alerts.Resource(alerts.DefaultJob)
	if err != nil {
		t.Fatal(err)
	}
	var boards []string
	for _, name := range []string{"catalyst-readiness", "catalyst-fleet"} {
		text := strings.TrimRight(read(t, "../dashboards/"+name+".json"), "\n")
		boards = append(boards, fmt.Sprintf("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: %s\n  labels:\n    grafana_dashboard: \"1\"\ndata:\n  %s.json: |\n    %s\n",
			name, name, strings.ReplaceAll(text, "\n", "\n    ")))
	}
	const header = "# Generated: go test ./packaging -run Kubernetes -update\n"
	for name, want := range map[string]string{"rules.yml": header + string(rules), "boards.yml": header + strings.Join(boards, "---\n")} {
		file := filepath.Join(manifests, name)
		if *update {
			write(t, file, want)
		}
		if got, err := os.ReadFile(file); err != nil || string(got) != want {
			t.Errorf("%s is outdated (%v): run go test ./packaging -run Kubernetes -update", file, err)
		}
	}
}

// TestKubernetes_ConfigurationLoads starts the exporter as far as config check with the manifest's configuration, and checks
// that serve has its flags.
func TestKubernetes_ConfigurationLoads(t *testing.T) {
	config, args := "", []string(nil)
	documents := yaml.NewDecoder(strings.NewReader(read(t, filepath.Join(manifests, "exporter.yml"))))
	for {
		var object struct {
			Data map[string]string
			Spec struct {
				Template struct {
					Spec struct{ Containers []struct{ Args []string } }
				}
			}
		}
		if documents.Decode(&object) != nil {
			break
		}
		if text, ok := object.Data["catalyst.yml"]; ok {
			config = text
		}
		if c := object.Spec.Template.Spec.Containers; len(c) > 0 {
			args = c[0].Args
		}
	}
	root := t.TempDir()
	if config == "" || !strings.Contains(config, "root: /deployment\n") {
		t.Fatalf("configuration:\n%s", config)
	}
	file := filepath.Join(root, "catalyst.yml")
	write(t, file, strings.Replace(config, "root: /deployment\n", "root: "+root+"\n", 1))
	run := func(args ...string) (int, string) {
		var out bytes.Buffer
		code := exporter.Main(args, exporter.System{Context: t.Context(), Stdout: &out, Stderr: &out, Getenv: func(string) (string, bool) { return "", false }, Now: time.Now})
		return code, out.String()
	}
	if code, out := run("config", "check", "--config.file="+file); code != exporter.ExitReady {
		t.Errorf("%d: %s", code, out)
	}
	if len(args) != 4 || args[0] != "serve" {
		t.Fatalf("arguments %q", args)
	}
	if code, out := run(append(args, "--help")...); code != exporter.ExitReady {
		t.Errorf("%q: %d: %s", args, code, out)
	}
}
