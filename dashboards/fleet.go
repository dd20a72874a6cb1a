package dashboards

import "fmt"

// The dashboard of all deployments.

const (
	fleetURL     = "/d/catalyst-fleet"
	readinessURL = "/d/catalyst-readiness?var-deployment=${__data.fields.Deployment}&var-environment=${__data.fields.Environment}"

	// whereFleet selects by the variables of this dashboard.
	whereFleet = `job=~"$job",environment=~"$environment"`
)

// fleet returns the dashboard catalyst-fleet.
func fleet() dashboard {
	b := dashboard{
		UID: "catalyst-fleet", Title: "Catalyst: all deployments",
		Description: "Every deployment and its categories, worst first. A deployment that is no longer exported stays on top for a day.",
		Tags:        []string{"catalyst", "readiness"}, Editable: true, GraphTooltip: 1, SchemaVersion: schemaVersion, Version: 1,
		Refresh: "1m", Time: timeRange{"now-24h", "now"},
		Links: []link{
			{Type: "link", Title: "Runbook", URL: runbookURL, Tooltip: "What to do about an alert or an item", Icon: "doc", Tags: []string{}, TargetBlank: true},
		},
		Annotations: annotationSet{[]annotation{}},
		Templating:  templating{shared()},
		Panels:      fleetPanels(),
	}
	b.Inputs, b.Requires = inputs(), requirements(b.Panels)
	return b
}

func fleetPanels() []panel {
	b := &builder{}
	s := states()
	pass, unknown, fail := s[2], s[5], s[6]
	b.row("Fleet")
	b.add(8, 4, tally("ready", "Deployments that are ready.", s[1].colour, pass.colour, fleetCount(`== 1`)))
	b.add(8, 4, tally("not ready", "Deployments that are not ready.", pass.colour, fail.colour, fleetCount(`== 0`)))
	b.add(8, 4, tally("gone", "Deployments of the last day that are not exported now.", pass.colour, unknown.colour,
		`count(`+gone()+`) or 0 * count(catalyst_ready{`+whereFleet+`})`))
	b.row("Worst first")
	b.add(24, 10, deploymentTable())
	b.add(24, 14, matrix())
	b.row("Over time")
	b.add(24, 12, timeline("Ready", "One line per deployment. Gaps are shown as no data and never interpolated.", yesOrNo("not ready", "ready"),
		over("A", `min by (`+byDeployment+`) (catalyst_ready{`+whereFleet+`})`, "{{deployment}} {{environment}}")))
	return b.panels
}

// fleetCount queries how many deployments have a readiness; 0 only while there are deployments. The worst replica counts.
func fleetCount(readiness string) string {
	return `count(min by (` + byDeployment + `) (catalyst_ready{` + whereFleet + `}) ` + readiness + `) or 0 * count(catalyst_ready{` + whereFleet + `})`
}

// gone queries the deployments of the last day that are not exported now.
func gone() string {
	return `group by (` + byDeployment + `) (last_over_time(catalyst_ready{` + whereFleet + `}[1d])) unless on (` + byDeployment + `) catalyst_ready{` + whereFleet + `}`
}

// fleetWorst queries the code of the worst state by the given labels.
func fleetWorst(by string) string {
	arms := ""
	for i, s := range states()[1:] {
		if i > 0 {
			arms += " or "
		}
		arms += fmt.Sprintf(`%d * catalyst_check_state{%s,state="%s"}`, s.code, whereFleet, s.word)
	}
	return fmt.Sprintf(`max by (%s) (%s)`, by, arms)
}

// itemsOf queries the number of items of each deployment in a state; 0 only for a deployment with items.
func itemsOf(s state) string {
	return fmt.Sprintf(`(count by (%[1]s) (%[2]s == %[3]d) or 0 * count by (%[1]s) (catalyst_check_state{%[4]s}))`, byDeployment, fleetWorst(byItem), s.code, whereFleet)
}

// urgency queries a number per deployment by which the tables are sorted: gone, then by failing items, then by unknown
// ones.
func urgency() string {
	s := states()
	return fmt.Sprintf(`1000 * %s + %s or 1000000 * (%s)`, itemsOf(s[6]), itemsOf(s[5]), gone())
}

func deploymentTable() panel {
	s := states()
	warn, pending, unknown, fail := s[3], s[4], s[5], s[6]
	some := func(name string, of state) override {
		return column(name, append(filled(), property{"thresholds", counted("transparent", of.colour)}, property{"color", byThresholds()}, width(110))...)
	}
	ready := append(numbered(yesOrNo("not ready", "ready")...), width(120))
	ready[len(ready)-3] = property{"thresholds", verdictSteps(yesOrNo("not ready", "ready"))} // with a step for 0, "not ready"
	return table("Deployments", "Items by state, worst deployment first. A deployment without data is one that is no longer exported.",
		[]override{
			column("Ready", ready...),
			some("Fail", fail), some("Unknown", unknown), some("Pending", pending), some("Warn", warn),
			column("Deployment", links(dataLink{"Readiness of ${__value.text}", readinessURL, false}), width(260)),
		},
		merged("Value #A", [2]string{"deployment", "Deployment"}, [2]string{"environment", "Environment"}, [2]string{"Value #B", "Ready"},
			[2]string{"Value #C", "Fail"}, [2]string{"Value #D", "Unknown"}, [2]string{"Value #E", "Pending"}, [2]string{"Value #F", "Warn"}),
		rows("A", urgency()),
		rows("B", `min by (`+byDeployment+`) (catalyst_ready{`+whereFleet+`})`),
		rows("C", itemsOf(fail)), rows("D", itemsOf(unknown)), rows("E", itemsOf(pending)), rows("F", itemsOf(warn)))
}

// Columns of the matrix that are no category.
const (
	openColumn = "fail or unknown"
	nameColumn = `of\category` // as the transformation names it
)

// matrix shows the worst state of each category of each deployment.
func matrix() panel {
	by := byDeployment + ", category"
	named := func(expr string) string {
		return `label_join(` + expr + `, "of", " ", "deployment", "environment")`
	}
	open := fmt.Sprintf(`%s + %s`, itemsOf(states()[6]), itemsOf(states()[5]))
	p := table("Categories", "Worst state of each category, the deployment with the most failing and unknown items first.",
		[]override{
			column(openColumn, property{"mappings", []mapping{nothing()}}, property{"thresholds", neutral()},
				property{"custom.displayMode", "auto"}, property{"custom.cellOptions", map[string]any{"type": "auto"}}),
			column(nameColumn, property{"mappings", []mapping{nothing()}}, property{"custom.displayMode", "auto"},
				property{"custom.cellOptions", map[string]any{"type": "auto"}}, width(260)),
		},
		[]transformation{
			{"groupingToMatrix", map[string]any{"columnField": "category", "rowField": "of", "valueField": "Value"}},
			{"sortBy", map[string]any{"fields": map[string]any{}, "sort": []any{map[string]any{"field": openColumn, "desc": true}}}},
		},
		rows("A", named(fleetWorst(by))+` or `+`label_replace(`+named(open)+`, "category", "`+openColumn+`", "", "")`))
	d := &p.FieldConfig.Defaults
	d.Mappings, d.Thresholds, d.Color = words(states()...), steps(states()...), byThresholds()
	for _, f := range filled() {
		d.Custom[f.ID[len("custom."):]] = f.Value
	}
	return p
}
