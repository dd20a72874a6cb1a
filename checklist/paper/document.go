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
	"github.com/thenexusengine/catalyst_exporter/checklist/outline"
	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
)

// MaxSize is the size limit of a document, in bytes.
const MaxSize = outline.MaxSize

// Document is a checklist as a team wrote it, without what an earlier run filled in.
type Document struct {
	Entries []*Entry // in order
	Empty   bool     // no line of it has the form of a requirement
	plain   bool     // it has only plain lists
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
	note    bool     // of a plain list, and probably no requirement

	column, last int // of a row: the column of the status, and the last line of the table
}

type kind int

const (
	box       kind = iota // - [ ] …
	criterion             // - ✅ …
	row                   // of a table with a column for the status
	bullet                // of a plain list; an entry only when it is matched, or when the document has nothing else
	step                  // ### Step 1: …
	heading               // any other heading, or a line in bold that stands as one; an entry only when it is matched
)

// line is one line of a document and its end: \n, \r\n, or nothing at the end of the document.
type line struct {
	text, end string
	code      bool // inside a code block or a comment of several lines: never edited
}

var (
	boxLine     = lazyregexp.New(`^(\s*(?:[-*+]|\d{1,9}[.)])\s+\[)([ xX])(\]\s+(.*\S))\s*$`)
	bulletLine  = lazyregexp.New(`^(\s*)((?:[-*+]|\d{1,9}[.)])\s+)`)
	headingLine = lazyregexp.New(`^ {0,3}#{1,6}\s+(.*?)(?:\s+#+)?\s*$`)
	boldLine    = lazyregexp.New(`^(?:\*\*|__)([^*_]+?):?(?:\*\*|__):?\s*$`)
	stepTitle   = lazyregexp.New(`(?i)^\W*step\s+\d+\s*[:.)–-]?\s*`)
	ruleLine    = lazyregexp.New(`^ {0,3}(?:(?:-\s*){3,}|(?:\*\s*){3,}|(?:_\s*){3,})$`)
	idComment   = lazyregexp.New(`<!-- catalyst: ([a-z][a-z0-9_]*(?:/[a-z][a-z0-9_]*)?) -->`)
	boldStart   = lazyregexp.New(`^(?:\*\*(.+?)\*\*|__(.+?)__)(.*)$`)
	blankStart  = lazyregexp.New(`^([^:_]+):\s*(?:_{3,}|\S.*\bDate:)`)
	parentheses = lazyregexp.New(`\([^()]*\)`)
)

// Parse reads a document. What holds no item has no entries. The error says why it is not read as Markdown.
func Parse(data []byte) (*Document, error) {
	d := &Document{lines: clean(split(string(data)))}
	var text strings.Builder
	for _, l := range d.lines {
		text.WriteString(strings.ReplaceAll(l.text, "\r", " ") + "\n")
	}
	lines, err := outline.Read([]byte(text.String()))
	if err != nil {
		return nil, err
	}
	d.Empty, d.plain = len(lines.Items()) == 0, lines.IsPlain()
	for i := range d.lines {
		d.lines[i].code = lines.Literal(i + 1)
	}
	section := ""
	for i := range lines.Lines {
		l := &lines.Lines[i]
		e := &Entry{Line: l.At, section: section, note: l.Note}
		switch l.Shape {
		case outline.Heading, outline.Bold:
			e.heading(l.Text)
			section = e.Title
		case outline.Box:
			e.kind = box
			e.read(l)
		case outline.Row:
			e.kind, e.column, e.last, e.section = row, l.Column, l.Last, l.Section
			e.read(l)
		case outline.Mark:
			e.kind = criterion
			e.read(l)
		case outline.Bullet:
			e.kind = bullet
			e.read(l)
		}
		d.Entries = append(d.Entries, e)
	}
	d.readIDs()
	return d, nil
}

// readIDs gives each entry the explicit id on its line or on a later one before the next entry.
func (d *Document) readIDs() {
	next := 0
	var e *Entry
	for i := range d.lines {
		for next < len(d.Entries) && d.Entries[next].Line == i+1 {
			e, next = d.Entries[next], next+1
		}
		if m := idComment.FindStringSubmatch(d.lines[i].text); m != nil && e != nil && !d.lines[i].code {
			e.id = m[1]
		}
	}
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
func (e *Entry) read(l *outline.Line) {
	text := l.First
	if l.Text != text { // the title may go on in the next line
		defer func() { e.addKeys(parentheses.ReplaceAllString(l.Text, ""), l.Text) }()
	}
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
