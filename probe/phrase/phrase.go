// Package phrase formats numbers, durations and lists for details that people read.
package phrase

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/thenexusengine/catalyst_exporter/schema"
)

// Duration formats a duration for messages, to the minute.
func Duration(d time.Duration) string { return schema.Duration(d.Round(time.Minute)).String() }

// Seconds returns a time in Unix seconds, as metrics have it.
func Seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

// maxNamed bounds how many names a message lists.
const maxNamed = 10

// List lists names; of very many the first ones, and how many more there are.
func List(names []string) string {
	if more := len(names) - maxNamed; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:maxNamed], ", "), more)
	}
	return strings.Join(names, ", ")
}

// Count formats a number with its noun.
func Count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// Words joins words of a rule for messages.
func Words(list []string) string { return strings.Join(list, ", ") }

// Known quotes a value that the rule knows, ignoring case. Any other value stays hidden.
func Known(value string, rule ...string) string {
	if slices.ContainsFunc(rule, func(w string) bool { return strings.EqualFold(w, value) }) {
		return strconv.Quote(strings.ToLower(value))
	}
	return "another value"
}

// Printable makes text from a deployment safe to show: it replaces control characters, which can move a terminal's cursor or
// forge lines, and bidirectional marks, which can disguise names.
func Printable(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return ' '
		case !unicode.IsGraphic(r):
			return unicode.ReplacementChar
		}
		return r
	}, text)
}

// IsHTMLTag reports whether name is an HTML element that is common in Markdown.
func IsHTMLTag(name string) bool {
	return slices.Contains([]string{
		"a", "abbr", "b", "blockquote", "br", "center", "code", "dd", "del", "details", "div", "dl", "dt", "em", "font", "h1", "h2", "h3", "h4", "h5",
		"h6", "hr", "i", "img", "ins", "kbd", "li", "mark", "ol", "p", "picture", "pre", "q", "s", "samp", "small", "source", "span", "strong", "sub",
		"summary", "sup", "svg", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "tt", "u", "ul", "var", "video",
	}, strings.ToLower(name))
}
