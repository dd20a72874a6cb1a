package evidence

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/evidence/report"
	"github.com/thenexusengine/catalyst_exporter/evidence/report/bom"
	"github.com/thenexusengine/catalyst_exporter/evidence/report/coverage"
	"github.com/thenexusengine/catalyst_exporter/evidence/report/load"
	"github.com/thenexusengine/catalyst_exporter/evidence/report/scanners"
	"github.com/thenexusengine/catalyst_exporter/evidence/report/stream"
	"github.com/thenexusengine/catalyst_exporter/evidence/report/tests"
	"github.com/thenexusengine/catalyst_exporter/evidence/report/vulnerability"
)

// parser fills the report from the stream. It returns stream.ErrTruncated or stream.ErrInvalid (wrapped) for a truncated or malformed
// stream. What it parsed before stays in the report, so that failures are not lost.
type parser func(in *stream.Input, r *report.Report) error

// parsers maps each kind of evidence to its formats and their parsers.
func parsers(kind report.Kind) map[report.Format]parser {
	switch kind {
	case report.Tests:
		return map[report.Format]parser{report.GoTest: tests.Go, report.JUnit: tests.JUnit}
	case report.Coverage:
		return map[report.Format]parser{report.CoverFile: coverage.GoProfile, report.Cobertura: coverage.Cobertura, report.LCOV: coverage.LCOV, report.JaCoCo: coverage.JaCoCo}
	case report.Lint:
		return map[report.Format]parser{report.GolangciLint: scanners.Golangci, report.SARIF: scanners.SARIF, report.Checkstyle: scanners.Checkstyle}
	case report.Security:
		return map[report.Format]parser{report.Gosec: scanners.Gosec, report.SARIF: scanners.SARIF}
	case report.Vulnerabilities:
		return map[report.Format]parser{
			report.Govulncheck: vulnerability.Govulncheck, report.Nancy: vulnerability.Nancy, report.Trivy: vulnerability.Trivy,
			report.OSVScanner: vulnerability.OSVScanner, report.Grype: vulnerability.Grype, report.NpmAudit: vulnerability.NpmAudit,
			report.SARIF: scanners.SARIF, report.TrivyK8s: vulnerability.TrivyKubernetes,
		}
	case report.Load:
		return map[report.Format]parser{report.K6: load.K6, report.Vegeta: load.Vegeta, report.JUnit: tests.JUnit}
	case report.Secrets:
		return map[report.Format]parser{report.Gitleaks: scanners.Gitleaks, report.SARIF: scanners.SARIF}
	case report.SBOM:
		return map[report.Format]parser{report.CycloneDX: bom.CycloneDX, report.CycloneDXML: bom.CycloneDXML, report.SPDX: bom.SPDX, report.SPDX3: bom.SPDX3}
	}
	return nil
}

// Formats returns the formats that are evidence of the kind.
func Formats(k report.Kind) []report.Format {
	var fs []report.Format
	for f := range parsers(k) {
		fs = append(fs, f)
	}
	slices.Sort(fs)
	return fs
}

// Parse parses a report as evidence of the kind, to its end.
//
// An error means that there is no report: ErrEmpty, ErrFormat (an unknown format or one that is not evidence of the
// kind), ErrTooLong, or an error of r. A report that is truncated, malformed or written by a crashed tool is returned
// with its Gaps and the parsed part.
func Parse(r io.Reader, kind report.Kind) (report.Report, error) {
	return parseUpTo(r, kind, stream.MaxBytes)
}

func parseUpTo(r io.Reader, kind report.Kind, most int64) (report.Report, error) {
	in := stream.New(r, most)
	rep := report.Report{Kind: kind}
	head := in.Head()
	if _, err := in.Consumed(); err != nil {
		return rep, err
	}
	if len(bytes.TrimSpace(head)) == 0 && len(head) < stream.HeadSize {
		return rep, stream.ErrEmpty
	}
	rep.Format = Detect(head)
	parse, ok := parsers(kind)[rep.Format]
	if !ok {
		return rep, wrongFormat(kind, rep.Format, head)
	}
	err := parse(in, &rep)
	n, readErr := in.Consumed()
	rep.Bytes = n
	if readErr != nil {
		return rep, readErr // a read error takes precedence over the parser's error
	}
	switch {
	case errors.Is(err, stream.ErrTruncated):
		rep.AddGap(report.Truncated, report.Incurable, err.Error())
	case err != nil:
		rep.AddGap(report.Invalid, report.Incurable, err.Error())
	}
	return rep, nil
}

func wrongFormat(kind report.Kind, f report.Format, head []byte) error {
	var names []string
	for _, f := range Formats(kind) {
		names = append(names, string(f))
	}
	what := "this format is"
	if slices.Contains(Formats(report.SBOM), f) {
		return fmt.Errorf("%w: a bill of materials (%s) is not evidence of %s: scan it with grype, trivy or osv-scanner", stream.ErrFormat, f, kind)
	}
	if f != "" {
		what = "format " + string(f) + " is"
	} else if name, instead := unread(head); name != "" {
		return fmt.Errorf("%w: %s is not read: %s", stream.ErrFormat, name, instead)
	}
	return fmt.Errorf("%w: %s not evidence of %s: use %s", stream.ErrFormat, what, kind, strings.Join(names, ", "))
}

// Detect returns the format of a report from its beginning (UTF-8, a few kilobytes are enough), "" for an unknown one.
func Detect(head []byte) report.Format {
	head = bytes.TrimPrefix(head, []byte("\xEF\xBB\xBF"))
	text := bytes.TrimLeft(head, " \t\r\n")
	switch {
	case len(text) == 0:
		return ""
	case text[0] == '<':
		return detectXML(text)
	case text[0] == '{', text[0] == '[':
		return detectJSON(text)
	case bytes.HasPrefix(text, []byte("mode:")):
		return report.CoverFile
	case bytes.HasPrefix(text, []byte("TN:")), bytes.HasPrefix(text, []byte("SF:")):
		return report.LCOV
	}
	// go test's stream after the go command's own output, as `2>&1` mixes them.
	for line := range bytes.Lines(text) {
		if line[0] == '{' {
			if detectJSON(line) == report.GoTest {
				return report.GoTest
			}
			return ""
		}
	}
	return ""
}

func detectXML(text []byte) report.Format {
	start, _, err := stream.NewXML(&stream.Input{Reader: bufio.NewReader(bytes.NewReader(text))}).Next()
	if err != nil {
		return ""
	}
	switch start.Name.Local {
	case "testsuites", "testsuite":
		return report.JUnit
	case "coverage":
		if stream.Attr(start, "clover") != "" {
			return ""
		}
		return report.Cobertura
	case "report":
		return report.JaCoCo
	case "checkstyle":
		return report.Checkstyle
	case "bom":
		return report.CycloneDXML
	}
	return ""
}

// detectJSON detects by the keys of the first value, down to the third level; lists do not count as a level.
func detectJSON(text []byte) report.Format {
	has := keysOf(text)
	switch {
	case text[0] == '[':
		if has[".RuleID"] || bytes.HasPrefix(bytes.TrimLeft(text[1:], " \t\r\n"), []byte("]")) {
			return report.Gitleaks
		}
		return ""
	case has[".Action"] && (has[".Package"] || has[".ImportPath"] || has[".Test"] || has[".Output"] || has[".Time"]):
		return report.GoTest
	case has[".config.protocol_version"], has[".finding.osv"], has[".SBOM.modules"], has[".progress.message"], has[".osv.schema_version"]:
		return report.Govulncheck
	case has[".runs"]:
		return report.SARIF
	case has[".Golang errors"], has[".GosecVersion"], has[".Issues.rule_id"]:
		return report.Gosec
	case has[".Report"] && has[".Issues"], has[".Issues.FromLinter"], has[".Report.Linters"]:
		return report.GolangciLint
	case has[".num_audited"], has[".audited"] && has[".vulnerable"]:
		return report.Nancy
	case has[".ArtifactName"], has[".ArtifactType"], has[".Results.Target"]:
		return report.Trivy
	case has[".ClusterName"] && (has[".Resources"] || has[".Findings"] || has[".Vulnerabilities"] || has[".Misconfigurations"]):
		return report.TrivyK8s
	case has[".bomFormat"]:
		return report.CycloneDX
	case has[".spdxVersion"]:
		return report.SPDX
	case has[".@graph.spdxId"], has[".@graph.specVersion"]:
		return report.SPDX3
	case has[".latencies"] && (has[".requests"] || has[".rate"] || has[".bytes_in"]):
		return report.Vegeta
	case has[".metrics"] && (has[".root_group"] || has[".state"] || has[".options"] || has[".metrics.http_reqs"] || has[".metrics.iterations"]):
		return report.K6
	case has[".metadata.k6_version"], has[".results.metrics.contains"]:
		return report.K6
	case has[".matches"] && (has[".descriptor"] || has[".source"] || has[".matches.vulnerability"]):
		return report.Grype
	case has[".auditReportVersion"], has[".advisories"] && has[".metadata"]:
		return report.NpmAudit
	case has[".results"] && (has[".experimental_config"] || has[".results.packages"] || has[".results.source"]):
		return report.OSVScanner
	}
	return ""
}

// keysOf returns the paths of the keys in the head of a JSON text, down to the third level.
func keysOf(text []byte) map[string]bool {
	has := make(map[string]bool)
	j := stream.NewJSON(bufio.NewReader(bytes.NewReader(text)))
	var walk func(path string, level int) error
	walk = func(path string, level int) error {
		c, err := j.Next()
		if err != nil {
			return err
		}
		switch {
		case c == '[':
			return j.Array(func() error { return walk(path, level) })
		case c == '{' && level < 3:
			return j.Object(func(key string) error {
				p := path + "." + key
				if len(has) < 1000 && len(p) < 200 {
					has[p] = true
				}
				return walk(p, level+1)
			})
		}
		return j.Skip()
	}
	_ = walk("", 0) // the head may end within a value: the keys so far decide
	return has
}
