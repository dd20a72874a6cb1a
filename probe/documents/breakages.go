package documents

import (
	"context"
	"regexp"
	"slices"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/deployment/find"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/edit"
	"github.com/thenexusengine/catalyst_exporter/probe/markdown"
)

// Ways to break the documents.

const (
	conflictText = "\n<<<<<<< HEAD\nours\n=======\ntheirs\n>>>>>>> other\n"
	pageText     = "<!DOCTYPE html>\n<html><body>Sign in</body></html>\n"
)

// unreadable returns the breakages of any Markdown document: gone, empty, a page saved in its place, in conflict.
func unreadable(path string) []probe.Breakage {
	return append(probe.WholeFile(path),
		probe.Breakage{Name: "replaced by a web page", File: path, Edit: edit.Content(pageText)},
		probe.Breakage{Name: "a merge conflict left open", File: path, Edit: edit.Append(conflictText)})
}

func isHeading(line string) bool { return strings.HasPrefix(line, "#") }

// headingsOnly leaves the outline of a document.
func headingsOnly(content []byte) []byte {
	return edit.Lines(func(_ int, line string) (string, bool) { return line, isHeading(line) || strings.TrimSpace(line) == "" })(content)
}

// asTemplate replaces every paragraph, list item and row by TBD.
func asTemplate(content []byte) []byte {
	return edit.Lines(func(_ int, line string) (string, bool) {
		if isHeading(line) || strings.TrimSpace(line) == "" {
			return line, true
		}
		return "TBD", true
	})(content)
}

// breakages of a document: unreadable, an outline, a template, and without an objective or its steps.
func (d *document) breakages(view *deployment.View) []probe.Breakage {
	p := probe.Reading(view)
	place, _ := d.place(p)
	path := place.Path()
	m, err := markdown.Read(p, path)
	if path == "" || err != nil {
		return nil
	}
	all := append(unreadable(path),
		probe.Breakage{Name: "headings without text", File: path, Edit: headingsOnly},
		probe.Breakage{Name: "every paragraph replaced by TBD", File: path, Edit: asTemplate})
	for _, names := range d.Objectives {
		all = append(all, probe.Breakage{Name: names[0] + ": dropped", File: path, Edit: withoutLines(names)})
	}
	if d.Procedures > 0 && len(m.Sections) > 0 {
		all = append(all, probe.Breakage{Name: "steps and commands dropped", File: path, Edit: withoutSteps})
	}
	return all
}

// withoutLines drops the lines that contain one of the names.
func withoutLines(names []string) edit.Edit {
	var quoted []string
	for _, name := range names {
		quoted = append(quoted, regexp.QuoteMeta(name))
	}
	named := regexp.MustCompile(`(?i)` + strings.Join(quoted, "|"))
	return edit.Lines(func(_ int, line string) (string, bool) { return line, !named.MatchString(line) })
}

// withoutSteps drops code, and what starts like a step of a list or a row of a table.
func withoutSteps(content []byte) []byte {
	inCode := false
	return edit.Lines(func(_ int, line string) (string, bool) {
		text := strings.TrimSpace(line)
		if strings.HasPrefix(text, "```") || strings.HasPrefix(text, "~~~") {
			inCode = !inCode
			return "", false
		}
		step := text != "" && (strings.ContainsRune("0123456789-*+|", rune(text[0])) || strings.HasPrefix(line, "    "))
		return strings.ReplaceAll(line, "`", ""), !inCode && !step
	})(content)
}

// breakages of the changelog: unreadable, and a newest entry without a date, with another one's or without changes.
func (c *changelog) breakages(view *deployment.View) []probe.Breakage {
	path := view.Place(find.FactChangelog).Path()
	m, err := markdown.Read(probe.Reading(view), path)
	if path == "" || err != nil {
		return nil
	}
	all := append(unreadable(path), probe.Breakage{Name: "headings without text", File: path, Edit: headingsOnly})
	entries := entriesOf(m).entries
	if len(entries) == 0 {
		return all
	}
	newest := entries[0]
	heading := func(text string) edit.Edit {
		return edit.Lines(func(n int, line string) (string, bool) {
			if n == newest.line {
				return text, true
			}
			return line, true
		})
	}
	version := newest.version
	return append(all,
		probe.Breakage{Name: version + ": date removed", File: path, Edit: heading("## [" + version + "]")},
		probe.Breakage{Name: version + ": date replaced by a word", File: path, Edit: heading("## [" + version + "] - soon")},
		probe.Breakage{Name: version + ": date in the future", File: path, Edit: heading("## [" + version + "] - 2999-01-01")})
}

// breakages of the contacts: the document unreadable, the table gone, and each cell that somebody is called by.
func (c *contacts) breakages(view *deployment.View) (all []probe.Breakage) {
	if len(c.Roles) > 0 {
		return nil
	}
	p := probe.Reading(view)
	for _, fact := range []string{find.FactChecklist, find.FactRunbook, find.FactRecovery} {
		path := view.Place(fact).Path()
		m, err := markdown.Read(p, path)
		if path == "" || err != nil {
			continue
		}
		for _, t := range m.Tables {
			role, contact, escalation := columnOf(t.Header, "role", "team", "function"), columnOf(t.Header, "contact", "phone", "reach"), columnOf(t.Header, "escalat")
			if role < 0 || contact < 0 || escalation < 0 || len(t.Rows) == 0 {
				continue
			}
			return breakTable(path, t, role, contact, escalation)
		}
	}
	return nil
}

func breakTable(path string, t markdown.Table, role, contact, escalation int) (all []probe.Breakage) {
	first, last := t.Line, t.Rows[len(t.Rows)-1].Line
	all = append(all, probe.WholeFile(path)...)
	all = append(all, probe.Breakage{Name: "the table of contacts removed", File: path, Edit: edit.DropLines(first, last)},
		probe.Breakage{Name: "every row of the table of contacts removed", File: path, Edit: edit.DropLines(t.Rows[0].Line, last)})
	for _, row := range t.Rows {
		if role >= len(row.Cells) || strings.TrimSpace(row.Cells[role]) == "" {
			continue
		}
		name := strings.TrimSpace(row.Cells[role])
		for what, column := range map[string]int{"contact": contact, "escalation": escalation} {
			if column < len(row.Cells) && strings.Trim(row.Cells[column], " -") != "" {
				all = append(all, probe.Breakage{Name: name + ": " + what + " emptied", File: path, Edit: setCell(row.Line, column, "")},
					probe.Breakage{Name: name + ": " + what + " replaced by TBD", File: path, Edit: setCell(row.Line, column, "TBD")})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b probe.Breakage) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// setCell replaces a cell of a table's row.
func setCell(line, column int, text string) edit.Edit {
	return edit.Lines(func(n int, row string) (string, bool) {
		if n != line {
			return row, true
		}
		cells, at := strings.Split(row, "|"), column
		if strings.HasPrefix(strings.TrimSpace(row), "|") {
			at++
		}
		if at < len(cells) {
			cells[at] = " " + text + " "
		}
		return strings.Join(cells, "|"), true
	})
}

// breakages of diagrams: unreadable, and each service missing in a readable one. With several files another one may stand in.
func (d *diagram) breakages(view *deployment.View) []probe.Breakage {
	p := probe.Reading(view)
	var paths []string
	readable := false
	for _, path := range view.Place(find.FactDiagrams).Paths {
		if c := parseDiagram(context.Background(), p, path, 0); c.err == nil && c.reason == probe.ReasonNone {
			paths, readable = append(paths, path), c.text
		}
	}
	if len(paths) != 1 {
		return nil
	}
	path := paths[0]
	all := append(probe.WholeFile(path), probe.Breakage{Name: "replaced by a web page", File: path, Edit: edit.Content(pageText)})
	c, err := view.Compose()
	if err != nil || !readable {
		return all
	}
	for _, name := range c.Services() {
		if !slices.Contains(d.Ignore, name) {
			word := regexp.MustCompile(`(?i)\b` + regexp.QuoteMeta(name) + `\b`)
			all = append(all, probe.Breakage{Name: name + ": not named any more", File: path, Edit: func(content []byte) []byte {
				return word.ReplaceAll(content, []byte("box"))
			}})
		}
	}
	return all
}
