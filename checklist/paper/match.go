package paper

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/thenexusengine/catalyst_exporter/checklist"
	"github.com/thenexusengine/catalyst_exporter/schema"
)

// Matching: an explicit id decides; else the title, whatever its case, spaces and punctuation. Of several items of one title the one whose
// category the section names is meant; where that does not decide, none is.

// key is what of a title counts.
func key(title string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsLetter(r), unicode.IsDigit(r), strings.ContainsRune("<>≥≤%", r):
			return unicode.ToLower(r)
		}
		return -1
	}, title)
}

// Match finds the item of every entry. Headings that match none are no entries, and neither are remarks in plain lists.
func (d *Document) Match(list *checklist.Checklist) {
	byKey, byName := map[string][]*checklist.Item{}, map[string][]*checklist.Item{}
	titles := map[string]string{}
	for _, cat := range list.Categories {
		titles[cat.Name] = key(cat.Title)
	}
	for _, it := range list.Items() {
		var keys []string
		for _, text := range []string{it.Title, parentheses.ReplaceAllString(it.Title, ""), stepTitle.ReplaceAllString(it.Title, "")} {
			if k := key(text); k != "" && !slices.Contains(keys, k) {
				keys = append(keys, k)
				byKey[k] = append(byKey[k], it)
			}
		}
		byName[key(it.Name)] = append(byName[key(it.Name)], it)
	}
	pick := func(e *Entry, found []*checklist.Item) *checklist.Item {
		if len(found) == 1 {
			return found[0]
		}
		var here []*checklist.Item
		for _, it := range found {
			if section := key(e.section); section == titles[it.Category] || section == key(it.Category) {
				here = append(here, it)
			}
		}
		if len(here) == 1 {
			return here[0]
		}
		if len(found) > 1 {
			e.Trouble = "several items have this title: add <!-- catalyst: category/item --> to its line"
		}
		return nil
	}
	for _, e := range d.Entries {
		if e.id != "" {
			if found := list.Find(e.id); len(found) == 1 {
				e.Item = found[0]
			} else {
				e.Trouble = unknownID(list, e.id)
			}
			continue
		}
		for _, k := range e.keys {
			if e.Item = pick(e, byKey[k]); e.Item != nil {
				break
			}
		}
		if e.Item == nil && e.kind == heading && len(e.keys) > 0 {
			e.Item = pick(e, byName[e.keys[0]])
		}
	}
	d.Entries = slices.DeleteFunc(d.Entries, func(e *Entry) bool {
		return e.Item == nil && e.id == "" && (e.kind == heading || e.kind == bullet && (e.note || !d.plain))
	})
	d.guess(list)
}

func unknownID(list *checklist.Checklist, id string) string {
	text := fmt.Sprintf("the checklist has no item %q", id)
	if near := schema.Nearest(id, list.Names()); near != "" {
		text += fmt.Sprintf(": did you mean %q?", near)
	}
	return text
}

// Unmatched are the entries that no probe covers.
func (d *Document) Unmatched() []*Entry {
	var out []*Entry
	for _, e := range d.Entries {
		if e.Item == nil {
			out = append(out, e)
		}
	}
	return out
}

// Lacking are the items of a checklist that the document does not have.
func (d *Document) Lacking(list *checklist.Checklist) []*checklist.Item {
	return slices.DeleteFunc(list.Items(), func(it *checklist.Item) bool {
		return slices.ContainsFunc(d.Entries, func(e *Entry) bool { return e.Item == it })
	})
}

// alike is the share of words that two titles must have in common for one to be taken for the other renamed. A guess is only told.
const alike = 0.5

// guess finds, for what is not matched, the item that it may be under another name.
func (d *Document) guess(list *checklist.Checklist) {
	lacking := d.Lacking(list)
	for _, e := range d.Unmatched() {
		best := 0.0
		for _, it := range lacking {
			if s := similarity(e.Title, it.Title); s >= alike && s > best {
				best, e.Near = s, it
			}
		}
	}
}

// similarity is the share of words that two texts have in common, 0 to 1.
func similarity(a, b string) float64 {
	x, y := words(a), words(b)
	common := 0
	for _, w := range x {
		if slices.Contains(y, w) {
			common++
		}
	}
	if len(x)+len(y) == common {
		return 0
	}
	return float64(common) / float64(len(x)+len(y)-common)
}

func words(text string) []string {
	all := strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	slices.Sort(all)
	return slices.Compact(all)
}
