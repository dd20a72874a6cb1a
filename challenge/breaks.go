package challenge

import (
	"bytes"
	"errors"
	"io/fs"
	"os"

	"github.com/thenexusengine/catalyst_exporter/probe"
)

// Breaks files of the copy and restores them.

var (
	errOutside   = errors.New("not part of the copy")
	errUnchanged = errors.New("the edit changes nothing")
)

// apply breaks a file of the copy and returns how to restore it.
func (c *copied) apply(path string, b probe.Breakage) (restore func() error, err error) {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && b.Edit != nil && c.mayCreate(path):
		return create(path, b.Edit)
	case !c.has(path), errors.Is(err, fs.ErrNotExist), err == nil && !info.Mode().IsRegular():
		return nil, errOutside
	case err != nil:
		return nil, err
	case b.Mode != 0:
		return changeMode(path, info, b.Mode)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	changed := b.Edit(bytes.Clone(content))
	switch {
	case changed == nil:
		err = os.Remove(path)
	case bytes.Equal(changed, content):
		return nil, errUnchanged
	default:
		err = put(path, changed, info)
	}
	return func() error { return put(path, content, info) }, err
}

// changeMode sets the permission bits of a file.
func changeMode(path string, like fs.FileInfo, mode fs.FileMode) (restore func() error, err error) {
	if like.Mode().Perm() == mode {
		return nil, errUnchanged
	}
	return func() error { return os.Chmod(path, like.Mode().Perm()) }, os.Chmod(path, mode)
}

// create makes a file that neither the deployment nor the copy has.
func create(path string, edit func([]byte) []byte) (restore func() error, err error) {
	made := edit(nil)
	if len(made) == 0 {
		return nil, errUnchanged
	}
	if err := os.WriteFile(path, made, 0o600); err != nil {
		return nil, err
	}
	return func() error { return os.Remove(path) }, nil
}

// put writes a file of the copy with the mode and time of the original: a file that was written a moment ago may be judged
// as incomplete.
func put(path string, content []byte, like fs.FileInfo) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) { // it may be read-only
		return err
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		return err
	}
	if err := os.Chmod(path, like.Mode().Perm()); err != nil {
		return err
	}
	return os.Chtimes(path, like.ModTime(), like.ModTime())
}
