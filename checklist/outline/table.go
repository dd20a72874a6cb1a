package outline

import (
	"slices"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
	"github.com/thenexusengine/catalyst_exporter/probe/markdown"
)

// A table is a checklist if it has a column for the status, by its header or by its cells. Any order of columns will do.

var (
	statusHeader = lazyregexp.New(`(?i)^(?:status|state|done|ok|ready|complete(?:d)?|checked|result|verified|pass(?:ed)?|pass ?/ ?fail|yes ?/ ?no|y ?/ ?n|implemented|fulfilled|signed off|` +
		`erledigt|fertig|stand|zustand|geprüft|ergebnis|ja ?/ ?nein|abgehakt|umgesetzt|implementiert|erfüllt|bestanden|[✓✔☑✅☐]️?)\W*$`)
	statusCell = lazyregexp.New(`(?i)^(?:\[[ x]?\]|[☐☑☒✅❌✔✓✗✘⬜🔲🟢🟡🔴🟠⏳❓➖⚠]️?|yes|no|y|n|done|open|to ?do|pending|in progress|wip|n/?a|pass(?:ed)?|fail(?:ed)?|ok|missing|partial(?:ly)?|complete[d]?|not started|blocked|` +
		`ja|nein|offen|erledigt|fertig|in arbeit|fehlt|teilweise|entfällt|bestanden)(?:\W.*)?$`)
	itemHeader = lazyregexp.New(`(?i)^(?:items?|checks?|tasks?|requirements?|what|description|questions?|criteri(?:on|a)|controls?|title|checklist items?|to verify|` +
		`prüfpunkte?|prüfung|aufgaben?|anforderung(?:en)?|punkte?|was|beschreibung|fragen?|kriteri(?:um|en)|maßnahmen?|titel)\W*$`)
	areaHeader  = lazyregexp.New(`(?i)^(?:categor(?:y|ies)|area|section|topic|group|domain|bereich|kategorie|thema|gruppe|abschnitt)\W*$`)
	otherHeader = lazyregexp.New(`(?i)^(?:#|no|nr|id|owner|who|assignee|responsible|team|date|due|deadline|prio(?:rity)?|severity|notes?|comments?|remarks?|evidence|links?|` +
		`verantwortlich|wer|zuständig|datum|frist|fällig|priorität|bemerkung(?:en)?|kommentar|nachweis|hinweise?)\W*$`)
)

// columns are the parts of a table, -1 for none.
type columns struct{ status, item, area int }

// table adds the rows of the table that starts at a line; later rows start none.
func (r *reader) table(line int) {
	i := slices.IndexFunc(r.tables, func(t markdown.Table) bool { return t.Line == line })
	if i < 0 || r.tables[i].Quoted {
		return
	}
	t := &r.tables[i]
	c := columnsOf(t)
	if c.status < 0 || c.item < 0 {
		return
	}
	section, area := r.title, ""
	last := t.Line + 1
	if len(t.Rows) > 0 {
		last = t.Rows[len(t.Rows)-1].Line
	}
	for _, row := range t.Rows {
		if text := cell(row, c.area); text != "" {
			area = text
		}
		if r.title = section; area != "" {
			r.title = area
		}
		if text := cell(row, c.item); text != "" {
			r.add(Line{At: row.Line, Shape: Row, Text: text, Column: c.status, Last: last})
		}
	}
	r.title = section
}

func cell(r markdown.Row, column int) string {
	if column < 0 || column >= len(r.Cells) {
		return ""
	}
	return strings.TrimSpace(comment.ReplaceAllString(r.Cells[column], " "))
}

func columnsOf(t *markdown.Table) columns {
	c := columns{-1, -1, -1}
	for i, header := range t.Header {
		header = strings.TrimSpace(header)
		switch {
		case c.status < 0 && statusHeader.MatchString(header):
			c.status = i
		case c.item < 0 && itemHeader.MatchString(header):
			c.item = i
		case c.area < 0 && areaHeader.MatchString(header):
			c.area = i
		}
	}
	if c.status < 0 {
		c.status = slices.IndexFunc(indices(len(t.Header)), func(i int) bool { return i != c.item && isStatus(t, i) })
	}
	if c.item >= 0 {
		return c
	}
	longest := 0
	for i, header := range t.Header {
		length := 0
		for _, row := range t.Rows {
			length += len(cell(row, i))
		}
		if i != c.status && i != c.area && length > longest && !otherHeader.MatchString(strings.TrimSpace(header)) {
			c.item, longest = i, length
		}
	}
	return c
}

// isStatus reports whether a column has a status in a cell, and nothing else in any.
func isStatus(t *markdown.Table, column int) bool {
	some := false
	for _, row := range t.Rows {
		if text := cell(row, column); statusCell.MatchString(text) {
			some = true
		} else if text != "" {
			return false
		}
	}
	return some
}

func indices(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}
