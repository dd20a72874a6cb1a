package dashboards

// Constructors of panels by type.

// builder lays out panels from left to right and from top to bottom, and numbers them.
type builder struct {
	panels  []panel
	x, y, h int // position of the next panel; height of its line
}

// row starts a section.
func (b *builder) row(title string) {
	b.newLine()
	b.panels = append(b.panels, panel{
		ID: len(b.panels) + 1, Type: "row", Title: title, Collapsed: new(bool), GridPos: gridPos{H: 1, W: 24, X: 0, Y: b.y},
	})
	b.y++
}

// add places a panel of the given size to the right of the last one, or below it where it does not fit.
func (b *builder) add(w, h int, p panel) {
	if b.x+w > 24 {
		b.newLine()
	}
	p.ID = len(b.panels) + 1
	p.GridPos = gridPos{H: h, W: w, X: b.x, Y: b.y}
	p.Datasource = &datasource{"prometheus", "${datasource}"}
	b.panels = append(b.panels, p)
	b.x += w
	b.h = max(b.h, h)
}

func (b *builder) newLine() {
	b.y += b.h
	b.x, b.h = 0, 0
}

func ask(refID, expr, legend, format string, instant bool) target {
	return target{
		Datasource: datasource{"prometheus", "${datasource}"}, RefID: refID, Expr: expr, LegendFormat: legend,
		Instant: instant, Range: !instant, Format: format, EditorMode: "code",
	}
}

// now is an instant query for a panel with a value per series.
func now(refID, expr, legend string) target { return ask(refID, expr, legend, "time_series", true) }

// rows is an instant query for a table.
func rows(refID, expr string) target { return ask(refID, expr, "", "table", true) }

// over is a query over the dashboard's time range.
func over(refID, expr, legend string) target { return ask(refID, expr, legend, "time_series", false) }

func byThresholds() map[string]any { return map[string]any{"mode": "thresholds"} }

func fixed(colour string) map[string]any {
	return map[string]any{"mode": "fixed", "fixedColor": colour}
}

// stat shows one coloured tile per series.
func stat(title, description string, defaults fieldDefaults, targets ...target) panel {
	defaults.NoValue = noData
	defaults.Color = byThresholds()
	if defaults.Unit == "" {
		defaults.Unit = "none"
	}
	return panel{
		Type: "stat", Title: title, Description: description, Targets: targets,
		FieldConfig: &fieldConfig{Defaults: defaults, Overrides: []override{}},
		Options: map[string]any{
			"colorMode": "background", "graphMode": "none", "justifyMode": "center", "orientation": "auto", "textMode": "auto",
			"reduceOptions": map[string]any{"calcs": []string{"last"}, "fields": "", "values": false},
			"text":          map[string]any{},
		},
	}
}

// verdict is a stat whose values are states.
func verdict(title, description string, of []state, targets ...target) panel {
	p := stat(title, description, fieldDefaults{Mappings: words(of...), Thresholds: verdictSteps(of)}, targets...)
	p.Options["textMode"] = "value_and_name"
	return p
}

// verdictSteps gives every word a threshold, including the word for 0.
func verdictSteps(of []state) thresholds {
	t := thresholds{Mode: "absolute", Steps: []step{{colourNoData, nil}}}
	for _, s := range of {
		t.Steps = append(t.Steps, step{s.colour, number(float64(s.code))})
	}
	return t
}

// tally is a stat that counts: one colour for none, one for some.
func tally(title, description, none, some, expr string) panel {
	return stat(title, description, fieldDefaults{Mappings: words(), Thresholds: counted(none, some), Decimals: new(int)}, now("A", expr, title))
}

// timeline draws each series as a band of states.
func timeline(title, description string, of []state, targets ...target) panel {
	return panel{
		Type: "state-timeline", Title: title, Description: description, Targets: targets, Interval: "1m",
		FieldConfig: &fieldConfig{
			Defaults: fieldDefaults{
				Unit: "none", NoValue: noData, Color: byThresholds(), Mappings: words(of...), Thresholds: steps(of...),
				Custom: map[string]any{"fillOpacity": 90, "lineWidth": 0, "spanNulls": false},
			},
			Overrides: []override{},
		},
		Options: map[string]any{
			"mergeValues": true, "showValue": "never", "alignValue": "left", "rowHeight": 0.85,
			"legend":  map[string]any{"displayMode": "list", "placement": "bottom", "showLegend": true},
			"tooltip": map[string]any{"mode": "single", "sort": "none"},
		},
	}
}

// lines draws series over time.
func lines(title, description, unit string, targets ...target) panel {
	return panel{
		Type: "timeseries", Title: title, Description: description, Targets: targets,
		FieldConfig: &fieldConfig{
			Defaults: fieldDefaults{
				Unit: unit, NoValue: noData, Color: map[string]any{"mode": "palette-classic"}, Mappings: words(),
				Thresholds: thresholds{Mode: "absolute", Steps: []step{{colourNeutral, nil}}},
				Custom: map[string]any{
					"drawStyle": "line", "lineWidth": 1, "fillOpacity": 0, "showPoints": "auto", "spanNulls": false,
					"lineInterpolation": "linear", "axisPlacement": "auto", "scaleDistribution": map[string]any{"type": "linear"},
				},
			},
			Overrides: []override{},
		},
		Options: map[string]any{
			"legend":  map[string]any{"displayMode": "table", "placement": "right", "showLegend": true, "calcs": []string{"last"}},
			"tooltip": map[string]any{"mode": "multi", "sort": "desc"},
		},
	}
}

// bars shows one bar per series, in query order.
func bars(title, description, unit string, t thresholds, targets ...target) panel {
	return panel{
		Type: "bargauge", Title: title, Description: description, Targets: targets,
		FieldConfig: &fieldConfig{
			Defaults: fieldDefaults{
				Unit: unit, NoValue: noData, Color: byThresholds(), Mappings: words(), Thresholds: t, Min: number(0),
			},
			Overrides: []override{},
		},
		Options: map[string]any{
			"displayMode": "basic", "orientation": "horizontal", "showUnfilled": true, "minVizHeight": 10, "minVizWidth": 0,
			"reduceOptions": map[string]any{"calcs": []string{"last"}, "fields": "", "values": false},
			"text":          map[string]any{},
		},
	}
}

// neutral uses one colour for all values.
func neutral() thresholds {
	return thresholds{Mode: "absolute", Steps: []step{{colourNeutral, nil}}}
}

// table shows a row per combination of labels; transformations merge the queries.
func table(title, description string, overrides []override, transformations []transformation, targets ...target) panel {
	return panel{
		Type: "table", Title: title, Description: description, Targets: targets, Transformations: transformations,
		FieldConfig: &fieldConfig{
			Defaults: fieldDefaults{
				Unit: "none", NoValue: "–", Color: fixed("text"), Mappings: words(), Thresholds: neutral(),
				Custom: map[string]any{"align": "left", "filterable": true},
			},
			Overrides: overrides,
		},
		Options: map[string]any{"showHeader": true, "cellHeight": "sm"},
	}
}

// column sets the display of a table column.
func column(name string, properties ...property) override {
	return override{matcher{"byName", name}, properties}
}

// coloured fills the cells of a column with the colours of its words.
func coloured(of ...state) []property {
	options := map[string]result{}
	for i, s := range of {
		options[s.word] = result{s.word, s.colour, i}
	}
	return append(filled(), property{"mappings", []mapping{nothing(), {"value", options}}})
}

// numbered fills the cells of a column that holds codes of states.
func numbered(of ...state) []property {
	return append(filled(), property{"mappings", words(of...)}, property{"thresholds", steps(of...)}, property{"color", byThresholds()})
}

func filled() []property {
	return []property{
		{"custom.displayMode", "color-background-solid"},
		{"custom.cellOptions", map[string]any{"type": "color-background", "mode": "basic"}},
	}
}

func width(pixels int) property { return property{"custom.width", pixels} }

func links(all ...dataLink) property { return property{"links", all} }

// merged merges several queries into one row per item, worst first by the column, and shows the named columns in order.
func merged(first string, columns ...[2]string) []transformation {
	return []transformation{
		{"merge", map[string]any{}},
		{"sortBy", map[string]any{"fields": map[string]any{}, "sort": []any{map[string]any{"field": first, "desc": true}}}},
		only(columns...),
	}
}

// only shows the named columns ({field, title}) in order and hides all others.
func only(columns ...[2]string) transformation {
	hidden, order, names := map[string]bool{"Time": true}, map[string]int{}, map[string]string{}
	for _, field := range []string{"Value", "Value #A", "Value #B", "Value #C", "Value #D", "Value #E", "Value #F", "__name__", "job", "instance"} {
		hidden[field] = true
	}
	for i, c := range columns {
		delete(hidden, c[0])
		order[c[0]], names[c[0]] = i, c[1]
	}
	return transformation{"organize", map[string]any{"excludeByName": hidden, "indexByName": order, "renameByName": names}}
}
