package attest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/files"
)

// Rules of this file: how a chain of records is read, and how exactly is told what happened to it.
//
// Record N is the file NNNN.yaml: the number alone, so that two processes that write at once want the same name and one of them does not get it. Each
// record names the SHA-256 of the file before. The last one has no successor to vouch for it: head.sha256 does (sha256sum -c checks it). It is written
// after the record, so it may lag behind, but never speaks of a record that was not there.
//
// That makes accidents and clumsy hands visible, not a forger who rewrites everything from some record on: commit the folder to see those.

const (
	headName = "head.sha256"
	maxHead  = 1 << 10
)

var (
	recordName = regexp.MustCompile(`^(\d{1,6})(.*)\.ya?ml$`)
	headForm   = regexp.MustCompile(`^([0-9a-f]{64})  (\d{4,6})\.yaml\n$`)
)

// Chain is the release records of one deployment. With Problems it says what its readable records say, and must not be judged by.
type Chain struct {
	Records      []Record  // by number; without those that are missing or cannot be read
	Problems     []Problem // what is wrong with it
	Acknowledged []Problem // what is wrong, and was known to who appended a record all the same

	dir   string
	last  int            // highest number known of
	sums  map[int]string // digests of the files
	state *history
}

// ProblemKind is what happened to a record.
type ProblemKind string

// The kinds.
const (
	RecordChanged    ProblemKind = "changed"    // its digest is not the one its successor (or the head) names
	RecordMissing    ProblemKind = "missing"    // a number is left out, or more records were there
	RecordForked     ProblemKind = "forked"     // two files for one number, or a record that follows another than the one before
	RecordUnreadable ProblemKind = "unreadable" // the system does not let us read it
	RecordInvalid    ProblemKind = "invalid"    // no record of ours, or one that contradicts those before
)

// Problem is one thing wrong with a chain.
type Problem struct {
	Kind   ProblemKind
	Number int // of the record; 0: of none
	Detail string
	Err    error // of reading, where there is one

	// state of the file, so that what was acknowledged of one is not of another.
	state string
}

// Error is one line that begins with the record.
func (p Problem) Error() string {
	if p.Number == 0 {
		return "release records: " + p.Detail
	}
	return fmt.Sprintf("release record %d: %s", p.Number, p.Detail)
}

// Unwrap returns the error of reading.
func (p Problem) Unwrap() error { return p.Err }

// OpenChain reads the records in dir; a dir that is not there holds none. Cache, which may be nil, keeps what was parsed. The error is of reading the
// directory itself: then nothing is known.
func OpenChain(dir string, cache *files.Cache) (*Chain, error) {
	c := &Chain{dir: dir, sums: make(map[int]string), state: newHistory()}
	if _, _, err := files.Look(dir); errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	// The head first: what is appended meanwhile must not look as if it were missing.
	head, headSum := c.readHead()
	names, err := listDir(dir)
	if err != nil {
		return nil, err
	}
	if cache == nil {
		cache = &files.Cache{}
	}
	names = c.overlooked(names, head)
	records := c.read(names, cache)
	c.last = max(c.last, head)
	c.findMissing(names, head)
	c.findChanged(records, head, headSum)
	broken := len(c.Problems) > 0
	for n := range c.last {
		r := records[n+1]
		if r == nil {
			continue
		}
		// After a loss everything that follows contradicts: one cause is told, not its hundred effects.
		if err := c.state.check(r); err != nil && !broken {
			c.problem(RecordInvalid, r.Number, c.sums[r.Number], nil, "%v", err)
		}
		c.state.apply(r)
		c.Records = append(c.Records, *r)
	}
	c.acknowledge()
	return c, nil
}

func (c *Chain) problem(kind ProblemKind, number int, state string, err error, format string, args ...any) {
	c.Problems = append(c.Problems, Problem{kind, number, fmt.Sprintf(format, args...), err, state})
}

// Err is all Problems as one error; nil where there are none.
func (c *Chain) Err() error {
	errs := make([]error, len(c.Problems))
	for i, p := range c.Problems {
		errs[i] = p
	}
	return errors.Join(errs...)
}

func fileName(number int) string { return fmt.Sprintf("%04d.yaml", number) }

// file is a record's file.
type file struct {
	sum    string
	record Record
	err    error // of the text
}

// read reads every record and tells the ones that are none.
func (c *Chain) read(names []string, cache *files.Cache) map[int]*Record {
	records := make(map[int]*Record)
	for _, name := range names {
		m := recordName.FindStringSubmatch(name)
		if m == nil {
			if isYAML(name) {
				c.problem(RecordInvalid, 0, name, nil, "%s is not the name of a record: move it away", quoteName(name))
			}
			continue
		}
		n, _ := strconv.Atoi(m[1])
		if name != fileName(n) {
			c.problem(RecordForked, n, name, nil, "%s is a second file for it, or has the wrong name: keep %s and move the other away", quoteName(name), fileName(n))
			continue
		}
		c.last = max(c.last, n)
		f, err := files.Load(cache, filepath.Join(c.dir, name), "release record", maxRecord, func(data []byte, _ fs.FileInfo) (file, error) {
			r, err := parseRecord(name, data)
			return file{digest(data), r, err}, nil
		})
		if err != nil {
			c.problem(RecordUnreadable, n, "", err, "cannot be read: %v", err)
			continue
		}
		c.sums[n] = f.sum
		switch {
		case f.err != nil:
			c.problem(RecordInvalid, n, f.sum, nil, "is not a record: %s", firstLine(f.err))
		case f.record.Number != n:
			c.problem(RecordForked, n, f.sum, nil, "%s says that it is record %d: it was copied or renamed", name, f.record.Number)
		default:
			records[n] = &f.record
		}
	}
	return records
}

// quoteName shows a file name that anybody may have chosen.
func quoteName(name string) string {
	if len(name) > 80 {
		name = name[:80] + "…"
	}
	return strconv.Quote(name)
}

// overlooked adds records that are there but not in names: a folder that grows while it is listed may show a later record without an earlier one.
func (c *Chain) overlooked(names []string, head int) []string {
	there, last := numbered(names)
	const patience = 100 // more were not written in the moment that listing takes
	for n, looked := max(last, head), 0; n > 0 && looked < patience; n-- {
		if there[n] {
			continue
		}
		looked++
		if _, err := os.Lstat(filepath.Join(c.dir, fileName(n))); err == nil {
			names = append(names, fileName(n))
		}
	}
	return names
}

// numbered tells which records are among names, and the highest number.
func numbered(names []string) (there map[int]bool, last int) {
	there = make(map[int]bool, len(names))
	for _, name := range names {
		if m := recordName.FindStringSubmatch(name); m != nil {
			n, _ := strconv.Atoi(m[1]) // at most six digits
			if name == fileName(n) {
				there[n], last = true, max(last, n)
			}
		}
	}
	return there, last
}

// readHead returns the last record that was there when head.sha256 was written; 0 where there is no head.
func (c *Chain) readHead() (number int, sum string) {
	data, _, err := files.Read(filepath.Join(c.dir, headName), maxHead)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, ""
	}
	if err != nil {
		c.problem(RecordUnreadable, 0, headName, err, "%s cannot be read: %v", headName, err)
		return 0, ""
	}
	m := headForm.FindSubmatch(data)
	if m == nil {
		c.problem(RecordInvalid, 0, headName, nil, "%s is not a line of sha256sum: restore it, or remove it and see that no record is missing", headName)
		return 0, ""
	}
	number, _ = strconv.Atoi(string(m[2]))
	return number, string(m[1])
}

// acknowledge sets the problems apart that a later record says were known.
func (c *Chain) acknowledge() {
	var known []string
	for _, r := range c.Records {
		known = append(known, r.Acknowledged...)
	}
	c.Problems = slices.DeleteFunc(c.Problems, func(p Problem) bool {
		yes := slices.Contains(known, p.acknowledgment())
		if yes {
			c.Acknowledged = append(c.Acknowledged, p)
		}
		return yes
	})
}

// acknowledgment is the text by which a later record knows the problem again: "changed 3 9f86d081884c".
func (p Problem) acknowledgment() string {
	state := p.state
	if isDigest(state) {
		state = state[:12]
	}
	return strings.TrimSpace(cleanLine(fmt.Sprintf("%s %d %s", p.Kind, p.Number, state)))
}

// Planned is the release on its way, Recorded the one in force, Previous the one that a rollback goes back to; nil where there is none.
func (c *Chain) Planned() *Release { return c.state.planned }

// Recorded is the release in force: the newest recorded, or the one a rollback reinstated.
func (c *Chain) Recorded() *Release { return c.state.at(0) }

// Previous is the release that a rollback would reinstate.
func (c *Chain) Previous() *Release { return c.state.at(1) }

// Frozen is the verdict that was frozen on an item of the release that the record number recorded.
func (c *Chain) Frozen(number int, item string) (Verdict, bool) {
	v, ok := c.state.frozen[number][item]
	return v, ok
}

// Gate is what the gate said of an item when the release was recorded. Unlike a frozen verdict it may be asked again since.
func (c *Chain) Gate(number int, item string) (Verdict, bool) {
	release := c.state.recorded[number]
	if release == nil {
		return Verdict{}, false
	}
	for _, v := range release.Record.Gate {
		if v.Item == item {
			if v.At.IsZero() {
				v.At = release.At
			}
			return v, true
		}
	}
	return Verdict{}, false
}
