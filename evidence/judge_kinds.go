package evidence

import (
	"fmt"
	"strings"
	"time"

	"github.com/thenexusengine/catalyst_exporter/evidence/report"
)

// The requirements of each kind of evidence. Adverse problems apply to any part of a report, totals only to a complete
// one.

// JudgeTests requires that at least one test ran, none failed and every package was built.
func JudgeTests(e Evidence, p Policy) Verdict {
	c := e.Report.Counts
	ran := c.Passed + c.Failed
	seen := fmt.Sprintf("%s passed", report.Count(c.Passed, "test"))
	if c.Packages > 0 {
		seen += " in " + report.Count(c.Packages, "package")
	}
	if c.Skipped > 0 {
		seen += fmt.Sprintf(", %d skipped", c.Skipped)
	}
	var adverse, totals []problem
	if c.Failed > 0 {
		adverse = append(adverse, problem{Fail, report.Unhealthy, fmt.Sprintf("%d of %s failed%s", c.Failed, report.Count(ran, "test"), named(&e.Report))})
	}
	if c.Errored > 0 {
		what := "did not complete"
		if c.Failed > 0 {
			adverse = append(adverse, problem{Fail, report.Unhealthy, fmt.Sprintf("%d more %s", c.Errored, what)})
		} else {
			adverse = append(adverse, problem{Fail, report.Unhealthy, fmt.Sprintf("%d packages, suites or tests %s%s", c.Errored, what, named(&e.Report))})
		}
	}
	if ran+c.Errored == 0 {
		totals = append(totals, problem{Fail, report.Empty, fmt.Sprintf("no test ran (%d skipped)", c.Skipped)})
	}
	// A single skipped test is no share.
	if most := orDefault(p.MaxSkipped, defaultMaxSkipped); c.Skipped > 1 && float64(c.Skipped) > most*float64(ran+c.Errored+c.Skipped) {
		totals = append(totals, problem{Warn, report.Weak, fmt.Sprintf("%d of %s skipped (%s), at most %s is allowed: run them in the pipeline", c.Skipped,
			report.Count(ran+c.Errored+c.Skipped, "test"), percent(float64(c.Skipped)/float64(ran+c.Errored+c.Skipped)), percent(most))})
	}
	if c.Flaky > 0 {
		totals = append(totals, problem{Warn, report.Weak, report.Count(c.Flaky, "test") + " passed only after a retry"})
	}
	return judge(e, p, seen, adverse, totals)
}

// JudgeCoverage requires a minimum coverage.
func JudgeCoverage(e Evidence, p Policy) Verdict {
	least := orDefault(p.MinCoverage, defaultMinCoverage)
	ratio, ok := e.Report.Measures[report.CoverageRatio]
	c := e.Report.Counts
	seen := fmt.Sprintf("%s of %d statements or lines covered", percent(ratio), c.Statements)
	var totals []problem
	switch {
	case !ok || c.Statements == 0:
		totals = append(totals, problem{Fail, report.Empty, "report has no statements"})
	case !(ratio >= least):
		totals = append(totals, problem{Fail, report.Threshold, seen + ", at least " + percent(least) + " is required"})
	}
	return judge(e, p, seen, nil, totals)
}

// JudgeLint requires at most the allowed findings, and that the linters finished.
func JudgeLint(e Evidence, p Policy) Verdict {
	return judge(e, p, nothingFound(&e.Report), objections(&e.Report, p, "finding"), suppressions(&e.Report, p))
}

// JudgeSecurity requires at most the allowed findings, and that everything was scanned. The detail counts suppressed
// findings.
func JudgeSecurity(e Evidence, p Policy) Verdict {
	return judge(e, p, nothingFound(&e.Report), objections(&e.Report, p, "finding"), suppressions(&e.Report, p))
}

// JudgeVulnerabilities requires at most the allowed number of called vulnerabilities (if the tool analyses calls), and
// that dependencies were audited.
func JudgeVulnerabilities(e Evidence, p Policy) Verdict {
	c := e.Report.Counts
	seen := nothingFound(&e.Report)
	if c.Uncalled > 0 {
		seen += fmt.Sprintf(", %d in uncalled code", c.Uncalled)
	}
	totals := suppressions(&e.Report, p)
	if c.Unaudited > 0 {
		totals = append(totals, problem{Warn, report.Weak, report.Count(c.Unaudited, "dependency") + " could not be checked"})
	}
	// osv-scanner does not list clean packages, but fails if it found no package.
	if c.Audited+c.Findings+c.Uncalled == 0 && !(e.Report.Format == report.OSVScanner && e.Exit != nil) {
		totals = append(totals, problem{Warn, report.Weak, "report does not list what was audited"})
	}
	if age := e.Taken.Sub(e.Report.Database); !e.Report.Database.IsZero() && age > orDefault(p.MaxDatabaseAge, defaultMaxDatabaseAge) {
		totals = append(totals, problem{Warn, report.Weak, fmt.Sprintf("vulnerability database was of %s, %s old: update it before the scan",
			e.Report.Database.UTC().Format(time.DateOnly), report.Count(int(age.Hours()/24), "day"))})
	}
	return judge(e, p, seen, objections(&e.Report, p, "vulnerability"), totals)
}

// JudgeSecrets requires that no secret was found.
func JudgeSecrets(e Evidence, p Policy) Verdict {
	var adverse []problem
	if n := e.Report.Counts.Findings; n > 0 {
		adverse = append(adverse, problem{Fail, report.Committed, report.Count(n,
			"secret") + " found" + named(&e.Report) + ": rotate them, then remove them from the history"})
	}
	return judge(e, p, nothingFound(&e.Report), adverse, nil)
}

// JudgeLoad requires that a load test met its own thresholds, the required rate, and the limits for errors and latency.
func JudgeLoad(e Evidence, p Policy) Verdict {
	c := e.Report.Counts
	factor, maxErrors := orDefault(p.RateFactor, defaultRateFactor), orDefault(p.MaxErrorRatio, defaultErrorRatio)
	maxP95 := orDefault(p.MaxP95, defaultMaxP95)
	var adverse, totals []problem
	if c.Failed+c.Errored > 0 {
		adverse = append(adverse, problem{Fail, report.Threshold, fmt.Sprintf("%d of %s not met%s", c.Failed+c.Errored, report.Count(c.Passed+c.Failed+c.Errored, "threshold"), named(&e.Report))})
	}
	if c.Requests == 0 && (e.Report.Format != report.JUnit || c.Passed+c.Failed+c.Errored == 0) {
		return judge(e, p, "", adverse, append(totals, problem{Fail, report.Empty, "no request was sent"}))
	}

	var seen, unstated []string
	measure := func(m report.Measure, name, format string, scale float64, holds func(v float64) bool, want string) {
		v, ok := e.Report.Measures[m]
		if !ok {
			unstated = append(unstated, name)
			return
		}
		text := fmt.Sprintf(format, v*scale)
		if seen = append(seen, text); !holds(v) {
			totals = append(totals, problem{Fail, report.Threshold, text + ", " + want})
		}
	}
	least := p.ExpectedRate * factor
	measure(report.RequestRate, "rate", "%.4g requests/s", 1, func(v float64) bool { return p.ExpectedRate <= 0 || v >= least },
		fmt.Sprintf("at least %.4g are required (%.4g times the expected %.4g)", least, factor, p.ExpectedRate))
	measure(report.ErrorRatio, "error ratio", "%.4g %% errors", 100, func(v float64) bool { return v < maxErrors },
		fmt.Sprintf("less than %.4g %% is allowed", maxErrors*100))
	measure(report.P95Seconds, "95th percentile", "95 %% of requests within %.4g s", 1,
		func(v float64) bool { return v < maxP95.Seconds() }, fmt.Sprintf("less than %.4g s is required", maxP95.Seconds()))
	if p.ExpectedRate <= 0 {
		totals = append(totals, problem{Warn, report.Weak,
			"expected production rate is not configured: the reached rate is not checked"})
	}
	totals = append(totals, extentOfLoad(e, p)...)
	if len(unstated) > 0 {
		q := problem{Unknown, report.Missing, "missing values: " + strings.Join(unstated, ", ")}
		if c.Passed > 0 {
			q.state, q.reason = Warn, report.Weak // its own thresholds were met
		}
		totals = append(totals, q)
	}
	if c.Passed > 0 {
		seen = append(seen, report.Count(c.Passed, "threshold")+" met")
	}
	return judge(e, p, strings.Join(seen, ", "), adverse, totals)
}

// objections returns the problem of more findings than allowed.
func objections(r *report.Report, p Policy, what string) []problem {
	n := r.Counts.Findings
	if n <= max(p.MaxFindings, 0) {
		return nil
	}
	text := report.Count(n, what)
	var by []string
	for _, s := range report.Severities() {
		if k := r.Severities[s]; k > 0 && s != report.UnknownSeverity {
			by = append(by, fmt.Sprintf("%d %s", k, s))
		}
	}
	if len(by) > 0 {
		text += " (" + strings.Join(by, ", ") + ")"
	}
	return []problem{{Fail, report.Threshold, text + named(r)}}
}

// nothingFound describes a report without objections.
func nothingFound(r *report.Report) string {
	tool := r.Tool
	if tool == "" {
		tool = "the tool"
	}
	text := tool + " found nothing"
	if n := r.Counts.Findings; n > 0 {
		text = tool + " found " + report.Count(n, "allowed finding")
	}
	if r.Counts.Suppressed > 0 {
		text += fmt.Sprintf(", %d suppressed", r.Counts.Suppressed)
	}
	return text
}
