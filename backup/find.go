// Package backup finds the backup to verify, and verifies each only once per state. It selects the newest finished one: a
// backup that is still being written is skipped, and the one before it is verified.
package backup

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/thenexusengine/catalyst_exporter/files"
)

// Errors of Find in addition to files.ErrTooMany and those of io/fs and syscall (fs.ErrNotExist, fs.ErrPermission, syscall.ENOTDIR,
// syscall.ELOOP).
var (
	ErrNone       = errors.New("no backup found")
	ErrUnfinished = errors.New("no finished backup found")
	ErrRepository = errors.New("is a backup program's repository")
)

// Limits of Find.
const (
	maxNames  = 100_000 // of all directories together
	maxPassed = 20      // reported skipped backups
)

// File is one backup.
type File struct {
	Path      string
	Directory bool // in pg_dump's directory format
	files.Identity
}

// Set is the result of Find in one place.
type Set struct {
	Newest File   // the newest finished backup
	Before File   // the previous finished backup, for comparison; without a path when there is none
	Passed []Pass // newer backups that were skipped, newest first, at most twenty
	Count  int    // number of finished backups

	// Others are the newest finished backups of other series, newest first, at most eight. Files whose names differ only
	// in digits (dates, numbers) are one series. A database's dump is often stored next to one of another database, of the
	// roles, or of Redis.
	Others []Series

	Repository string // the program's name, with ErrRepository
	Dangling   string // with ErrNone: path of a dangling link, "" for none
	Strange    int    // with ErrNone: number of files without a backup's name
}

// Series is the newest finished backup of one series and the finished one before it.
type Series struct{ Newest, Before File }

// Pass is a skipped backup.
type Pass struct{ Path, Why string }

// Finder searches for backups. The zero value is ready to use.
type Finder struct {
	Now    func() time.Time // time.Now when nil
	Settle time.Duration    // DefaultSettle when 0
	// Deep: if a directory contains no backup by the rules of Find, all its directories are searched.
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
// Unfinished are names that end in .tmp, .part, .partial, .inprogress and similar, files open for writing (or, if that
// cannot be determined, written to within Settle), and dump directories without toc.dat. Names that begin with a dot
// and manifests are not backups. Links are followed; a file with several names counts once. If nothing is found in a
// directory that is the repository of a program such as restic or pgBackRest, or if a newer backup is split into parts,
// the error is ErrRepository.
func (f Finder) Find(ctx context.Context, place string) (Set, error) {
	s := &search{ctx: ctx, now: time.Now(), settle: f.Settle, deep: f.Deep,
		names: files.Lister{Limit: maxNames}, seen: make(map[[2]uint64]bool)}
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
