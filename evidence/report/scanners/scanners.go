// Package scanners reads the findings of linters and of security and secret scanners: golangci-lint, SARIF, checkstyle,
// gosec and gitleaks.
package scanners

import (
	"io"
	"strconv"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/evidence/report"
	"github.com/thenexusengine/catalyst_exporter/evidence/report/stream"
)

// maxSample is how many files of a report are compared with the commit.
const maxSample = 1000

// Checkstyle parses checkstyle's XML, which golangci-lint, ESLint and many others also write: <file name> with <error
// line severity source>. The format cannot express a crash, and some tools list only files with errors: without any
// file it is unproven that one was checked.
func Checkstyle(in *stream.Input, r *report.Report) error {
	x := stream.NewXML(in)
	file := ""
	for {
		e, _, err := x.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		if e == nil {
			continue
		}
		switch e.Name.Local {
		case "file":
			file = stream.Attr(e, "name")
			r.Counts.Audited++
			if r.Counts.Audited <= maxSample {
				r.AddSubject(file)
			}
		case "error":
			severity := stream.Attr(e, "severity")
			if severity == "ignore" {
				r.Counts.Suppressed++
				continue
			}
			f := report.Finding{Rule: stream.Attr(e, "source"), File: file, Severity: report.ParseSeverity(severity)}
			if f.Rule == "" {
				f.Rule = "unnamed rule"
			}
			f.Line, _ = strconv.Atoi(stream.Attr(e, "line"))
			r.Add(f)
		}
	}
	if r.Counts.Audited == 0 {
		r.AddGap(report.Empty, report.ByExit, "report lists no files and does not show what was checked")
	}
	return nil
}

// Gosec parses gosec's JSON. "Golang errors" lists files and packages that could not be loaded and were not scanned.
// Suppressed issues (nosec) are listed only with -track-suppressions, else counted in Stats.nosec. Line numbers are
// strings, "12" or "12-14".
func Gosec(in *stream.Input, r *report.Report) error {
	r.Tool = "gosec"
	j := stream.NewJSON(in.Reader)
	files, found, nosec := int64(-1), int64(0), int64(0)
	broken := 0
	err := j.Object(func(key string) error {
		switch key {
		case "Golang errors":
			return j.Object(func(string) error { broken++; return j.Skip() })
		case "Issues":
			return j.Array(func() error { return gosecIssue(j, r) })
		case "Stats":
			return j.Object(func(key string) error {
				switch key {
				case "files":
					return j.Integer(&files)
				case "found":
					return j.Integer(&found)
				case "nosec":
					return j.Integer(&nosec)
				}
				return j.Skip()
			})
		}
		return j.Skip()
	})
	if err == nil {
		err = j.End()
	}
	if broken > 0 {
		r.AddGap(report.Failed, report.Incurable, report.Count(broken,
			"file")+" or packages could not be loaded by gosec (Golang errors) and were not scanned")
	}
	if err != nil {
		return err
	}
	listed := int64(r.Counts.Findings + r.Counts.Suppressed)
	r.Counts.Suppressed = max(r.Counts.Suppressed, int(nosec))
	switch {
	case files < 0:
		r.AddGap(report.Truncated, report.Incurable, "statistics are missing")
	case files == 0:
		r.AddGap(report.Empty, report.Incurable, "no file was scanned")
	case found > listed:
		r.AddGap(report.Truncated, report.Incurable, "report states "+strconv.Itoa(int(found))+" issues, but lists "+strconv.Itoa(int(listed)))
	default:
		r.Counts.Audited = int(files)
	}
	return nil
}

func gosecIssue(j *stream.JSON, r *report.Report) error {
	var f report.Finding
	var line, severity string
	var nosec bool
	suppressions := 0
	err := j.Object(func(key string) error {
		switch key {
		case "rule_id":
			return j.String(&f.Rule)
		case "file":
			return j.String(&f.File)
		case "severity":
			return j.String(&severity)
		case "line":
			text, err := j.Scalar()
			line = text
			return err
		case "nosec":
			return j.Bool(&nosec)
		case "suppressions":
			return j.Array(func() error { suppressions++; return j.Skip() })
		}
		return j.Skip()
	})
	if err != nil {
		return err
	}
	if nosec || suppressions > 0 {
		r.Counts.Suppressed++
		return nil
	}
	first, _, _ := strings.Cut(line, "-")
	f.Line, _ = strconv.Atoi(first)
	f.Severity = report.ParseSeverity(severity)
	r.Add(f)
	return nil
}

// Gitleaks parses gitleaks' JSON: a list of findings, of which rule, file, line and commit are kept. Secret, Match and
// the rest are skipped and never held in memory. An empty list proves that nothing was found.
func Gitleaks(in *stream.Input, r *report.Report) error {
	r.Tool = "gitleaks"
	j := stream.NewJSON(in.Reader)
	err := j.Array(func() error {
		var f report.Finding
		line := int64(0)
		err := j.Object(func(key string) error {
			switch key {
			case "RuleID":
				return j.String(&f.Rule)
			case "File":
				return j.String(&f.File)
			case "Commit":
				return j.String(&f.Commit)
			case "StartLine":
				return j.Integer(&line)
			}
			return j.Skip()
		})
		if err == nil && f.Rule == "" {
			err = j.Invalid("entry without RuleID")
		}
		if err == nil {
			f.Line = int(line)
			r.Add(f)
		}
		return err
	})
	if err != nil {
		return err
	}
	return j.End()
}
