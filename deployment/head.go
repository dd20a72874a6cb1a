package deployment

import (
	"errors"
	"io/fs"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/files"
)

// What is checked out, read from git's own files: no git needs to be installed, and none runs as the owner of somebody else's repository.

// ErrNoRepository says that the deployment is in no git repository.
var ErrNoRepository = errors.New("the deployment is in no git repository")

// maxRef and maxPackedRefs bound git's files.
const (
	maxRef        = 4 << 10
	maxPackedRefs = 16 << 20
)

// Head is the commit that is checked out, in hexadecimal; "" in a repository without commits. The error is ErrNoRepository or one of reading.
func (v *View) Head() (string, error) {
	place := v.Place(FactRepository).Path()
	if place == "" {
		return "", ErrNoRepository
	}
	dir, err := gitDir(place)
	if err != nil {
		return "", err
	}
	head, err := gitFile(filepath.Join(dir, "HEAD"))
	if err != nil {
		return "", err
	}
	ref, symbolic := strings.CutPrefix(head, "ref: ")
	if !symbolic {
		return commitName(head)
	}
	if !filepath.IsLocal(filepath.FromSlash(ref)) {
		return "", errors.New("HEAD of the git repository points out of it")
	}
	common := gitCommon(dir)
	for _, d := range []string{dir, common} {
		commit, err := gitFile(filepath.Join(d, filepath.FromSlash(ref)))
		if err == nil {
			return commitName(commit)
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
	}
	return packed(filepath.Join(common, "packed-refs"), ref)
}

// gitDir is the folder that a .git names: itself, or what the file says in a work tree or submodule.
func gitDir(repository string) (string, error) {
	path := repository
	if filepath.Base(path) != ".git" {
		if _, err := gitFile(filepath.Join(path, "HEAD")); err == nil {
			return path, nil // a bare repository
		}
		path = filepath.Join(path, ".git")
	}
	text, err := gitFile(path)
	if errors.Is(err, files.ErrNotRegular) {
		return path, nil
	}
	if err != nil {
		return "", err
	}
	to, ok := strings.CutPrefix(text, "gitdir: ")
	if !ok {
		return "", errors.New("the file .git names no repository")
	}
	if !filepath.IsAbs(to) {
		to = filepath.Join(filepath.Dir(path), to)
	}
	return to, nil
}

func gitFile(path string) (string, error) {
	data, _, err := files.Read(path, maxRef)
	return strings.TrimSpace(string(data)), err
}

// packed finds a branch among the packed references; a branch without commits is in neither place.
func packed(path, ref string) (string, error) {
	data, _, err := files.Read(path, maxPackedRefs)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(data)) {
		if commit, name, ok := strings.Cut(strings.TrimRight(line, "\r\n"), " "); ok && name == ref {
			return commitName(commit)
		}
	}
	return "", nil
}

// commitHex is a commit's full name: SHA-1 or SHA-256.
var commitHex = regexp.MustCompile(`^([0-9a-f]{40}|[0-9a-f]{64})$`)

// commitName lets nothing but a commit's name be taken for one: folders are called by it.
func commitName(text string) (string, error) {
	if !commitHex.MatchString(text) {
		return "", errors.New("HEAD of the git repository names no commit")
	}
	return text, nil
}
