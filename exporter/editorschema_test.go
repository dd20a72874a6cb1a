package exporter

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
)

// editorSchema compiles the output of `config schema`.
func editorSchema(t *testing.T, of string) *jsonschema.Schema {
	t.Helper()
	var out, errs bytes.Buffer
	sys := System{Context: t.Context(), Stdout: &out, Stderr: &errs, Getenv: func(string) (string, bool) { return "", false }, Now: time.Now}
	if code := Main([]string{"config", "schema", "--of=" + of}, sys); code != ExitReady {
		t.Fatalf("config schema: %d %s", code, errs.String())
	}
	read, err := jsonschema.UnmarshalJSON(&out)
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource(of+".json", read); err != nil {
		t.Fatal(err)
	}
	form, err := c.Compile(of + ".json")
	if err != nil {
		t.Fatal(err)
	}
	return form
}

// asEditorsSee parses YAML like editors, which treat dates as text.
func asEditorsSee(t *testing.T, text []byte) any {
	t.Helper()
	var n yaml.Node
	if err := yaml.Unmarshal(text, &n); err != nil {
		t.Fatal(err)
	}
	var untime func(*yaml.Node)
	untime = func(n *yaml.Node) {
		if n.Tag == "!!timestamp" {
			n.Tag = "!!str"
		}
		for _, inner := range n.Content {
			untime(inner)
		}
	}
	untime(&n)
	var v any
	if err := n.Decode(&v); err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	out, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestEditorSchemas_AcceptValidFiles validates all example files, the embedded checklist and the YAML in the guides.
func TestEditorSchemas_AcceptValidFiles(t *testing.T) {
	forms := map[string]*jsonschema.Schema{"config": editorSchema(t, "config"), "checklist": editorSchema(t, "checklist")}
	tried := map[string]int{}
	try := func(of, name string, text []byte) {
		t.Helper()
		tried[of]++
		if err := forms[of].Validate(asEditorsSee(t, text)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for of, patterns := range map[string][]string{
		"config": {"../examples/*/catalyst.yml", "../examples/systemd/config.yml"}, "checklist": {"../examples/*/checklist.yml", "../checklist/catalyst.yaml"},
	} {
		for _, pattern := range patterns {
			files, err := filepath.Glob(pattern)
			if err != nil || len(files) == 0 {
				t.Fatalf("%s: %v", pattern, err)
			}
			for _, file := range files {
				text, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				try(of, file, text)
			}
		}
	}
	for _, name := range written(t) {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		_, blocks := taken(string(data))
		for _, b := range blocks {
			switch key, _, _ := strings.Cut(b.text, ":"); {
			case b.language != "yaml":
			case key == "deployment" || key == "targets" || key == "overrides" || key == "waivers" || key == "attestations":
				try("config", name, []byte(b.text))
			}
		}
	}
	if tried["config"] < 8 || tried["checklist"] < 3 {
		t.Errorf("too few files: %v", tried)
	}
	for _, good := range []string{"deployment: {database: {port: '${PORT}', timeout: '${env.TIMEOUT}'}}", "deployment: {firewall: {external: '${EXTERNAL}'}}"} {
		try("config", good, []byte(good))
	}
}

// TestEditorSchemas_AcceptDrafts validates the drafts of the lists that the table of words is measured with.
func TestEditorSchemas_AcceptDrafts(t *testing.T) {
	form := editorSchema(t, "checklist")
	lists, err := filepath.Glob("../checklist/draft/testdata/*/*.md")
	if err != nil || len(lists) < 10 {
		t.Fatal(lists, err)
	}
	for _, list := range lists {
		var out, errs bytes.Buffer
		sys := System{Context: t.Context(), Stdout: &out, Stderr: &errs, Getenv: func(string) (string, bool) { return "", false }, Now: time.Now}
		if code := Main([]string{"checklist", "draft", list, "--deployment.root=../examples/deployment"}, sys); code != ExitReady {
			t.Fatalf("%s: %d %s", list, code, errs.String())
		}
		if err := form.Validate(asEditorsSee(t, out.Bytes())); err != nil {
			t.Errorf("%s: %v\n%s", list, err, out.String())
		}
	}
}

// TestEditorSchemas_RejectErrors checks that the schema rejects errors at the same place as loading.
func TestEditorSchemas_RejectErrors(t *testing.T) {
	const item = "{item: a, title: A, fix: Fix it., probes: [%]}"
	entry := func(text string) string {
		return "checklist: Own\ncategories:\n  - category: c\n    items:\n      - " + text + "\n"
	}
	probes := func(text string) string { return entry(strings.Replace(item, "%", text, 1)) }
	forms := map[string]*jsonschema.Schema{"config": editorSchema(t, "config"), "checklist": editorSchema(t, "checklist")}
	for _, tt := range []struct{ of, text, at string }{
		{"config", "deploiment: {}", "deploiment"},
		{"config", "deployment: {databas: {}}", "databas"},
		{"config", "deployment: {database: {port: many}}", "port"},
		{"config", "deployment: {database: {port: 70000}}", "port"},
		{"config", "deployment: {database: {sslmode: perhaps}}", "sslmode"},
		{"config", "deployment: {api: {timeout: 5 parsecs}}", "timeout"},
		{"config", "deployment: {firewall: {external: perhaps}}", "external"},
		{"config", "deployment: {environment: x}\ntargets: {x: {root: .}}", "not"},
		{"config", "targets: {x: {environment: y}}", "x"},
		{"config", "overrides: {jwt_secret: {severity: high}}", "severity"},
		{"config", "overrides: {jwt_secret: {enabled: false}}", "jwt_secret"},
		{"config", "waivers: [{item: jwt_secret, reason: r, expires: 2027-01-01}]", "waivers"},
		{"config", "waivers: [{item: jwt_secret, reason: r, by: b, expires: soon}]", "expires"},
		{"config", "attestations: {roles: [{principals: a}]}", "roles"},
		{"checklist", "categories: []", "checklist"},
		{"checklist", "checklist: Own\nextends: catalist\ncategories: []", "extends"},
		{"checklist", entry("{item: a-b, title: A, fix: Fix it., probes: [env_file: {}]}"), "item"},
		{"checklist", entry("{item: a, title: A, probes: [env_file: {}]}"), "fix"},
		{"checklist", entry("{item: a, title: A, fix: Fix it., severity: high, probes: [env_file: {}]}"), "severity"},
		{"checklist", entry("{item: a, title: A, fix: Fix it., probes: []}"), "probes"},
		{"checklist", probes("env_fil: {}"), "env_fil"},
		{"checklist", probes("env_secret: {}"), "key"},
		{"checklist", probes("env_secret: {key: A, min_lenght: 3}"), "min_lenght"},
		{"checklist", probes("env_secret: {key: A, min_length: -1}"), "min_length"},
		{"checklist", probes("{env_file: {}, env_flag: {key: A}}"), "probes"},
		{"checklist", probes("{name: only}"), "probes"},
		{"checklist", probes("{env_file: {}, timeout: long}"), "timeout"},
	} {
		err := forms[tt.of].Validate(asEditorsSee(t, []byte(tt.text)))
		if err == nil || !strings.Contains(err.Error(), tt.at) {
			t.Errorf("%s: schema error %v, want it to contain %s", tt.text, err, tt.at)
		}
		dir := t.TempDir()
		config := write(t, dir, "catalyst.yml", tt.text)
		if tt.of == "checklist" {
			write(t, dir, "own.yml", tt.text)
			config = write(t, dir, "catalyst.yml", "checklist: own.yml\n")
		}
		var out, errs bytes.Buffer
		sys := System{Context: t.Context(), Stdout: &out, Stderr: &errs, Getenv: func(string) (string, bool) { return "", false }, Now: time.Now}
		if code := Main([]string{"config", "check", "--config.file=" + config, "--deployment.root=" + dir}, sys); code != ExitUsage || !strings.Contains(errs.String(), tt.at) {
			t.Errorf("%s: loading: %d %s, want it to contain %s", tt.text, code, errs.String(), tt.at)
		}
	}
}
