package checklist

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/thenexusengine/catalyst_exporter/attest/waiver"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/schema"
)

const (
	mappingNode  = yaml.MappingNode
	sequenceNode = yaml.SequenceNode
)

// change applies a deployment's overrides and waivers.
func (l *loader) change(c *Checklist, changes Changes) {
	names := make([]string, 0, len(changes.Overrides))
	for name := range changes.Overrides {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		node := changes.Overrides[name]
		o := origin{changes.File, "overrides." + name, node}
		it := l.find(c, name, o.file, o.path, node)
		var d Override
		l.problems = append(l.problems, l.tags.DecodeAt(o.file, o.path, node, &d)...)
		if it != nil {
			l.override(it, d, o)
		}
	}
	for i, node := range changes.Waivers {
		o := origin{changes.File, fmt.Sprintf("waivers[%d]", i), node}
		var d WaiverDocument
		problems := l.tags.DecodeAt(o.file, o.path, node, &d)
		l.problems = append(l.problems, problems...)
		if len(problems) > 0 {
			continue
		}
		l.waive(c, d, o)
	}
	for _, it := range c.Items() {
		if it.Waiver != nil && changes.RequireApproval {
			it.Waiver.Problem = "waivers.require_approval is set: run catalyst_exporter waive " + it.Name
		}
	}
	for _, g := range changes.Requested {
		c.request(g)
	}
}

// request adds a requested waiver. One in force replaces any other; requests are sorted, so that the best is the last.
func (c *Checklist) request(g waiver.Waiver) {
	found := c.Find(g.Item)
	switch {
	case len(found) != 1:
		c.unused = append(c.unused, fmt.Sprintf("waiver of %s by %s has no effect: the checklist has %d items of that name", g.Item, g.By, len(found)))
	case !found[0].Waivable():
		c.unused = append(c.unused, fmt.Sprintf("waiver of %s by %s has no effect: a sign-off cannot be waived", g.Item, g.By))
	case found[0].Waiver == nil || g.InForce:
		it := found[0]
		it.Waiver = &Waiver{Item: it.ID(), Reason: g.Waives.Reason, By: g.By, ApprovedBy: g.ApprovedBy, Since: g.Since, Expires: g.Expires,
			Covers: probe.Reason(g.Waives.Covers), Offenders: g.Waives.Offenders, Problem: g.Problem}
	}
}

func (l *loader) override(it *Item, d Override, o origin) {
	if d.Severity != "" {
		it.Severity = d.Severity
	}
	it.Owner, it.Due = cmp.Or(d.Owner, it.Owner), cmp.Or(l.due(d.Due, o.file, o.path, o.node), it.Due)
	if len(d.Controls) > 0 {
		it.Controls = d.Controls
	}
	if d.Required != nil {
		it.Required = *d.Required
	}
	if !it.Required {
		it.OptionalReason = d.Reason
	}
	if d.Enabled != nil && !*d.Enabled {
		it.Disabled = d.Reason
		if d.Reason == "" {
			l.wrong(o.file, o.path, o.node, "", "a disabled item needs a `reason`")
		}
	}
	probes := child(o.node, "probes")
	var names []string
	for _, pr := range it.Probes {
		names = append(names, pr.Name)
		if d.MaxAge != nil {
			l.tune(pr, tuning{maxAge: d.MaxAge}, o)
		}
	}
	changed := make([]string, 0, len(d.Probes))
	for name := range d.Probes {
		changed = append(changed, name)
	}
	slices.Sort(changed)
	for _, name := range changed {
		pd := d.Probes[name]
		po := origin{o.file, o.path + ".probes." + name, child(probes, name)}
		i := slices.Index(names, name)
		if i < 0 {
			l.wrong(po.file, po.path, po.node, nearest(name, names), "item %s has no probe %q", it.ID(), name)
			continue
		}
		pr := it.Probes[i]
		l.tune(pr, tuning{pd.Enabled, pd.Reason, pd.MaxAge, pd.MaxStale, pd.Timeout}, po)
		if pd.Essential != nil {
			pr.Essential = *pd.Essential
		}
		if pd.With != nil {
			was := l.probes[pr]
			l.spec(pr, probeOrigin{origin{po.file, po.path + ".with", pd.With}, merged(was.spec, pd.With)})
		}
	}
}

func (l *loader) waive(c *Checklist, d WaiverDocument, o origin) {
	it := l.find(c, d.Item, o.file, o.path, o.node)
	expires, err := endOfDay(d.Expires)
	if err != nil {
		l.wrong(o.file, o.path+".expires", child(o.node, "expires"), "", "not a valid date")
		return
	}
	var since time.Time
	if d.Since != "" {
		if since, err = time.Parse(time.DateOnly, d.Since); err != nil {
			l.wrong(o.file, o.path+".since", child(o.node, "since"), "", "not a valid date")
			return
		}
	}
	switch {
	case it == nil:
	case !it.Waivable():
		l.wrong(o.file, o.path, o.node, "", "a sign-off cannot be waived")
	case it.Waiver != nil:
		l.wrong(o.file, o.path, o.node, "", "item %s is waived twice", it.ID())
	default:
		it.Waiver = &Waiver{Item: it.ID(), Reason: d.Reason, By: d.By, Since: since, Expires: expires}
		if d.Covers != nil {
			it.Waiver.Covers, it.Waiver.Offenders = d.Covers.Reason, d.Covers.Offenders
		}
	}
}

// merged returns the mapping base, overridden by the keys of top.
func merged(base, top *schema.Node) *schema.Node {
	if base == nil || base.Kind != mappingNode || top.Kind != mappingNode {
		return top
	}
	out := *base
	out.Content = slices.Clone(base.Content)
	for i := 0; i+1 < len(top.Content); i += 2 {
		put := false
		for j := 0; j+1 < len(out.Content); j += 2 {
			if out.Content[j].Value == top.Content[i].Value {
				out.Content[j+1], put = top.Content[i+1], true
			}
		}
		if !put {
			out.Content = append(out.Content, top.Content[i], top.Content[i+1])
		}
	}
	return &out
}

// child returns the value of a key of a mapping, or nil.
func child(n *schema.Node, key string) *schema.Node {
	if n == nil {
		return nil
	}
	if n.Kind == yaml.DocumentNode && len(n.Content) > 0 {
		n = n.Content[0]
	}
	if n.Kind != mappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}

// element returns an element of a sequence, or nil.
func element(n *schema.Node, i int) *schema.Node {
	if n == nil || n.Kind != sequenceNode || i >= len(n.Content) {
		return nil
	}
	return n.Content[i]
}
