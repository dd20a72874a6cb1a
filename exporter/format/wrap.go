package format

import (
	"strings"

	"github.com/mattn/go-runewidth"
)

// minWrap is the narrowest text that is still wrapped: below it, wrapping costs more lines than it saves.
const minWrap = 20

// wrap breaks text at spaces so that, after an indent of the given number of columns, no line is wider than columns. A word that
// is too long, such as a path, stays whole: it must stay copyable. With 0 columns, or too few for the indent, text is not wrapped.
func wrap(text string, indent, columns int) []string {
	room := columns - indent
	if columns <= 0 || room < minWrap {
		return []string{text}
	}
	var lines []string
	var line strings.Builder
	used := 0
	for word := range strings.FieldsSeq(text) {
		width := runewidth.StringWidth(word)
		if used > 0 && used+1+width > room {
			lines = append(lines, line.String())
			line.Reset()
			used = 0
		}
		if used > 0 {
			line.WriteByte(' ')
			used++
		}
		line.WriteString(word)
		used += width
	}
	return append(lines, line.String())
}

// Clip cuts text to columns, so that it stays on one row of a terminal; a cut text ends in an ellipsis.
func Clip(text string, columns int) string { return runewidth.Truncate(text, columns, "…") }
