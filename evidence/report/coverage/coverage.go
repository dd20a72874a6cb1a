// Package coverage reads test coverage: Go cover profiles, LCOV, Cobertura and JaCoCo XML.
package coverage

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/evidence/report"
	"github.com/thenexusengine/catalyst_exporter/evidence/report/stream"
)

// Coverage is measured in statements if the format has them, else in lines. A block is reported once per test binary
// that contains it (-coverpkg, merged files, separate suites). It counts once, as covered if any of them covered it.
// That requires remembering the blocks, so their number is limited.

// maxBlocks is the maximum number of distinct blocks or lines of a profile: about 100 MB of memory, more than the
// largest repositories need.
const (
	MaxBlocks = 1_000_000
	MaxNames  = 64 << 20 // bytes of all file names
)

// block is the position of a sequence of statements, or of one line.
type block struct {
	file, line0, col0, line1, col1 uint32
}

// weight is the number of statements of a block, negative if none was executed.
type weight int32

type blocks struct {
	files  map[string]uint32
	names  int // bytes of all files' names
	blocks map[block]weight
}

func newBlocks() *blocks {
	return &blocks{files: make(map[string]uint32), blocks: make(map[block]weight)}
}

// add counts a block of a file. It fills in the file's number in at.
func (b *blocks) add(file []byte, at block, statements int, hit bool) error {
	id, known := b.files[string(file)]
	if !known {
		if b.names += len(file); b.names > MaxNames {
			return fmt.Errorf("%w: more than %d MiB of file names", stream.ErrInvalid, MaxNames>>20)
		}
		id = uint32(len(b.files))
		b.files[string(file)] = id
	}
	at.file = id
	old, ok := b.blocks[at]
	switch {
	case !ok && len(b.blocks) >= MaxBlocks:
		return fmt.Errorf("%w: more than %d blocks or lines", stream.ErrInvalid, MaxBlocks)
	case ok && max(old, -old) != weight(statements):
		return fmt.Errorf("%w: block with two sizes: profiles of different code versions are mixed", stream.ErrInvalid)
	case hit:
		b.blocks[at] = weight(statements)
	case !ok:
		b.blocks[at] = weight(-statements)
	}
	return nil
}

// subjects adds the files to the report.
func (b *blocks) subjects(r *report.Report) {
	for file := range b.files {
		r.AddSubject(file)
	}
}

func (b *blocks) tell(r *report.Report) {
	r.Counts.Audited = len(b.files)
	for _, w := range b.blocks {
		if w > 0 {
			r.Counts.Covered += int64(w)
			r.Counts.Statements += int64(w)
		} else {
			r.Counts.Statements -= int64(w)
		}
	}
	r.SetCoverage()
}

// GoProfile parses `go test -coverprofile`: a line "mode: set|count|atomic", then lines "file:line.col,line.col
// statements count". A last line without a line end is truncated, possibly within a number. Joined profiles repeat the
// mode line; all must agree.
func GoProfile(in *stream.Input, r *report.Report) error {
	r.Tool = "go test"
	bs := newBlocks()
	defer func() {
		bs.tell(r)
		r.Subjects = slices.Collect(maps.Keys(bs.files))
	}()
	var mode string
	for n := 1; ; n++ {
		text, ended, err := in.Line()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		if !ended {
			return fmt.Errorf("%w: line %d has no line end", stream.ErrTruncated, n)
		}
		if len(bytes.TrimSpace(text)) == 0 {
			continue
		}
		if m, ok := bytes.CutPrefix(text, []byte("mode:")); ok {
			m := string(bytes.TrimSpace(m))
			if m != "set" && m != "count" && m != "atomic" || mode != "" && m != mode {
				return fmt.Errorf("%w: line %d: mode is unknown or differs from the first", stream.ErrInvalid, n)
			}
			mode = m
			continue
		}
		name, at, statements, hit, ok := profileLine(text)
		if !ok || mode == "" {
			return fmt.Errorf("%w: line %d is not a cover profile line", stream.ErrInvalid, n)
		}
		if err := bs.add(name, at, statements, hit); err != nil {
			return fmt.Errorf("%w (line %d)", err, n)
		}
	}
	return nil
}

// profileLine splits "file:10.2,12.16 3 1". It parses from the end, because a file name may contain colons and spaces.
func profileLine(text []byte) (name []byte, at block, statements int, hit, ok bool) {
	i := bytes.LastIndexByte(text, ':')
	if i <= 0 {
		return nil, at, 0, false, false
	}
	name = text[:i]
	var ns [6]uint64
	rest := text[i+1:]
	for k, sep := range []byte(".,. \x20\x00") {
		var word []byte
		if sep == 0 {
			word = rest
		} else {
			var found bool
			if word, rest, found = bytes.Cut(rest, []byte{sep}); !found {
				return nil, at, 0, false, false
			}
		}
		v, err := strconv.ParseUint(string(word), 10, 64)
		if err != nil || k < 5 && v > math.MaxInt32 {
			return nil, at, 0, false, false
		}
		ns[k] = v
	}

	return name, block{0, uint32(ns[0]), uint32(ns[1]), uint32(ns[2]), uint32(ns[3])}, int(ns[4]), ns[5] > 0, true
}

// lcovReader collects the records of an LCOV report.
type lcovReader struct {
	report *report.Report
	blocks *blocks
	file   []byte // of the open record
	lines  int    // DA of the open record
	found  int64  // LF of the open record
	hit    int64  // LH of the open record
	inner  bool   // a record is open
	totals bool   // records without DA, whose LF and LH count
}

// errLCOVLine is the error for a line that is not part of the format.
var errLCOVLine = errors.New("not an LCOV record line")

// LCOV parses the format of lcov, gcov and most JavaScript and Rust tools: records from SF:file to end_of_record with
// DA:line,hits lines or, without them, the totals LF: and LH:.
func LCOV(in *stream.Input, r *report.Report) error {
	l := &lcovReader{report: r, blocks: newBlocks()}
	defer func() {
		if l.totals {
			r.SetCoverage() // cannot be merged with lines
			return
		}
		l.blocks.tell(r)
		l.blocks.subjects(r)
	}()
	for n := 1; ; n++ {
		text, ended, err := in.Line()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		switch err := l.line(strings.TrimSpace(string(text)), n); {
		case err == errLCOVLine && !ended:
			return fmt.Errorf("%w: last line has no line end", stream.ErrTruncated)
		case err == errLCOVLine:
			return fmt.Errorf("%w: line %d is not an LCOV record line", stream.ErrInvalid, n)
		case err != nil:
			return err
		}
	}
	if l.inner {
		return fmt.Errorf("%w: last record has no end", stream.ErrTruncated)
	}
	if l.totals && len(l.blocks.blocks) > 0 {
		return fmt.Errorf("%w: records with lines and records with only totals cannot be combined", stream.ErrInvalid)
	}
	return nil
}

// line processes one line; n is its number.
func (l *lcovReader) line(text string, n int) error {
	key, value, _ := strings.Cut(text, ":")
	if !l.inner && key != "" && key != "SF" && key != "TN" && key[0] != '#' {
		return errLCOVLine
	}
	switch key {
	case "SF":
		if l.inner || value == "" {
			return errLCOVLine
		}
		l.file, l.inner, l.lines, l.found, l.hit = []byte(value), true, 0, 0, 0
	case "DA":
		return l.data(value)
	case "LF", "LH":
		v, err := strconv.ParseInt(value, 10, 64)
		if err != nil || v < 0 || v > math.MaxInt32 {
			return errLCOVLine
		}
		if key == "LF" {
			l.found = v
		} else {
			l.hit = v
		}
	case "end_of_record":
		if l.hit > l.found {
			return fmt.Errorf("%w: line %d: more lines hit than found", stream.ErrInvalid, n)
		}
		if l.lines == 0 && l.found > 0 {
			l.totals = true
			l.report.Counts.Statements += l.found
			l.report.Counts.Covered += l.hit
		}
		l.inner = false
	}
	return nil
}

// data processes the value of a DA line: line,hits, perhaps followed by a checksum.
func (l *lcovReader) data(value string) error {
	no, rest, _ := strings.Cut(value, ",")
	hits, _, _ := strings.Cut(rest, ",")
	number, err1 := strconv.ParseUint(no, 10, 31)
	h, err2 := strconv.ParseInt(hits, 10, 64) // gcov sometimes writes negative counts: treat them as zero
	if err1 != nil || err2 != nil {
		return errLCOVLine
	}
	l.lines++
	return l.blocks.add(l.file, block{line0: uint32(number)}, 1, h > 0)
}
