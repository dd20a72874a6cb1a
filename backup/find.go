// Which backup is judged: the newest finished one. A backup that is still being written is no news, good or bad, so it is passed over and the one
// before it is judged.

package backup

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/thenexusengine/catalyst_exporter/files"
)

// Errors of Find beside those of io/fs and syscall (fs.ErrNotExist, fs.ErrPermission, syscall.ENOTDIR, syscall.ELOOP).
var (
	ErrNone       = errors.New("no backup")
	ErrUnfinished = errors.New("no finished backup")
	ErrTooMany    = errors.New("more names than are looked at")
	ErrRepository = errors.New("a backup program's own repository")
)

// Bounds of Find.
const (
	maxNames  = 100_000 // in all directories together
	maxPassed = 20      // that are told
	batch     = 1000    // names read at once
)

// File is one backup.
type File struct {
	Path      string
	Directory bool // in pg_dump's directory format
	files.Identity
}

// Set is what was found in one place.
type Set struct {
	Newest File   // the newest finished backup
	Before File   // the finished one before it, for comparison; without a path when there is none
	Passed []Pass // newer ones that were passed over, newest first, at most twenty
	Count  int    // of the finished ones

	// Others are the newest finished ones of other series, newest first, at most eight: files that are called alike but for their digits (dates,
	// numbers) are one series. The dump of a database often lies beside that of another, of the roles, of Redis.
	Others []Series

	Repository string // of which program, with ErrRepository
	Dangling   string // with ErrNone: the path of a link that leads nowhere, "" for none
	Strange    int    // with ErrNone: how many files are there that are not called like backups
}

// Series is the newest finished backup of one series, and the finished one before it.
type Series struct{ Newest, Before File }

// Pass is a backup that was not judged.
type Pass struct{ Path, Why string }

// Finder looks for backups. The zero value is ready.
type Finder struct {
	Now    func() time.Time // time.Now when nil
	Settle time.Duration    // DefaultSettle when 0
	// Deep: where a directory has no backup by the rules below, those in it are searched whatever they are called.
	Deep bool
}

// Find looks in place for the newest finished backup. Place is
//
//   - a file: that one;
//   - a directory that pg_dump has written (toc.dat): that one;
//   - any other directory: the files in it whose names look like a backup's, and those in its directories that are usual for backups (latest,
//     last, hourly, daily, weekly, monthly, yearly) or are called by a date (2026-11-23, 20261123T0300, 2026/11/23);
//   - a pattern with * ? [ in any part of it (daily/daily_*.sql.gz), as path.Match reads it: the files it fits.
//
// Unfinished are names that end in .tmp, .part, .partial, .inprogress and the like, files somebody has open for writing, or, where that cannot be
// seen, those written to within Settle, and dump directories still without toc.dat. Names that begin with a dot and manifests are no backups.
// Links are followed; what lies under several names counts once. Where nothing is found in a directory that is the repository of a program such as
// restic or pgBackRest, or a newer backup lies there in parts, the error is ErrRepository.
func (f Finder) Find(ctx context.Context, place string) (Set, error) {
	s := &search{ctx: ctx, now: time.Now(), settle: f.Settle, deep: f.Deep, seen: make(map[[2]uint64]bool)}
	if f.Now != nil {
		s.now = f.Now()
	}
	if s.settle <= 0 {
		s.settle = DefaultSettle
	}
	if err := s.place(filepath.Clean(place)); err != nil {
		return Set{}, err
	}
	set, err := s.set(place)
	none := errors.Is(err, ErrNone)
	if none {
		set.Dangling, set.Strange = s.dangling, s.strange
	}
	switch {
	case none && s.repository != "":
		set.Repository = s.repository
	case s.split.After(set.Newest.Modified) && (none || err == nil):
		set.Repository = "split (one backup in several files)"
	default:
		return set, err
	}
	return set, fmt.Errorf("%s: %w: of %s", place, ErrRepository, set.Repository)
}
