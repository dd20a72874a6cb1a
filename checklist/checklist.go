// Package checklist defines what must hold: the categories and items of a deployment checklist, their probes, and how
// verdicts combine.
//
// Only Load creates a Checklist, after full validation, so every Checklist is valid.
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

// Severities of an item. Only critical pages.
const (
	Critical = "critical"
	Warning  = "warning"
	Info     = "info"
)

// Scopes of an item.
const (
	Standing = "standing" // must hold at all times: decides readiness and drift
	Release  = "release"  // about one release: decides gates
)

// signOffs is the category whose items cannot be waived.
const signOffs = "sign_off"

// Checklist is a validated checklist.
type Checklist struct {
	Name       string
	Digest     string // SHA-256 of the documents it was loaded from, in hexadecimal
	Categories []*Category
	Gates      []*Gate
	Parametric bool // its probes depend on parameters, and so on the environment

	unused []string // messages about requested waivers without an item
}

// Category is a group of items.
type Category struct {
	Name  string // label value
	Title string
	Items []*Item

	owner string    // of items without an own one
	due   time.Time // likewise
}

// Item is one line of the checklist.
type Item struct {
	Category string
	Name     string // label value, unique in its category
	Title    string
	Severity string
	Owner    string    // the team or person that it belongs to; empty when nobody is named
	Controls []string  // ids of the controls that it is evidence for
	Due      time.Time // the end of its due date: a failure before it does not page; zero for none
	Scope    string
	Required bool
	Freeze   Freeze
	Recorded bool   // about the release in force: runs only once one is recorded
	Fix      string // how to make it pass
	Disabled string // why it is disabled; empty when enabled
	// OptionalReason is why an override makes it optional; empty for none.
	OptionalReason string
	Waiver         *Waiver
	Needs          []*Item // its prerequisites
	Probes         []*Probe
}

// Freeze is when the verdict on a release item becomes final. The zero value is never.
type Freeze struct {
	AtRecord bool          // when the release is recorded
	After    time.Duration // this long after the record; 0: not by time
}

// ID is category/item.
func (it *Item) ID() string { return it.Category + "/" + it.Name }

// Probe is one probe of an item: a kind with its parameters. Exactly one of Look and Derived is set.
type Probe struct {
	Name     string // label value, unique in its item
	Kind     probe.Kind
	Look     probe.Probe
	Derived  probe.Derived
	MaxAge   time.Duration
	MaxStale time.Duration
	Timeout  time.Duration
	// Essential probes carry the claim: while one of them is not checked, the others cannot make the item pass.
	Essential bool
	Disabled  string // why it is disabled; empty when enabled
	Settings  string // the parameters in YAML; empty without any
	Digest    string // of the kind and its parameters: probes with equal digests do the same check
}

// Gate is a point that a release passes when all required items of the gate hold.
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

// Find returns the items with a name, given as "item" or "category/item".
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
