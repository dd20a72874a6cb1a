package content

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"errors"
	"io"
)

// Compressed contents hide their text. ZIP archives (also jar, docx and others), tar, gzip and bzip2 are unpacked, also
// when they contain each other. Other formats are recognized.

const (
	// maxUnpacked bounds what is unpacked of one content, including the archives in it.
	maxUnpacked = 32 << 20
	maxFiles    = 10_000
	maxNesting  = 4
)

var (
	errUnpackedSize = errors.New("archive holds more than 32 MiB, 10000 files or 4 levels")
	errBroken       = errors.New("archive cannot be read")
)

// packed is a file in an archive. The name of a compressed stream, and of what is around the files, is that of the archive:
// "" for the outermost.
type packed struct {
	Name      string
	Content   []byte
	Encrypted bool // without content
}

// unpacker counts what was unpacked.
type unpacker struct {
	left, files int
	each        func(packed) error
}

// unpack calls each for the files of an archive, and of the archives in it. The error is errUnpackedSize, errBroken or
// that of each.
func unpack(content []byte, each func(packed) error) error {
	u := &unpacker{left: maxUnpacked, files: maxFiles, each: each}
	return u.unpack("", content, maxNesting)
}

func (u *unpacker) unpack(name string, content []byte, depth int) error {
	read := unpackerOf(content)
	switch {
	case read == nil:
		return u.each(packed{Name: name, Content: content})
	case depth == 0:
		return errUnpackedSize
	}
	return read(u, name, content, depth-1)
}

// unpackerOf recognizes an archive; nil for other contents. A ZIP archive may have anything in front of it.
func unpackerOf(content []byte) func(u *unpacker, name string, content []byte, depth int) error {
	switch {
	case bytes.HasPrefix(content, []byte("PK\x03\x04")), bytes.HasPrefix(content, []byte("PK\x05\x06")):
		return (*unpacker).zip
	case bytes.HasPrefix(content, []byte("\x1f\x8b\x08")):
		return (*unpacker).gzip
	case bytes.HasPrefix(content, []byte("BZh")) && len(content) > 10 && bytes.Equal(content[4:10], []byte("1AY&SY")):
		return (*unpacker).bzip2
	case len(content) >= 512 && bytes.Equal(content[257:262], []byte("ustar")):
		return (*unpacker).tar
	}
	if tail := content[max(0, len(content)-(64<<10)-22):]; bytes.Contains(tail, []byte("PK\x05\x06")) {
		if _, err := zip.NewReader(bytes.NewReader(content), int64(len(content))); err == nil {
			return (*unpacker).zip
		}
	}
	return nil
}

func (u *unpacker) zip(name string, content []byte, depth int) error {
	z, err := zip.NewReader(bytes.NewReader(content), int64(len(content)))
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		return errBroken
	}
	for _, around := range [][]byte{content[:max(0, bytes.Index(content, []byte("PK")))], []byte(z.Comment)} {
		if err := u.rest(name, around); err != nil {
			return err
		}
	}
	for _, f := range z.File {
		if f.Flags&1 != 0 {
			if err := u.each(packed{Name: inner(name, f.Name), Encrypted: true}); err != nil {
				return err
			}
			continue
		}
		r, err := f.Open()
		if err != nil {
			return errBroken // or compressed in an unknown way
		}
		if err := u.file(inner(name, f.Name), r, depth); err != nil {
			return err
		}
	}
	return nil
}

func (u *unpacker) tar(name string, content []byte, depth int) error {
	in := bytes.NewReader(content)
	r := tar.NewReader(in)
	for {
		h, err := r.Next()
		if err == io.EOF {
			return u.rest(name, content[len(content)-in.Len():])
		}
		if err != nil && !errors.Is(err, tar.ErrInsecurePath) {
			return errBroken
		}
		if err := u.file(inner(name, h.Name), r, depth); err != nil {
			return err
		}
	}
}

func (u *unpacker) gzip(name string, content []byte, depth int) error {
	r, err := gzip.NewReader(bytes.NewReader(content))
	if err != nil {
		return errBroken
	}
	return u.file(name, r, depth)
}

func (u *unpacker) bzip2(name string, content []byte, depth int) error {
	return u.file(name, bzip2.NewReader(bytes.NewReader(content)), depth)
}

// file reads one file within the limits.
func (u *unpacker) file(name string, r io.Reader, depth int) error {
	content, err := io.ReadAll(io.LimitReader(r, int64(u.left)+1))
	u.files--
	u.left -= len(content)
	switch {
	case u.left < 0 || u.files < 0:
		return errUnpackedSize
	case err != nil:
		return errBroken
	}
	return u.unpack(name, content, depth)
}

// rest passes on what an archive has around its files.
func (u *unpacker) rest(name string, content []byte) error {
	if len(bytes.Trim(content, "\x00")) == 0 {
		return nil
	}
	return u.each(packed{Name: name, Content: content})
}

// inner returns the name of a file in an archive that may be in another.
func inner(archive, name string) string {
	if archive == "" {
		return name
	}
	return archive + "!" + name
}

// compressedBy returns the format of a compressed content that unpack does not read; "" for others.
func compressedBy(content []byte) string {
	for _, format := range []struct{ name, magic string }{
		{"xz", "\xfd7zXZ\x00"}, {"Zstandard", "\x28\xb5\x2f\xfd"}, {"7-Zip", "7z\xbc\xaf\x27\x1c"}, {"RAR", "Rar!\x1a\x07"},
		{"LZ4", "\x04\x22\x4d\x18"}, {"lzip", "LZIP\x01"}, {"compress", "\x1f\x9d"}, {"SquashFS", "hsqs"}, {"cabinet", "MSCF\x00"},
	} {
		if bytes.HasPrefix(content, []byte(format.magic)) {
			return format.name
		}
	}
	return ""
}

// Each calls f for the text of a content, or for the texts of the files in an archive. why is the reason if something
// cannot be searched.
func Each(file string, stored []byte, f func(name, text string, kind Kind) error) (why string, err error) {
	err = unpack(stored, func(p packed) error {
		name := file
		if p.Name != "" {
			name += "!" + p.Name
		}
		if p.Encrypted {
			return f(name, "", Encrypted)
		}
		if by := compressedBy(p.Content); by != "" {
			why = "compressed by " + by
		}
		text, kind := Of(p.Content)
		return f(name, text, kind)
	})
	switch {
	case errors.Is(err, errUnpackedSize):
		return err.Error(), nil
	case errors.Is(err, errBroken):
		why = err.Error()
		text, kind := Of(stored)
		err = f(file, text, kind)
	}
	return why, err
}
