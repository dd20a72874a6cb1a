// Input layers: the source with its digest, a layer of bytes with its position, and the distinction between a fault
// ("this backup is broken") and any other error ("it could not be read").

package dump

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/klauspost/compress/zstd"
)

// fault is a verdict: the backup was read, and this is wrong with it.
type fault struct {
	reason Reason
	detail string
	other  bool // not a backup at all, which is no fault for one file among others
}

func (f *fault) Error() string { return string(f.reason) + ": " + f.detail }

func broken(reason Reason, format string, args ...any) error {
	return &fault{reason: reason, detail: fmt.Sprintf(format, args...)}
}

func notOne(detail string) error { return &fault{reason: Invalid, detail: detail, other: true} }

// unread wraps an error of the source, so that no layer above reports it as damage.
type unread struct{ err error }

func (u *unread) Error() string { return "read the backup: " + u.err.Error() }
func (u *unread) Unwrap() error { return u.err }

// source is the outermost reader. It counts and digests the bytes, and stops when the context ends or the source
// exceeds its size.
type source struct {
	ctx   context.Context
	r     io.Reader
	hash  hash.Hash
	n     int64 // bytes read
	left  int64 // remaining bytes up to the known size
	ended bool
}

func (s *source) Read(p []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, &unread{err}
	}
	n, err := s.r.Read(p)
	s.n += int64(n)
	s.left -= int64(n)
	s.hash.Write(p[:n])
	if s.left < 0 {
		return n, &unread{fmt.Errorf("%w: source is larger than its stated size", ErrLimit)}
	}
	if err == io.EOF {
		s.ended = true
		return n, err
	}
	if err != nil {
		return n, &unread{err}
	}
	return n, nil
}

// layer is the output of one decompression. It names the layer in faults and enforces the limit of decompressed bytes.
type layer struct {
	run  *run
	name string
	r    io.Reader
}

func (l *layer) Read(p []byte) (int, error) {
	if err := l.run.ctx.Err(); err != nil {
		return 0, &unread{err}
	}
	n, err := l.r.Read(p)
	l.run.content += int64(n)
	if l.run.left -= int64(n); l.run.left < 0 {
		return n, &unread{fmt.Errorf("%w: decompressed content is too large", ErrLimit)}
	}
	if err == nil || err == io.EOF {
		return n, err
	}
	return n, damage(l.name, err)
}

// damage converts a decoder's error to a fault. Faults and errors of the source are returned unchanged.
func damage(name string, err error) error {
	var f *fault
	var u *unread
	switch {
	case errors.As(err, &f):
		return f
	case errors.As(err, &u):
		return u
	case errors.Is(err, zstd.ErrWindowSizeExceeded), errors.Is(err, zstd.ErrDecoderSizeExceeded):
		return &unread{fmt.Errorf("%w: zstd data requires more than %d MiB of memory", ErrLimit, zstdWindow>>20)}
	case errors.Is(err, zstd.ErrUnknownDictionary):
		return broken(Opaque, "was compressed with an unavailable dictionary")
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return broken(Truncated, "has truncated %s data", name)
	}
	return broken(Invalid, "has damaged %s data or unexpected data after it", name)
}

// bufferSize is how much of a layer is read at once, and the longest line returned in one piece.
const bufferSize = 64 << 10

// input is a layer with buffered reading.
type input struct {
	*bufio.Reader
	under counted
}

type counted struct {
	r io.Reader
	n int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

func newInput(r io.Reader) *input {
	in := &input{under: counted{r: r}}
	in.Reader = bufio.NewReaderSize(&in.under, bufferSize)
	return in
}

// reset makes it read another source from its beginning.
func (in *input) reset(r io.Reader) {
	in.under = counted{r: r}
	in.Reader.Reset(&in.under)
}

// pos returns the number of bytes read from this layer so far.
func (in *input) pos() int64 { return in.under.n - int64(in.Buffered()) }

// line returns the next line with its end, or a part of one that exceeds the buffer (end is false). The bytes are valid
// until the next read. After the last byte it returns io.EOF with the unterminated rest.
func (in *input) line() (line []byte, end bool, err error) {
	line, err = in.ReadSlice('\n')
	if err == bufio.ErrBufferFull {
		return line, false, nil
	}
	return line, err == nil, err
}

// drain reads to the end.
func (in *input) drain() error {
	_, err := io.Copy(discard{}, in.Reader)
	return err
}

// end checks that no data follows.
func (in *input) end(what string) error {
	switch _, err := in.ReadByte(); err {
	case nil:
		return broken(Invalid, "has unexpected data after the end of the %s at byte %d", what, in.pos()-1)
	case io.EOF:
		return nil
	default:
		return err
	}
}

// discard is io.Discard without its ReaderFrom: bufio's WriteTo then writes its own buffer instead of copying through
// another one.
type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }
