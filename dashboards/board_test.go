// The board as JSON: generated, whole, and made of what Grafana documents.

package dashboards

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write catalyst-readiness.json anew")

func TestBoardIsGenerated(t *testing.T) {
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(readiness()); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile("catalyst-readiness.json", buffer.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if !bytes.Equal(buffer.Bytes(), Readiness()) {
		t.Error("catalyst-readiness.json is not what the code makes: go test ./dashboards -run Board -update")
	}
}

// board decodes what ships.
func board(t testing.TB) dashboard {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(Readiness()))
	decoder.DisallowUnknownFields()
	var d dashboard
	if err := decoder.Decode(&d); err != nil {
		t.Fatal(err)
	}
	return d
}

func TestBoardsNames(t *testing.T) {
	d := board(t)
	if d.UID != "catalyst-readiness" {
		t.Errorf("uid %q: links and provisioning hang on catalyst-readiness", d.UID)
	}
	if !regexp.MustCompile(`^[A-Za-z0-9_-]{1,40}$`).MatchString(d.UID) {
		t.Errorf("uid %q: Grafana takes up to 40 letters, digits, - and _", d.UID)
	}
	var names []string
	for _, v := range d.Templating.List {
		names = append(names, v.Name)
	}
	if want := []string{"datasource", "job", "environment", "deployment", "category", "exporter"}; !slices.Equal(names, want) {
		t.Errorf("variables %q, want %q", names, want)
	}
	for _, v := range d.Templating.List {
		if v.Label == "" || v.Description == "" {
			t.Errorf("variable %s lacks label or description", v.Name)
		}
	}
}

func TestBoardsPanels(t *testing.T) {
	d := board(t)
	ids, titles, covered := map[int]bool{}, map[string]bool{}, map[[2]int]string{}
	for _, p := range d.Panels {
		if ids[p.ID] || p.ID == 0 {
			t.Errorf("panel %q: id %d is not its own", p.Title, p.ID)
		}
		ids[p.ID] = true
		if titles[p.Title] || p.Title == "" {
			t.Errorf("panel %d: title %q is not its own", p.ID, p.Title)
		}
		titles[p.Title] = true
		g := p.GridPos
		if g.W < 1 || g.H < 1 || g.X < 0 || g.Y < 0 || g.X+g.W > 24 {
			t.Errorf("panel %q: outside of the 24 columns: %+v", p.Title, g)
		}
		for x := g.X; x < g.X+g.W; x++ {
			for y := g.Y; y < g.Y+g.H; y++ {
				if other := covered[[2]int{x, y}]; other != "" {
					t.Fatalf("panels %q and %q overlap", p.Title, other)
				}
				covered[[2]int{x, y}] = p.Title
			}
		}
		if p.Type == "row" {
			continue
		}
		if p.Description == "" {
			t.Errorf("panel %q has no description", p.Title)
		}
		if p.FieldConfig == nil || p.FieldConfig.Defaults.Unit == "" {
			t.Errorf("panel %q has no unit", p.Title)
		}
		if len(p.Targets) == 0 {
			t.Errorf("panel %q asks nothing", p.Title)
		}
		refs := map[string]bool{}
		for _, q := range p.Targets {
			if refs[q.RefID] || q.RefID == "" {
				t.Errorf("panel %q: two questions are called %q", p.Title, q.RefID)
			}
			refs[q.RefID] = true
			overTime := p.Type == "timeseries" || p.Type == "state-timeline"
			if q.Instant == overTime || q.Range != overTime {
				t.Errorf("panel %q asks %s for the wrong time: what is current is asked for now, what is a history over a range", p.Title, q.RefID)
			}
			if (p.Type == "table") != (q.Format == "table") {
				t.Errorf("panel %q: format %s", p.Title, q.Format)
			}
		}
	}
}

// TestBoardKnowsNoDatasource: every data source is the variable.
func TestBoardKnowsNoDatasource(t *testing.T) {
	var tree any
	if err := json.Unmarshal(Readiness(), &tree); err != nil {
		t.Fatal(err)
	}
	found := 0
	walk(tree, func(key string, value any) {
		if key != "datasource" {
			return
		}
		found++
		if got := fmt.Sprint(value); got != "map[type:prometheus uid:${datasource}]" {
			t.Errorf("a data source of its own: %v", got)
		}
	})
	if found < 20 {
		t.Errorf("only %d data sources found", found)
	}
}

func walk(tree any, visit func(key string, value any)) {
	switch v := tree.(type) {
	case map[string]any:
		for k, child := range v {
			visit(k, child)
			walk(child, visit)
		}
	case []any:
		for _, child := range v {
			walk(child, visit)
		}
	}
}

// documented are the values Grafana 9 to 13 document for fields the board sets. A field or a panel type that is not listed
// is not written without looking it up first.
func documented() map[string][]string {
	return map[string][]string{
		"panel type":         {"row", "stat", "table", "state-timeline", "timeseries", "bargauge"},
		"unit":               {"none", "s", "bytes", "dateTimeAsIso"},
		"color.mode":         {"thresholds", "fixed", "palette-classic"},
		"mapping type":       {"value", "special"},
		"special":            {"null+nan"},
		"matcher":            {"byName", "byFrameRefID"},
		"property":           {"unit", "links", "mappings", "thresholds", "color", "decimals", "custom.displayMode", "custom.cellOptions", "custom.width", "custom.lineStyle"},
		"transformation":     {"merge", "sortBy", "organize"},
		"calcs":              {"last"},
		"stat options":       {"colorMode", "graphMode", "justifyMode", "orientation", "textMode", "reduceOptions", "text"},
		"bargauge options":   {"displayMode", "orientation", "showUnfilled", "minVizHeight", "minVizWidth", "reduceOptions", "text"},
		"table options":      {"showHeader", "cellHeight"},
		"timeseries options": {"legend", "tooltip"},
		"state-timeline options": {
			"mergeValues", "showValue", "alignValue", "rowHeight", "legend", "tooltip",
		},
		"table custom":          {"align", "filterable"},
		"state-timeline custom": {"fillOpacity", "lineWidth", "spanNulls"},
		"timeseries custom":     {"drawStyle", "lineWidth", "fillOpacity", "showPoints", "spanNulls", "lineInterpolation", "axisPlacement", "scaleDistribution"},
		"variable type":         {"datasource", "query", "textbox"},
		"link icon":             {"external link", "dashboard", "question", "info", "bolt", "doc", "cloud"},
		"format":                {"time_series", "table"},
	}
}

func TestBoardIsDocumented(t *testing.T) {
	known := documented()
	check := func(where, what, value string) {
		if !slices.Contains(known[what], value) {
			t.Errorf("%s: %s %q is not among the documented %q", where, what, value, known[what])
		}
	}
	keys := func(where, what string, m map[string]any) {
		for k := range m {
			check(where, what, k)
		}
	}
	mappings := func(where string, all []mapping) {
		seen := map[string]bool{}
		for _, m := range all {
			check(where, "mapping type", m.Type)
			seen[m.Type] = true
			if options, ok := m.Options.(map[string]any); ok && m.Type == "special" {
				check(where, "special", fmt.Sprint(options["match"]))
			}
		}
		if !seen["special"] {
			t.Errorf("%s: null and NaN are not mapped", where)
		}
	}
	d := board(t)
	if d.SchemaVersion != 36 {
		t.Errorf("schemaVersion %d: Grafana 9.0 writes 36", d.SchemaVersion)
	}
	for _, v := range d.Templating.List {
		check("variable "+v.Name, "variable type", v.Type)
	}
	for _, l := range d.Links {
		check("link "+l.Title, "link icon", l.Icon)
	}
	for _, p := range d.Panels {
		check(p.Title, "panel type", p.Type)
		if p.Type == "row" {
			continue
		}
		f := p.FieldConfig.Defaults
		check(p.Title, "unit", f.Unit)
		check(p.Title, "color.mode", fmt.Sprint(f.Color["mode"]))
		mappings(p.Title, f.Mappings)
		keys(p.Title, p.Type+" options", p.Options)
		keys(p.Title, p.Type+" custom", f.Custom)
		if reduce, ok := p.Options["reduceOptions"].(map[string]any); ok {
			for _, c := range reduce["calcs"].([]any) {
				check(p.Title, "calcs", fmt.Sprint(c))
			}
		}
		for _, q := range p.Targets {
			check(p.Title, "format", q.Format)
		}
		for _, tr := range p.Transformations {
			check(p.Title, "transformation", tr.ID)
		}
		for _, o := range p.FieldConfig.Overrides {
			check(p.Title, "matcher", o.Matcher.ID)
			for _, property := range o.Properties {
				check(p.Title, "property", property.ID)
			}
		}
		if first := f.Thresholds.Steps[0]; first.Value != nil {
			t.Errorf("%s: the first threshold has the value %v, Grafana wants null", p.Title, *first.Value)
		}
		for i, s := range f.Thresholds.Steps[1:] {
			if s.Value == nil || i > 0 && *s.Value <= *f.Thresholds.Steps[i].Value {
				t.Errorf("%s: thresholds do not rise", p.Title)
			}
		}
	}
}

// TestTimelineHasRoom: 75 rows of at least 18 pixels. A unit of height is 30 pixels and 8 between.
func TestTimelineHasRoom(t *testing.T) {
	for _, p := range board(t).Panels {
		if p.Type != "state-timeline" {
			continue
		}
		const heading, legend = 40, 260 // the legend of so many series takes several lines
		if room := (p.GridPos.H*38 - 8 - heading - legend) / 75; room < 18 {
			t.Errorf("%s: %d pixels per row of 75", p.Title, room)
		}
		if p.GridPos.W != 24 {
			t.Errorf("%s: %d columns wide", p.Title, p.GridPos.W)
		}
		if len(p.FieldConfig.Defaults.Thresholds.Steps) != len(states()) {
			t.Errorf("%s: %d thresholds for %d states", p.Title, len(p.FieldConfig.Defaults.Thresholds.Steps), len(states()))
		}
		return
	}
	t.Error("no state timeline")
}

// TestBoardsLinks: every link into the repository leads to a file that exists, and to an anchor in it; one made of an item's
// name stands in the column that holds it, for which the tests of alerts demand a section per item. What else a link is made
// of has a variable.
func TestBoardsLinks(t *testing.T) {
	text := string(Readiness())
	for _, part := range []string{runbookURL + "#${__value.text}", `"url": "${exporter}"`, `"url": "` + runbookURL + `"`, `"http://${__value.text}/"`} {
		if !strings.Contains(text, part) {
			t.Errorf("no link %s", part)
		}
	}
	for _, m := range regexp.MustCompile(`"https://github.com/thenexusengine/catalyst_exporter/blob/main/([^"#]*)#?([^"]*)"`).FindAllStringSubmatch(text, -1) {
		document, err := os.ReadFile("../" + m[1])
		if err != nil {
			t.Error(err)
		}
		if anchor := m[2]; anchor != "" && anchor != "${__value.text}" && !regexp.MustCompile(`(?mi)^#+ `+regexp.QuoteMeta(anchor)+`$`).Match(document) {
			t.Errorf("no section %s in %s", anchor, m[1])
		}
	}
	for _, p := range board(t).Panels {
		if p.FieldConfig == nil {
			continue
		}
		for _, o := range p.FieldConfig.Overrides {
			content, err := json.Marshal(o.Properties)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(content), "#${__value.text}") && (o.Matcher.ID != "byName" || o.Matcher.Options != "Item") {
				t.Errorf("%s: a link to an item's section stands in %v", p.Title, o.Matcher.Options)
			}
		}
	}
	for _, m := range regexp.MustCompile(`\$\{?([a-z]+)\}?`).FindAllStringSubmatch(text, -1) {
		if !slices.ContainsFunc(board(t).Templating.List, func(v variable) bool { return v.Name == m[1] }) && m[1] != "__data" && m[1] != "__value" {
			t.Errorf("no variable %s", m[1])
		}
	}
}
