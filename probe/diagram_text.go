package probe

import (
	"bytes"
	"context"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// The kinds of diagrams, and those that are written as text: Mermaid, PlantUML, Graphviz, and documents that hold one of them.

// drawingForm sees whether data is a drawing of one kind.
type drawingForm func(ctx context.Context, data []byte) (drawing, error)

// formOf chooses by a file's name; nil for a kind that is none of a diagram.
func formOf(path string) drawingForm {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".png":
		return pngDrawing
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

// noDrawing is what is no diagram.
func noDrawing(reason Reason, fault string) drawing { return drawing{reason: reason, fault: fault} }

// seeDrawing sees what all kinds have in common.
func seeDrawing(ctx context.Context, form drawingForm, data []byte) (drawing, error) {
	switch {
	case len(data) == 0:
		return noDrawing(ReasonEmpty, "is empty"), nil
	case isLFSPointer(data):
		return noDrawing(ReasonMissing, "is a pointer of Git LFS, the diagram itself is elsewhere: run `git lfs pull`"), nil
	}
	return form(ctx, data)
}

// isLFSPointer reports whether a file stands for one that Git LFS keeps elsewhere.
func isLFSPointer(data []byte) bool {
	return bytes.HasPrefix(data, []byte("version https://git-lfs.github.com/spec/"))
}

// isDiagramLanguage knows the languages in which a code block of a document is a diagram.
func isDiagramLanguage(language string) bool {
	return slices.Contains([]string{"mermaid", "plantuml", "puml", "dot", "graphviz"}, language)
}

// textDrawing is the form of a language.
func textDrawing(language string) drawingForm {
	return func(_ context.Context, data []byte) (drawing, error) {
		if !utf8.Valid(data) {
			return noDrawing(ReasonInvalid, "is no text"), nil
		}
		return drawingIn(language, string(data), false), nil
	}
}

// drawingIn sees whether a text is a diagram. In a code block PlantUML may do without its first and last line.
func drawingIn(language, text string, inBlock bool) drawing {
	text = strings.ReplaceAll(strings.TrimPrefix(text, "\uFEFF"), "\r\n", "\n")
	switch language {
	case "mermaid":
		return mermaidIn(text)
	case "dot", "graphviz":
		return graphvizIn(text)
	}
	return plantumlIn(text, inBlock)
}

var (
	mermaidFront   = regexp.MustCompile(`\A\s*---[ \t]*\n(?:[^\n]*\n){0,100}?---[ \t]*\n`)
	mermaidComment = regexp.MustCompile(`(?m)^[ \t]*%%.*$|%%\{(?:[^}]|\}[^%])*\}%%`)
	mermaidKeyword = regexp.MustCompile(`^(?:graph|flowchart(?:-elk)?|sequenceDiagram|classDiagram(?:-v2)?|stateDiagram(?:-v2)?|erDiagram|journey|gantt|pie|` +
		`quadrantChart|requirementDiagram|gitGraph|C4(?:Context|Container|Component|Dynamic|Deployment)|mindmap|timeline|zenuml|sankey(?:-beta)?|xychart(?:-beta)?|` +
		`block(?:-beta)?|packet(?:-beta)?|kanban|architecture(?:-beta)?|radar-beta|treemap(?:-beta)?)(?:$|[\s:;{])`)
)

func mermaidIn(text string) drawing {
	text = mermaidFront.ReplaceAllString(text, "")
	text = strings.TrimSpace(mermaidComment.ReplaceAllString(text, ""))
	keyword := mermaidKeyword.FindString(text)
	if keyword == "" {
		return noDrawing(ReasonInvalid, "does not begin with the name of a Mermaid diagram (graph, flowchart, sequenceDiagram, …)")
	}
	_, body, _ := strings.Cut(strings.ReplaceAll(text, ";", "\n"), "\n")
	if strings.TrimSpace(body) == "" {
		return noDrawing(ReasonEmpty, "draws nothing")
	}
	return drawing{form: "Mermaid", text: true, labels: body}
}

var (
	plantumlStart   = regexp.MustCompile(`(?m)^[ \t]*@start([a-z0-9]+)\b.*$`)
	plantumlEnd     = regexp.MustCompile(`(?m)^[ \t]*@end([a-z0-9]+)\b`)
	plantumlComment = regexp.MustCompile(`(?m)^[ \t]*'.*$`)
	plantumlSetting = regexp.MustCompile(`(?m)^[ \t]*(?:!|skinparam\b|title\b|scale\b|hide\b).*$`)
)

func plantumlIn(text string, inBlock bool) drawing {
	text = plantumlComment.ReplaceAllString(text, "")
	start, end := plantumlStart.FindStringIndex(text), plantumlEnd.FindStringIndex(text)
	switch {
	case start == nil && !inBlock:
		return noDrawing(ReasonInvalid, "has no @startuml")
	case start != nil && (end == nil || end[0] < start[1]):
		return noDrawing(ReasonTruncated, "has no @enduml behind its @startuml")
	case start != nil:
		text = text[start[1]:end[0]]
	}
	if strings.TrimSpace(plantumlSetting.ReplaceAllString(text, "")) == "" {
		return noDrawing(ReasonEmpty, "draws nothing")
	}
	return drawing{form: "PlantUML", text: true, labels: text}
}

var (
	graphvizComment = regexp.MustCompile(`(?s)/\*.*?\*/|(?m-s:^[ \t]*(?://|#).*$)`)
	graphvizStart   = regexp.MustCompile(`(?i)\A\s*(?:strict\s+)?(?:di)?graph\b[^{]{0,200}\{`)
)

func graphvizIn(text string) drawing {
	text = graphvizComment.ReplaceAllString(text, "")
	start := graphvizStart.FindStringIndex(text)
	if start == nil {
		return noDrawing(ReasonInvalid, "does not begin with graph or digraph")
	}
	body := strings.TrimSpace(text[start[1]:])
	inside, closed := strings.CutSuffix(body, "}")
	switch {
	case !closed:
		return noDrawing(ReasonTruncated, "does not end with the brace that closes its graph")
	case strings.TrimSpace(inside) == "":
		return noDrawing(ReasonEmpty, "draws nothing")
	}
	return drawing{form: "Graphviz", text: true, labels: inside}
}

// documentDrawing sees whether a document holds a diagram. What it shows as an image is left to the caller.
func documentDrawing(_ context.Context, data []byte) (drawing, error) {
	if len(data) > maxDocument {
		return noDrawing(ReasonInvalid, "is larger than 1 MiB"), nil
	}
	m, err := parseMarkdown(data)
	if err != nil {
		return noDrawing(ReasonInvalid, "is no Markdown: "+err.Error()), nil
	}
	var broken *drawing
	whole := drawing{text: true}
	for _, s := range m.sections {
		for _, b := range s.blocks {
			if b.form != codeBlock || !isDiagramLanguage(b.language) {
				continue
			}
			d := drawingIn(b.language, b.text, true)
			if d.reason != ReasonNone {
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
		broken.fault = "holds a code block that is no diagram: it " + broken.fault
		return *broken, nil
	}
	return drawing{reason: ReasonMissing, fault: "holds no diagram: neither a code block in mermaid, plantuml or dot nor an image that is one", prose: true, images: m.images}, nil
}
