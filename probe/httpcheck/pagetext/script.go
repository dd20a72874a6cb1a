package pagetext

import (
	"strings"

	"golang.org/x/net/html"

	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
)

// Finds a script that leaves the page as soon as it is shown: an assignment to location that depends on no condition and
// no event but the load of the page.

var (
	scriptComment = lazyregexp.New(`(?s)/\*.*?\*/|(?m)^\s*//.*$`)
	setLocation   = lazyregexp.New("(?:\\b(?:window|self|top|document|parent|globalThis)\\s*\\.\\s*)*\\blocation\\s*(?:\\.\\s*href\\s*)?" +
		"(?:=\\s*|\\.\\s*(?:href\\s*=\\s*|(?:replace|assign)\\s*\\(\\s*))['\"`]([^'\"`$]+)['\"`]\\s*(?:[;)}'\"\n]|$)")
	delayed = lazyregexp.New(`setTimeout\s*\(\s*['"]$`)
	// atOnce matches what stands before a block that runs without an event: a function that is called where it is
	// written, on load or after a short time.
	atOnce = lazyregexp.New(`(?:(?:^|[;}\n])\s*[(!+]\s*|onload\s*=\s*|setTimeout\s*\(\s*|(?:'|")(?:load|DOMContentLoaded)(?:'|")\s*,\s*|\$\s*\(\s*|ready\s*\(\s*)` +
		`(?:async\s*)?(?:function\s*\w*\s*\(\s*\w*\s*\)|\(\s*\w*\s*\)\s*=>)\s*$`)
)

// scriptRedirect returns the target of a script's redirect, "" for none.
func scriptRedirect(n *html.Node) string {
	if kind := strings.ToLower(attribute(n, "type")); n.FirstChild == nil || kind != "" && kind != "module" && !strings.Contains(kind, "javascript") {
		return ""
	}
	return redirectIn(n.FirstChild.Data)
}

// redirectIn returns the target of a redirect in code that runs when the page is shown.
func redirectIn(code string) string {
	code = scriptComment.ReplaceAllString(code, "")
	for _, at := range setLocation.FindAllStringSubmatchIndex(code, -1) {
		if runsAtOnce(code[:at[0]]) {
			return code[at[2]:at[3]]
		}
	}
	return ""
}

// runsAtOnce reports whether a statement after this code runs when the page is shown.
func runsAtOnce(before string) bool {
	var blocks []int // where the blocks around it begin
	for i := range len(before) {
		switch before[i] {
		case '{':
			blocks = append(blocks, i)
		case '}':
			blocks = blocks[:max(0, len(blocks)-1)]
		}
	}
	if len(blocks) > 0 && strings.Contains(before[blocks[len(blocks)-1]:], "return") {
		return false // under a condition
	}
	for _, i := range blocks {
		if !atOnce.MatchString(before[:i]) {
			return false
		}
	}
	before = strings.TrimRight(before, " \t\r\n")
	if before == "" || strings.ContainsRune(";{}", rune(before[len(before)-1])) {
		return true
	}
	// setTimeout(() => location = …), and a statement on a line of its own
	return strings.HasSuffix(before, "=>") && atOnce.MatchString(before) || delayed.MatchString(before)
}
