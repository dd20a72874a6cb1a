package evidence

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/thenexusengine/catalyst_exporter/files"
)

// Where reports lie.
//
// An evidence folder has one folder per commit, named by its id (7 digits at least), with one file per kind, named by the kind with any extension:
// .catalyst/evidence/4f1c2d3/tests.json. Files directly in the evidence folder, and files configured by path or pattern, say their commit by their
// name, by their record or by themselves, or not at all. Objects that have to be fetched come as Candidates from the caller, with NameFits and
// PathCommit to read their keys by.

// Source is what a report can be read from.
type Source interface {
	// Open starts reading. Close tells (files.ErrChanged) when what was read was not one state of the source.
	Open(ctx context.Context) (io.ReadCloser, Meta, error)
}

// Meta is what a source knows of the bytes it gives.
type Meta struct {
	Modified time.Time // when they were written, as far as the source knows
	Version  Version   // zero when they cannot be told from others: then they are read each time
	Record   []byte    // content of the file with MetaSuffix beside it, nil when there is none
	Commit   string    // as whoever keeps it says, "" when it says nothing
}

// Version tells one content of a source from every other.
type Version struct {
	File files.Identity // of a file here
	Tag  string         // of an object elsewhere: ETag, version id
}

// Candidate is one place where a report is.
type Candidate struct {
	Name     string // for people: path or URL, without anything secret
	Commit   string // as the folder's name says, "" when it says nothing
	Modified time.Time
	Source   Source
}

// Places are where to look for files.
type Places struct {
	Folders  []string // evidence folders; files, or patterns of files, which count where their names fit the kind
	Patterns []string // files, or patterns as of path/filepath.Match, that are reports of the kind asked for
}

// What is looked through at most.
const (
	maxEntries = 20_000 // of a folder
	maxMatches = 1_000  // of a pattern
)

// Find lists the reports of a kind, those of the commit first, then the newest. Places that do not exist hold none; errors are of places that could
// not be looked into (fs.ErrPermission, filepath.ErrBadPattern) and come beside what the others hold.
func Find(places Places, kind Kind, commit string) ([]Candidate, error) {
	var found []Candidate
	var errs []error
	for _, dir := range places.Folders {
		c, err := inPlace(dir, kind, commit)
		found, errs = append(found, c...), append(errs, err)
	}
	for _, pattern := range places.Patterns {
		c, err := matching(pattern, commit)
		found, errs = append(found, c...), append(errs, err)
	}
	return Ordered(found, commit), errors.Join(errs...)
}

// Ordered puts candidates into the order in which Newest wants them, each name once. It reorders found.
func Ordered(found []Candidate, commit string) []Candidate {
	slices.SortStableFunc(found, func(a, b Candidate) int {
		return cmp.Or(-compareBool(SameCommit(a.Commit, commit), SameCommit(b.Commit, commit)), b.Modified.Compare(a.Modified), strings.Compare(a.Name, b.Name))
	})
	return slices.CompactFunc(found, func(a, b Candidate) bool { return a.Name == b.Name })
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// NameFits reports whether a file or object of this base name is a report of the kind in an evidence folder: tests.json, tests.xml, tests.
func NameFits(base string, kind Kind) bool {
	if strings.HasSuffix(base, MetaSuffix) {
		return false
	}
	stem, extension, dot := strings.Cut(base, ".")
	return stem == string(kind) && (!dot || extension != "" && !strings.Contains(extension, "."))
}

// FolderCommit returns the commit that the folder of a path or key is named by, "" when its name is no commit's.
func FolderCommit(name string) string {
	if id := path.Base(path.Dir(name)); IsCommit(id) {
		return id
	}
	return ""
}

// PathCommit returns the commit that a path or key tells: that of its folder, else a part of it that is a whole id, or the beginning of the wanted one
// with 7 digits at least. A shorter number may be anything.
func PathCommit(name, wanted string) string {
	if id := path.Base(path.Dir(name)); SameCommit(id, wanted) {
		return id
	}
	parts := strings.FieldsFunc(name, func(r rune) bool { return strings.ContainsRune("/._-~+=@", r) })
	for _, part := range slices.Backward(parts) {
		if IsCommit(part) && (len(part) == 40 || len(part) == 64 || SameCommit(part, wanted)) {
			return part
		}
	}
	return ""
}

// ErrNamesNoKind is of a place that is a single file of no kind's name.
var ErrNamesNoKind = errors.New("its name does not say what it is a report of: name it like tests.json, or list it under reports")

// AnyKind reports whether a base name is that of a report of some kind.
func AnyKind(base string) bool {
	return slices.ContainsFunc(Kinds(), func(k Kind) bool { return NameFits(base, k) })
}

// inPlace looks into a folder, or takes a file or the files of a pattern whose names fit.
func inPlace(place string, kind Kind, commit string) ([]Candidate, error) {
	if !isPattern(place) {
		info, err := os.Stat(place)
		if err != nil || info.IsDir() {
			return inFolder(place, kind, commit) // which tells what is wrong
		}
		if !AnyKind(filepath.Base(place)) {
			return nil, fmt.Errorf("%s: %w", place, ErrNamesNoKind)
		}
	}
	found, err := matching(place, commit)
	return slices.DeleteFunc(found, func(c Candidate) bool { return !NameFits(filepath.Base(c.Name), kind) }), err
}

func isPattern(place string) bool { return strings.ContainsAny(place, `*?[\`) }

// inFolder looks into an evidence folder. A folder of another commit that cannot be looked into keeps nothing back.
func inFolder(dir string, kind Kind, commit string) ([]Candidate, error) {
	entries, err := list(dir, maxEntries)
	if err != nil {
		return nil, err
	}
	var found []Candidate
	var errs []error
	for _, e := range entries {
		name := filepath.Join(dir, e.Name())
		switch {
		case NameFits(e.Name(), kind):
			c, err := candidate(name, "")
			found, errs = append(found, c...), append(errs, err)
		case IsCommit(e.Name()) && !e.Type().IsRegular():
			var wrong []error
			inner, err := list(name, maxEntries)
			wrong = append(wrong, err)
			for _, f := range inner {
				if NameFits(f.Name(), kind) {
					c, err := candidate(filepath.Join(name, f.Name()), e.Name())
					found, wrong = append(found, c...), append(wrong, err)
				}
			}
			if commit == "" || SameCommit(e.Name(), commit) {
				errs = append(errs, wrong...)
			}
		}
	}
	return found, errors.Join(errs...)
}

// list reads a folder of at most so many entries. What is not there, or is no folder, has none.
func list(dir string, most int) ([]fs.DirEntry, error) {
	f, err := files.OpenDir(dir)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	entries, err := f.ReadDir(most + 1)
	if err == io.EOF {
		err = nil
	}
	if len(entries) > most {
		entries = entries[:most]
		err = fmt.Errorf("%s: more than %d entries: remove evidence of old commits", dir, most)
	}
	return entries, err
}

func matching(pattern, commit string) ([]Candidate, error) {
	names := []string{pattern}
	if isPattern(pattern) {
		var err error
		if names, err = filepath.Glob(pattern); err != nil {
			return nil, fmt.Errorf("%s: %w", pattern, err)
		}
		if err := listable(pattern); err != nil {
			return nil, err
		}
	}
	var found []Candidate
	var errs []error
	for _, name := range names {
		if strings.HasSuffix(name, MetaSuffix) {
			continue
		}
		slashed := filepath.ToSlash(name)
		c, err := candidate(name, cmp.Or(FolderCommit(slashed), PathCommit(path.Base(slashed), commit)))
		found, errs = append(found, c...), append(errs, err)
		if len(found) > maxMatches {
			return found, fmt.Errorf("%s: more than %d files: choose a narrower pattern", pattern, maxMatches)
		}
	}
	return found, errors.Join(errs...)
}

// listable tells why the folder that a pattern begins in cannot be listed, which Glob does not.
func listable(pattern string) error {
	dir := pattern
	for isPattern(dir) {
		dir = filepath.Dir(dir)
	}
	f, err := os.Open(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		_ = f.Close()
	}
	return err
}

// candidate leaves out what is not there and folders; what is there and cannot be read is for Open to refuse.
func candidate(name, commit string) ([]Candidate, error) {
	info, err := os.Stat(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		info, err = os.Lstat(name) // of a link that leads nowhere it is at least known that it is there
	}
	if errors.Is(err, fs.ErrNotExist) || err == nil && info.IsDir() {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return []Candidate{{Name: name, Commit: commit, Modified: info.ModTime(), Source: File(name)}}, nil
}

// File is a report in the file system, by its path.
type File string

// Open implements Source. The record beside the file is read at the same time.
func (path File) Open(context.Context) (io.ReadCloser, Meta, error) {
	f, info, err := files.Open(string(path))
	if err != nil {
		return nil, Meta{}, err
	}
	m := Meta{Modified: info.ModTime(), Version: Version{File: files.Identify(info)}}
	m.Record, _, err = files.Read(string(path)+MetaSuffix, maxRecord)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		_ = f.Close()
		return nil, Meta{}, err
	}
	return &openFile{f, info}, m, nil
}

// openFile tells at its end when the file was written to meanwhile.
type openFile struct {
	*os.File
	begun fs.FileInfo
}

func (f *openFile) Close() error {
	info, err := f.Stat()
	if closing := f.File.Close(); err == nil {
		err = closing
	}
	if err == nil && files.Identify(info) != files.Identify(f.begun) {
		err = &fs.PathError{Op: "read", Path: f.Name(), Err: files.ErrChanged}
	}
	return err
}
