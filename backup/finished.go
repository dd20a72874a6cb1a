// Decides which backup is the newest finished one: whether a file is still being written, and whether it is only a
// copy.

package backup

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/thenexusengine/catalyst_exporter/files"
	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
)

// DefaultSettle is how long a file must be unchanged to count as finished, if it cannot be determined whether it is
// open for writing.
const DefaultSettle = 30 * time.Second

// settleClosed is the same for a file that is not open for writing: some file systems have time stamps with a
// resolution of 2 s.
const settleClosed = 2 * time.Second

// copied is the time after a backup within which a file of the same size counts as its copy (latest.sql.gz next to the
// dated one), not as the next backup.
const copied = time.Hour

// set selects the backups. Only the newest files are checked for being written, until two finished ones are found.
func (s *search) set(place string) (Set, error) {
	slices.SortFunc(s.found, func(a, b File) int {
		if c := b.Modified.Compare(a.Modified); c != 0 {
			return c
		}
		return strings.Compare(b.Path, a.Path)
	})
	set := Set{Count: len(s.found)}
	all := make(map[string]*Series)
	var order []*Series
	for _, f := range s.found {
		in, known := all[SeriesOf(f.Path)]
		switch {
		case !known && len(order) <= maxOthers:
			if why := s.writing(f); why != "" {
				set.Count--
				s.passed = append(s.passed, passed{Pass{f.Path, why}, f.Modified})
				continue
			}
			in = &Series{Newest: f}
			all[SeriesOf(f.Path)], order = in, append(order, in)
		case known && in.Before.Path == "" && in.follows(f):
			in.Before = f
		}
	}
	for i, in := range order {
		if i == 0 {
			set.Newest, set.Before = in.Newest, in.Before
			continue
		}
		if set.Before.Path == "" && order[0].follows(in.Newest) {
			set.Before = in.Newest // the same file under another name
		}
		set.Others = append(set.Others, *in)
	}
	slices.SortFunc(s.passed, func(a, b passed) int { return b.modified.Compare(a.modified) })
	for _, p := range s.passed {
		if len(set.Passed) < maxPassed && !p.modified.Before(set.Newest.Modified) {
			set.Passed = append(set.Passed, p.Pass)
		}
	}
	switch {
	case set.Newest.Path != "":
		return set, nil
	case len(set.Passed) > 0:
		return set, fmt.Errorf("%s: %w: %s: %s", place, ErrUnfinished, set.Passed[0].Path, set.Passed[0].Why)
	}
	return set, fmt.Errorf("%s: %w", place, ErrNone)
}

// maxOthers is the maximum number of series reported in addition to the newest.
const maxOthers = 8

// follows reports whether a backup is the predecessor of the newest one, and not a copy of it.
func (in *Series) follows(f File) bool {
	return f.Size != in.Newest.Size || in.Newest.Modified.Sub(f.Modified) > copied
}

// digits is the part in which the names of one series differ.
var digits = lazyregexp.New(`[0-9]+`)

// SeriesOf returns the name of a backup's series: the file's name without its digits.
func SeriesOf(path string) string {
	return digits.ReplaceAllString(strings.ToLower(filepath.Base(path)), "#")
}

// writing returns why a file may still be written to, or "".
func (s *search) writing(f File) string {
	open, known := false, false
	if !f.Directory {
		open, known = openForWriting(f.Path)
	}
	age := s.now.Sub(f.Modified)
	switch {
	case open:
		return OpenForWriting
	case age < -s.settle: // the time is in the future and says nothing
		return ""
	case known && age >= settleClosed, age >= s.settle:
		return ""
	}
	return "recently written"
}

// OpenForWriting is why a file was passed that a process has open for writing.
const OpenForWriting = "open for writing"

// setLease is Linux's F_SETLEASE, which package syscall lacks.
const setLease = 1024

// openForWriting requests a read lease, which Linux grants only while no process has the file open for writing; closing
// the file returns it at once. known is false if that cannot be determined: for a file of another user without
// CAP_LEASE, and on network file systems. A dump can wait silently for locks for hours, so the file's time does not
// show that it is still being written.
func openForWriting(path string) (open, known bool) {
	f, _, err := files.Open(path)
	if err != nil {
		return false, false
	}
	defer func() { _ = f.Close() }()
	_, _, errno := syscall.Syscall(syscall.SYS_FCNTL, f.Fd(), setLease, syscall.F_RDLCK)
	open = errors.Is(errno, syscall.EAGAIN)
	return open, open || errno == 0
}
