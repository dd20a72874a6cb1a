package pagetext

import (
	"bytes"
	"compress/zlib"
	"io"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
)

// Reads as much of a PDF as shows that it has text: the strings of its text operators, and its title. The letters of
// embedded fonts are often numbers of glyphs, so a text may have words that cannot be read.

// PDF is the text of a PDF.
type PDF struct {
	Text   string // readable text and title
	Glyphs int    // characters shown, readable or not
}

// maxPDFText bounds the unpacked content.
const maxPDFText = 8 << 20

var (
	pdfStream = lazyregexp.New(`stream\r?\n`)
	pdfShow   = lazyregexp.New(`\(((?:[^()\\]|\\.)*)\)|<([0-9A-Fa-f\s]+)>`)
	pdfBlock  = lazyregexp.New(`(?s)\bBT\b(.*?)\bET\b`)
	pdfTitle  = lazyregexp.New(`/Title\s*\(((?:[^()\\]|\\.)*)\)`)
	pdfEscape = lazyregexp.New(`\\(.)`)
)

// IsPDF reports whether a body is a PDF.
func IsPDF(body []byte) bool {
	return bytes.HasPrefix(bytes.TrimLeft(body, "\r\n \t\ufeff"), []byte("%PDF-"))
}

// ReadPDF reads the text of a PDF.
func ReadPDF(body []byte) (t PDF) {
	var text strings.Builder
	for _, m := range pdfTitle.FindAllSubmatch(body, 4) {
		text.WriteString(" " + string(m[1]))
	}
	left := int64(maxPDFText)
	for _, at := range pdfStream.FindAllIndex(body, -1) {
		content := body[at[1]:]
		if end := bytes.Index(content, []byte("endstream")); end >= 0 {
			content = content[:end]
		}
		if z, err := zlib.NewReader(bytes.NewReader(content)); err == nil {
			unpacked, _ := io.ReadAll(io.LimitReader(z, left)) // a damaged end does not matter
			left -= int64(len(unpacked))
			content = unpacked
		}
		for _, block := range pdfBlock.FindAllSubmatch(content, -1) {
			for _, s := range pdfShow.FindAllSubmatch(block[1], -1) {
				t.Glyphs += len(s[1]) + len(s[2])/4
				text.Write(pdfEscape.ReplaceAll(s[1], []byte("$1")))
			}
			text.WriteByte(' ')
		}
	}
	t.Text = text.String()
	return t
}
