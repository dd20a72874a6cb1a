package gitrepo

import (
	"crypto/sha1" //nolint:gosec // git's names of objects
	"crypto/sha256"
	"fmt"
)

// ObjectName returns git's object name of a content, in the given number of hexadecimal digits.
func ObjectName(text []byte, digits int) string {
	h := sha256.New()
	if digits == sha1.Size*2 {
		h = sha1.New() //nolint:gosec // as above
	}
	_, _ = fmt.Fprintf(h, "blob %d\x00", len(text))
	_, _ = h.Write(text)
	return fmt.Sprintf("%x", h.Sum(nil))
}
