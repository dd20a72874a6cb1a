package evidence

import (
	"fmt"
	"strings"
)

// What each kind of evidence is held against. Adverse problems are seen in any part of a report; totals need the whole of it.

// JudgeTests holds a test report against: at least one test ran, none failed, every package was built.
func JudgeTests(e Evidence, p Policy) Verdict {
	c := e.Report.Counts
	ran := c.Passed + c.Failed
	seen := fmt.Sprintf("%s passed", count(c.Passed, "test"))
	if c.Packages > 0 {
		seen += " in " + count(c.Packages, "package")
	}
	if c.Skipped > 0 {
		seen += fmt.Sprintf(", %d skipped", c.Skipped)
	}
	var adverse, totals []problem
	if c.Failed > 0 {
		adverse = append(adverse, problem{Fail, Unhealthy, fmt.Sprintf("%d of %s failed%s", c.Failed, count(ran, "test"), e.Report.named())})
	}
	if c.Errored > 0 {
		what := "could not be run to their end"
		if c.Failed > 0 {
			adverse = append(adverse, problem{Fail, Unhealthy, fmt.Sprintf("%d more %s", c.Errored, what)})
		} else {
			adverse = append(adverse, problem{Fail, Unhealthy, fmt.Sprintf("%d packages, suites or tests %s%s", c.Errored, what, e.Report.named())})
		}
	}
	if ran+c.Errored == 0 {
		totals = append(totals, problem{Fail, Empty, fmt.Sprintf("no test ran (%d skipped)", c.Skipped)})
	}
	if c.Flaky > 0 {
		totals = append(totals, problem{Warn, Weak, count(c.Flaky, "test") + " passed only when run again"})
	}
	return judge(e, p, seen, adverse, totals)
}

// JudgeCoverage holds a coverage report against the least ratio.
func JudgeCoverage(e Evidence, p Policy) Verdict {
	least := p.MinCoverage
	if least == 0 {
		least = defaultMinCoverage
	}
	ratio, ok := e.Report.Measures[CoverageRatio]
	c := e.Report.Counts
	seen := fmt.Sprintf("%s of %d statements or lines covered", percent(ratio), c.Statements)
	var totals []problem
	switch {
	case !ok || c.Statements == 0:
		totals = append(totals, problem{Fail, Empty, "it covers no statement at all"})
	case !(ratio >= least):
		totals = append(totals, problem{Fail, Threshold, seen + ", at least " + percent(least) + " are wanted"})
	}
	return judge(e, p, seen, nil, totals)
}

// JudgeLint holds a linter's report against: no more findings than allowed, and the linters finished.
func JudgeLint(e Evidence, p Policy) Verdict {
	return judge(e, p, e.Report.clear(), objections(&e.Report, p, "finding"), nil)
}

// JudgeSecurity holds a security scanner's report against: no more findings than allowed, and everything was scanned. Suppressed ones are told.
func JudgeSecurity(e Evidence, p Policy) Verdict {
	return judge(e, p, e.Report.clear(), objections(&e.Report, p, "finding"), nil)
}

// JudgeVulnerabilities holds a report on dependencies against: no more vulnerabilities than allowed that are called, as far as the tool knows about
// calls, and something was really audited.
func JudgeVulnerabilities(e Evidence, p Policy) Verdict {
	c := e.Report.Counts
	seen := e.Report.clear()
	if c.Uncalled > 0 {
		seen += fmt.Sprintf(", %d in code that is not called", c.Uncalled)
	}
	var totals []problem
	if c.Unaudited > 0 {
		totals = append(totals, problem{Warn, Weak, count(c.Unaudited, "dependency") + " could not be looked up"})
	}
	// osv-scanner names no clean package, but ends badly when it found none to look at.
	if c.Audited+c.Findings+c.Uncalled == 0 && !(e.Report.Format == OSVScanner && e.Exit != nil) {
		totals = append(totals, problem{Warn, Weak, "it does not say what was audited"})
	}
	return judge(e, p, seen, objections(&e.Report, p, "vulnerability"), totals)
}

// JudgeSecrets holds a secret scanner's report against: none found.
func JudgeSecrets(e Evidence, p Policy) Verdict {
	var adverse []problem
	if n := e.Report.Counts.Findings; n > 0 {
		adverse = append(adverse, problem{Fail, Committed, count(n, "secret") + " found" + e.Report.named() + ": replace them, then remove them from the history"})
	}
	return judge(e, p, e.Report.clear(), adverse, nil)
}

// JudgeLoad holds a load test's summary against: its own thresholds, the rate to be reached, and what the success criteria allow of errors and time.
func JudgeLoad(e Evidence, p Policy) Verdict {
	c := e.Report.Counts
	factor, maxErrors, maxP95 := p.RateFactor, p.MaxErrorRatio, p.MaxP95
	if factor == 0 {
		factor = defaultRateFactor
	}
	if maxErrors == 0 {
		maxErrors = defaultErrorRatio
	}
	if maxP95 == 0 {
		maxP95 = defaultMaxP95
	}
	var adverse, totals []problem
	if c.Failed+c.Errored > 0 {
		adverse = append(adverse, problem{Fail, Threshold, fmt.Sprintf("%d of %s not met%s", c.Failed+c.Errored, count(c.Passed+c.Failed+c.Errored, "threshold"), e.Report.named())})
	}
	if c.Requests == 0 && (e.Report.Format != JUnit || c.Passed+c.Failed+c.Errored == 0) {
		return judge(e, p, "", adverse, append(totals, problem{Fail, Empty, "no request was sent"}))
	}

	var seen, unstated []string
	measure := func(m Measure, name, format string, scale float64, holds func(v float64) bool, want string) {
		v, ok := e.Report.Measures[m]
		if !ok {
			unstated = append(unstated, name)
			return
		}
		text := fmt.Sprintf(format, v*scale)
		if seen = append(seen, text); !holds(v) {
			totals = append(totals, problem{Fail, Threshold, text + ", " + want})
		}
	}
	least := p.ExpectedRate * factor
	measure(RequestRate, "rate", "%.4g requests/s", 1, func(v float64) bool { return p.ExpectedRate <= 0 || v >= least },
		fmt.Sprintf("at least %.4g are wanted (%.4g times the expected %.4g)", least, factor, p.ExpectedRate))
	measure(ErrorRatio, "share of errors", "%.4g %% errors", 100, func(v float64) bool { return v < maxErrors }, fmt.Sprintf("less than %.4g %% are allowed", maxErrors*100))
	measure(P95Seconds, "95th percentile", "95 %% answered within %.4g s", 1, func(v float64) bool { return v < maxP95.Seconds() }, fmt.Sprintf("less than %.4g s is wanted", maxP95.Seconds()))
	if p.ExpectedRate <= 0 {
		totals = append(totals, problem{Warn, Weak, "the rate expected in production is not configured, so nothing says whether this was enough"})
	}
	if len(unstated) > 0 {
		q := problem{Unknown, Missing, "it does not state: " + strings.Join(unstated, ", ")}
		if c.Passed > 0 {
			q.state, q.reason = Warn, Weak // its own thresholds were met, whatever they are
		}
		totals = append(totals, q)
	}
	if c.Passed > 0 {
		seen = append(seen, count(c.Passed, "threshold")+" met")
	}
	return judge(e, p, strings.Join(seen, ", "), adverse, totals)
}

// objections are the findings beyond what is allowed.
func objections(r *Report, p Policy, what string) []problem {
	n := r.Counts.Findings
	if n <= max(p.MaxFindings, 0) {
		return nil
	}
	text := count(n, what)
	var by []string
	for _, s := range Severities() {
		if k := r.Severities[s]; k > 0 && s != UnknownSeverity {
			by = append(by, fmt.Sprintf("%d %s", k, s))
		}
	}
	if len(by) > 0 {
		text += " (" + strings.Join(by, ", ") + ")"
	}
	return []problem{{Fail, Threshold, text + r.named()}}
}

// clear says what a report without objection has seen.
func (r *Report) clear() string {
	tool := r.Tool
	if tool == "" {
		tool = "the tool"
	}
	text := tool + " found nothing"
	if n := r.Counts.Findings; n > 0 {
		text = tool + " found " + count(n, "thing") + ", which is allowed"
	}
	if r.Counts.Suppressed > 0 {
		text += fmt.Sprintf(", %d suppressed", r.Counts.Suppressed)
	}
	return text
}
