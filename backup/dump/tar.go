// Tar archives: a dump in tar format, a directory dump packed by tar, a tar that contains dumps, or a server's data
// directory.

package dump

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"path"
	"strconv"
)

const tarBlock = 512

// isTar detects a tar archive by the checksum of its first header: the sum of its bytes, with the checksum itself
// counted as spaces.
func isTar(head []byte) bool {
	if len(head) < tarBlock || head[0] == 0 {
		return false
	}
	field := bytes.Trim(head[148:156], " \x00")
	want, err := strconv.ParseInt(string(field), 8, 32)
	if err != nil {
		return false
	}
	sum := int64(8 * ' ')
	for i, c := range head[:tarBlock] {
		if i < 148 || i >= 156 {
			sum += int64(c)
		}
	}
	return sum == want
}

// tar judges an archive: every file in it that is part of a dump, then the end mark, which is two blocks of zeros.
func (r *run) tar(in *input, depth int) error {
	if depth >= maxDepth {
		return broken(Invalid, "has more than %d layers of compression or archives", maxDepth)
	}
	r.proof.Format = Archive
	archive := tar.NewReader(in)
	b := newBundle(r, depth)
	member := newInput(archive)
	for {
		// The position of the header that ends the archive. The tar reader accepts an end of input there as the end of the
		// archive.
		end := (in.pos() + tarBlock - 1) / tarBlock * tarBlock
		header, err := archive.Next()
		if err == io.EOF {
			if in.pos() < end+2*tarBlock {
				return broken(Truncated, "ends without the end mark of a tar archive")
			}
			break
		}
		if err != nil && !errors.Is(err, tar.ErrInsecurePath) { // nothing is extracted
			return damage("tar", err)
		}
		member.reset(archive)
		if header.Typeflag == tar.TypeReg {
			if err := b.file(path.Clean(header.Name), member); err != nil {
				return damage("tar", err)
			}
		}
		if err := member.drain(); err != nil {
			return damage("tar", err)
		}
	}
	if err := onlyZeros(in); err != nil {
		return err
	}
	return b.verdict()
}

// onlyZeros reads the padding after an archive's end.
func onlyZeros(in *input) error {
	buffer := make([]byte, 4096)
	for {
		n, err := in.Read(buffer)
		if len(bytes.Trim(buffer[:n], "\x00")) > 0 {
			return broken(Invalid, "has unexpected data after the end of the tar archive")
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
