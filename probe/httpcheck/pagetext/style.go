package pagetext

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"golang.org/x/net/html"

	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
)

// Reads the style sheets in a page as far as they decide whether its text can be seen: selectors of elements, classes,
// ids and attributes, and the properties that hide or paint. Linked style sheets are not requested.

// sheet is the rules of a page, by the id, class or element that their last part names.
type sheet struct {
	rules  map[string][]rule
	linked bool // the background depends on more than the style sheets of the page
	steps  int  // comparisons left
}

// maxSteps bounds the comparisons of elements with rules.
const maxSteps = 5_000_000

// rule is one selector with its declarations.
type rule struct {
	parts  []part // the element itself, then its ancestors
	weight int
	set    map[string]declaration
}

// part matches one element. With direct, it must be the parent of the one before.
type part struct {
	tag, id string
	classes []string
	attrs   map[string]string // value "" only demands the attribute
	direct  bool
}

type declaration struct {
	value     string
	important bool
}

var (
	cssComment  = lazyregexp.New(`(?s)/\*.*?\*/`)
	onScreen    = lazyregexp.New(`(?i)^@(media\s+(only\s+)?(screen|all)|supports\b.*|layer\b.*)$`)
	cssPart     = lazyregexp.New(`^(\*|[A-Za-z][\w-]*)?((?:[.#][\w-]+|\[[\w-]+(?:\s*=\s*["']?[^"'\]]*["']?)?\])*)$`)
	cssName     = lazyregexp.New(`[.#][\w-]+|\[([\w-]+)(?:\s*=\s*["']?([^"'\]]*)["']?)?\]`)
	cloak       = lazyregexp.New(`(?i)-cloak\b`)
	cssProperty = map[string]bool{"display": true, "visibility": true, "opacity": true, "color": true, "background": true, "font-size": true, "height": true, "max-height": true,
		"width": true, "overflow": true, "left": true, "top": true, "text-indent": true, "margin-left": true, "clip": true, "clip-path": true, "transform": true,
		"content-visibility": true, "position": true}
)

func sheetOf(root *html.Node) sheet {
	s := sheet{rules: map[string][]rule{}, steps: maxSteps}
	for n := range root.Descendants() {
		switch {
		case n.Type != html.ElementNode:
		case n.Data == "meta" && attribute(n, "name") == "color-scheme":
			s.linked = true
		case n.Data == "link" && strings.Contains(strings.ToLower(attribute(n, "rel")), "stylesheet"):
			s.linked = true
		case n.Data == "style" && n.FirstChild != nil:
			s.linked = s.linked || strings.Contains(n.FirstChild.Data, "@import") || strings.Contains(n.FirstChild.Data, "color-scheme")
			s.read(cssComment.ReplaceAllString(n.FirstChild.Data, ""))
		}
	}
	return s
}

// read reads the blocks of a style sheet, and those that hold on a screen of any size inside of @media.
func (s *sheet) read(text string) {
	for {
		head, rest, found := strings.Cut(text, "{")
		if !found {
			return
		}
		if i := strings.LastIndexByte(head, ';'); i >= 0 { // @import, @charset
			head = head[i+1:]
		}
		head = strings.TrimSpace(head)
		end, depth := 0, 1
		for ; end < len(rest) && depth > 0; end++ {
			switch rest[end] {
			case '{':
				depth++
			case '}':
				depth--
			}
		}
		block := strings.TrimSuffix(rest[:end], "}")
		switch {
		case !strings.HasPrefix(head, "@"):
			s.add(head, declarations(block))
		case onScreen.MatchString(head):
			s.read(block)
		}
		text = rest[end:]
	}
}

// declarations parses the properties that decide whether text can be seen.
func declarations(block string) map[string]declaration {
	set := map[string]declaration{}
	for line := range strings.SplitSeq(block, ";") {
		name, value, _ := strings.Cut(line, ":")
		name, value = strings.ToLower(strings.TrimSpace(name)), strings.ToLower(strings.TrimSpace(value))
		switch name {
		case "background-color", "background-image":
			name = "background"
		case "overflow-y", "overflow-x":
			name = "overflow"
		}
		value, important := strings.CutSuffix(value, "!important")
		if cssProperty[name] && (important || !set[name].important) {
			set[name] = declaration{strings.TrimSpace(value), important}
		}
	}
	return set
}

// add adds a rule for each selector that can be compared. Those of a state, :hover, never hide what is there.
func (s *sheet) add(selectors string, set map[string]declaration) {
	if len(set) == 0 {
		return
	}
	for selector := range strings.SplitSeq(selectors, ",") {
		if cloak.MatchString(selector) { // a script removes the attribute
			continue
		}
		r, ok := rule{set: set}, true
		fields := strings.Fields(strings.ReplaceAll(selector, ">", " > "))
		for i, field := range slices.Backward(fields) {
			if field == ">" {
				continue
			}
			p, weight, known := parsePart(field)
			p.direct = i+1 < len(fields) && fields[i+1] == ">"
			r.parts, r.weight, ok = append(r.parts, p), r.weight+weight, ok && known
		}
		if !ok || len(r.parts) == 0 {
			continue
		}
		last := r.parts[0]
		key := cmp.Or(last.tag, "*")
		switch {
		case last.id != "":
			key = "#" + last.id
		case len(last.classes) > 0:
			key = "." + last.classes[0]
		}
		s.rules[key] = append(s.rules[key], r)
	}
}

// parsePart parses div.name#id[attribute].
func parsePart(text string) (p part, weight int, ok bool) {
	if text == ":root" {
		text = "html"
	}
	m := cssPart.FindStringSubmatch(text)
	if m == nil {
		return p, 0, false
	}
	if m[1] != "*" && m[1] != "" {
		p.tag, weight = strings.ToLower(m[1]), 1
	}
	for _, name := range cssName.FindAllStringSubmatch(m[2], -1) {
		switch name[0][0] {
		case '#':
			p.id, weight = name[0][1:], weight+10_000
		case '.':
			p.classes, weight = append(p.classes, name[0][1:]), weight+100
		default:
			if p.attrs == nil {
				p.attrs = map[string]string{}
			}
			p.attrs[name[1]], weight = name[2], weight+100
		}
	}
	return p, weight, true
}

// declared returns the properties of an element: those of its rules by weight, then its own.
func (s *sheet) declared(n *html.Node) map[string]string {
	keys := []string{"*", n.Data}
	for name := range strings.FieldsSeq(attribute(n, "class")) {
		keys = append(keys, "."+name)
	}
	if id := attribute(n, "id"); id != "" {
		keys = append(keys, "#"+id)
	}
	var matching []rule
	for _, key := range keys {
		for _, r := range s.rules[key] {
			if s.matches(r, n) {
				matching = append(matching, r)
			}
		}
	}
	slices.SortStableFunc(matching, func(a, b rule) int { return a.weight - b.weight })
	final := map[string]declaration{}
	for _, r := range append(matching, rule{set: declarations(attribute(n, "style"))}) {
		for name, d := range r.set {
			if d.important || !final[name].important {
				final[name] = d
			}
		}
	}
	values := make(map[string]string, len(final))
	for name := range maps.Keys(final) {
		values[name] = final[name].value
	}
	return values
}

// matches reports whether a rule holds for an element.
func (s *sheet) matches(r rule, n *html.Node) bool {
	if !r.parts[0].matches(n) {
		return false
	}
	for _, p := range r.parts[1:] {
		n = n.Parent
		for n != nil && !p.direct && !p.matches(n) {
			n = n.Parent
			s.steps--
		}
		if s.steps--; n == nil || s.steps < 0 || !p.matches(n) {
			return false
		}
	}
	return true
}

func (p part) matches(n *html.Node) bool {
	if n.Type != html.ElementNode || p.tag != "" && p.tag != n.Data || p.id != "" && p.id != attribute(n, "id") {
		return false
	}
	have := strings.Fields(attribute(n, "class"))
	for _, name := range p.classes {
		if !slices.Contains(have, name) {
			return false
		}
	}
	for name, value := range p.attrs {
		if !hasAttribute(n, name) || value != "" && attribute(n, name) != value {
			return false
		}
	}
	return true
}
