package probe

import "strings"

// leastEncoded is the length of the shortest text that is taken for base64 when secrets are searched; hexadecimal takes twice as much.
const leastEncoded = 16

// mayBeEncoded reports whether a text may hold something that can be decoded (base64, hexadecimal, %41, \u0041, U+0041), in which secrets are searched
// too. It is one look at each byte, where the search for it by a regular expression takes a third of a whole scan; most of what is committed holds
// nothing of the kind. It never says no of what that search finds; a test holds it to that.
func mayBeEncoded(text string) bool {
	run := 0
	for i := range len(text) {
		switch c := text[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '_', c == '/', c == '+', c == '-':
			if run++; run >= leastEncoded || c == '+' && i > 0 && text[i-1] == 'U' {
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
