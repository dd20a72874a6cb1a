// Package pagetext reads what a page shows to its reader: text without hidden elements, menus, consent boxes and scripts.
package pagetext

import (
	"bytes"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/net/html"

	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
)

// Text is the visible text of a page.
type Text struct {
	Headings []string // title and headings of the first levels
	Top      []string // title and main heading
	Main     bool     // there is a main heading
	Words    []string // outside of links
	Links    []string // the words of links
	Password bool     // the page itself asks for a password
	Login    bool     // a part of the page for logging in asks for one
	Refresh  string   // URL that the page continues with by itself
	Script   bool
	Sheets   bool // style sheets that were not read may hide text
}

// Count counts the words of the page, with those of links.
func (t Text) Count() int { return countWords(t.Words) + countWords(t.Links) }

// Repeated counts the words of repetitions: of whole sentences, or of runs of words, so that one word that changes in a
// sentence makes no difference. Numbers make none either. most counts those of the sentence that is repeated most.
func (t Text) Repeated() (all, most int) {
	again := map[string]int{}
	for sentence := range strings.FieldsFuncSeq(strings.Join(t.Words, " "), func(r rune) bool { return strings.ContainsRune(".!?:;。！？；؟।", r) }) {
		key := lettersOf(sentence)
		n, seen := again[key]
		if seen {
			words := countWords(strings.Fields(sentence))
			n, all = n+words, all+words
		}
		again[key], most = n, max(most, n)
	}
	return max(all, t.repeatedRuns()), most
}

// repeatedRuns counts the words that end a run of words for the second time.
func (t Text) repeatedRuns() int {
	const run = 5
	var words []string
	for _, w := range t.Words {
		if w = lettersOf(w); w != "" {
			words = append(words, w)
		}
	}
	seen, repeated := map[string]bool{}, 0
	for end := run; end <= len(words); end++ {
		key := strings.Join(words[end-run:end], " ")
		if seen[key] {
			repeated++
		}
		seen[key] = true
	}
	return repeated
}

func lettersOf(text string) string {
	return strings.ToLower(strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) {
			return r
		}
		return -1
	}, text))
}

func countWords(list []string) int {
	n := 0
	for _, w := range list {
		n += max(1, ideographs(w)/2)
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

// Plain reads a page of plain text.
func Plain(body []byte) Text { return Text{Words: strings.Fields(string(body))} }

// Read reads an HTML page.
func Read(body []byte) Text {
	root, err := html.Parse(bytes.NewReader(body)) // the parser bounds the nesting
	if err != nil {
		return Text{}
	}
	r := reader{sheet: sheetOf(root), opened: map[string]bool{}}
	for n := range root.Descendants() {
		r.controls(n)
	}
	start := place{paint: paint{text: black, behind: white}}
	if r.sheet.linked {
		start.behind.known = false
	}
	r.Sheets = r.sheet.linked
	r.walk(root, start)
	return r.Text
}

// reader reads one page.
type reader struct {
	Text
	sheet  sheet
	opened map[string]bool // ids of elements that a control shows
}

// place is where in a page a text stands, and how it is painted.
type place struct {
	link, box, login bool
	paint
}

var (
	loginName  = lazyregexp.New(`(?i)(^|[\s_-])(log-?in|sign-?in|signin|account|auth)($|[\s_-])`)
	refreshURL = lazyregexp.New(`(?i)^\s*(?:[0-2]?\d)(?:\.\d+)?\s*[;,]\s*url\s*=\s*['"]?([^'"]+)`)
	boxName    = lazyregexp.New(`(?i)(^|[\s_-])(header|nav|navbar|menu|topbar|sidebar|modal|dropdown|popup|popover|drawer|dialog|offcanvas|login-box|masthead)($|[\s_-])`)

	consentName   = lazyregexp.New(`(?i)(^|[\s_-])(cookies?|consent|cmp|gdpr|ccpa|onetrust|didomi|usercentrics|cookiebot|cybotcookiebotdialog|truste|quantcast|qc-cmp\d*|cky|privacy-(wall|banner|overlay|modal))`)
	consentButton = lazyregexp.New(`(?i)\b(accept|agree|allow|got it|reject|decline|akzeptieren|zustimmen|einverstanden|ablehnen|accepter|refuser|aceptar|rechazar|accetta|rifiuta|` +
		`aceitar|accepteren|weigeren|godkänn|godta|accepter alle|hyväksy|zgadzam|akceptuj|souhlasím|elfogad|kabul)|принять|同意|동의`)
)

// RefreshOf returns the URL of a Refresh header or of <meta http-equiv=refresh>, "" if the page stays long enough to be read.
func RefreshOf(content string) string {
	if m := refreshURL.FindStringSubmatch(content); m != nil {
		return strings.TrimSpace(m[1])
	}
	return ""
}

// walk reads a node and what is inside.
func (r *reader) walk(n *html.Node, at place) {
	switch n.Type {
	case html.TextNode:
		fields := strings.Fields(n.Data)
		switch {
		case at.invisible():
		case at.link:
			r.Links = append(r.Links, fields...)
		default:
			r.Words = append(r.Words, fields...)
		}
		return
	case html.ElementNode:
		if !r.enter(n, &at) {
			return
		}
	}
	for c := range n.ChildNodes() {
		r.walk(c, at)
	}
}

// enter reads an element, and reports whether what is inside is shown.
func (r *reader) enter(n *html.Node, at *place) bool {
	switch n.Data {
	case "script":
		r.Script = true
		if r.Refresh == "" {
			r.Refresh = scriptRedirect(n)
		}
		return false
	case "title":
		r.Headings = append(r.Headings, plainText(n))
		r.Top = append(r.Top, plainText(n))
		return false
	case "meta":
		if next := RefreshOf(attribute(n, "content")); next != "" && strings.EqualFold(attribute(n, "http-equiv"), "refresh") {
			r.Refresh = next
		}
		return false
	case "body":
		if next := redirectIn(attribute(n, "onload")); next != "" {
			r.Refresh = next
		}
	case "style", "noscript", "template", "nav", "svg", "footer", "select", "textarea", "iframe", "object":
		return false
	}
	set := r.sheet.declared(n)
	if r.isHidden(n, set) || n.Data == "dialog" && !hasAttribute(n, "open") {
		return false
	}
	at.inherit(n, set, r.sheet.linked)
	names := attribute(n, "class") + " " + attribute(n, "id")
	if n.Data != "body" && n.Data != "html" {
		if consentName.MatchString(names) && hasConsentButton(n) {
			return false
		}
		at.box = at.box || boxName.MatchString(names)
	}
	at.login = at.login || loginName.MatchString(names)
	switch n.Data {
	case "h1", "h2", "h3":
		if at.box || at.invisible() {
			break
		}
		r.Headings = append(r.Headings, plainText(n))
		if n.Data == "h1" {
			r.Top = append(r.Top, plainText(n))
			r.Main = true
		}
	case "a":
		at.link = true
	case "header", "aside", "dialog":
		at.box = true
	case "input":
		if strings.EqualFold(attribute(n, "type"), "password") && !at.box {
			r.Login = r.Login || at.login
			r.Password = r.Password || !at.login
		}
	}
	return true
}

// hasConsentButton reports whether an element asks for consent: it is no part of a document.
func hasConsentButton(n *html.Node) bool {
	for c := range n.Descendants() {
		if c.Type != html.ElementNode {
			continue
		}
		text := plainText(c)
		if c.Data == "input" {
			text = attribute(c, "value")
		}
		if (isButton(c) || c.Data == "input") && consentButton.MatchString(text) {
			return true
		}
	}
	return false
}

func isButton(n *html.Node) bool {
	role := attribute(n, "role")
	return n.Data == "button" || n.Data == "summary" || role == "button" || role == "tab" ||
		n.Data == "a" && slices.ContainsFunc(strings.Fields(attribute(n, "class")), func(name string) bool { return name == "btn" || name == "button" })
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
	return slices.ContainsFunc(n.Attr, func(a html.Attribute) bool { return a.Key == key })
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
