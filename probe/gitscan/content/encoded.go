package content

import "strings"

// minEncoded is the minimum length of base64 text decoded in the search for secrets. Hexadecimal text needs twice as
// many characters.
const minEncoded = 16

// MayBeEncoded reports whether a text may contain encoded text (base64, hexadecimal, %41, \u0041, U+0041) that must be
// decoded and searched. It reads each byte once, whereas the regular expressions of the decoder take a third of a whole
// scan, and most committed text contains none. It has no false negatives, which a test verifies.
func MayBeEncoded(text string) bool {
	run := 0
	for i := range len(text) {
		switch c := text[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '_', c == '/', c == '+', c == '-':
			if run++; run >= minEncoded || c == '+' && i > 0 && text[i-1] == 'U' {
				return true
			}
			continue
		case c == '%' && len(text)-i > 2 && isHex(text[i+1]) && isHex(text[i+2]), c == '\\' && len(text)-i > 1 && strings.IndexByte(`uU\`, text[i+1]) >= 0:
			return true
		}
		run = 0
	}
	return false
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}
