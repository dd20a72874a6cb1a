package deployment

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/files"
)

// Git says where a git repository keeps what; all paths are absolute.
type Git struct {
	Dir    string // HEAD and the index
	Common string // references and objects: Dir, but for a linked work tree
	Work   string // the work tree; "" for a bare repository
}

// maxRefDirs bounds how many folders of references are looked at: branches are grouped by a person or a ticket, not by the ten thousands.
const maxRefDirs = 10_000

// Git says where the deployment's git repository is. The error is ErrNoRepository or one of reading.
func (v *View) Git() (Git, error) {
	place := v.Place(FactRepository).Path()
	if place == "" {
		return Git{}, ErrNoRepository
	}
	dir, err := gitDir(place)
	if err != nil {
		return Git{}, err
	}
	if _, err := gitFile(filepath.Join(dir, "HEAD")); err != nil {
		return Git{}, err
	}
	g := Git{Dir: dir, Common: gitCommon(dir)}
	switch {
	case filepath.Base(place) == ".git":
		g.Work = filepath.Dir(place)
	case dir != place:
		g.Work = place
	}
	return g, nil
}

// gitCommon is where references are: of a linked work tree, in the main repository's folder.
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

// References is a text that changes when HEAD or a branch or tag of the repository does. It costs a few calls of stat.
func (g Git) References() (string, error) {
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
	// A reference is written by renaming a file into its folder, so that the folders' times tell.
	dirs := []string{filepath.Join(g.Common, "refs")}
	for i := 0; i < len(dirs); i++ {
		if i == maxRefDirs {
			return "", errors.New("the git repository has too many folders of references")
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
