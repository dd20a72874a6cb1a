package documents

import (
	"slices"
	"strings"
)

// Diagrams that only say that they will be drawn later. One label of a system makes a diagram, however unfinished.

const unfinishedDrawing = "only announces a diagram (TODO, TBD, coming soon)"

// laterWords say that something does not exist yet, in several languages.
func laterWords() []string {
	return []string{
		"todo", "tbd", "tba", "tbc", "fixme", "wip", "xxx", "placeholder", "ipsum", "soon", "construction", "progress", "later",
		"insert", "untitled", "unfinished", "missing", "demnächst", "bald", "folgt", "später", "fehlt", "entwurf", "bientôt",
		"faire", "compléter", "venir", "pendiente", "próximamente", "hacer", "fare", "definire", "fazer", "breve",
	}
}

// fillerWords stand around them, or are words of a diagram language.
func fillerWords() []string {
	return []string{
		"add", "added", "architecture", "architectural", "available", "be", "coming", "completed", "defined", "determined", "diagram",
		"diagrams", "documented", "done", "draft", "draw", "drawn", "follow", "follows", "goes", "here", "image", "lorem", "not", "our",
		"overview", "page", "picture", "please", "see", "system", "the", "this", "under", "will", "work", "yet", "your",
		"architektur", "diagramm", "hier", "kommt", "noch", "wird", "ergänzt", "das", "der", "die", "schéma", "diagramme", "par", "por",
		"graph", "flowchart", "subgraph", "end", "direction", "node", "start", "label", "shape", "box", "rect", "rectangle", "component",
		"participant", "actor", "note", "over", "left", "right", "class", "state", "style", "fill", "color", "rankdir", "edge",
		"database", "cloud", "package", "sequencediagram", "title", "nbsp", "fontname", "fontsize",
	}
}

// isUnfinished reports whether the labels of a diagram only say that it does not exist yet.
func isUnfinished(labels string) bool {
	later := false
	for _, word := range strings.Fields(foldName(labels)) {
		switch {
		case slices.Contains(laterWords(), word):
			later = true
		case len(word) <= 2, strings.Trim(word, "0123456789") == "", slices.Contains(fillerWords(), strings.TrimRight(word, "0123456789")):
		default:
			return false
		}
	}
	return later
}
