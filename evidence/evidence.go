package evidence

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"io"
	"strings"
	"time"
)

// Evidence is a report and what is known about it from outside: what is judged.
type Evidence struct {
	Report Report
	Name   string // where it lies, for people; "" when there is none
	Err    error  // why it could not be read; Report is then empty but for its kind

	Commit   string // the report is of, "" when nothing says so
	Conflict string // why Commit is in doubt: two places name different ones
	Taken    time.Time

	Exit      *int // status the tool ended with, where the pipeline recorded it
	Seal      Seal
	RecordErr error // why the record beside the report could not be understood
}

// Seal says whether the file is the one the pipeline recorded.
type Seal int

// The seals.
const (
	Unsealed   Seal = iota // neither size nor digest was recorded
	SealIntact             // what was recorded is what was read
	SealBroken             // it is not
)

// MetaSuffix is added to a report's file name for the file in which the pipeline records what the report itself cannot say (Record).
const MetaSuffix = ".meta.yaml"

// How many reports are read to find the newest.
const (
	maxReports = 32 // that may be of the commit
	maxOthers  = 4  // of other commits, of which only one is told, as outdated
)

// Newest reads the candidates, as Find orders them, and returns what to judge for the commit: the newest report of it, else the newest that does not
// say its commit, else the newest of another. Without candidates the name of the result is "". memory may be nil.
//
// Newest goes by the time a report or its record states, else by the file's. A newest one that is broken stays the newest: an older, better one
// would hide that.
func Newest(ctx context.Context, candidates []Candidate, kind Kind, commit string, memory *Memory) Evidence {
	best := Evidence{Report: Report{Kind: kind}}
	reports, others := 0, 0
	for _, c := range candidates {
		other := c.Commit != "" && !SameCommit(c.Commit, commit)
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

// Best chooses as Newest does among what was read; one without a name is none.
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
	rankOther   // of another commit
	rankUnknown // of no commit that is told
	rankWanted  // of the commit
)

func (e *Evidence) rank(commit string) int {
	switch {
	case e.Name == "":
		return rankNone
	case e.Commit == "":
		return rankUnknown
	case SameCommit(e.Commit, commit):
		return rankWanted
	}
	return rankOther
}

// Read reads one candidate, or recalls it from memory, which may be nil. The report is shared with later calls: it must not be changed.
func Read(ctx context.Context, c Candidate, kind Kind, memory *Memory) Evidence {
	e := Evidence{Report: Report{Kind: kind}, Name: c.Name, Commit: c.Commit, Taken: c.Modified}
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
		e.Taken = rec.Time
	}
	e.Exit = rec.ExitCode

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
		e.Taken = e.Report.Time
	}
	e.place(c.Commit, rec.Commit, e.Report.Commit, meta.Commit)
	return e
}

// place decides of which commit the evidence is: folder, record, report and server may each say so, and must not disagree.
func (e *Evidence) place(folder, record, own, server string) {
	type word struct{ where, commit string }
	e.Commit = ""
	var said []word
	for _, w := range []word{{"its folder", folder}, {"its record", record}, {"the report itself", own}, {"its server", server}} {
		if w.commit = strings.ToLower(w.commit); w.commit == "" {
			continue
		}
		for _, v := range said {
			if !SameCommit(v.commit, w.commit) && e.Conflict == "" {
				e.Conflict = v.where + " says commit " + short(v.commit) + ", " + w.where + " says " + short(w.commit)
			}
		}
		said = append(said, w)
		if len(w.commit) > len(e.Commit) {
			e.Commit = w.commit // the longest says most
		}
	}
}

// readResult is what a report was read as.
type readResult struct {
	report Report
	digest string // SHA-256 of the bytes in hexadecimal, "" when nobody asked for it
}

func readReport(ctx context.Context, stream io.Reader, kind Kind, digest bool) (readResult, error) {
	var h hash.Hash
	var r io.Reader = &impatient{ctx, stream}
	if digest {
		h = sha256.New()
		r = io.TeeReader(r, h)
	}
	rep, err := Parse(r, kind)
	if err != nil {
		return readResult{}, err
	}
	// A parser stops where a report is malformed; size and digest are of all of it.
	rest, err := io.Copy(io.Discard, io.LimitReader(r, MaxBytes-min(rep.Bytes, MaxBytes)+1))
	if rep.Bytes += rest; err == nil && rep.Bytes > MaxBytes {
		err = ErrTooLong
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

// impatient is a reader that ends with its context.
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
