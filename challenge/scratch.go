package challenge

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// The scratch folder: on tmpfs, so that no secret of the deployment reaches a disk, and for the exporter's user only. Its
// directory is locked while it is in use. A run that was killed leaves it behind unlocked, and the next run removes it.

const (
	scratchPrefix = "catalyst-challenge-"
	scratchTries  = 10
)

// ErrScratch is the error for a folder that may not hold the copy.
var ErrScratch = errors.New("scratch folder cannot be used")

type scratch struct {
	dir  string
	lock *os.File
}

// newScratch makes an empty folder below an existing one.
func newScratch(below string) (*scratch, error) {
	below, err := filepath.Abs(below)
	if err != nil {
		return nil, err
	}
	var st unix.Statfs_t
	if err := unix.Statfs(below, &st); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrScratch, below, err)
	}
	if st.Type != unix.TMPFS_MAGIC && st.Type != unix.RAMFS_MAGIC {
		return nil, fmt.Errorf("%w: %s is not on tmpfs: the copy contains the secrets of the deployment, which must not reach a disk", ErrScratch, below)
	}
	removeLeft(below)
	for range scratchTries {
		dir, err := os.MkdirTemp(below, scratchPrefix)
		if err != nil {
			return nil, fmt.Errorf("scratch folder %s: %w", below, withoutPath(err))
		}
		if lock := locked(dir); lock != nil {
			return &scratch{dir, lock}, nil
		}
	}
	return nil, fmt.Errorf("scratch folder %s: cannot be locked", below)
}

// locked locks a folder; nil if another process has it or removed it.
func locked(dir string) *os.File {
	f, err := os.OpenFile(dir, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil
	}
	mine, errMine := f.Stat()
	errLock := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	there, errThere := os.Lstat(dir)
	if errors.Join(errMine, errLock, errThere) != nil || !os.SameFile(mine, there) || !isOwn(mine) {
		_ = f.Close()
		return nil
	}
	return f
}

func isOwn(info os.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(st.Uid) == os.Geteuid()
}

// removeLeft removes the folders of runs that were killed.
func removeLeft(below string) {
	left, _ := filepath.Glob(filepath.Join(below, scratchPrefix+"*")) // the only error is a malformed pattern
	for _, dir := range left {
		if lock := locked(dir); lock != nil {
			s := scratch{dir, lock}
			s.remove()
		}
	}
}

// remove removes the folder. What another user owns stays.
func (s *scratch) remove() {
	_ = os.RemoveAll(s.dir)
	_ = s.lock.Close()
}
