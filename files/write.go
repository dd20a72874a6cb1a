package files

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Write writes a file that a person names. A regular file, also behind a link, is replaced atomically. To a device, a pipe
// and what /dev and /proc name, such as /dev/stdout, the data is written: a rename would replace the device.
func Write(path string, data []byte, mode fs.FileMode) error {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	info, err := os.Stat(path)
	switch {
	case err == nil && !info.Mode().IsRegular(), strings.HasPrefix(absolute, "/dev/"), strings.HasPrefix(absolute, "/proc/"):
		return appendTo(path, data)
	case err != nil: // there is none yet, or a link to nothing
		return WriteAtomic(path, data, mode, false)
	}
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return err
	}
	return WriteAtomic(real, data, mode, false)
}

func appendTo(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	if _, err = f.Write(data); err != nil {
		_ = f.Close()
		return err
	}
	return f.Close()
}
