package probe

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/client"
)

// Files inside a container, through the engine's archive API: it tells of a link without following it, lists a folder only by sending all that is in
// it, and works on stopped containers too.

const (
	maxLinks = 16
	// maxArchived bounds the names of one folder.
	maxArchived = 20_000
)

var (
	errNoFile   = errors.New("no such file in the container")
	errLinks    = errors.New("links lead in circles")
	errTooMany  = errors.New("more files than are looked at")
	errNoFolder = errors.New("no regular file and no folder")
)

// archived is a file or folder in a container.
type archived struct {
	Path     string // where the links led
	Size     int64
	Modified time.Time
	Folder   bool
}

// stat tells of a path after following its links; errNoFile when there is none.
func (e *engine) stat(ctx context.Context, container, name string) (archived, error) {
	for range maxLinks {
		ask, cancel := context.WithTimeout(ctx, dockerPatience)
		seen, err := e.api.ContainerStatPath(ask, container, client.ContainerStatPathOptions{Path: name})
		cancel()
		if errdefs.IsNotFound(err) { // of the container too, which was there a moment ago
			return archived{}, errNoFile
		}
		if err != nil {
			return archived{}, e.unasked(ctx, "look at a file of the container", err)
		}
		target := seen.Stat.LinkTarget
		if target == "" || target == name {
			mode := seen.Stat.Mode
			if !mode.IsRegular() && !mode.IsDir() {
				return archived{}, errNoFolder
			}
			return archived{name, seen.Stat.Size, seen.Stat.Mtime, mode.IsDir()}, nil
		}
		if !path.IsAbs(target) {
			target = path.Join(path.Dir(name), target)
		}
		name = target
	}
	return archived{}, errLinks
}

// list tells of the files in a folder and those below it. The engine sends their content with them, which is read and forgotten.
func (e *engine) list(ctx context.Context, container, folder string) ([]archived, error) {
	var found []archived
	err := e.archive(ctx, container, folder, func(h *tar.Header, _ io.Reader) error {
		if len(found) >= maxArchived {
			return errTooMany
		}
		// The archive's names begin with the folder's own.
		name := path.Join(path.Dir(path.Clean(folder)), path.Clean("/"+h.Name))
		switch h.Typeflag {
		case tar.TypeReg:
			found = append(found, archived{name, h.Size, h.ModTime, false})
		case tar.TypeSymlink:
			to, err := e.stat(ctx, container, name)
			if err == nil && !to.Folder {
				found = append(found, to)
			} else if err != nil && !errors.Is(err, errNoFile) && !errors.Is(err, errLinks) && !errors.Is(err, errNoFolder) {
				return err
			}
		}
		return nil
	})
	return found, err
}

// archive calls visit for each entry of a path's archive.
func (e *engine) archive(ctx context.Context, container, name string, visit func(h *tar.Header, content io.Reader) error) error {
	stream, err := e.api.CopyFromContainer(ctx, container, client.CopyFromContainerOptions{SourcePath: name})
	if errdefs.IsNotFound(err) {
		return errNoFile
	}
	if err != nil {
		return e.unasked(ctx, "read a file of the container", err)
	}
	defer func() { _ = stream.Content.Close() }()
	archive := tar.NewReader(stream.Content)
	for {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return e.brokenOff(ctx, err)
		}
		if err := visit(h, archive); err != nil {
			return err
		}
	}
}

// brokenOff is the error of a stream out of a container that ended before its end.
func (e *engine) brokenOff(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return Unknown(ReasonTimeout, fmt.Errorf("Docker Engine at %s: reading files of the container took too long", e.shown)) //nolint:staticcheck // a name
	}
	var u *Unanswered
	if errors.As(err, &u) {
		return err
	}
	return Unknown(ReasonInProgress, fmt.Errorf("Docker Engine at %s: what it sends of the container's files breaks off: they may be changing", e.shown)) //nolint:staticcheck // a name
}
