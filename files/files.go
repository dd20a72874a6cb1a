// Package files reads a deployment's folder, and writes the program's own files.
//
// The folder is untrusted: only regular files are read (a FIFO or a device in place of a file is an immediate error,
// not a hang), never more than the caller allows, and a change during the read is reported.
package files

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// Errors in addition to those of io/fs (fs.ErrNotExist, fs.ErrPermission) and syscall.ELOOP.
var (
	ErrNotRegular = errors.New("not a regular file")
	ErrTooLarge   = errors.New("larger than the limit")
	ErrChanged    = errors.New("changed while it was read")
)

// Identity identifies one state of a file: a write, a replacement or a copy changes at least one field.
type Identity struct {
	Device, Inode uint64
	Size          int64
	Modified      time.Time // of the content
	Changed       time.Time // of content, owner or mode: programs cannot set it back
}

// Identify returns the identity in the result of Stat or Lstat.
func Identify(info fs.FileInfo) Identity {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return identify(st)
	}
	return Identity{Size: info.Size(), Modified: info.ModTime()}
}

func identify(st *syscall.Stat_t) Identity {
	return Identity{
		Device: uint64(st.Dev), Inode: st.Ino, Size: st.Size, //nolint:unconvert // Dev is 32 bits wide on some platforms
		Modified: time.Unix(st.Mtim.Unix()), Changed: time.Unix(st.Ctim.Unix()),
	}
}

// Look returns the identity of a path's target, following links, and its type: 0 for a regular file, fs.ModeDir for a
// directory, fs.ModeIrregular otherwise. It is called for every file on every scrape, so unlike os.Stat it allocates
// nothing that is not needed.
func Look(path string) (id Identity, kind fs.FileMode, err error) {
	var st syscall.Stat_t
	for err = syscall.EINTR; err == syscall.EINTR; {
		err = syscall.Stat(path, &st)
	}
	if err != nil {
		return Identity{}, 0, &fs.PathError{Op: "stat", Path: path, Err: err}
	}
	switch st.Mode & syscall.S_IFMT {
	case syscall.S_IFREG:
	case syscall.S_IFDIR:
		kind = fs.ModeDir
	default:
		kind = fs.ModeIrregular
	}
	return identify(&st), kind, nil
}

// Open opens a regular file for reading, following links. It never blocks on other files.
func Open(path string) (*os.File, fs.FileInfo, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOCTTY, 0)
	if err != nil {
		return nil, nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = &fs.PathError{Op: "read", Path: path, Err: fmt.Errorf("%w but a %s", ErrNotRegular, kindOf(info.Mode()))}
	}
	if err != nil {
		_ = f.Close()
		return nil, nil, err
	}
	return f, info, nil
}

// OpenDir opens a directory for listing, following links. Other files are an error (syscall.ENOTDIR): opening a named
// pipe would wait for a writer, beyond the control of any context.
func OpenDir(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NONBLOCK, 0)
}

// Read reads a whole file of at most limit bytes. If the file changes during the read, the error is ErrChanged.
func Read(path string, limit int64) ([]byte, fs.FileInfo, error) {
	f, info, err := Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = f.Close() }()
	if info.Size() > limit {
		return nil, nil, &fs.PathError{Op: "read", Path: path, Err: fmt.Errorf("%w of %d bytes", ErrTooLarge, limit)}
	}
	// Reading one byte more than the stated size detects growth, and files of /proc state no size.
	data := make([]byte, 0, info.Size()+1)
	for {
		n, err := f.Read(data[len(data):cap(data)])
		data = data[:len(data)+n]
		if int64(len(data)) > limit {
			return nil, nil, &fs.PathError{Op: "read", Path: path, Err: fmt.Errorf("%w of %d bytes", ErrTooLarge, limit)}
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, nil, err
		}
		if len(data) == cap(data) {
			data = append(data, 0)[:len(data)]
		}
	}
	after, err := f.Stat()
	if err != nil {
		return nil, nil, err
	}
	if info.Size() != 0 && (!Unchanged(info, after) || int64(len(data)) != info.Size()) {
		return nil, nil, &fs.PathError{Op: "read", Path: path, Err: ErrChanged}
	}
	return data, info, nil
}

// Unchanged reports whether a file has the same content as before. A file that was replaced by rename is changed only in
// its number of links: what was read is the whole previous version.
func Unchanged(before, after fs.FileInfo) bool {
	was, is := Identify(before), Identify(after)
	if st, ok := after.Sys().(*syscall.Stat_t); ok && st.Nlink == 0 {
		was.Changed = is.Changed
	}
	return was == is
}

// WriteAtomic replaces path by data atomically: after a crash or on a full disk, and for every reader, the file has
// either the old or the new content. If exclusive is set, an existing file is fs.ErrExist and stays unchanged.
func WriteAtomic(path string, data []byte, mode fs.FileMode, exclusive bool) (err error) {
	dir := filepath.Dir(path)
	tmp, err := os.CreateTemp(dir, "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = tmp.Close()
		}
		_ = os.Remove(tmp.Name()) // does nothing after a rename
	}()
	if _, err = tmp.Write(data); err != nil {
		return err
	}
	if err = tmp.Chmod(mode); err != nil {
		return err
	}
	if err = tmp.Sync(); err != nil {
		return err
	}
	if err = tmp.Close(); err != nil {
		return err
	}
	if exclusive {
		err = os.Link(tmp.Name(), path) // unlike rename, link rejects an existing name
	} else {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		return err
	}
	d, err := OpenDir(dir)
	if err != nil {
		return err
	}
	defer func() { _ = d.Close() }()
	return d.Sync()
}

func kindOf(mode fs.FileMode) string {
	switch {
	case mode.IsDir():
		return "directory"
	case mode&fs.ModeNamedPipe != 0:
		return "named pipe"
	case mode&fs.ModeSocket != 0:
		return "socket"
	case mode&fs.ModeDevice != 0:
		return "device"
	}
	return "special file"
}
