// What Grafana documents: the board is made of nothing else.

package dashboards

import (
	"fmt"
	"slices"
	"testing"
)

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
		"transformation":     {"merge", "sortBy", "organize", "groupingToMatrix"},
		"calcs":              {"last"},
		"stat options":       {"colorMode", "graphMode", "justifyMode", "orientation", "textMode", "reduceOptions", "text"},
		"bargauge options":   {"displayMode", "orientation", "showUnfilled", "minVizHeight", "minVizWidth", "reduceOptions", "text"},
		"table options":      {"showHeader", "cellHeight"},
		"timeseries options": {"legend", "tooltip"},
		"state-timeline options": {
			"mergeValues", "showValue", "alignValue", "rowHeight", "legend", "tooltip",
		},
		"table custom":          {"align", "filterable", "displayMode", "cellOptions"},
		"state-timeline custom": {"fillOpacity", "lineWidth", "spanNulls"},
		"timeseries custom":     {"drawStyle", "lineWidth", "fillOpacity", "showPoints", "spanNulls", "lineInterpolation", "axisPlacement", "scaleDistribution"},
		"variable type":         {"datasource", "query", "textbox"},
		"link icon":             {"external link", "dashboard", "question", "info", "bolt", "doc", "cloud"},
		"format":                {"time_series", "table"},
	}
}

func TestBoardIsDocumented(t *testing.T) {
	for _, d := range boards(t) {
		t.Run(d.UID, func(t *testing.T) { isDocumented(t, d) })
	}
}

func isDocumented(t *testing.T, d dashboard) {
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
