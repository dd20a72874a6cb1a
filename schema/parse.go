package schema

// Parses bytes into one bounded document or a problem with its position. Problems never quote a value: text that cannot
// be parsed may be a password.

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
)

// Limits of a document. A checklist for one deployment has about 2,000 lines, 10,000 nodes and a depth of 8.
const (
	maxInput = 1 << 20 // bytes
	maxDepth = 64
	maxNodes = 250_000 // with aliases expanded
)

// Parse parses the single document in data. Aliases and merge keys are expanded (with the lines of their anchors) and
// comments are dropped. An empty document is an empty mapping, so that Decode reports the required fields. The error is
// of type Problems; the node is then nil.
func Parse(file string, data []byte) (*Node, error) {
	if p, ok := unreadable(file, data); ok {
		return nil, Problems{p}
	}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	root, err := next(decoder)
	switch {
	case errors.Is(err, io.EOF):
		return emptyDocument(), nil
	case err != nil:
		return nil, Problems{syntaxProblem(file, data, err)}
	}
	r := &resolver{notebook: notebook{file: file}, active: map[*Node]bool{}}
	out := r.resolve(root.Content[0])
	switch second, err := next(decoder); {
	case err == nil:
		p := Problemf(file, "", second, "file contains a second document")
		p.Hint = "remove the line ---"
		r.add(p)
	case !errors.Is(err, io.EOF):
		r.add(syntaxProblem(file, data, err))
	}
	// An alias repeats a problem of its anchor at the same position under another path.
	r.problems = r.problems.distinct(func(p Problem) Problem { p.Path = ""; return p })
	if ps := r.sorted(); len(ps) > 0 {
		return nil, ps
	}
	if out.Kind == yaml.ScalarNode && out.Tag == "!!null" && out.Value == "" {
		return emptyDocument(), nil
	}
	return out, nil
}

func emptyDocument() *Node {
	return &Node{Kind: yaml.MappingNode, Tag: "!!map", Line: 1, Column: 1}
}

// next reads one document, whose node has one child. A panic of the parser is reported as an error of the document.
func next(decoder *yaml.Decoder) (n *Node, err error) {
	defer func() {
		if r := recover(); r != nil {
			n, err = nil, errors.New("document cannot be parsed")
		}
	}()
	var doc Node
	if err := decoder.Decode(&doc); err != nil {
		return nil, err
	}
	if doc.Kind != yaml.DocumentNode || len(doc.Content) != 1 {
		return nil, errors.New("document cannot be parsed")
	}
	return &doc, nil
}

// unreadable finds bytes that a YAML file must not contain, with their position, which the parser does not report.
func unreadable(file string, data []byte) (Problem, bool) {
	if len(data) > maxInput {
		return Problem{File: file, Message: fmt.Sprintf("file exceeds 1 MiB (%d bytes)", len(data))}, true
	}
	line, column := 1, 1
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		p := Problem{File: file, Line: line, Column: column}
		switch {
		case r == utf8.RuneError && size <= 1:
			p.Message, p.Hint = "file is not UTF-8 text", "save it as UTF-8"
			return p, true
		case r == 0:
			p.Message = "file contains a NUL character"
			return p, true
		case r < ' ' && r != '\t' && r != '\n' && r != '\r', r >= 0x7f && r < 0xa0 && r != 0x85, r == 0xfffe, r == 0xffff:
			p.Message = fmt.Sprintf("control character U+%04X is not allowed", r)
			return p, true
		case r == '\n':
			line, column = line+1, 0
		}
		i += size
		column++
	}
	return Problem{}, false
}

// yamlError extracts the line from the parser's message.
var yamlError = lazyregexp.New(`^yaml: (?:line (\d+): )?(.*)`)

// syntaxProblem adds a position and a hint to the parser's error.
func syntaxProblem(file string, data []byte, err error) Problem {
	message, line := err.Error(), 1
	if m := yamlError.FindStringSubmatch(message); m != nil {
		message = m[2]
		if n, err := strconv.Atoi(m[1]); err == nil {
			line = n
			if strings.HasPrefix(message, "did not find expected") {
				line++ // the parser counts these lines from 0, its scanner from 1
			}
		}
	}
	if m := unknownAnchor.FindStringSubmatch(message); m != nil {
		return aliasProblem(file, data, m[1])
	}
	lines := strings.Split(strings.TrimRight(string(data), "\n"), "\n")
	line = min(line, len(lines))
	for at := max(1, line-1); at <= min(line+1, len(lines)); at++ {
		text := lines[at-1]
		indent := text[:len(text)-len(strings.TrimLeft(text, " \t"))]
		if tab := strings.IndexByte(indent, '\t'); tab >= 0 && len(indent) < len(text) {
			return Problem{File: file, Line: at, Column: tab + 1, Message: "tab in the indentation", Hint: "indent with spaces"}
		}
	}
	text := lines[line-1]
	return Problem{
		File: file, Line: line, Column: utf8.RuneCountInString(text) - utf8.RuneCountInString(strings.TrimLeft(text, " ")) + 1,
		Message: "invalid YAML: " + message, Hint: syntaxHint(message),
	}
}

// unknownAnchor extracts the name from the parser's message.
var unknownAnchor = lazyregexp.New(`^unknown anchor '(.*)' referenced$`)

// aliasProblem locates the alias that the parser named. Its name is not quoted: it may be a password that begins with
// "*".
func aliasProblem(file string, data []byte, name string) Problem {
	p := Problem{File: file, Message: "alias (*name) has no preceding anchor (&name)",
		Hint: "quote a value that begins with *"}
	for i, line := range strings.Split(string(data), "\n") {
		if at := strings.Index(line, "*"+name); at >= 0 && (at == 0 || strings.IndexByte(" \t[{,:", line[at-1]) >= 0) {
			p.Line, p.Column = i+1, utf8.RuneCountInString(line[:at])+1
			break
		}
	}
	return p
}

func syntaxHint(message string) string {
	switch {
	case strings.HasPrefix(message, "mapping values are not allowed"):
		return `quote a value that contains ": "`
	case strings.HasPrefix(message, "could not find expected ':'"):
		return "write each line of a mapping as key: value"
	case strings.HasPrefix(message, "found character that cannot start"):
		return "quote a value that begins with @, %, ` or a tab"
	case strings.HasPrefix(message, "found unexpected end of stream"):
		return "close the quote or bracket"
	case strings.HasPrefix(message, "did not find expected key"):
		return "check the indentation"
	case strings.HasPrefix(message, "did not find expected ','"):
		return "close the bracket or brace"
	default:
		return ""
	}
}
