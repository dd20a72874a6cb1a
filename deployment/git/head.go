package git

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/files"
	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
)

// Reads the checked-out commit from git's own files: git need not be installed, and no git runs in a repository of
// another owner.

// maxRef and maxPackedRefs limit the size of git's files.
const (
	maxRef        = 4 << 10
	maxPackedRefs = 16 << 20
)

// Head returns the checked-out commit of the repository at a path, in hexadecimal; "" in a repository without commits.
func Head(repository string) (string, error) {
	dir, err := gitDir(repository)
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
		return "", errors.New("HEAD of the git repository points outside it")
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

// gitDir returns the folder of a repository: .git itself, or the folder that the file .git of a work tree or submodule
// names.
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
		return "", errors.New("the file .git does not name a repository")
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

// packed finds a branch in packed-refs. A branch without commits is not in it.
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

// commitHex matches a full commit name: SHA-1 or SHA-256.
var commitHex = lazyregexp.New(`^([0-9a-f]{40}|[0-9a-f]{64})$`)

// commitName validates a commit name, because folders are named after it.
func commitName(text string) (string, error) {
	if !commitHex.MatchString(text) {
		return "", errors.New("HEAD of the git repository is not a commit")
	}
	return text, nil
}
