// Package gitlog parses what commits add.
package gitlog

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/probe/gitrepo"
)

// The lines added by commits, from the stream of `git log -p -U0 --cc --format=%x00%H`. Memory use does not depend on
// the length of the history or of a file. A merge adds only lines that none of its parents has.

const (
	// MaxAddition bounds the text passed on at once. Longer text is split into overlapping parts, so that one part
	// contains any secret at a split.
	MaxAddition = 4 << 20
	Overlap     = 64 << 10
)

// Addition is a run of added lines.
type Addition struct {
	Commit, File string
	Line         int // first line, from 1
	Text         string
	Raw          bool // the printable parts of a content that is not text
}

// BinaryChange is a change whose content is missing in the log: git takes the file for binary, by its content or because
// the repository's attributes or settings say so.
type BinaryChange struct{ Commit, File, Blob string }

// Reader parses a log and calls Each for every addition.
type Reader struct {
	Each   func(Addition) error
	Commit func() error // at each commit; may be nil
	Binary func(b BinaryChange)
	Name   func(commit, file string) // at each changed or renamed file; may be nil

	changed BinaryChange // names of the current file, for a change that git does not print

	now     Addition
	text    []byte
	counts  []int // remaining lines of the hunk: of each parent, then of the result
	next    int   // next line of the result
	lastAdd bool  // the last line was added
}

var ErrFormat = errors.New("unexpected git log format")

func (a *Reader) Read(r io.Reader) error {
	in := bufio.NewReaderSize(r, 64<<10)
	for {
		first, err := in.Peek(1)
		if err == io.EOF {
			if a.inHunk() {
				return fmt.Errorf("%w: truncated within a hunk", ErrFormat)
			}
			return a.flush()
		}
		if err != nil {
			return err
		}
		if a.inHunk() && first[0] != '\\' {
			err = a.content(in)
		} else {
			err = a.header(in)
		}
		if err != nil {
			return err
		}
	}
}

func (a *Reader) inHunk() bool {
	for _, n := range a.counts {
		if n > 0 {
			return true
		}
	}
	return false
}

// content reads one line of a hunk.
func (a *Reader) content(in *bufio.Reader) error {
	parents := len(a.counts) - 1
	marks, err := in.Peek(parents)
	if err != nil {
		return fmt.Errorf("%w: truncated within a line", ErrFormat)
	}
	marks = bytes.Clone(marks)
	if _, err := in.Discard(parents); err != nil {
		return err
	}
	removed := bytes.IndexByte(marks, '-') >= 0
	added := true
	for i, m := range marks {
		switch {
		case m != ' ' && m != '+' && m != '-':
			return fmt.Errorf("%w: changed line without a marker", ErrFormat)
		case m == '-', m == ' ' && !removed:
			a.counts[i]--
			added = false
		case m == ' ':
			added = false
		}
	}
	if !removed {
		a.counts[parents]--
		a.next++
	}
	if !added {
		a.lastAdd = false
		if err := a.flush(); err != nil {
			return err
		}
		return discardLine(in)
	}
	if len(a.text) == 0 {
		a.now.Line = a.next - 1
	}
	a.lastAdd = true
	for {
		part, err := in.ReadSlice('\n')
		a.text = append(a.text, part...)
		if len(a.text) >= MaxAddition {
			if err := a.cut(); err != nil {
				return err
			}
		}
		switch {
		case err == nil, err == io.EOF:
			return nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return err
		}
	}
}

// cut passes on the current text and keeps its end as Overlap.
func (a *Reader) cut() error {
	if err := a.hand(); err != nil {
		return err
	}
	keep := len(a.text) - Overlap
	a.now.Line += bytes.Count(a.text[:keep], []byte{'\n'})
	a.text = append(a.text[:0], a.text[keep:]...)
	return nil
}

func (a *Reader) hand() error {
	part := a.now
	part.Text = string(a.text)
	if a.Binary != nil && bytes.IndexByte(a.text, 0) >= 0 { // text only by the repository's attributes
		a.Binary(a.changed)
	}
	return a.Each(part)
}

func (a *Reader) name() {
	if a.Name != nil {
		a.Name(a.now.Commit, a.changed.File)
	}
}

// flush passes on a finished run of added lines.
func (a *Reader) flush() error {
	if len(a.text) == 0 {
		return nil
	}
	err := a.hand()
	a.text = a.text[:0]
	return err
}

// header reads one line outside a hunk.
func (a *Reader) header(in *bufio.Reader) error {
	line, err := readHeader(in)
	if err != nil {
		return err
	}
	if strings.HasPrefix(line, `\`) { // no newline at the end of the file
		if a.lastAdd {
			a.text = bytes.TrimSuffix(a.text, []byte{'\n'})
		}
		return nil
	}
	if err := a.flush(); err != nil {
		return err
	}
	a.counts, a.lastAdd = nil, false
	switch {
	case strings.HasPrefix(line, "\x00"):
		a.now = Addition{Commit: line[1:]}
		if a.Commit != nil {
			return a.Commit()
		}
	case strings.HasPrefix(line, "Binary files "):
		if a.changed.File == "" || a.changed.Blob == "" {
			return fmt.Errorf("%w: binary change without a file", ErrFormat)
		}
		if a.Binary != nil {
			a.Binary(a.changed)
		}
	case strings.HasPrefix(line, "diff "):
		a.now.File = ""
		a.changed = BinaryChange{Commit: a.now.Commit}
		a.changed.File, err = changedName(line)
		return err
	case strings.HasPrefix(line, "rename to "):
		a.changed.File, err = unquoteName(line[len("rename to "):])
		a.name()
		return err
	case strings.HasPrefix(line, "index "):
		_, after, _ := strings.Cut(line, "..")
		a.changed.Blob, _, _ = strings.Cut(after, " ")
		a.name()
	case strings.HasPrefix(line, "+++ "):
		a.now.File, err = diffName(line[len("+++ "):])
		return err
	case strings.HasPrefix(line, "@@"):
		if a.now.File == "" || a.now.Commit == "" {
			return fmt.Errorf("%w: hunk without a file", ErrFormat)
		}
		return a.hunk(line)
	}
	return nil
}

// hunk parses "@@ -1,2 +3,4 @@". Each further parent adds one @ and one range.
func (a *Reader) hunk(line string) error {
	marks := len(line) - len(strings.TrimLeft(line, "@"))
	fields := strings.Fields(line)
	if len(fields) < marks+2 || marks > 64 {
		return fmt.Errorf("%w: hunk without ranges", ErrFormat)
	}
	a.counts = make([]int, marks)
	for i, f := range fields[1 : marks+1] {
		sign := byte('-')
		if i == marks-1 {
			sign = '+'
		}
		start, count, found := strings.Cut(f[1:], ",")
		if !found {
			count = "1"
		}
		from, err1 := strconv.ParseUint(start, 10, 31)
		n, err2 := strconv.ParseUint(count, 10, 31)
		if f[0] != sign || err1 != nil || err2 != nil {
			return fmt.Errorf("%w: invalid hunk range", ErrFormat)
		}
		a.counts[i], a.next = int(n), int(from)
	}
	return nil
}

// diffName returns the file of a "+++ b/name" line, which git quotes like C if necessary.
func diffName(text string) (string, error) {
	text, err := unquoteName(strings.TrimSuffix(text, "\t"))
	if err != nil {
		return "", err
	}
	if text == "/dev/null" {
		return "/dev/null", nil
	}
	name, found := strings.CutPrefix(text, "b/")
	if !found || name == "" {
		return "", fmt.Errorf("%w: invalid file name", ErrFormat)
	}
	return name, nil
}

func unquoteName(text string) (string, error) {
	if !strings.HasPrefix(text, `"`) {
		return text, nil
	}
	plain, err := strconv.Unquote(text) // Go accepts every escape that git writes
	if err != nil {
		return "", fmt.Errorf("%w: invalid file name", ErrFormat)
	}
	return plain, nil
}

// changedName returns the file of a "diff --git a/name b/name" or "diff --cc name" line. For a renamed file it is
// meaningless; "rename to" follows.
func changedName(line string) (string, error) {
	if name, found := strings.CutPrefix(line, "diff --cc "); found {
		return unquoteName(name)
	}
	both := strings.TrimPrefix(line, "diff --git ") // the same name twice, with prefixes of the same length
	name, err := unquoteName(both[(len(both)+1)/2:])
	return strings.TrimPrefix(name, "b/"), err
}

func readHeader(in *bufio.Reader) (string, error) {
	var line []byte
	for {
		part, err := in.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case len(line) > gitrepo.MaxDiffHeader:
			return "", fmt.Errorf("%w: line too long", ErrFormat)
		case err == nil, err == io.EOF:
			return strings.TrimSuffix(string(line), "\n"), nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return "", err
		}
	}
}

func discardLine(in *bufio.Reader) error {
	for {
		_, err := in.ReadSlice('\n')
		switch {
		case err == nil, err == io.EOF:
			return nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return err
		}
	}
}
