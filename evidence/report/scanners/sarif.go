package scanners

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/thenexusengine/catalyst_exporter/evidence/report"
	"github.com/thenexusengine/catalyst_exporter/evidence/report/stream"
)

// SARIF parses SARIF 2.1.0 (OASIS), which many linters and scanners write.
//
// An empty list of results does not prove that the tool ran to completion. invocations[].executionSuccessful does, but
// many tools omit it (golangci-lint, gosec, govulncheck, gitleaks, trivy); then the pipeline must record the exit
// status. Results that are suppressed, absent, passed or not applicable are not findings. Messages and snippets are
// skipped.
func SARIF(in *stream.Input, r *report.Report) error {
	j := stream.NewJSON(in.Reader)
	version, runs, lints := "", 0, 0
	err := j.Object(func(key string) error {
		switch key {
		case "version":
			return j.String(&version)
		case "runs":
			return j.Array(func() error {
				runs++
				run := sarifRun{r: r, rules: make(map[string]sarifRule), seen: make(map[sarifResult]int)}
				err := run.read(j)
				run.tell()
				if run.onlyLints() {
					lints++
				}
				return err
			})
		}
		return j.Skip()
	})
	if err == nil {
		err = j.End()
	}
	if err != nil {
		return err
	}
	if version != "2.1.0" {
		r.AddGap(report.Invalid, report.Incurable, "SARIF version is not 2.1.0")
	}
	switch {
	case runs == 0:
		r.AddGap(report.Empty, report.Incurable, "report contains no run")
	case lints == runs && r.Kind != report.Lint:
		r.AddGap(report.Invalid, report.Incurable, r.Tool+" is a linter without security rules: it is evidence of lint, not of "+string(r.Kind))
	}
	return nil
}

type sarifRun struct {
	r           *report.Report
	tool        string
	calls       bool // the tool is govulncheck and analysed calls
	computed    bool // results is a list: null and none mean that the tool did not compute any (SARIF 3.14.23)
	finished    int  // successful invocations
	unfinished  int  // failed invocations
	unsaid      int  // invocations without a result
	troubles    int  // errors of the tool itself
	commits     []string
	rules       map[string]sarifRule
	names       []string            // of rules by index
	seen        map[sarifResult]int // results that count, by the fields that decide their severity: rules may follow results
	first       []sarifFinding
	suppressed  int
	artifacts   int
	tooManyKeys bool
}

type sarifRule struct {
	level    string
	severity float64 // CVSS, 0 when not stated
}

type sarifResult struct {
	rule  string
	index int // -1 when not stated
	level string
}

type sarifFinding struct {
	report.Finding
	sarifResult
}

func (s *sarifRun) read(j *stream.JSON) error {
	return j.Object(func(key string) error {
		switch key {
		case "tool":
			return j.Object(func(key string) error {
				if key == "driver" {
					return s.driver(j)
				}
				return j.Skip()
			})
		case "invocations":
			return j.Array(func() error { return s.invocation(j) })
		case "artifacts":
			return j.Array(func() error { s.artifacts++; return s.artifact(j) })
		case "versionControlProvenance":
			return j.Array(func() error {
				revision := ""
				err := j.Object(func(key string) error {
					if key == "revisionId" {
						return j.String(&revision)
					}
					return j.Skip()
				})
				if revision = strings.ToLower(revision); report.IsCommit(revision) && len(s.commits) < 2 && !slices.Contains(s.commits, revision) {
					s.commits = append(s.commits, revision)
				}
				return err
			})
		case "results":
			first, err := j.Next()
			s.computed = err == nil && first == '['
			return j.Array(func() error { return s.result(j) })
		}
		return j.Skip()
	})
}

// artifact reads a file that the tool analysed.
func (s *sarifRun) artifact(j *stream.JSON) error {
	uri := ""
	err := j.Object(func(key string) error {
		if key != "location" {
			return j.Skip()
		}
		return j.Object(func(key string) error {
			if key == "uri" {
				return j.String(&uri)
			}
			return j.Skip()
		})
	})
	if u, bad := url.Parse(uri); s.artifacts <= maxSample && bad == nil && (u.Scheme == "" || u.Scheme == "file") {
		s.r.AddSubject(u.Path)
	}
	return err
}

func (s *sarifRun) driver(j *stream.JSON) error {
	level := ""
	err := j.Object(func(key string) error {
		switch key {
		case "name":
			return j.String(&s.tool)
		case "properties":
			return j.Object(func(key string) error {
				if key == "scan_level" {
					text, err := j.Scalar()
					level = text
					return err
				}
				return j.Skip()
			})
		case "rules":
			return j.Array(func() error { return s.rule(j) })
		}
		return j.Skip()
	})
	s.calls = s.tool == "govulncheck" && level == "symbol"
	return err
}

func (s *sarifRun) rule(j *stream.JSON) error {
	id, rule := "", sarifRule{}
	err := j.Object(func(key string) error {
		switch key {
		case "id":
			return j.String(&id)
		case "defaultConfiguration":
			return j.Object(func(key string) error {
				if key == "level" {
					return j.String(&rule.level)
				}
				return j.Skip()
			})
		case "properties":
			return j.Object(func(key string) error {
				if key != "security-severity" {
					return j.Skip()
				}
				text, err := j.Scalar()
				rule.severity, _ = strconv.ParseFloat(text, 64)
				return err
			})
		}
		return j.Skip()
	})
	if len(s.names) < report.MaxPackages {
		s.names = append(s.names, report.Name(id))
		s.rules[report.Name(id)] = rule
	} else {
		s.tooManyKeys = true
	}
	return err
}

func (s *sarifRun) invocation(j *stream.JSON) error {
	said, successful, end := false, false, ""
	err := j.Object(func(key string) error {
		switch key {
		case "executionSuccessful":
			said = true
			return j.Bool(&successful)
		case "endTimeUtc":
			return j.String(&end)
		case "toolExecutionNotifications", "toolConfigurationNotifications":
			return j.Array(func() error {
				level := ""
				err := j.Object(func(key string) error {
					if key == "level" {
						return j.String(&level)
					}
					return j.Skip()
				})
				if level == "error" {
					s.troubles++
				}
				return err
			})
		}
		return j.Skip()
	})
	switch {
	case !said:
		s.unsaid++
	case successful:
		s.finished++
	default:
		s.unfinished++
	}
	if t, err := time.Parse(time.RFC3339Nano, end); err == nil {
		s.r.SetTime(t)
	}
	return err
}

// resolve adds the fields that a result inherits from its rule.
func (s *sarifRun) resolve(v sarifResult) (rule string, counts bool, severity report.Severity) {
	if v.rule == "" && v.index >= 0 && v.index < len(s.names) {
		v.rule = s.names[v.index]
	}
	// A result's id may be the rule's id followed by a slash and more (SARIF 3.27.5).
	known, ok := s.rules[v.rule]
	for name := v.rule; !ok && strings.Contains(name, "/"); {
		name = name[:strings.LastIndexByte(name, '/')]
		known, ok = s.rules[name]
	}
	level := v.level
	if level == "" {
		level = known.level
	}
	if level == "" {
		level = "warning" // the default of the standard
	}
	if v.rule == "" {
		v.rule = "unnamed rule"
	}
	if severity = report.SeverityOfScore(known.severity); severity == report.UnknownSeverity {
		severity = report.ParseSeverity(level)
	}
	return v.rule, !(s.calls && s.r.Kind == report.Vulnerabilities) || level == "error", severity
}

// tell adds the run to the report.
func (s *sarifRun) tell() {
	r := s.r
	tool := report.Name(s.tool)
	if r.Tool == "" {
		r.Tool = tool
	}
	if len(s.commits) == 1 && r.Commit == "" {
		r.Commit = s.commits[0]
	}
	r.Counts.Suppressed += s.suppressed
	r.Counts.Audited += s.artifacts
	for v, n := range s.seen {
		_, counts, severity := s.resolve(v)
		if !counts {
			r.Counts.Uncalled += n
			continue
		}
		r.Counts.Findings += n
		for range n {
			r.AddSeverity(severity)
		}
	}
	for _, f := range s.first {
		rule, counts, severity := s.resolve(f.sarifResult)
		if counts {
			f.Rule, f.Severity = rule, severity
			r.List(f.Finding)
		}
	}
	if tool == "" {
		tool = "unnamed tool"
	}
	switch {
	case s.unfinished > 0 || s.troubles > 0:
		r.AddGap(report.Failed, report.Incurable, tool+" reported an unsuccessful execution (invocations)")
	case s.finished == 0 || s.unsaid > 0:
		r.AddGap(report.Truncated, report.ByExit, tool+" does not report whether it finished (no invocations)")
	}
	if !s.computed {
		r.AddGap(report.Empty, report.ByExit, tool+" did not compute results (no list of results)")
	}
	if s.tooManyKeys {
		r.AddGap(report.Invalid, report.Incurable, "report has more than "+strconv.Itoa(report.MaxPackages)+" rules")
	}
}
