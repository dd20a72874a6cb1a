// Package git reads the parts of a git repository that need no git: where they are, HEAD, and whether references changed.
package git

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/files"
)

// Repository holds the absolute paths of a git repository's parts.
type Repository struct {
	Dir    string // contains HEAD and the index
	Common string // contains references and objects: Dir, except for a linked work tree
	Work   string // the work tree; "" for a bare repository
}

// maxRefDirs limits how many folders of references are read. Real repositories have far fewer.
const maxRefDirs = 10_000

// Find returns the parts of the repository at a path: a work tree, its .git or a bare repository.
func Find(repository string) (Repository, error) {
	dir, err := gitDir(repository)
	if err != nil {
		return Repository{}, err
	}
	if _, err := gitFile(filepath.Join(dir, "HEAD")); err != nil {
		return Repository{}, err
	}
	g := Repository{Dir: dir, Common: gitCommon(dir)}
	switch {
	case filepath.Base(repository) == ".git":
		g.Work = filepath.Dir(repository)
	case dir != repository:
		g.Work = repository
	}
	return g, nil
}

// gitCommon returns the folder of the references: for a linked work tree, the main repository's.
func gitCommon(dir string) string {
	common, err := gitFile(filepath.Join(dir, "commondir"))
	switch {
	case err != nil:
		return dir
	case filepath.IsAbs(common):
		return common
	}
	return filepath.Join(dir, common)
}

// References returns a text that changes when HEAD, a branch or a tag changes. It costs a few stat calls.
func (g Repository) References() (string, error) {
	head, err := gitFile(filepath.Join(g.Dir, "HEAD"))
	if err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString(head)
	see := func(path string) {
		if info, err := os.Stat(path); err == nil {
			fmt.Fprintf(&b, "\n%+v", files.Identify(info))
		}
	}
	see(filepath.Join(g.Common, "packed-refs"))
	see(filepath.Join(g.Common, "shallow"))
	see(filepath.Join(g.Common, "reftable"))
	// git writes a reference by renaming a file into its folder, which changes the folder's time.
	dirs := []string{filepath.Join(g.Common, "refs")}
	for i := 0; i < len(dirs); i++ {
		if i == maxRefDirs {
			return "", errors.New("the git repository has too many reference folders")
		}
		see(dirs[i])
		entries, err := os.ReadDir(dirs[i])
		if err != nil {
			return "", err
		}
		for _, e := range entries {
			if e.IsDir() {
				dirs = append(dirs, filepath.Join(dirs[i], e.Name()))
			}
		}
	}
	return b.String(), nil
}
