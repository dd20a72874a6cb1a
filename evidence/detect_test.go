package evidence

import (
	"strings"
	"testing"

	"github.com/thenexusengine/catalyst_exporter/evidence/report"
	"github.com/thenexusengine/catalyst_exporter/evidence/report/stream"
)

// TestDetect: formats are detected by their content, in any order of keys.
func TestDetect(t *testing.T) {
	for text, want := range map[string]report.Format{
		"":                                 "",
		"  \n":                             "",
		"hello":                            "",
		"{":                                "",
		"[":                                "",
		"<":                                "",
		"{}":                               "",
		"[]":                               report.Gitleaks,
		" [ \n ]":                          report.Gitleaks,
		"[1]":                              "",
		`[{}]`:                             "",
		`[{"Description":"","RuleID":""}]`: report.Gitleaks,
		`{"Action":"start","Package":"a"}`: report.GoTest,
		`{"ImportPath":"a","Action":"build-output"}`:         report.GoTest,
		"go: downloading x\n{\"Action\":\"start\",\"Time\":": report.GoTest,
		"go: downloading x\n{\"Issues\":[],\"Report\":{}}":   "",
		`{"Action":"wish"}`:     "",
		"mode: set":             report.CoverFile,
		"\xEF\xBB\xBFmode: set": report.CoverFile,
		"model: set":            "",
		"TN:x":                  report.LCOV,
		"SF:a.js":               report.LCOV,
		`<?xml version="1.0"?><!-- x --><testsuites>`:         report.JUnit,
		`<testsuite name="x"`:                                 "",
		`<coverage>`:                                          report.Cobertura,
		`<checkstyle version="8.0">`:                          report.Checkstyle,
		`<html>`:                                              "",
		`{"Issues":[],"Report":{"Linters":[]}}`:               report.GolangciLint,
		`{"Issues":[{"FromLinter":"x"`:                        report.GolangciLint,
		`{"Issues":[{"rule_id":"x"`:                           report.Gosec,
		`{"Golang errors":{},"Issues":[]`:                     report.Gosec,
		`{"Issues":[],"GosecVersion":"dev"`:                   report.Gosec,
		`{"Issues":[]}`:                                       "",
		`{"runs":[{"results":[{"message":`:                    report.SARIF,
		`{"$schema":"","version":"2.1.0","runs":[]}`:          report.SARIF,
		`{"config":{"protocol_version":"v1.0.0"`:              report.Govulncheck,
		`{"config":{}}`:                                       "",
		`{"num_audited":1}`:                                   report.Nancy,
		`{"audited":[],"vulnerable":[]}`:                      report.Nancy,
		`{"SchemaVersion":2,"ArtifactName":"."}`:              report.Trivy,
		`{"Results":[{"Target":"x"`:                           report.Trivy,
		`{"results":[],"experimental_config":{}}`:             report.OSVScanner,
		`{"results":[{"source":{},"packages":[]}]}`:           report.OSVScanner,
		`{"results":[]}`:                                      "",
		`{"latencies":{},"requests":1}`:                       report.Vegeta,
		`{"metrics":{"http_reqs":{}}}`:                        report.K6,
		`{"root_group":{},"metrics":{}}`:                      report.K6,
		`{"metrics":{}}`:                                      "",
		strings.Repeat(`{"a":`, 500):                          "",
		`{"x":"` + strings.Repeat("a", stream.HeadSize) + `"`: "",
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
	read := map[report.Format]bool{}
	for _, k := range report.Kinds() {
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
	for _, f := range []report.Format{report.GoTest, report.JUnit, report.CoverFile, report.Cobertura, report.LCOV, report.GolangciLint, report.SARIF, report.Checkstyle, report.Gosec, report.Govulncheck, report.Nancy, report.Trivy, report.OSVScanner, report.K6, report.Vegeta, report.Gitleaks} {
		if !read[f] {
			t.Errorf("%s is evidence of nothing", f)
		}
	}
}
