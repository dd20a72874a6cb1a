// Package markdown reads a Markdown document as sections, blocks and tables with line numbers.
package markdown

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"sort"
	"strings"
	"unicode/utf8"

	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	extast "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"

	"github.com/thenexusengine/catalyst_exporter/deployment/find"
	"github.com/thenexusengine/catalyst_exporter/files"
	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// Markdown documents as rules read them: sections with their paragraphs, list items, table rows and code blocks, each
// with its line number.
//
// The library parses blocks only. Its inline parsers take quadratic time on hostile text: 200 kB of "a*b_" take more
// than eight seconds. Rules need only the words of a line, so linear-time expressions strip emphasis, links, code spans
// and tags. Containers nested deep in one line are quadratic too and are rejected.

const (
	MaxDocument = 1 << 20 // bytes; the worst input of this size takes two seconds to parse
	maxNesting  = 32      // quotes and lists that start on one line
	maxIndent   = 200     // columns before an entry of a list: its nesting over several lines
	maxImages   = 20
	maxLines    = 50_000
	maxCells    = 30_000 // of tables: about 4 kB of memory each, and a short row counts as many as its header has
)

// Document is a parsed Markdown document. It is shared and must not be modified.
type Document struct {
	Sections []Section // the first has no heading: it holds the text before the first heading
	Tables   []Table
	Images   []Image
	Conflict int     // line of the first merge conflict, 0 for none
	Literal  []Lines // code blocks and HTML of several lines
}

// Section is a heading and the text up to the next heading.
type Section struct {
	Level  int // of the heading, 1 to 6; 0 for none
	Title  string
	Line   int
	Blocks []Block
}

// Block is one block of text.
type Block struct {
	Form blockForm
	Line int
	Text string // without markup; cells of a row are separated by " | "
	// Prose is the text without code spans, since commands are not prose.
	Prose string
	// Language of a code block, lower case.
	Language string
	Source   string // of a paragraph or list item, with its markup
	// Depth of the list whose item starts with this block, from 1; 0 for any other block.
	Depth  int
	Quoted bool // inside a block quote
}

// Lines are the first and the last of several lines.
type Lines struct{ First, Last int }

type blockForm int

const (
	paragraphBlock blockForm = iota
	ItemBlock                // of a bullet list
	StepBlock                // of a numbered list
	RowBlock                 // of a table
	CodeBlock
)

type Table struct {
	Line   int
	Header []string
	Rows   []Row
	Quoted bool // inside a block quote
}

type Row struct {
	Line  int
	Cells []string
}

// Image is an image in the document.
type Image struct {
	Line   int
	Target string
}

// errNotText is the error for a file that is not text.
var errNotText = errors.New("not UTF-8 text")

// Read reads a document of the deployment. Errors are those of files.Load and errNotText; see Unreadable.
func Read(p *probe.Pass, path string) (*Document, error) {
	if find.IsOtherFormat(path) {
		return nil, errOtherFormat
	}
	return files.Load(p.Files, path, "markdown", MaxDocument, func(data []byte, _ fs.FileInfo) (*Document, error) {
		return Parse(data)
	})
}

var (
	mdFrontMatter = lazyregexp.New(`\A---[ \t]*\n(?:[^\n]*\n){0,200}?(?:---|\.\.\.)[ \t]*(?:\n|\z)`)
	HTMLPage      = lazyregexp.New(`(?i)\A\s*<(?:!doctype\s+html|html)[\s>]`)
	mdEntry       = lazyregexp.New(`^[ \t]*(?:[-+*]|\d{1,9}[.)])[ \t]`)
	mdContainers  = lazyregexp.New(`(?m)^[ \t]*(?:(?:>|[-+*][ \t]|\d{1,9}[.)][ \t])[ \t]*){33}`) // one more than maxNesting
)

// MergeConflict matches an unresolved git merge conflict.
var MergeConflict = lazyregexp.New(`(?m)^<{7} \S.*\n(?:.*\n)*?={7}\r?\n(?:.*\n)*?>{7} \S`)

// errOtherFormat is the error for a document that is not Markdown by its name.
var errOtherFormat = errors.New("only Markdown is read. Convert it")

// Parse parses a document.
func Parse(data []byte) (*Document, error) {
	data = bytes.TrimPrefix(data, []byte("\uFEFF"))
	if !utf8.Valid(data) || bytes.IndexByte(data, 0) >= 0 {
		return nil, errNotText
	}
	if HTMLPage.Match(data) {
		return nil, fmt.Errorf("%w: an HTML page", errNotText)
	}
	data = bytes.ReplaceAll(bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n")), []byte("\r"), []byte("\n"))
	// Front matter is replaced by empty lines to keep the line numbers.
	if front := mdFrontMatter.Find(data); front != nil {
		data = append(bytes.Repeat([]byte("\n"), bytes.Count(front, []byte("\n"))), data[len(front):]...)
	}
	if mdContainers.Match(data) {
		return nil, fmt.Errorf("%w: more than %d nested quotes and lists on one line", errNotText, maxNesting)
	}
	if err := checkStructure(data); err != nil {
		return nil, err
	}
	blocks := parser.NewParser(
		parser.WithBlockParsers(parser.DefaultBlockParsers()...),
		parser.WithParagraphTransformers(util.Prioritized(extension.NewTableParagraphTransformer(), 200)),
		parser.WithASTTransformers(util.Prioritized(extension.NewTableASTTransformer(), 0)),
	)
	r := markdownReader{source: data, doc: &Document{Sections: []Section{{Line: 1}}}, last: 1}
	for i, c := range data {
		if c == '\n' {
			r.ends = append(r.ends, i)
		}
	}
	r.children(blocks.Parse(text.NewReader(data)), paragraphBlock)
	if at := MergeConflict.FindIndex(data); at != nil {
		r.doc.Conflict = r.lineAt(at[0])
	}
	return r.doc, nil
}

// checkStructure rejects what takes much memory to parse in spite of its size.
func checkStructure(data []byte) error {
	lines, cells, columns := 0, 0, 0
	for line := range bytes.Lines(data) {
		lines++
		if len(line) > maxIndent && len(bytes.TrimLeft(line[:maxIndent], " \t")) == 0 && mdEntry.Match(line) {
			return fmt.Errorf("%w: a list is nested more than %d columns deep", errNotText, maxIndent)
		}
		line = bytes.Trim(line, " \t>\n")
		if len(line) == 0 {
			columns = 0
			continue
		}
		if n := bytes.Count(bytes.Trim(line, "|"), []byte("|")) + 1; n > columns && bytes.IndexByte(line, '-') >= 0 &&
			bytes.ContainsAny(line, "|:") && len(bytes.Trim(line, "-:| \t")) == 0 {
			columns = n
		}
		cells += columns
	}
	if lines > maxLines || cells > maxCells {
		return fmt.Errorf("%w: more than %d lines or %d table cells", errNotText, maxLines, maxCells)
	}
	return nil
}

// markdownReader converts the library's tree.
type markdownReader struct {
	source []byte
	ends   []int // offsets of the line ends
	doc    *Document
	last   int // line of the last block
	depth  int // of nested lists
	quotes int // nested block quotes
}

// lineAt returns the line, from 1, of an offset.
func (r *markdownReader) lineAt(offset int) int { return 1 + sort.SearchInts(r.ends, offset) }

// raw returns the text of a block and its first line.
func (r *markdownReader) raw(n ast.Node) (text string, line int) {
	lines := n.Lines()
	var b strings.Builder
	for i := range lines.Len() {
		s := lines.At(i)
		b.Write(s.Value(r.source))
	}
	switch {
	case n.Pos() >= 0:
		r.last = r.lineAt(n.Pos())
	case lines.Len() > 0:
		r.last = r.lineAt(lines.At(0).Start)
	}
	return b.String(), r.last
}

// children reads the children of a node; form is the form of the first text block.
func (r *markdownReader) children(parent ast.Node, form blockForm) {
	for n := parent.FirstChild(); n != nil; n = n.NextSibling() {
		switch n := n.(type) {
		case *ast.Heading:
			raw, line := r.raw(n)
			r.doc.Sections = append(r.doc.Sections, Section{Level: n.Level, Title: PlainText(raw), Line: line})
		case *ast.Paragraph, *ast.TextBlock:
			raw, line := r.raw(n)
			r.text(form, raw, line)
			form = paragraphBlock
		case *ast.HTMLBlock:
			raw, line := r.raw(n)
			if n.HasClosure() {
				raw += string(n.ClosureLine.Value(r.source))
			}
			r.literal(line, strings.Count(strings.TrimSuffix(raw, "\n"), "\n"))
			r.text(paragraphBlock, raw, line)
		case *ast.FencedCodeBlock:
			raw, line := r.raw(n)
			language := strings.Trim(strings.ToLower(string(n.Language(r.source))), "{.}")
			r.doc.Literal = append(r.doc.Literal, Lines{line, r.fenceEnd(line, strings.Count(raw, "\n"))})
			r.add(Block{Form: CodeBlock, Line: line, Text: raw, Language: language})
		case *ast.CodeBlock:
			raw, line := r.raw(n)
			r.doc.Literal = append(r.doc.Literal, Lines{line, line + strings.Count(strings.TrimSuffix(raw, "\n"), "\n")})
			r.add(Block{Form: CodeBlock, Line: line, Text: raw})
		case *ast.List:
			item := ItemBlock
			if n.IsOrdered() {
				item = StepBlock
			}
			r.depth++
			for i := n.FirstChild(); i != nil; i = i.NextSibling() {
				r.children(i, item)
			}
			r.depth--
		case *ast.Blockquote:
			r.quotes++
			r.children(n, form)
			r.quotes--
		case *extast.Table:
			r.table(n)
		default:
			r.children(n, form)
		}
	}
}

// text adds a paragraph or list item.
func (r *markdownReader) text(form blockForm, raw string, line int) {
	if mdLinkAlone.MatchString(raw) {
		form = paragraphBlock // an entry of a table of contents, not a step
	}
	depth := 0
	if form != paragraphBlock {
		depth = r.depth
	}
	for _, m := range mdImageLink.FindAllStringSubmatchIndex(raw, maxImages) {
		target := ""
		for _, group := range [][]int{m[2:4], m[4:6]} {
			if group[0] >= 0 {
				target = raw[group[0]:group[1]]
			}
		}
		if len(r.doc.Images) < maxImages {
			r.doc.Images = append(r.doc.Images, Image{line + strings.Count(raw[:m[0]], "\n"), target})
		}
	}
	r.add(Block{
		Form: form, Line: line, Text: PlainText(raw), Prose: PlainText(mdCodeSpan.ReplaceAllString(raw, " ")),
		Source: raw, Depth: depth, Quoted: r.quotes > 0,
	})
}

// literal adds lines of HTML, unless it is a single one.
func (r *markdownReader) literal(first, more int) {
	if more > 0 {
		r.doc.Literal = append(r.doc.Literal, Lines{first, first + more})
	}
}

// fenceEnd returns the last line of a fenced code block: that of the closing fence, if there is one.
func (r *markdownReader) fenceEnd(opening, inside int) int {
	at := opening + inside // counted from 1: the line before the closing fence
	if at >= len(r.ends) {
		return at
	}
	start, end := r.ends[at-1]+1, r.ends[at]
	if closing := bytes.Trim(r.source[start:end], " \t>"); len(closing) >= 3 && len(bytes.Trim(closing, "`~")) == 0 {
		return at + 1
	}
	return at
}

func (r *markdownReader) add(b Block) {
	if strings.TrimSpace(b.Text) == "" {
		return
	}
	last := &r.doc.Sections[len(r.doc.Sections)-1]
	last.Blocks = append(last.Blocks, b)
}

func (r *markdownReader) table(n *extast.Table) {
	t := Table{Line: r.last, Quoted: r.quotes > 0}
	for row := n.FirstChild(); row != nil; row = row.NextSibling() {
		var cells, prose []string
		line := 0
		for cell := row.FirstChild(); cell != nil; cell = cell.NextSibling() {
			raw, at := r.raw(cell)
			raw = strings.ReplaceAll(raw, `\|`, "|")
			if line == 0 && cell.Lines().Len() > 0 {
				line = at
			}
			cells = append(cells, PlainText(raw))
			prose = append(prose, PlainText(mdCodeSpan.ReplaceAllString(raw, " ")))
		}
		if line == 0 {
			line = r.last + 1
		}
		if _, isHeader := row.(*extast.TableHeader); isHeader {
			t.Header, t.Line = cells, line
		} else {
			t.Rows = append(t.Rows, Row{line, cells})
		}
		r.add(Block{Form: RowBlock, Line: line, Text: strings.Join(cells, " | "), Prose: strings.Join(prose, " | ")})
	}
	r.doc.Tables = append(r.doc.Tables, t)
}

// Unreadable classifies the error of reading a document; see unreadable.
func Unreadable(what string, err error) (probe.Result, error) {
	if errors.Is(err, errOtherFormat) {
		return probe.Result{}, probe.Needs("a Markdown document", probe.Unknownf(probe.ReasonNotConfigured, "%s: %v", what, err))
	}
	if errors.Is(err, errNotText) {
		return probe.Failed(probe.ReasonInvalid, "%s: %v", what, err), nil
	}
	return probe.Unreadable(what, err)
}
