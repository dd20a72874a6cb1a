package pagetext

import (
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/html"

	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
)

// Tells which elements a reader does not see. One that a control on the page opens, such as a section of an accordion, is
// part of the document. A modal dialog is not: nobody who follows a link to the page sees it.

var (
	hiddenName = lazyregexp.New(`(?i)(^|\s)(hidden|hide|d-none|is-hidden|uk-hidden|display-none|visually-hidden|sr-only|screen-reader-text|invisible|collapse)(\s|$)`)
	modalName  = lazyregexp.New(`(?i)(^|\s)(modal|popup|offcanvas|lightbox|mfp-hide|reveal-modal|remodal)(\s|$)`)
	shownName  = lazyregexp.New(`(?i)(^|\s)(show|in|open|is-open|active|is-active|visible|d-block|uk-open|(\S+:)?(visible|opacity-100)|(d-)?(sm|md|lg|xl|xxl|2xl)[:-](block|flex|grid|contents|inline\S*|table\S*))(\s|$)`)
	openerName = lazyregexp.New(`(?i)(^|[\s_-])(accordion|collaps\w*|toggle\w*|expand\w*|faq|question|tab|trigger)($|[\s_-])`)
	farAway    = lazyregexp.New(`scale(x|y|3d)?\(\s*0\s*[,)]|translate(x|y|3d)?\([^)]*-\d{4,}|translate(x|y|3d)?\([^)]*-\d{3,}(vw|vh|%)`)
	clipped    = lazyregexp.New(`^(rect\(\s*[01](px)?[\s,]+[01](px)?[\s,]+[01](px)?[\s,]+[01](px)?\s*\)|inset\(\s*(50|100)%.*|circle\(\s*0\D.*)$`)
	fadeName   = lazyregexp.New(`(?i)animat|transition|will-change|fade|aos|reveal|motion`)
	length     = lazyregexp.New(`^(-?\d*\.?\d+)(px|pt|em|rem|vw|vh|%)?$`)
)

// controls collects the elements that a control opens.
func (r *reader) controls(n *html.Node) {
	if n.Type != html.ElementNode {
		return
	}
	for _, key := range []string{"aria-controls", "data-bs-target", "data-target", "popovertarget"} {
		for id := range strings.FieldsSeq(attribute(n, key)) {
			r.opened[strings.TrimPrefix(id, "#")] = true
		}
	}
	if id, local := strings.CutPrefix(attribute(n, "href"), "#"); local && (isButton(n) || hasAttribute(n, "data-toggle") || hasAttribute(n, "data-bs-toggle")) {
		r.opened[id] = true
	}
}

// isHidden reports whether an element and everything in it is not shown.
func (r *reader) isHidden(n *html.Node, set map[string]string) bool {
	class := attribute(n, "class")
	display := set["display"]
	if modalName.MatchString(class) && !shownName.MatchString(class) && (display == "" || display == "none") {
		return true
	}
	named := hiddenName.MatchString(class) && !shownName.MatchString(class) && display == ""
	hidden := hasAttribute(n, "hidden") || attribute(n, "aria-hidden") == "true" || named || display == "none" || set["content-visibility"] == "hidden" || isCut(set) || isFaint(n, set)
	return hidden && !r.isOpened(n) || isOutside(set)
}

// isFaint reports whether an element stays fully transparent. Pages that fade in are sent with the first step of it.
func isFaint(n *html.Node, set map[string]string) bool {
	const faint = 0.05
	opacity, _, ok := parseLength(set["opacity"])
	fades := set["transform"] != "" || fadeName.MatchString(attribute(n, "class")) || fadeName.MatchString(attribute(n, "style")) ||
		slices.ContainsFunc(n.Attr, func(a html.Attribute) bool { return strings.HasPrefix(a.Key, "data-") })
	return (ok && opacity <= faint || slices.Contains(strings.Fields(attribute(n, "class")), "opacity-0")) && !fades
}

// isCut reports whether an element has no room for its text.
func isCut(set map[string]string) bool {
	if set["overflow"] != "hidden" && set["overflow"] != "clip" {
		return false
	}
	const tiny = 1 // pixel
	for _, name := range []string{"height", "max-height", "width"} {
		if n, _, ok := parseLength(set[name]); ok && n >= 0 && n <= tiny {
			return true
		}
	}
	return false
}

// isOutside reports whether an element is made so that it is never seen.
func isOutside(set map[string]string) bool {
	const far = -999
	for _, name := range []string{"left", "top", "text-indent", "margin-left"} {
		if n, _, ok := parseLength(set[name]); ok && n <= far {
			return true
		}
	}
	return farAway.MatchString(set["transform"]) || clipped.MatchString(set["clip"]) || clipped.MatchString(set["clip-path"])
}

// isOpened reports whether a control on the page opens an element: by its id, or as the element before.
func (r *reader) isOpened(n *html.Node) bool {
	if id := attribute(n, "id"); id != "" && r.opened[id] || attribute(n, "hidden") == "until-found" {
		return true
	}
	before := n.PrevSibling
	for before != nil && before.Type != html.ElementNode {
		before = before.PrevSibling
	}
	if before == nil {
		return false
	}
	if isButton(before) || before.Data == "label" || openerName.MatchString(attribute(before, "class")) {
		return true
	}
	return slices.ContainsFunc(slices.Collect(before.Descendants()), func(c *html.Node) bool { return c.Type == html.ElementNode && isButton(c) })
}

// parseLength parses a number with its unit.
func parseLength(text string) (n float64, unit string, ok bool) {
	m := length.FindStringSubmatch(text)
	if m == nil {
		return 0, "", false
	}
	n, err := strconv.ParseFloat(m[1], 64)
	return n, m[2], err == nil
}
