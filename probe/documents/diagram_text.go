package documents

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/thenexusengine/catalyst_exporter/files"
	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/markdown"
)

// Diagram formats by file extension, and parsers for text formats: Mermaid, PlantUML, Graphviz and documents that embed
// them.

// drawingForm parses data as a diagram of one format.
type drawingForm func(ctx context.Context, data []byte) (drawing, error)

// formOf selects the format by file extension; nil for an unsupported extension.
func formOf(path string) drawingForm {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".png":
		return pngDrawing
	case ".jpg", ".jpeg":
		return jpegDrawing
	case ".pdf":
		return pdfDrawing
	case ".svg":
		return svgDrawing
	case ".drawio":
		return drawioDrawing
	case ".mmd", ".mermaid":
		return textDrawing("mermaid")
	case ".puml", ".plantuml":
		return textDrawing("plantuml")
	case ".dot", ".gv":
		return textDrawing("dot")
	case ".md", ".markdown":
		return documentDrawing
	}
	return nil
}

// invalidDrawing returns the result for a file that is not a diagram.
func invalidDrawing(reason probe.Reason, fault string) drawing {
	return drawing{reason: reason, fault: fault}
}

// parseDrawing handles empty files and Git LFS pointers, then calls the parser of the format.
func parseDrawing(ctx context.Context, form drawingForm, data []byte) (drawing, error) {
	switch {
	case len(data) == 0:
		return invalidDrawing(probe.ReasonEmpty, "is empty"), nil
	case files.IsLFSPointer(data):
		return invalidDrawing(probe.ReasonMissing, "is a Git LFS pointer. Run `git lfs pull`"), nil
	}
	return form(ctx, data)
}

// isDiagramLanguage reports whether code blocks of a language are diagrams.
func isDiagramLanguage(language string) bool {
	return slices.Contains([]string{"mermaid", "plantuml", "puml", "dot", "graphviz"}, language)
}

// textDrawing returns the parser of a diagram language.
func textDrawing(language string) drawingForm {
	return func(_ context.Context, data []byte) (drawing, error) {
		if !utf8.Valid(data) {
			return invalidDrawing(probe.ReasonInvalid, "is not UTF-8 text"), nil
		}
		return drawingIn(language, string(data), false), nil
	}
}

// drawingIn parses a text diagram. PlantUML in a code block may omit @startuml and @enduml.
func drawingIn(language, text string, inBlock bool) drawing {
	text = strings.ReplaceAll(strings.TrimPrefix(text, "\uFEFF"), "\r\n", "\n")
	var d drawing
	switch language {
	case "mermaid":
		d = mermaidIn(text)
	case "dot", "graphviz":
		d = graphvizIn(text)
	default:
		d = plantumlIn(text, inBlock)
	}
	if d.reason == probe.ReasonNone && isUnfinished(d.labels) {
		return invalidDrawing(probe.ReasonPlaceholder, unfinishedDrawing)
	}
	return d
}

var (
	mermaidFront   = lazyregexp.New(`\A\s*---[ \t]*\n(?:[^\n]*\n){0,100}?---[ \t]*\n`)
	mermaidComment = lazyregexp.New(`(?m)^[ \t]*%%.*$|%%\{(?:[^}]|\}[^%])*\}%%`)
	mermaidKeyword = lazyregexp.New(`^(?:graph|flowchart(?:-elk)?|sequenceDiagram|classDiagram(?:-v2)?|stateDiagram(?:-v2)?|erDiagram|journey|gantt|pie|` +
		`quadrantChart|requirementDiagram|gitGraph|C4(?:Context|Container|Component|Dynamic|Deployment)|mindmap|timeline|zenuml|sankey(?:-beta)?|xychart(?:-beta)?|` +
		`block(?:-beta)?|packet(?:-beta)?|kanban|architecture(?:-beta)?|radar-beta|treemap(?:-beta)?)(?:$|[\s:;{])`)
)

// Lines and marks that style a diagram, or title it, show nothing in it.
var (
	mermaidStyle = lazyregexp.New(`(?m)^[ \t]*(?:classDef|class|style|linkStyle|click|title|accTitle|accDescr|direction)\b[^\n{]*$`)
	mermaidClass = lazyregexp.New(`:::[\w-]+`)
)

func mermaidIn(text string) drawing {
	text = mermaidFront.ReplaceAllString(text, "")
	text = strings.TrimSpace(mermaidComment.ReplaceAllString(text, ""))
	keyword := mermaidKeyword.FindString(text)
	if keyword == "" {
		return invalidDrawing(probe.ReasonInvalid, "does not begin with a Mermaid diagram type (graph, flowchart, sequenceDiagram, …)")
	}
	_, body, _ := strings.Cut(strings.ReplaceAll(text, ";", "\n"), "\n")
	body = mermaidClass.ReplaceAllString(mermaidStyle.ReplaceAllString(body, ""), "")
	if strings.TrimSpace(body) == "" {
		return invalidDrawing(probe.ReasonEmpty, "is a diagram without content")
	}
	if mermaidChart.MatchString(keyword) {
		body = "" // its words are no parts of a system
	}
	return drawing{form: "Mermaid", text: true, labels: body}
}

// mermaidChart matches the types of diagrams that show numbers, plans or changes.
var mermaidChart = lazyregexp.New(`^(?:pie|gantt|journey|gitGraph|quadrantChart|timeline|xychart|radar|packet|kanban|treemap|sankey)`)

var (
	plantumlStart   = lazyregexp.New(`(?m)^[ \t]*@start([a-z0-9]+)\b.*$`)
	plantumlEnd     = lazyregexp.New(`(?m)^[ \t]*@end([a-z0-9]+)\b`)
	plantumlComment = lazyregexp.New(`(?s)/'.*?'/|(?m-s:^[ \t]*'.*$)`)
	plantumlSetting = lazyregexp.New(`(?m)^[ \t]*(?:!|skinparam\b|title\b|caption\b|header\b|footer\b|scale\b|hide\b).*$`)
)

func plantumlIn(text string, inBlock bool) drawing {
	text = plantumlComment.ReplaceAllString(text, "")
	start, end := plantumlStart.FindStringIndex(text), plantumlEnd.FindStringIndex(text)
	switch {
	case start == nil && !inBlock:
		return invalidDrawing(probe.ReasonInvalid, "has no @startuml")
	case start != nil && (end == nil || end[0] < start[1]):
		return invalidDrawing(probe.ReasonTruncated, "has no @enduml after @startuml")
	case start != nil:
		text = text[start[1]:end[0]]
	}
	if text = plantumlSetting.ReplaceAllString(text, ""); strings.TrimSpace(text) == "" {
		return invalidDrawing(probe.ReasonEmpty, "is a diagram without content")
	}
	return drawing{form: "PlantUML", text: true, labels: text}
}

var (
	graphvizComment = lazyregexp.New(`(?s)/\*.*?\*/|(?m-s:^[ \t]*(?://|#).*$|[ \t;{}]//[^"\n]*$)`)
	graphvizStart   = lazyregexp.New(`(?i)\A\s*(?:strict\s+)?(?:di)?graph\b[^{]{0,200}\{`)
)

func graphvizIn(text string) drawing {
	text = graphvizComment.ReplaceAllString(text, "")
	start := graphvizStart.FindStringIndex(text)
	if start == nil {
		return invalidDrawing(probe.ReasonInvalid, "does not begin with graph or digraph")
	}
	body := strings.TrimSpace(text[start[1]:])
	inside, closed := strings.CutSuffix(body, "}")
	switch {
	case !closed:
		return invalidDrawing(probe.ReasonTruncated, "does not end with the closing brace of the graph")
	case strings.TrimSpace(inside) == "":
		return invalidDrawing(probe.ReasonEmpty, "is a diagram without content")
	}
	return drawing{form: "Graphviz", text: true, labels: inside}
}

// documentDrawing looks for diagram code blocks in a document. Embedded images are checked by the caller.
func documentDrawing(_ context.Context, data []byte) (drawing, error) {
	if len(data) > markdown.MaxDocument {
		return invalidDrawing(probe.ReasonInvalid, "is larger than 1 MiB"), nil
	}
	m, err := markdown.Parse(data)
	if err != nil {
		return invalidDrawing(probe.ReasonInvalid, "is not Markdown: "+err.Error()), nil
	}
	var broken *drawing
	whole := drawing{text: true}
	for _, s := range m.Sections {
		for _, b := range s.Blocks {
			if b.Form != markdown.CodeBlock || !isDiagramLanguage(b.Language) {
				continue
			}
			d := drawingIn(b.Language, b.Text, true)
			if d.reason != probe.ReasonNone {
				broken = &d
				continue
			}
			whole.form = d.form
			whole.labels += "\n" + d.labels
		}
	}
	switch {
	case whole.form != "":
		return whole, nil
	case broken != nil:
		broken.fault = "contains an invalid diagram code block: it " + broken.fault
		return *broken, nil
	}
	return drawing{reason: probe.ReasonMissing,
		fault: "contains no diagram: no mermaid, plantuml or dot code block and no embedded image of a diagram", prose: true,
		images: m.Images}, nil
}
