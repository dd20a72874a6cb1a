package tests

import (
	"encoding/xml"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/thenexusengine/catalyst_exporter/evidence/report"
	"github.com/thenexusengine/catalyst_exporter/evidence/report/stream"
)

// JUnit reads JUnit's XML, which has many dialects: the root is <testsuites> or a single <testsuite>, suites nest, times may have a zone.
//
// Test cases are counted instead of the totals in attributes. If the totals of the outermost suites state failures
// without a test case (a summary without cases), or more tests than present, the report is incomplete.
func JUnit(in *stream.Input, r *report.Report) error {
	x := stream.NewXML(in)
	var (
		stated junitTotals // of the outermost suites
		root   junitTotals // of <testsuites>
		cs     junitCase
		suite  []string // names of the open suites
		all    = junitCases{seen: map[string]bool{}, failed: map[string]bool{}}
	)
	for {
		e, end, err := x.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		if e == nil {
			switch end {
			case "testcase":
				all.end(cs, r)
			case "testsuite":
				suite = suite[:len(suite)-1]
			}
			continue
		}
		switch name := e.Name.Local; name {
		case "testsuites":
			root = totals(e)
			setJUnitTime(r, stream.Attr(e, "timestamp"))
		case "testsuite":
			if len(suite) == 0 {
				stated.add(totals(e))
			}
			suite = append(suite, stream.Attr(e, "name"))
			r.Counts.Packages++
			setJUnitTime(r, stream.Attr(e, "timestamp"))
		case "property": // gotestsum names the version of Go
			all.unique = all.unique || stream.Attr(e, "name") == "go.version"
		case "testcase":
			if slices.Contains(x.Path[:len(x.Path)-1], name) {
				return fmt.Errorf("%w: test case inside a test case", stream.ErrInvalid)
			}
			cs = newCase(e, suite)
		case "error", "failure", "skipped", "flakyFailure", "flakyError":
			switch {
			case x.Under("testcase", name):
				cs.child(name)
			case x.Under("testsuite", name) && name == "error":
				r.Counts.Errored++ // a suite whose setup failed
				r.List(report.Finding{Rule: "suite failed", Package: suite[len(suite)-1]})
			}
		}
	}
	stated.most(root)
	c := &r.Counts
	if missing := stated.bad - c.Failed - c.Errored; missing > 0 {
		c.Errored += missing
		r.List(report.Finding{Rule: strconv.Itoa(missing) + " failures in the totals without a test case"})
	}
	if held := c.Passed + c.Failed + c.Errored + c.Skipped; stated.tests > held+stated.skipped {
		r.AddGap(report.Truncated, report.Incurable, "totals state "+strconv.Itoa(stated.tests)+" tests, but "+strconv.Itoa(held)+" are present")
	}
	return nil
}

// junitTotals are the totals in a suite's attributes.
type junitTotals struct{ tests, bad, skipped int }

func totals(e *xml.StartElement) junitTotals {
	n := func(name string) int {
		v, err := strconv.Atoi(stream.Attr(e, name))
		if err != nil || v < 0 || v > 1<<30 {
			return 0
		}
		return v
	}
	return junitTotals{n("tests"), n("failures") + n("errors"), n("skipped") + n("disabled")}
}

func (t *junitTotals) add(u junitTotals) {
	t.tests, t.bad, t.skipped = t.tests+u.tests, t.bad+u.bad, t.skipped+u.skipped
}

func (t *junitTotals) most(u junitTotals) {
	t.tests, t.bad, t.skipped = max(t.tests, u.tests), max(t.bad, u.bad), max(t.skipped, u.skipped)
}

// junitCase is the test case being parsed.
type junitCase struct {
	report.Finding
	failed, errored, skipped, flaky bool
}

func newCase(e *xml.StartElement, suite []string) junitCase {
	c := junitCase{Finding: report.Finding{Rule: stream.Attr(e, "name"), Package: stream.Attr(e, "classname"), File: stream.Attr(e, "file")}}
	if c.Package == "" && len(suite) > 0 {
		c.Package = suite[len(suite)-1]
	}
	c.Line, _ = strconv.Atoi(stream.Attr(e, "line"))
	for _, name := range []string{"status", "result"} { // of GoogleTest and others
		switch strings.ToLower(stream.Attr(e, name)) {
		case "failed", "failure":
			c.failed = true
		case "error", "errored":
			c.errored = true
		case "notrun", "skipped", "disabled", "suppressed":
			c.skipped = true
		}
	}
	return c
}

func (c *junitCase) child(name string) {
	switch name {
	case "failure":
		c.failed = true
	case "error":
		c.errored = true
	case "skipped":
		c.skipped = true
	default:
		c.flaky = true
	}
}

// count adds the case to the report. A test case counts once, with its worst result.
func (c *junitCase) count(r *report.Report) {
	switch {
	case c.failed:
		r.Counts.Failed++
		r.List(c.Finding)
	case c.errored:
		r.Counts.Errored++
		r.List(c.Finding)
	case c.skipped:
		r.Counts.Skipped++
	default:
		r.Counts.Passed++
		if c.flaky {
			r.Counts.Flaky++
		}
	}
}

// setJUnitTime sets the time of a timestamp. The schema requires local time without zone. It is read as UTC, so it may be
// off by 14 hours; other tools state a zone.
func setJUnitTime(r *report.Report, text string) {
	if t, err := time.Parse(time.RFC3339Nano, text); err == nil {
		r.SetTime(t)
		return
	}
	for _, layout := range []string{"2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999"} {
		if t, err := time.Parse(layout, text); err == nil {
			r.SetZonelessTime(t)
			return
		}
	}
}
