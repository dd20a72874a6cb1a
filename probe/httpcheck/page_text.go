package httpcheck

import (
	"bytes"
	"mime"
	"net/http"
	"strings"
	"unicode"
	"unicode/utf16"

	"golang.org/x/net/html"

	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
)

// Reads the text of a page as a reader sees it: without hidden elements, menus and scripts.

// pageText is the visible text of a page.
type pageText struct {
	headings []string // title and headings of the first levels
	top      []string // title and main heading
	main     bool     // there is a main heading
	words    []string // outside of links
	links    []string // the words of links
	password bool     // the page itself asks for a password
	login    bool     // a part of the page for logging in asks for one
	refresh  string   // URL that the page continues with by itself
	script   bool
	hidden   map[string]bool // .class and #id that a style sheet hides
}

// all returns the words of the page, with those of links.
func (t pageText) count() int {
	n := 0
	for _, list := range [][]string{t.words, t.links} {
		for _, w := range list {
			n += max(1, ideographs(w)/2)
		}
	}
	return n
}

// ideographs counts the letters of scripts that do not separate words.
func ideographs(word string) int {
	n := 0
	for _, r := range word {
		if unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai) {
			n++
		}
	}
	return n
}

// decodeText returns the body as UTF-8.
func decodeText(body []byte, header http.Header) []byte {
	_, params, _ := mime.ParseMediaType(header.Get("Content-Type"))
	charset := strings.ToLower(params["charset"])
	switch {
	case bytes.HasPrefix(body, []byte{0xff, 0xfe}), charset == "utf-16le":
		return fromUTF16(bytes.TrimPrefix(body, []byte{0xff, 0xfe}), false)
	case bytes.HasPrefix(body, []byte{0xfe, 0xff}), charset == "utf-16be", charset == "utf-16":
		return fromUTF16(bytes.TrimPrefix(body, []byte{0xfe, 0xff}), true)
	case charset == "iso-8859-1", charset == "latin1", charset == "windows-1252", charset == "iso-8859-15":
		runes := make([]rune, len(body))
		for i, b := range body {
			runes[i] = rune(b)
		}
		return []byte(string(runes))
	}
	return bytes.TrimPrefix(body, []byte("\ufeff"))
}

func fromUTF16(body []byte, bigEndian bool) []byte {
	units := make([]uint16, len(body)/2)
	for i := range units {
		a, b := uint16(body[2*i]), uint16(body[2*i+1])
		if bigEndian {
			a, b = b, a
		}
		units[i] = a | b<<8
	}
	return []byte(string(utf16.Decode(units)))
}

// textOf reads an HTML or plain text page.
func textOf(body []byte) pageText {
	t := pageText{hidden: map[string]bool{}}
	root, err := html.Parse(bytes.NewReader(body)) // the parser bounds the nesting
	if err != nil {
		return t
	}
	t.styles(root)
	t.walk(root, pagePlace{})
	return t
}

// pagePlace is where in a page a text stands.
type pagePlace struct{ link, box, login bool }

var (
	mediaRule  = lazyregexp.New(`@[a-z-]+[^{};]*\{(?:[^{}]*\{[^{}]*\})*[^{}]*\}`)
	hidingRule = lazyregexp.New(`([^{}]+)\{[^{}]*(?:display\s*:\s*none|visibility\s*:\s*hidden|(?:left|top|text-indent)\s*:\s*-\d{3,})[^{}]*\}`)
	simpleName = lazyregexp.New(`^[.#][A-Za-z_][\w-]*$`)
	hidingSelf = lazyregexp.New(`(?i)display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*0(px|em|rem|%|;|\s|$)|opacity\s*:\s*0(\.0+)?\s*(;|$)|` +
		`(^|;)\s*(left|top|text-indent|margin-left)\s*:\s*-\d{3,}|(^|;)\s*height\s*:\s*0(px)?\s*(;|$)`)
	hiddenName = lazyregexp.New(`(?i)(^|\s)(hidden|hide|d-none|is-hidden|visually-hidden|sr-only|screen-reader-text|invisible)(\s|$)`)
	loginName  = lazyregexp.New(`(?i)(^|[\s_-])(log-?in|sign-?in|signin|account|auth)($|[\s_-])`)
	refreshURL = lazyregexp.New(`(?i)^\s*[0-5](?:\.\d+)?\s*[;,]\s*url\s*=\s*['"]?([^'"]+)`)
	boxName    = lazyregexp.New(`(?i)(^|[\s_-])(header|nav|navbar|menu|topbar|sidebar|modal|dropdown|popup|popover|drawer|dialog|offcanvas|login-box|masthead)($|[\s_-])`)
)

// styles collects the simple selectors that style sheets hide.
func (t *pageText) styles(root *html.Node) {
	for n := range root.Descendants() {
		if n.Type != html.ElementNode || n.Data != "style" || n.FirstChild == nil {
			continue
		}
		sheet := mediaRule.ReplaceAllString(n.FirstChild.Data, "")
		for _, rule := range hidingRule.FindAllStringSubmatch(sheet, -1) {
			for selector := range strings.SplitSeq(rule[1], ",") {
				if selector = strings.TrimSpace(selector); simpleName.MatchString(selector) {
					t.hidden[selector] = true
				}
			}
		}
	}
}

// walk reads a node and what is inside.
func (t *pageText) walk(n *html.Node, at pagePlace) {
	switch n.Type {
	case html.TextNode:
		fields := strings.Fields(n.Data)
		if at.link {
			t.links = append(t.links, fields...)
		} else {
			t.words = append(t.words, fields...)
		}
		return
	case html.ElementNode:
		switch n.Data {
		case "script":
			t.script = true
			return
		case "title":
			t.headings = append(t.headings, plainText(n))
			t.top = append(t.top, plainText(n))
			return
		case "meta":
			if m := refreshURL.FindStringSubmatch(attribute(n, "content")); m != nil && strings.EqualFold(attribute(n, "http-equiv"), "refresh") {
				t.refresh = strings.TrimSpace(m[1])
			}
			return
		case "style", "noscript", "template", "nav", "svg", "footer", "select", "textarea", "iframe", "object":
			return
		case "h1", "h2", "h3":
			if t.isHidden(n) || at.box {
				break
			}
			t.headings = append(t.headings, plainText(n))
			if n.Data == "h1" {
				t.top = append(t.top, plainText(n))
				t.main = true
			}
		case "a":
			at.link = true
		case "header", "aside", "dialog":
			at.box = true
		case "input":
			if strings.EqualFold(attribute(n, "type"), "password") && !at.box && !t.isHidden(n) {
				t.login = t.login || at.login
				t.password = t.password || !at.login
			}
		}
		if t.isHidden(n) || n.Data == "dialog" && !hasAttribute(n, "open") {
			return
		}
		at.login = at.login || loginName.MatchString(attribute(n, "class")) || loginName.MatchString(attribute(n, "id"))
		at.box = at.box || n.Data != "body" && n.Data != "html" && (boxName.MatchString(attribute(n, "class")) || boxName.MatchString(attribute(n, "id")))
	}
	for c := range n.ChildNodes() {
		t.walk(c, at)
	}
}

// isHidden reports whether an element is not shown.
func (t *pageText) isHidden(n *html.Node) bool {
	class := attribute(n, "class")
	if hasAttribute(n, "hidden") || hidingSelf.MatchString(attribute(n, "style")) || hiddenName.MatchString(class) || t.hidden["#"+attribute(n, "id")] {
		return true
	}
	for name := range strings.FieldsSeq(class) {
		if t.hidden["."+name] {
			return true
		}
	}
	return false
}

func attribute(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

func hasAttribute(n *html.Node, key string) bool {
	for _, a := range n.Attr {
		if a.Key == key {
			return true
		}
	}
	return false
}

// plainText returns all text in a node.
func plainText(n *html.Node) string {
	var words []string
	for c := range n.Descendants() {
		if c.Type == html.TextNode {
			words = append(words, strings.Fields(c.Data)...)
		}
	}
	return strings.Join(words, " ")
}
