package probe

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// What a reader sees of a piece of Markdown, and what of it is still to be written. Every expression runs in linear time.

var (
	mdComment        = regexp.MustCompile(`(?s)<!--.*?(?:-->|\z)`)
	mdCodeSpan       = regexp.MustCompile("``[^\n]+?``|`[^`]+`")
	mdImageLink      = regexp.MustCompile(`!\[[^\[\]]*\]\(\s*<?([^()<>\s]+)>?[^()]*\)|<img\b[^<>]*?\bsrc=["']([^"'<>]+)["']`)
	mdLink           = regexp.MustCompile(`!?\[([^\[\]]*)\]\([^()]*\)`)
	mdLinkAlone      = regexp.MustCompile(`\A\s*\[[^\[\]]*\]\([^()]*\)\s*\z`)
	mdLinkDefinition = regexp.MustCompile(`(?m)^ {0,3}\[[^\[\]\n]+\]:[ \t]*\S.*$`)
	mdTaskBox        = regexp.MustCompile(`\A\[[ xX]\][ \t]+`)
	mdHTMLTag        = regexp.MustCompile(`</?([A-Za-z][A-Za-z0-9-]*)([^<>]*)>`)
	mdEscaped        = regexp.MustCompile(`\\([!-/:-@\[-` + "`" + `{-~])`)
)

// plainText is what a reader sees of a text: no comments, tags, links' targets and emphasis. What stands in angle brackets and is no tag of HTML's
// stays: it is a blank to be filled in.
func plainText(raw string) string {
	s := mdComment.ReplaceAllString(raw, " ")
	s = mdLinkDefinition.ReplaceAllString(s, "")
	s = mdTaskBox.ReplaceAllString(s, "")
	s = mdLink.ReplaceAllString(s, "$1")
	s = mdHTMLTag.ReplaceAllStringFunc(s, func(tag string) string {
		if name := mdHTMLTag.FindStringSubmatch(tag)[1]; isHTMLTag(name) {
			return " "
		}
		return tag
	})
	s = mdEscaped.ReplaceAllString(s, "$1")
	s = strings.NewReplacer("**", "", "`", "", "~~", "").Replace(s)
	return strings.Join(strings.Fields(s), " ")
}

// isHTMLTag knows the elements that people write into Markdown.
func isHTMLTag(name string) bool {
	return slices.Contains([]string{
		"a", "abbr", "b", "blockquote", "br", "center", "code", "dd", "del", "details", "div", "dl", "dt", "em", "font", "h1", "h2", "h3", "h4", "h5",
		"h6", "hr", "i", "img", "ins", "kbd", "li", "mark", "ol", "p", "picture", "pre", "q", "s", "samp", "small", "source", "span", "strong", "sub",
		"summary", "sup", "svg", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "tt", "u", "ul", "var", "video",
	}, strings.ToLower(name))
}

// countWords counts what holds a letter.
func countWords(s string) int {
	n := 0
	for _, field := range strings.Fields(s) {
		if strings.IndexFunc(field, unicode.IsLetter) >= 0 {
			n++
		}
	}
	return n
}

// documentBlank is what people write where a text is still to be written. It differs from the placeholders of secrets: "password" and "example" are
// common words of a text, and <service-name> is a parameter of a command that is told in a sentence.
var documentBlank = regexp.MustCompile(`\b(?:TBD|TBA|TBC|TODO|FIXME|XXX+)\b` +
	`|(?i:\btbd\b|\bto be (?:determined|defined|decided|announced|confirmed|written|documented|filled(?: in)?)[ \t]*(?:[.;)\]|]|$))` +
	`|(?i:\btodo:|\blorem ipsum\b|\bcoming soon\b|\bfill (?:this|me) in\b|\b(?:change|replace)[-_ ]?me\b|\bplaceholder text\b)` +
	`|(?i:\b(?:insert|enter|describe|add|write|list|explain|put) (?:[a-z-]+ ){0,5}here\b)` +
	`|(?i:[\[<{](?:your|insert|enter|fill|company|team|phone|e-?mail|contact|describe|person)\b[^\]>}\n]{0,80}[\]>}])` +
	`|(?i:\[(?:name|date|title|url)\b[^\]\n]{0,80}\])` +
	// A whole piece, or all behind its label, in the brackets of a template: Symptoms: [what does the engineer see].
	`|(?:\A|:)[\s_*]*\[[^\[\]\n]+ [^\[\]\n]+\][\s_*]*\z|(?:\A|:)[\s_*]*<[^<>\n]+ [^<>\n]+>[\s_*]*\z` +
	`|(?i:(?:\A|:)[\s*_(]*[_*(](?:describe|fill in|insert|enter|explain|provide|specify|replace|your|step \d+ of)\b[^_*\n]*[_*)]+\s*\z)` +
	`|\b(?i:x{1,2}|n) (?:hours?|hrs?|minutes?|mins?|days?)\b` +
	`|\{\{[^}\n]{0,80}\}\}|_{4,}|\.{5,}|\?{3,}`)

// isBlank reports whether a piece of text still has to be written.
func isBlank(prose string) bool { return documentBlank.MatchString(prose) }
