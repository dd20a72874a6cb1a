package stream

import (
	"bufio"
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/text/encoding/charmap"
)

// XML reads elements of an XML report.
//
// Few formats have data in text (see NewXMLText), and test logs in <system-out> may have any size. A filter in front of the
// decoder therefore drops text, comments and CDATA and shortens long attributes, which limits the memory of
// encoding/xml. A DOCTYPE may name a DTD (Cobertura does; it is not fetched) but must not contain declarations: custom
// entities can expand a small file into a large one.
type XML struct {
	d     *xml.Decoder
	Path  []string // names of the open elements
	Text  string   // of NewXMLText: since the last tag, at most MaxAttr bytes
	begun bool

	charset string // the declared charset, if unsupported
}

// NewXML reads one XML document.
func NewXML(in *Input) *XML { return newXML(&xmlFilter{br: in.Reader}) }

// NewXMLText reads one XML document together with the text between its tags, but without CDATA.
func NewXMLText(in *Input) *XML { return newXML(&xmlFilter{br: in.Reader, text: true}) }

func newXML(f *xmlFilter) *XML {
	x := &XML{}
	d := xml.NewDecoder(f)
	d.CharsetReader = func(charset string, r io.Reader) (io.Reader, error) {
		switch strings.ToLower(charset) {
		// with a byte order mark, input has converted it to UTF-8 already; without one, no tag is recognised
		case "utf-16", "utf-16le", "utf-16be":
			return r, nil
		case "us-ascii", "ascii":
			return r, nil
		case "iso-8859-1", "latin1":
			return charmap.ISO8859_1.NewDecoder().Reader(r), nil
		case "iso-8859-15", "latin9":
			return charmap.ISO8859_15.NewDecoder().Reader(r), nil
		case "windows-1252":
			return charmap.Windows1252.NewDecoder().Reader(r), nil
		}
		x.charset = charset
		return nil, ErrInvalid
	}
	x.d = d
	return x
}

// Next returns the next start tag, or the name of the next end tag; io.EOF after the root's end.
func (x *XML) Next() (start *xml.StartElement, end string, err error) {
	for {
		t, err := x.d.RawToken()
		if err != nil {
			return nil, "", x.wrong(err)
		}
		switch t := t.(type) {
		case xml.StartElement:
			if len(x.Path) == 0 && x.begun {
				return nil, "", fmt.Errorf("%w: second root element", ErrInvalid)
			}
			if x.begun = true; len(x.Path) >= MaxDepth {
				return nil, "", fmt.Errorf("%w: nested deeper than %d levels", ErrInvalid, MaxDepth)
			}
			x.Path, x.Text = append(x.Path, t.Name.Local), ""
			return &t, "", nil
		case xml.CharData:
			x.Text += string(t[:min(len(t), MaxAttr-min(len(x.Text), MaxAttr))])
		case xml.EndElement:
			if len(x.Path) == 0 || x.Path[len(x.Path)-1] != t.Name.Local {
				return nil, "", fmt.Errorf("%w: end tag without a start tag", ErrInvalid)
			}
			x.Path = x.Path[:len(x.Path)-1]
			return nil, t.Name.Local, nil
		}
	}
}

func (x *XML) wrong(err error) error {
	var syntax *xml.SyntaxError
	switch {
	case err == io.EOF && x.begun && len(x.Path) == 0:
		return io.EOF
	case err == io.EOF, errors.As(err, &syntax) && strings.Contains(syntax.Msg, "unexpected EOF"):
		return ErrTruncated
	case x.charset != "":
		return fmt.Errorf("%w: unsupported encoding: use UTF-8", ErrInvalid)
	case errors.Is(err, ErrInvalid), errors.Is(err, ErrTruncated):
		return err
	}
	return fmt.Errorf("%w: malformed tag", ErrInvalid) // the decoder's own words quote the file
}

// Under reports whether the innermost open elements have these names, outermost first.
func (x *XML) Under(names ...string) bool {
	if len(x.Path) < len(names) {
		return false
	}
	for i, n := range names {
		if x.Path[len(x.Path)-len(names)+i] != n {
			return false
		}
	}
	return true
}

// Attr returns the value of an attribute, "" without one.
func Attr(e *xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

const (
	MaxAttr = 4 << 10  // of an attribute's value; longer ones are truncated
	MaxTag  = 64 << 10 // of a tag with truncated attributes; longer ones are rejected
)

// xmlFilter passes tags on and drops everything else.
type xmlFilter struct {
	br  *bufio.Reader
	out []byte // unread bytes of the current tag
	buf []byte
	err error

	text bool // pass text on, at most MaxAttr bytes between two tags
}

func (f *xmlFilter) Read(p []byte) (int, error) {
	for len(f.out) == 0 {
		if f.err != nil {
			return 0, f.err
		}
		f.buf = f.buf[:0]
		f.err = f.tag()
		if f.err == nil {
			f.out = f.buf
		}
	}
	n := copy(p, f.out)
	f.out = f.out[n:]
	return n, nil
}

// tag drops everything up to the next tag and reads that into buf. Comments and CDATA are dropped completely.
func (f *xmlFilter) tag() error {
	for {
		text, err := f.br.ReadSlice('<')
		if room := MaxAttr - len(f.buf); f.text && room > 0 {
			if text = bytes.TrimSuffix(text, []byte("<")); len(text) > room {
				text = whole(text[:room])
			}
			f.buf = append(f.buf, text...)
		}
		if err == nil {
			break
		} else if err != bufio.ErrBufferFull {
			return err // including io.EOF: remaining text is ignored
		}
	}
	b, err := f.br.Peek(1)
	if err != nil {
		return eof(err)
	}
	switch b[0] {
	case '!':
		if b, _ := f.br.Peek(3); string(b) == "!--" {
			return f.drop("!--", "-->")
		}
		if b, _ := f.br.Peek(8); string(b) == "![CDATA[" {
			return f.drop("![CDATA[", "]]>")
		}
		return f.doctype()
	case '?':
		return f.instruction()
	}
	f.buf = append(f.buf, '<')
	var quote byte
	value := 0 // bytes of the current attribute value
	for {
		c, err := f.br.ReadByte()
		if err != nil {
			return eof(err)
		}
		if len(f.buf) > MaxTag {
			return fmt.Errorf("%w: tag longer than %d KiB", ErrInvalid, MaxTag>>10)
		}
		switch {
		case quote == 0:
			f.buf = append(f.buf, c)
			if c == '"' || c == '\'' {
				quote, value = c, 0
			}
			if c == '>' {
				return nil
			}
		case c == quote:
			f.buf, quote = append(f.buf, c), 0
		case c == '<':
			return fmt.Errorf("%w: unterminated attribute", ErrInvalid)
		default:
			if value++; value <= MaxAttr {
				f.buf = append(f.buf, c)
			} else if value == MaxAttr+1 {
				f.buf = whole(f.buf)
			}
		}
	}
}

// whole drops a truncated reference or character at the end.
func whole(b []byte) []byte {
	for i := len(b) - 1; i >= 0 && i > len(b)-16; i-- {
		if b[i] == ';' {
			break
		}
		if b[i] == '&' {
			b = b[:i]
			break
		}
	}
	for n := 0; n < 3 && len(b) > 0 && b[len(b)-1] >= 0x80; n++ {
		b = b[:len(b)-1]
	}
	return b
}

// drop skips everything up to and including end. It skips the opening first: "-->" does not end "<!-->".
func (f *xmlFilter) drop(begin, end string) error {
	if _, err := f.br.Discard(len(begin)); err != nil {
		return eof(err)
	}
	last := end[len(end)-1]
	tail := make([]byte, 0, len(end))
	for {
		c, err := f.br.ReadByte()
		if err != nil {
			return eof(err)
		}
		if len(tail) == len(end) {
			tail = append(tail[:0], tail[1:]...)
		}
		tail = append(tail, c)
		if c == last && string(tail) == end {
			return nil
		}
	}
}

// doctype skips a DOCTYPE and rejects one with declarations.
func (f *xmlFilter) doctype() error {
	var quote byte
	for n := 0; ; n++ {
		c, err := f.br.ReadByte()
		if err != nil {
			return eof(err)
		}
		switch {
		case n > MaxAttr:
			return fmt.Errorf("%w: DOCTYPE longer than %d KiB", ErrInvalid, MaxAttr>>10)
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '[':
			return fmt.Errorf("%w: DOCTYPE declares entities or elements, which is not allowed", ErrInvalid)
		case c == '>':
			return nil
		}
	}
}

// instruction passes <?xml …?> on, for the encoding, and drops others.
func (f *xmlFilter) instruction() error {
	f.buf = append(f.buf, '<')
	for {
		c, err := f.br.ReadByte()
		if err != nil {
			return eof(err)
		}
		if f.buf = append(f.buf, c); len(f.buf) > MaxAttr {
			return fmt.Errorf("%w: processing instruction longer than %d KiB", ErrInvalid, MaxAttr>>10)
		}
		if c == '>' && strings.HasSuffix(string(f.buf), "?>") {
			if !strings.HasPrefix(string(f.buf), "<?xml ") {
				f.buf = f.buf[:0]
			}
			return nil
		}
	}
}

// eof is for positions inside a tag, where the end of the stream means truncation.
func eof(err error) error {
	if err == io.EOF {
		return ErrTruncated
	}
	return err
}
