// Package evidence reads what CI has seen: test, coverage, lint, security, vulnerability, load and secret reports in the formats their tools write.
//
// Reading and judging are apart. Parse turns a stream into a Report: counts, measured values and, above all, the gaps that keep it from showing
// the whole (cut off, tool crashed, nothing looked at). Find and Read say where reports lie, of which commit they are and when they were made.
// Judge weighs all of it against a Policy and is pure.
//
// A report is somebody else's file. It is read once, in memory that does not grow with its size, and nothing of it is repeated but names, places
// and numbers: messages, source lines and matches are passed over unread, since they may hold secrets.
package evidence

import (
	"strings"
	"time"
	"unicode"
)

// Kind says what a report is evidence of. The text is also the name, without extension, of its file in an evidence folder.
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
)

// Kinds lists every kind.
func Kinds() []Kind {
	return []Kind{Tests, Coverage, Lint, Security, Vulnerabilities, Load, Secrets}
}

// What is kept of a report, whatever its size.
const (
	// MaxBytes is the size up to which a report is read: ten times the largest test stream seen in practice.
	MaxBytes = 4 << 30
	// MaxFetched is the size up to which one is fetched from elsewhere.
	MaxFetched = 1 << 30
	// MaxFindings is how many findings a Report names; all are counted.
	MaxFindings = 20
	// maxGaps is how many gaps a Report names; one is enough to keep it from being a proof.
	maxGaps = 10
	// maxName is how many characters of a name (test, rule, file) are kept.
	maxName = 200
	// maxPackages is how many packages or rules of one report are told apart: a monorepo of the largest kind has some ten thousand.
	maxPackages = 50_000
)

// Report is what one file says.
type Report struct {
	Kind   Kind
	Format Format
	Tool   string // as the report names it, "" when it does not
	Bytes  int64  // read

	Time   time.Time // the newest moment the report itself states; zero when it states none
	Commit string    // the revision the report itself states, "" when it states none

	Counts     Counts
	Severities map[Severity]int    // of the findings that count
	Measures   map[Measure]float64 // only what the report states
	Findings   []Finding           // the first MaxFindings
	Gaps       []Gap               // why this is not the whole; empty for a complete report
}

// Complete reports whether the report shows by itself that its tool looked at everything and that nothing is cut off.
func (r *Report) Complete() bool { return len(r.Gaps) == 0 }

// Counts are the numbers of a report; those its kind does not know are zero.
type Counts struct {
	Passed, Failed, Skipped int // tests, subtests included; of a load test its thresholds or checks
	Errored                 int // packages, suites or test cases that broke without a failing test: not built, panicked, timed out
	Flaky                   int // of the passed ones: only when run again
	Packages                int // that were tested

	Statements, Covered int64 // or lines, where a format knows no statements

	Findings   int // what a linter or scanner objects to
	Suppressed int // objections that somebody silenced
	Uncalled   int // vulnerabilities of modules that are required, in code that is not called
	Audited    int // packages, modules, files or targets really looked at, as far as the report says
	Unaudited  int // those the tool says it could not look at

	Requests int64 // sent by a load test
}

// Measure names a measured value.
type Measure string

// The measures.
const (
	CoverageRatio Measure = "coverage_ratio" // covered statements of all, 0 to 1
	RequestRate   Measure = "request_rate"   // requests per second
	ErrorRatio    Measure = "error_ratio"    // failed requests of all, 0 to 1
	P95Seconds    Measure = "p95_seconds"    // time within which 95 % of the requests were answered
)

// Finding names one failed test, objection, vulnerability or secret. It never holds the text found.
type Finding struct {
	Rule     string // test, rule, vulnerability or threshold
	Package  string // Go package, module or suite, "" when not stated
	File     string
	Line     int // 0 when not stated
	Commit   string
	Severity Severity // "" when its kind has none
}

// String names the finding on one line.
func (f Finding) String() string {
	var b strings.Builder
	b.WriteString(f.Rule)
	if f.Package != "" {
		b.WriteString(" in " + f.Package)
	}
	if f.File != "" {
		b.WriteString(" at " + f.File)
		if f.Line > 0 {
			b.WriteString(":" + itoa(f.Line))
		}
	}
	if f.Commit != "" {
		b.WriteString(" of commit " + short(f.Commit))
	}
	return b.String()
}

// Gap is one reason why a report does not show the whole.
type Gap struct {
	Reason Reason // Weak: nothing proves that this is the whole, which leaves a weak proof; every other reason leaves none
	Detail string
	// Cure is what closes the gap from outside: what the pipeline recorded beside the report (see Meta).
	Cure Cure
}

// Cure says what a sidecar has to state so that a gap is none.
type Cure int

// The cures.
const (
	Incurable Cure = iota
	// ByExit: the tool's exit status is known. Closes gaps of formats that do not say whether the tool finished.
	ByExit
	// BySeal: the exit status is known, and size or digest prove that the file is the one the tool left.
	// Closes gaps of formats in which a cut report looks like a whole one.
	BySeal
)

func (r *Report) gap(reason Reason, cure Cure, detail string) {
	if len(r.Gaps) < maxGaps {
		r.Gaps = append(r.Gaps, Gap{reason, detail, cure})
	}
}

// doubt is a gap that only weakens the report: nothing shows that something is missing, nothing proves that nothing is.
func (r *Report) doubt(cure Cure, detail string) { r.gap(Weak, cure, detail) }

// find counts nothing: callers count before the cap.
func (r *Report) find(f Finding) {
	if len(r.Findings) >= MaxFindings {
		return
	}
	f.Rule, f.Package, f.File = clean(f.Rule), clean(f.Package), clean(f.File)
	if f.Commit = strings.ToLower(f.Commit); !IsCommit(f.Commit) {
		f.Commit = ""
	}
	r.Findings = append(r.Findings, f)
}

func (r *Report) finding(f Finding) {
	r.Counts.Findings++
	if f.Severity != "" {
		r.severity(f.Severity)
	}
	r.find(f)
}

func (r *Report) severity(s Severity) {
	if r.Severities == nil {
		r.Severities = make(map[Severity]int)
	}
	r.Severities[s]++
}

func (r *Report) measure(m Measure, v float64) {
	if r.Measures == nil {
		r.Measures = make(map[Measure]float64)
	}
	r.Measures[m] = v
}

// at keeps the newest moment.
func (r *Report) at(t time.Time) {
	if t.After(r.Time) {
		r.Time = t
	}
}

// clean makes a name out of a report fit for one line of a terminal: no control, format or direction characters, and not endless.
func clean(name string) string {
	n := 0
	var b strings.Builder
	for _, c := range name {
		if n++; n > maxName {
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

// IsCommit reports whether text can be a commit's id, whole or abbreviated: 7 to 64 lower-case hexadecimal digits.
func IsCommit(text string) bool {
	if len(text) < 7 || len(text) > 64 {
		return false
	}
	return strings.Trim(text, "0123456789abcdef") == ""
}

// SameCommit reports whether two ids, whole or abbreviated, name the same commit.
func SameCommit(a, b string) bool {
	a, b = strings.ToLower(a), strings.ToLower(b)
	return IsCommit(a) && IsCommit(b) && (strings.HasPrefix(a, b) || strings.HasPrefix(b, a))
}

func short(commit string) string {
	if len(commit) > 12 {
		return commit[:12]
	}
	return commit
}
