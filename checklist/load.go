package checklist

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"github.com/thenexusengine/catalyst_exporter/attest/waiver"
	"github.com/thenexusengine/catalyst_exporter/kinds"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/schema"
)

// Source is a document to load.
type Source struct {
	File string // for messages
	Data []byte
	// Open reads a file that another one includes, by its path relative to that file, and nothing outside of its folder. Nil
	// refuses includes.
	Open func(from, path string) ([]byte, error)
}

// Changes are a deployment's changes to a checklist.
type Changes struct {
	File      string // for messages
	Overrides map[string]*schema.Node
	Waivers   []*schema.Node
	// Requested are the waivers that people requested with claims; with RequireApproval, only those are in force.
	Requested       []waiver.Waiver
	RequireApproval bool
	// Parameters are the values of the checklist's parameters, and Environment chooses between their defaults.
	Parameters  map[string]*schema.Node
	Environment string
}

// Load builds a checklist from the embedded document or the user's own, and the changes to it. The error is
// schema.Problems: all problems, with lines.
func Load(own *Source, changes Changes) (*Checklist, error) {
	l := &loader{kinds: map[string]probe.Kind{}, digest: sha256.New(), included: map[string]string{}, environment: changes.Environment}
	for _, k := range kinds.All() {
		l.kinds[k.Name] = k
		l.names = append(l.names, k.Name)
	}
	docs := []parsed{}
	if own != nil {
		l.open = own.Open
		p := l.parse(*own)
		docs = append(append(docs, p), l.include(p, nil)...)
	}
	if own == nil || docs[0].doc.Extends == "catalyst" {
		base := l.parse(Source{File: "catalyst.yaml", Data: embedded})
		base.base = true
		docs = append([]parsed{base}, docs...)
	}
	l.declare(docs, changes)
	c := l.build(docs)
	c.Parametric = l.parametric
	l.change(c, changes)
	if err := l.problems.Sorted().Err(); err != nil {
		return nil, err
	}
	c.Digest = hex.EncodeToString(l.digest.Sum(nil))
	return c, nil
}

// parsed is a document and its origin.
type parsed struct {
	file string
	doc  Document
	root *schema.Node
	base bool // the embedded checklist, whose items and gates may be replaced
}

// origin is the position of an item, to decode its probes again for an override and to locate problems.
type origin struct {
	file, path string
	node       *schema.Node
}

type loader struct {
	kinds    map[string]probe.Kind
	names    []string // of the kinds in order
	tags     schema.Tags
	problems schema.Problems
	digest   interface {
		Write([]byte) (int, error)
		Sum([]byte) []byte
	}
	probes map[*Probe]probeOrigin
	needs  []need

	open     func(from, path string) ([]byte, error)
	included map[string]string // where each fragment is included

	environment string
	parameters  map[string]*parameter
	failed      []string // parameters with a value of another type
	parametric  bool     // a probe refers to a parameter
}

type probeOrigin struct {
	origin
	spec *schema.Node
}

func (l *loader) parse(s Source) parsed {
	_, _ = l.digest.Write(s.Data)
	p := parsed{file: s.File}
	root, err := schema.Parse(s.File, s.Data)
	if err != nil {
		l.add(err)
		return p
	}
	p.root = root
	l.problems = append(l.problems, schema.Decode(s.File, root, &p.doc)...)
	return p
}

// add records an error of the schema package.
func (l *loader) add(err error) {
	var ps schema.Problems
	var p schema.Problem
	switch {
	case errors.As(err, &ps):
		l.problems = append(l.problems, ps...)
	case errors.As(err, &p):
		l.problems = append(l.problems, p)
	default:
		l.problems = append(l.problems, schema.Problem{Message: err.Error()})
	}
}

// wrong records a problem at a node.
func (l *loader) wrong(file, path string, at *schema.Node, hint, format string, args ...any) {
	p := schema.Problem{File: file, Path: path, Message: fmt.Sprintf(format, args...), Hint: hint}
	if at != nil {
		p.Line, p.Column = at.Line, at.Column
	}
	l.problems = append(l.problems, p)
}

func (l *loader) build(docs []parsed) *Checklist {
	c := &Checklist{}
	l.probes = map[*Probe]probeOrigin{}
	placed := map[string]string{} // where each item of the team's own files is
	for _, d := range docs {
		c.Name = cmp.Or(d.doc.Checklist, c.Name)
		cats := child(d.root, "categories")
		for i, cd := range d.doc.Categories {
			at := element(cats, i)
			path := fmt.Sprintf("categories[%d]", i)
			cat := c.category(cd)
			if due := l.due(cd.Due, d.file, path, at); !due.IsZero() {
				cat.due = due
			}
			items := child(at, "items")
			for j, id := range cd.Items {
				node := element(items, j)
				o := origin{d.file, fmt.Sprintf("%s.items[%d]", path, j), node}
				name := cd.Category + "/" + id.Item
				if first, again := placed[name]; again {
					l.wrong(o.file, o.path, node, "", "item %q is already in category %q, at %s", id.Item, cd.Category, first)
					continue
				}
				if !d.base {
					placed[name] = position(d.file, node)
				}
				it := l.item(cat.Name, id, o)
				it.Owner, it.Due = cmp.Or(it.Owner, cat.owner), cmp.Or(it.Due, cat.due)
				cat.put(it)
			}
		}
	}
	l.link(c)
	gates := map[string]string{} // where each gate of the team's own files is
	for _, d := range docs {
		l.gates(c, d, gates)
	}
	return c
}

// category returns the category of that name, created when new.
func (c *Checklist) category(cd CategoryDocument) *Category {
	for _, cat := range c.Categories {
		if cat.Name == cd.Category {
			cat.Title, cat.owner = cmp.Or(cd.Title, cat.Title), cmp.Or(cd.Owner, cat.owner)
			return cat
		}
	}
	cat := &Category{Name: cd.Category, Title: cmp.Or(cd.Title, cd.Category), owner: cd.Owner}
	c.Categories = append(c.Categories, cat)
	return cat
}

// put adds an item or replaces the item of the same name.
func (cat *Category) put(it *Item) {
	for i, old := range cat.Items {
		if old.Name == it.Name {
			cat.Items[i] = it
			return
		}
	}
	cat.Items = append(cat.Items, it)
}

func (l *loader) item(category string, d ItemDocument, o origin) *Item {
	it := &Item{Category: category, Name: d.Item, Title: d.Title, Severity: d.Severity, Owner: d.Owner, Scope: d.Scope, Required: true, Fix: d.Fix}
	if it.Severity == "" {
		it.Severity = Warning
	}
	if it.Scope == "" {
		it.Scope = Standing
	}
	if d.Required != nil {
		it.Required = *d.Required
	}
	it.Due, it.Controls = l.due(d.Due, o.file, o.path, o.node), d.Controls
	it.Recorded = d.After == "record"
	switch at := child(o.node, "after"); {
	case it.Recorded && it.Scope != Release:
		l.wrong(o.file, o.path+".after", at, "", "only items of scope release can have after: record")
	case it.Recorded && d.Freeze == "record":
		l.wrong(o.file, o.path+".after", at, "", "after: record contradicts freeze: record, since the verdict would be final before the first run")
	}
	switch {
	case d.Freeze == "":
	case it.Scope != Release:
		l.wrong(o.file, o.path+".freeze", child(o.node, "freeze"), "", "only items of scope release can have freeze")
	case d.Freeze == "record":
		it.Freeze.AtRecord = true
	default:
		after, err := schema.ParseDuration(d.Freeze)
		if err != nil {
			l.wrong(o.file, o.path+".freeze", child(o.node, "freeze"), "", "not a duration")
		}
		it.Freeze.After = after.Std()
	}
	if len(d.Needs) > 0 {
		l.needs = append(l.needs, need{it, d.Needs, o})
	}
	for i, n := range d.Probes {
		po := origin{o.file, fmt.Sprintf("%s.probes[%d]", o.path, i), n}
		pr := l.probe(it.ID(), po)
		if pr == nil {
			continue
		}
		if slices.ContainsFunc(it.Probes, func(other *Probe) bool { return other.Name == pr.Name }) {
			l.wrong(po.file, po.path, n, "", "two probes of this item are named %q: set name", pr.Name)
			continue
		}
		it.Probes = append(it.Probes, pr)
	}
	return it
}

func (l *loader) gates(c *Checklist, d parsed, seen map[string]string) {
	gates := child(d.root, "gates")
	if gates == nil {
		return
	}
	for key, at := range schema.Pairs(gates) { // in the order written
		name := key.Value
		gd, decoded := d.doc.Gates[name]
		if !decoded {
			continue
		}
		path := "gates." + name
		if first, again := seen[name]; again {
			l.wrong(d.file, path, key, "", "gate %q is already at %s", name, first)
			continue
		}
		if !d.base {
			seen[name] = position(d.file, key)
		}
		gate := &Gate{Name: name}
		for _, category := range gd.Categories {
			i := slices.IndexFunc(c.Categories, func(cat *Category) bool { return cat.Name == category })
			if i < 0 {
				l.wrong(d.file, path, at, nearest(category, categoryNames(c)), "unknown category %q", category)
				continue
			}
			gate.Items = append(gate.Items, c.Categories[i].Items...)
		}
		for _, item := range gd.Items {
			if it := l.find(c, item, d.file, path, at); it != nil && !gate.Has(it) {
				gate.Items = append(gate.Items, it)
			}
		}
		if i := slices.IndexFunc(c.Gates, func(g *Gate) bool { return g.Name == name }); i >= 0 {
			c.Gates[i] = gate
		} else {
			c.Gates = append(c.Gates, gate)
		}
	}
}

// find resolves an item's name, and records a problem when it matches none or several.
func (l *loader) find(c *Checklist, name, file, path string, at *schema.Node) *Item {
	found := c.Find(name)
	switch len(found) {
	case 1:
		return found[0]
	case 0:
		candidates := c.Names()
		for _, it := range c.Items() {
			candidates = append(candidates, it.Name)
		}
		l.wrong(file, path, at, nearest(name, candidates), "unknown item %q", name)
	default:
		l.wrong(file, path, at, "", "item %q is in several categories: use category/item", name)
	}
	return nil
}

func categoryNames(c *Checklist) []string {
	var names []string
	for _, cat := range c.Categories {
		names = append(names, cat.Name)
	}
	return names
}

// nearest returns the hint for a misspelt word.
func nearest(word string, candidates []string) string {
	if near := schema.Nearest(word, candidates); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	return ""
}
