// Package paper reads a team's own Markdown checklist and fills it in: boxes ticked from verdicts, blanks of sign-offs and of the release block,
// waivers among the known issues, a line of evidence under each item.
//
// A document is edited line by line and never rendered anew, so that everything else stays as it is to the byte. What is written carries a
// comment (<!-- catalyst: … -->) by which the next run finds and replaces it.
package paper

import (
	"slices"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/checklist"
	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
)

// MaxSize is the size limit of a document, in bytes.
const MaxSize = 1 << 20

// Document is a checklist as a team wrote it, without what an earlier run filled in.
type Document struct {
	Entries []*Entry // in order
	lines   []line
}

// Entry is one item of a document.
type Entry struct {
	Line  int    // 1 is the first
	Title string // as written, without markup
	// Item is what it was matched with, nil when no probe covers it. Near is what it may be under another name.
	Item, Near *checklist.Item
	// Trouble says why an entry with an explicit id is not matched.
	Trouble string

	kind    kind
	id      string   // explicit
	section string   // title of the section it stands in
	keys    []string // what it may be found by, best first
}

type kind int

const (
	box       kind = iota // - [ ] …
	criterion             // - ✅ …
	step                  // ### Step 1: …
	heading               // any other heading, or a line in bold that stands as one; an entry only when it is matched
)

// line is one line of a document and its end: \n, \r\n, or nothing at the end of the document.
type line struct {
	text, end string
	code      bool // inside a code block or a comment of several lines: never edited
}

var (
	boxLine       = lazyregexp.New(`^(\s*(?:[-*+]|\d{1,9}[.)])\s+\[)([ xX])(\]\s+(.*\S))\s*$`)
	criterionLine = lazyregexp.New(`^\s*[-*+]\s+(?:✅|☑️?|✔️?|✓)\s*(.*\S)\s*$`)
	bulletLine    = lazyregexp.New(`^(\s*)((?:[-*+]|\d{1,9}[.)])\s+)`)
	headingLine   = lazyregexp.New(`^ {0,3}#{1,6}\s+(.*?)(?:\s+#+)?\s*$`)
	boldLine      = lazyregexp.New(`^(?:\*\*|__)([^*_]+?):?(?:\*\*|__):?\s*$`)
	stepTitle     = lazyregexp.New(`(?i)^\W*step\s+\d+\s*[:.)–-]?\s*`)
	fenceLine     = lazyregexp.New("^\\s*(?:[-*+]\\s+)?(`{3,}|~{3,})")
	ruleLine      = lazyregexp.New(`^ {0,3}(?:(?:-\s*){3,}|(?:\*\s*){3,}|(?:_\s*){3,})$`)
	idComment     = lazyregexp.New(`<!-- catalyst: ([a-z][a-z0-9_]*(?:/[a-z][a-z0-9_]*)?) -->`)
	comment       = lazyregexp.New(`<!--.*?-->`)
	boldStart     = lazyregexp.New(`^(?:\*\*(.+?)\*\*|__(.+?)__)(.*)$`)
	blankStart    = lazyregexp.New(`^([^:_]+):\s*(?:_{3,}|\S.*\bDate:)`)
	parentheses   = lazyregexp.New(`\([^()]*\)`)
)

// Parse reads a document. Any text is one; what holds no item has no entries.
func Parse(data []byte) *Document {
	d := &Document{lines: clean(split(string(data)))}
	fence := ""
	inComment, inList := false, false
	section := ""
	for i := range d.lines {
		l := &d.lines[i]
		trimmed := strings.TrimSpace(l.text)
		switch {
		case inComment:
			l.code = true
			inComment = !strings.Contains(l.text, "-->")
			continue
		case fence != "":
			l.code = true
			if strings.HasPrefix(trimmed, fence) && strings.Trim(trimmed, fence[:1]) == "" {
				fence = ""
			}
			continue
		case fenceLine.MatchString(l.text):
			fence, l.code = fenceLine.FindStringSubmatch(l.text)[1], true
			continue
		}
		if at := strings.LastIndex(l.text, "<!--"); at >= 0 && !strings.Contains(l.text[at:], "-->") {
			inComment = true
			l.code = at == 0
		}
		indented := strings.HasPrefix(l.text, "    ") || strings.HasPrefix(l.text, "\t")
		if indented && !inList {
			l.code = true
			continue
		}
		inList = bulletLine.MatchString(l.text) || inList && (trimmed == "" || l.text != strings.TrimLeft(l.text, " \t"))
		if l.code {
			continue
		}
		if e := readEntry(l.text, section); e != nil {
			e.Line = i + 1
			d.Entries = append(d.Entries, e)
			if e.kind == heading || e.kind == step {
				section = e.Title
			}
		} else if m := idComment.FindStringSubmatch(l.text); m != nil && len(d.Entries) > 0 {
			d.Entries[len(d.Entries)-1].id = m[1]
		}
	}
	return d
}

// readEntry reads one line outside code; nil when it is no item.
func readEntry(text, section string) *Entry {
	e := &Entry{section: section}
	if m := idComment.FindStringSubmatch(text); m != nil {
		e.id = m[1]
	}
	text = strings.TrimRight(comment.ReplaceAllString(text, ""), " \t")
	if m := boxLine.FindStringSubmatch(text); m != nil {
		e.kind = box
		e.read(m[4])
	} else if m := criterionLine.FindStringSubmatch(text); m != nil {
		e.kind = criterion
		e.read(m[1])
	} else if m := headingLine.FindStringSubmatch(text); m != nil {
		e.heading(m[1])
	} else if m := boldLine.FindStringSubmatch(text); m != nil {
		e.heading(m[1])
	} else if m := bulletLine.FindString(text); m != "" && e.id != "" {
		e.kind = criterion
		e.read(text[len(m):])
	} else {
		return nil
	}
	return e
}

func (e *Entry) heading(text string) {
	e.kind = heading
	if stepTitle.MatchString(text) {
		e.kind = step
	}
	e.Title = strings.TrimSpace(strings.NewReplacer("*", "", "`", "").Replace(text))
	e.addKeys(text, parentheses.ReplaceAllString(text, ""), stepTitle.ReplaceAllString(text, ""))
}

// read takes the title of an item: the text in bold it begins with, what stands before a blank to fill in, or all of it.
func (e *Entry) read(text string) {
	e.Title = strings.NewReplacer("**", "", "__", "", "`", "").Replace(text)
	if m := boldStart.FindStringSubmatch(text); m != nil {
		bold := m[1] + m[2]
		e.Title = bold
		e.addKeys(bold+parentheses.ReplaceAllString(m[3], ""), bold, bold+m[3])
		return
	}
	if m := blankStart.FindStringSubmatch(text); m != nil {
		e.Title = m[1]
		e.addKeys(m[1])
		return
	}
	e.addKeys(parentheses.ReplaceAllString(text, ""), text)
}

func (e *Entry) addKeys(texts ...string) {
	for _, t := range texts {
		if k := key(t); k != "" && !slices.Contains(e.keys, k) {
			e.keys = append(e.keys, k)
		}
	}
}

// split cuts a text into lines with their ends.
func split(text string) []line {
	var lines []line
	for l := range strings.Lines(text) {
		body := strings.TrimSuffix(l, "\n")
		if body != l {
			body = strings.TrimSuffix(body, "\r")
		}
		lines = append(lines, line{text: body, end: l[len(body):]})
	}
	return lines
}
