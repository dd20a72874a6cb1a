// Package selection resolves the names of items, categories and gates that a command or a request asks for, and decides whether what
// they name is ready.
package selection

import (
	"github.com/thenexusengine/catalyst_exporter/checklist"
	"github.com/thenexusengine/catalyst_exporter/collector"
	"github.com/thenexusengine/catalyst_exporter/exporter/usage"
)

// Decide judges the gate if one is given, else the selected items if the selection is limited, else the readiness of the deployment.
func Decide(r *collector.Report, sel collector.Selection, gate *checklist.Gate, optional bool) checklist.Answer {
	switch {
	case gate != nil:
		return gate.Answer(r.Verdicts, optional)
	case !sel.All():
		return checklist.ReadyAll(r.Verdicts, optional || len(sel.Items) > 0) // an item that is selected by name always counts
	case optional:
		return checklist.ReadyStanding(r.Verdicts, true)
	}
	return r.Ready()
}

// Of resolves the names of categories and items.
func Of(list *checklist.Checklist, categories, items []string) (collector.Selection, error) {
	var sel collector.Selection
	var names []string
	for _, cat := range list.Categories {
		names = append(names, cat.Name)
	}
	for _, name := range categories {
		found := false
		for _, cat := range names {
			found = found || cat == name
		}
		if !found {
			return sel, usage.Errorf("unknown category %q%s", name, usage.Near(name, names))
		}
		sel.Categories = append(sel.Categories, name)
	}
	for _, name := range items {
		it, err := Item(list, name)
		if err != nil {
			return sel, err
		}
		sel.Items = append(sel.Items, it)
	}
	return sel, nil
}

// Item resolves the name of one item.
func Item(list *checklist.Checklist, name string) (*checklist.Item, error) {
	found := list.Find(name)
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		names := list.Names()
		for _, it := range list.Items() {
			names = append(names, it.Name)
		}
		return nil, usage.Errorf("unknown item %q%s; run catalyst_exporter list for all items", name, usage.Near(name, names))
	}
	return nil, usage.Errorf("item %q is in several categories; use category/item", name)
}

// Gates returns the names of all gates.
func Gates(list *checklist.Checklist) []string {
	var names []string
	for _, g := range list.Gates {
		names = append(names, g.Name)
	}
	return names
}
