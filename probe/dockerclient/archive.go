package dockerclient

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

	"github.com/thenexusengine/catalyst_exporter/probe"
)

// Files inside a container, through the engine's archive API. The API reports a symbolic link without following it,
// lists a directory only by sending all its content, and works on stopped containers too.

const (
	maxLinks = 16
	// maxArchived bounds the entries of one directory.
	maxArchived = 20_000
)

var (
	ErrNoFile             = errors.New("no such file in the container")
	ErrLinks              = errors.New("too many levels of symbolic links")
	ErrTooMany            = errors.New("too many files")
	ErrNotFileOrDirectory = errors.New("not a regular file or directory")
)

// File is a file or directory in a container.
type File struct {
	Path     string // after following links
	Size     int64
	Modified time.Time
	Folder   bool
}

// Stat returns a path's file after following links, or ErrNoFile.
func (e *Engine) Stat(ctx context.Context, container, name string) (File, error) {
	for range maxLinks {
		ask, cancel := context.WithTimeout(ctx, dockerTimeout)
		seen, err := e.api.ContainerStatPath(ask, container, client.ContainerStatPathOptions{Path: name})
		cancel()
		if errdefs.IsNotFound(err) { // also for a container removed in the meantime
			return File{}, ErrNoFile
		}
		if err != nil {
			return File{}, e.requestError(ctx, "stat a file in the container", err)
		}
		target := seen.Stat.LinkTarget
		if target == "" || target == name {
			mode := seen.Stat.Mode
			if !mode.IsRegular() && !mode.IsDir() {
				return File{}, ErrNotFileOrDirectory
			}
			return File{name, seen.Stat.Size, seen.Stat.Mtime, mode.IsDir()}, nil
		}
		if !path.IsAbs(target) {
			target = path.Join(path.Dir(name), target)
		}
		name = target
	}
	return File{}, ErrLinks
}

// List returns the files below a directory. The engine sends their content too, which is discarded.
func (e *Engine) List(ctx context.Context, container, folder string) ([]File, error) {
	var found []File
	err := e.Archive(ctx, container, folder, func(h *tar.Header, _ io.Reader) error {
		if len(found) >= maxArchived {
			return ErrTooMany
		}
		// Names in the archive begin with the directory's own name.
		name := path.Join(path.Dir(path.Clean(folder)), path.Clean("/"+h.Name))
		switch h.Typeflag {
		case tar.TypeReg:
			found = append(found, File{name, h.Size, h.ModTime, false})
		case tar.TypeSymlink:
			to, err := e.Stat(ctx, container, name)
			if err == nil && !to.Folder {
				found = append(found, to)
			} else if err != nil && !errors.Is(err, ErrNoFile) && !errors.Is(err, ErrLinks) && !errors.Is(err, ErrNotFileOrDirectory) {
				return err
			}
		}
		return nil
	})
	return found, err
}

// Archive calls visit for each entry of the tar archive of a path.
func (e *Engine) Archive(ctx context.Context, container, name string, visit func(h *tar.Header, content io.Reader) error) error {
	stream, err := e.api.CopyFromContainer(ctx, container, client.CopyFromContainerOptions{SourcePath: name})
	if errdefs.IsNotFound(err) {
		return ErrNoFile
	}
	if err != nil {
		return e.requestError(ctx, "read a file in the container", err)
	}
	defer func() { _ = stream.Content.Close() }()
	archive := tar.NewReader(stream.Content)
	for {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return e.StreamError(ctx, err)
		}
		if err := visit(h, archive); err != nil {
			return err
		}
	}
}

// StreamError converts the error of a truncated archive stream.
func (e *Engine) StreamError(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return probe.Unknown(probe.ReasonTimeout, fmt.Errorf("Docker Engine at %s: timeout while reading files from the container",
			e.Shown)) //nolint:staticcheck // a name
	}
	var u *probe.NotCheckedError
	if errors.As(err, &u) {
		return err
	}
	return probe.Unknown(probe.ReasonInProgress,
		fmt.Errorf("Docker Engine at %s: file stream from the container ended early: the files may be changing",
			e.Shown)) //nolint:staticcheck // a name
}
