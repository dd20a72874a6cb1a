package markdown

import (
	"strings"
	"unicode"

	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
	"github.com/thenexusengine/catalyst_exporter/probe/phrase"
)

// The visible text of Markdown, and the blanks left in it. Every expression runs in linear time.

var (
	mdComment        = lazyregexp.New(`(?s)<!--.*?(?:-->|\z)`)
	mdCodeSpan       = lazyregexp.New("``[^\n]+?``|`[^`]+`")
	mdImageLink      = lazyregexp.New(`!\[[^\[\]]*\]\(\s*<?([^()<>\s]+)>?[^()]*\)|<img\b[^<>]*?\bsrc=["']([^"'<>]+)["']`)
	mdLink           = lazyregexp.New(`!?\[([^\[\]]*)\]\([^()]*\)`)
	mdLinkAlone      = lazyregexp.New(`\A\s*\[[^\[\]]*\]\([^()]*\)\s*\z`)
	mdLinkDefinition = lazyregexp.New(`(?m)^ {0,3}\[[^\[\]\n]+\]:[ \t]*\S.*$`)
	mdTaskBox        = lazyregexp.New(`\A\[[ xX]\][ \t]+`)
	mdStruck         = lazyregexp.New(`~~[^~\n]+~~|(?is)<(?:del|s|strike)>[^<>]*</(?:del|s|strike)>`)
	mdHTMLTag        = lazyregexp.New(`</?([A-Za-z][A-Za-z0-9-]*)([^<>]*)>`)
	mdEscaped        = lazyregexp.New(`\\([!-/:-@\[-` + "`" + `{-~])`)
)

// PlainText returns the text that holds: without struck text, comments, tags, link targets and emphasis. Text in angle brackets that is
// not an HTML tag stays, since it is a blank to fill in.
func PlainText(raw string) string {
	s := mdComment.ReplaceAllString(raw, " ")
	s = mdLinkDefinition.ReplaceAllString(s, "")
	s = mdTaskBox.ReplaceAllString(s, "")
	s = mdStruck.ReplaceAllString(s, " ")
	s = mdLink.ReplaceAllString(s, "$1")
	s = mdHTMLTag.ReplaceAllStringFunc(s, func(tag string) string {
		if name := mdHTMLTag.FindStringSubmatch(tag)[1]; phrase.IsHTMLTag(name) {
			return " "
		}
		return tag
	})
	s = mdEscaped.ReplaceAllString(s, "$1")
	s = strings.NewReplacer("**", "", "`", "", "~~", "").Replace(s)
	return strings.Join(strings.Fields(s), " ")
}

// CountWords counts the fields with at least one letter. Two letters of a script without spaces between words are a word.
func CountWords(s string) int {
	n := 0
	for _, field := range strings.Fields(s) {
		dense := 0
		for _, r := range field {
			if unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar) {
				dense++
			}
		}
		switch {
		case dense > 0:
			n += (dense + 1) / 2
		case strings.IndexFunc(field, unicode.IsLetter) >= 0:
			n++
		}
	}
	return n
}

// DocumentBlank matches text that marks an unfinished part of a document. It differs from the placeholders of secrets:
// "password" and "example" are common words of prose, and <service-name> is a parameter of a command.
var DocumentBlank = lazyregexp.New(`\b(?:TBD|TBA|TBC|TODO|FIXME|XXX+)\b` +
	`|(?i:\btbd\b|\bto be (?:determined|defined|decided|announced|confirmed|written|documented|filled(?: in)?)[ \t]*(?:[.;)\]|]|$))` +
	`|(?i:\btodo:|\blorem ipsum\b|\bcoming soon\b|\bfill (?:this|me) in\b|\b(?:change|replace)[-_ ]?me\b|\bplaceholder text\b)` +
	`|(?i:\b(?:insert|enter|describe|add|write|list|explain|put) (?:[a-z-]+ ){0,5}here\b)` +
	`|(?i:[\[<{](?:your|insert|enter|fill|company|team|phone|e-?mail|contact|describe|person)\b[^\]>}\n]{0,80}[\]>}])` +
	`|(?i:\[(?:name|date|title|url)\b[^\]\n]{0,80}\])` +
	// A whole block, or all text after a label, in brackets: Symptoms: [what does the engineer see].
	`|(?:\A|:)[\s_*]*\[[^\[\]\n]+ [^\[\]\n]+\][\s_*]*\z|(?:\A|:)[\s_*]*<[^<>\n]+ [^<>\n]+>[\s_*]*\z` +
	`|(?i:(?:\A|:)[\s*_(]*[_*(](?:describe|fill in|insert|enter|explain|provide|specify|replace|your|step \d+ of)\b[^_*\n]*[_*)]+\s*\z)` +
	`|\b(?i:x{1,2}|n) (?:hours?|hrs?|minutes?|mins?|days?)\b` +
	`|\{\{[^}\n]{0,80}\}\}|_{4,}|\.{5,}|\?{3,}`)

// IsBlank reports whether a block of text is unfinished.
func IsBlank(prose string) bool { return DocumentBlank.MatchString(prose) }
