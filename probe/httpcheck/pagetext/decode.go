package pagetext

import (
	"bytes"
	"io"
	"net/http"
	"strings"

	"github.com/andybalholm/brotli"
	"golang.org/x/net/html/charset"
)

// maxDecoded bounds the text after decompression.
const maxDecoded = 1 << 20

// Decode returns a body as UTF-8: in the encoding that a byte order mark, the Content-Type or the page states. Servers
// that compress a page in advance send it with brotli to everybody.
func Decode(body []byte, header http.Header) []byte {
	if strings.EqualFold(header.Get("Content-Encoding"), "br") {
		if unpacked, err := io.ReadAll(io.LimitReader(brotli.NewReader(bytes.NewReader(body)), maxDecoded)); err == nil {
			body = unpacked
		}
	}
	encoding, name, stated := charset.DetermineEncoding(body, header.Get("Content-Type"))
	if name == "utf-8" || !stated && name == "windows-1252" {
		return bytes.TrimPrefix(body, []byte("\ufeff"))
	}
	text, err := encoding.NewDecoder().Bytes(body)
	if err != nil {
		return body
	}
	return bytes.TrimPrefix(text, []byte("\ufeff"))
}
