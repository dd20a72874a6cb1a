package probe

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// notFound judges that a file was looked for in the deployment's folders and none is there. A folder that may not be read could hold it, so then
// nothing is known. Setting is where its path can be told.
func notFound(p *Pass, what, setting string) (Result, error) {
	for _, name := range []string{".", "deployment", "deploy", "docs"} {
		// As a directory only: opening a named pipe in its place would wait.
		path := filepath.Join(p.Deployment.Root, name)
		dir, err := os.OpenFile(path, os.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NONBLOCK, 0)
		if err == nil {
			_ = dir.Close()
		} else if errors.Is(err, fs.ErrPermission) {
			return Result{}, Needs("permission to list the deployment's folders", Unknownf(ReasonPermissionDenied, "%s may lie in %s, which cannot be listed", what, p.Deployment.Rel(path)))
		}
	}
	return Failed(ReasonMissing, "no %s in the deployment's folder, deployment/, deploy/ or docs/: write it, or tell where it is with %s", what, setting), nil
}

// notRead judges the error of reading a document; see unreadable.
func notRead(what string, err error) (Result, error) {
	if errors.Is(err, errNotText) {
		return Failed(ReasonInvalid, "%s: %v", what, err), nil
	}
	return unreadable(what, err)
}
