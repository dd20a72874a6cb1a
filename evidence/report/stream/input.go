// Package stream reads the bytes of a report, and JSON and XML within them, in constant memory.
package stream

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// Limits of a stream.
const (
	// MaxBytes is the maximum size of a report: ten times the largest test stream seen in practice.
	MaxBytes = 4 << 30
	// MaxFetched is the maximum size of a fetched report.
	MaxFetched = 1 << 30
)

// Errors of a whole stream. A fault inside a recognised report is a Gap instead.
var (
	ErrEmpty   = errors.New("report is empty")
	ErrFormat  = errors.New("unsupported report format")
	ErrTooLong = fmt.Errorf("report exceeds %d GiB", MaxBytes>>30)
	// ErrFetch is returned for a fetched report, which has a lower limit.
	ErrFetch = fmt.Errorf("report exceeds the limit of %d GiB for fetched reports", MaxFetched>>30)
)

// Errors inside a report. Both become a Gap.
var (
	ErrTruncated = errors.New("report is truncated")
	ErrInvalid   = errors.New("report is malformed")
)

// HeadSize is the length of the beginning from which the format is detected.
const HeadSize = 64 << 10

// Input reads a report: it counts and limits the bytes, and converts them to UTF-8 according to a byte order mark
// (redirected output of PowerShell is UTF-16).
type Input struct {
	*bufio.Reader
	raw *counter
}

// New returns the input of at most that many bytes.
func New(r io.Reader, most int64) *Input {
	raw := &counter{r: r, most: most}
	b := bufio.NewReaderSize(raw, HeadSize)
	if mark, _ := b.Peek(3); bytes.HasPrefix(mark, []byte{0xFE, 0xFF}) || bytes.HasPrefix(mark, []byte{0xFF, 0xFE}) || bytes.Equal(mark, []byte{0xEF, 0xBB, 0xBF}) {
		b = bufio.NewReaderSize(transform.NewReader(b, unicode.BOMOverride(transform.Nop)), HeadSize)
	}
	return &Input{b, raw}
}

// Consumed returns the number of bytes read so far, and the error of the underlying reader.
func (in *Input) Consumed() (int64, error) { return in.raw.n, in.raw.err }

// Head returns the beginning without consuming it.
func (in *Input) Head() []byte {
	b, _ := in.Peek(HeadSize)
	return b
}

// counter counts the bytes, stops after most bytes, and remembers a read error.
type counter struct {
	r    io.Reader
	most int64
	n    int64
	err  error
}

func (c *counter) Read(p []byte) (int, error) {
	if c.err != nil {
		return 0, c.err
	}
	n, err := c.r.Read(p)
	c.n += int64(n)
	if err != nil && err != io.EOF {
		c.err = err
	} else if c.n > c.most {
		c.err = ErrTooLong
		return n, ErrTooLong
	}
	return n, err
}

// Line returns the next line without its end, truncated to headSize (supported lines are shorter), and whether it had a
// line end. The bytes are valid until the next call.
func (in *Input) Line() (text []byte, ended bool, err error) {
	text, err = in.ReadSlice('\n')
	if err == bufio.ErrBufferFull {
		text = bytes.Clone(text) // the rest of the line overwrites the buffer
		for err == bufio.ErrBufferFull {
			_, err = in.ReadSlice('\n')
		}
	}
	if err == nil {
		return bytes.TrimRight(text, "\r\n"), true, nil
	}
	if err == io.EOF && len(text) > 0 {
		return text, false, nil
	}
	return nil, false, err
}

// ErrTrailing returns the error for data after the end of a report.
func ErrTrailing() error { return fmt.Errorf("%w: data after the end", ErrInvalid) }
