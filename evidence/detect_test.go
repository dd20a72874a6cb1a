package evidence

import (
	"strings"
	"testing"
)

// TestDetect: formats are detected by their content, in any order of keys.
func TestDetect(t *testing.T) {
	for text, want := range map[string]Format{
		"":                                 "",
		"  \n":                             "",
		"hello":                            "",
		"{":                                "",
		"[":                                "",
		"<":                                "",
		"{}":                               "",
		"[]":                               Gitleaks,
		" [ \n ]":                          Gitleaks,
		"[1]":                              "",
		`[{}]`:                             "",
		`[{"Description":"","RuleID":""}]`: Gitleaks,
		`{"Action":"start","Package":"a"}`: GoTest,
		`{"ImportPath":"a","Action":"build-output"}`:         GoTest,
		"go: downloading x\n{\"Action\":\"start\",\"Time\":": GoTest,
		"go: downloading x\n{\"Issues\":[],\"Report\":{}}":   "",
		`{"Action":"wish"}`:     "",
		"mode: set":             CoverFile,
		"\xEF\xBB\xBFmode: set": CoverFile,
		"model: set":            "",
		"TN:x":                  LCOV,
		"SF:a.js":               LCOV,
		`<?xml version="1.0"?><!-- x --><testsuites>`:  JUnit,
		`<testsuite name="x"`:                          "",
		`<coverage>`:                                   Cobertura,
		`<checkstyle version="8.0">`:                   Checkstyle,
		`<html>`:                                       "",
		`{"Issues":[],"Report":{"Linters":[]}}`:        GolangciLint,
		`{"Issues":[{"FromLinter":"x"`:                 GolangciLint,
		`{"Issues":[{"rule_id":"x"`:                    Gosec,
		`{"Golang errors":{},"Issues":[]`:              Gosec,
		`{"Issues":[],"GosecVersion":"dev"`:            Gosec,
		`{"Issues":[]}`:                                "",
		`{"runs":[{"results":[{"message":`:             SARIF,
		`{"$schema":"","version":"2.1.0","runs":[]}`:   SARIF,
		`{"config":{"protocol_version":"v1.0.0"`:       Govulncheck,
		`{"config":{}}`:                                "",
		`{"num_audited":1}`:                            Nancy,
		`{"audited":[],"vulnerable":[]}`:               Nancy,
		`{"SchemaVersion":2,"ArtifactName":"."}`:       Trivy,
		`{"Results":[{"Target":"x"`:                    Trivy,
		`{"results":[],"experimental_config":{}}`:      OSVScanner,
		`{"results":[{"source":{},"packages":[]}]}`:    OSVScanner,
		`{"results":[]}`:                               "",
		`{"latencies":{},"requests":1}`:                Vegeta,
		`{"metrics":{"http_reqs":{}}}`:                 K6,
		`{"root_group":{},"metrics":{}}`:               K6,
		`{"metrics":{}}`:                               "",
		strings.Repeat(`{"a":`, 500):                   "",
		`{"x":"` + strings.Repeat("a", headSize) + `"`: "",
	} {
		if got := Detect([]byte(text)); got != want {
			t.Errorf("%.60q is detected as %q, want %q", text, got, want)
		}
	}
	for _, ex := range goodReports() {
		if f := Detect([]byte(ex.text)); f == "" {
			t.Errorf("%s is not detected", ex.name)
		}
	}
}

// TestFormats: every format is evidence of a kind, and every kind has a format.
func TestFormats(t *testing.T) {
	read := map[Format]bool{}
	for _, k := range Kinds() {
		if len(Formats(k)) == 0 {
			t.Errorf("%s has no format", k)
		}
		for _, f := range Formats(k) {
			read[f] = true
		}
		good := false
		for _, ex := range goodReports() {
			good = good || ex.kind == k
		}
		if !good {
			t.Errorf("%s has no good report among the tests", k)
		}
	}
	for _, f := range []Format{GoTest, JUnit, CoverFile, Cobertura, LCOV, GolangciLint, SARIF, Checkstyle, Gosec, Govulncheck, Nancy, Trivy, OSVScanner, K6, Vegeta, Gitleaks} {
		if !read[f] {
			t.Errorf("%s is evidence of nothing", f)
		}
	}
}
