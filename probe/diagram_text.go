package probe

import "slices"

// isDiagramLanguage knows the languages in which a code block of a document is a diagram.
func isDiagramLanguage(language string) bool {
	return slices.Contains([]string{"mermaid", "plantuml", "puml", "dot", "graphviz"}, language)
}
