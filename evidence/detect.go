package evidence

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// parser fills the report from the stream. It returns errCut or errInvalid (wrapped) for a truncated or malformed
// stream. What it parsed before stays in the report, so that failures are not lost.
type parser func(in *input, r *Report) error

// parsers maps each kind of evidence to its formats and their parsers.
func parsers(kind Kind) map[Format]parser {
	switch kind {
	case Tests:
		return map[Format]parser{GoTest: goTest, JUnit: junit}
	case Coverage:
		return map[Format]parser{CoverFile: coverProfile, Cobertura: cobertura, LCOV: lcov}
	case Lint:
		return map[Format]parser{GolangciLint: golangci, SARIF: sarif, Checkstyle: checkstyle}
	case Security:
		return map[Format]parser{Gosec: gosec, SARIF: sarif}
	case Vulnerabilities:
		return map[Format]parser{Govulncheck: govulncheck, Nancy: nancy, Trivy: trivy, OSVScanner: osvScanner, SARIF: sarif}
	case Load:
		return map[Format]parser{K6: k6, Vegeta: vegeta, JUnit: junit}
	case Secrets:
		return map[Format]parser{Gitleaks: gitleaks, SARIF: sarif}
	}
	return nil
}

// Formats returns the formats that are evidence of the kind.
func Formats(k Kind) []Format {
	var fs []Format
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
func Parse(r io.Reader, kind Kind) (Report, error) { return parseUpTo(r, kind, MaxBytes) }

func parseUpTo(r io.Reader, kind Kind, most int64) (Report, error) {
	in := newInput(r, most)
	rep := Report{Kind: kind}
	head := in.head()
	if _, err := in.consumed(); err != nil {
		return rep, err
	}
	if len(bytes.TrimSpace(head)) == 0 && len(head) < headSize {
		return rep, ErrEmpty
	}
	rep.Format = Detect(head)
	parse, ok := parsers(kind)[rep.Format]
	if !ok {
		return rep, wrongFormat(kind, rep.Format)
	}
	err := parse(in, &rep)
	n, readErr := in.consumed()
	rep.Bytes = n
	if readErr != nil {
		return rep, readErr // a read error takes precedence over the parser's error
	}
	switch {
	case errors.Is(err, errCut):
		rep.gap(Truncated, Incurable, err.Error())
	case err != nil:
		rep.gap(Invalid, Incurable, err.Error())
	}
	return rep, nil
}

func wrongFormat(kind Kind, f Format) error {
	var names []string
	for _, f := range Formats(kind) {
		names = append(names, string(f))
	}
	what := "this format is"
	if f != "" {
		what = "format " + string(f) + " is"
	}
	return fmt.Errorf("%w: %s not evidence of %s: use %s", ErrFormat, what, kind, strings.Join(names, ", "))
}

// Detect returns the format of a report from its beginning (UTF-8, a few kilobytes are enough), "" for an unknown one.
func Detect(head []byte) Format {
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
		return CoverFile
	case bytes.HasPrefix(text, []byte("TN:")), bytes.HasPrefix(text, []byte("SF:")):
		return LCOV
	}
	// go test's stream after the go command's own output, as `2>&1` mixes them.
	for line := range bytes.Lines(text) {
		if line[0] == '{' {
			if detectJSON(line) == GoTest {
				return GoTest
			}
			return ""
		}
	}
	return ""
}

func detectXML(text []byte) Format {
	start, _, err := newXML(&input{Reader: bufio.NewReader(bytes.NewReader(text))}).next()
	if err != nil {
		return ""
	}
	switch start.Name.Local {
	case "testsuites", "testsuite":
		return JUnit
	case "coverage":
		return Cobertura
	case "checkstyle":
		return Checkstyle
	}
	return ""
}

// detectJSON detects by the keys of the first value, down to the third level; lists do not count as a level.
func detectJSON(text []byte) Format {
	has := make(map[string]bool)
	j := newJSON(bufio.NewReader(bytes.NewReader(text)))
	var walk func(path string, level int) error
	walk = func(path string, level int) error {
		c, err := j.next()
		if err != nil {
			return err
		}
		switch {
		case c == '[':
			return j.array(func() error { return walk(path, level) })
		case c == '{' && level < 3:
			return j.object(func(key string) error {
				p := path + "." + key
				if len(has) < 1000 && len(p) < 200 {
					has[p] = true
				}
				return walk(p, level+1)
			})
		}
		return j.skip()
	}
	_ = walk("", 0) // the head may end within a value: the keys so far decide

	switch {
	case text[0] == '[':
		if has[".RuleID"] || bytes.HasPrefix(bytes.TrimLeft(text[1:], " \t\r\n"), []byte("]")) {
			return Gitleaks
		}
		return ""
	case has[".Action"] && (has[".Package"] || has[".ImportPath"] || has[".Test"] || has[".Output"] || has[".Time"]):
		return GoTest
	case has[".config.protocol_version"], has[".finding.osv"], has[".SBOM.modules"], has[".progress.message"], has[".osv.schema_version"]:
		return Govulncheck
	case has[".runs"]:
		return SARIF
	case has[".Golang errors"], has[".GosecVersion"], has[".Issues.rule_id"]:
		return Gosec
	case has[".Report"] && has[".Issues"], has[".Issues.FromLinter"], has[".Report.Linters"]:
		return GolangciLint
	case has[".num_audited"], has[".audited"] && has[".vulnerable"]:
		return Nancy
	case has[".ArtifactName"], has[".ArtifactType"], has[".Results.Target"]:
		return Trivy
	case has[".latencies"] && (has[".requests"] || has[".rate"] || has[".bytes_in"]):
		return Vegeta
	case has[".metrics"] && (has[".root_group"] || has[".state"] || has[".options"] || has[".metrics.http_reqs"] || has[".metrics.iterations"]):
		return K6
	case has[".results"] && (has[".experimental_config"] || has[".results.packages"] || has[".results.source"]):
		return OSVScanner
	}
	return ""
}
