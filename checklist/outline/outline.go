// Package outline reads a team's Markdown checklist as the lines that it has: boxes, rows of tables with a status, and
// entries of plain lists, each with its heading. Code, comments and quotes hold no lines.
package outline

import (
	"slices"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
	"github.com/thenexusengine/catalyst_exporter/probe/markdown"
)

// MaxSize is the size limit of a document, in bytes.
const MaxSize = markdown.MaxDocument

// Shape is how a line is written.
type Shape int

const (
	Heading Shape = iota // ## …
	Bold                 // a line in bold that stands as a heading
	Box                  // - [ ] …
	Mark                 // - ✅ …
	Row                  // of a table with a column for the status
	Bullet               // - …
)

// Line is one line of a checklist, or a heading.
type Line struct {
	At      int // 1 is the first
	Shape   Shape
	Text    string // with its markup, but without box, mark and comments; the lines of a paragraph are joined
	First   string // the first line of Text
	Section string // the heading above it, as plain text
	Group   string // the plain entry around a nested one
	Depth   int    // of nested lists, 0 for anything else
	// Note marks a plain entry that is probably no requirement: the title of a group, a remark under a box, an entry of a
	// section with boxes, or of one with contacts or links.
	Note bool

	Column int // of the status in a row, from 0
	Last   int // last line of the table of a row
}

// Outline is a document's lines in order.
type Outline struct {
	Lines   []Line
	literal map[int]bool // lines inside code blocks and HTML
}

// Read reads a document. Lines are counted by "\n" alone if the data holds no lone "\r".
func Read(data []byte) (*Outline, error) {
	doc, err := markdown.Parse(data)
	if err != nil {
		return nil, err
	}
	r := reader{tables: doc.Tables}
	for i := range doc.Sections {
		r.section(&doc.Sections[i])
	}
	r.markNotes()
	o := &Outline{Lines: r.lines, literal: map[int]bool{}}
	for _, l := range doc.Literal {
		for at := l.First; at <= l.Last; at++ {
			o.literal[at] = true
		}
	}
	return o, nil
}

// Literal reports whether a line is inside a code block or HTML of several lines.
func (o *Outline) Literal(line int) bool { return o.literal[line] }

// Items returns the lines that state a requirement: all but headings and notes.
func (o *Outline) Items() []Line {
	return slices.DeleteFunc(slices.Clone(o.Lines), func(l Line) bool { return l.Shape <= Bold || l.Note })
}

// IsPlain reports whether plain lists are all that the document has: no box, mark or row.
func (o *Outline) IsPlain() bool {
	return !slices.ContainsFunc(o.Lines, func(l Line) bool { return l.Shape == Box || l.Shape == Mark || l.Shape == Row })
}

type reader struct {
	tables []markdown.Table
	lines  []Line
	title  string // of the section
	around []int  // indices of the entries around the next one, by depth
}

var (
	boxStart  = lazyregexp.New(`\A\[[ xX]\]\s+`)
	markStart = lazyregexp.New(`\A(?:✅|❌|⬜|🔲|☐|☒|☑|✔|✓|✗|✘)️?\s*`)
	boldLine  = lazyregexp.New(`^(?:\*\*|__)([^*_]+?):?(?:\*\*|__):?\s*$`)
	comment   = lazyregexp.New(`(?s)<!--.*?-->`)
	notes     = lazyregexp.New(`(?i)^\W*(?:notes?|remarks?|contacts?|references?|resources|(?:useful )?links|glossary|legend|background|further reading|see also|about\b.*|` +
		`introduction|(?:table of )?contents|team|how to use\b.*|known issues\b.*|changelog|history|licen[sc]e|credits|appendix|` +
		`hinweise?|anmerkung(?:en)?|kontakte?|ansprechpartner|verweise|quellen|weiterführende?\b.*|glossar|legende|hintergrund|einleitung|inhalt(?:sverzeichnis)?|bekannte probleme\b.*|anhang)\W*$`)
)

func (r *reader) section(s *markdown.Section) {
	if s.Level > 0 {
		r.title = s.Title
		r.add(Line{At: s.Line, Shape: Heading, Text: s.Title})
	}
	for i := range s.Blocks {
		switch b := &s.Blocks[i]; {
		case b.Quoted:
		case b.Form == markdown.RowBlock:
			r.table(b.Line)
		case b.Depth > 0:
			r.entry(b)
		default:
			r.paragraph(b)
		}
	}
	r.around = nil
}

func (r *reader) add(l Line) {
	l.Section = r.title
	if l.First == "" {
		l.First = l.Text
	}
	r.lines = append(r.lines, l)
}

// paragraph adds lines in bold that stand as headings.
func (r *reader) paragraph(b *markdown.Block) {
	for i, text := range strings.Split(b.Source, "\n") {
		if m := boldLine.FindStringSubmatch(text); m != nil {
			r.title = m[1]
			r.add(Line{At: b.Line + i, Shape: Bold, Text: m[1]})
		}
	}
}

// entry adds an entry of a list.
func (r *reader) entry(b *markdown.Block) {
	l := Line{At: b.Line, Shape: Bullet, Depth: b.Depth}
	text := b.Source
	if at := boxStart.FindStringIndex(text); at != nil {
		l.Shape, text = Box, text[at[1]:]
	} else if at := markStart.FindStringIndex(text); at != nil {
		l.Shape, text = Mark, text[at[1]:]
	}
	text = comment.ReplaceAllString(text, " ")
	l.First, _, _ = strings.Cut(strings.TrimSpace(text), "\n")
	l.First = strings.TrimRight(l.First, " \t")
	if l.Text = strings.Join(strings.Fields(text), " "); l.Text == "" {
		return
	}
	r.around = r.around[:min(len(r.around), b.Depth-1)]
	for _, i := range r.around {
		if outer := &r.lines[i]; outer.Shape != Bullet {
			l.Note = l.Shape == Bullet
		} else {
			l.Group = markdown.PlainText(outer.Text)
			outer.Note = outer.Note || isGroup(outer.Text)
		}
	}
	r.add(l)
	for len(r.around) < b.Depth {
		r.around = append(r.around, len(r.lines)-1)
	}
}

// isGroup reports whether an entry with nested ones is their title: it ends in a colon or is as short as one.
func isGroup(text string) bool {
	text = markdown.PlainText(text)
	return strings.HasSuffix(text, ":") || markdown.CountWords(text) <= 3
}

// markNotes marks the plain entries that are probably no requirements.
func (r *reader) markNotes() {
	plain := map[string]bool{} // by section: it has no other shape
	headed := false
	for _, l := range r.lines {
		headed = headed || l.Shape == Heading
		if l.Shape == Box || l.Shape == Mark || l.Shape == Row {
			plain[l.Section] = false
		} else if _, seen := plain[l.Section]; !seen {
			plain[l.Section] = true
		}
	}
	for i := range r.lines {
		if l := &r.lines[i]; l.Shape == Bullet {
			l.Note = l.Note || !plain[l.Section] || headed && l.Section == "" || notes.MatchString(l.Section)
		}
	}
}
