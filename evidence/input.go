package evidence

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"

	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// What is wrong with a stream as a whole. What is wrong inside a recognised report is a Gap instead.
var (
	ErrEmpty   = errors.New("the report is empty")
	ErrFormat  = errors.New("not a report this reads")
	ErrTooLong = fmt.Errorf("the report is larger than %d GiB", MaxBytes>>30)
	// ErrFetch is of one that has to be fetched, of which less is read.
	ErrFetch = fmt.Errorf("the report is larger than %d GiB, which is not fetched", MaxFetched>>30)
)

// Inside a report. Both end up as a Gap.
var (
	errCut     = errors.New("it ends in the middle")
	errInvalid = errors.New("it is not well-formed")
)

// headSize is how much of a report its format is told from.
const headSize = 64 << 10

// input is a report being read: counted, bounded, and turned to UTF-8 where a byte order mark says that it is something else (redirected output
// of PowerShell is UTF-16).
type input struct {
	*bufio.Reader
	raw *counter
}

func newInput(r io.Reader, most int64) *input {
	raw := &counter{r: r, most: most}
	b := bufio.NewReaderSize(raw, headSize)
	if mark, _ := b.Peek(3); bytes.HasPrefix(mark, []byte{0xFE, 0xFF}) || bytes.HasPrefix(mark, []byte{0xFF, 0xFE}) || bytes.Equal(mark, []byte{0xEF, 0xBB, 0xBF}) {
		b = bufio.NewReaderSize(transform.NewReader(b, unicode.BOMOverride(transform.Nop)), headSize)
	}
	return &input{b, raw}
}

// head returns the beginning without consuming it.
func (in *input) head() []byte {
	b, _ := in.Peek(headSize)
	return b
}

// counter counts, stops after most bytes, and remembers the error that was none of the content's.
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

// line returns the next line without its end, cut at headSize (no line that is read here is that long), and whether it had an end. The bytes are valid until the next call.
func (in *input) line() (text []byte, ended bool, err error) {
	text, err = in.ReadSlice('\n')
	if err == bufio.ErrBufferFull {
		text = bytes.Clone(text) // the rest comes into the same buffer
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

func itoa(n int) string { return strconv.Itoa(n) }

func errTrailing() error { return fmt.Errorf("%w: something follows the end", errInvalid) }
