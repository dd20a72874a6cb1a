package scanners

import (
	"bytes"
	"io"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/evidence/report"
	"github.com/thenexusengine/catalyst_exporter/evidence/report/stream"
)

// Golangci parses golangci-lint's JSON, versions 1 and 2:
// {"Issues":[…],"Report":{"Linters":[…],"Warnings":[…],"Error":"…"}}.
//
// A crashed linter leaves a warning instead of issues. An error of the whole run is in Report.Error. Code that does not
// compile is an issue of "typecheck". Version 2 writes its statistics after the JSON when both go to standard output.
func Golangci(in *stream.Input, r *report.Report) error {
	r.Tool = "golangci-lint"
	j := stream.NewJSON(in.Reader)
	var linters, enabled, crashed int
	var reported, failed bool
	err := j.Object(func(key string) error {
		switch key {
		case "Issues":
			return j.Array(func() error {
				f, err := golangciIssue(j)
				if err == nil {
					r.Add(f)
				}
				return err
			})
		case "Report":
			reported = true
			return j.Object(func(key string) error {
				switch key {
				case "Linters":
					return j.Array(func() error {
						on := false
						err := j.Object(func(key string) error {
							if key == "Enabled" {
								return j.Bool(&on)
							}
							return j.Skip()
						})
						if linters++; on {
							enabled++
						}
						return err
					})
				case "Warnings":
					return j.Array(func() error {
						text := ""
						err := j.Object(func(key string) error {
							if key == "Text" {
								return j.String(&text)
							}
							return j.Skip()
						})
						if text = strings.ToLower(text); strings.Contains(text, "can't run linter") || strings.Contains(text, "panic") {
							crashed++
						}
						return err
					})
				case "Error":
					text := ""
					err := j.String(&text)
					failed = failed || text != ""
					return err
				}
				return j.Skip()
			})
		}
		return j.Skip()
	})
	if failed {
		r.AddGap(report.Failed, report.Incurable, "golangci-lint reported an internal error (Report.Error)")
	}
	if crashed > 0 {
		r.AddGap(report.Failed, report.Incurable, report.Count(crashed, "linter")+" failed to run (Report.Warnings)")
	}
	if err != nil {
		return err
	}
	switch {
	case !reported:
		r.AddGap(report.Truncated, report.ByExit, "enabled linters are not listed")
	case linters > 0 && enabled == 0:
		r.AddGap(report.Empty, report.Incurable, "no linter was enabled")
	}
	r.Counts.Audited = enabled
	return golangciStatistics(in)
}

func golangciIssue(j *stream.JSON) (f report.Finding, err error) {
	var line int64
	var severity string
	err = j.Object(func(key string) error {
		switch key {
		case "FromLinter":
			return j.String(&f.Rule)
		case "Severity":
			return j.String(&severity)
		case "Pos":
			return j.Object(func(key string) error {
				switch key {
				case "Filename":
					return j.String(&f.File)
				case "Line":
					return j.Integer(&line)
				}
				return j.Skip()
			})
		}
		return j.Skip()
	})
	f.Line, f.Severity = int(line), report.ParseSeverity(severity)
	return f, err
}

// golangciStatistics skips the statistics that version 2 writes after the JSON: "0 issues." or "3 issues:" and "*
// linter: 2" lines.
func golangciStatistics(in *stream.Input) error {
	for {
		text, _, err := in.Line()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		text = bytes.TrimSpace(text)
		issues := bytes.TrimLeft(text, "0123456789")
		if len(text) == 0 || bytes.HasPrefix(text, []byte("* ")) || len(issues) < len(text) && (string(issues) == " issues." || string(issues) == " issues:") {
			continue
		}
		return stream.ErrTrailing()
	}
}
