// Package evidence reads and judges CI reports: tests, coverage, lint, security, vulnerabilities, load tests, secrets and SBOMs,
// in the formats of their tools.
//
// Reading and judging are separate. Parse turns a stream into a report.Report. Find and Read locate reports and determine
// their commit and time. Judge evaluates all of it against a Policy and has no side effects.
//
// The tests here cover the formats below evidence/report too: what counts is the judgement of what was read.
package evidence

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"io"
	"strings"
	"time"

	"github.com/thenexusengine/catalyst_exporter/evidence/report"
	"github.com/thenexusengine/catalyst_exporter/evidence/report/stream"
)

// Evidence is a report and the facts about it from other sources. Judge evaluates it.
type Evidence struct {
	Report report.Report
	Name   string // location for display; "" when there is none
	Err    error  // read error; Report then contains only its kind

	Commit   string // the report's commit, "" when unknown
	Conflict string // set when two sources name different commits
	Taken    time.Time
	Stated   bool // Taken is stated by the report or its record

	Dirty  bool   // the working tree had uncommitted changes, according to the record
	Target string // host of a load test, according to the record

	Exit      *int // exit status of the tool, if the pipeline recorded it
	Seal      Seal
	RecordErr error // why the report's record is invalid
}

// Seal says whether the file matches the pipeline's record.
type Seal int

// The seals.
const (
	Unsealed   Seal = iota // neither size nor digest is recorded
	SealIntact             // the file matches the record
	SealBroken             // the file differs from the record
)

// MetaSuffix is appended to a report's file name for the pipeline's Record.
const MetaSuffix = ".meta.yaml"

// Limits of the reports read to find the newest.
const (
	maxReports = 32 // reports that may belong to the commit
	maxOthers  = 4  // reports of other commits; only one is reported, as outdated
)

// Newest reads the candidates in the order of Find and returns the evidence to judge for the commit: its newest report,
// else the newest without a commit, else the newest of another commit. The name of the result is "" without candidates.
// memory may be nil.
//
// Newest uses the time that a report or its record states, else the file's. A broken newest report is returned: an
// older one would hide the fault.
func Newest(ctx context.Context, candidates []Candidate, kind report.Kind, commit string, memory *Memory) Evidence {
	best := Evidence{Report: report.Report{Kind: kind}}
	reports, others := 0, 0
	for _, c := range candidates {
		other := c.Commit != "" && !report.SameCommit(c.Commit, commit)
		switch {
		case other && (others >= maxOthers || best.rank(commit) > rankOther), !other && reports >= maxReports:
			continue
		case other:
			others++
		default:
			reports++
		}
		best = Best(best, Read(ctx, c, kind, memory), commit)
	}
	return best
}

// Best chooses among read evidence as Newest does. Evidence without a name is ignored.
func Best(a, b Evidence, commit string) Evidence {
	ra, rb := a.rank(commit), b.rank(commit)
	if rb > ra || rb == ra && b.Taken.After(a.Taken) {
		return b
	}
	return a
}

// The ranks of evidence.
const (
	rankNone    = iota
	rankOther   // another commit
	rankUnknown // unknown commit
	rankWanted  // the requested commit
)

func (e *Evidence) rank(commit string) int {
	switch {
	case e.Name == "":
		return rankNone
	case e.Commit == "":
		return rankUnknown
	case report.SameCommit(e.Commit, commit):
		return rankWanted
	}
	return rankOther
}

// Read reads one candidate or returns it from memory, which may be nil. The report is shared with later calls and must
// not be modified.
func Read(ctx context.Context, c Candidate, kind report.Kind, memory *Memory) Evidence {
	e := Evidence{Report: report.Report{Kind: kind}, Name: c.Name, Commit: c.Commit, Taken: c.Modified}
	stream, meta, err := c.Source.Open(ctx)
	if err != nil {
		e.Err = err
		return e
	}
	if !meta.Modified.IsZero() {
		e.Taken = meta.Modified
	}
	var rec Record
	if meta.Record != nil {
		rec, e.RecordErr = ParseRecord(c.Name+MetaSuffix, meta.Record)
	}
	if !rec.Time.IsZero() {
		e.Taken, e.Stated = rec.Time, true
	}
	e.Exit, e.Dirty, e.Target = rec.ExitCode, rec.Dirty, hostOf(rec.Target)

	read, known := memory.recall(c.Name, kind, meta.Version, rec.SHA256 != "")
	if !known {
		read, err = readReport(ctx, stream, kind, rec.SHA256 != "")
	}
	if closing := stream.Close(); err == nil {
		err = closing
	}
	if err != nil {
		e.Err = err
		e.place(c.Commit, rec.Commit, "", meta.Commit)
		return e
	}
	if !known {
		memory.keep(c.Name, kind, meta.Version, read)
	}
	e.Report = read.report
	e.Seal = rec.seal(read.report.Bytes, read.digest)
	if !e.Report.Time.IsZero() {
		e.Taken, e.Stated = e.Report.Time, true
	}
	e.place(c.Commit, rec.Commit, e.Report.Commit, meta.Commit)
	return e
}

// place determines the commit of the evidence. Folder, record, report and server may each name it and must agree.
func (e *Evidence) place(folder, record, own, server string) {
	type word struct{ where, commit string }
	e.Commit = ""
	var said []word
	for _, w := range []word{{"its folder", folder}, {"its record", record}, {"the report itself", own}, {"its server", server}} {
		if w.commit = strings.ToLower(w.commit); w.commit == "" {
			continue
		}
		for _, v := range said {
			if !report.SameCommit(v.commit, w.commit) && e.Conflict == "" {
				e.Conflict = v.where + " states commit " + report.ShortCommit(v.commit) + ", " + w.where + " states " + report.ShortCommit(w.commit)
			}
		}
		said = append(said, w)
		if len(w.commit) > len(e.Commit) {
			e.Commit = w.commit // the longest id is the most precise
		}
	}
}

// readResult is the cached result of reading a report.
type readResult struct {
	report report.Report
	digest string // SHA-256 of the bytes in hexadecimal, "" if it was not needed
}

func readReport(ctx context.Context, content io.Reader, kind report.Kind, digest bool) (readResult, error) {
	var h hash.Hash
	var r io.Reader = &impatient{ctx, content}
	if digest {
		h = sha256.New()
		r = io.TeeReader(r, h)
	}
	rep, err := Parse(r, kind)
	if err != nil {
		return readResult{}, err
	}
	// Parsers stop at a malformed part, but size and digest cover the whole report.
	rest, err := io.Copy(io.Discard, io.LimitReader(r, stream.MaxBytes-min(rep.Bytes, stream.MaxBytes)+1))
	if rep.Bytes += rest; err == nil && rep.Bytes > stream.MaxBytes {
		err = stream.ErrTooLong
	}
	if err != nil {
		return readResult{}, err
	}
	read := readResult{report: rep}
	if h != nil {
		read.digest = hex.EncodeToString(h.Sum(nil))
	}
	return read, nil
}

// impatient is a reader that stops when its context is done.
type impatient struct {
	ctx context.Context
	r   io.Reader
}

func (i *impatient) Read(p []byte) (int, error) {
	if err := i.ctx.Err(); err != nil {
		return 0, err
	}
	return i.r.Read(p)
}
