package attest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/thenexusengine/catalyst_exporter/attest/plain"
	"github.com/thenexusengine/catalyst_exporter/files"
	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
)

// How a chain of records is read, and how damage is reported.
//
// Record N is the file NNNN.yaml. Its name is only the number, so that of two concurrent writers only one succeeds.
// Each record contains the SHA-256 of the previous file. The last record has no successor; head.sha256 contains its
// digest (sha256sum -c checks it). The head is written after the record, so it may lag behind by one record, but it
// never refers to a record that did not exist. Before the first record, a head of no record is written: wherever there are
// records, there is a head.
//
// This detects accidents, but not a forger who rewrites all records from some point on: commit the folder to detect
// that.

const (
	headName = "head.sha256"
	maxHead  = 1 << 10
)

var (
	recordName = lazyregexp.New(`^(\d{1,6})(.*)\.ya?ml$`)
	headForm   = lazyregexp.New(`^([0-9a-f]{64})  (\d{4,6})\.yaml\n$`)
)

// Chain is the release records of one deployment. With Problems it holds the readable records, which must not be used
// for a verdict.
type Chain struct {
	Records      []Record  // by number, without missing and unreadable ones
	Problems     []Problem // faults of the chain
	Acknowledged []Problem // faults that a later record acknowledges

	dir    string
	signer ssh.Signer // of appended records; nil for none
	signed bool       // there is a signature of a record

	last  int            // highest known number
	sums  map[int]string // digests of the files
	state *history
}

// ProblemKind is the kind of a fault.
type ProblemKind string

// The kinds.
const (
	RecordChanged    ProblemKind = "changed"    // its digest differs from the one in its successor (or the head)
	RecordMissing    ProblemKind = "missing"    // a number is skipped, or later records existed
	RecordForked     ProblemKind = "forked"     // two files have one number, or a record follows another one than its predecessor
	RecordUnreadable ProblemKind = "unreadable" // the operating system denies reading it
	RecordInvalid    ProblemKind = "invalid"    // not a release record, or it contradicts earlier ones
)

// Problem is one fault of a chain.
type Problem struct {
	Kind   ProblemKind
	Number int // of the record; 0 for none
	Detail string
	Err    error // the read error, if there is one

	// state of the file, so that an acknowledgement of one state does not apply to another.
	state string
}

// Error returns one line that begins with the record.
func (p Problem) Error() string {
	if p.Number == 0 {
		return "release records: " + p.Detail
	}
	return fmt.Sprintf("release record %d: %s", p.Number, p.Detail)
}

// Unwrap returns the read error.
func (p Problem) Unwrap() error { return p.Err }

// OpenChain reads the records in dir; a missing dir has none. cache, which may be nil, keeps parsed records. The error
// is for reading the directory itself: then nothing is known.
func OpenChain(dir string, cache *files.Cache) (*Chain, error) {
	c := &Chain{dir: dir, sums: make(map[int]string), state: newHistory()}
	if _, _, err := files.Look(dir); errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	// Read the head first: a record appended meanwhile must not appear missing.
	head := c.readHead()
	names, err := listDir(dir)
	if err != nil {
		return nil, err
	}
	if cache == nil {
		cache = &files.Cache{}
	}
	names = c.overlooked(names, head.number)
	if _, last := numbered(names); last > head.number+1 || last > 0 && !head.there { // appended since the head was read, if it is intact
		c.Problems = nil
		head = c.readHead()
	}
	records := c.read(names, cache)
	c.last = max(c.last, head.number)
	c.checkHead(head)
	c.findMissing(names, head.number)
	c.findChanged(records, head.number, head.sum)
	broken := len(c.Problems) > 0
	for n := range c.last {
		r := records[n+1]
		if r == nil {
			continue
		}
		// After a missing record all later ones contradict: report only the cause.
		if err := c.state.check(r); err != nil && !broken {
			c.problem(RecordInvalid, r.Number, c.sums[r.Number], nil, "%v", err)
		}
		if n := len(c.Records); n > 0 && r.At.Before(c.Records[n-1].At.Add(-Skew)) {
			c.problem(RecordInvalid, r.Number, c.sums[r.Number], nil, "is dated %s, before record %d of %s",
				stamp(r.At), c.Records[n-1].Number, stamp(c.Records[n-1].At))
		}
		c.state.apply(r)
		c.Records = append(c.Records, *r)
	}
	c.acknowledge()
	return c, nil
}

// Compare reports records that are dated after the current time.
func (c *Chain) Compare(now time.Time) {
	for _, r := range c.Records {
		if r.At.After(now.Add(Skew)) {
			c.problem(RecordInvalid, r.Number, "future "+c.sums[r.Number], nil, "is dated %s, but the current time is %s: set the clock",
				stamp(r.At), stamp(now))
		}
	}
	c.acknowledge()
}

// Digest returns the digest of a record's file; "" when it is not known.
func (c *Chain) Digest(number int) string { return c.sums[number] }

func (c *Chain) problem(kind ProblemKind, number int, state string, err error, format string, args ...any) {
	c.Problems = append(c.Problems, Problem{kind, number, fmt.Sprintf(format, args...), err, state})
}

// Err returns all Problems as one error; nil when there are none.
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
	err    error // parse error
}

// read reads every record and reports invalid ones.
func (c *Chain) read(names []string, cache *files.Cache) map[int]*Record {
	records := make(map[int]*Record)
	for _, name := range names {
		m := recordName.FindStringSubmatch(name)
		if m == nil {
			if record, is := strings.CutSuffix(name, sigSuffix); is && slices.Contains(names, record) { // else it is left from an interrupted write
				c.signed = true
			}
			if isYAML(name) {
				c.problem(RecordInvalid, 0, name, nil, "%s is not a valid record name: move it away", quoteName(name))
			}
			continue
		}
		n, _ := strconv.Atoi(m[1])
		if name != fileName(n) {
			c.problem(RecordForked, n, name, nil,
				"%s is a duplicate file or has the wrong name: keep %s and move the other away", quoteName(name), fileName(n))
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
			c.problem(RecordInvalid, n, f.sum, nil, "invalid record: %s", firstLine(f.err))
		case f.record.Number != n:
			c.problem(RecordForked, n, f.sum, nil, "%s contains record %d: it was copied or renamed", name, f.record.Number)
		default:
			records[n] = &f.record
		}
	}
	return records
}

// quoteName formats a file name, which may be arbitrary.
func quoteName(name string) string {
	if len(name) > 80 {
		name = name[:80] + "…"
	}
	return strconv.Quote(name)
}

// overlooked adds existing records that are missing in names: a folder that grows during listing may show a later
// record without an earlier one.
func (c *Chain) overlooked(names []string, head int) []string {
	there, last := numbered(names)
	const patience = 100 // the maximum number of records written during a listing
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

// numbered returns which records are in names, and the highest number.
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

// headLine is the content of head.sha256: the last record when it was written. The number is 0 for none.
type headLine struct {
	number int
	sum    string
	there  bool
}

// readHead reads head.sha256.
func (c *Chain) readHead() headLine {
	data, _, err := files.Read(filepath.Join(c.dir, headName), maxHead)
	if errors.Is(err, fs.ErrNotExist) {
		return headLine{}
	}
	if err != nil {
		c.problem(RecordUnreadable, 0, headName, err, "%s cannot be read: %v", headName, err)
		return headLine{there: true}
	}
	m := headForm.FindSubmatch(data)
	if m == nil {
		c.problem(RecordInvalid, 0, headName, nil,
			"%s is not a sha256sum line: restore it, or remove it and check that no record is missing", headName)
		return headLine{there: true}
	}
	number, _ := strconv.Atoi(string(m[2]))
	return headLine{number, string(m[1]), true}
}

// checkHead reports a head that does not protect the last record. Its problems are those of this last record: once they
// are acknowledged, the next ones are not.
func (c *Chain) checkHead(head headLine) {
	for i := range c.Problems {
		if c.Problems[i].state == headName {
			c.Problems[i].state = fmt.Sprintf("%s at %d", headName, c.last)
			return
		}
	}
	switch state := fmt.Sprintf("%s at %d", headName, c.last); {
	case c.last == 0:
	case !head.there:
		c.problem(RecordMissing, 0, state, nil, "%s is missing, so a change of record %d cannot be seen; restore it from a copy", headName, c.last)
	case head.number < c.last-1:
		c.problem(RecordInvalid, 0, state, nil, "%s refers to record %d, but record %d exists; restore it from a copy", headName, head.number, c.last)
	}
}

// acknowledge separates the problems that a later record by a person acknowledges.
func (c *Chain) acknowledge() {
	var known []string
	for _, r := range c.Records {
		if r.Phase != PhaseFrozen { // never signed
			known = append(known, r.Acknowledged...)
		}
	}
	c.Problems = slices.DeleteFunc(c.Problems, func(p Problem) bool {
		yes := slices.Contains(known, p.acknowledgment())
		if yes {
			c.Acknowledged = append(c.Acknowledged, p)
		}
		return yes
	})
}

// acknowledgment is the text by which a later record identifies the problem: "changed 3 9f86d081884c".
func (p Problem) acknowledgment() string {
	state := p.state
	if plain.IsDigest(state) {
		state = state[:12]
	}
	return strings.TrimSpace(plain.Line(fmt.Sprintf("%s %d %s", p.Kind, p.Number, state), maxText))
}

// Planned returns the planned release, nil when there is none.
func (c *Chain) Planned() *Release { return c.state.planned }

// Recorded returns the release in force: the latest recorded one, or the one that a rollback reinstated.
func (c *Chain) Recorded() *Release { return c.state.at(0) }

// Previous returns the release that a rollback would reinstate.
func (c *Chain) Previous() *Release { return c.state.at(1) }

// Frozen returns the frozen verdict on an item for the release of that record.
func (c *Chain) Frozen(number int, item string) (Verdict, bool) {
	v, ok := c.state.frozen[number][item]
	return v, ok
}

// Gate returns the gate's verdict on an item when the release was recorded. Unlike a frozen verdict it may be checked
// again.
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
