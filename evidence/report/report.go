// Package report is the content of a CI report, in the same words for every format: counts, measured values, findings,
// and the gaps that make it incomplete (truncated, tool crashed, nothing checked).
//
// A report is untrusted. It is read once, in constant memory, and only names, positions and numbers are kept: messages,
// source lines and matches are skipped, because they may contain secrets.
package report

import (
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// Kind is what a report is evidence of. The text is also the base name, without extension, of its file in an evidence
// folder.
type Kind string

// The kinds of evidence.
const (
	Tests           Kind = "tests"
	Coverage        Kind = "coverage"
	Lint            Kind = "lint"
	Security        Kind = "security"
	Vulnerabilities Kind = "vulnerabilities"
	Load            Kind = "load"
	Secrets         Kind = "secrets"
	SBOM            Kind = "sbom"
)

// Format is the format of a report. The text is for display.
type Format string

// The formats. They are detected by content, because file names are unreliable.
const (
	GoTest       Format = "go test -json"
	JUnit        Format = "JUnit XML"
	CoverFile    Format = "Go cover profile"
	Cobertura    Format = "Cobertura XML"
	LCOV         Format = "LCOV"
	JaCoCo       Format = "JaCoCo XML"
	GolangciLint Format = "golangci-lint JSON"
	SARIF        Format = "SARIF"
	Checkstyle   Format = "checkstyle XML"
	Gosec        Format = "gosec JSON"
	Govulncheck  Format = "govulncheck JSON"
	Nancy        Format = "nancy JSON"
	Trivy        Format = "trivy JSON"
	OSVScanner   Format = "osv-scanner JSON"
	Grype        Format = "grype JSON"
	NpmAudit     Format = "npm audit JSON"
	K6           Format = "k6 summary"
	Vegeta       Format = "vegeta JSON"
	Gitleaks     Format = "gitleaks JSON"
	TrivyK8s     Format = "trivy k8s JSON"
	CycloneDX    Format = "CycloneDX JSON"
	CycloneDXML  Format = "CycloneDX XML"
	SPDX         Format = "SPDX JSON"
	SPDX3        Format = "SPDX 3 JSON"
)

// Kinds returns every kind.
func Kinds() []Kind {
	return []Kind{Tests, Coverage, Lint, Security, Vulnerabilities, Load, Secrets, SBOM}
}

// Limits of a report.
const (
	// MaxFindings is the maximum number of findings that a Report lists; all are counted.
	MaxFindings = 20
	// maxGaps is the maximum number of gaps that a Report lists; a single one makes it incomplete.
	MaxGaps = 10
	// maxName is the maximum length of a name (test, rule, file) in characters.
	MaxName = 200
	// maxPackages is the maximum number of packages or rules per report; the largest monorepos have about ten thousand.
	MaxPackages = 50_000
)

// Report is the content of one file.
type Report struct {
	Kind   Kind
	Format Format
	Tool   string // as stated in the report, "" when not stated
	Bytes  int64  // bytes read

	Time time.Time // the newest time stated in the report; zero when none is
	// Zoneless reports that Time was stated without a zone and read as UTC.
	Zoneless bool
	Commit   string // the revision stated in the report, "" when none is

	Counts     Counts
	Severities map[Severity]int    // of the findings that count
	Measures   map[Measure]float64 // only values stated in the report
	Findings   []Finding           // the first MaxFindings
	Gaps       []Gap               // why the report is incomplete; empty for a complete one

	// Subjects are what the report is about, in no order: the tested packages of a Go test stream, the classes of JUnit, the
	// files of a coverage report, the modules that govulncheck audited, the lock files that trivy and osv-scanner read.
	Subjects []string

	Database time.Time // age of the vulnerability database, zero when not stated

	Image Image // that the report is about; its zero value when it is about something else
}

// Image is a container image as a report names it.
type Image struct {
	Name    string   // as the tool was called with, "" when not stated
	Digests []string // of its manifests: sha256:…
	ID      string   // digest of its configuration, "" when not stated
}

// IsZero reports whether the report is about something else.
func (i Image) IsZero() bool { return i.Name == "" && i.ID == "" && len(i.Digests) == 0 }

// AddDigest adds the digest within a reference such as app@sha256:….
func (i *Image) AddDigest(text string) {
	if d := Digest(text); d != "" && len(i.Digests) < MaxGaps && !slices.Contains(i.Digests, d) {
		i.Digests = append(i.Digests, d)
	}
}

// Digest returns the SHA-256 digest in a reference to an image, "" for none.
func Digest(text string) string {
	const hexadecimal = 64
	_, rest, ok := strings.Cut(strings.ToLower(text), "sha256")
	if !ok {
		return ""
	}
	rest = strings.TrimPrefix(strings.TrimPrefix(rest, ":"), "%3a")
	if len(rest) < hexadecimal || strings.Trim(rest[:hexadecimal], "0123456789abcdef") != "" {
		return ""
	}
	return "sha256:" + rest[:hexadecimal]
}

// Complete reports whether the report proves that its tool checked everything and that it is not truncated.
func (r *Report) Complete() bool { return len(r.Gaps) == 0 }

// Counts are the numbers of a report. Those that do not apply to its kind are zero.
type Counts struct {
	Passed, Failed, Skipped int // tests including subtests; for a load test its thresholds or checks
	Errored                 int // packages, suites or test cases that broke without a failing test: build failure, panic, timeout
	Flaky                   int // passed tests that needed a retry
	Packages                int // tested packages

	Statements, Covered int64 // or lines, if the format has no statements

	Findings   int // findings of a linter or scanner
	Suppressed int // suppressed findings
	Uncalled   int // vulnerabilities of required modules in uncalled code
	Audited    int // packages, modules, files or targets that were checked, according to the report
	Unaudited  int // those that the tool could not check

	Requests int64 // sent by a load test
}

// Measure is the name of a measured value.
type Measure string

// The measures.
const (
	CoverageRatio Measure = "coverage_ratio" // covered statements / all statements, 0 to 1
	RequestRate   Measure = "request_rate"   // requests per second
	ErrorRatio    Measure = "error_ratio"    // failed requests / all requests, 0 to 1
	P95Seconds    Measure = "p95_seconds"    // 95th percentile of the response time
	LoadSeconds   Measure = "load_seconds"   // duration of a load test
)

// Finding describes one failed test, lint finding, vulnerability or secret. It never contains the matched text.
type Finding struct {
	Rule     string // test, rule, vulnerability or threshold
	Package  string // Go package, module or suite, "" when not stated
	File     string
	Line     int // 0 when not stated
	Commit   string
	Severity Severity // "" when the kind has none
}

// String formats the finding on one line.
func (f Finding) String() string {
	var b strings.Builder
	b.WriteString(f.Rule)
	if f.Package != "" {
		b.WriteString(" in " + f.Package)
	}
	if f.File != "" {
		b.WriteString(" at " + f.File)
		if f.Line > 0 {
			b.WriteString(":" + strconv.Itoa(f.Line))
		}
	}
	if f.Commit != "" {
		b.WriteString(" of commit " + ShortCommit(f.Commit))
	}
	return b.String()
}

// Reason is one of the exporter's closed list of reasons.
type Reason string

// The reasons of a verdict on evidence.
const (
	Missing          Reason = "missing"           // there is no report, or it lacks the required values
	Empty            Reason = "empty"             // nothing was tested, measured, scanned or written
	Truncated        Reason = "truncated"         // the report is incomplete, or its completeness is not proven
	Invalid          Reason = "invalid"           // the format is violated, or the date is in the future
	Failed           Reason = "error"             // the tool crashed, or ended with an error and without a finding
	Stale            Reason = "stale"             // older than allowed
	Outdated         Reason = "outdated"          // the report is of another commit
	Mismatch         Reason = "mismatch"          // other facts contradict the report
	Unhealthy        Reason = "unhealthy"         // tests fail
	Threshold        Reason = "threshold"         // a value violates its limit
	Committed        Reason = "committed"         // secrets were found
	Weak             Reason = "weak"              // the requirement is met, but the proof is weak
	Timeout          Reason = "timeout"           // reading took too long
	PermissionDenied Reason = "permission_denied" // no permission to read
)

// Gap is one reason why a report is incomplete.
type Gap struct {
	Reason Reason // Weak: completeness is not proven; every other reason rejects the report
	Detail string
	// Cure is what closes the gap: facts that the pipeline recorded next to the report (see Meta).
	Cure Cure
}

// Cure is what a record must state to close a gap.
type Cure int

// The cures.
const (
	Incurable Cure = iota
	// ByExit: the tool's exit status is recorded. For formats that do not state whether the tool finished.
	ByExit
	// BySeal: the exit status is recorded, and size or digest prove that the file is unchanged. For formats in which a
	// truncated report looks complete.
	BySeal
)

// AddGap adds a reason why the report is incomplete.
func (r *Report) AddGap(reason Reason, cure Cure, detail string) {
	if len(r.Gaps) < MaxGaps {
		r.Gaps = append(r.Gaps, Gap{reason, detail, cure})
	}
}

// Doubt adds a gap that only weakens the report: its completeness is not proven.
func (r *Report) Doubt(cure Cure, detail string) { r.AddGap(Weak, cure, detail) }

// List lists a finding without counting it: callers count before the limit applies.
func (r *Report) List(f Finding) {
	if len(r.Findings) >= MaxFindings {
		return
	}
	f.Rule, f.Package, f.File = Name(f.Rule), Name(f.Package), Name(f.File)
	if f.Commit = strings.ToLower(f.Commit); !IsCommit(f.Commit) {
		f.Commit = ""
	}
	r.Findings = append(r.Findings, f)
}

// Unlist removes listed findings that a rerun has corrected.
func (r *Report) Unlist(corrected func(Finding) bool) {
	r.Findings = slices.DeleteFunc(r.Findings, corrected)
}

// Add counts and lists a finding.
func (r *Report) Add(f Finding) {
	r.Counts.Findings++
	if f.Severity != "" {
		r.AddSeverity(f.Severity)
	}
	r.List(f)
}

// AddSeverity counts a finding by severity.
func (r *Report) AddSeverity(s Severity) {
	if r.Severities == nil {
		r.Severities = make(map[Severity]int)
	}
	r.Severities[s]++
}

// SetMeasure sets a measured value.
func (r *Report) SetMeasure(m Measure, v float64) {
	if r.Measures == nil {
		r.Measures = make(map[Measure]float64)
	}
	r.Measures[m] = v
}

// AddSubject adds what the report is about, unless there is too much of it.
func (r *Report) AddSubject(name string) {
	if name = Name(name); name != "" && len(r.Subjects) < MaxPackages {
		r.Subjects = append(r.Subjects, name)
	}
}

// SetCoverage calculates the ratio from the counts.
func (r *Report) SetCoverage() {
	if r.Counts.Statements > 0 {
		r.SetMeasure(CoverageRatio, float64(r.Counts.Covered)/float64(r.Counts.Statements))
	}
}

// SetTime keeps the newest time.
func (r *Report) SetTime(t time.Time) {
	if t.After(r.Time) {
		r.Time, r.Zoneless = t, false
	}
}

// SetZonelessTime keeps the newest time; t was stated without a zone and read as UTC.
func (r *Report) SetZonelessTime(t time.Time) {
	if t.After(r.Time) {
		r.Time, r.Zoneless = t, true
	}
}

// Name makes a name from a report safe for one terminal line: without control, format or direction characters, and
// truncated.
func Name(name string) string {
	n := 0
	var b strings.Builder
	for _, c := range name {
		if n++; n > MaxName {
			b.WriteString("…")
			break
		}
		if !unicode.IsPrint(c) {
			c = '?'
		}
		b.WriteRune(c)
	}
	return b.String()
}

// IsCommit reports whether text is a commit id, whole or abbreviated: 7 to 64 lower-case hexadecimal digits.
func IsCommit(text string) bool {
	if len(text) < 7 || len(text) > 64 {
		return false
	}
	return strings.Trim(text, "0123456789abcdef") == ""
}

// SameCommit reports whether two ids, whole or abbreviated, refer to the same commit.
func SameCommit(a, b string) bool {
	a, b = strings.ToLower(a), strings.ToLower(b)
	return IsCommit(a) && IsCommit(b) && (strings.HasPrefix(a, b) || strings.HasPrefix(b, a))
}

// ShortCommit abbreviates a commit for people.
func ShortCommit(commit string) string {
	if len(commit) > 12 {
		return commit[:12]
	}
	return commit
}

// Count formats a number of things, with their plural.
func Count(n int, what string) string {
	switch stem, y := strings.CutSuffix(what, "y"); {
	case n == 1:
	case y && what != "day":
		what = stem + "ies"
	case strings.HasSuffix(what, "ss"):
		what += "es"
	default:
		what += "s"
	}
	return strconv.Itoa(n) + " " + what
}
