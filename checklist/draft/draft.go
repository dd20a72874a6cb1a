// Package draft proposes a checklist for a team's own Markdown list: for each line the probes that its words mean, with the
// parameters that the deployment's files have, or an attestation.
package draft

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/thenexusengine/catalyst_exporter/checklist"
	"github.com/thenexusengine/catalyst_exporter/checklist/outline"
	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
	"github.com/thenexusengine/catalyst_exporter/probe/markdown"
	"github.com/thenexusengine/catalyst_exporter/schema"
)

// MaxLines is the largest number of lines that a drafted checklist may have: its YAML must stay below the loader's limit.
const MaxLines = 1000

// Draft is a proposed checklist.
type Draft struct {
	File     string // name of the document
	Title    string
	Items    []Item // in order
	Repeated int    // lines left out: the same words under the same heading
	Masked   int    // titles with what looks like a secret
}

// Item is one line with its proposal.
type Item struct {
	Line                    int
	Category, CategoryTitle string
	Name, Title, Fix        string
	Rule                    string // of the table; "" for an attestation
	Check                   string // why a person must check the proposal; "" when the deployment confirms it
	Probes                  []*schema.Node
}

// Counts returns how many items are confirmed by the deployment, proposed by words alone, and left to people.
func (d *Draft) Counts() (confirmed, byWords, attested int) {
	for i := range d.Items {
		switch it := &d.Items[i]; {
		case it.Rule == "":
			attested++
		case it.Check != "":
			byWords++
		default:
			confirmed++
		}
	}
	return confirmed, byWords, attested
}

// New drafts a checklist. The error names a document without lines, or with too many.
func New(file string, data []byte, t *Table, facts Facts) (*Draft, error) {
	o, err := outline.Read(data)
	if err != nil {
		return nil, err
	}
	lines := o.Items()
	switch {
	case len(lines) == 0:
		return nil, fmt.Errorf("no checklist found: no boxes (- [ ]), no table with a column for the status, no list under a heading")
	case len(lines) > MaxLines:
		return nil, fmt.Errorf("%d lines: more than %d. Split the document", len(lines), MaxLines)
	}
	d := &Draft{File: file, Title: titleOf(o, file)}
	names, seen := namer{}, map[[2]string]bool{}
	for i := range lines {
		l := &lines[i]
		if same := [2]string{l.Section, l.Text}; seen[same] {
			d.Repeated++
			continue
		} else {
			seen[same] = true
		}
		text := markdown.PlainText(l.Text)
		title, masked := mask(itemTitle(l))
		if masked {
			d.Masked++
		}
		section, _ := mask(l.Section)
		it := Item{Line: l.At, Title: title, Category: slug(section, "checklist"), CategoryTitle: section}
		it.Name = names.unique(it.Category, slug(title, "item"))
		t.propose(&it, markdown.PlainText(l.First), text, strings.TrimSpace(l.Section+" "+l.Group), facts)
		d.Items = append(d.Items, it)
	}
	return d, nil
}

// titleOf returns the first heading of the top level, else the file's name.
func titleOf(o *outline.Outline, file string) string {
	for _, l := range o.Lines {
		if l.Shape == outline.Heading {
			title, _ := mask(l.Text)
			return title
		}
	}
	return file
}

var boldStart = lazyregexp.New(`^(?:\*\*(.+?)\*\*|__(.+?)__)`)

const maxTitle = 300 // bytes

// itemTitle returns the title as `report` reads it: the text in bold that the line starts with, else its first line.
func itemTitle(l *outline.Line) string {
	title := l.First
	if m := boldStart.FindStringSubmatch(title); m != nil {
		title = m[1] + m[2]
	}
	title = strings.TrimRight(markdown.PlainText(title), ":")
	if len(title) > maxTitle {
		title = strings.ToValidUTF8(title[:maxTitle], "") + "…"
	}
	return title
}

var (
	secretAfter = lazyregexp.New(`(?i)\b((?:password|passwd|passphrase|secret|token|api[ _-]?key|passwort|kennwort)\b\s*(?:[:=]|is|ist|lautet)\s*)([^\s,;]*\d[^\s,;]*)`)
	secretInURL = lazyregexp.New(`(://)[^\s/@]+@`)
	longToken   = lazyregexp.New(`[A-Za-z0-9+/_=.-]{16,}`)
	upper       = lazyregexp.New(`[A-Z]`)
	lower       = lazyregexp.New(`[a-z]`)
	digit       = lazyregexp.New(`[0-9]`)
	hexToken    = lazyregexp.New(`^[0-9a-fA-F]{32,}$`)
)

// mask replaces what looks like a secret in a text of the document: the checklist goes into labels, pages and tickets.
func mask(text string) (string, bool) {
	const hidden = "(secret removed)"
	out := secretAfter.ReplaceAllString(text, "${1}"+hidden)
	out = secretInURL.ReplaceAllString(out, "${1}"+hidden+"@")
	out = longToken.ReplaceAllStringFunc(out, func(token string) string {
		if hexToken.MatchString(token) || upper.MatchString(token) && lower.MatchString(token) && digit.MatchString(token) ||
			strings.HasPrefix(token, "AKIA") || len(token) >= 24 && digit.MatchString(token) && !strings.ContainsAny(token, "/.-_") {
			return hidden
		}
		return token
	})
	return out, out != text
}

// propose chooses the probes of an item by the first line of its text. The rest, such as steps and commands, speaks of other
// things as well: it only states parameters.
func (t *Table) propose(it *Item, first, text, heading string, facts Facts) {
	own := factsOfLine(text)
	r, why := t.rule(first, heading)
	if r != nil {
		known := func(fact string) []string {
			if strings.HasPrefix(fact, "line.") {
				return own[fact]
			}
			return facts[fact]
		}
		var best *proposal
		for i := range r.Offers {
			if p := expand(&r.Offers[i], known); p != nil && (best == nil || len(p.lacks) == 0 && len(best.lacks) > 0) {
				best = p
			}
		}
		if best != nil {
			it.Rule, it.Fix, it.Probes = r.Rule, r.Fix, best.probes
			it.Check = why
			if why == byWords && len(best.lacks) > 0 {
				it.Check = "chosen by words alone; not found here: " + strings.Join(t.titles(best.lacks), ", ")
			}
			if best.unfilled {
				it.Check += "; replace catalyst-replace-me"
			}
			return
		}
	}
	it.Fix = "Check it, then run `catalyst_exporter attest " + it.Category + "/" + it.Name + " --by=NAME --valid-for=90d`."
	it.Probes = []*schema.Node{mapping("attestation", mapping())}
}

// titles returns the facts as people call them, without duplicates.
func (t *Table) titles(facts []string) []string {
	var all []string
	for _, fact := range facts {
		title := fact
		if i := slices.IndexFunc(t.Facts, func(f FactRule) bool { return f.Fact == fact }); i >= 0 {
			title = t.Facts[i].Title
		}
		if !slices.Contains(all, title) {
			all = append(all, title)
		}
	}
	return all
}

// proposal are probes with their parameters, and the facts that were not known.
type proposal struct {
	probes   []*schema.Node
	lacks    []string
	unfilled bool // a parameter is a placeholder, see words.yaml
}

// expand puts facts into an offer; nil when a parameter has neither a fact nor a default.
func expand(o *Offer, known func(string) []string) *proposal {
	p := &proposal{}
	for _, fact := range o.Needs {
		if len(known(fact)) == 0 {
			p.lacks = append(p.lacks, fact)
		}
	}
	each := []string{""}
	if o.Each != "" {
		if each = known(o.Each); len(each) == 0 {
			return nil
		}
	}
	for _, value := range each {
		for _, n := range o.Probes {
			e := expander{p: p, known: func(fact string) []string {
				if fact == "each" {
					return []string{value}
				}
				return known(fact)
			}}
			out := e.node(n)
			if e.failed {
				return nil
			}
			p.probes = append(p.probes, out...)
		}
	}
	return p
}

var (
	placeholder = lazyregexp.New(`@\{([^{}]+)\}`)
	wholeNumber = lazyregexp.New(`^(?:0|[1-9][0-9]*)(?:\.[0-9]+)?$`)
)

type expander struct {
	p      *proposal
	known  func(string) []string
	failed bool
}

// node returns the copies of a node; several for an entry of a list that stands for all values of a fact.
func (e *expander) node(n *schema.Node) []*schema.Node {
	out := *n
	out.Content = nil
	for _, inner := range n.Content {
		out.Content = append(out.Content, e.node(inner)...)
	}
	if n.Kind != yaml.ScalarNode || !placeholder.MatchString(n.Value) {
		return []*schema.Node{&out}
	}
	values := []string{""}
	if inner, all := strings.CutSuffix(n.Value, "...}"); all && strings.HasPrefix(inner, "@{") {
		values = e.values(inner[2:])
	} else {
		values[0] = placeholder.ReplaceAllStringFunc(n.Value, func(found string) string {
			if found := e.values(found[2 : len(found)-1]); len(found) > 0 {
				return found[0]
			}
			return ""
		})
	}
	var nodes []*schema.Node
	for _, value := range values {
		c := out
		c.Value, c.Style, c.Tag = value, 0, "!!str"
		if wholeNumber.MatchString(value) {
			c.Tag = "" // a number as it is written
		}
		nodes = append(nodes, &c)
	}
	return nodes
}

// values returns the values of the first known fact of a list such as line.path|health_path|=/health.
func (e *expander) values(names string) []string {
	var lacks []string
	for name := range strings.SplitSeq(names, "|") {
		if fallback, ok := strings.CutPrefix(name, "="); ok {
			e.p.lacks = append(e.p.lacks, lacks...)
			e.p.unfilled = e.p.unfilled || checklist.IsPlaceholder(fallback)
			return []string{fallback}
		}
		name, lowered := strings.CutPrefix(name, "lower:")
		if found := e.known(name); len(found) > 0 {
			if lowered {
				return []string{strings.ToLower(found[0])}
			}
			return found
		}
		if !strings.HasPrefix(name, "line.") {
			lacks = append(lacks, name)
		}
	}
	e.failed = true
	return nil
}

func mapping(content ...any) *schema.Node {
	n := &schema.Node{Kind: yaml.MappingNode, Tag: "!!map"}
	for _, c := range content {
		switch c := c.(type) {
		case string:
			n.Content = append(n.Content, &schema.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: c})
		case *schema.Node:
			n.Content = append(n.Content, c)
		}
	}
	return n
}
