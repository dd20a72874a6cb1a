// Package files reads what a deployment's folder holds, and writes what the program keeps.
//
// The folder belongs to somebody else, so nothing in it is taken for granted: only regular files are read (a FIFO or a device in a file's place
// is an error at once, not a hang), never more than the caller allows, and what changed while it was read is told.
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

// Errors beside those of io/fs (fs.ErrNotExist, fs.ErrPermission) and syscall.ELOOP.
var (
	ErrNotRegular = errors.New("not a regular file")
	ErrTooLarge   = errors.New("larger than the limit")
	ErrChanged    = errors.New("changed while it was read")
)

// Identity tells one state of a file from every other: a write, a replacement or a copy changes at least one field.
type Identity struct {
	Device, Inode uint64
	Size          int64
	Modified      time.Time // of the content
	Changed       time.Time // of content, owner or mode: cannot be set back by a program
}

// Identify returns the identity behind what Stat or Lstat returned.
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

// Look returns the identity of what a path leads to, following links, and its type: 0 for a regular file, fs.ModeDir for a directory, fs.ModeIrregular
// for what is neither. Every file is looked at on every scrape, so that nothing is made here of what nobody asks for, as os.Stat does.
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

// Open opens a regular file for reading, following links. It never blocks on what is not one.
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

// OpenDir opens a directory to list it, following links. What is none is an error (syscall.ENOTDIR): to open a named pipe in its place would
// wait for somebody to write, beyond the reach of any context.
func OpenDir(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NONBLOCK, 0)
}

// Read reads a whole file of at most limit bytes. A file that grows, shrinks or is rewritten meanwhile is ErrChanged.
func Read(path string, limit int64) ([]byte, fs.FileInfo, error) {
	f, info, err := Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = f.Close() }()
	if info.Size() > limit {
		return nil, nil, &fs.PathError{Op: "read", Path: path, Err: fmt.Errorf("%w of %d bytes", ErrTooLarge, limit)}
	}
	// One byte more than stated tells a file that grew, and files of /proc state no size at all.
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
	if info.Size() != 0 && (Identify(after) != Identify(info) || int64(len(data)) != info.Size()) {
		return nil, nil, &fs.PathError{Op: "read", Path: path, Err: ErrChanged}
	}
	return data, info, nil
}

// WriteAtomic replaces path by data as one step: a reader, a crash or a full disk sees the old file or the new one, never a part.
// With exclusive set an existing file is fs.ErrExist and stays as it is.
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
		_ = os.Remove(tmp.Name()) // after a rename there is nothing left under this name
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
		err = os.Link(tmp.Name(), path) // unlike rename, link refuses an existing name
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
