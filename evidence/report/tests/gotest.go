// Package tests reads the results of tests: `go test -json` and JUnit XML.
package tests

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/thenexusengine/catalyst_exporter/evidence/report"
	"github.com/thenexusengine/catalyst_exporter/evidence/report/stream"
)

// The stream of `go test -json` as written by Go 1.20 to 1.26: one event per line, with many packages interleaved.
//
// Every package must have a final event. A package that failed without a failing test broke: it did not build (Go 1.24
// and later report this in FailedBuild and build-fail events, earlier versions only in their output), panicked, timed
// out, raced, or called os.Exit. Lines that are not JSON are output of the go command, which `2>&1` mixes in. Every
// test that was started must have ended before its package passed, so that missing lines are detected. Benchmarks are
// started but never end.
//
// A package that starts again after its final event is a rerun: the last result of a test counts, and a test that failed
// before is flaky. Repetitions within one run (-count) are not reruns.

type goEvent struct {
	when, action, pkg, test, output, importPath, failedBuild string
}

// goPackage is the state of one package until its final event.
type goPackage struct {
	ended   bool
	open    int    // tests started and not ended
	failed  int    // failed tests
	trouble string // how the package broke, according to its output

	failures map[string]bool // tests that failed in this run
	earlier  map[string]bool // tests that failed in earlier runs and have not passed since
	broke    bool            // in an earlier run
}

// finish ends a run of the package and keeps what a rerun may correct.
func (p *goPackage) finish(broke bool) {
	for name := range p.failures {
		if p.earlier == nil {
			p.earlier = make(map[string]bool)
		}
		p.earlier[name] = true
	}
	*p = goPackage{ended: true, earlier: p.earlier, broke: p.broke || broke}
}

// Go reads the stream of `go test -json`.
func Go(in *stream.Input, r *report.Report) error {
	r.Tool = "go test"
	j := stream.NewJSON(in.Reader)
	s := &goStream{r: r, packages: make(map[string]*goPackage)}
	for {
		c, err := j.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		if c != '{' {
			text, ended, err := in.Line()
			if err != nil {
				return err
			}
			if j.Line++; !ended {
				s.cut = fmt.Errorf("%w: line %d", stream.ErrTruncated, j.Line-1)
			}
			s.words(text)
			continue
		}
		at := j.Line
		e, err := readGoEvent(j)
		if errors.Is(err, stream.ErrTruncated) {
			s.cut = err
			break
		}
		if err != nil || e.action == "" {
			r.AddGap(report.Invalid, report.Incurable,
				"line "+strconv.Itoa(at)+" is not a test event: two streams may have been written to one file at the same time")
			if _, _, err := in.Line(); err != nil && err != io.EOF {
				return err
			}
			j.Line = at + 1
			continue
		}
		if err := s.event(e); err != nil {
			return err
		}
	}
	s.end()
	return s.cut
}

func readGoEvent(j *stream.JSON) (e goEvent, err error) {
	err = j.Object(func(key string) error {
		switch key {
		case "Time":
			return j.String(&e.when)
		case "Action":
			return j.String(&e.action)
		case "Package":
			return j.String(&e.pkg)
		case "Test":
			return j.String(&e.test)
		case "Output":
			return j.String(&e.output)
		case "ImportPath":
			return j.String(&e.importPath)
		case "FailedBuild":
			return j.String(&e.failedBuild)
		}
		return j.Skip()
	})
	return e, err
}

// goStream is the state of a stream.
type goStream struct {
	r        *report.Report
	packages map[string]*goPackage
	built    int // build-fail events
	broken   int // packages that did not build
	kept     int // names of failed tests
	cut      error
}

// troubles lists how a package can break.
func troubles() []string {
	return []string{"build failed", "failed outside its tests", "timed out", "panicked", "data race"}
}

func (s *goStream) of(name string) (*goPackage, error) {
	p := s.packages[name]
	if p == nil {
		if len(s.packages) >= report.MaxPackages {
			return nil, fmt.Errorf("%w: more than %d packages", stream.ErrInvalid, report.MaxPackages)
		}
		p = &goPackage{}
		s.packages[strings.Clone(name)] = p
	}
	return p, nil
}

func (s *goStream) event(e goEvent) error {
	if t, err := time.Parse(time.RFC3339Nano, e.when); err == nil {
		s.r.SetTime(t)
	}
	switch e.action {
	case "build-output":
		return nil
	case "build-fail":
		s.built++
		return nil
	}
	p, err := s.of(e.pkg)
	if err != nil {
		return err
	}
	if e.test != "" {
		s.test(p, e)
		return nil
	}
	switch e.action {
	case "start":
		*p = goPackage{earlier: p.earlier, broke: p.broke}
	case "output":
		p.notice(e.output)
	case "pass", "skip":
		s.r.Counts.Packages++
		if p.open > 0 && e.action == "pass" {
			s.r.AddGap(report.Truncated, report.Incurable,
				"package "+report.Name(e.pkg)+" passed but "+strconv.Itoa(p.open)+" of its tests did not end: lines are missing")
		}
		if p.broke && e.action == "pass" {
			s.r.Counts.Errored--
			s.r.Counts.Flaky++
			s.r.Unlist(func(f report.Finding) bool {
				return f.Package == report.Name(e.pkg) && slices.Contains(troubles(), f.Rule)
			})
			p.broke = false
		}
		p.finish(false)
	case "fail":
		s.r.Counts.Packages++
		if e.failedBuild != "" {
			p.trouble = "build failed"
		}
		if p.failed == 0 || p.trouble == "build failed" {
			if p.trouble == "" {
				p.trouble = "failed outside its tests"
			}
			if !p.broke {
				s.brokenPackage(p.trouble, e.pkg)
			}
			p.finish(true)
			break
		}
		p.finish(false)
	}
	return nil
}

func (s *goStream) brokenPackage(trouble, pkg string) {
	if trouble == "build failed" {
		s.broken++
	}
	s.r.Counts.Errored++
	s.r.List(report.Finding{Rule: trouble, Package: pkg})
}

func (s *goStream) test(p *goPackage, e goEvent) {
	benchmark := strings.HasPrefix(e.test, "Benchmark")
	switch e.action {
	case "run":
		p.ended = false
		if !benchmark {
			p.open++
		}
		return
	case "output":
		p.notice(e.output)
		return
	case "pass":
		s.r.Counts.Passed++
		if p.earlier[e.test] && !p.failures[e.test] {
			delete(p.earlier, e.test)
			s.r.Counts.Failed--
			s.r.Counts.Flaky++
			s.r.Unlist(func(f report.Finding) bool { return f.Package == report.Name(e.pkg) && f.Rule == report.Name(e.test) })
		}
	case "skip":
		s.r.Counts.Skipped++
	case "fail":
		p.failed++
		if !p.earlier[e.test] {
			s.r.Counts.Failed++
			s.r.List(report.Finding{Rule: e.test, Package: e.pkg})
		}
		if p.failures == nil {
			p.failures = make(map[string]bool)
		}
		if s.kept < report.MaxPackages { // of more failures a rerun changes nothing
			s.kept++
			p.failures[strings.Clone(e.test)] = true
		}
	default:
		return
	}
	if p.open > 0 && !benchmark {
		p.open--
	}
}

// notice records how a package broke. It is used only if the package fails: a passing test may print the same text.
func (p *goPackage) notice(output string) {
	switch {
	case strings.HasPrefix(output, "FAIL\t") && (strings.Contains(output, "[build failed]") || strings.Contains(output, "[setup failed]")):
		p.trouble = "build failed"
	case strings.HasPrefix(output, "panic: test timed out"):
		p.trouble = "timed out"
	case p.trouble == "" && strings.HasPrefix(output, "panic: "):
		p.trouble = "panicked"
	case p.trouble == "" && strings.HasPrefix(output, "WARNING: DATA RACE"):
		p.trouble = "data race"
	}
}

// words parses a line of the go command: before Go 1.24 a package that did not build or load was reported as plain
// text.
func (s *goStream) words(line []byte) {
	rest, ok := bytes.CutPrefix(line, []byte("FAIL\t"))
	if !ok {
		return
	}
	for _, what := range []string{"[build failed]", "[setup failed]"} {
		if pkg, ok := bytes.CutSuffix(bytes.TrimSpace(rest), []byte(what)); ok {
			s.r.Counts.Packages++
			s.brokenPackage("build failed", string(bytes.TrimSpace(pkg)))
		}
	}
}

func (s *goStream) end() {
	open, first := 0, ""
	for name, p := range s.packages {
		if name != "" {
			s.r.Subjects = append(s.r.Subjects, name)
		}
		if p.ended {
			continue
		}
		if open++; open == 1 || name < first {
			first = name
		}
	}
	if open > 0 {
		s.r.AddGap(report.Truncated, report.Incurable,
			strconv.Itoa(open)+" of "+strconv.Itoa(len(s.packages))+" packages have no result, the first is "+report.Name(first)+": stream is truncated")
	}
	if s.built > 0 && s.broken == 0 {
		s.r.Counts.Errored++ // a build failed in an unknown package
		s.r.List(report.Finding{Rule: "build failed"})
	}
}
