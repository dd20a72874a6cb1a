package files

import "bytes"

// IsLFSPointer reports whether a file is a Git LFS pointer instead of the content.
func IsLFSPointer(data []byte) bool {
	return bytes.HasPrefix(data, []byte("version https://git-lfs.github.com/spec/"))
}
