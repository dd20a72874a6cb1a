package evidence

import (
	"io"
	"strconv"
	"strings"
)

// checkstyle reads checkstyle's XML, which golangci-lint, ESLint and many others write too: <file name> with <error line severity source>.
// It has no place for a crash, and some tools list only files with errors: without any file nothing shows that one was looked at.
func checkstyle(in *input, r *Report) error {
	x := newXML(in)
	file := ""
	for {
		e, _, err := x.next()
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
			file = attr(e, "name")
			r.Counts.Audited++
		case "error":
			severity := attr(e, "severity")
			if severity == "ignore" {
				r.Counts.Suppressed++
				continue
			}
			f := Finding{Rule: attr(e, "source"), File: file, Severity: severityOf(severity)}
			if f.Rule == "" {
				f.Rule = "a rule without name"
			}
			f.Line, _ = strconv.Atoi(attr(e, "line"))
			r.finding(f)
		}
	}
	if r.Counts.Audited == 0 {
		r.gap(Empty, ByExit, "it names no file: nothing shows that any was looked at")
	}
	return nil
}

// gosec reads gosec's JSON. "Golang errors" holds the files and packages that it could not load: they were not scanned. Issues marked nosec or with
// suppressions are listed with -track-suppressions only, else counted in Stats.nosec. Line numbers are strings, "12" or "12-14".
func gosec(in *input, r *Report) error {
	r.Tool = "gosec"
	j := newJSON(in.Reader)
	files, found, nosec := int64(-1), int64(0), int64(0)
	broken := 0
	err := j.object(func(key string) error {
		switch key {
		case "Golang errors":
			return j.object(func(string) error { broken++; return j.skip() })
		case "Issues":
			return j.array(func() error { return gosecIssue(j, r) })
		case "Stats":
			return j.object(func(key string) error {
				switch key {
				case "files":
					return j.whole(&files)
				case "found":
					return j.whole(&found)
				case "nosec":
					return j.whole(&nosec)
				}
				return j.skip()
			})
		}
		return j.skip()
	})
	if err == nil {
		err = j.end()
	}
	if broken > 0 {
		r.gap(Failed, Incurable, count(broken, "file")+" or packages could not be loaded by gosec (Golang errors): they were not scanned")
	}
	if err != nil {
		return err
	}
	listed := int64(r.Counts.Findings + r.Counts.Suppressed)
	r.Counts.Suppressed = max(r.Counts.Suppressed, int(nosec))
	switch {
	case files < 0:
		r.gap(Truncated, Incurable, "its statistics are missing")
	case files == 0:
		r.gap(Empty, Incurable, "no file was scanned")
	case found > listed:
		r.gap(Truncated, Incurable, "it states "+itoa(int(found))+" issues, "+itoa(int(listed))+" are there")
	default:
		r.Counts.Audited = int(files)
	}
	return nil
}

func gosecIssue(j *jsonReader, r *Report) error {
	var f Finding
	var line, severity string
	var nosec bool
	suppressions := 0
	err := j.object(func(key string) error {
		switch key {
		case "rule_id":
			return j.str(&f.Rule)
		case "file":
			return j.str(&f.File)
		case "severity":
			return j.str(&severity)
		case "line":
			text, err := j.scalar()
			line = text
			return err
		case "nosec":
			return j.boolean(&nosec)
		case "suppressions":
			return j.array(func() error { suppressions++; return j.skip() })
		}
		return j.skip()
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
	f.Severity = severityOf(severity)
	r.finding(f)
	return nil
}

// gitleaks reads gitleaks' JSON: a list of findings, of which rule, file, line and commit are kept. Secret, Match and the rest are passed over
// without ever being put together in memory. An empty list says honestly that there is none.
func gitleaks(in *input, r *Report) error {
	r.Tool = "gitleaks"
	j := newJSON(in.Reader)
	err := j.array(func() error {
		var f Finding
		line := int64(0)
		err := j.object(func(key string) error {
			switch key {
			case "RuleID":
				return j.str(&f.Rule)
			case "File":
				return j.str(&f.File)
			case "Commit":
				return j.str(&f.Commit)
			case "StartLine":
				return j.whole(&line)
			}
			return j.skip()
		})
		if err == nil && f.Rule == "" {
			err = j.invalid("an entry without RuleID")
		}
		if err == nil {
			f.Line = int(line)
			r.finding(f)
		}
		return err
	})
	if err != nil {
		return err
	}
	return j.end()
}
