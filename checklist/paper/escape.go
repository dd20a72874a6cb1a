package paper

import (
	"strings"

	"github.com/thenexusengine/catalyst_exporter/probe"
)

// Mark is the sign of a state in Markdown; the word always stands beside it.
func Mark(s probe.State) string {
	switch s {
	case probe.StatePass:
		return "✅"
	case probe.StateWarn:
		return "⚠️"
	case probe.StatePending:
		return "⏳"
	case probe.StateFail:
		return "❌"
	case probe.StateUnknown:
		return "❓"
	}
	return "➖"
}

// breaker parts what a renderer would make a link or a mention of, and cannot be seen.
const breaker = "\u200b"

// Escape makes any text stand for itself inside a line of Markdown or a cell of a table: no markup, no HTML, no end of the line or cell, no
// link to elsewhere, and no mention of a person or an issue where it is shown.
func Escape(text string) string {
	var b strings.Builder
	for i, r := range text {
		switch {
		case r == '\n' || r == '\r' || r == '\t':
			b.WriteByte(' ')
		case r < ' ' || r >= 0x7f && r < 0xa0 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 || r == 0x2028 || r == 0x2029:
			b.WriteRune('\uFFFD') // control characters, and those that turn the direction of text
		case r == '<':
			b.WriteString("&lt;")
		case r == '>':
			b.WriteString("&gt;")
		case r == '&':
			b.WriteString("&amp;")
		case r == '@' && (i == 0 || !isWord(text[i-1])): // else an address of mail
			b.WriteString("@" + breaker)
		case r == '#':
			b.WriteString(`\#` + breaker)
		case r == ':' && strings.HasPrefix(text[i:], "://"):
			b.WriteString(":" + breaker)
		case r == '.' && i >= 3 && strings.EqualFold(text[i-3:i], "www"):
			b.WriteString(breaker + ".")
		case r == '_' && i > 0 && i+1 < len(text) && isWord(text[i-1]) && isWord(text[i+1]): // inside a word it marks nothing up
			b.WriteByte('_')
		case strings.ContainsRune("\\`*_{}[]|~$!^=", r):
			b.WriteByte('\\')
			b.WriteRune(r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

func isWord(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}
