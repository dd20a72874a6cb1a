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

	"github.com/thenexusengine/catalyst_exporter/evidence/report"
	"github.com/thenexusengine/catalyst_exporter/files"
)

// Locations of reports.
//
// An evidence folder contains one folder per commit, named by its id (at least 7 digits), with one file per kind, named
// by the kind with any extension: .catalyst/evidence/4f1c2d3/tests.json. For files directly in the evidence folder and
// for files configured by path or pattern, the commit is known only from the name, the record or the report itself. The
// caller passes remote objects as Candidates and parses their keys with NameFits and PathCommit.

// Source is where a report can be read from.
type Source interface {
	// Open starts reading. Close returns files.ErrChanged if the source changed during the read.
	Open(ctx context.Context) (io.ReadCloser, Meta, error)
}

// Meta is what a source knows about its content.
type Meta struct {
	Modified time.Time // modification time, if known
	Version  Version   // zero if versions cannot be distinguished: then the content is read every time
	Record   []byte    // content of the file with MetaSuffix, nil when there is none
	Commit   string    // the commit according to the storage, "" when unknown
}

// Version identifies one content of a source.
type Version struct {
	File files.Identity // for a local file
	Tag  string         // for a remote object: ETag or version id
}

// Candidate is one possible report.
type Candidate struct {
	Name     string // path or URL for display, without secrets
	Commit   string // the commit according to the folder's name, "" when unknown
	Modified time.Time
	Source   Source
}

// Places are the locations to search for files.
type Places struct {
	Folders  []string // evidence folders; also files or file patterns, if their names match the kind
	Patterns []string // files or patterns (path/filepath.Match) that are reports of the requested kind
}

// Limits of a search.
const (
	maxEntries = 20_000 // entries of a folder
	maxMatches = 1_000  // matches of a pattern
)

// Find returns the reports with a stem: those of the commit first, then the newest. Places that do not exist are empty.
// Errors are for places that could not be searched (fs.ErrPermission, filepath.ErrBadPattern); the reports of the other
// places are returned with them.
func Find(places Places, stem string, commit string) ([]Candidate, error) {
	var found []Candidate
	var errs []error
	for _, dir := range places.Folders {
		c, err := inPlace(dir, stem, commit)
		found, errs = append(found, c...), append(errs, err)
	}
	for _, pattern := range places.Patterns {
		c, err := matching(pattern, commit)
		found, errs = append(found, c...), append(errs, err)
	}
	return Ordered(found, commit), errors.Join(errs...)
}

// Ordered sorts candidates in the order that Newest requires, without duplicate names. It reorders found.
func Ordered(found []Candidate, commit string) []Candidate {
	slices.SortStableFunc(found, func(a, b Candidate) int {
		return cmp.Or(-compareBool(report.SameCommit(a.Commit, commit), report.SameCommit(b.Commit, commit)), b.Modified.Compare(a.Modified), strings.Compare(a.Name, b.Name))
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

// Stem returns the name, without extension, of the files of a kind in an evidence folder. Several reports of a kind have
// names: tests-e2e.
func Stem(kind report.Kind, name string) string {
	if name == "" {
		return string(kind)
	}
	return string(kind) + "-" + name
}

// NameFits reports whether a file or object with this base name is a report with the stem in an evidence folder:
// tests.json, tests.xml, tests. Bills of materials have extensions of their own: sbom.cdx.json.
func NameFits(base, stem string) bool {
	name, ok := stemOf(base)
	return ok && name == stem
}

func stemOf(base string) (stem string, ok bool) {
	if strings.HasSuffix(base, MetaSuffix) {
		return "", false
	}
	for _, format := range []string{".cdx.json", ".spdx.json"} {
		if name, ok := strings.CutSuffix(base, format); ok && strings.HasPrefix(name, string(report.SBOM)) {
			return name, true
		}
	}
	stem, extension, dot := strings.Cut(base, ".")
	return stem, !dot || extension != "" && !strings.Contains(extension, ".")
}

// FolderCommit returns the commit in the folder name of a path or key, "" if the name is not a commit's.
func FolderCommit(name string) string {
	if id := path.Base(path.Dir(name)); report.IsCommit(id) {
		return id
	}
	return ""
}

// PathCommit returns the commit of a path or key: that of its folder, else a part of it that is a whole id, or the
// first 7 or more digits of the requested commit. A shorter number may be anything.
func PathCommit(name, wanted string) string {
	if id := path.Base(path.Dir(name)); report.SameCommit(id, wanted) {
		return id
	}
	parts := strings.FieldsFunc(name, func(r rune) bool { return strings.ContainsRune("/._-~+=@", r) })
	for _, part := range slices.Backward(parts) {
		if report.IsCommit(part) && (len(part) == 40 || len(part) == 64 || report.SameCommit(part, wanted)) {
			return part
		}
	}
	return ""
}

// ErrNamesNoKind is returned for a single file whose name does not match a kind.
var ErrNamesNoKind = errors.New("file name does not match a report kind: name it like tests.json, or list it under reports")

// AnyKind reports whether a base name matches a report of any kind.
func AnyKind(base string) bool {
	stem, ok := stemOf(base)
	kind, name, named := strings.Cut(stem, "-")
	return ok && slices.Contains(report.Kinds(), report.Kind(kind)) && (!named || name != "")
}

// inPlace searches a folder, or takes a file or the files of a pattern if their names match.
func inPlace(place, stem, commit string) ([]Candidate, error) {
	if !isPattern(place) {
		info, err := os.Stat(place)
		if err != nil || info.IsDir() {
			return inFolder(place, stem, commit) // returns the error
		}
		if !AnyKind(filepath.Base(place)) {
			return nil, fmt.Errorf("%s: %w", place, ErrNamesNoKind)
		}
	}
	found, err := matching(place, commit)
	return slices.DeleteFunc(found, func(c Candidate) bool { return !NameFits(filepath.Base(c.Name), stem) }), err
}

func isPattern(place string) bool { return strings.ContainsAny(place, `*?[\`) }

// inFolder searches an evidence folder. An unreadable folder of another commit is ignored.
func inFolder(dir, stem, commit string) ([]Candidate, error) {
	entries, err := list(dir, maxEntries)
	if err != nil {
		return nil, err
	}
	var found []Candidate
	var errs []error
	for _, e := range entries {
		name := filepath.Join(dir, e.Name())
		switch {
		case NameFits(e.Name(), stem):
			c, err := candidate(name, "")
			found, errs = append(found, c...), append(errs, err)
		case report.IsCommit(e.Name()) && !e.Type().IsRegular():
			var wrong []error
			inner, err := list(name, maxEntries)
			wrong = append(wrong, err)
			for _, f := range inner {
				if NameFits(f.Name(), stem) {
					c, err := candidate(filepath.Join(name, f.Name()), e.Name())
					found, wrong = append(found, c...), append(wrong, err)
				}
			}
			if commit == "" || report.SameCommit(e.Name(), commit) {
				errs = append(errs, wrong...)
			}
		}
	}
	return found, errors.Join(errs...)
}

// list reads a folder with a maximum number of entries. A missing path or a non-folder has none.
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

// listable returns why the folder at the start of a pattern cannot be listed, which Glob does not report.
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

// candidate skips missing files and folders. An unreadable file is a candidate, and Open returns the error.
func candidate(name, commit string) ([]Candidate, error) {
	info, err := os.Stat(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		info, err = os.Lstat(name) // a dangling link still exists
	}
	if errors.Is(err, fs.ErrNotExist) || err == nil && info.IsDir() {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return []Candidate{{Name: name, Commit: commit, Modified: info.ModTime(), Source: File(name)}}, nil
}

// File is the path of a report in the file system.
type File string

// Open implements Source. It reads the file's record at the same time.
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

// openFile reports in Close whether the file was written to during the read.
type openFile struct {
	*os.File
	begun fs.FileInfo
}

func (f *openFile) Close() error {
	info, err := f.Stat()
	if closing := f.File.Close(); err == nil {
		err = closing
	}
	if err == nil && !files.Unchanged(f.begun, info) {
		err = &fs.PathError{Op: "read", Path: f.Name(), Err: files.ErrChanged}
	}
	return err
}
