package deployment

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/deployment/find"
	"github.com/thenexusengine/catalyst_exporter/files"
)

// Git holds the absolute paths of a git repository's parts.
type Git struct {
	Dir    string // contains HEAD and the index
	Common string // contains references and objects: Dir, except for a linked work tree
	Work   string // the work tree; "" for a bare repository
}

// maxRefDirs limits how many folders of references are read. Real repositories have far fewer.
const maxRefDirs = 10_000

// Git returns the paths of the deployment's git repository. The error is ErrNoRepository or a read error.
func (v *View) Git() (Git, error) {
	place := v.Place(find.FactRepository).Path()
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
