package evidence

import (
	"io"
	"strconv"
	"strings"
)

// checkstyle parses checkstyle's XML, which golangci-lint, ESLint and many others also write: <file name> with <error
// line severity source>. The format cannot express a crash, and some tools list only files with errors: without any
// file it is unproven that one was checked.
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
				f.Rule = "unnamed rule"
			}
			f.Line, _ = strconv.Atoi(attr(e, "line"))
			r.finding(f)
		}
	}
	if r.Counts.Audited == 0 {
		r.gap(Empty, ByExit, "report lists no files and does not show what was checked")
	}
	return nil
}

// gosec parses gosec's JSON. "Golang errors" lists files and packages that could not be loaded and were not scanned.
// Suppressed issues (nosec) are listed only with -track-suppressions, else counted in Stats.nosec. Line numbers are
// strings, "12" or "12-14".
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
		r.gap(Failed, Incurable, count(broken,
			"file")+" or packages could not be loaded by gosec (Golang errors) and were not scanned")
	}
	if err != nil {
		return err
	}
	listed := int64(r.Counts.Findings + r.Counts.Suppressed)
	r.Counts.Suppressed = max(r.Counts.Suppressed, int(nosec))
	switch {
	case files < 0:
		r.gap(Truncated, Incurable, "statistics are missing")
	case files == 0:
		r.gap(Empty, Incurable, "no file was scanned")
	case found > listed:
		r.gap(Truncated, Incurable, "report states "+strconv.Itoa(int(found))+" issues, but lists "+strconv.Itoa(int(listed)))
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

// gitleaks parses gitleaks' JSON: a list of findings, of which rule, file, line and commit are kept. Secret, Match and
// the rest are skipped and never held in memory. An empty list proves that nothing was found.
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
			err = j.invalid("entry without RuleID")
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
