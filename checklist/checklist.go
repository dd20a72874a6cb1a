// Package checklist says what must hold: the categories and items of a deployment checklist, the probes that tell whether they do, and how
// verdicts add up.
//
// A Checklist is made by Load alone, which finds everything that is wrong with a document at once; so whoever holds one may rely on it.
package checklist

import (
	_ "embed"
	"time"

	"github.com/thenexusengine/catalyst_exporter/probe"
)

// Embedded is the checklist of TNE Catalyst, the default.
//
//go:embed catalyst.yaml
var embedded []byte

// Severities of an item. Critical is the only one that pages.
const (
	Critical = "critical"
	Warning  = "warning"
	Info     = "info"
)

// Scopes of an item.
const (
	Standing = "standing" // must hold every day: decides readiness and drift
	Release  = "release"  // speaks of one release: decides gates
)

// Checklist is a validated checklist.
type Checklist struct {
	Name       string
	Digest     string // SHA-256 of the documents it was loaded from, in hexadecimal
	Categories []*Category
	Gates      []*Gate
}

// Category is a group of items.
type Category struct {
	Name  string // label value
	Title string
	Items []*Item
}

// Item is one line of the checklist.
type Item struct {
	Category string
	Name     string // label value, unique in its category
	Title    string
	Severity string
	Scope    string
	Required bool
	Freeze   Freeze
	Recorded bool   // speaks of the release in force: not asked before one is recorded
	Fix      string // what a person does to make it pass
	Disabled string // why it is switched off; empty when it is not
	Waiver   *Waiver
	Probes   []*Probe
}

// Freeze says when the verdict on a release item is final. The zero value says never.
type Freeze struct {
	AtRecord bool          // when the release is recorded
	After    time.Duration // so long after that; 0: not by time
}

// ID is category/item.
func (it *Item) ID() string { return it.Category + "/" + it.Name }

// Probe is one look of an item: a kind with its parameters. Exactly one of Look and Derived is set.
type Probe struct {
	Name     string // label value, unique in its item
	Kind     probe.Kind
	Look     probe.Probe
	Derived  probe.Derived
	MaxAge   time.Duration
	MaxStale time.Duration
	Timeout  time.Duration
	Disabled string // why it is switched off; empty when it is not
	Settings string // the parameters as written, in YAML; empty where there are none
	Digest   string // of the kind and its parameters: equal digests look at the same thing in the same way
}

// Gate is a point that a release passes when all its required items hold.
type Gate struct {
	Name  string
	Items []*Item
}

// Items lists all items in order.
func (c *Checklist) Items() []*Item {
	var items []*Item
	for _, cat := range c.Categories {
		items = append(items, cat.Items...)
	}
	return items
}

// Find returns the items that a person means by name: "item" or "category/item".
func (c *Checklist) Find(name string) []*Item {
	var found []*Item
	for _, it := range c.Items() {
		if it.Name == name || it.ID() == name {
			found = append(found, it)
		}
	}
	return found
}

// Names lists category/item of all items, for suggestions.
func (c *Checklist) Names() []string {
	var names []string
	for _, it := range c.Items() {
		names = append(names, it.ID())
	}
	return names
}

// Gate returns the gate of that name, or nil.
func (c *Checklist) Gate(name string) *Gate {
	for _, g := range c.Gates {
		if g.Name == name {
			return g
		}
	}
	return nil
}

// Waiver lets an item be as it is until it expires.
type Waiver struct {
	Item    string
	Reason  string
	By      string
	Expires time.Time
}

// Active reports whether the waiver still counts.
func (w *Waiver) Active(now time.Time) bool { return w != nil && now.Before(w.Expires) }
