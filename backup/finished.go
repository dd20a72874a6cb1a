// Which of the backups found is the newest that is finished: whether somebody still writes to a file, and what is only a copy.

package backup

import (
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/thenexusengine/catalyst_exporter/files"
)

// DefaultSettle is how long a file must have been left alone to count as finished, where it cannot be seen whether somebody has it open.
const DefaultSettle = 30 * time.Second

// settleClosed is the same for a file that nobody has open for writing: time stamps of some file systems are as coarse as 2 s.
const settleClosed = 2 * time.Second

// copied is how long after a backup a file of its size counts as a copy of it (latest.sql.gz beside the dated one), and not as the next one.
const copied = time.Hour

// set chooses. Whether a file is being written is asked of the newest ones only, until two finished ones are found.
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
			set.Before = in.Newest // under another name
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

// maxOthers bounds the series that are told beside the newest.
const maxOthers = 8

// follows reports whether a backup is the one before the newest, and not a copy of that.
func (in *Series) follows(f File) bool {
	return f.Size != in.Newest.Size || in.Newest.Modified.Sub(f.Modified) > copied
}

// digits are what differs between the names of one series.
var digits = regexp.MustCompile(`[0-9]+`)

// SeriesOf is what all backups of a series are called: a file's name without its digits.
func SeriesOf(path string) string {
	return digits.ReplaceAllString(strings.ToLower(filepath.Base(path)), "#")
}

// writing tells why a file may still be written to, or "".
func (s *search) writing(f File) string {
	open, known := false, false
	if !f.Directory {
		open, known = openForWriting(f.Path)
	}
	age := s.now.Sub(f.Modified)
	switch {
	case open:
		return "it is open for writing"
	case age < -s.settle: // of the future: its time tells nothing
		return ""
	case known && age >= settleClosed, age >= s.settle:
		return ""
	}
	return "it was written to a moment ago"
}

// setLease is Linux' F_SETLEASE, which package syscall does not have.
const setLease = 1024

// openForWriting asks for a read lease, which Linux grants only while nobody has the file open for writing; closing the file gives it back at once. Known is
// false where that cannot be asked: for a file of another user without CAP_LEASE, and on network file systems. A dump waits for locks in
// silence, for hours if need be, so that its file's time does not tell that it is still being written; this does.
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
