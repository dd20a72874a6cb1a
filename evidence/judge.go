package evidence

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/thenexusengine/catalyst_exporter/evidence/report"
	"github.com/thenexusengine/catalyst_exporter/evidence/report/stream"
	"github.com/thenexusengine/catalyst_exporter/files"
)

// State is a verdict's state, named like the exporter's states.
type State string

// The states of a verdict on evidence.
const (
	Pass    State = "pass"
	Warn    State = "warn"
	Fail    State = "fail"
	Unknown State = "unknown"
)

// Policy holds the requirements for a report. The zero value of a limit means its default.
type Policy struct {
	Now time.Time // required

	// Commit is the required commit, whole or at least 7 digits; "" when unknown: then only the age counts, which is weak.
	Commit string
	// CommitTime is the time of that commit, if known. An older report without a commit cannot be of that commit.
	CommitTime time.Time
	// Tree is the source of that commit, nil if it cannot be read: then the report's subject is not checked.
	Tree *Tree
	// MaxAge of the evidence; default 90 days for load tests, 30 days for everything else.
	MaxAge time.Duration

	MinCoverage float64 // ratio; default 0.8
	MaxFindings int     // for lint, security and vulnerabilities; default 0
	MaxSkipped  float64 // share of the tests that may be skipped; default 0.2
	// MaxSuppressed findings of linters and scanners; nil means 10. MaxSuppressedShare is their number per scanned file, where
	// the report states the files; default 0.1.
	MaxSuppressed      *int
	MaxSuppressedShare float64
	MaxDatabaseAge     time.Duration // of the vulnerability database when it was used; default 30 days

	ExpectedRate  float64       // expected requests per second in production; 0 means unknown, which is weak
	RateFactor    float64       // the multiple of ExpectedRate that a load test must reach; default 1.5
	MaxErrorRatio float64       // upper limit for a load test; default 0.01
	MaxP95        time.Duration // upper limit for a load test; default 200 ms
	MinRequests   int64         // of a load test; default 1000
	MinDuration   time.Duration // of a load test; default 1 minute
	Hosts         []string      // that a load test may be about; any when empty

	// Images are the digests of the deployed images. A report about an image must be about one of them. OfImage also refuses
	// reports about anything else.
	Images  []string
	OfImage bool
}

// Defaults of Policy, from the checklist document.
const (
	defaultMaxAge      = 30 * 24 * time.Hour
	defaultLoadMaxAge  = 90 * 24 * time.Hour
	defaultMinCoverage = 0.8
	defaultRateFactor  = 1.5
	defaultErrorRatio  = 0.01
	defaultMaxP95      = 200 * time.Millisecond

	defaultMaxSkipped     = 0.2
	defaultMaxSuppressed  = 10
	defaultSuppressed     = 0.1
	defaultMaxDatabaseAge = 30 * 24 * time.Hour
	defaultMinRequests    = 1000
	defaultMinDuration    = time.Minute
)

const (
	// skew is how far in the future a report may be dated: clocks differ.
	skew = 5 * time.Minute
	// zoneSlack is how far a time without zone may be off: the earliest zone is 14 hours ahead of UTC.
	zoneSlack = 14*time.Hour + skew
)

// Verdict is the result of judging evidence.
type Verdict struct {
	State  State
	Reason report.Reason // "" for pass
	Detail string        // for display; for a pass it describes the report
}

// problem is one objection.
type problem struct {
	state  State
	reason report.Reason
	detail string
}

// Judge calls the function for the report's kind.
func Judge(e Evidence, p Policy) Verdict {
	switch e.Report.Kind {
	case report.Tests:
		return JudgeTests(e, p)
	case report.Coverage:
		return JudgeCoverage(e, p)
	case report.Lint:
		return JudgeLint(e, p)
	case report.Security:
		return JudgeSecurity(e, p)
	case report.Vulnerabilities:
		return JudgeVulnerabilities(e, p)
	case report.Load:
		return JudgeLoad(e, p)
	case report.Secrets:
		return JudgeSecrets(e, p)
	case report.SBOM:
		return JudgeSBOM(e, p)
	}
	return Verdict{Unknown, report.Invalid, "unknown kind of report"}
}

// judge combines the checks that apply to every kind with the problems of a kind. Adverse problems apply even to an
// incomplete report. Totals apply only to a complete one, because half a report has few tests and little coverage.
func judge(e Evidence, p Policy, seen string, adverse, totals []problem) Verdict {
	if e.Err != nil {
		state, reason := Unread(e.Err)
		return Verdict{state, reason, e.about(e.Err.Error())}
	}
	if e.Name == "" {
		return Verdict{Fail, report.Missing, "no report found for " + string(e.Report.Kind) + ": create one in the pipeline"}
	}
	all := slices.Clone(adverse)
	all = append(all, commitProblems(e, p)...)
	all = append(all, ageProblems(e, p)...)
	if e.Dirty {
		all = append(all, problem{Warn, report.Weak, "working tree had uncommitted changes when the report was made: run the pipeline on a clean checkout"})
	}
	gaps := gapProblems(e)
	if all = append(all, gaps...); !slices.ContainsFunc(gaps, func(q problem) bool { return q.state == Unknown }) {
		all = append(all, totals...)
		all = append(all, subjectProblems(e, p)...)
		all = append(all, imageProblems(e, p)...)
	}
	if len(all) == 0 {
		return Verdict{Pass, "", seen}
	}
	// The sort is stable, so that the reason does not change between runs: among equals the first check wins.
	slices.SortStableFunc(all, func(a, b problem) int { return a.state.rank() - b.state.rank() })
	var details []string
	for _, q := range all {
		details = append(details, q.detail)
	}
	return Verdict{all[0].state, all[0].reason, e.about(strings.Join(details, "; "))}
}

func (s State) rank() int {
	return slices.Index([]State{Fail, Unknown, Warn, Pass}, s)
}

// about adds the report's name to a detail.
func (e *Evidence) about(detail string) string {
	if e.Name == "" {
		return detail
	}
	return report.Name(e.Name) + ": " + detail
}

// Unread returns the state and reason for a read error.
func Unread(err error) (State, report.Reason) {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Fail, report.Missing
	case errors.Is(err, fs.ErrPermission):
		return Unknown, report.PermissionDenied
	case errors.Is(err, context.DeadlineExceeded):
		return Unknown, report.Timeout
	case errors.Is(err, stream.ErrEmpty):
		return Unknown, report.Empty
	case errors.Is(err, files.ErrChanged), errors.Is(err, io.ErrUnexpectedEOF):
		return Unknown, report.Truncated
	case errors.Is(err, stream.ErrFormat), errors.Is(err, stream.ErrTooLong), errors.Is(err, stream.ErrFetch), errors.Is(err, files.ErrNotRegular):
		return Unknown, report.Invalid
	}
	return Unknown, report.Failed
}

func commitProblems(e Evidence, p Policy) []problem {
	switch {
	case e.Conflict != "":
		return []problem{{Fail, report.Mismatch, e.Conflict}}
	case p.Commit == "":
		return []problem{{Warn, report.Weak, "current commit is unknown: only the age of the report is checked"}}
	case e.Commit == "" && e.Taken.Before(p.CommitTime.Add(-zoneSlack)):
		return []problem{{Fail, report.Outdated, "report is older than commit " + report.ShortCommit(p.Commit)}}
	case e.Commit == "":
		return []problem{{Warn, report.Weak,
			"commit of the report is unknown: store it in a folder named " + report.ShortCommit(p.Commit) + " or record the commit next to it"}}
	case !report.SameCommit(e.Commit, p.Commit):
		return []problem{{Fail, report.Outdated,
			"report is of commit " + report.ShortCommit(e.Commit) + ", not " + report.ShortCommit(p.Commit) + ": run the pipeline for that commit"}}
	case !e.Taken.IsZero() && e.Taken.Before(p.CommitTime.Add(-e.clockError())):
		return []problem{{Warn, report.Outdated, "report of " + e.Taken.UTC().Format(time.DateTime) + " UTC is older than commit " +
			report.ShortCommit(p.Commit) + ": run the pipeline for that commit"}}
	}
	return nil
}

func ageProblems(e Evidence, p Policy) []problem {
	limit := p.MaxAge
	if limit == 0 {
		limit = defaultMaxAge
		if e.Report.Kind == report.Load {
			limit = defaultLoadMaxAge
		}
	}
	switch age := p.Now.Sub(e.Taken); {
	case e.Taken.IsZero():
		return []problem{{Unknown, report.Stale, "report has no date"}}
	case age < -skew && age >= -zoneSlack && e.zoneless():
		return []problem{{Warn, report.Weak, "report is dated " + e.Taken.Format(time.DateTime) + ", which has no zone and is in the future in UTC:" +
			" set the time zone of the pipeline to UTC"}}
	case age < -skew:
		return []problem{{Unknown, report.Invalid,
			"report is dated in the future (" + e.Taken.UTC().Format(time.DateTime) + " UTC): check the clocks"}}
	case age > limit:
		return []problem{{Fail, report.Stale,
			"report of " + e.Taken.UTC().Format(time.DateOnly) + " is older than " + days(limit) + ": run the pipeline again"}}
	}
	return nil
}

// gapProblems returns the gaps of the report, except those that the pipeline's record closes.
func gapProblems(e Evidence) []problem {
	var ps []problem
	if e.RecordErr != nil {
		ps = append(ps, problem{Unknown, report.Invalid, strings.ReplaceAll(e.RecordErr.Error(), "\n", "; ")})
	}
	c := e.Report.Counts
	explained := c.Failed+c.Errored+c.Findings+c.Uncalled > 0 // the report explains a non-zero exit status
	if e.Seal == SealBroken {
		ps = append(ps, problem{Unknown, report.Truncated,
			"size or digest differs from " + report.Name(path.Base(e.Name)) + MetaSuffix + ": the report was truncated or changed after recording"})
	}
	if e.Exit != nil && *e.Exit != 0 && !explained {
		ps = append(ps, problem{Unknown, report.Failed,
			"tool ended with status " + strconv.Itoa(*e.Exit) + ", which the report does not explain"})
	}
	for _, g := range e.Report.Gaps {
		closed := e.Exit != nil && (g.Cure == report.ByExit || g.Cure == report.BySeal && e.Seal == SealIntact)
		if closed {
			continue
		}
		state := Unknown
		if g.Reason == report.Weak {
			state = Warn
		}
		ps = append(ps, problem{state, g.Reason, g.Detail + advice(g.Cure, e.Name)})
	}
	return ps
}

// advice returns the remedy for a gap of the report at name.
func advice(c report.Cure, name string) string {
	sidecar := report.Name(path.Base(name)) + MetaSuffix
	switch c {
	case report.ByExit:
		return " (record the tool's exit status in " + sidecar + ")"
	case report.BySeal:
		return " (record the tool's exit status and the file's size or digest in " + sidecar + ")"
	}
	return ""
}

// named lists the first findings.
func named(r *report.Report) string {
	const shown = 3
	if len(r.Findings) == 0 {
		return ""
	}
	var names []string
	for _, f := range r.Findings[:min(shown, len(r.Findings))] {
		names = append(names, f.String())
	}
	if len(r.Findings) > shown {
		names = append(names, "…")
	}
	return ": " + strings.Join(names, ", ")
}

// percent rounds down, so that 79.96 % is not shown as 80 %.
func percent(ratio float64) string {
	return fmt.Sprintf("%.1f %%", math.Floor(ratio*1000+1e-9)/10)
}

func days(d time.Duration) string {
	if d%(24*time.Hour) == 0 {
		return report.Count(int(d/(24*time.Hour)), "day")
	}
	return d.String()
}

// clockError returns how far the time of the evidence may be off: a time without zone and the time of a file that was
// unpacked may be in another zone.
func (e *Evidence) clockError() time.Duration {
	if !e.Stated || e.zoneless() {
		return zoneSlack
	}
	return skew
}

// zoneless reports whether the time of the evidence was stated without a zone.
func (e *Evidence) zoneless() bool { return e.Report.Zoneless && e.Taken.Equal(e.Report.Time) }
