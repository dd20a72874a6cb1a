// How a place is searched for backups: which names match, which directories are followed, and what is skipped.

package backup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/thenexusengine/catalyst_exporter/backup/dump"
	"github.com/thenexusengine/catalyst_exporter/files"
	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
)

// search is the state of one Find.
type search struct {
	ctx    context.Context
	now    time.Time
	settle time.Duration
	// deep: if the usual directories are empty, all directories are searched.
	deep bool

	repository, dangling string // see Set
	strange              int
	split                time.Time // time of the newest part of a split file

	names  files.Lister
	seen   map[[2]uint64]bool // device and inode
	found  []File
	passed []passed
}

type passed struct {
	Pass
	modified time.Time
}

// sortedInto matches the directories that backup programs sort files into: by interval, or by date, as one name or one
// level per part of it.
var sortedInto = lazyregexp.New(`^(latest|last|hourly|daily|weekly|monthly|yearly|(19|20)\d\d([-_.]?\d\d){0,2}([-_T.]\d\d([-_:.h]?\d\d){0,2}Z?)?|\d\d)$`)

// splitName matches the parts of a split backup: dump.sql.gz.aa, dump.sql.gz.part-00, dump.sql.gz.001.
var splitName = lazyregexp.New(`(?i)\.(sql|dump|pgdump|pg_dump|custom|backup|bak|tar|tgz|gz|bz2|zst|lz4|xz|age|gpg|pgp|asc|enc)\.(part-?)?([a-z]{2}|[0-9]{2,4})$`)

// maxLevels is the maximum depth of such directories: daily/2026/11/23.
const maxLevels = 4

// backupName matches names of backups. It applies to directories given without a pattern, which may also contain logs
// and scripts.
var backupName = lazyregexp.New(`(?i)\.(sql|dump|pgdump|pg_dump|custom|backup|bak|tar|tgz|gz|bz2|zst|lz4|xz|age|gpg|pgp|asc|enc)$`)

// unfinishedName matches names that are changed when the file is complete.
var unfinishedName = lazyregexp.New(`(?i)(\.(tmp|temp|part|partial|inprogress|in-progress|incomplete|writing|filepart|swp)(\.[0-9a-z]+)?|~)$`)

func (s *search) place(place string) error {
	info, err := os.Stat(place)
	switch {
	case err == nil && info.IsDir():
		return s.directory(place)
	case err == nil:
		s.add(place, info)
		return nil
	case errors.Is(err, fs.ErrNotExist) && strings.ContainsAny(place, "*?["):
		return s.pattern(place)
	}
	return err
}

func (s *search) directory(dir string) error {
	if dump.HasTOC(dir) {
		return s.dumpDirectory(dir)
	}
	if err := s.sorted(dir, 0, false); err != nil || len(s.found)+len(s.passed) > 0 {
		return err
	}
	s.strange = 0
	return s.sorted(dir, 0, s.deep)
}

// sorted adds the files of a backup directory and of the directories it is sorted into; with all, of every directory.
func (s *search) sorted(dir string, level int, all bool) error {
	if program := repositoryIn(dir); program != "" {
		s.repository = program
		return nil
	}
	var below []string // after the files here: of two names for one file the shorter is reported
	err := s.names.List(s.ctx, dir, func(name string) error {
		path := filepath.Join(dir, name)
		info, err := os.Stat(path)
		switch {
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ELOOP):
			if _, err := os.Lstat(path); err == nil { // a dangling link; otherwise removed meanwhile
				s.dangling = path
			}
			return nil
		case err != nil:
			return err
		case info.IsDir():
			dump, err := s.dumpIn(path)
			if !dump && level < maxLevels && (sortedInto.MatchString(name) || all && !strings.HasPrefix(name, ".")) {
				below = append(below, path)
			}
			return err
		case backupName.MatchString(name) || unfinishedName.MatchString(name):
			s.add(path, info)
		case !strings.HasPrefix(name, ".") && !dump.IsManifest(name):
			s.strange++
			if at := info.ModTime(); splitName.MatchString(name) && at.After(s.split) {
				s.split = at
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, path := range below {
		if err := s.sorted(path, level+1, all); err != nil {
			return err
		}
	}
	return nil
}

// dumpIn adds a directory that pg_dump has written or is writing, and reports whether it is one.
func (s *search) dumpIn(dir string) (bool, error) {
	var data bool
	err := s.names.List(s.ctx, dir, func(name string) error {
		if data = data || dump.IsMember(name); data {
			return fs.SkipAll
		}
		return nil
	})
	if err != nil || !data {
		return false, err
	}
	return true, s.dumpDirectory(dir)
}

// pattern walks the parts of a pattern.
func (s *search) pattern(place string) error {
	parts := strings.Split(filepath.ToSlash(place), "/")
	if _, err := filepath.Match(place, ""); err != nil {
		return fmt.Errorf("%s: %w", place, err)
	}
	dirs := []string{"."}
	if parts[0] == "" {
		dirs, parts = []string{"/"}, parts[1:]
	}
	for i, part := range parts {
		var next []string
		for _, dir := range dirs {
			if !strings.ContainsAny(part, "*?[") {
				next = append(next, filepath.Join(dir, part))
				continue
			}
			// A pattern may match many names; those that are not directories are skipped.
			err := s.names.List(s.ctx, dir, func(name string) error {
				if fits, _ := filepath.Match(part, name); fits && !strings.HasPrefix(name, ".") {
					next = append(next, filepath.Join(dir, name))
				}
				return nil
			})
			if err != nil && !(slices.ContainsFunc(parts[:i], func(p string) bool { return strings.ContainsAny(p, "*?[") }) &&
				(errors.Is(err, syscall.ENOTDIR) || errors.Is(err, fs.ErrNotExist))) {
				return err
			}
		}
		dirs = next
	}
	for _, path := range dirs {
		info, err := os.Stat(path)
		switch {
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		case err != nil:
			return err
		case info.IsDir():
			if _, err := s.dumpIn(path); err != nil {
				return err
			}
		default:
			s.add(path, info)
		}
	}
	return nil
}

// add adds a file, unless it is missing, not a backup, or known under another name.
func (s *search) add(path string, info fs.FileInfo) {
	name := filepath.Base(path)
	if !info.Mode().IsRegular() || strings.HasPrefix(name, ".") || dump.IsManifest(name) {
		return
	}
	s.take(File{Path: path, Identity: files.Identify(info)}, unfinishedName.MatchString(name))
}

// dumpDirectory adds a directory in pg_dump's format. Its time is that of the table of contents, which is written last.
func (s *search) dumpDirectory(dir string) error {
	id, err := dump.IdentifyDirectory(s.ctx, dir)
	if err != nil {
		return err
	}
	s.take(File{Path: dir, Directory: true, Identity: id}, !dump.HasTOC(dir) || unfinishedName.MatchString(dir))
	return nil
}

func (s *search) take(f File, unfinished bool) {
	key := [2]uint64{f.Device, f.Inode}
	if s.seen[key] {
		return
	}
	s.seen[key] = true
	if unfinished {
		s.passed = append(s.passed, passed{Pass{f.Path, "not finished"}, f.Modified})
		return
	}
	s.found = append(s.found, f)
}
