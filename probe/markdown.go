package probe

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"sort"
	"strings"
	"unicode/utf8"

	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	extast "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"

	"github.com/thenexusengine/catalyst_exporter/files"
)

// Markdown documents as rules look at them: sections with their paragraphs, list items, table rows and code blocks, each with its line.
//
// The library parses the blocks alone. Its inline parsers take quadratic time on hostile text (200 kB of "a*b_" take more than eight seconds), and
// all that is wanted of a line is its words: emphasis, links, code spans and tags are taken out of it by expressions that run in linear time.
// Containers nested deep in one line are quadratic too, and are refused.

const (
	maxDocument = 1 << 20 // bytes; parsing the worst of this size takes two seconds
	maxNesting  = 32      // quotes and lists that begin on one line
	maxImages   = 20
)

// markdown is what a Markdown document holds. It is shared: nobody changes it.
type markdown struct {
	sections []mdSection // the first has no heading: it holds what stands before any
	tables   []mdTable
	images   []mdImage
	conflict int // line of the first conflict of a merge, 0 for none
}

// mdSection is a heading and what follows it up to the next one.
type mdSection struct {
	level  int // of the heading, 1 to 6; 0 for none
	title  string
	line   int
	blocks []mdBlock
}

// mdBlock is one piece of text that reads as one.
type mdBlock struct {
	form blockForm
	line int
	text string // without markup; cells of a row are separated by " | "
	// prose is the text without its code spans: what a command holds is not written by hand.
	prose string
	// language of a code block, lower case.
	language string
}

type blockForm int

const (
	paragraphBlock blockForm = iota
	itemBlock                // of a bullet list
	stepBlock                // of a numbered list
	rowBlock                 // of a table
	codeBlock
)

type mdTable struct {
	line   int
	header []string
	rows   []mdRow
}

type mdRow struct {
	line  int
	cells []string
}

// mdImage is a picture that the document shows.
type mdImage struct {
	line   int
	target string
}

// errNotText says that a file holds something else than text.
var errNotText = errors.New("not text in UTF-8")

// readMarkdown reads a document of the deployment. Beside those of files.Read the error is errNotText, for notRead.
func readMarkdown(p *Pass, path string) (*markdown, error) {
	return files.Load(p.Files, path, "markdown", maxDocument, func(data []byte, _ fs.FileInfo) (*markdown, error) {
		return parseMarkdown(data)
	})
}

var (
	mdFrontMatter = regexp.MustCompile(`\A---[ \t]*\n(?:[^\n]*\n){0,200}?(?:---|\.\.\.)[ \t]*(?:\n|\z)`)
	mdHTMLPage    = regexp.MustCompile(`(?i)\A\s*<(?:!doctype\s+html|html)[\s>]`)
	mdContainers  = regexp.MustCompile(`(?m)^[ \t]*(?:(?:>|[-+*][ \t]|\d{1,9}[.)][ \t])[ \t]*){33}`) // one more than maxNesting
)

// mergeConflict is where git could not merge two versions and left both.
var mergeConflict = regexp.MustCompile(`(?m)^<{7} \S.*\n(?:.*\n)*?={7}\r?\n(?:.*\n)*?>{7} \S`)

// parseMarkdown makes a document of its bytes.
func parseMarkdown(data []byte) (*markdown, error) {
	data = bytes.TrimPrefix(data, []byte("\uFEFF"))
	if !utf8.Valid(data) || bytes.IndexByte(data, 0) >= 0 {
		return nil, errNotText
	}
	if mdHTMLPage.Match(data) {
		return nil, fmt.Errorf("%w: an HTML page", errNotText)
	}
	data = bytes.ReplaceAll(bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n")), []byte("\r"), []byte("\n"))
	// What a site generator reads is blanked, so that lines keep their numbers.
	if front := mdFrontMatter.Find(data); front != nil {
		data = append(bytes.Repeat([]byte("\n"), bytes.Count(front, []byte("\n"))), data[len(front):]...)
	}
	if mdContainers.Match(data) {
		return nil, fmt.Errorf("%w: more than %d quotes and lists in one line", errNotText, maxNesting)
	}
	blocks := parser.NewParser(
		parser.WithBlockParsers(parser.DefaultBlockParsers()...),
		parser.WithParagraphTransformers(util.Prioritized(extension.NewTableParagraphTransformer(), 200)),
		parser.WithASTTransformers(util.Prioritized(extension.NewTableASTTransformer(), 0)),
	)
	r := markdownReader{source: data, doc: &markdown{sections: []mdSection{{line: 1}}}, last: 1}
	for i, c := range data {
		if c == '\n' {
			r.ends = append(r.ends, i)
		}
	}
	r.children(blocks.Parse(text.NewReader(data)), paragraphBlock)
	if at := mergeConflict.FindIndex(data); at != nil {
		r.doc.conflict = r.lineAt(at[0])
	}
	return r.doc, nil
}

// markdownReader makes a document of the library's tree.
type markdownReader struct {
	source []byte
	ends   []int // offsets of the line ends
	doc    *markdown
	last   int // line of the last block
}

// lineAt is the line, from 1, of an offset.
func (r *markdownReader) lineAt(offset int) int { return 1 + sort.SearchInts(r.ends, offset) }

// raw is the text of a block with the line it begins on.
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

// children reads what a node holds; form is that of its first text.
func (r *markdownReader) children(parent ast.Node, form blockForm) {
	for n := parent.FirstChild(); n != nil; n = n.NextSibling() {
		switch n := n.(type) {
		case *ast.Heading:
			raw, line := r.raw(n)
			r.doc.sections = append(r.doc.sections, mdSection{level: n.Level, title: plainText(raw), line: line})
		case *ast.Paragraph, *ast.TextBlock:
			raw, line := r.raw(n)
			r.text(form, raw, line)
			form = paragraphBlock
		case *ast.HTMLBlock:
			raw, line := r.raw(n)
			if n.HasClosure() {
				raw += string(n.ClosureLine.Value(r.source))
			}
			r.text(paragraphBlock, raw, line)
		case *ast.FencedCodeBlock:
			raw, line := r.raw(n)
			language := strings.Trim(strings.ToLower(string(n.Language(r.source))), "{.}")
			r.add(mdBlock{form: codeBlock, line: line, text: raw, language: language})
		case *ast.CodeBlock:
			raw, line := r.raw(n)
			r.add(mdBlock{form: codeBlock, line: line, text: raw})
		case *ast.List:
			item := itemBlock
			if n.IsOrdered() {
				item = stepBlock
			}
			for i := n.FirstChild(); i != nil; i = i.NextSibling() {
				r.children(i, item)
			}
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
		form = paragraphBlock // of a table of contents, not a step
	}
	for _, m := range mdImageLink.FindAllStringSubmatchIndex(raw, maxImages) {
		target := ""
		for _, group := range [][]int{m[2:4], m[4:6]} {
			if group[0] >= 0 {
				target = raw[group[0]:group[1]]
			}
		}
		if len(r.doc.images) < maxImages {
			r.doc.images = append(r.doc.images, mdImage{line + strings.Count(raw[:m[0]], "\n"), target})
		}
	}
	r.add(mdBlock{form: form, line: line, text: plainText(raw), prose: plainText(mdCodeSpan.ReplaceAllString(raw, " "))})
}

func (r *markdownReader) add(b mdBlock) {
	if strings.TrimSpace(b.text) == "" {
		return
	}
	last := &r.doc.sections[len(r.doc.sections)-1]
	last.blocks = append(last.blocks, b)
}

func (r *markdownReader) table(n *extast.Table) {
	t := mdTable{line: r.last}
	for row := n.FirstChild(); row != nil; row = row.NextSibling() {
		var cells, prose []string
		line := 0
		for cell := row.FirstChild(); cell != nil; cell = cell.NextSibling() {
			raw, at := r.raw(cell)
			raw = strings.ReplaceAll(raw, `\|`, "|")
			if line == 0 && cell.Lines().Len() > 0 {
				line = at
			}
			cells = append(cells, plainText(raw))
			prose = append(prose, plainText(mdCodeSpan.ReplaceAllString(raw, " ")))
		}
		if line == 0 {
			line = r.last + 1
		}
		if _, isHeader := row.(*extast.TableHeader); isHeader {
			t.header, t.line = cells, line
		} else {
			t.rows = append(t.rows, mdRow{line, cells})
		}
		r.add(mdBlock{form: rowBlock, line: line, text: strings.Join(cells, " | "), prose: strings.Join(prose, " | ")})
	}
	r.doc.tables = append(r.doc.tables, t)
}
