package board

import (
	"fmt"
	"html/template"
	"net/url"
	"slices"
	"time"

	"github.com/prometheus/common/version"

	"github.com/thenexusengine/catalyst_exporter/attest"
	"github.com/thenexusengine/catalyst_exporter/checklist"
	"github.com/thenexusengine/catalyst_exporter/collector"
	"github.com/thenexusengine/catalyst_exporter/exporter/history"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// The contents of the board and its links, built only from a report and the query of the request.

// Page is the data of the board's template.
type Page struct {
	Options
	CSS        template.CSS
	Title      string // of the checklist
	Time       time.Time
	Version    string
	Ready      bool
	Count      string // what prevents readiness, in words and numbers
	Aside      string // failing items that do not prevent it
	Since      since  // of Ready
	Failing    []boardLine
	Waiting    []boardGroup // unknown items, grouped by remedy
	Unseen     int          // number of unknown items in Waiting
	Waived     []boardLine
	Gates      []boardGate
	SignOffs   []boardLine
	Releases   []boardRelease
	Mosaic     []boardRow
	Tallies    []Link // the states that there are, worst first
	States     []Link // filters
	Filters    []Link // by category
	Categories []boardCategory
	Shown, All int
	Narrowed   string // active filters, in words
	Everything string // URL of the page without filters
	Again      string // URL of the page that runs what is due
	Still      string // URL of the page that does not refresh itself; "" when it does not
}

// Options is what the page shows and the report does not hold. The zero value is a deployment without a name.
type Options struct {
	Name        string // of the deployment
	Target      string // name of the displayed target; "" for a single deployment
	Targets     []Link // all targets; empty for a single deployment
	Environment string
	Metrics     string        // URL of the deployment's metrics
	History     History       // nil when nothing is known about the past
	Strips      Strips        // likewise
	Past        *history.Past // nil without a state directory
	NoChart     bool          // the configured Prometheus gave no past
	// Checked is when a probe last ran, of a page that started none; zero for one that ran what was due.
	Checked time.Time
}

// Link is a filter link. Count is the number of items on the page it leads to.
type Link struct {
	Text, URL string
	Count     int
	Current   bool
	State     probe.State
}

// boardLine is one item in the page header.
type boardLine struct {
	*checklist.Verdict
	URL string
}

// boardGroup holds the unknown items with the same remedy (a setting or permission) or, without a remedy, the same reason.
type boardGroup struct {
	Remedy string
	Reason probe.Reason
	Items  []boardLine
}

// boardGate is a gate. NoRelease is set when the gate is for a release and there is none: it is then neither open nor
// closed.
type boardGate struct {
	Name             string
	Ready, NoRelease bool
	Failing, Waiting []boardLine
}

type boardRelease struct {
	Phase, Release, By string
	Since              time.Time
}

// boardRow is a category in the mosaic.
type boardRow struct {
	Title string
	Items []boardLine
}

type boardCategory struct {
	Name, Title string
	Ready       bool
	Counts      []Link
	Items       []boardItem
	Passing     []boardItem // collapsed, unless the filter asks for them
	Open        bool
}

type boardItem struct {
	*checklist.Verdict
	Anchor string
	URL    string // permanent
	Since  since
	Strip  strip
	Ends   []boardEnd
	Layers []boardLayer
	// Prerequisites are the items that it needs.
	Prerequisites []Link
}

// boardEnd is when an attestation expires.
type boardEnd struct {
	Role string
	At   time.Time
	Over bool
}

// boardLayer holds the probes of one layer. State is the worst of their states.
type boardLayer struct {
	Layer  probe.Layer
	State  probe.State
	Probes []checklist.Outcome
}

// narrowing holds the filters of the query; "" means no filter.
type narrowing struct{ target, state, category, refresh string }

func (n narrowing) url() string {
	v := url.Values{}
	for key, value := range map[string]string{"target": n.target, "state": n.state, "category": n.category, "refresh": n.refresh} {
		if value != "" {
			v.Set(key, value)
		}
	}
	return "?" + v.Encode()
}

func (n narrowing) shows(v *checklist.Verdict) bool {
	return (n.state == "" || v.State.String() == n.state) && (n.category == "" || v.Category == n.category)
}

func (n narrowing) count(verdicts []checklist.Verdict) (c int) {
	for i := range verdicts {
		if n.shows(&verdicts[i]) {
			c++
		}
	}
	return c
}

// line links to an item: on this page if the filters show it, otherwise on the unfiltered page.
func (n narrowing) line(v *checklist.Verdict) boardLine {
	there := "#" + anchor(v)
	if !n.shows(v) {
		there = n.everything().url() + there
	}
	return boardLine{v, there}
}

// everything is the page without filters.
func (n narrowing) everything() narrowing { return narrowing{target: n.target, refresh: n.refresh} }

func (n narrowing) lines(verdicts []*checklist.Verdict) (all []boardLine) {
	for _, v := range verdicts {
		all = append(all, n.line(v))
	}
	slices.SortStableFunc(all, func(a, b boardLine) int { return weight(a.Severity) - weight(b.Severity) })
	return all
}

// weight orders severities, critical first.
func weight(severity string) int {
	return slices.Index([]string{checklist.Critical, checklist.Warning, checklist.Info}, severity)
}

// New builds the page of a report. The state and category of the query filter the list of items but not what is above it.
func New(r *collector.Report, q url.Values, o Options) Page {
	n := narrowing{target: q.Get("target"), state: q.Get("state"), category: q.Get("category")}
	page := Page{Options: o, CSS: template.CSS(boardCSS), Title: r.Checklist.Name, Time: r.Time, Version: version.Version, //nolint:gosec // the CSS is embedded
		All: len(r.Verdicts)}
	page.Again = n.url()
	if q.Get("refresh") == "0" {
		n.refresh = "0"
	} else {
		still := n
		still.refresh = "0"
		page.Still = still.url()
	}
	page.Everything = n.everything().url()
	ready := r.Ready()
	page.Ready, page.Count, page.Aside = ready.Ready, Count(ready), aside(r.Verdicts, ready)
	page.Since = sinceOf(o.History, "", r.Time)
	page.Failing, page.Waiting, page.Unseen = n.lines(ready.Failing), n.groups(ready.Waiting), len(ready.Waiting)
	for _, phase := range []string{"recorded", "planned"} {
		if release := map[string]*attest.Release{"planned": r.Planned, "recorded": r.Recorded}[phase]; release != nil {
			page.Releases = append(page.Releases, boardRelease{phase, fmt.Sprint(release.Release), release.By, release.Since})
		}
	}
	for _, g := range r.Checklist.Gates {
		a := r.Gate(g)
		page.Gates = append(page.Gates, boardGate{g.Name, a.Ready, lacksRelease(r, a), n.lines(a.Failing), n.lines(a.Waiting)})
	}
	for i := range r.Verdicts {
		v := &r.Verdicts[i]
		if v.Waived {
			page.Waived = append(page.Waived, n.line(v))
		}
		if v.Reason != probe.ReasonNoRelease && slices.ContainsFunc(v.Probes, func(p *checklist.Probe) bool { return p.Kind.Name == "sign_off" }) {
			page.SignOffs = append(page.SignOffs, n.line(v))
		}
	}
	page.narrow(r, n)
	return page
}

// lacksRelease reports whether a gate waits for a release to be planned.
func lacksRelease(r *collector.Report, a checklist.Answer) bool {
	return r.Planned == nil && slices.ContainsFunc(a.Waiting, func(v *checklist.Verdict) bool { return v.Reason == probe.ReasonNoRelease })
}

// groups groups unknown items by remedy or reason, largest group first.
func (n narrowing) groups(waiting []*checklist.Verdict) (groups []boardGroup) {
	for _, v := range waiting {
		g := boardGroup{Reason: v.Reason}
		if len(v.Remedies) > 0 {
			g = boardGroup{Remedy: v.Remedies[0]}
		}
		i := slices.IndexFunc(groups, func(other boardGroup) bool { return other.Remedy == g.Remedy && other.Reason == g.Reason })
		if i < 0 {
			i, groups = len(groups), append(groups, g)
		}
		groups[i].Items = append(groups[i].Items, n.line(v))
	}
	slices.SortStableFunc(groups, func(a, b boardGroup) int { return len(b.Items) - len(a.Items) })
	return groups
}

// narrow fills in the filter links and the items that pass the filters.
func (page *Page) narrow(r *collector.Report, n narrowing) {
	filter := func(text string, to narrowing) Link {
		return Link{Text: text, URL: to.url(), Count: to.count(r.Verdicts), Current: to == n}
	}
	page.States = []Link{filter("all states", narrowing{n.target, "", n.category, n.refresh})}
	for _, st := range probe.States() {
		l := filter(st.String(), narrowing{n.target, st.String(), n.category, n.refresh})
		l.State = st
		page.States = append(page.States, l)
	}
	page.Tallies = tallies(r.Verdicts, n.everything())
	page.Filters = []Link{filter("all categories", narrowing{n.target, n.state, "", n.refresh})}
	if n.state != "" {
		page.Narrowed = " in state " + n.state
	}
	for _, cat := range r.Checklist.Categories {
		page.Filters = append(page.Filters, filter(cat.Title, narrowing{n.target, n.state, cat.Name, n.refresh}))
		if n.category == cat.Name {
			page.Narrowed += " of " + cat.Title
		}
		verdicts := r.Category(cat.Name)
		bc := boardCategory{Name: cat.Name, Title: cat.Title, Ready: checklist.ReadyAll(verdicts, false).Ready}
		for _, st := range probe.States() {
			if c := (narrowing{state: st.String()}).count(verdicts); c > 0 {
				bc.Counts = append(bc.Counts, Link{Text: st.String(), Count: c, State: st})
			}
		}
		row := boardRow{Title: cat.Title}
		for i := range verdicts {
			v := &verdicts[i]
			row.Items = append(row.Items, n.line(v))
			switch it := page.item(v, n); {
			case !n.shows(v):
			case v.State == probe.StatePass:
				bc.Passing = append(bc.Passing, it)
			default:
				bc.Items = append(bc.Items, it)
			}
		}
		if len(row.Items) > 0 {
			page.Mosaic = append(page.Mosaic, row)
		}
		bc.Open = n.state != "" // the filter asks for them
		page.Shown += len(bc.Items) + len(bc.Passing)
		if len(bc.Items)+len(bc.Passing) > 0 {
			page.Categories = append(page.Categories, bc)
		}
	}
}

// tallies counts the items by state, worst first. Each links to these items.
func tallies(verdicts []checklist.Verdict, n narrowing) (all []Link) {
	states := probe.States()
	slices.SortFunc(states, func(a, b probe.State) int { return int(b) - int(a) })
	for _, st := range states {
		n.state = st.String()
		if c := n.count(verdicts); c > 0 {
			all = append(all, Link{Text: n.state, URL: n.url(), Count: c, State: st})
		}
	}
	return all
}

// layers returns all layers in display order: from the declared state to the live state.
func layers() []probe.Layer {
	return []probe.Layer{probe.LayerDeclared, probe.LayerRunning, probe.LayerLive, probe.LayerEvidence, probe.LayerAttested, probe.LayerDerived}
}

func (page *Page) item(v *checklist.Verdict, n narrowing) boardItem {
	it := boardItem{Verdict: v, Anchor: anchor(v), URL: n.everything().url() + "#" + anchor(v),
		Since: sinceOf(page.History, v.ID(), page.Time), Strip: stripOf(page.Strips, v.ID(), v.State, page.Time)}
	for _, needed := range v.Needs {
		url := n.everything().url() + "#" + anchor(&checklist.Verdict{Item: needed})
		it.Prerequisites = append(it.Prerequisites, Link{Text: needed.Title, URL: url})
	}
	for _, l := range layers() {
		layer := boardLayer{Layer: l}
		for _, o := range v.Outcomes {
			if o.Probe.Kind.Layer == l {
				layer.Probes = append(layer.Probes, o)
				layer.State = max(layer.State, o.Result.State)
			}
		}
		if len(layer.Probes) > 0 {
			it.Layers = append(it.Layers, layer)
		}
	}
	for _, o := range v.Outcomes {
		for _, s := range o.Result.Samples {
			if s.Value == probe.AttestationExpiry {
				at := time.Unix(int64(s.Number), 0)
				it.Ends = append(it.Ends, boardEnd{s.Labels[0], at, !page.Time.Before(at)})
			}
		}
	}
	return it
}

// anchor is the HTML id of an item. It is unique on the page: names contain no hyphen, and no other id has one.
func anchor(v *checklist.Verdict) string { return v.Category + "-" + v.Name }
