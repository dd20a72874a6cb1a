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
	"strings"
	"time"

	"github.com/thenexusengine/catalyst_exporter/files"
)

// State is a verdict's word, as the exporter's own states are called.
type State string

// The states a judgement of evidence can have.
const (
	Pass    State = "pass"
	Warn    State = "warn"
	Fail    State = "fail"
	Unknown State = "unknown"
)

// Reason is a word of the exporter's closed list of reasons.
type Reason string

// The reasons a judgement of evidence can have.
const (
	Missing          Reason = "missing"           // there is no report, or it does not state what was asked
	Empty            Reason = "empty"             // nothing was tested, measured, scanned or written
	Truncated        Reason = "truncated"         // not the whole, or nothing shows that it is
	Invalid          Reason = "invalid"           // not what its format allows, or dated in the future
	Failed           Reason = "error"             // the tool broke, or ended badly without saying why
	Stale            Reason = "stale"             // older than allowed
	Outdated         Reason = "outdated"          // of another commit
	Mismatch         Reason = "mismatch"          // what lies beside the report contradicts it
	Unhealthy        Reason = "unhealthy"         // tests fail
	Threshold        Reason = "threshold"         // a number is on the wrong side
	Committed        Reason = "committed"         // secrets were found
	Weak             Reason = "weak"              // holds, but shows less than it could
	Timeout          Reason = "timeout"           // reading took too long
	PermissionDenied Reason = "permission_denied" // reading was not allowed
)

// Policy is what a report is held against. The zero value of a limit stands for its default.
type Policy struct {
	Now time.Time // required

	// Commit is the one the evidence must be of, whole or at least 7 digits; "" when none is known: then age alone counts, which is weak.
	Commit string
	// CommitTime is when that commit was made, if known: a report that names no commit and is older cannot be of it.
	CommitTime time.Time
	// MaxAge of the evidence; default 90 days for load tests, 30 days for everything else.
	MaxAge time.Duration

	MinCoverage float64 // ratio; default 0.8
	MaxFindings int     // of lint, security, vulnerabilities; default none

	ExpectedRate  float64       // requests per second expected in production; 0: not known, which is weak
	RateFactor    float64       // how many times that a load test must have reached; default 1.5
	MaxErrorRatio float64       // a load test must stay below; default 0.01
	MaxP95        time.Duration // likewise; default 200 ms
}

// Defaults of Policy, from the checklist's document.
const (
	defaultMaxAge      = 30 * 24 * time.Hour
	defaultLoadMaxAge  = 90 * 24 * time.Hour
	defaultMinCoverage = 0.8
	defaultRateFactor  = 1.5
	defaultErrorRatio  = 0.01
	defaultMaxP95      = 200 * time.Millisecond
)

// futureSlack is how far a report may seem to be ahead of the clock: JUnit's times have no zone, and the earliest zone is 14 hours ahead of UTC.
const futureSlack = 15 * time.Hour

// Verdict is what evidence is worth.
type Verdict struct {
	State  State
	Reason Reason // "" for pass
	Detail string // for people; for a pass what was seen
}

// problem is one thing to object to.
type problem struct {
	state  State
	reason Reason
	detail string
}

// Judge dispatches on the report's kind.
func Judge(e Evidence, p Policy) Verdict {
	switch e.Report.Kind {
	case Tests:
		return JudgeTests(e, p)
	case Coverage:
		return JudgeCoverage(e, p)
	case Lint:
		return JudgeLint(e, p)
	case Security:
		return JudgeSecurity(e, p)
	case Vulnerabilities:
		return JudgeVulnerabilities(e, p)
	case Load:
		return JudgeLoad(e, p)
	case Secrets:
		return JudgeSecrets(e, p)
	}
	return Verdict{Unknown, Invalid, "a report of no kind that is known"}
}

// judge weighs what every kind is asked against what is adverse: adverse problems hold whatever else is wrong with the report, totals only where
// it shows the whole, since half a report has few tests and little coverage.
func judge(e Evidence, p Policy, seen string, adverse, totals []problem) Verdict {
	if e.Err != nil {
		state, reason := Unread(e.Err)
		return Verdict{state, reason, e.about(e.Err.Error())}
	}
	if e.Name == "" {
		return Verdict{Fail, Missing, "there is no report of " + string(e.Report.Kind) + ": let the pipeline write one"}
	}
	all := slices.Clone(adverse)
	all = append(all, commitProblems(e, p)...)
	all = append(all, ageProblems(e, p)...)
	gaps := gapProblems(e)
	if all = append(all, gaps...); !slices.ContainsFunc(gaps, func(q problem) bool { return q.state == Unknown }) {
		all = append(all, totals...)
	}
	if len(all) == 0 {
		return Verdict{Pass, "", seen}
	}
	// Stable, so that the reason does not flap: among equals the first asked decides.
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

// about names the report a detail speaks of.
func (e *Evidence) about(detail string) string {
	if e.Name == "" {
		return detail
	}
	return clean(e.Name) + ": " + detail
}

// Unread judges a report that could not be read at all.
func Unread(err error) (State, Reason) {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Fail, Missing
	case errors.Is(err, fs.ErrPermission):
		return Unknown, PermissionDenied
	case errors.Is(err, context.DeadlineExceeded):
		return Unknown, Timeout
	case errors.Is(err, ErrEmpty):
		return Unknown, Empty
	case errors.Is(err, files.ErrChanged), errors.Is(err, io.ErrUnexpectedEOF):
		return Unknown, Truncated
	case errors.Is(err, ErrFormat), errors.Is(err, ErrTooLong), errors.Is(err, ErrFetch), errors.Is(err, files.ErrNotRegular):
		return Unknown, Invalid
	}
	return Unknown, Failed
}

func commitProblems(e Evidence, p Policy) []problem {
	switch {
	case e.Conflict != "":
		return []problem{{Fail, Mismatch, e.Conflict}}
	case p.Commit == "":
		return []problem{{Warn, Weak, "no commit is known to hold it against: only its age counts"}}
	case e.Commit == "" && e.Taken.Before(p.CommitTime.Add(-futureSlack)):
		return []problem{{Fail, Outdated, "it is older than commit " + short(p.Commit)}}
	case e.Commit == "":
		return []problem{{Warn, Weak, "it does not say of which commit it is: put it into a folder named " + short(p.Commit) + " or state the commit beside it"}}
	case !SameCommit(e.Commit, p.Commit):
		return []problem{{Fail, Outdated, "it is of commit " + short(e.Commit) + ", not of " + short(p.Commit) + ": run the pipeline for that one"}}
	}
	return nil
}

func ageProblems(e Evidence, p Policy) []problem {
	limit := p.MaxAge
	if limit == 0 {
		limit = defaultMaxAge
		if e.Report.Kind == Load {
			limit = defaultLoadMaxAge
		}
	}
	switch age := p.Now.Sub(e.Taken); {
	case e.Taken.IsZero():
		return []problem{{Unknown, Stale, "it does not say when it was made"}}
	case age < -futureSlack:
		return []problem{{Unknown, Invalid, "it is dated " + e.Taken.UTC().Format(time.DateTime) + " UTC, which is yet to come: check the clocks"}}
	case age > limit:
		return []problem{{Fail, Stale, "it is of " + e.Taken.UTC().Format(time.DateOnly) + ", older than " + days(limit) + ": run the pipeline again"}}
	}
	return nil
}

// gapProblems tells what keeps the report from showing the whole, unless the pipeline recorded what closes the gap.
func gapProblems(e Evidence) []problem {
	var ps []problem
	if e.RecordErr != nil {
		ps = append(ps, problem{Unknown, Invalid, strings.ReplaceAll(e.RecordErr.Error(), "\n", "; ")})
	}
	c := e.Report.Counts
	explained := c.Failed+c.Errored+c.Findings+c.Uncalled > 0 // what tools end with another status for
	if e.Seal == SealBroken {
		ps = append(ps, problem{Unknown, Truncated, "size or digest are not those that " + clean(path.Base(e.Name)) + MetaSuffix + " states: it was cut or changed afterwards"})
	}
	if e.Exit != nil && *e.Exit != 0 && !explained {
		ps = append(ps, problem{Unknown, Failed, "its tool ended with status " + itoa(*e.Exit) + ", and the report does not say why"})
	}
	for _, g := range e.Report.Gaps {
		closed := e.Exit != nil && (g.Cure == ByExit || g.Cure == BySeal && e.Seal == SealIntact)
		if closed {
			continue
		}
		state := Unknown
		if g.Reason == Weak {
			state = Warn
		}
		ps = append(ps, problem{state, g.Reason, g.Detail + g.Cure.advice(e.Name)})
	}
	return ps
}

// advice says what to do about a gap of the report at name.
func (c Cure) advice(name string) string {
	sidecar := clean(path.Base(name)) + MetaSuffix
	switch c {
	case ByExit:
		return " (record the tool's exit status in " + sidecar + ")"
	case BySeal:
		return " (record the tool's exit status and the file's size or digest in " + sidecar + ")"
	}
	return ""
}

// named lists the first findings.
func (r *Report) named() string {
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

func count(n int, what string) string {
	switch stem, y := strings.CutSuffix(what, "y"); {
	case n == 1:
	case y && what != "day":
		what = stem + "ies"
	default:
		what += "s"
	}
	return itoa(n) + " " + what
}

// percent rounds down, so that 79.96 % does not read as the 80 % it is not.
func percent(ratio float64) string {
	return fmt.Sprintf("%.1f %%", math.Floor(ratio*1000+1e-9)/10)
}

func days(d time.Duration) string {
	if d%(24*time.Hour) == 0 {
		return count(int(d/(24*time.Hour)), "day")
	}
	return d.String()
}
