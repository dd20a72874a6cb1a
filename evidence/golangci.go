package evidence

import (
	"bytes"
	"io"
	"strings"
)

// golangci parses golangci-lint's JSON, versions 1 and 2:
// {"Issues":[…],"Report":{"Linters":[…],"Warnings":[…],"Error":"…"}}.
//
// A crashed linter leaves a warning instead of issues. An error of the whole run is in Report.Error. Code that does not
// compile is an issue of "typecheck". Version 2 writes its statistics after the JSON when both go to standard output.
func golangci(in *input, r *Report) error {
	r.Tool = "golangci-lint"
	j := newJSON(in.Reader)
	var linters, enabled, crashed int
	var reported, failed bool
	err := j.object(func(key string) error {
		switch key {
		case "Issues":
			return j.array(func() error {
				f, err := golangciIssue(j)
				if err == nil {
					r.finding(f)
				}
				return err
			})
		case "Report":
			reported = true
			return j.object(func(key string) error {
				switch key {
				case "Linters":
					return j.array(func() error {
						on := false
						err := j.object(func(key string) error {
							if key == "Enabled" {
								return j.boolean(&on)
							}
							return j.skip()
						})
						if linters++; on {
							enabled++
						}
						return err
					})
				case "Warnings":
					return j.array(func() error {
						text := ""
						err := j.object(func(key string) error {
							if key == "Text" {
								return j.str(&text)
							}
							return j.skip()
						})
						if text = strings.ToLower(text); strings.Contains(text, "can't run linter") || strings.Contains(text, "panic") {
							crashed++
						}
						return err
					})
				case "Error":
					text := ""
					err := j.str(&text)
					failed = failed || text != ""
					return err
				}
				return j.skip()
			})
		}
		return j.skip()
	})
	if failed {
		r.gap(Failed, Incurable, "golangci-lint reported an internal error (Report.Error)")
	}
	if crashed > 0 {
		r.gap(Failed, Incurable, count(crashed, "linter")+" failed to run (Report.Warnings)")
	}
	if err != nil {
		return err
	}
	switch {
	case !reported:
		r.gap(Truncated, ByExit, "enabled linters are not listed")
	case linters > 0 && enabled == 0:
		r.gap(Empty, Incurable, "no linter was enabled")
	}
	r.Counts.Audited = enabled
	return golangciStatistics(in)
}

func golangciIssue(j *jsonReader) (f Finding, err error) {
	var line int64
	var severity string
	err = j.object(func(key string) error {
		switch key {
		case "FromLinter":
			return j.str(&f.Rule)
		case "Severity":
			return j.str(&severity)
		case "Pos":
			return j.object(func(key string) error {
				switch key {
				case "Filename":
					return j.str(&f.File)
				case "Line":
					return j.whole(&line)
				}
				return j.skip()
			})
		}
		return j.skip()
	})
	f.Line, f.Severity = int(line), severityOf(severity)
	return f, err
}

// golangciStatistics skips the statistics that version 2 writes after the JSON: "0 issues." or "3 issues:" and "*
// linter: 2" lines.
func golangciStatistics(in *input) error {
	for {
		text, _, err := in.line()
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
		return errTrailing()
	}
}
